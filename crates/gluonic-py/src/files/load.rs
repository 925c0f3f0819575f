//! Loads: of a block's tree or a set of parameters, from a file or a dictionary of arrays.

use std::path::PathBuf;

use gluonic::checkpoint::{Checkpoint, DTypeSource, LoadOptions, LoadPolicy, OnConflict, SaveLoad};
use gluonic::name::ParamPath;
use gluonic::{BlockExt, Error, NdArray, Parameter, ParameterDict, Snapshot};
use pyo3::exceptions::{PyAssertionError, PyAttributeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::placing::Placing;
use super::words::{Words, keys_of, load_error, restore_words};
use crate::array::NDArray;
use crate::block::{Block, Node};
use crate::context::ContextsArg;
use crate::dict::Dict;
use crate::errors::{OrRaise, told};
use crate::{waiting, warnings};

/// Where values come from.
struct Source {
    checkpoint: Checkpoint,
    /// None for a dictionary.
    file: Option<PathBuf>,
}

impl Source {
    fn file(py: Python<'_>, file: PathBuf) -> PyResult<Self> {
        let checkpoint = waiting::run(py, "open", || Checkpoint::open(&file))?;
        Ok(Source { checkpoint, file: Some(file) })
    }

    /// How Gluon's words call it, which are others for loads by the names of parameters.
    fn shown(&self, by_name: bool) -> String {
        match &self.file {
            Some(file) if by_name => format!("file: {}", file.display()),
            Some(file) => format!("file '{}'", file.display()),
            None => "param_dict".to_owned(),
        }
    }

    /// The arrays of a Python dictionary, by their names.
    fn values(values: &Bound<'_, PyDict>) -> PyResult<Self> {
        let mut state = Snapshot::new();
        for (name, value) in values.iter() {
            let array: NdArray = match value.cast::<NDArray>() {
                Ok(array) => array.get().get(),
                Err(_) => crate::array::from_object(&value, None)?,
            };
            state.insert(name.extract::<String>()?, &array).or_raise(values.py())?;
        }
        Ok(Source { checkpoint: Checkpoint::from(&state), file: None })
    }
}

/// Gluon's switches, as Python hands them over: a tuple in this order.
#[derive(FromPyObject)]
struct Switches(
    /* allow_missing */ bool,
    /* ignore_extra */ bool,
    /* cast_dtype */ bool,
    /* dtype_source */ String,
);

impl Switches {
    fn policy(&self) -> PyResult<LoadPolicy> {
        let &Switches(allow_missing, ignore_extra, cast_dtype, ref dtype_source) = self;
        let dtype_source = match dtype_source.as_str() {
            "saved" => DTypeSource::Saved,
            // Only a load that casts looks at it. MXNet's assertion has no text.
            _ if !cast_dtype => DTypeSource::Current,
            "current" => DTypeSource::Current,
            other => {
                return Err(PyAssertionError::new_err(format!(
                    "\ndtype_source must be 'current' or 'saved', but got '{other}'"
                )));
            }
        };
        let options = LoadOptions { allow_missing, ignore_extra, cast_dtype, dtype_source };
        // Of several values for a tied parameter the last one counts, as in MXNet.
        Ok(LoadPolicy { conflict: OnConflict::Last, ..options.into() })
    }
}

/// What is loaded into.
trait Target: Sync {
    fn parameters(&self) -> Vec<Parameter>;

    /// The exception for arrays that have no names.
    fn nameless(&self, hint: String) -> PyErr;

    fn load(&self, checkpoint: &Checkpoint, policy: &LoadPolicy) -> gluonic::Result<()>;

    /// The exception for a load that failed.
    fn raise(&self, py: Python<'_>, source: Source, error: Error) -> PyErr;
}

/// Loads all of it, or nothing.
fn load(
    py: Python<'_>,
    target: &impl Target,
    source: Source,
    ctx: Option<ContextsArg>,
    switches: &Switches,
) -> PyResult<()> {
    let count = source.checkpoint.tensors().len();
    if count > 0 && !source.checkpoint.is_named() {
        let hint = format!("{} holds {count} arrays without names", source.shown(false));
        return Err(target.nameless(format!("{hint}; read it with nd.load")));
    }
    let policy = switches.policy()?;
    let placing = Placing::of(py, target.parameters(), ctx)?;
    waiting::run_raw(py, "load", || {
        target.load(&source.checkpoint, &policy)?;
        placing.carry_out()
    })?
    .map_err(|error| target.raise(py, source, error))?;
    warnings::issue(py)
}

/// Whether the keys of a file are names, as before there were paths.
fn is_older(checkpoint: &Checkpoint) -> bool {
    let tensors = checkpoint.tensors();
    !tensors.is_empty() && !tensors.iter().any(|tensor| tensor.name.contains('.'))
}

/// The names of parameters that have a value.
fn ready_of<'a>(parameters: impl Iterator<Item = &'a Parameter>) -> Vec<String> {
    parameters.filter(|own| own.is_initialized()).map(|own| own.name().to_string()).collect()
}

/// The tree of a block.
struct Tree<'a> {
    node: &'a Node,
    named: Vec<(ParamPath, Parameter)>,
}

