//! Arrays: handles on shared, versioned memory.
//!
//! The main type is [`NdArray`]. A handle and every view made from it read and write one value;
//! `clone` is another handle, [`NdArray::deep_clone`] another value. Arithmetic is not here but in
//! [`ops`](crate::ops), differentiation in [`autograd`](crate::autograd).

mod buffer;
mod cell;
mod convert;
mod dtype;
mod edit;
#[doc(hidden)]
pub mod index;
mod pin;
mod pool;
mod rows;
mod shape_only;
mod view;

use std::fmt;
use std::sync::Arc;

pub(crate) use buffer::Buf;
#[doc(hidden)]
pub use buffer::Data;
pub(crate) use cell::{Cell, Edit, thread_number, unique};
pub(crate) use dtype::{Compute, for_dtype, for_float, for_integer};
pub use dtype::{DType, Element, Scalar};
pub use edit::Operand;
pub(crate) use edit::{copy_strided, for_each_row, gather};
pub use pin::Pin;
pub(crate) use rows::Rows;
pub(crate) use shape_only::{shapes_only, with_shapes_only};
pub(crate) use view::{View, broadcast_dims};

use crate::autograd::Track;
use crate::context::{self, Context};
use crate::error::{Error, Result};
use crate::shape::Dims;

/// An n-dimensional array of one element type.
///
/// # Memory
/// A handle: cloning it, slicing it, transposing it share the elements. An edit through one is
/// seen by all.
///
/// # Examples
/// ```
/// use gluonic::{NdArray, s};
/// let x = NdArray::from_slice(&[1.0_f32, 2.0, 3.0, 4.0], (2, 2))?;
/// x.slice(s![0, ..])?.fill(0.0)?;
/// assert_eq!(x.to_vec::<f32>()?, [0.0, 0.0, 3.0, 4.0]);
/// let y = (&x + 1.0)?.sum()?;
/// assert_eq!(y.to_scalar::<f32>()?, 11.0);
/// # Ok::<(), gluonic::Error>(())
/// ```
#[doc(alias = "Tensor", alias = "ndarray")]
#[derive(Clone)]
pub struct NdArray {
    pub(crate) cell: Arc<Cell>,
    pub(crate) view: View,
    /// Where a gradient with respect to this array goes.
    pub(crate) track: Track,
    /// The cell's version when this handle was computed: an intermediate result that was edited
    /// since must not be used under `record` again.
    pub(crate) version: u64,
}

impl NdArray {
    pub(crate) fn from_buf(buf: impl Into<Arc<Buf>>, dims: Dims) -> NdArray {
        NdArray::on(Arc::new(Cell::new(buf.into())), View::new(dims), Track::None)
    }

    /// As [`NdArray::from_buf`], not on the current context but on this one.
    pub(crate) fn from_buf_on(context: Context, buf: impl Into<Arc<Buf>>, dims: Dims) -> NdArray {
        NdArray::on(Arc::new(Cell::on(context, buf.into())), View::new(dims), Track::None)
    }

    /// A handle on a cell that exists.
    pub(crate) fn on(cell: Arc<Cell>, view: View, track: Track) -> NdArray {
        NdArray { version: cell.version(), cell, view, track }
    }

    /// An array of the given elements, in row-major order.
    ///
    /// # Errors
    /// [`Error::ElemCount`] if the number of values is not that of `dims`.
    pub fn from_slice<T: Element>(values: &[T], dims: impl Into<Dims>) -> Result<NdArray> {
        NdArray::from_vec(values.to_vec(), dims)
    }

    /// As [`NdArray::from_slice`], taking the memory over without a copy.
    ///
    /// # Errors
    /// [`Error::ElemCount`] if the number of values is not that of `dims`.
    pub fn from_vec<T: Element>(values: Vec<T>, dims: impl Into<Dims>) -> Result<NdArray> {
        let dims = dims.into();
        if dims.checked_count() != Some(values.len()) {
            return Err(Error::ElemCount { shape: dims.into(), found: values.len() });
        }
        Ok(NdArray::from_buf(Buf::from_vec(values), dims))
    }

