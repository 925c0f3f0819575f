//! Reductions, positions and orders.

use gluonic::ops::Order;
use gluonic::{DType, NdArray, Result};
use pyo3::prelude::*;

use super::args::{Data, Numbers};
use super::{compute, compute_all};
use crate::array::Dialect;
use crate::dtype::DTypeArg;
use crate::errors::{MXNetError, bracketed};

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    for function in [
        wrap_pyfunction!(sum, module)?,
        wrap_pyfunction!(nansum, module)?,
        wrap_pyfunction!(nanprod, module)?,
        wrap_pyfunction!(mean, module)?,
        wrap_pyfunction!(prod, module)?,
        wrap_pyfunction!(max, module)?,
        wrap_pyfunction!(min, module)?,
        wrap_pyfunction!(norm, module)?,
        wrap_pyfunction!(var, module)?,
        wrap_pyfunction!(all, module)?,
        wrap_pyfunction!(any, module)?,
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

/// Which axes go: all without axes, and in `mx.nd` also of an empty list; `None` means that none
/// goes.
fn axes_of(
    x: &NdArray,
    axes: Option<&Numbers>,
    exclude: bool,
    dialect: Dialect,
) -> Option<Vec<isize>> {
    let rank = x.rank() as isize;
    let all = || (0..rank).collect::<Vec<_>>();
    let Some(Numbers(axes)) = axes else {
        return if exclude { None } else { Some(all()) };
    };
    if axes.is_empty() {
        return (dialect == Dialect::Nd).then(all);
    }
    if !exclude {
        return Some(axes.clone());
    }
    let named: Vec<isize> = axes.iter().map(|&a| if a < 0 { a + rank } else { a }).collect();
    let others: Vec<isize> = (0..rank).filter(|axis| !named.contains(axis)).collect();
    (!others.is_empty()).then_some(others)
}

/// Runs a reduction. Over no axis each element is its own.
fn reduced(
    x: &NdArray,
    axes: Option<&Numbers>,
    exclude: bool,
    dialect: Dialect,
    f: impl FnOnce(&NdArray, &[isize]) -> Result<NdArray>,
) -> Result<NdArray> {
    let x = if x.dtype() == DType::Bool { &x.cast(DType::F32)? } else { x };
    // A scalar has no axis to name: all are meant.
    if let Some(axes) = axes_of(x, axes, exclude, dialect) {
        return f(x, &axes);
    }
    let apart: Vec<usize> = x.dims().iter().copied().chain([1]).collect();
    f(&x.reshape(apart)?, &[-1])?.reshape(x.dims().clone())
}

/// Refuses axes that the array does not have, or that are named twice.
fn check_axes(x: &NdArray, axes: Option<&Numbers>) -> PyResult<()> {
    let Some(Numbers(axes)) = axes else { return Ok(()) };
    let rank = x.rank() as isize;
    let mut axes: Vec<isize> = axes.iter().map(|&a| if a < 0 { a + rank } else { a }).collect();
    axes.sort_unstable();
    let sizes = bracketed(&x.dims().clone().into());
    let told = if let Some(&[axis, _]) = axes.windows(2).find(|pair| pair[0] == pair[1]) {
        let all: Vec<String> = axes.iter().map(ToString::to_string).collect();
        let all = all.join(",");
        format!("axes[i-1] < axes[i] ({axis} vs. {axis}) : Reduction axes have duplicates [{all}]")
    } else if let Some(axis) = axes.last().filter(|&&axis| axis >= rank) {
        format!(
            "axes[axes.ndim()-1] < ishape.ndim() ({axis} vs. {rank}) : Reduction axis {axis} \
             Exceeds input dimensions {sizes}"
        )
    } else if let Some(axis) = axes.first().filter(|&&axis| axis < 0) {
        let given = axis - rank;
        format!(
            "axes[0] >= 0 ({axis} vs. 0) : Reduction axis [{given}] Exceeds input dimensions {sizes}"
        )
    } else {
        return Ok(());
    };
    Err(MXNetError::new_err(format!("MXNetError: Check failed: {told}")))
}

/// Of integers: computed in `f64` and cut off.
fn cut_off(x: &NdArray, f: impl FnOnce(&NdArray) -> Result<NdArray>) -> Result<NdArray> {
    if x.dtype().is_float() { f(x) } else { f(&x.cast(DType::F64)?)?.cast(x.dtype()) }
}

macro_rules! reductions {
    ($($name:ident |$x:ident, $axes:ident, $keep:ident| $f:expr;)*) => {$(
        #[pyfunction]
        #[pyo3(signature = (x, axes = None, keep_dims = false, exclude = false))]
        fn $name(
            py: Python<'_>,
            x: Data,
            axes: Option<Numbers>,
            keep_dims: bool,
            exclude: bool,
        ) -> PyResult<Bound<'_, PyAny>> {
            let Data { array, dialect } = x;
            check_axes(&array, axes.as_ref())?;
            let $keep = keep_dims;
            compute(py, array.elem_count(), dialect, || {
                reduced(&array, axes.as_ref(), exclude, dialect, |$x, $axes| $f)
            })
        }
    )*};
}

