//! One way in which a file does not fit a model: [`Problem`].

use std::fmt;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::rename::RenameProblem;
use crate::array::DType;
use crate::cpu::difference::Difference;
use crate::error::{Names, list};
use crate::shape::Shape;

/// One way in which a file does not fit a model.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Problem {
    /// In the model but not in the file.
    Missing {
        /// The parameter's key.
        key: Box<str>,
        /// The file's keys most like it, if this is one of the first ten problems.
        nearest: Box<[Box<str>]>,
    },
    /// In the file but not in the model.
    Extra {
        /// The file's key.
        key: Box<str>,
        /// The file's tensors that it is made of, if it is called otherwise there.
        sources: Names,
        /// The model's keys most like it, if this is one of the first ten problems.
        nearest: Box<[Box<str>]>,
    },
    /// In both, with shapes that contradict each other.
    Shape {
        /// The parameter's key.
        key: Box<str>,
        /// The model's shape.
        expected: Shape,
        /// The file's.
        found: Shape,
        /// The file's tensors that it is of, if they are called otherwise.
        sources: Names,
    },
    /// In both, with different element types.
    DType {
        /// The parameter's key.
        key: Box<str>,
        /// The model's element type.
        expected: DType,
        /// The file's.
        found: Box<str>,
        /// The file's tensors that it is of, if they are called otherwise.
        sources: Names,
    },
    /// Two keys of the file stand for one parameter and differ.
    Conflict {
        /// The one key.
        key: Box<str>,
        /// The other.
        other: Box<str>,
        /// The file's tensors that they are of, if these are called otherwise.
        sources: Names,
        /// How far they are apart; `None` if their shapes or element types differ.
        distance: Option<Distance>,
    },
    /// A rename rule does not fit the file, or two tensors that it ties differ.
    Rule(RenameProblem),
    /// Too little of the model would be loaded.
    TooLittle {
        /// The number of elements that would be loaded.
        loaded: usize,
        /// The number of elements there are.
        elements: usize,
        /// The share that is demanded.
        at_least: f64,
    },
}

/// How far two values of one shape are apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distance {
    /// The number of elements that differ. Two NaNs do not.
    pub changed: usize,
    /// The number of elements.
    pub elements: usize,
    /// The largest absolute difference; NaN if one is.
    pub max_abs: f64,
}

impl Distance {
    pub(super) fn of(difference: Difference, elements: usize) -> Option<Distance> {
        let Difference { changed, max_abs, .. } = difference;
        (changed > 0).then_some(Distance { changed, elements, max_abs })
    }
}

impl fmt::Display for Distance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Distance { changed, elements, max_abs } = self;
        write!(f, "{changed} of {elements} elements, by at most ")?;
        if (1e-3..1e6).contains(max_abs) {
            write!(f, "{max_abs:.4}")
        } else {
            write!(f, "{max_abs:.3e}")
        }
    }
}

impl Problem {
    /// The key it is about; empty if it is about the file as a whole.
    pub fn key(&self) -> &str {
        match self {
            Problem::Missing { key, .. }
            | Problem::Extra { key, .. }
            | Problem::Shape { key, .. }
            | Problem::DType { key, .. }
            | Problem::Conflict { key, .. }
            | Problem::Rule(RenameProblem { key, .. }) => key,
            Problem::TooLittle { .. } => "",
        }
    }

    /// The file's tensors that it is about, if they are called otherwise than the key.
    fn sources(&self) -> Option<&Names> {
        match self {
            Problem::Extra { sources, .. }
            | Problem::Shape { sources, .. }
            | Problem::DType { sources, .. }
            | Problem::Conflict { sources, .. } => Some(sources).filter(|all| !all.is_empty()),
            _ => None,
        }
    }

