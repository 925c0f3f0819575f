//! What Gluon's own cells do with arrays, step by step.

use gluonic::{NdArray, context};
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::array::{ArrayArg, list_to_py, wrap};
use crate::errors::OrRaise;
use crate::ops::dropped;

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(steps, module)?)?;
    module.add_function(wrap_pyfunction!(zoneout, module)?)?;
    module.add_function(wrap_pyfunction!(dropout_once, module)?)
}

/// The parts of an array along an axis, without that axis.
#[pyfunction]
fn steps(py: Python<'_>, x: ArrayArg, axis: isize) -> PyResult<Bound<'_, PyList>> {
    let parts = py.detach(|| {
        let first = x.array.swap_axes(0, axis)?;
        let n = first.dims().first().copied().unwrap_or(0);
        (0..n).map(|i| first.row(i as isize)).collect::<gluonic::Result<Vec<_>>>()
    });
    list_to_py(py, parts.or_raise(py)?, x.dialect)
}

/// In training, a new array with elements of an old one, each with probability `rate`; otherwise
/// the new one.
#[pyfunction]
fn zoneout<'py>(
    py: Python<'py>,
    rate: f64,
    new: ArrayArg,
    old: Option<ArrayArg>,
) -> PyResult<Bound<'py, PyAny>> {
    let zone = || {
        let new = &new.array;
        let old = match &old {
            Some(old) => old.array.clone(),
            None => NdArray::zeros(new.dims(), new.dtype())?,
        };
        let ones = NdArray::ones(new.dims(), new.dtype())?;
        gluonic::ops::dropout(&ones, rate)?.select(new, &old)
    };
    let zoned = py.detach(|| context::with(new.array.context(), zone));
    wrap(py, zoned.or_raise(py)?, new.dialect)
}

/// In training, zeroes elements with probability `rate`, those along the axes given together.
#[pyfunction]
fn dropout_once(
    py: Python<'_>,
    x: ArrayArg,
    rate: f64,
    axes: Vec<isize>,
) -> PyResult<Bound<'_, PyAny>> {
    let drop = || dropped(&x.array, rate, &axes);
    let y = py.detach(|| context::with(x.array.context(), drop));
    wrap(py, y.or_raise(py)?, x.dialect)
}
