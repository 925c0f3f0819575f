//! Contexts: `cpu(0)` of Python, a class of `gluonic.context`.

use gluonic::Context;
use pyo3::exceptions::{PyAttributeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyList, PyString};

use crate::errors::MXNetError;

/// A context as an argument.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ContextArg(pub(crate) Context);

impl<'py> FromPyObject<'_, 'py> for ContextArg {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let words = (object.getattr("device_type"), object.getattr("device_id"));
        let (Ok(kind), Ok(number)) = words else {
            let found = object.get_type();
            return Err(PyTypeError::new_err(format!("expected a Context, found {found}")));
        };
        let (kind, number): (String, i64) = (kind.extract()?, number.extract()?);
        if !matches!(kind.as_str(), "cpu" | "cpu_pinned" | "cpu_shared") {
            return Err(MXNetError::new_err(format!(
                "MXNetError: GPU is not enabled\n{kind}({number}): gluonic computes on the CPU \
                 only; use cpu() instead"
            )));
        }
        let number = u16::try_from(number)
            .map_err(|_| PyValueError::new_err(format!("there is no context cpu({number})")))?;
        Ok(ContextArg(Context::cpu(number)))
    }
}

/// One context, or a list of them.
#[derive(Clone, Debug)]
pub(crate) struct ContextsArg(pub(crate) Vec<Context>);

impl<'py> FromPyObject<'_, 'py> for ContextsArg {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if object.hasattr("device_type")? {
            return Ok(ContextsArg(vec![object.extract::<ContextArg>()?.0]));
        }
        // MXNet looks for the number of its kind in whatever it is.
        if object.is_instance_of::<PyString>() || object.try_iter().is_err() {
            return Err(PyAttributeError::new_err(format!(
                "'{}' object has no attribute 'device_typeid'\npass cpu(), or a list of contexts",
                object.get_type().name()?
            )));
        }
        let many: Vec<ContextArg> = object.extract()?;
        Ok(ContextsArg(many.into_iter().map(|one| one.0).collect()))
    }
}

/// The context as Python's object.
pub(crate) fn to_py(py: Python<'_>, context: Context) -> PyResult<Bound<'_, PyAny>> {
    static CPU: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let cpu = CPU.get_or_try_init(py, || {
        Ok::<_, PyErr>(py.import("gluonic.context")?.getattr("cpu")?.unbind())
    })?;
    cpu.bind(py).call1((context.number(),))
}

pub(crate) fn list_to_py<'py>(
    py: Python<'py>,
    contexts: &[Context],
) -> PyResult<Bound<'py, PyList>> {
    let list: PyResult<Vec<_>> = contexts.iter().map(|context| to_py(py, *context)).collect();
    PyList::new(py, list?)
}
