//! Saving and loading, with Gluon's arguments and words.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use gluonic::checkpoint::{
    Checkpoint, DTypeSource, Format, LoadOptions, LoadPolicy, LoadReport, OnConflict, Problem,
    SaveLoad, SaveOptions,
};
use gluonic::{BlockExt, Error, NdArray, Parameter, Shape, Snapshot};
use pyo3::exceptions::{PyAssertionError, PyAttributeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::array::NDArray;
use crate::block::Block;
use crate::context::{ContextsArg, list_to_py};
use crate::dict::Dict;
use crate::errors::{OrRaise, shape_text, to_py, told};
use crate::{waiting, warnings};

/// The format by its suffix; MXNet's for every other name, as there names are free.
pub(crate) fn format_of(file: &Path) -> Option<Format> {
    match file.extension().and_then(|suffix| suffix.to_str()) {
        Some("safetensors" | "npz") => None,
        _ => Some(Format::MxnetParams),
    }
}

fn save_options(file: &Path, deduplicate: bool, digests: bool) -> SaveOptions {
    SaveOptions { deduplicate, digests, format: format_of(file) }
}

/// What Gluon's switches mean.
#[derive(Clone, Debug)]
struct Switches {
    allow_missing: bool,
    ignore_extra: bool,
    cast_dtype: bool,
    dtype_source: String,
}

impl Switches {
    fn policy(&self) -> PyResult<LoadPolicy> {
        let dtype_source = match self.dtype_source.as_str() {
            "saved" => DTypeSource::Saved,
            // Only a load that casts looks at it. MXNet's assertion has no text.
            _ if !self.cast_dtype => DTypeSource::Current,
            "current" => DTypeSource::Current,
            other => {
                return Err(PyAssertionError::new_err(format!(
                    "\ndtype_source must be 'current' or 'saved', but got '{other}'"
                )));
            }
        };
        let options = LoadOptions {
            allow_missing: self.allow_missing,
            ignore_extra: self.ignore_extra,
            cast_dtype: self.cast_dtype,
            dtype_source,
        };
        // Of several values for a tied parameter the last one counts, as in MXNet.
        Ok(LoadPolicy { conflict: OnConflict::Last, ..options.into() })
    }
}

/// Where parameters are to be after a load: those that have a value must be there already.
struct Placing {
    contexts: Option<Vec<gluonic::Context>>,
    fresh: Vec<Parameter>,
}

impl Placing {
    fn of(
        py: Python<'_>,
        parameters: Vec<Parameter>,
        contexts: Option<ContextsArg>,
    ) -> PyResult<Placing> {
        let Some(ContextsArg(contexts)) = contexts else {
            return Ok(Placing { contexts: None, fresh: Vec::new() });
        };
        let mut fresh = Vec::new();
        for parameter in parameters {
            match parameter.list_ctx() {
                Ok(present) if parameter.is_initialized() => {
                    let same = present.len() == contexts.len()
                        && present.iter().all(|context| contexts.contains(context));
                    if !same {
                        return Err(PyAssertionError::new_err(format!(
                            "Failed to load Parameter '{}' on {} because it was previous \
                             initialized on {}.",
                            parameter.name(),
                            list_to_py(py, &contexts)?.str()?,
                            list_to_py(py, &present)?.str()?,
                        )));
                    }
                }
                _ => fresh.push(parameter),
            }
        }
        Ok(Placing { contexts: Some(contexts), fresh })
    }

    fn carry_out(self) -> gluonic::Result<()> {
        let Some(contexts) = self.contexts else { return Ok(()) };
        let placed = self.fresh.iter().filter(|parameter| parameter.is_initialized());
        placed.into_iter().try_for_each(|parameter| parameter.reset_ctx(&contexts))
    }
}

#[pymethods]
impl Block {
    #[pyo3(signature = (file, deduplicate, digests))]
    fn _save(
        &self,
        py: Python<'_>,
        file: PathBuf,
        deduplicate: bool,
        digests: bool,
    ) -> PyResult<()> {
        let node = self.node()?;
        let options = save_options(&file, deduplicate, digests);
        waiting::run(py, "save", || node.save_parameters_with(&file, &options))
    }

    #[expect(clippy::too_many_arguments, reason = "they are Gluon's")]
    fn _load(
        &self,
        py: Python<'_>,
        file: PathBuf,
        ctx: Option<ContextsArg>,
        allow_missing: bool,
        ignore_extra: bool,
        cast_dtype: bool,
        dtype_source: String,
    ) -> PyResult<()> {
        let switches = Switches { allow_missing, ignore_extra, cast_dtype, dtype_source };
        let checkpoint = waiting::run(py, "open", || Checkpoint::open(&file))?;
        self.load_from(py, &checkpoint, &format!("file '{}'", file.display()), ctx, &switches)
    }

    #[expect(clippy::too_many_arguments, reason = "they are Gluon's")]
    fn _load_dict(
        &self,
        py: Python<'_>,
        values: &Bound<'_, PyDict>,
        ctx: Option<ContextsArg>,
        allow_missing: bool,
        ignore_extra: bool,
        cast_dtype: bool,
        dtype_source: String,
    ) -> PyResult<()> {
        let switches = Switches { allow_missing, ignore_extra, cast_dtype, dtype_source };
        let checkpoint = Checkpoint::from(&snapshot_of(values)?);
        self.load_from(py, &checkpoint, "param_dict", ctx, &switches)
    }
}

impl Block {
    fn load_from(
        &self,
        py: Python<'_>,
        checkpoint: &Checkpoint,
        shown: &str,
        ctx: Option<ContextsArg>,
        switches: &Switches,
    ) -> PyResult<()> {
        let node = self.node()?;
        if !checkpoint.is_named() && !checkpoint.tensors().is_empty() {
            return Err(PyAttributeError::new_err(format!(
                "'list' object has no attribute 'keys'\n{shown} holds {} arrays without names; read \
                 it with nd.load",
                checkpoint.tensors().len()
            )));
        }
        let policy = switches.policy()?;
        let named = node.named_parameters();
        let all = named.iter().map(|(_, parameter)| parameter.clone()).collect();
        let placing = Placing::of(py, all, ctx)?;
        let done = waiting::run_raw(py, "load", || {
            node.plan_load(checkpoint, &policy)?.apply(&**node)?;
            placing.carry_out()
        })?;
        done.map_err(|error| {
            if let Some(outside) = outside_of(node.prefix(), checkpoint, &named) {
                let first = restore_words(&outside, node.prefix());
                return PyAssertionError::new_err(format!("{first}\n{}", told(&error)));
            }
            let names = named.iter();
            let names = names.map(|(path, own)| (path.to_string(), own.name().to_string()));
            let names: HashMap<String, String> = names.collect();
            let all = || named.iter().map(|(_, own)| own.name().to_string()).collect();
            // MXNet loads a file of the older kind as `ParameterDict.load` does.
            let older = is_older(checkpoint);
            let words = Words {
                file: match shown.strip_prefix("file '").and_then(|file| file.strip_suffix('\'')) {
                    Some(file) if older => format!("file: {file}"),
                    _ => shown.to_owned(),
                },
                keys: keys_of(checkpoint),
                order: named.iter().map(|(path, _)| path.to_string()).collect(),
                choices: if older { all() } else { node.core_names() },
                names,
                of_dict: older,
                prefix: if older { node.prefix().to_owned() } else { String::new() },
                ready: ready_of(named.iter().map(|(_, own)| own)),
            };
            load_error(py, error, &words)
        })?;
        warnings::issue(py)
    }
}

#[pymethods]
impl Dict {
    fn _save(&self, py: Python<'_>, file: PathBuf, strip_prefix: &str) -> PyResult<()> {
        let dict = self.get()?;
        let options = save_options(&file, false, false);
        match waiting::run_raw(py, "save", || dict.save_with(&file, strip_prefix, &options))? {
            Err(Error::Prefix { name, prefix }) => Err(PyValueError::new_err(format!(
                "Prefix '{prefix}' is to be striped before saving, but Parameter's name '{name}' \
                 does not start with '{prefix}'. this may be due to your Block shares parameters \
                 from other Blocks or you forgot to use 'with name_scope()' when creating child \
                 blocks. {NAMING}"
            ))),
            done => done.or_raise(py),
        }?;
        warnings::issue(py)
    }

    #[expect(clippy::too_many_arguments, reason = "they are Gluon's")]
    fn _load(
        &self,
        py: Python<'_>,
        file: PathBuf,
        ctx: Option<ContextsArg>,
        allow_missing: bool,
        ignore_extra: bool,
        restore_prefix: &str,
        cast_dtype: bool,
        dtype_source: String,
    ) -> PyResult<()> {
        let switches = Switches { allow_missing, ignore_extra, cast_dtype, dtype_source };
        let checkpoint = waiting::run(py, "open", || Checkpoint::open(&file))?;
        if !checkpoint.is_named() && !checkpoint.tensors().is_empty() {
            return Err(PyValueError::new_err(format!(
                "too many values to unpack (expected 2)\n{} holds {} arrays without names; read it \
                 with nd.load",
                file.display(),
                checkpoint.tensors().len()
            )));
        }
        let shown = format!("file: {}", file.display());
        self.load_from(py, &checkpoint, &shown, ctx, restore_prefix, &switches)
    }

    #[expect(clippy::too_many_arguments, reason = "they are Gluon's")]
    fn _load_dict(
        &self,
        py: Python<'_>,
        values: &Bound<'_, PyDict>,
        ctx: Option<ContextsArg>,
        allow_missing: bool,
        ignore_extra: bool,
        restore_prefix: &str,
        cast_dtype: bool,
        dtype_source: String,
    ) -> PyResult<()> {
        let switches = Switches { allow_missing, ignore_extra, cast_dtype, dtype_source };
        let state = snapshot_of(values)?;
        let checkpoint = Checkpoint::from(&state);
        self.load_from(py, &checkpoint, "param_dict", ctx, restore_prefix, &switches)
    }
}

/// The arrays of a Python dictionary, by their names.
pub(crate) fn snapshot_of(values: &Bound<'_, PyDict>) -> PyResult<Snapshot> {
    let mut state = Snapshot::new();
    for (name, value) in values.iter() {
        let array: NdArray = match value.cast::<NDArray>() {
            Ok(array) => array.get().get(),
            Err(_) => crate::array::from_object(&value, None)?,
        };
        state.insert(name.extract::<String>()?, &array).or_raise(values.py())?;
    }
    Ok(state)
}

impl Dict {
    fn load_from(
        &self,
        py: Python<'_>,
        checkpoint: &Checkpoint,
        shown: &str,
        ctx: Option<ContextsArg>,
        restore_prefix: &str,
        switches: &Switches,
    ) -> PyResult<()> {
        let dict = self.get()?;
        let policy = switches.policy()?;
        let placing = Placing::of(py, dict.iter().cloned().collect(), ctx)?;
        let names: Vec<String> = dict.names().map(std::string::ToString::to_string).collect();
        let done = waiting::run_raw(py, "load", || {
            dict.plan_load(checkpoint, restore_prefix, &policy)?.apply(&dict)?;
            placing.carry_out()
        })?;
        done.map_err(|error| match error {
            Error::Prefix { name, prefix } => {
                PyAssertionError::new_err(restore_words(&name, &prefix))
            }
            error => {
                let words = Words {
                    file: shown.to_owned(),
                    keys: keys_of(checkpoint),
                    order: names.clone(),
                    names: names.iter().map(|name| (name.clone(), name.clone())).collect(),
                    choices: names.clone(),
                    of_dict: true,
                    prefix: restore_prefix.to_owned(),
                    ready: ready_of(dict.iter()),
                };
                load_error(py, error, &words)
            }
        })?;
        warnings::issue(py)
    }
}

const NAMING: &str = "For more info on naming, please see \
     https://mxnet.io/api/python/docs/tutorials/packages/gluon/blocks/naming.html";

fn restore_words(name: &str, prefix: &str) -> String {
    format!(
        "restore_prefix is '{prefix}' but Parameters name '{name}' does not start with '{prefix}'. \
         {NAMING}"
    )
}

/// Whether the keys of a file are names, as before there were paths.
fn is_older(checkpoint: &Checkpoint) -> bool {
    let tensors = checkpoint.tensors();
    !tensors.is_empty() && !tensors.iter().any(|tensor| tensor.name.contains('.'))
}

/// A parameter whose name does not begin with the block's prefix, if the file is of the older kind,
/// whose keys are names without that: such a file MXNet does not load at all.
fn outside_of(
    prefix: &str,
    checkpoint: &Checkpoint,
    named: &[(gluonic::name::ParamPath, Parameter)],
) -> Option<String> {
    if !is_older(checkpoint) {
        return None;
    }
    let names = named.iter().map(|(_, parameter)| parameter.name());
    names.into_iter().find(|name| !name.starts_with(prefix)).map(ToString::to_string)
}

/// The names of parameters that have a value.
fn ready_of<'a>(parameters: impl Iterator<Item = &'a Parameter>) -> Vec<String> {
    parameters.filter(|own| own.is_initialized()).map(|own| own.name().to_string()).collect()
}

