//! Arrays to and from files.

use std::path::PathBuf;

use gluonic::NdArray;
use gluonic::checkpoint::{Arrays, Format};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use crate::array::{NDArray, list_to_py, wrap};
use crate::waiting;

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(save, module)?)?;
    module.add_function(wrap_pyfunction!(load, module)?)
}

const NOT_ARRAYS: &str = "save only accept dict str->NDArray or list of NDArray";

fn array(value: &Bound<'_, PyAny>) -> PyResult<NdArray> {
    match value.cast::<NDArray>() {
        Ok(array) => Ok(array.get().get().detach()),
        Err(_) => Err(PyTypeError::new_err(format!("{NOT_ARRAYS}\nfound {}", value.get_type()))),
    }
}

/// Writes one array, a list of them or a dictionary to a file, as MXNet does.
#[pyfunction]
fn save(py: Python<'_>, file: PathBuf, data: &Bound<'_, PyAny>) -> PyResult<()> {
    let arrays = if data.is_instance_of::<NDArray>() {
        Arrays::from(vec![array(data)?])
    } else if let Ok(map) = data.cast::<PyDict>() {
        let mut named: Vec<(String, NdArray)> = Vec::with_capacity(map.len());
        for (name, value) in map {
            let name = name.cast::<PyString>().map_err(|_| {
                PyTypeError::new_err(format!("{NOT_ARRAYS}\nfound the name {name}"))
            })?;
            named.push((name.to_cow()?.into_owned(), array(&value)?));
        }
        named.into_iter().collect()
    } else if let Ok(list) = data.cast::<PyList>() {
        Arrays::from(list.iter().map(|value| array(&value)).collect::<PyResult<Vec<_>>>()?)
    } else {
        return Err(PyValueError::new_err(format!(
            "data needs to either be a NDArray, dict of str, NDArray pairs or a list of NDarrays.\n\
             found {}",
            data.get_type()
        )));
    };
    waiting::run(py, "save", || arrays.save(&file, Some(Format::MxnetParams)))
}

/// What a file holds: a dictionary, or a list where the arrays have no names.
#[pyfunction]
fn load<'py>(py: Python<'py>, file: PathBuf, np: bool) -> PyResult<Bound<'py, PyAny>> {
    let arrays = waiting::run(py, "load", || Arrays::load(&file))?;
    let dialect = super::dialect(np);
    match arrays {
        Arrays::List(list) => Ok(list_to_py(py, list, dialect)?.into_any()),
        Arrays::Named(named) => {
            let map = PyDict::new(py);
            for (name, array) in named {
                map.set_item(&*name, wrap(py, array, dialect)?)?;
            }
            Ok(map.into_any())
        }
    }
}
