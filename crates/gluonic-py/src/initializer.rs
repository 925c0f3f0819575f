//! Initializers: gluonic's by their text, and those that a user writes in Python.

use std::fmt;
use std::sync::Arc;

use gluonic::init::{self, InitDesc, Initializer};
use gluonic::random::Address;
use gluonic::{NdArray, Result};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::array::{ArrayArg, wrap};
use crate::callback::call_python;
use crate::errors::OrRaise;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(init_fill, module)?)?;
    module.add_function(wrap_pyfunction!(init_dumps, module)?)
}

/// An initializer as an argument: a text, or an object of `gluonic.init`.
pub(crate) struct InitArg(pub(crate) Arc<dyn Initializer>);

impl<'py> FromPyObject<'_, 'py> for InitArg {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let py = object.py();
        // A text may name an initializer that was registered in Python.
        let object = create(py)?.call1((object,))?;
        let native = object.getattr("_native_text")?.call0()?;
        if native.is_none() {
            return Ok(InitArg(Arc::new(PyInitializer { object: Arc::new(object.unbind()) })));
        }
        Ok(InitArg(init::loads(&native.extract::<String>()?).or_raise(py)?))
    }
}

/// `gluonic.initializer.later`.
fn create(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static CREATE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let create = CREATE.get_or_try_init(py, || {
        Ok::<_, PyErr>(py.import("gluonic.initializer")?.getattr("later")?.unbind())
    })?;
    Ok(create.bind(py))
}

/// An initializer that is written in Python.
#[derive(Clone)]
struct PyInitializer {
    object: Arc<Py<PyAny>>,
}

impl fmt::Debug for PyInitializer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Python::attach(|py| f.write_str(&self.object.bind(py).to_string()))
    }
}

impl Initializer for PyInitializer {
    fn init_weight(&self, desc: &InitDesc, data: &NdArray, _address: &Address) -> Result<()> {
        call_python("initializer", |py| {
            let dialect = crate::ops::current_dialect(py)?;
            let data = wrap(py, data.clone(), dialect)?;
            self.object.bind(py).call_method1("_fill", (&*desc.name, data))?;
            Ok(())
        })
    }

    fn dumps(&self) -> String {
        let text = Python::attach(|py| self.object.bind(py).call_method0("dumps")?.extract());
        // An initializer without a text is known by its class: two of one class count as equal.
        text.unwrap_or_else(|_| format!("{self:?}"))
    }
}

/// Fills an array as one of gluonic's initializers does, with the next random numbers.
#[pyfunction]
fn init_fill(py: Python<'_>, text: &str, name: &str, data: ArrayArg) -> PyResult<()> {
    let init = init::loads(text).or_raise(py)?;
    let desc = InitDesc {
        name: name.into(),
        path: name.into(),
        dims: data.array.dims().clone(),
        dtype: data.array.dtype(),
        layout: init::Layout::Dense,
    };
    let address = gluonic::random::fork(name);
    py.detach(|| init.init_weight(&desc, &data.array, &address)).or_raise(py)
}

/// The text of an initializer as gluonic writes it.
#[pyfunction]
fn init_dumps(py: Python<'_>, text: &str) -> PyResult<String> {
    Ok(init::loads(text).or_raise(py)?.dumps())
}