fn without_nan(x: &NdArray, value: f64) -> Result<NdArray> {
    if !x.dtype().is_float() {
        return Ok(x.clone());
    }
    x.ne_elem(x)?.select(&NdArray::full((), value, x.dtype())?, x)
}

/// Whether all elements are true, or any: as the smallest or the largest of zeros and ones.
fn truth(x: &NdArray, axes: &[isize], keep: bool, all: bool) -> Result<NdArray> {
    let one = x.ne_elem(&NdArray::full((), 0.0, x.dtype())?)?.cast(DType::F32)?;
    let count = one.sum_axes(axes, keep)?;
    let n = one.elem_count().checked_div(count.elem_count()).unwrap_or(0);
    let enough = NdArray::scalar(if all { n as f32 } else { 1.0 });
    count.ge(&enough)
}

reductions! {
    sum |x, axes, keep| x.sum_axes(axes, keep);
    nansum |x, axes, keep| without_nan(x, 0.0)?.sum_axes(axes, keep);
    nanprod |x, axes, keep| without_nan(x, 1.0)?.prod_axes(axes, keep);
    prod |x, axes, keep| x.prod_axes(axes, keep);
    max |x, axes, keep| x.max_axes(axes, keep);
    min |x, axes, keep| x.min_axes(axes, keep);
    all |x, axes, keep| truth(x, axes, keep, true);
    any |x, axes, keep| truth(x, axes, keep, false);
}

/// The means; of integers as `float32` in `mx.np`, cut off in `mx.nd`.
#[pyfunction]
#[pyo3(signature = (x, axes = None, keep_dims = false, exclude = false))]
fn mean(
    py: Python<'_>,
    x: Data,
    axes: Option<Numbers>,
    keep_dims: bool,
    exclude: bool,
) -> PyResult<Bound<'_, PyAny>> {
    let Data { array, dialect } = x;
    compute(py, array.elem_count(), dialect, || {
        reduced(&array, axes.as_ref(), exclude, dialect, |x, axes| match dialect {
            Dialect::Np if !x.dtype().is_float() => mean_of(&x.cast(DType::F32)?, axes, keep_dims),
            _ => cut_off(x, |x| mean_of(x, axes, keep_dims)),
        })
    })
}

/// The mean, which of nothing is 0 in MXNet.
fn mean_of(x: &NdArray, axes: &[isize], keep_dims: bool) -> Result<NdArray> {
    if x.elem_count() == 0 { x.sum_axes(axes, keep_dims) } else { x.mean_axes(axes, keep_dims) }
}