    /// A scalar.
    pub fn scalar<T: Element>(value: T) -> NdArray {
        NdArray::from_buf(Buf::from_vec(vec![value]), Dims::from(()))
    }

    /// An array filled with one value.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if the element count does not fit the address space, [`Error::NoMemory`]
    /// if there is not so much memory.
    pub fn full(dims: impl Into<Dims>, value: impl Into<Scalar>, dtype: DType) -> Result<NdArray> {
        let (dims, value) = (dims.into(), value.into());
        if let Some(shape) = NdArray::planned(&dims, dtype)? {
            return Ok(shape);
        }
        let n = dims.elem_count();
        let buf = for_dtype!(dtype, T => {
            Buf::new::<T>(n, |out| out.fill(T::from_scalar(value)))
        });
        Ok(NdArray::from_buf(buf, dims))
    }

    /// An array of zeros.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if the element count does not fit the address space, [`Error::NoMemory`]
    /// if there is not so much memory.
    pub fn zeros(dims: impl Into<Dims>, dtype: DType) -> Result<NdArray> {
        let dims = dims.into();
        if let Some(shape) = NdArray::planned(&dims, dtype)? {
            return Ok(shape);
        }
        let n = dims.elem_count();
        Ok(NdArray::from_buf(Buf::zeros(dtype, n), dims))
    }

    /// An array of ones.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if the element count does not fit the address space, [`Error::NoMemory`]
    /// if there is not so much memory.
    pub fn ones(dims: impl Into<Dims>, dtype: DType) -> Result<NdArray> {
        NdArray::full(dims, 1.0, dtype)
    }

    /// The numbers 0, 1, …, `n - 1`.
    pub fn arange<T: Element>(n: usize) -> NdArray {
        let buf = Buf::new::<T>(n, |out| {
            for (i, out) in out.iter_mut().enumerate() {
                *out = T::from_scalar(Scalar::Int(i as i128));
            }
        });
        NdArray::from_buf(buf, Dims::from(n))
    }

    /// The sizes.
    #[doc(alias = "shape")]
    #[inline]
    pub fn dims(&self) -> &Dims {
        &self.view.dims
    }

    /// The number of axes.
    #[doc(alias = "ndim")]
    #[inline]
    pub fn rank(&self) -> usize {
        self.view.dims.len()
    }

    /// The number of elements.
    #[doc(alias = "numel", alias = "size")]
    #[inline]
    pub fn elem_count(&self) -> usize {
        self.view.dims.elem_count()
    }

    /// The type of the elements.
    #[inline]
    pub fn dtype(&self) -> DType {
        self.cell.dtype()
    }

    /// Where it is: the current context of the thread that made it, or where that was from which
    /// it was computed. [`NdArray::to_context`] gives a copy elsewhere.
    #[doc(alias = "ctx", alias = "device")]
    #[inline]
    pub fn context(&self) -> Context {
        self.cell.context()
    }

    /// Runs `f` with the current context where this array is.
    #[inline]
    pub(crate) fn there<R>(&self, f: impl FnOnce() -> R) -> R {
        context::with(self.context(), f)
    }

    /// Whether both handles are alike in every respect: on one value, at which they look in one way,
    /// and with one gradient.
    pub fn same_handle(&self, other: &NdArray) -> bool {
        self.same_memory(other) && self.view == other.view && self.track.is_same(&other.track)
    }

    /// Whether both handles are on the same value, however they look at it.
    pub fn same_memory(&self, other: &NdArray) -> bool {
        Arc::ptr_eq(&self.cell, &other.cell)
    }

    /// How often the value has been edited: grows by one with each edit through any handle.
    pub fn version(&self) -> u64 {
        self.cell.version()
    }

    /// Whether the elements lie one after another in row-major order.
    pub fn is_contiguous(&self) -> bool {
        self.view.is_contiguous()
    }

    /// Whether it was computed under `record` from something that has a gradient.
    pub fn is_recorded(&self) -> bool {
        matches!(self.track, Track::Node(_))
    }