fn keys_of(checkpoint: &Checkpoint) -> Vec<String> {
    let plain = |name: &str| {
        let bare = name.strip_prefix("arg:").or_else(|| name.strip_prefix("aux:"));
        bare.unwrap_or(name).to_owned()
    };
    checkpoint.tensors().iter().map(|tensor| plain(&tensor.name)).collect()
}

/// What Gluon's words about a load that failed are made of.
struct Words {
    /// The file as the text shows it.
    file: String,
    /// The file's keys in order.
    keys: Vec<String>,
    /// The model's keys in order.
    order: Vec<String>,
    /// The parameters' names by these keys.
    names: HashMap<String, String>,
    /// The names that MXNet lists where a key of the file is not known.
    choices: Vec<String>,
    /// Whether a `ParameterDict` was loaded, which has other words.
    of_dict: bool,
    /// What MXNet puts before the keys of the file.
    prefix: String,
    /// The names of parameters that have a value.
    ready: Vec<String>,
}

impl Words {
    /// A parameter's key as MXNet shows it: from a file of the older kind by its name, less the
    /// prefix.
    fn shown<'a>(&'a self, key: &'a str) -> &'a str {
        let name = self.names.get(key).and_then(|name| name.strip_prefix(&*self.prefix));
        name.filter(|_| self.of_dict && !self.prefix.is_empty()).unwrap_or(key)
    }
}

