//! Positions, and elements in an order.

use gluonic::ops::Order;
use gluonic::{DType, NdArray, Result};
use pyo3::prelude::*;

use super::args::{Data, size_of};
use crate::array::Dialect;
use crate::dtype::DTypeArg;

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    for function in [
        wrap_pyfunction!(arg_best, module)?,
        wrap_pyfunction!(argsort, module)?,
        wrap_pyfunction!(sort, module)?,
        wrap_pyfunction!(topk, module)?,
        wrap_pyfunction!(cumsum, module)?,
    ] {
        module.add_function(function)?;
    }
    Ok(())
}

/// The position of the largest or smallest element along an axis, or of all. In `mx.nd` of the type
/// of the elements.
#[pyfunction]
fn arg_best(
    py: Python<'_>,
    x: Data,
    axis: Option<isize>,
    keep_dims: bool,
    largest: bool,
) -> PyResult<Bound<'_, PyAny>> {
    let dialect = x.dialect;
    x.compute(py, |x| {
        let best = |x: &NdArray, axis: isize, keep: bool| {
            if largest { x.argmax(axis, keep) } else { x.argmin(axis, keep) }
        };
        let found = if let Some(axis) = axis {
            best(x, axis, keep_dims)?
        } else {
            let found = best(&x.reshape(x.elem_count())?, 0, false)?;
            if keep_dims { found.reshape(vec![1; x.rank()])? } else { found }
        };
        if dialect == Dialect::Nd { found.cast(x.dtype()) } else { Ok(found) }
    })
}

fn order(ascending: bool) -> Order {
    if ascending { Order::Ascending } else { Order::Descending }
}

/// The array itself, or in one row when no axis is named.
fn along(x: &NdArray, axis: Option<isize>) -> Result<(NdArray, isize)> {
    match axis {
        Some(axis) => Ok((x.clone(), axis)),
        None => Ok((x.reshape(x.elem_count())?, 0)),
    }
}

#[pyfunction]
fn argsort(
    py: Python<'_>,
    x: Data,
    axis: Option<isize>,
    ascending: bool,
    dtype: DTypeArg,
) -> PyResult<Bound<'_, PyAny>> {
    x.compute(py, |x| {
        let (x, axis) = along(x, axis)?;
        let found = x.argsort(axis, order(ascending))?;
        if found.dtype() == dtype.0 { Ok(found) } else { found.cast(dtype.0) }
    })
}

#[pyfunction]
fn sort(
    py: Python<'_>,
    x: Data,
    axis: Option<isize>,
    ascending: bool,
) -> PyResult<Bound<'_, PyAny>> {
    x.compute(py, |x| {
        let (x, axis) = along(x, axis)?;
        x.sort(axis, order(ascending))
    })
}

/// The first `k` elements in an order: their values and positions, and a mask of where they are.
/// Without a `k` above 0 all.
#[pyfunction]
fn topk<'py>(
    py: Python<'py>,
    x: Data,
    axis: Option<isize>,
    k: i64,
    ascending: bool,
    dtype: DTypeArg,
    mask: bool,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    x.compute_all(py, |x| {
        let whole = x;
        let (x, axis) = along(whole, axis)?;
        let k = usize::try_from(k).ok().filter(|k| *k > 0);
        let k = k.or(size_of(&x, axis)).unwrap_or(0);
        let (values, positions) = x.topk(k, axis, order(ascending))?;
        if mask {
            let zeros = NdArray::zeros(x.dims().clone(), DType::F32)?;
            let ones = NdArray::ones(positions.dims().clone(), DType::F32)?;
            let mask = zeros.scatter_add(&positions, &ones, axis)?;
            return Ok(vec![mask.reshape(whole.dims().clone())?.cast(whole.dtype())?]);
        }
        Ok(vec![values, positions.cast(dtype.0)?])
    })
}

#[pyfunction]
fn cumsum(
    py: Python<'_>,
    x: Data,
    axis: Option<isize>,
    dtype: Option<DTypeArg>,
) -> PyResult<Bound<'_, PyAny>> {
    x.compute(py, |x| {
        let (x, axis) = along(x, axis)?;
        match dtype {
            Some(dtype) if dtype.0 != x.dtype() => x.cast(dtype.0)?.cumsum(axis),
            None if x.dtype() == DType::Bool => x.cast(DType::F32)?.cumsum(axis),
            _ => x.cumsum(axis),
        }
    })
}
