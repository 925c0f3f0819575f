//! Element types from and to what Python calls them.

use gluonic::DType;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyString, PyType};

/// An element type as an argument: a text, a NumPy type or dtype, a type of Python.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DTypeArg(pub(crate) DType);

impl<'py> FromPyObject<'_, 'py> for DTypeArg {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let name: String = if let Ok(text) = object.cast::<PyString>() {
            text.to_cow()?.into_owned()
        } else if let Ok(kind) = object.cast::<PyType>() {
            // Python's own types mean what they mean to NumPy.
            match &*kind.name()?.to_cow()? {
                "float" => "float64".to_owned(),
                "int" => "int64".to_owned(),
                "bool_" => "bool".to_owned(),
                name => name.to_owned(),
            }
        } else if let Ok(name) = object.getattr("name") {
            name.extract()?
        } else {
            return Err(unknown(&object.repr()?.to_string()));
        };
        DType::from_name(&name).map(DTypeArg).ok_or_else(|| unknown(&format!("'{name}'")))
    }
}

fn unknown(what: &str) -> PyErr {
    let names: Vec<&str> = DType::ALL.iter().map(|dtype| dtype.name()).collect();
    PyTypeError::new_err(format!(
        "data type {what} not understood\nknown are: {}",
        names.join(", ")
    ))
}

/// The type of NumPy's scalars of an element type: `numpy.float32`. NumPy has no bfloat16: for it
/// there is a class of that name in `gluonic`.
pub(crate) fn scalar_type<'py>(py: Python<'py>, dtype: DType) -> PyResult<Bound<'py, PyAny>> {
    static TYPES: PyOnceLock<Vec<Py<PyAny>>> = PyOnceLock::new();
    let types = TYPES.get_or_try_init(py, || {
        let numpy = py.import("numpy")?;
        DType::ALL
            .iter()
            .map(|dtype| {
                Ok(match dtype {
                    DType::Bool => numpy.getattr("bool_")?.unbind(),
                    DType::BF16 => py.import("gluonic._dtype")?.getattr("bfloat16")?.unbind(),
                    dtype => numpy.getattr(dtype.name())?.unbind(),
                })
            })
            .collect::<PyResult<Vec<_>>>()
    })?;
    let position = DType::ALL.iter().position(|known| *known == dtype);
    let position = position.ok_or_else(|| unknown(dtype.name()))?;
    Ok(types[position].bind(py).clone())
}
