//! Elements repeated, reversed, padded, and axes swapped.

use ndarray::SliceInfoElem;

use super::index::SliceNode;
use super::{edges, resolve_axis, track};
use crate::array::{NdArray, View};
use crate::error::{Error, Result};
use crate::shape::{Dims, Short};

/// What stands outside of a padded array.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Pad {
    /// One value.
    Constant(f64),
    /// The nearest element.
    Edge,
    /// The elements mirrored at the border, which is not repeated.
    Reflect,
}

impl NdArray {
    /// Two axes changed for each other. Shares the memory: `y.swap_axes(-1, -2)` gives a
    /// [matrix product](NdArray::matmul) with transposed matrices, without a copy.
    ///
    /// # Errors
    /// [`Error::Axis`] if an axis does not exist.
    pub fn swap_axes(&self, one: isize, other: isize) -> Result<NdArray> {
        let one = resolve_axis("swap_axes", one, self.rank())?;
        let other = resolve_axis("swap_axes", other, self.rank())?;
        let mut order: Vec<isize> = (0..self.rank() as isize).collect();
        order.swap(one, other);
        self.permute(&order)
    }

    /// The elements in reverse order along the given axes (none means all). Shares the memory.
    ///
    /// # Errors
    /// [`Error::Axis`] if an axis does not exist.
    #[doc(alias = "reverse")]
    pub fn flip(&self, axes: &[isize]) -> Result<NdArray> {
        let all = |step| SliceInfoElem::Slice { start: 0, end: None, step };
        let mut index = vec![all(if axes.is_empty() { -1 } else { 1 }); self.rank()];
        for &axis in axes {
            index[resolve_axis("flip", axis, self.rank())?] = all(-1);
        }
        self.slice(index)
    }

    /// The elements at equal places of two axes, as a last axis: of a matrix its diagonal. Shares
    /// the memory.
    ///
    /// # Errors
    /// [`Error::Axis`] if an axis does not exist or both are one.
    pub fn diagonal(&self, one: isize, other: isize) -> Result<NdArray> {
        let rank = self.rank();
        let (a, b) = (resolve_axis("diagonal", one, rank)?, resolve_axis("diagonal", other, rank)?);
        if a == b {
            return Err(Error::Axis { op: "diagonal", axis: other, rank });
        }
        let of = |view: &View| {
            let kept = || (0..rank).filter(|&axis| axis != a && axis != b);
            let n = view.dims[a].min(view.dims[b]);
            let dims: Vec<usize> = kept().map(|axis| view.dims[axis]).chain([n]).collect();
            let step = view.strides[a] + view.strides[b];
            let strides: Vec<isize> = kept().map(|axis| view.strides[axis]).chain([step]).collect();
            let strides = Short::from_slice(&strides);
            View { offset: view.offset, dims: dims.into(), strides }
        };
        let edges = edges(&[self])?;
        let track = track(edges, || {
            let part = of(&View::new(self.dims().clone()));
            Box::new(SliceNode { part, n: self.elem_count() })
        });
        Ok(NdArray { track, ..self.with_view(of(&self.view)) })
    }

    /// The whole array `repeats[i]` times along axis `i`, counted from the last; axes that are
    /// missing on either side count as 1.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if the element count does not fit the address space.
    ///
    /// # Examples
    /// ```
    /// use gluonic::NdArray;
    /// let x = NdArray::arange::<f32>(2);
    /// assert_eq!(x.tile(&[2])?.to_vec::<f32>()?, [0.0, 1.0, 0.0, 1.0]);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// NumPy, `tile`.
    pub fn tile(&self, repeats: &[usize]) -> Result<NdArray> {
        let rank = self.rank().max(repeats.len());
        let of = |list: &[usize], axis: usize| {
            (axis + list.len()).checked_sub(rank).map_or(1, |i| list[i])
        };
        let (mut apart, mut wide, mut dims) = (Vec::new(), Vec::new(), Vec::new());
        for axis in 0..rank {
            let (n, times) = (of(self.dims(), axis), of(repeats, axis));
            apart.extend([1, n]);
            wide.extend([times, n]);
            let too_large = || Error::TooLarge { shape: Dims::from(&wide).into() };
            dims.push(n.checked_mul(times).ok_or_else(too_large)?);
        }
        self.repeated(apart, wide, dims)
    }

