//! Data sets, transforms and loaders: gluonic's, and data sets that a user writes in Python.

mod batchify;
mod dataset;
mod loader;
mod tickets;
mod transforms;

use gluonic::{NdArray, data};
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::array::{ArrayArg, NDArray, list_to_py, wrap};
use crate::context::ContextArg;
use crate::errors::OrRaise;
use crate::ops::current_dialect;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<dataset::Data>()?;
    module.add_class::<transforms::PyTransform>()?;
    module.add_class::<loader::Loader>()?;
    module.add_class::<loader::LoadedBatches>()?;
    module.add_function(wrap_pyfunction!(split_data, module)?)?;
    module.add_function(wrap_pyfunction!(to_context, module)?)?;
    module.add_function(wrap_pyfunction!(permutation, module)?)?;
    module.add_function(wrap_pyfunction!(clip_arrays, module)?)?;
    batchify::register(module)
}

/// Arrays as a list of Python's objects, in the dialect of what blocks and parameters make.
fn to_list<'py>(py: Python<'py>, arrays: &[NdArray]) -> PyResult<Bound<'py, PyList>> {
    list_to_py(py, arrays.iter().cloned(), current_dialect(py)?)
}

/// An array in parts along an axis.
#[pyfunction]
fn split_data<'py>(
    py: Python<'py>,
    data: ArrayArg,
    n_slices: usize,
    batch_axis: isize,
    even_split: bool,
) -> PyResult<Bound<'py, PyList>> {
    let parts = data::split_data(&data.array, n_slices, batch_axis, even_split).or_raise(py)?;
    list_to_py(py, parts, data.dialect)
}

/// An array on another context.
#[pyfunction]
fn to_context<'py>(
    py: Python<'py>,
    data: ArrayArg,
    ctx: ContextArg,
) -> PyResult<Bound<'py, PyAny>> {
    wrap(py, data.array.to_context(ctx.0).or_raise(py)?, data.dialect)
}

/// Makes arrays shorter together. Returns the norm that they had.
#[pyfunction]
fn clip_arrays(py: Python<'_>, arrays: Vec<Bound<'_, NDArray>>, max_norm: f64) -> PyResult<f64> {
    let arrays: Vec<NdArray> = arrays.iter().map(|array| array.get().get()).collect();
    py.detach(|| gluonic::optim::clip_arrays(&arrays, max_norm)).or_raise(py)
}

/// The numbers below `n` in a random order.
#[pyfunction]
fn permutation(n: usize) -> Vec<usize> {
    gluonic::ops::permutation(n)
}
