//! Samples as one array.

use gluonic::Result;
use gluonic::data::{Batch, Sample};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::array::{ArrayArg, Dialect, wrap};
use crate::errors::OrRaise;

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(stack_samples, module)?)?;
    module.add_function(wrap_pyfunction!(pad_samples, module)?)
}

fn batch_of<'py>(
    py: Python<'py>,
    arrays: Vec<ArrayArg>,
    join: impl FnOnce(&[Sample]) -> Result<Batch> + Send,
) -> PyResult<Bound<'py, PyAny>> {
    let dialect = arrays.first().map_or(Dialect::Nd, |array| array.dialect);
    let samples: Vec<Sample> = arrays.into_iter().map(|array| array.array.into()).collect();
    let batch = py.detach(|| join(&samples)).or_raise(py)?;
    let array = batch.first().ok_or_else(|| PyTypeError::new_err("there is no sample"))?;
    wrap(py, array.clone(), dialect)
}

/// Arrays along a new first axis.
#[pyfunction]
fn stack_samples<'py>(py: Python<'py>, arrays: Vec<ArrayArg>) -> PyResult<Bound<'py, PyAny>> {
    batch_of(py, arrays, Batch::stack)
}

/// Arrays along a new first axis, the smaller ones filled up.
#[pyfunction]
fn pad_samples<'py>(
    py: Python<'py>,
    arrays: Vec<ArrayArg>,
    value: f64,
) -> PyResult<Bound<'py, PyAny>> {
    batch_of(py, arrays, |samples| Batch::pad(samples, value))
}
