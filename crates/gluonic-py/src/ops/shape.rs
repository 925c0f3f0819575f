//! Arrays in other sizes, joined, split, repeated.

use gluonic::array::index::SliceInfoElem;
use gluonic::ops::{Pad, concat as join, stack as pile};
use gluonic::{Dims, Error, NdArray, Result};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::args::{Data, DimsArg, Numbers, Sizes, count, size_of};
use super::compute;
use crate::array::Dialect;
use crate::errors::MXNetError;

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    for function in [
        wrap_pyfunction!(transpose, module)?,
        wrap_pyfunction!(swap_axes, module)?,
        wrap_pyfunction!(expand_dims, module)?,
        wrap_pyfunction!(squeeze, module)?,
        wrap_pyfunction!(broadcast_to, module)?,
        wrap_pyfunction!(concat, module)?,
        wrap_pyfunction!(stack, module)?,
        wrap_pyfunction!(split, module)?,
        wrap_pyfunction!(split_at, module)?,
        wrap_pyfunction!(tile, module)?,
        wrap_pyfunction!(repeat, module)?,
        wrap_pyfunction!(pad, module)?,
        wrap_pyfunction!(flip, module)?,
        wrap_pyfunction!(diag, module)?,
        wrap_pyfunction!(trace, module)?,
        wrap_pyfunction!(lower_triangle, module)?,
    ] {
        module.add_function(function)?;
    }
    Ok(())
}

/// Computes an array that may share its memory with the operand, and copies it then: in MXNet no
/// function does, so that an edit of the result does not reach the operand.
pub(super) fn apart<'py>(
    py: Python<'py>,
    x: &Data,
    f: impl FnOnce(&NdArray) -> Result<NdArray> + Send,
) -> PyResult<Bound<'py, PyAny>> {
    x.compute(py, |x| {
        let result = f(x)?;
        if result.same_memory(x) { result.cast(result.dtype()) } else { Ok(result) }
    })
}

pub(super) fn wrong<T>(text: impl std::fmt::Display) -> PyResult<T> {
    Err(MXNetError::new_err(format!("MXNetError: Check failed: {text}")))
}

