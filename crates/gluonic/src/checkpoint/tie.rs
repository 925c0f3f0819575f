//! Which keys of a file stand for which parameter. A tied parameter has several.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;

use super::tensor_info::TensorInfo;
use crate::error::{Error, Result};
use crate::name::ParamPath;
use crate::param::{Parameter, ParameterDict};

/// The metadata entry that holds the aliases of a file: a JSON object, alias → key.
pub(super) const ALIASES: &str = "gluonic.aliases";

/// The metadata entry that says which tensors have aliases, if any have.
pub(super) fn aliases_of(tensors: &[TensorInfo]) -> Option<(String, String)> {
    let mut aliases = serde_json::Map::new();
    for tensor in tensors {
        let own = tensor.aliases.iter();
        aliases.extend(own.map(|alias| (alias.to_string(), (*tensor.name).into())));
    }
    let text = (!aliases.is_empty()).then(|| serde_json::Value::Object(aliases).to_string());
    text.map(|text| (ALIASES.to_owned(), text))
}

/// One parameter and every key that stands for it, in order.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) parameter: Parameter,
    /// Whether a load is about it; the keys of others are known, and passed over.
    pub(super) wanted: bool,
    pub(super) keys: Vec<Box<str>>,
}

/// The parameters of a model in the order of their first keys.
#[derive(Clone, Debug)]
pub(super) struct Targets {
    pub(super) list: Vec<Target>,
    /// Every key in the order of the walk, with the position of its target.
    pub(super) keys: IndexMap<Box<str>, usize, foldhash::fast::RandomState>,
}

impl Targets {
    fn new(keyed: impl IntoIterator<Item = (Box<str>, Parameter)>) -> Targets {
        let mut targets = Targets { list: Vec::new(), keys: IndexMap::default() };
        let mut positions: HashMap<_, _, foldhash::fast::RandomState> = HashMap::default();
        for (key, parameter) in keyed {
            let position = *positions.entry(parameter.id()).or_insert_with(|| {
                targets.list.push(Target { parameter, wanted: true, keys: Vec::new() });
                targets.list.len() - 1
            });
            targets.list[position].keys.push(key.clone());
            targets.keys.insert(key, position);
        }
        targets
    }

    pub(super) fn by_path(named: Vec<(ParamPath, Parameter)>) -> Targets {
        Self::new(named.into_iter().map(|(path, parameter)| ((*path).into(), parameter)))
    }

    pub(super) fn by_name(params: &ParameterDict, strip_prefix: &str) -> Result<Targets> {
        let keyed = params.iter().map(|parameter| {
            let key = parameter.name().strip_prefix(strip_prefix).ok_or_else(|| Error::Prefix {
                name: parameter.name().clone(),
                prefix: strip_prefix.into(),
            })?;
            Ok((key.into(), parameter.clone()))
        });
        Ok(Self::new(keyed.collect::<Result<Vec<_>>>()?))
    }

    /// Those that a load is about.
    pub(super) fn wanted(&self) -> impl Iterator<Item = &Target> {
        self.list.iter().filter(|target| target.wanted)
    }

    /// The same parameters by path or, for files in Gluon's older style, by name.
    pub(super) fn or_by_name(self, params: ParameterDict, prefix: &str) -> Candidates {
        let mut candidates = vec![self];
        candidates.extend(Self::by_name(&params, prefix).ok());
        candidates.extend(Self::by_name(&params, "").ok());
        Candidates(candidates)
    }
}

/// The ways in which a file's keys may name the parameters, the most usual first. At least one.
pub(super) struct Candidates(pub(super) Vec<Targets>);

impl From<Targets> for Candidates {
    fn from(targets: Targets) -> Self {
        Candidates(vec![targets])
    }
}

impl Candidates {
    /// The same, for a load that is about some of the parameters only.
    pub(super) fn only(mut self, wanted: &HashSet<usize>) -> Candidates {
        for target in self.0.iter_mut().flat_map(|targets| &mut targets.list) {
            target.wanted = wanted.contains(&target.parameter.id());
        }
        self
    }

    /// The way that knows the most keys of the file; the first of equals.
    pub(super) fn best<'a>(&self, file_keys: impl Iterator<Item = &'a str> + Clone) -> usize {
        let known = |targets: &Targets| {
            file_keys.clone().filter(|key| targets.keys.contains_key(*key)).count()
        };
        let counts = self.0.iter().map(known).enumerate();
        let better = |best: (usize, usize), next: (usize, usize)| {
            if next.1 > best.1 { next } else { best }
        };
        counts.reduce(better).map_or(0, |(best, _)| best)
    }

    pub(super) fn take(mut self, position: usize) -> Targets {
        self.0.swap_remove(position)
    }
}
