//! Gluon's words about a load that failed.

use std::collections::HashMap;

use gluonic::checkpoint::{Checkpoint, LoadReport, Problem};
use gluonic::{Error, Shape};
use pyo3::exceptions::{PyAssertionError, PyValueError};
use pyo3::prelude::*;

use crate::errors::{shape_text, to_py, told};

pub(super) const NAMING: &str = "For more info on naming, please see \
     https://mxnet.io/api/python/docs/tutorials/packages/gluon/blocks/naming.html";

/// That a name does not start with the prefix that is left out.
pub(super) fn restore_words(name: &str, prefix: &str) -> String {
    format!(
        "restore_prefix is '{prefix}' but Parameters name '{name}' does not start with '{prefix}'. \
         {NAMING}"
    )
}

/// The names of a file's tensors, without the marks of MXNet's older files.
pub(super) fn keys_of(checkpoint: &Checkpoint) -> Vec<String> {
    let plain = |name: &str| {
        let bare = name.strip_prefix("arg:").or_else(|| name.strip_prefix("aux:"));
        bare.unwrap_or(name).to_owned()
    };
    checkpoint.tensors().iter().map(|tensor| plain(&tensor.name)).collect()
}

/// What Gluon's words about a load that failed are made of.
pub(super) struct Words {
    /// The file as the text shows it.
    pub(super) file: String,
    /// The file's keys in order.
    pub(super) keys: Vec<String>,
    /// The model's keys in order.
    pub(super) order: Vec<String>,
    /// The parameters' names by these keys.
    pub(super) names: HashMap<String, String>,
    /// The names that MXNet lists where a key of the file is not known.
    pub(super) choices: Vec<String>,
    /// Whether a `ParameterDict` was loaded, which has other words.
    pub(super) of_dict: bool,
    /// What MXNet puts before the keys of the file.
    pub(super) prefix: String,
    /// The names of parameters that have a value.
    pub(super) ready: Vec<String>,
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
pub(super) fn load_error(py: Python<'_>, error: Error, words: &Words) -> PyErr {
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
        Problem::Shape { expected, found, .. } => {
            let ready = words.ready.iter().any(|own| own == name);
            Some((
                true,
                ranks_differ(expected, found, ready).unwrap_or_else(|| {
                    format!(
                        "Failed loading Parameter '{name}' from saved params: shape incompatible \
                         expected {} vs saved {}",
                        shape_text(expected),
                        shape_text(found)
                    )
                }),
            ))
        }
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
    let shorter = found.len() < expected.len();
    let (new, known) = if shorter { (&unified, expected) } else { (found, &unified) };
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
