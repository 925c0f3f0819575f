//! Calling Python from gluonic.

use gluonic::{Error, Result};
use pyo3::prelude::*;

use crate::errors::from_py;

/// Runs a piece of a user's Python code inside a verb of gluonic. What it raises travels through
/// gluonic and is raised again by the verb, as it was.
pub(crate) fn call_python<R>(
    what: &str,
    f: impl for<'py> FnOnce(Python<'py>) -> PyResult<R>,
) -> Result<R, Error> {
    Python::attach(|py| f(py).map_err(|error| from_py(what, error)))
}
