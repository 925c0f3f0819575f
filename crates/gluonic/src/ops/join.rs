//! Arrays put together along an axis, and taken apart again.

use std::sync::Arc;

use ndarray::SliceInfoElem;

use super::{Flat, edges, output, resolve_axis};
use crate::array::{Buf, NdArray, for_dtype, for_float};
use crate::autograd::{Op, Sinks};
use crate::cpu::gather as kernel;
use crate::error::{Error, Result};
use crate::shape::{Dims, Shape};

struct ConcatNode {
    /// How many elements of each row of the output come from each input.
    widths: Vec<usize>,
    rows: usize,
}

impl Op for ConcatNode {
    fn backward(&self, grad: Arc<Buf>, sinks: &mut Sinks<'_>) -> Result<()> {
        let total = self.widths.iter().sum();
        let mut start = 0;
        for (i, &width) in self.widths.iter().enumerate() {
            for_float!(grad.dtype(), T => sinks.write::<T>(i, self.rows * width, |out, add| {
                if add {
                    kernel::add_columns(out, grad.slice(), start, width, total);
                } else {
                    kernel::copy_columns(out, grad.slice(), start, width, total);
                }
            }))?;
            start += width;
        }
        Ok(())
    }
}

/// The sizes of the joined array: those of the first, but along `axis`, where all add up.
fn joined(first: &NdArray, arrays: &[&NdArray], axis: usize) -> Result<Dims> {
    let mut size = 0_usize;
    for array in arrays {
        array.expect_dtype(first.dtype())?;
        let same = |a: usize| a == axis || array.dims()[a] == first.dims()[a];
        if array.rank() != first.rank() || !(0..first.rank()).all(same) {
            let expected = first.dims().iter().enumerate();
            let expected: Vec<_> = expected.map(|(a, &n)| (a != axis).then_some(n)).collect();
            let found = array.dims().into();
            return Err(Error::OperandShape { op: "concat", expected: expected.into(), found });
        }
        let too_large = || Error::TooLarge { shape: array.dims().into() };
        size = size.checked_add(array.dims()[axis]).ok_or_else(too_large)?;
    }
    let mut dims = first.dims().clone();
    dims.as_mut()[axis] = size;
    match dims.checked_count() {
        Some(_) => Ok(dims),
        None => Err(Error::TooLarge { shape: dims.into() }),
    }
}

fn first_of<'a>(arrays: &[&'a NdArray]) -> Result<&'a NdArray> {
    let none =
        || Error::Setting { setting: "arrays", expected: "one or more", found: "none".into() };
    arrays.first().copied().ok_or_else(none)
}

/// The arrays one after another along an axis (negative ones count from the end).
///
/// # Shapes
/// Equal sizes on all other axes; along `axis` they add up, and may be 0.
///
/// # Memory
/// A copy, in runs of neighbors.
///
/// # Errors
/// [`Error::OperandShape`] if the sizes do not fit, [`Error::Axis`] if the axis does not exist,
/// [`Error::DTypeMismatch`] if the element types differ, [`Error::Setting`] if there are none.
///
/// # Examples
/// ```
/// use gluonic::{NdArray, ops};
/// let (x, y) = (NdArray::arange::<f32>(2), NdArray::arange::<f32>(3));
/// assert_eq!(ops::concat(&[&x, &y], 0)?.to_vec::<f32>()?, [0.0, 1.0, 0.0, 1.0, 2.0]);
/// # Ok::<(), gluonic::Error>(())
/// ```
#[doc(alias = "cat", alias = "concatenate")]
pub fn concat(arrays: &[&NdArray], axis: isize) -> Result<NdArray> {
    let first = first_of(arrays)?;
    let axis = resolve_axis("concat", axis, first.rank())?;
    let dims = joined(first, arrays, axis)?;
    if let Some(shape) = NdArray::planned(&dims, first.dtype())? {
        return Ok(shape);
    }
    let edges = edges(arrays)?;
    let rows = dims[..axis].iter().product();
    let inner: usize = dims[axis + 1..].iter().product();
    let widths: Vec<usize> = arrays.iter().map(|array| array.dims()[axis] * inner).collect();
    let parts = arrays.iter().map(|array| Flat::stored(array)).collect::<Result<Vec<_>>>()?;
    let total = widths.iter().sum();
    let buf = for_dtype!(first.dtype(), T => Buf::new::<T>(dims.elem_count(), |out| {
        let mut start = 0;
        for (part, &width) in parts.iter().zip(&widths) {
            kernel::write_columns(out, part.slice(), start, width, total);
            start += width;
        }
    }));
    Ok(output(Arc::new(buf), first.dtype(), dims, edges, || Box::new(ConcatNode { widths, rows })))
}