impl<'a> Tree<'a> {
    fn of(node: &'a Node) -> Self {
        Tree { node, named: node.named_parameters() }
    }

    /// A parameter whose name does not begin with the block's prefix, if the file is of the older
    /// kind, whose keys are names without that: such a file MXNet does not load at all.
    fn outside(&self, checkpoint: &Checkpoint) -> Option<&str> {
        if !is_older(checkpoint) {
            return None;
        }
        let mut names = self.named.iter().map(|(_, parameter)| parameter.name());
        names.find(|name| !name.starts_with(self.node.prefix())).map(|name| &**name)
    }
}

impl Target for Tree<'_> {
    fn parameters(&self) -> Vec<Parameter> {
        self.named.iter().map(|(_, parameter)| parameter.clone()).collect()
    }

    fn nameless(&self, hint: String) -> PyErr {
        PyAttributeError::new_err(format!("'list' object has no attribute 'keys'\n{hint}"))
    }

    fn load(&self, checkpoint: &Checkpoint, policy: &LoadPolicy) -> gluonic::Result<()> {
        self.node.plan_load(checkpoint, policy)?.apply(self.node).map(drop)
    }

    fn raise(&self, py: Python<'_>, source: Source, error: Error) -> PyErr {
        if let Some(outside) = self.outside(&source.checkpoint) {
            let first = restore_words(outside, self.node.prefix());
            return PyAssertionError::new_err(format!("{first}\n{}", told(&error)));
        }
        let names = self.named.iter();
        let names = names.map(|(path, own)| (path.to_string(), own.name().to_string()));
        // MXNet loads a file of the older kind as `ParameterDict.load` does.
        let older = is_older(&source.checkpoint);
        let all = || self.named.iter().map(|(_, own)| own.name().to_string()).collect();
        let words = Words {
            keys: keys_of(&source.checkpoint),
            file: source.shown(older),
            order: self.named.iter().map(|(path, _)| path.to_string()).collect(),
            names: names.collect(),
            choices: if older { all() } else { self.node.own_names() },
            of_dict: older,
            prefix: if older { self.node.prefix().to_owned() } else { String::new() },
            ready: ready_of(self.named.iter().map(|(_, own)| own)),
        };
        load_error(py, error, &words)
    }
}

/// A set of parameters, the values of which have names without the prefix.
struct Set<'a> {
    dict: ParameterDict,
    restore_prefix: &'a str,
}

impl Target for Set<'_> {
    fn parameters(&self) -> Vec<Parameter> {
        self.dict.iter().cloned().collect()
    }

    fn nameless(&self, hint: String) -> PyErr {
        PyValueError::new_err(format!("too many values to unpack (expected 2)\n{hint}"))
    }

    fn load(&self, checkpoint: &Checkpoint, policy: &LoadPolicy) -> gluonic::Result<()> {
        let plan = self.dict.plan_load(checkpoint, self.restore_prefix, policy)?;
        plan.apply(&self.dict).map(drop)
    }

    fn raise(&self, py: Python<'_>, source: Source, error: Error) -> PyErr {
        if let Error::Prefix { name, prefix } = &error {
            return PyAssertionError::new_err(restore_words(name, prefix));
        }
        let names: Vec<String> = self.dict.names().map(ToString::to_string).collect();
        let words = Words {
            keys: keys_of(&source.checkpoint),
            file: source.shown(true),
            order: names.clone(),
            names: names.iter().map(|name| (name.clone(), name.clone())).collect(),
            choices: names,
            of_dict: true,
            prefix: self.restore_prefix.to_owned(),
            ready: ready_of(self.dict.iter()),
        };
        load_error(py, error, &words)
    }
}

#[pymethods]
impl Block {
    fn _load(
        &self,
        py: Python<'_>,
        file: PathBuf,
        ctx: Option<ContextsArg>,
        switches: Switches,
    ) -> PyResult<()> {
        load(py, &Tree::of(self.node()?), Source::file(py, file)?, ctx, &switches)
    }

    fn _load_dict(
        &self,
        py: Python<'_>,
        values: &Bound<'_, PyDict>,
        ctx: Option<ContextsArg>,
        switches: Switches,
    ) -> PyResult<()> {
        load(py, &Tree::of(self.node()?), Source::values(values)?, ctx, &switches)
    }
}

#[pymethods]
impl Dict {
    fn _load(
        &self,
        py: Python<'_>,
        file: PathBuf,
        ctx: Option<ContextsArg>,
        restore_prefix: &str,
        switches: Switches,
    ) -> PyResult<()> {
        let target = Set { dict: self.get(py)?, restore_prefix };
        load(py, &target, Source::file(py, file)?, ctx, &switches)
    }

    fn _load_dict(
        &self,
        py: Python<'_>,
        values: &Bound<'_, PyDict>,
        ctx: Option<ContextsArg>,
        restore_prefix: &str,
        switches: Switches,
    ) -> PyResult<()> {
        let target = Set { dict: self.get(py)?, restore_prefix };
        load(py, &target, Source::values(values)?, ctx, &switches)
    }
}
