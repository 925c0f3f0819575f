//! What a selector chooses from: the parameters of a block or a set, each once, and the blocks
//! that they stand in.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::name::ParamPath;
use crate::param::{Parameter, ParameterDict};

/// A parameter and every path on which it stands.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) parameter: Parameter,
    pub(crate) paths: SmallVec<[ParamPath; 1]>,
}

/// One block of a tree.
#[derive(Debug)]
pub(crate) struct Part {
    /// The position of its parent among the parts; the root is its own.
    pub(crate) parent: usize,
    pub(crate) path: ParamPath,
    pub(crate) class: Arc<str>,
    /// Which entries of the walk are below it.
    pub(crate) entries: Range<usize>,
}

#[derive(Debug)]
pub(crate) struct Source {
    /// How messages call it; empty if it has no name.
    pub(crate) name: Box<str>,
    /// What the names of its parameters start with.
    pub(crate) prefix: Box<str>,
    /// In the order of the walk.
    pub(crate) items: Vec<Item>,
    /// Every path in the order of the walk, with the position of its item.
    pub(crate) entries: Vec<(ParamPath, usize)>,
    pub(crate) parts: Vec<Part>,
}

impl Source {
    pub(crate) fn new(
        name: &str,
        prefix: &str,
        walked: Vec<(ParamPath, Parameter)>,
        parts: Vec<Part>,
    ) -> Source {
        let mut positions: HashMap<usize, usize, foldhash::fast::RandomState> = HashMap::default();
        let mut items: Vec<Item> = Vec::with_capacity(walked.len());
        let mut entries = Vec::with_capacity(walked.len());
        for (path, parameter) in walked {
            let position = *positions.entry(parameter.id()).or_insert_with(|| {
                items.push(Item { parameter, paths: SmallVec::new() });
                items.len() - 1
            });
            items[position].paths.push(path.clone());
            entries.push((path, position));
        }
        Source { name: name.into(), prefix: prefix.into(), items, entries, parts }
    }

    /// A set, in which the names are the paths.
    pub(crate) fn of_dict(params: &ParameterDict) -> Source {
        let named =
            params.iter().map(|parameter| ((&**parameter.name()).into(), parameter.clone()));
        let name = params.prefix().trim_end_matches('_');
        Self::new(name, params.prefix(), named.collect(), Vec::new())
    }
}
