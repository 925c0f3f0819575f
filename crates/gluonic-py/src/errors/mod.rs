//! Errors as Python's exceptions: the type and the first line are MXNet's where MXNet has the
//! error, what gluonic says about it comes on the next lines.

mod shapes;
mod words;

use std::error::Error as _;

use gluonic::Error;
use pyo3::create_exception;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

pub(crate) use self::shapes::{bracketed, count, known_text, shape_text, unreshaped};
use self::words::{DEFERRED, first_line};

create_exception!(gluonic.base, MXNetError, PyRuntimeError, "An operation failed.");
create_exception!(
    gluonic.gluon.parameter,
    DeferredInitializationError,
    MXNetError,
    "A parameter was used before its shape was known."
);

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add("MXNetError", py.get_type::<MXNetError>())?;
    module.add("DeferredInitializationError", py.get_type::<DeferredInitializationError>())
}

/// A result of gluonic as one of Python.
pub(crate) trait OrRaise<T> {
    /// The value, or the exception that the error is in Python.
    fn or_raise(self, py: Python<'_>) -> PyResult<T>;
}

impl<T> OrRaise<T> for gluonic::Result<T> {
    #[inline]
    fn or_raise(self, py: Python<'_>) -> PyResult<T> {
        self.map_err(|error| to_py(py, error))
    }
}

/// The exception that an error is in Python. One that was raised by a user's own code comes back
/// as it was, with its traceback.
pub(crate) fn to_py(py: Python<'_>, error: Error) -> PyErr {
    if let Error::User { source, .. } = error.root()
        && let Some(raised) = source.downcast_ref::<PyErr>()
    {
        return raised.clone_ref(py);
    }
    let told = told(&error);
    if let Error::UnknownParameter { name, .. } | Error::UnknownTensor { key: name, .. } =
        error.root()
    {
        return key_error(py, name, &told);
    }
    if let Error::Constant { name, problem } = error.root()
        && problem.starts_with("does not exist")
    {
        let first = format!(
            "No constant named '{name}'. Please specify value if you want to create a new constant."
        );
        return key_error(py, &first, "");
    }
    let (make, first) = first_line(&error);
    match first {
        Some(first) => make(format!("{first}\n{told}")),
        None => make(told),
    }
}

/// An error of Python's as one of gluonic, to be raised again by whoever called gluonic.
pub(crate) fn from_py(what: &str, error: PyErr) -> Error {
    Error::user(what, error)
}

/// A `KeyError` whose text is the key as MXNet prints it, and the hint below.
pub(crate) fn key_error(py: Python<'_>, key: &str, told: &str) -> PyErr {
    let make = || py.import("gluonic._errors")?.getattr("KeyError")?.call1((key, told));
    match make() {
        Ok(error) => PyErr::from_value(error),
        Err(error) => error,
    }
}

/// What gluonic says: the error with all its causes, and the way out.
pub(crate) fn told(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    match error.hint() {
        Some(hint) => format!("{text}\n{hint}"),
        None => text,
    }
}

/// The exception of a parameter that waits for its shape.
pub(crate) fn deferred(name: &str, error: &Error) -> PyErr {
    DeferredInitializationError::new_err(format!("Parameter '{name}' {DEFERRED}\n{}", told(error)))
}