    /// What kind of problem it is, in one word: `missing`, `extra`, `shape`, `dtype`, `conflict`,
    /// `rule` or `too_little`.
    pub fn kind(&self) -> &'static str {
        match self {
            Problem::Missing { .. } => "missing",
            Problem::Extra { .. } => "extra",
            Problem::Shape { .. } => "shape",
            Problem::DType { .. } => "dtype",
            Problem::Conflict { .. } => "conflict",
            Problem::Rule(_) => "rule",
            Problem::TooLittle { .. } => "too_little",
        }
    }

    /// The way out.
    pub fn hint(&self) -> String {
        let nearest = |nearest: &[Box<str>], otherwise: &str| match nearest.first() {
            Some(name) => format!("did you mean `{name}`? else {otherwise}"),
            None => otherwise.to_owned(),
        };
        match self {
            Problem::Missing { nearest: names, .. } => {
                nearest(names, "set `allow_missing` to leave it as it is")
            }
            Problem::Extra { nearest: names, .. } => {
                nearest(names, "set `ignore_extra` to leave it out")
            }
            Problem::Shape { .. } => "build the model with the file's sizes".to_owned(),
            Problem::DType { found, .. } if DType::from_name(found).is_none() => {
                "arrays cannot hold it: convert the file, or leave it out by `LoadPolicy::dtype`"
                    .to_owned()
            }
            Problem::DType { .. } => "set `cast_dtype` to convert it".to_owned(),
            Problem::Conflict { .. } => {
                "untie the two, or choose one by `LoadPolicy::conflict`".to_owned()
            }
            Problem::Rule(problem) => problem.hint().unwrap_or_else(|| {
                "correct the rule: `RenameRules::plan` shows what each takes of a file".to_owned()
            }),
            Problem::TooLittle { .. } => {
                "look at the keys that are left out, or lower `LoadPolicy::at_least`".to_owned()
            }
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Missing { key, .. } => write!(f, "`{key}` is missing in the file"),
            Problem::Extra { key, sources, .. } if sources.is_empty() => {
                write!(f, "`{key}` is not in the model")
            }
            Problem::Extra { key, sources, .. } => {
                write!(f, "`{key}`, from {}, is not in the model", list(sources))
            }
            Problem::Shape { key, expected, found, sources } => {
                write!(f, "`{key}` has shape {expected}, found {found}")?;
                write_sources(f, sources)
            }
            Problem::DType { key, expected, found, sources } => {
                write!(f, "`{key}` has type {expected}, found {found}")?;
                write_sources(f, sources)
            }
            Problem::Rule(problem) => problem.fmt(f),
            Problem::Conflict { key, other, sources, distance } => {
                write!(f, "`{key}` and `{other}` are one parameter, but differ in the file")?;
                write_sources(f, sources)?;
                match distance {
                    Some(distance) => write!(f, ": {distance}"),
                    None => Ok(()),
                }
            }
            Problem::TooLittle { loaded, elements, at_least } => {
                let share = percent(*loaded as f64 / *elements as f64);
                let demanded = percent(*at_least);
                write!(f, "{loaded} of {elements} elements ({share}) would be loaded, expected ")?;
                write!(f, "{demanded} or more")
            }
        }
    }
}

/// Where something was found, if that is called otherwise in the file.
fn write_sources(f: &mut fmt::Formatter<'_>, sources: &[Box<str>]) -> fmt::Result {
    if sources.is_empty() { Ok(()) } else { write!(f, " in {}", list(sources)) }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("kind", self.kind())?;
        map.serialize_entry("key", self.key())?;
        match self {
            Problem::Missing { nearest, .. } | Problem::Extra { nearest, .. } => {
                map.serialize_entry("nearest", &**nearest)?;
            }
            Problem::Rule(RenameProblem { step, rule, expected, found, .. }) => {
                map.serialize_entry("step", step)?;
                map.serialize_entry("rule", rule)?;
                map.serialize_entry("expected", expected)?;
                map.serialize_entry("found", found)?;
            }
            Problem::Shape { expected, found, .. } => {
                map.serialize_entry("expected", &expected.to_string())?;
                map.serialize_entry("found", &found.to_string())?;
            }
            Problem::DType { expected, found, .. } => {
                map.serialize_entry("expected", expected.name())?;
                map.serialize_entry("found", found)?;
            }
            Problem::Conflict { other, distance, .. } => {
                map.serialize_entry("other", other)?;
                if let Some(Distance { changed, elements, max_abs }) = distance {
                    map.serialize_entry("changed", changed)?;
                    map.serialize_entry("elements", elements)?;
                    map.serialize_entry("max_abs", max_abs)?;
                }
            }
            Problem::TooLittle { loaded, elements, at_least } => {
                map.serialize_entry("loaded", loaded)?;
                map.serialize_entry("elements", elements)?;
                map.serialize_entry("at_least", at_least)?;
            }
        }
        if let Some(sources) = self.sources() {
            map.serialize_entry("sources", sources)?;
        }
        map.serialize_entry("message", &self.to_string())?;
        map.serialize_entry("hint", &self.hint())?;
        map.end()
    }
}
