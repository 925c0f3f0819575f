//! Operations, by the names that gluonic gives them; `python/gluonic` has MXNet's names.

use std::sync::atomic::{AtomicBool, Ordering};

use gluonic::{Dims, NdArray, Shape};
use pyo3::exceptions::{PyAssertionError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::array::{ArrayArg, Dialect, wrap};
use crate::dtype::DTypeArg;
use crate::errors::OrRaise;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    for function in [
        wrap_pyfunction!(set_np, module)?,
        wrap_pyfunction!(is_np_array, module)?,
        wrap_pyfunction!(is_np_shape, module)?,
        wrap_pyfunction!(sum, module)?,
        wrap_pyfunction!(reshape, module)?,
        wrap_pyfunction!(abs, module)?,
        wrap_pyfunction!(random_uniform, module)?,
    ] {
        module.add_function(function)?;
    }
    Ok(())
}

static NP_ARRAY: AtomicBool = AtomicBool::new(false);
static NP_SHAPE: AtomicBool = AtomicBool::new(false);

/// Says whether blocks and parameters speak the dialect of `mx.np`, and whether 0 is a size.
#[pyfunction]
fn set_np(array: bool, shape: bool) {
    NP_ARRAY.store(array, Ordering::Relaxed);
    NP_SHAPE.store(shape, Ordering::Relaxed);
}

#[pyfunction]
fn is_np_array() -> bool {
    NP_ARRAY.load(Ordering::Relaxed)
}

#[pyfunction]
fn is_np_shape() -> bool {
    NP_SHAPE.load(Ordering::Relaxed)
}

/// The dialect of what blocks and parameters make.
pub(crate) fn current_dialect(_: Python<'_>) -> PyResult<Dialect> {
    Ok(if is_np_array() { Dialect::Np } else { Dialect::Nd })
}

/// The sizes of an array as an argument: a number, or several.
#[derive(Clone, Debug)]
pub(crate) struct DimsArg(pub(crate) Dims);

impl<'py> FromPyObject<'_, 'py> for DimsArg {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(one) = object.extract::<usize>() {
            return Ok(DimsArg(Dims::from(one)));
        }
        Ok(DimsArg(Dims::from(object.extract::<Vec<usize>>()?)))
    }
}

/// A shape as an argument: a number, or several, of which some may be unknown.
#[derive(Clone, Debug)]
pub(crate) struct ShapeArg(pub(crate) Shape);

impl<'py> FromPyObject<'_, 'py> for ShapeArg {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let sizes = match object.extract::<i64>() {
            Ok(one) => vec![one],
            Err(_) => object.extract::<Vec<i64>>().map_err(|_| {
                let found = object.get_type();
                PyTypeError::new_err(format!("expected a shape, found {found}"))
            })?,
        };
        // Under NumPy's semantics 0 is a size and -1 is unknown; before, 0 is unknown.
        let size = |size: i64| match (size, is_np_shape()) {
            (-1, true) | (0, false) => Ok(None),
            (0.., _) => Ok(Some(size as usize)),
            _ => Err(PyAssertionError::new_err(format!(
                "shape dimension size cannot be less than 0, while received {size}"
            ))),
        };
        let sizes: PyResult<Vec<Option<usize>>> = sizes.into_iter().map(size).collect();
        Ok(ShapeArg(Shape::from(sizes?)))
    }
}

/// A shape as a tuple, with `unknown` for sizes that are not known.
pub(crate) fn shape_to_py<'py>(
    py: Python<'py>,
    shape: &Shape,
    unknown: i64,
) -> PyResult<Bound<'py, PyTuple>> {
    PyTuple::new(py, shape.iter().map(|size| size.map_or(unknown, |size| size as i64)))
}

/// The result of an operation on one array, in its dialect.
fn result<'py>(
    py: Python<'py>,
    x: &ArrayArg,
    f: impl FnOnce(&NdArray) -> gluonic::Result<NdArray> + Send,
) -> PyResult<Bound<'py, PyAny>> {
    let array = py.detach(|| f(&x.array)).or_raise(py)?;
    wrap(py, array, x.dialect)
}

#[pyfunction]
fn sum(
    py: Python<'_>,
    x: ArrayArg,
    axes: Option<Vec<isize>>,
    keepdims: bool,
) -> PyResult<Bound<'_, PyAny>> {
    result(py, &x, |x| match &axes {
        Some(axes) => x.sum_axes(axes, keepdims),
        None if keepdims => x.sum_axes(&(0..x.rank() as isize).collect::<Vec<_>>(), true),
        None => x.sum(),
    })
}

#[pyfunction]
fn reshape(py: Python<'_>, x: ArrayArg, dims: DimsArg) -> PyResult<Bound<'_, PyAny>> {
    result(py, &x, |x| x.reshape(dims.0))
}

#[pyfunction]
fn abs(py: Python<'_>, x: ArrayArg) -> PyResult<Bound<'_, PyAny>> {
    result(py, &x, NdArray::abs)
}

#[pyfunction]
fn random_uniform<'py>(
    py: Python<'py>,
    low: f64,
    high: f64,
    dims: DimsArg,
    dtype: DTypeArg,
    np: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let draw = || gluonic::ops::uniform(low, high, dims.0)?.cast(dtype.0);
    let drawn = py.detach(draw).or_raise(py)?;
    wrap(py, drawn, if np { Dialect::Np } else { Dialect::Nd })
}