    /// Each element `times` times along an axis, one after the other.
    ///
    /// # Errors
    /// [`Error::Axis`] if the axis does not exist, [`Error::TooLarge`] if the element count does
    /// not fit the address space.
    ///
    /// # Examples
    /// ```
    /// use gluonic::NdArray;
    /// let x = NdArray::arange::<f32>(2);
    /// assert_eq!(x.repeat(2, 0)?.to_vec::<f32>()?, [0.0, 0.0, 1.0, 1.0]);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// NumPy, `repeat`.
    pub fn repeat(&self, times: usize, axis: isize) -> Result<NdArray> {
        let axis = resolve_axis("repeat", axis, self.rank())?;
        let (mut apart, mut dims) = (self.dims().to_vec(), self.dims().to_vec());
        apart.insert(axis + 1, 1);
        let mut wide = apart.clone();
        wide[axis + 1] = times;
        let too_large = || Error::TooLarge { shape: Dims::from(&wide).into() };
        dims[axis] = dims[axis].checked_mul(times).ok_or_else(too_large)?;
        self.repeated(apart, wide, dims)
    }

    /// Brought to sizes `apart`, broadcast to `wide`, brought to `dims`.
    fn repeated(&self, apart: Vec<usize>, wide: Vec<usize>, dims: Vec<usize>) -> Result<NdArray> {
        if Dims::from(&wide).checked_count().is_none() {
            return Err(Error::TooLarge { shape: Dims::from(wide).into() });
        }
        self.reshape(apart)?.broadcast_to(wide)?.reshape(dims)
    }

    /// With `widths[i]` elements more before and after along axis `i`.
    ///
    /// # Memory
    /// A copy for each axis that is padded; shared if none is.
    ///
    /// # Errors
    /// [`Error::Setting`] if there are not as many widths as axes, or if [`Pad::Reflect`] is to
    /// give more elements than the axis has beside its border, or [`Pad::Edge`] any of none.
    ///
    /// # Examples
    /// ```
    /// use gluonic::{NdArray, ops::Pad};
    /// let x = NdArray::arange::<f32>(3);
    /// assert_eq!(x.pad(&[(1, 0)], Pad::Constant(9.0))?.to_vec::<f32>()?, [9.0, 0.0, 1.0, 2.0]);
    /// assert_eq!(x.pad(&[(2, 0)], Pad::Reflect)?.to_vec::<f32>()?, [2.0, 1.0, 0.0, 1.0, 2.0]);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// MXNet 1.9.1 and NumPy, `pad`.
    pub fn pad(&self, widths: &[(usize, usize)], pad: Pad) -> Result<NdArray> {
        let fail = |expected, found: String| Error::Setting {
            setting: "widths",
            expected,
            found: found.into(),
        };
        if widths.len() != self.rank() {
            let found = format!("{} for rank {}", widths.len(), self.rank());
            return Err(fail("as many as there are axes", found));
        }
        let mut padded = self.clone();
        for (axis, &(before, after)) in widths.iter().enumerate() {
            let n = self.dims()[axis];
            if (before, after) == (0, 0) {
                continue;
            }
            let too_large = || Error::TooLarge { shape: self.dims().into() };
            let beyond = before.checked_add(after).and_then(|sum| sum.checked_add(n));
            beyond.ok_or_else(too_large)?;
            let limit = match pad {
                Pad::Constant(_) => usize::MAX,
                Pad::Edge if n > 0 => usize::MAX,
                Pad::Edge => 0,
                Pad::Reflect => n.saturating_sub(1),
            };
            if before.max(after) > limit {
                let found = format!("({before}, {after}) for an axis of size {n}");
                return Err(fail("no more than the axis can give", found));
            }
            padded = match pad {
                Pad::Constant(value) => padded.pad_constant(axis, before, after, value)?,
                Pad::Edge => {
                    let left = std::iter::repeat_n(0, before);
                    padded
                        .pad_by(axis, left.chain(0..n).chain(std::iter::repeat_n(n - 1, after)))?
                }
                Pad::Reflect => {
                    let right = (0..after).map(|i| n - 2 - i);
                    padded.pad_by(axis, (1..=before).rev().chain(0..n).chain(right))?
                }
            };
        }
        Ok(padded)
    }

    fn pad_constant(
        &self,
        axis: usize,
        before: usize,
        after: usize,
        value: f64,
    ) -> Result<NdArray> {
        let side = |size: usize| {
            let mut dims = self.dims().clone();
            dims.as_mut()[axis] = size;
            self.there(|| NdArray::full(dims, value, self.dtype()))
        };
        super::join::concat(&[&side(before)?, self, &side(after)?], axis as isize)
    }

    fn pad_by(&self, axis: usize, places: impl Iterator<Item = usize>) -> Result<NdArray> {
        let places: Vec<i64> = places.map(|place| place as i64).collect();
        let n = places.len();
        self.take_axis(&self.there(|| NdArray::from_vec(places, n))?, axis as isize)
    }
}
