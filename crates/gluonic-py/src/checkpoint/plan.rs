//! `LoadPlan`: what a load will do, and the policy that decides it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use gluonic::checkpoint::{LoadPolicy, OnConflict, OnDType, OnMisfit, PrefixRule, SaveLoad};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::{Checkpoint, rules};
use crate::block::Block;
use crate::errors::OrRaise;
use crate::snapshot::Snapshot;
use crate::waiting;

/// What a load will do, parameter by parameter. Prints as a table. Nothing changes before `apply`.
///
/// >>> plan = net.plan_load("old.params", dtype="cast", prefix="auto")
/// >>> print(plan)
/// >>> plan.apply()
#[pyclass(frozen, module = "gluonic")]
pub(crate) struct LoadPlan {
    plan: gluonic::checkpoint::LoadPlan,
    block: Py<Block>,
}

#[pymethods]
impl LoadPlan {
    /// Whether the load would succeed.
    #[getter]
    fn fits(&self) -> bool {
        self.plan.problems().is_empty()
    }

    /// Every problem as a text.
    #[getter]
    fn problems(&self) -> Vec<String> {
        self.plan.problems().iter().map(ToString::to_string).collect()
    }

    /// The steps: what happens, to which keys, from which tensor.
    #[getter]
    fn steps(&self) -> Vec<(String, Vec<String>, Option<String>)> {
        let steps = self.plan.steps().iter();
        steps
            .map(|step| {
                let keys = step.keys.iter().map(ToString::to_string).collect();
                (step.action.to_string(), keys, step.tensor.as_ref().map(ToString::to_string))
            })
            .collect()
    }

    /// The bytes that are read.
    #[getter]
    fn bytes(&self) -> usize {
        self.plan.bytes()
    }

    /// Carries the plan out: all of it, or nothing.
    fn apply(&self, py: Python<'_>) -> PyResult<()> {
        let node = self.block.get().node()?;
        waiting::run(py, "load", || self.plan.apply(&**node))?;
        Ok(())
    }

    fn __repr__(&self) -> String {
        self.plan.to_string()
    }
}

/// A file to load from.
#[derive(FromPyObject)]
enum Source<'py> {
    Checkpoint(Bound<'py, Checkpoint>),
    Snapshot(Bound<'py, Snapshot>),
    File(PathBuf),
}

/// A word for what is done about a misfit.
fn misfit(argument: &str, word: &str) -> PyResult<OnMisfit> {
    match word {
        "error" => Ok(OnMisfit::Error),
        "warn" => Ok(OnMisfit::Warn),
        "ignore" => Ok(OnMisfit::Ignore),
        _ => Err(unknown(argument, word, "'error', 'warn' or 'ignore'")),
    }
}

fn unknown(argument: &str, word: &str, known: &str) -> PyErr {
    PyValueError::new_err(format!("{argument} must be {known}, not '{word}'"))
}

/// How keys of the file become the model's: `'exact'`, `'auto'`, `('strip', prefix)` or
/// `('add', prefix)`.
fn prefix_rule(value: &Bound<'_, PyAny>) -> PyResult<PrefixRule> {
    if let Ok(word) = value.cast::<PyString>() {
        return match &*word.to_cow()? {
            "exact" => Ok(PrefixRule::Exact),
            "auto" => Ok(PrefixRule::Auto),
            other => {
                let known = "'exact', 'auto', ('strip', prefix) or ('add', prefix)";
                Err(unknown("prefix", other, known))
            }
        };
    }
    let (word, prefix): (String, String) = value.extract().map_err(|_| {
        PyTypeError::new_err("prefix must be a word or a pair such as ('strip', 'module.')")
    })?;
    match word.as_str() {
        "strip" => Ok(PrefixRule::strip(&prefix)),
        "add" => Ok(PrefixRule::add(&prefix)),
        other => Err(unknown("prefix", other, "('strip', prefix) or ('add', prefix)")),
    }
}

#[pymethods]
impl Block {
    /// Compares a file with the model and says what a load will do. Nothing changes before
    /// `plan.apply()`.
    ///
    /// `missing`, `extra` and `shape` are `'error'`, `'warn'` or `'ignore'`; `dtype` is one of
    /// these, or `'cast'`, or `'take_saved'`; `conflict`, for tied parameters of which the file has
    /// several values, `'error'`, `'first'` or `'last'`; `prefix` is `'exact'`, `'auto'`,
    /// `('strip', p)` or `('add', p)`; `rename` rules as a text; `transposed` a dictionary from the
    /// model's keys to the file's; `select` a selector of what is to be loaded; `at_least` the
    /// share of the elements that must be loaded.
    #[pyo3(signature = (source, *, missing = "error", extra = "error", shape = "error",
                        dtype = "error", conflict = "error", prefix = None, rename = None,
                        transposed = None, select = None, at_least = None))]
    #[expect(clippy::too_many_arguments, reason = "they are the policy of the engine")]
    fn plan_load(
        slf: &Bound<'_, Self>,
        source: Source<'_>,
        missing: &str,
        extra: &str,
        shape: &str,
        dtype: &str,
        conflict: &str,
        prefix: Option<&Bound<'_, PyAny>>,
        rename: Option<&str>,
        transposed: Option<BTreeMap<String, String>>,
        select: Option<&str>,
        at_least: Option<f64>,
    ) -> PyResult<LoadPlan> {
        let py = slf.py();
        let policy = LoadPolicy {
            missing: misfit("missing", missing)?,
            extra: misfit("extra", extra)?,
            shape: misfit("shape", shape)?,
            dtype: match dtype {
                "cast" => OnDType::Cast,
                "take_saved" => OnDType::TakeSaved,
                "error" => OnDType::Error,
                "warn" => OnDType::Warn,
                "ignore" => OnDType::Ignore,
                other => {
                    let known = "'error', 'cast', 'take_saved', 'warn' or 'ignore'";
                    return Err(unknown("dtype", other, known));
                }
            },
            conflict: match conflict {
                "error" => OnConflict::Error,
                "first" => OnConflict::First,
                "last" => OnConflict::Last,
                other => return Err(unknown("conflict", other, "'error', 'first' or 'last'")),
            },
            prefix: prefix.map_or(Ok(PrefixRule::Exact), prefix_rule)?,
            rename: rename.map(|text| rules(py, text)).transpose()?,
            transposed: transposed
                .into_iter()
                .flatten()
                .map(|(to, from)| (to.into(), from.into()))
                .collect(),
            select: select.map(str::parse).transpose().or_raise(py)?,
            at_least,
        };
        let node = slf.get().node()?;
        let plan = match source {
            Source::Checkpoint(file) => {
                let file = file.get().get();
                py.detach(|| node.plan_load(file, &policy))
            }
            Source::Snapshot(state) => {
                let state = state.get().get();
                py.detach(|| node.plan_load(&(&state).into(), &policy))
            }
            Source::File(file) => py.detach(|| {
                let file = gluonic::checkpoint::Checkpoint::open(file)?;
                node.plan_load(&file, &policy)
            }),
        };
        Ok(LoadPlan { plan: plan.or_raise(py)?, block: slf.clone().unbind() })
    }
}