/// The exception for a load that failed. MXNet stops at the first problem, missing parameters
/// before all others; ours are all on the lines below.
fn load_error(py: Python<'_>, error: Error, words: &Words) -> PyErr {
    let Error::Load(report) = &error else { return to_py(py, error) };
    let told = told(&error);
    match first_words(report, words) {
        Some((true, first)) => PyAssertionError::new_err(format!("{first}\n{told}")),
        Some((false, first)) => PyValueError::new_err(format!("{first}\n{told}")),
        None => PyValueError::new_err(told),
    }
}

/// MXNet's words for the problem that it meets first, and whether they are an assertion.
fn first_words(report: &LoadReport, words: &Words) -> Option<(bool, String)> {
    let Words { file, of_dict, .. } = words;
    let place = |list: &[String], key: &str| {
        list.iter().position(|known| known == key).unwrap_or(usize::MAX)
    };
    let missing =
        report.problems.iter().filter(|problem| matches!(problem, Problem::Missing { .. }));
    if let Some(problem) = missing.min_by_key(|problem| place(&words.order, problem.key())) {
        let keys: Vec<String> =
            words.keys.iter().map(|key| format!("{}{key}", words.prefix)).collect();
        let (key, keys) = (words.shown(problem.key()), brief(&keys));
        return Some((
            true,
            if *of_dict {
                format!(
                    "Parameter '{key}' is missing in {file}, which contains parameters: {keys}. \
                     Please make sure source and target networks have the same prefix.{NAMING}"
                )
            } else {
                format!(
                    "Parameter '{key}' is missing in {file}, which contains parameters: {keys}. \
                     Set allow_missing=True to ignore missing parameters."
                )
            },
        ));
    }
    let first = report.problems.iter().min_by_key(|problem| place(&words.keys, problem.key()))?;
    let name = words.names.get(first.key()).map_or(first.key(), String::as_str);
    match first {
        Problem::Extra { key, .. } if *of_dict => Some((
            true,
            format!(
                "Parameter '{key}' loaded from {file} is not present in ParameterDict, choices \
                 are: {}. Set ignore_extra to True to ignore. Please make sure source and target \
                 networks have the same prefix.{NAMING}",
                brief(&words.choices)
            ),
        )),
        Problem::Extra { key, .. } => Some((
            false,
            format!(
                "Parameter '{key}' loaded from {file} is not present in ParameterDict, which \
                 contains parameters {}. Set ignore_extra=True to ignore. ",
                brief(&words.choices)
            ),
        )),
        Problem::Shape { expected, found, .. } => Some((
            true,
            ranks_differ(expected, found, words.ready.iter().any(|own| own == name)).unwrap_or_else(|| format!(
                "Failed loading Parameter '{name}' from saved params: shape incompatible expected \
                 {} vs saved {}",
                shape_text(expected),
                shape_text(found)
            )),
        )),
        Problem::DType { expected, found, .. } => Some((
            true,
            format!(
                "Failed loading Parameter '{name}' from saved params: dtype incompatible expected \
                 {expected} vs saved <class 'numpy.{found}'>. Set cast_dtype=True to cast the \
                 dtype of saved params."
            ),
        )),
        _ => None,
    }
}

/// MXNet's words for a value of another rank whose sizes fit as far as there are some: it compares
/// pair by pair, and sees the difference later.
fn ranks_differ(expected: &Shape, found: &Shape, ready: bool) -> Option<String> {
    let pairs = expected.iter().zip(found.iter());
    let fits = pairs.clone().all(|(own, size)| own.is_none() || own == size);
    if expected.len() == found.len() || !fits || (found.len() > expected.len() && !ready) {
        return None;
    }
    let unified: Shape = pairs.map(|(own, size)| own.or(*size)).collect::<Vec<_>>().into();
    let (new, known) =
        if found.len() < expected.len() { (&unified, expected) } else { (found, &unified) };
    Some(format!(
        "Expected shape {} is incompatible with given shape {}.",
        shape_text(new),
        shape_text(known)
    ))
}

/// Names as MXNet lists them: of more than seven the first three and the last four.
fn brief(names: &[String]) -> String {
    let quoted = |names: &[String]| {
        names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ")
    };
    if names.len() <= 7 {
        return quoted(names);
    }
    let (head, tail) = (&names[..3], &names[names.len() - 4..]);
    format!("{}, ..., {}", quoted(head), quoted(tail))
}
