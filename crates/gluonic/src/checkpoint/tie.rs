//! Which keys of a file stand for which parameter. A tied parameter has several.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;

use super::tensor_info::TensorInfo;
use super::unfused::unfused;
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

    /// Those of the parameters with these numbers only.
    fn want(&mut self, wanted: &HashSet<usize>) {
        for target in &mut self.list {
            target.wanted = wanted.contains(&target.parameter.id());
        }
    }
}

/// The ways in which a file's keys may name the parameters.
pub(super) struct Candidates<'m> {
    /// The most usual one.
    pub(super) first: Targets,
    /// Gives the others, which are wanted only for a file that the first one does not know.
    others: Box<dyn FnOnce() -> Vec<Targets> + 'm>,
    /// What a load is about, if not everything.
    wanted: Option<HashSet<usize>>,
}

impl From<Targets> for Candidates<'_> {
    fn from(first: Targets) -> Self {
        Candidates { first, others: Box::new(Vec::new), wanted: None }
    }
}

impl<'m> Candidates<'m> {
    /// The parameters by path, as this crate and as MXNet write paths, or, for files in Gluon's older
    /// style, by the names that `names` gives.
    pub(super) fn by_path_or_name(
        named: impl Fn() -> Vec<(ParamPath, Parameter)> + 'm,
        prefix: &'m str,
        names: impl FnOnce() -> ParameterDict + 'm,
    ) -> Self {
        let first = Targets::by_path(named());
        let others = move || {
            let params = names();
            let by_name = |prefix: &str| Targets::by_name(&params, prefix).ok();
            let by_name = by_name(prefix).into_iter().chain(by_name(""));
            std::iter::once(Targets::by_path(unfused(named()))).chain(by_name).collect()
        };
        Candidates { first, others: Box::new(others), wanted: None }
    }

    /// The same, for a load that is about some of the parameters only.
    pub(super) fn only(mut self, wanted: HashSet<usize>) -> Self {
        self.first.want(&wanted);
        self.wanted = Some(wanted);
        self
    }

    /// All of them, the most usual first.
    pub(super) fn all(self) -> Vec<Targets> {
        let mut others = (self.others)();
        if let Some(wanted) = &self.wanted {
            for targets in &mut others {
                targets.want(wanted);
            }
        }
        std::iter::once(self.first).chain(others).collect()
    }
}