#[pyfunction]
fn transpose(py: Python<'_>, x: Data, axes: Option<Numbers>) -> PyResult<Bound<'_, PyAny>> {
    apart(py, &x, |x| match &axes {
        Some(Numbers(axes)) if !axes.is_empty() => x.permute(axes),
        _ => x.transpose(),
    })
}

#[pyfunction]
fn swap_axes(py: Python<'_>, x: Data, one: isize, other: isize) -> PyResult<Bound<'_, PyAny>> {
    apart(py, &x, |x| x.swap_axes(one, other))
}

#[pyfunction]
fn expand_dims(py: Python<'_>, x: Data, axis: isize) -> PyResult<Bound<'_, PyAny>> {
    apart(py, &x, |x| x.expand_dims(axis))
}

/// Without these axes, or all of size 1.
#[pyfunction]
fn squeeze(py: Python<'_>, x: Data, axes: Option<Numbers>) -> PyResult<Bound<'_, PyAny>> {
    let rank = x.array.rank() as isize;
    for &given in axes.iter().flat_map(|axes| &axes.0) {
        let axis = if given < 0 { given + rank } else { given };
        match usize::try_from(axis).ok().and_then(|axis| x.array.dims().get(axis)) {
            Some(1) => {}
            Some(size) => {
                return wrong(format!(
                    "dshape[axes[i]] == 1 ({size} vs. 1) : cannot select an axis to squeeze out \
                     which has size={size} not equal to one"
                ));
            }
            None => {
                return wrong(format!(
                    "axes[i] < dndim ({axis} vs. {rank}) : axis {axis} is out of bounds for array \
                     of dimension {rank}"
                ));
            }
        }
    }
    apart(py, &x, |x| {
        let rank = x.rank() as isize;
        let Some(Numbers(axes)) = axes else {
            let kept: Vec<usize> = x.dims().iter().copied().filter(|&d| d != 1).collect();
            return x.reshape(kept);
        };
        let mut axes: Vec<isize> =
            axes.into_iter().map(|axis| if axis < 0 { axis + rank } else { axis }).collect();
        axes.sort_unstable();
        axes.iter().rev().try_fold(x.clone(), |x, &axis| x.squeeze(axis))
    })
}

/// Repeated to these sizes. In `mx.nd` there must be as many as before, and 0 keeps one.
#[pyfunction]
fn broadcast_to(py: Python<'_>, x: Data, dims: DimsArg) -> PyResult<Bound<'_, PyAny>> {
    let own = x.array.dims().clone();
    let mut dims = dims.0.to_vec();
    if x.dialect == Dialect::Nd {
        if dims.len() != own.len() {
            return wrong(format!(
                "ishape.ndim() == oshape.ndim(): Operand of shape {own} cannot be broadcasted to \
                 {}: there must be as many axes; reshape it first",
                Dims::from(dims)
            ));
        }
        for (size, own) in dims.iter_mut().zip(own.iter()) {
            if *size == 0 {
                *size = *own;
            }
        }
    }
    let work = dims.iter().copied().fold(1, usize::saturating_mul);
    x.compute_of(py, work, |x| {
        let wide = x.broadcast_to(dims)?;
        wide.cast(wide.dtype())
    })
}

fn arrays(list: &[Data]) -> (Vec<&NdArray>, Dialect, usize) {
    let np = list.iter().any(|x| x.dialect == Dialect::Np);
    let work = list.iter().map(|x| x.array.elem_count()).sum();
    (list.iter().map(|x| &x.array).collect(), super::dialect(np), work)
}

#[pyfunction]
fn concat(py: Python<'_>, list: Vec<Data>, axis: isize) -> PyResult<Bound<'_, PyAny>> {
    let (arrays, dialect, work) = arrays(&list);
    compute(py, work, dialect, || join(&arrays, axis))
}

#[pyfunction]
fn stack(py: Python<'_>, list: Vec<Data>, axis: isize) -> PyResult<Bound<'_, PyAny>> {
    let (arrays, dialect, work) = arrays(&list);
    compute(py, work, dialect, || pile(&arrays, axis))
}

/// The parts as copies: an edit of one does not reach the whole.
fn copied(parts: Vec<NdArray>, axis: isize, squeeze: bool) -> Result<Vec<NdArray>> {
    let part = |part: NdArray| {
        let part = part.cast(part.dtype())?;
        if squeeze { part.squeeze(axis) } else { Ok(part) }
    };
    parts.into_iter().map(part).collect()
}

#[pyfunction]
fn split<'py>(
    py: Python<'py>,
    x: Data,
    sections: i64,
    axis: isize,
    squeeze: bool,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let sections = count(sections, || {
        format!("value {sections} for Parameter num_outputs should be greater equal to 1")
    })?;
    x.compute_all(py, |x| copied(x.split(sections, axis)?, axis, squeeze))
}

#[pyfunction]
fn split_at<'py>(
    py: Python<'py>,
    x: Data,
    places: Vec<usize>,
    axis: isize,
    squeeze: bool,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    x.compute_all(py, |x| copied(x.split_at(&places, axis)?, axis, squeeze))
}

#[pyfunction]
fn tile(py: Python<'_>, x: Data, repeats: Sizes) -> PyResult<Bound<'_, PyAny>> {
    let work = repeats.0.iter().copied().fold(x.array.elem_count(), usize::saturating_mul);
    x.compute_of(py, work, |x| x.tile(&repeats.0))
}

#[pyfunction]
fn repeat(py: Python<'_>, x: Data, times: i64, axis: Option<isize>) -> PyResult<Bound<'_, PyAny>> {
    let times = count(times, || {
        format!("Check failed: *repeats >= 0 ({times} vs. 0) : repeats cannot be a negative number")
    })?;
    x.compute_of(py, x.array.elem_count().saturating_mul(times), |x| match axis {
        Some(axis) => x.repeat(times, axis),
        None => x.reshape(x.elem_count())?.repeat(times, 0),
    })
}

#[pyfunction]
fn pad<'py>(
    py: Python<'py>,
    x: Data,
    widths: Vec<(usize, usize)>,
    mode: &str,
    value: f64,
) -> PyResult<Bound<'py, PyAny>> {
    let pad = match mode {
        "constant" => Pad::Constant(value),
        "edge" => Pad::Edge,
        "reflect" => Pad::Reflect,
        other => {
            return Err(PyValueError::new_err(format!(
                "mode '{other}' is not supported\nknown are constant, edge, reflect"
            )));
        }
    };
    x.compute(py, |x| x.pad(&widths, pad))
}

#[pyfunction]
fn flip(py: Python<'_>, x: Data, axes: Option<Numbers>) -> PyResult<Bound<'_, PyAny>> {
    x.compute(py, |x| {
        let all = || (0..x.rank() as isize).collect();
        let axes: Vec<isize> = axes.map_or_else(all, |axes| axes.0);
        x.flip(&axes)?.cast(x.dtype())
    })
}

/// The part of an array from which its diagonal number `k` starts at the corner.
fn shifted(x: &NdArray, k: isize, one: isize, other: isize) -> Result<NdArray> {
    let rank = x.rank() as isize;
    let axis = |axis: isize| if axis < 0 { axis + rank } else { axis };
    let cut = if k >= 0 { axis(other) } else { axis(one) };
    let elems: Vec<SliceInfoElem> = (0..rank)
        .map(|i| if i == cut { (k.saturating_abs()..).into() } else { (..).into() })
        .collect();
    x.slice(&elems)
}

/// A matrix with this diagonal, or the diagonal of one.
#[pyfunction]
fn diag(py: Python<'_>, x: Data, k: isize, one: isize, other: isize) -> PyResult<Bound<'_, PyAny>> {
    if x.dialect == Dialect::Nd && x.array.rank() != 1 {
        let along = if k < 0 { one } else { other };
        if k.unsigned_abs() > size_of(&x.array, along).unwrap_or(usize::MAX) {
            return Err(MXNetError::new_err("MXNetError: Diagonal does not exist."));
        }
    }
    x.compute(py, |x| {
        if x.rank() != 1 {
            return shifted(x, k, one, other)?.diagonal(one, other)?.cast(x.dtype());
        }
        // Each element in a row of its own that is as long as the matrix and one more: in these
        // rows, one after another, all elements stand in one column.
        let n = x.elem_count();
        let side = n + k.unsigned_abs();
        let total = side.checked_mul(side + 1).map(|total| total - side);
        let total =
            total.ok_or_else(|| Error::TooLarge { shape: Dims::from((side, side)).into() })?;
        let rows = x.reshape((n, 1))?.pad(&[(0, 0), (0, side)], Pad::Constant(0.0))?;
        let (before, after) =
            if k >= 0 { (k.unsigned_abs(), 0) } else { (side * k.unsigned_abs(), 0) };
        let row = rows.reshape(n * (side + 1))?;
        let padded = row.pad(&[(before, after)], Pad::Constant(0.0))?;
        let long = padded.elem_count();
        let fitting = if long < total {
            padded.pad(&[(0, total - long)], Pad::Constant(0.0))?
        } else {
            padded.slice([SliceInfoElem::from(0..total as isize)])?.cast(x.dtype())?
        };
        fitting.reshape((side, side))
    })
}

#[pyfunction]
fn trace(
    py: Python<'_>,
    x: Data,
    k: isize,
    one: isize,
    other: isize,
) -> PyResult<Bound<'_, PyAny>> {
    x.compute(py, |x| shifted(x, k, one, other)?.diagonal(one, other)?.sum_axes(&[-1], false))
}

/// What is on and below diagonal number `k`, and zeros.
#[pyfunction]
fn lower_triangle(py: Python<'_>, x: Data, k: isize) -> PyResult<Bound<'_, PyAny>> {
    x.compute(py, |x| {
        let dims = x.dims();
        let (rows, columns) = match &**dims {
            [.., rows, columns] => (*rows, *columns),
            _ => return x.swap_axes(-1, -2),
        };
        let row = NdArray::arange::<i64>(rows).reshape((rows, 1))?;
        let column = NdArray::from_vec(
            (0..columns as i64).map(|c| c.saturating_sub(k as i64)).collect(),
            columns,
        )?;
        let zero = NdArray::full((), 0.0, x.dtype())?;
        column.le(&row)?.select(x, &zero)
    })
}
