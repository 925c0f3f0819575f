//! Equal layers of which a pattern matches only some: often a mistake that nobody sees, such as an
//! adapter that misses a layer.

use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};

use indexmap::IndexMap;

use super::matching::Matches;
use super::selector::Selector;
use super::source::{Part, Source};
use super::term::Term;
use crate::error::{Names, list};
use crate::name::ParamPath;

/// A pattern that matches parameters of some of several equal layers, of which others stay
/// unselected.
///
/// Layers are equal if they are numbered children of one block, of one class, with the same
/// parameters: keys, kinds and shapes. A glob that spells out the number of the only one that it
/// matches, such as `0.weight`, is meant so and leaves no gap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The pattern: a glob on paths or a regular expression.
    pub term: Box<str>,
    /// The class of the layers.
    pub class: Box<str>,
    /// The number of equal layers.
    pub layers: usize,
    /// The number of those in which the pattern matches.
    pub matched: usize,
    /// The paths in the other layers that are not selected.
    pub unselected: Box<[ParamPath]>,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Gap { term, class, layers, matched, unselected } = self;
        let paths: Names = unselected.iter().map(|path| (**path).into()).collect();
        write!(f, "`{term}` matches {matched} of {layers} equal `{class}` layers; ")?;
        write!(f, "not selected: {}", list(&paths))
    }
}

/// Layers that differ in their number only.
struct Group<'a> {
    layers: Vec<(&'a Part, &'a str)>,
}

pub(super) fn gaps(selector: &Selector, source: &Source, matches: &Matches) -> Vec<Gap> {
    if matches.selected.count() == source.items.len() {
        return Vec::new();
    }
    let patterns: Vec<_> = selector
        .terms()
        .zip(&matches.terms)
        .filter(|(term, _)| matches!(term, Term::Path(_) | Term::Regex(_)))
        .collect();
    let mut gaps = Vec::new();
    for Group { layers } in groups(source) {
        let n = layers[0].0.entries.len();
        for (term, bits) in &patterns {
            // The first parameter of a layer for which the pattern leaves a gap stands for all.
            let gap = (0..n).find_map(|offset| {
                let entry = |part: &Part| &source.entries[part.entries.start + offset];
                let is = |bits: &super::matching::Bits, part: &Part| bits.get(entry(part).1);
                let matched: Vec<&str> = layers
                    .iter()
                    .filter(|(part, _)| is(bits, part))
                    .map(|(_, number)| *number)
                    .collect();
                let unselected: Box<[ParamPath]> = layers
                    .iter()
                    .filter(|(part, _)| !is(&matches.selected, part))
                    .map(|(part, _)| entry(part).0.clone())
                    .collect();
                let some = |count: usize| count > 0 && count < layers.len();
                let meant = match (term, matched.as_slice()) {
                    (Term::Path(glob), [number]) => glob.spells(number),
                    _ => false,
                };
                (some(matched.len()) && some(unselected.len()) && !meant).then(|| Gap {
                    term: term.to_string().into(),
                    class: (*layers[0].0.class).into(),
                    layers: layers.len(),
                    matched: matched.len(),
                    unselected,
                })
            });
            gaps.extend(gap);
        }
    }
    gaps
}

/// The groups of two equal layers or more, in the order of the walk.
fn groups(source: &Source) -> impl Iterator<Item = Group<'_>> {
    let hasher = foldhash::fast::FixedState::default();
    let mut groups: IndexMap<_, Vec<_>, foldhash::fast::RandomState> = IndexMap::default();
    for part in source.parts.iter().filter(|part| !part.entries.is_empty()) {
        let (list, number) = part.path.rsplit_once('.').unwrap_or(("", &part.path));
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        // Parameters go into the key as a hash: a rare accident could only spoil a warning.
        let mut parameters = hasher.build_hasher();
        for (path, i) in &source.entries[part.entries.clone()] {
            let parameter = &source.items[*i].parameter;
            path[part.path.len()..].hash(&mut parameters);
            parameter.kind().hash(&mut parameters);
            parameter.with_shape(|shape| shape.as_deref().hash(&mut parameters));
        }
        let key = (part.parent, list, &*part.class, parameters.finish(), part.entries.len());
        groups.entry(key).or_default().push((part, number));
    }
    groups.into_values().filter(|layers| layers.len() > 1).map(|layers| Group { layers })
}
