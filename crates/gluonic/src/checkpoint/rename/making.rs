//! How a tensor comes about by rules, in words: [`Making`].

use std::fmt;

use indexmap::IndexSet;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::plan::RenamePlan;
use super::recipe::Recipe;
use crate::error::Names;

/// How a tensor is made of those of a file. Prints as `concat of `a`, `b` (axis 0)` or
/// `transposed slice of `c` (axis 1, 0..4)`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Making {
    /// The names of the file's tensors, each once, in the order in which they are used.
    pub sources: Names,
    /// What is done to them.
    pub text: Box<str>,
}

impl RenamePlan {
    /// How the target of that number is made; `None` if it is a source under its own name.
    ///
    /// # Panics
    /// If there is no target of that number.
    pub fn making(&self, target: usize) -> Option<Making> {
        let target = &self.targets()[target];
        let name = |source: usize| &self.sources()[source].name;
        if let Recipe::Source(source) = target.recipe {
            if self.sources()[source].names().any(|own| *own == *target.info.name) {
                return None;
            }
            let text = format!("rename of `{}`", name(source)).into();
            return Some(Making { sources: [name(source).clone()].into(), text });
        }
        let mut sources = IndexSet::new();
        target.recipe.sources(&mut |source| {
            sources.insert(source);
        });
        let text = words(&target.recipe, &|source| name(source)).into();
        let sources = sources.into_iter().map(|source| name(source).clone()).collect();
        Some(Making { sources, text })
    }
}

/// A recipe in words.
fn words<'n>(recipe: &Recipe, name: &impl Fn(usize) -> &'n str) -> String {
    /// The parts that are told of one by one.
    const SHOWN: usize = 8;
    match recipe {
        Recipe::Source(source) => format!("`{}`", name(*source)),
        Recipe::Slice { of, axis, start, len } => {
            format!("slice of {} (axis {axis}, {start}..{})", words(of, name), start + len)
        }
        Recipe::Concat { parts, axis } => {
            let shown = parts.iter().take(SHOWN).map(|part| words(part, name));
            let mut list = shown.collect::<Vec<_>>().join(", ");
            if parts.len() > SHOWN {
                list = format!("{list} and {} more", parts.len() - SHOWN);
            }
            format!("concat of {list} (axis {axis})")
        }
        Recipe::Permute { of, axes } => match axes.as_slice() {
            [1, 0] => format!("transposed {}", words(of, name)),
            axes => format!("permuted {axes:?} {}", words(of, name)),
        },
    }
}

impl fmt::Display for Making {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Making {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("sources", &self.sources)?;
        map.serialize_entry("text", &self.text)?;
        map.end()
    }
}
