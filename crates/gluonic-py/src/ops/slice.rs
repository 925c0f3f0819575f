//! Parts of arrays, as copies.

use gluonic::array::index::{Slice, SliceInfoElem};
use gluonic::{NdArray, Result};
use pyo3::prelude::*;

use super::args::{Data, Lhs, Numbers, Rhs, size_of};
use super::compute;
use super::shape::wrong;
use crate::array::Dialect;
use crate::errors::OrRaise;

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(slice, module)?)?;
    module.add_function(wrap_pyfunction!(slice_axis, module)?)?;
    module.add_function(wrap_pyfunction!(slice_like, module)?)
}

/// The range that Python's `begin:end:step` means on an axis of this size.
fn range(begin: Option<isize>, end: Option<isize>, step: Option<isize>, n: usize) -> SliceInfoElem {
    let n = n as isize;
    let step = step.unwrap_or(1);
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
    if let Some(axis) = step.iter().position(|step| *step == Some(0)) {
        return wrong(format!("s != 0 (0 vs. 0) : slice op step[{axis}] cannot be 0"));
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
    x.compute(py, |x| copy_of(x, &elems))
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
    let Some(n) = size_of(&x.array, axis) else {
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
    x.compute(py, |x| copy_of(x, &elems))
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