#[pyfunction]
#[pyo3(signature = (x, ord, axes = None, keep_dims = false))]
fn norm(
    py: Python<'_>,
    x: Data,
    ord: i64,
    axes: Option<Numbers>,
    keep_dims: bool,
) -> PyResult<Bound<'_, PyAny>> {
    if !matches!(ord, 1 | 2) {
        return Err(MXNetError::new_err(format!(
            "MXNetError: Check failed: param.ord == 1 || param.ord == 2: norm only supports ord=1 \
             and ord=2, found {ord}"
        )));
    }
    let Data { array, dialect } = x;
    compute(py, array.elem_count(), dialect, || {
        reduced(&array, axes.as_ref(), false, dialect, |x, axes| {
            cut_off(x, |x| match ord {
                1 => x.l1_norm(axes, keep_dims),
                _ => x.l2_norm(axes, keep_dims),
            })
        })
    })
}

/// The variance, or its root.
#[pyfunction]
#[pyo3(signature = (x, axes = None, correction = 0, keep_dims = false, root = false))]
fn var(
    py: Python<'_>,
    x: Data,
    axes: Option<Numbers>,
    correction: usize,
    keep_dims: bool,
    root: bool,
) -> PyResult<Bound<'_, PyAny>> {
    let Data { array, dialect } = x;
    compute(py, array.elem_count(), dialect, || {
        reduced(&array, axes.as_ref(), false, dialect, |x, axes| {
            cut_off(x, |x| {
                let var = x.var_axes(axes, correction, keep_dims)?;
                if root { var.sqrt() } else { Ok(var) }
            })
        })
    })
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
    let Data { array, dialect } = x;
    compute(py, array.elem_count(), dialect, || {
        let best = |x: &NdArray, axis: isize, keep: bool| {
            if largest { x.argmax(axis, keep) } else { x.argmin(axis, keep) }
        };
        let found = if let Some(axis) = axis {
            best(&array, axis, keep_dims)?
        } else {
            let found = best(&array.reshape(array.elem_count())?, 0, false)?;
            if keep_dims { found.reshape(vec![1; array.rank()])? } else { found }
        };
        if dialect == Dialect::Nd { found.cast(array.dtype()) } else { Ok(found) }
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
    let Data { array, dialect } = x;
    compute(py, array.elem_count(), dialect, || {
        let (x, axis) = along(&array, axis)?;
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
    let Data { array, dialect } = x;
    compute(py, array.elem_count(), dialect, || {
        let (x, axis) = along(&array, axis)?;
        x.sort(axis, order(ascending))
    })
}

/// The first `k` elements in an order: their values and positions, and a mask of where they are.
/// `k` of 0 means all.
#[pyfunction]
fn topk<'py>(
    py: Python<'py>,
    x: Data,
    axis: Option<isize>,
    k: usize,
    ascending: bool,
    dtype: DTypeArg,
    mask: bool,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let Data { array, dialect } = x;
    compute_all(py, array.elem_count(), dialect, || {
        let (x, axis) = along(&array, axis)?;
        let size = if axis < 0 { axis + x.rank() as isize } else { axis };
        let n = usize::try_from(size).ok().and_then(|axis| x.dims().get(axis).copied());
        let k = if k == 0 { n.unwrap_or(0) } else { k };
        let (values, positions) = x.topk(k, axis, order(ascending))?;
        if mask {
            let zeros = NdArray::zeros(x.dims().clone(), DType::F32)?;
            let ones = NdArray::ones(positions.dims().clone(), DType::F32)?;
            let mask = zeros.scatter_add(&positions, &ones, axis)?;
            return Ok(vec![mask.reshape(array.dims().clone())?.cast(array.dtype())?]);
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
    let Data { array, dialect } = x;
    compute(py, array.elem_count(), dialect, || {
        let (x, axis) = along(&array, axis)?;
        match dtype {
            Some(dtype) if dtype.0 != x.dtype() => x.cast(dtype.0)?.cumsum(axis),
            None if x.dtype() == DType::Bool => x.cast(DType::F32)?.cumsum(axis),
            _ => x.cumsum(axis),
        }
    })
}
