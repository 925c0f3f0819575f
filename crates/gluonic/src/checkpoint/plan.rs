//! What a load will do to each parameter, and everything that stands against it.

use std::collections::HashMap;

use gluonic_formats::{Archive, RawTensor, mxnet_params::strip_arg_aux};

use super::convert::dtype_of;
use super::report::{LoadReport, Problem};
use super::tie::{ALIASES, Candidates, Targets};
use crate::array::DType;
use crate::param::Parameter;
use crate::shape::{Dims, Shape};
use crate::suggest::nearest;

/// What a load may leave out or convert.
///
/// # Source
/// The arguments of MXNet 1.9.1's `Block.load_parameters`.
#[doc(alias = "strict")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadOptions {
    /// Whether parameters that the file does not have keep what they have.
    pub allow_missing: bool,
    /// Whether tensors that the model does not have are left out.
    pub ignore_extra: bool,
    /// Whether element types may differ.
    pub cast_dtype: bool,
    /// Whose element type counts when they differ.
    pub dtype_source: DTypeSource,
}

/// Whose element type counts when file and model differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DTypeSource {
    /// The model's: the file's values are converted.
    #[default]
    Current,
    /// The file's: the parameter is cast.
    Saved,
}

/// One parameter that will get one tensor of the file.
pub(super) struct Load {
    pub(super) parameter: Parameter,
    /// The tensor's position in the file.
    pub(super) tensor: usize,
    pub(super) from: DType,
    /// What the parameter's element type will be.
    pub(super) to: DType,
    pub(super) dims: Dims,
}

pub(super) struct Plan {
    pub(super) loads: Vec<Load>,
    pub(super) report: LoadReport,
}

/// Compares a file with a model.
pub(super) fn plan(candidates: Candidates, archive: &Archive<'_>, options: &LoadOptions) -> Plan {
    let keys: Vec<&str> = archive.tensors.iter().map(|t| strip_arg_aux(t.name())).collect();
    let aliases = aliases_of(archive);
    let alias_keys = aliases.keys().map(|alias| &**alias);
    let targets: Targets = candidates.best(keys.iter().copied().chain(alias_keys));
    let mut report = LoadReport::default();
    let mut positions: HashMap<&str, usize> = HashMap::new();
    for (i, key) in keys.iter().enumerate() {
        let Some(first) = positions.insert(key, i) else { continue };
        // `arg:w` and `aux:w` are both `w`.
        let (one, two) = (&archive.tensors[first], &archive.tensors[i]);
        if !same(one, two) {
            let (key, other) = (one.name().into(), two.name().into());
            report.problems.push(Problem::Conflict { key, other });
        }
    }
    // A key stands for its own tensor, or for that of the key it is an alias of.
    let tensor_of = |key: &str| {
        let owner = || aliases.get(key).and_then(|owner| positions.get(&**owner));
        positions.get(key).or_else(owner).copied()
    };
    let mut loads = Vec::new();
    for target in targets.list.iter().filter(|target| target.wanted) {
        let mut found = target.keys.iter().filter_map(|key| Some((key, tensor_of(key)?)));
        let Some((key, tensor)) = found.next() else {
            let key = target.keys[0].clone();
            if options.allow_missing {
                report.missing.push(key);
            } else {
                // A key that has its parameter already is not the one that was meant.
                let free = keys.iter().copied().filter(|key| !targets.keys.contains_key(*key));
                let nearest = nearest(&key, free);
                report.problems.push(Problem::Missing { key, nearest });
            }
            continue;
        };
        let raw = &archive.tensors[tensor];
        for (other, position) in found {
            if position != tensor && !same(raw, &archive.tensors[position]) {
                let (key, other) = (key.clone(), other.clone());
                report.problems.push(Problem::Conflict { key, other });
            }
        }
        let shape = Shape::from(raw.shape());
        if let Some(expected) = target.parameter.shape()
            && !shape.refines(&expected)
        {
            let key = key.clone();
            report.problems.push(Problem::Shape { key, expected, found: shape });
            continue;
        }
        let expected = target.parameter.dtype();
        let (Some(from), true) =
            (dtype_of(raw.dtype()), options.cast_dtype || dtype_of(raw.dtype()) == Some(expected))
        else {
            let (key, found) = (key.clone(), raw.dtype().name().into());
            report.problems.push(Problem::DType { key, expected, found });
            continue;
        };
        if from != expected {
            report.cast.push(key.clone());
        }
        report.loaded.push(key.clone());
        let to = match options.dtype_source {
            DTypeSource::Current => expected,
            DTypeSource::Saved => from,
        };
        let (parameter, dims) = (target.parameter.clone(), raw.shape().into());
        loads.push(Load { parameter, tensor, from, to, dims });
    }
    for key in keys.iter().filter(|key| !targets.keys.contains_key(**key)) {
        // The owner of an alias that the model knows is no stranger.
        if aliases.iter().any(|(alias, owner)| &**owner == *key && targets.keys.contains_key(alias))
        {
            continue;
        }
        if options.ignore_extra {
            report.extra.push((*key).into());
        } else {
            let free = targets.keys.keys().map(|known| &**known);
            let nearest = nearest(key, free.filter(|known| tensor_of(known).is_none()));
            report.problems.push(Problem::Extra { key: (*key).into(), nearest });
        }
    }
    report.sort();
    Plan { loads, report }
}

/// Whether two tensors hold the same value.
fn same(one: &RawTensor<'_>, two: &RawTensor<'_>) -> bool {
    (one.dtype(), one.shape(), one.data()) == (two.dtype(), two.shape(), two.data())
}

/// The aliases that a file of ours declares. Metadata of other writers is not ours to judge.
fn aliases_of(archive: &Archive<'_>) -> HashMap<Box<str>, Box<str>> {
    let text = archive.metadata.get(ALIASES);
    let parsed = text.and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
    let Some(serde_json::Value::Object(map)) = parsed else { return HashMap::new() };
    map.into_iter()
        .filter_map(|(alias, owner)| Some((alias.into(), owner.as_str()?.into())))
        .collect()
}