    /// The same value without its history: gradients stop here. Shares the memory.
    #[must_use]
    pub fn detach(&self) -> NdArray {
        NdArray::on(self.cell.clone(), self.view.clone(), Track::None)
    }

    /// A new value with equal elements, in row-major order, without history.
    ///
    /// # Errors
    /// [`Error::BeingEdited`] inside an edit of this array by the same thread.
    pub fn deep_clone(&self) -> Result<NdArray> {
        if let Some(shape) = NdArray::planned(self.dims(), self.dtype())? {
            return Ok(shape);
        }
        let buf = for_dtype!(self.dtype(), T => {
            Buf::new::<T>(self.elem_count(), |_| ())
        });
        let copy = NdArray::from_buf_on(self.context(), buf, self.dims().clone());
        copy.assign(self)?;
        Ok(copy)
    }

    /// Fixes the address of the memory for code outside until the pin is dropped.
    ///
    /// # Errors
    /// [`Error::BeingEdited`] inside an edit of this array by the same thread.
    pub fn pin(&self) -> Result<Pin> {
        self.cell.pin()
    }

    /// Byte offset of the first element and strides in elements, for code that holds a
    /// [`Pin`] of this array.
    pub fn layout(&self) -> (usize, &[isize]) {
        (self.view.offset * self.dtype().size(), &self.view.strides)
    }

    /// The same elements seen through another layout; history is the caller's matter.
    pub(crate) fn with_view(&self, view: View) -> NdArray {
        NdArray { cell: self.cell.clone(), view, track: Track::None, version: self.version }
    }

    /// The elements in row-major order.
    ///
    /// # Errors
    /// [`Error::DTypeMismatch`] if `T` is not the element type (use [`NdArray::cast`] first);
    /// [`Error::BeingEdited`] inside an edit of this array by the same thread.
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>> {
        self.expect_dtype(T::DTYPE)?;
        let buf = self.cell.snapshot()?;
        Ok(edit::gather(buf.slice::<T>(), &self.view))
    }

    /// The only element.
    ///
    /// # Errors
    /// [`Error::ElemCount`] if there is not exactly one; else as [`NdArray::to_vec`].
    pub fn to_scalar<T: Element>(&self) -> Result<T> {
        match self.to_vec()?.as_slice() {
            [value] => Ok(*value),
            values => Err(Error::ElemCount { shape: Dims::from(()).into(), found: values.len() }),
        }
    }

    /// The elements as `f64`, whatever their type.
    ///
    /// # Errors
    /// [`Error::BeingEdited`] inside an edit of this array by the same thread.
    pub fn to_f64_vec(&self) -> Result<Vec<f64>> {
        let buf = self.cell.snapshot()?;
        Ok(for_dtype!(self.dtype(), T => {
            let values = edit::gather(buf.slice::<T>(), &self.view);
            values.into_iter().map(|value| Into::<Scalar>::into(value).to_f64()).collect()
        }))
    }

    pub(crate) fn expect_dtype(&self, expected: DType) -> Result<()> {
        if self.dtype() == expected {
            return Ok(());
        }
        Err(Error::DTypeMismatch { expected, found: self.dtype() })
    }
}

/// The context on which all of these are; of none, the current one.
#[inline]
pub(crate) fn one_context(arrays: &[&NdArray]) -> Result<Context> {
    let Some((first, others)) = arrays.split_first() else { return Ok(context::current()) };
    let expected = first.context();
    match others.iter().find(|other| other.context() != expected) {
        Some(other) => Err(Error::Contexts { expected, found: other.context() }),
        None => Ok(expected),
    }
}

impl fmt::Debug for NdArray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NdArray")
            .field("dims", &self.view.dims.to_vec())
            .field("dtype", &self.dtype())
            .field("version", &self.version())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for NdArray {
    /// Writes the elements as NumPy does, long arrays abbreviated.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = for_dtype!(self.dtype(), T => self.read(|view: ndarray::ArrayViewD<'_, T>| view.fmt(f)));
        shown.unwrap_or_else(|error| write!(f, "<{error}>"))
    }
}
