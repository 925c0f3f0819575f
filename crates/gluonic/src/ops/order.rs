//! Positions of the largest and smallest elements, and sorting.

use super::{Flat, resolve_axis};
use crate::array::{Buf, DType, NdArray, for_dtype};
use crate::cpu::order as kernel;
use crate::error::{Error, Result};
use crate::shape::Dims;

/// Which elements come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The smallest.
    Ascending,
    /// The largest.
    Descending,
}

fn arg_best(
    op: &'static str,
    x: &NdArray,
    axis: isize,
    keep_dims: bool,
    largest: bool,
) -> Result<NdArray> {
    let axis = resolve_axis(op, axis, x.rank())?;
    let n = x.dims()[axis];
    if n == 0 {
        return Err(Error::Empty { op, shape: x.dims().into() });
    }
    let mut dims = x.dims().to_vec();
    if keep_dims {
        dims[axis] = 1;
    } else {
        dims.remove(axis);
    }
    let dims = Dims::from(dims);
    if let Some(shape) = NdArray::planned(&dims, DType::I64)? {
        return Ok(shape);
    }
    let inner = x.dims()[axis + 1..].iter().product();
    let flat = Flat::stored(x)?;
    let buf = Buf::new::<i64>(dims.elem_count(), |out| {
        for_dtype!(x.dtype(), T => kernel::arg_best(out, flat.slice::<T>(), (n, inner), largest));
    });
    Ok(NdArray::from_buf_on(x.context(), buf, dims))
}

/// The positions of the first `kept` elements in the given order.
fn arg_sort(x: &NdArray, axis: usize, order: Order, kept: usize) -> Result<NdArray> {
    let n = x.dims()[axis];
    let mut dims = x.dims().clone();
    dims.as_mut()[axis] = kept;
    if let Some(shape) = NdArray::planned(&dims, DType::I64)? {
        return Ok(shape);
    }
    let inner = x.dims()[axis + 1..].iter().product();
    let flat = Flat::stored(x)?;
    let descending = order == Order::Descending;
    let buf = Buf::new::<i64>(dims.elem_count(), |out| {
        for_dtype!(x.dtype(), T => {
            kernel::arg_sort(out, flat.slice::<T>(), (n, inner, kept), descending);
        });
    });
    Ok(NdArray::from_buf_on(x.context(), buf, dims))
}

impl NdArray {
    /// The position of the largest element along an axis, as `int64`: the first of equal ones, of
    /// a NaN if there is one. Has no gradient.
    ///
    /// # Errors
    /// [`Error::Axis`] if the axis does not exist, [`Error::Empty`] if it has no elements.
    ///
    /// # Examples
    /// ```
    /// use gluonic::NdArray;
    /// let x = NdArray::from_slice(&[1.0_f32, 3.0, 3.0], 3)?;
    /// assert_eq!(x.argmax(0, false)?.to_scalar::<i64>()?, 1);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// NumPy, `argmax`. DIFFERENCE: MXNet 1.9.1 gives floats.
    pub fn argmax(&self, axis: isize, keep_dims: bool) -> Result<NdArray> {
        arg_best("argmax", self, axis, keep_dims, true)
    }

    /// The position of the smallest element along an axis, as [`NdArray::argmax`].
    ///
    /// # Errors
    /// As [`NdArray::argmax`].
    pub fn argmin(&self, axis: isize, keep_dims: bool) -> Result<NdArray> {
        arg_best("argmin", self, axis, keep_dims, false)
    }

    /// The positions of the elements along an axis in their order, as `int64`: equal ones keep
    /// theirs, a NaN counts as the largest. Has no gradient.
    ///
    /// # Errors
    /// [`Error::Axis`] if the axis does not exist.
    pub fn argsort(&self, axis: isize, order: Order) -> Result<NdArray> {
        let axis = resolve_axis("argsort", axis, self.rank())?;
        arg_sort(self, axis, order, self.dims()[axis])
    }

    /// The elements along an axis in their order, as [`NdArray::argsort`]. The gradient of each
    /// goes to where it came from.
    ///
    /// # Errors
    /// As [`NdArray::argsort`].
    pub fn sort(&self, axis: isize, order: Order) -> Result<NdArray> {
        self.take_along_axis(&self.argsort(axis, order)?, axis)
    }

    /// The first `k` elements along an axis in an order, and their positions: with
    /// [`Order::Descending`] the `k` largest.
    ///
    /// # Errors
    /// [`Error::Setting`] if the axis has less than `k` elements, [`Error::Axis`] if it does not
    /// exist.
    ///
    /// # Examples
    /// ```
    /// use gluonic::{NdArray, ops::Order};
    /// let x = NdArray::from_slice(&[1.0_f32, 5.0, 3.0], 3)?;
    /// let (values, positions) = x.topk(2, 0, Order::Descending)?;
    /// assert_eq!(values.to_vec::<f32>()?, [5.0, 3.0]);
    /// assert_eq!(positions.to_vec::<i64>()?, [1, 2]);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    pub fn topk(&self, k: usize, axis: isize, order: Order) -> Result<(NdArray, NdArray)> {
        let axis = resolve_axis("topk", axis, self.rank())?;
        let n = self.dims()[axis];
        if k > n {
            let found = format!("{k} for an axis of size {n}").into();
            return Err(Error::Setting { setting: "k", expected: "at most the axis", found });
        }
        let positions = arg_sort(self, axis, order, k)?;
        Ok((self.take_along_axis(&positions, axis as isize)?, positions))
    }
}
