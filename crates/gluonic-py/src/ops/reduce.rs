//! Reductions: sums, means, norms over axes.

use gluonic::{DType, Error, NdArray, Result};
use pyo3::prelude::*;

use super::args::{Data, Numbers};
use crate::array::Dialect;
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
) -> Result<Option<Vec<isize>>> {
    let rank = x.rank() as isize;
    let all = || (0..rank).collect::<Vec<_>>();
    let Some(Numbers(axes)) = axes else {
        return Ok((!exclude).then(all));
    };
    if axes.is_empty() {
        return Ok((dialect == Dialect::Nd).then(all));
    }
    if !exclude {
        return Ok(Some(axes.clone()));
    }
    if let Some(&axis) = axes.iter().find(|axis| !(-rank..rank).contains(axis)) {
        return Err(Error::Axis { op: "reduce", axis, rank: x.rank() });
    }
    let named: Vec<isize> = axes.iter().map(|&a| if a < 0 { a + rank } else { a }).collect();
    let others: Vec<isize> = (0..rank).filter(|axis| !named.contains(axis)).collect();
    Ok((!others.is_empty()).then_some(others))
}

/// Runs a reduction. Over no axis each element is its own.
fn reduced<'py>(
    py: Python<'py>,
    x: &Data,
    axes: Option<&Numbers>,
    exclude: bool,
    f: impl FnOnce(&NdArray, &[isize]) -> Result<NdArray> + Send,
) -> PyResult<Bound<'py, PyAny>> {
    let dialect = x.dialect;
    x.compute(py, |x| {
        let x = if x.dtype() == DType::Bool { &x.cast(DType::F32)? } else { x };
        if let Some(axes) = axes_of(x, axes, exclude, dialect)? {
            return f(x, &axes);
        }
        let apart: Vec<usize> = x.dims().iter().copied().chain([1]).collect();
        f(&x.reshape(apart)?, &[-1])?.reshape(x.dims().clone())
    })
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
            check_axes(&x.array, axes.as_ref())?;
            let $keep = keep_dims;
            reduced(py, &x, axes.as_ref(), exclude, |$x, $axes| $f)
        }
    )*};
}

fn without_nan(x: &NdArray, value: f64) -> Result<NdArray> {
    if !x.dtype().is_float() {
        return Ok(x.clone());
    }
    x.ne_elem(x)?.select(&NdArray::full((), value, x.dtype())?, x)
}

/// How many elements are true, or, if not, false: exactly 0 of none, and 1 or more of one or more.
fn how_many(x: &NdArray, axes: &[isize], keep: bool, truth: bool) -> Result<NdArray> {
    let zero = NdArray::full((), 0.0, x.dtype())?;
    let counted = if truth { x.ne_elem(&zero)? } else { x.eq_elem(&zero)? };
    counted.cast(DType::F32)?.sum_axes(axes, keep)
}

reductions! {
    sum |x, axes, keep| x.sum_axes(axes, keep);
    nansum |x, axes, keep| without_nan(x, 0.0)?.sum_axes(axes, keep);
    nanprod |x, axes, keep| without_nan(x, 1.0)?.prod_axes(axes, keep);
    prod |x, axes, keep| x.prod_axes(axes, keep);
    max |x, axes, keep| x.max_axes(axes, keep);
    min |x, axes, keep| x.min_axes(axes, keep);
    all |x, axes, keep| how_many(x, axes, keep, false)?.eq_elem(&NdArray::scalar(0_f32));
    any |x, axes, keep| how_many(x, axes, keep, true)?.ne_elem(&NdArray::scalar(0_f32));
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
    let dialect = x.dialect;
    reduced(py, &x, axes.as_ref(), exclude, |x, axes| match dialect {
        Dialect::Np if !x.dtype().is_float() => mean_of(&x.cast(DType::F32)?, axes, keep_dims),
        _ => cut_off(x, |x| mean_of(x, axes, keep_dims)),
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
    reduced(py, &x, axes.as_ref(), false, |x, axes| {
        cut_off(x, |x| match ord {
            1 => x.l1_norm(axes, keep_dims),
            _ => x.l2_norm(axes, keep_dims),
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
    reduced(py, &x, axes.as_ref(), false, |x, axes| {
        cut_off(x, |x| {
            let var = x.var_axes(axes, correction, keep_dims)?;
            if root { var.sqrt() } else { Ok(var) }
        })
    })
}
