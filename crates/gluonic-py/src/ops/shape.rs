//! Arrays in other sizes, joined, cut, repeated.

use gluonic::array::index::{Slice, SliceInfoElem};
use gluonic::ops::{Pad, concat as join, stack as pile};
use gluonic::{NdArray, Result};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::args::{Data, DimsArg, Lhs, Numbers, Rhs, Sizes};
use super::{compute, compute_all};
use crate::array::Dialect;
use crate::errors::{MXNetError, OrRaise};

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
        wrap_pyfunction!(slice, module)?,
        wrap_pyfunction!(slice_axis, module)?,
        wrap_pyfunction!(slice_like, module)?,
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
    compute(py, x.array.elem_count(), x.dialect, || {
        let result = f(&x.array)?;
        if result.same_memory(&x.array) { result.cast(result.dtype()) } else { Ok(result) }
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
                gluonic::Dims::from(dims)
            ));
        }
        for (size, own) in dims.iter_mut().zip(own.iter()) {
            if *size == 0 {
                *size = *own;
            }
        }
    }
    let work = dims.iter().product();
    compute(py, work, x.dialect, || {
        let wide = x.array.broadcast_to(dims)?;
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
    sections: usize,
    axis: isize,
    squeeze: bool,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    compute_all(py, x.array.elem_count(), x.dialect, || {
        copied(x.array.split(sections, axis)?, axis, squeeze)
    })
}

#[pyfunction]
fn split_at<'py>(
    py: Python<'py>,
    x: Data,
    places: Vec<usize>,
    axis: isize,
    squeeze: bool,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    compute_all(py, x.array.elem_count(), x.dialect, || {
        copied(x.array.split_at(&places, axis)?, axis, squeeze)
    })
}

/// The range that Python's `begin:end:step` means on an axis of this size.
fn range(begin: Option<isize>, end: Option<isize>, step: Option<isize>, n: usize) -> SliceInfoElem {
    let n = n as isize;
    let step = step.filter(|step| *step != 0).unwrap_or(1);
    let place =
        |i: isize, low: isize, high: isize| (if i < 0 { i + n } else { i }).clamp(low, high);
    if step > 0 {
        let begin = begin.map_or(0, |i| place(i, 0, n));
        let end = end.map_or(n, |i| place(i, 0, n)).max(begin);
        return Slice::new(begin, Some(end), step).into();
    }
    // The engine walks a range from its end.
    let begin = begin.map_or(n - 1, |i| place(i, -1, n - 1));
    let end = end.map_or(-1, |i| place(i, -1, n - 1)).min(begin);
    Slice::new(end + 1, Some(begin + 1), step).into()
}

fn copy_of(x: &NdArray, elems: &[SliceInfoElem]) -> Result<NdArray> {
    x.slice(elems)?.cast(x.dtype())
}

#[pyfunction]
fn slice(
    py: Python<'_>,
    x: Data,
    begin: Vec<Option<isize>>,
    end: Vec<Option<isize>>,
    step: Vec<Option<isize>>,
) -> PyResult<Bound<'_, PyAny>> {
    if begin.len() != end.len() || begin.len() > x.array.rank() {
        return wrong("begin and end must have as many numbers as the array has axes, or fewer");
    }
    let elems: Vec<SliceInfoElem> = x
        .array
        .dims()
        .iter()
        .enumerate()
        .map(|(axis, &n)| {
            let number = |list: &[Option<isize>]| list.get(axis).copied().flatten();
            range(number(&begin), number(&end), number(&step), n)
        })
        .collect();
    let part = gluonic::autograd::pause(|| x.array.slice(&elems)).or_raise(py)?;
    if x.dialect == Dialect::Nd && part.elem_count() == 0 && x.array.elem_count() > 0 {
        return wrong("begin < end: the slice has no elements");
    }
    compute(py, x.array.elem_count(), x.dialect, || copy_of(&x.array, &elems))
}

#[pyfunction]
fn slice_axis(
    py: Python<'_>,
    x: Data,
    axis: isize,
    begin: isize,
    end: Option<isize>,
) -> PyResult<Bound<'_, PyAny>> {
    let rank = x.array.rank();
    let resolved = if axis < 0 { axis + rank as isize } else { axis };
    let Some(&n) = usize::try_from(resolved).ok().and_then(|axis| x.array.dims().get(axis)) else {
        return wrong(format!("axis {axis} does not exist in {}", x.array.dims()));
    };
    let size = n as isize;
    let place = |i: isize| if i < 0 { i + size } else { i };
    let (begin, end) = (place(begin), end.map_or(size, place));
    if !(0 <= begin && begin < end && end <= size) {
        return wrong(format!("invalid range {begin} to {end} of an axis of size {n}"));
    }
    let elems: Vec<SliceInfoElem> = (0..rank as isize)
        .map(|i| if i == resolved { (begin..end).into() } else { (..).into() })
        .collect();
    compute(py, x.array.elem_count(), x.dialect, || copy_of(&x.array, &elems))
}

