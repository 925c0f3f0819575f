//! Writing parameters to a file.

use std::path::Path;

use gluonic_formats::{Format, RawTensor, TensorSpec, digest};
use indexmap::IndexMap;

use super::convert::Outgoing;
use super::pieces::Sink;
use super::provenance::{self, PROVENANCE};
use super::sidecar::write_recorded;
use super::source::FileBytes;
use super::tie::{ALIASES, Targets};
use super::unfused::unfused;
use super::write::{format_of, write};
use crate::array::NdArray;
use crate::error::{Error, Result};
use crate::name::ParamPath;
use crate::param::Parameter;

/// How a file is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SaveOptions {
    /// Whether a tied parameter is written once. A `.safetensors` file always does so, under the
    /// first path, and lists the others in its metadata; a `.params` file writes every path unless
    /// this is set, then the last path at the first one's place, as MXNet.
    pub deduplicate: bool,
    /// Whether the digests of the tensors, and of all together, are recorded, so that
    /// [`Checkpoint::verify`](super::Checkpoint::verify) finds damage: in the metadata of a
    /// `.safetensors` file; else in a file beside it, `net.params.digests.json`, which is written
    /// after it. A save without them removes the record of the file that it replaces.
    pub digests: bool,
    /// The format, if the suffix is not to decide.
    pub format: Option<Format>,
}

/// Saves those of a model's parameters that are `chosen`, by path; in `MXNet`'s own format by what
/// `MXNet` makes of the paths.
pub(super) fn save_by_path(
    named: Vec<(ParamPath, Parameter)>,
    chosen: impl Fn(&Parameter) -> bool,
    file: &Path,
    options: &SaveOptions,
) -> Result<()> {
    let format = options.format.map_or_else(|| format_of(file), Ok)?;
    let mut named = if format == Format::MxnetParams { unfused(named) } else { named };
    named.retain(|(_, parameter)| chosen(parameter));
    save(Targets::by_path(named), file, options)
}

pub(super) fn save(targets: Targets, file: &Path, options: &SaveOptions) -> Result<()> {
    let format = options.format.map_or_else(|| format_of(file), Ok)?;
    refuse_missing(&targets)?;
    let values = targets.list.iter().map(|target| Outgoing::new(&target.parameter.value()?));
    let values = values.collect::<Result<Vec<_>>>()?;
    let mut metadata = IndexMap::new();
    let mut tensors: Vec<RawTensor<'_>> = Vec::new();
    if format == Format::Safetensors {
        let mut aliases = serde_json::Map::new();
        let mut origins = serde_json::Map::new();
        for (target, value) in targets.list.iter().zip(&values) {
            let [owner, others @ ..] = target.keys.as_slice() else { continue };
            tensors.push(value.raw(owner)?);
            provenance::add(&mut origins, owner, &target.parameter);
            for alias in others {
                aliases.insert(alias.to_string(), owner.to_string().into());
            }
        }
        if !aliases.is_empty() {
            let aliases = serde_json::Value::Object(aliases).to_string();
            metadata.insert(ALIASES.to_owned(), aliases);
        }
        if !origins.is_empty() {
            let origins = serde_json::Value::Object(origins).to_string();
            metadata.insert(PROVENANCE.to_owned(), origins);
        }
    } else if options.deduplicate {
        for (target, value) in targets.list.iter().zip(&values) {
            tensors.extend(target.keys.last().map(|key| value.raw(key)).transpose()?);
        }
    } else {
        for (key, position) in &targets.keys {
            tensors.push(values[*position].raw(key)?);
        }
    }
    let digests = options.digests.then(|| digest::digests(&tensors));
    let digests = digests.transpose().map_err(FileBytes::fail(file))?;
    let specs: Vec<TensorSpec<'_>> = tensors.iter().map(TensorSpec::from).collect();
    let data = &mut |i: usize, sink: &mut Sink<'_>| sink(tensors[i].data());
    write_recorded(file, format, &specs, &mut metadata, digests.as_ref(), data)
}

/// Writes arrays and texts to a `.safetensors` file, whatever its suffix: all of it, or nothing.
pub(crate) fn save_arrays(
    file: &Path,
    arrays: &[(Box<str>, NdArray)],
    metadata: &IndexMap<String, String>,
) -> Result<()> {
    let values = arrays.iter().map(|(_, array)| Outgoing::new(array));
    let values = values.collect::<Result<Vec<_>>>()?;
    let tensors = arrays.iter().zip(&values).map(|((name, _), value)| value.raw(name));
    write(file, Format::Safetensors, &tensors.collect::<Result<Vec<_>>>()?, metadata)
}

/// Names every parameter that has no value yet.
pub(super) fn refuse_missing(targets: &Targets) -> Result<()> {
    let waiting = targets.list.iter().filter(|target| target.parameter.is_deferred());
    let waiting: Vec<&str> = waiting.map(|target| &*target.keys[0]).collect();
    for target in &targets.list {
        match target.parameter.ready() {
            Ok(_) => {}
            Err(Error::Deferred { name, shape, ran, .. }) => {
                let pending = waiting.iter().map(|key| (*key).into()).collect();
                return Err(Error::Deferred { name, shape, pending, ran });
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