/// Arrays of equal sizes along a new axis, which stands at `axis` of the result.
///
/// # Errors
/// As [`concat()`].
///
/// # Examples
/// ```
/// use gluonic::{NdArray, ops};
/// let x = NdArray::arange::<f32>(3);
/// assert_eq!(ops::stack(&[&x, &x], -1)?.dims().to_string(), "(3, 2)");
/// # Ok::<(), gluonic::Error>(())
/// ```
pub fn stack(arrays: &[&NdArray], axis: isize) -> Result<NdArray> {
    let first = first_of(arrays)?;
    resolve_axis("stack", axis, first.rank() + 1)?;
    if let Some(other) = arrays.iter().find(|array| array.dims() != first.dims()) {
        let (expected, found) = (Shape::from(first.dims()), other.dims().into());
        return Err(Error::OperandShape { op: "stack", expected, found });
    }
    let wide = arrays.iter().map(|array| array.expand_dims(axis)).collect::<Result<Vec<_>>>()?;
    concat(&wide.iter().collect::<Vec<_>>(), axis)
}

impl NdArray {
    /// `sections` parts of equal size along an axis. They share the memory.
    ///
    /// # Errors
    /// [`Error::Setting`] if the axis does not divide into so many, [`Error::Axis`] if it does not
    /// exist.
    ///
    /// # Examples
    /// ```
    /// use gluonic::NdArray;
    /// let x = NdArray::arange::<f32>(6).reshape((2, 3))?;
    /// let parts = x.split(3, 1)?;
    /// assert_eq!(parts[2].to_vec::<f32>()?, [2.0, 5.0]);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    #[doc(alias = "chunk")]
    pub fn split(&self, sections: usize, axis: isize) -> Result<Vec<NdArray>> {
        let axis = resolve_axis("split", axis, self.rank())?;
        let n = self.dims()[axis];
        if sections == 0 || !n.is_multiple_of(sections) {
            let found = format!("{sections} for an axis of size {n}").into();
            let expected = "a number that divides the axis";
            return Err(Error::Setting { setting: "sections", expected, found });
        }
        let size = n / sections;
        (0..sections).map(|i| self.part(axis, i * size, (i + 1) * size)).collect()
    }

    /// The parts before, between and after the given places of an axis: `[2, 5]` gives `..2`,
    /// `2..5` and `5..`. They share the memory.
    ///
    /// # Errors
    /// [`Error::Setting`] if the places do not ascend or lie beyond the end, [`Error::Axis`] if
    /// the axis does not exist.
    pub fn split_at(&self, places: &[usize], axis: isize) -> Result<Vec<NdArray>> {
        let axis = resolve_axis("split_at", axis, self.rank())?;
        let n = self.dims()[axis];
        if !places.is_sorted() || places.last().is_some_and(|last| *last > n) {
            let found = format!("{places:?} for an axis of size {n}").into();
            let expected = "ascending and within the axis";
            return Err(Error::Setting { setting: "places", expected, found });
        }
        let starts = std::iter::once(0).chain(places.iter().copied());
        let ends = places.iter().copied().chain([n]);
        starts.zip(ends).map(|(start, end)| self.part(axis, start, end)).collect()
    }

    /// The places `start..end` of an axis.
    pub(super) fn part(&self, axis: usize, start: usize, end: usize) -> Result<NdArray> {
        let elem = |start, end| SliceInfoElem::Slice { start, end, step: 1 };
        let mut index = vec![elem(0, None); axis];
        index.push(elem(start as isize, Some(end as isize)));
        self.slice(index)
    }
}