#[pyfunction]
fn slice_like(
    py: Python<'_>,
    x: Lhs,
    like: Rhs,
    axes: Option<Numbers>,
) -> PyResult<Bound<'_, PyAny>> {
    let rank = x.array.rank() as isize;
    let axes = match axes {
        Some(Numbers(axes)) if !axes.is_empty() => axes,
        _ => (0..rank).collect(),
    };
    let named: Vec<isize> = axes.iter().map(|&a| if a < 0 { a + rank } else { a }).collect();
    let mut elems: Vec<SliceInfoElem> = (0..rank).map(|_| (..).into()).collect();
    for axis in named {
        let at = usize::try_from(axis).ok();
        let sizes = at.and_then(|at| Some((*x.array.dims().get(at)?, *like.array.dims().get(at)?)));
        match (at, sizes) {
            (Some(at), Some((own, wanted))) if wanted <= own => {
                elems[at] = (0..wanted as isize).into();
            }
            _ => {
                return wrong(format!(
                    "{} cannot be cut to {} on axis {axis}",
                    x.array.dims(),
                    like.array.dims()
                ));
            }
        }
    }
    compute(py, x.array.elem_count(), x.dialect, || copy_of(&x.array, &elems))
}

#[pyfunction]
fn tile(py: Python<'_>, x: Data, repeats: Sizes) -> PyResult<Bound<'_, PyAny>> {
    let work = repeats.0.iter().copied().fold(x.array.elem_count(), usize::saturating_mul);
    compute(py, work, x.dialect, || x.array.tile(&repeats.0))
}

#[pyfunction]
fn repeat(
    py: Python<'_>,
    x: Data,
    times: usize,
    axis: Option<isize>,
) -> PyResult<Bound<'_, PyAny>> {
    compute(py, x.array.elem_count().saturating_mul(times), x.dialect, || match axis {
        Some(axis) => x.array.repeat(times, axis),
        None => x.array.reshape(x.array.elem_count())?.repeat(times, 0),
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
    compute(py, x.array.elem_count(), x.dialect, || x.array.pad(&widths, pad))
}

#[pyfunction]
fn flip(py: Python<'_>, x: Data, axes: Option<Numbers>) -> PyResult<Bound<'_, PyAny>> {
    compute(py, x.array.elem_count(), x.dialect, || {
        let all = || (0..x.array.rank() as isize).collect();
        let axes: Vec<isize> = axes.map_or_else(all, |axes| axes.0);
        x.array.flip(&axes)?.cast(x.array.dtype())
    })
}

/// The part of an array from which its diagonal number `k` starts at the corner.
fn shifted(x: &NdArray, k: isize, one: isize, other: isize) -> Result<NdArray> {
    let rank = x.rank() as isize;
    let axis = |axis: isize| if axis < 0 { axis + rank } else { axis };
    let cut = if k >= 0 { axis(other) } else { axis(one) };
    let elems: Vec<SliceInfoElem> =
        (0..rank).map(|i| if i == cut { (k.abs()..).into() } else { (..).into() }).collect();
    x.slice(&elems)
}

/// A matrix with this diagonal, or the diagonal of one.
#[pyfunction]
fn diag(py: Python<'_>, x: Data, k: isize, one: isize, other: isize) -> PyResult<Bound<'_, PyAny>> {
    let Data { array, dialect } = x;
    compute(py, array.elem_count(), dialect, || {
        if array.rank() != 1 {
            return shifted(&array, k, one, other)?.diagonal(one, other)?.cast(array.dtype());
        }
        // Each element in a row of its own that is as long as the matrix and one more: in these
        // rows, one after another, all elements stand in one column.
        let n = array.elem_count();
        let side = n + k.unsigned_abs();
        let rows = array.reshape((n, 1))?.pad(&[(0, 0), (0, side)], Pad::Constant(0.0))?;
        let (before, after) =
            if k >= 0 { (k.unsigned_abs(), 0) } else { (side * k.unsigned_abs(), 0) };
        let row = rows.reshape(n * (side + 1))?;
        let total = side * side;
        let padded = row.pad(&[(before, after)], Pad::Constant(0.0))?;
        let long = padded.elem_count();
        let fitting = if long < total {
            padded.pad(&[(0, total - long)], Pad::Constant(0.0))?
        } else {
            padded.slice([SliceInfoElem::from(0..total as isize)])?.cast(array.dtype())?
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
    compute(py, x.array.elem_count(), x.dialect, || {
        shifted(&x.array, k, one, other)?.diagonal(one, other)?.sum_axes(&[-1], false)
    })
}

/// What is on and below diagonal number `k`, and zeros.
#[pyfunction]
fn lower_triangle(py: Python<'_>, x: Data, k: isize) -> PyResult<Bound<'_, PyAny>> {
    compute(py, x.array.elem_count(), x.dialect, || {
        let dims = x.array.dims();
        let (rows, columns) = match &**dims {
            [.., rows, columns] => (*rows, *columns),
            _ => return x.array.swap_axes(-1, -2),
        };
        let row = NdArray::arange::<i64>(rows).reshape((rows, 1))?;
        let column =
            NdArray::from_vec((0..columns as i64).map(|c| c - k as i64).collect(), columns)?;
        let zero = NdArray::full((), 0.0, x.array.dtype())?;
        column.le(&row)?.select(&x.array, &zero)
    })
}
