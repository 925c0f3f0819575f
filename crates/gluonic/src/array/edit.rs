//! Editing in place: through a view lent to a closure, by index, row, range, mask, or another
//! array.
//!
//! Every edit writes the one value that all handles share, counts as a version, and leaves what a
//! recorded graph has kept untouched.

use ndarray::{ArrayViewD, ArrayViewMutD, Axis, IxDyn, ShapeBuilder, SliceInfoElem};

use super::dtype::{DType, Element, Scalar, for_dtype};
use super::view::View;
use super::{Buf, NdArray, one_context, shapes_only};
use crate::cpu::number::{self, Arith};
use crate::error::{Error, Result};

/// The right-hand side of an in-place operation: a number, or an array that broadcasts.
#[derive(Clone, Debug)]
pub enum Operand {
    /// One number for every element.
    Scalar(Scalar),
    /// An array of any element type, broadcast to the edited one.
    Array(NdArray),
}

impl<T: Into<Scalar>> From<T> for Operand {
    fn from(value: T) -> Self {
        Operand::Scalar(value.into())
    }
}

impl From<&NdArray> for Operand {
    fn from(array: &NdArray) -> Self {
        Operand::Array(array.clone())
    }
}

/// The lowest position of a view and its strides without sign; the axes to invert after.
fn unsigned(view: &View) -> (usize, Vec<usize>, Vec<usize>) {
    let inverted = view.strides.iter().enumerate().filter(|(_, stride)| **stride < 0);
    (
        view.bounds().0,
        view.strides.iter().map(|stride| stride.unsigned_abs()).collect(),
        inverted.map(|(axis, _)| axis).collect(),
    )
}

fn view_mut<'a, T>(buf: &'a mut [T], view: &View) -> ArrayViewMutD<'a, T> {
    let (low, strides, inverted) = unsigned(view);
    if view.dims.contains(&0) {
        // Strides of nothing mean nothing.
        let empty = ArrayViewMutD::from_shape(IxDyn(&view.dims), &mut buf[..0]);
        return empty.expect("no elements lie anywhere");
    }
    let shape = IxDyn(&view.dims).strides(IxDyn(&strides));
    let mut lent =
        ArrayViewMutD::from_shape(shape, &mut buf[low..]).expect("views lie in their buffer");
    for axis in inverted {
        lent.invert_axis(Axis(axis));
    }
    lent
}

/// Copies the elements of a view out in row-major order.
pub(crate) fn gather<T: Copy>(buf: &[T], view: &View) -> Vec<T> {
    let n = view.dims.elem_count();
    // A view without elements may begin anywhere.
    if n > 0 && view.is_contiguous() {
        return buf[view.offset..][..n].to_vec();
    }
    let mut out = Vec::with_capacity(n);
    for_each_row(view, |start, stride, n| {
        if stride == 1 {
            return out.extend_from_slice(&buf[start as usize..][..n]);
        }
        out.extend((0..n as isize).map(|i| buf[(start + i * stride) as usize]));
    });
    out
}

/// Calls `row(first position, stride, count)` for each run along the last axis, in order.
pub(crate) fn for_each_row(view: &View, mut row: impl FnMut(isize, isize, usize)) {
    let rank = view.dims.len();
    if view.dims.contains(&0) {
        return;
    }
    let Some(outer) = rank.checked_sub(1) else {
        row(view.offset as isize, 1, 1);
        return;
    };
    let mut index = crate::shape::Short::filled(outer, 0usize);
    let mut start = view.offset as isize;
    loop {
        row(start, view.strides[outer], view.dims[outer]);
        let mut axis = outer;
        loop {
            let Some(previous) = axis.checked_sub(1) else { return };
            axis = previous;
            let index = index.as_mut();
            index[axis] += 1;
            start += view.strides[axis];
            if index[axis] < view.dims[axis] {
                break;
            }
            start -= view.strides[axis] * view.dims[axis] as isize;
            index[axis] = 0;
        }
    }
}

impl NdArray {
    /// Lends the elements to `read`, as an `ndarray` view.
    ///
    /// # Memory
    /// No copy, unless an axis is broadcast.
    ///
    /// # Errors
    /// [`Error::DTypeMismatch`] if `T` is not the element type; [`Error::BeingEdited`] inside an
    /// edit of this array by the same thread.
    #[expect(clippy::missing_panics_doc, reason = "views lie in their buffers")]
    pub fn read<T: Element, R>(&self, read: impl FnOnce(ArrayViewD<'_, T>) -> R) -> Result<R> {
        self.expect_dtype(T::DTYPE)?;
        let buf = self.cell.snapshot()?;
        if self.view.repeats() || self.elem_count() == 0 {
            let values = gather(buf.slice::<T>(), &self.view);
            let lent = ArrayViewD::from_shape(IxDyn(self.dims()), &values)
                .expect("as many values as the sizes say");
            return Ok(read(lent));
        }
        let (low, strides, inverted) = unsigned(&self.view);
        let shape = IxDyn(self.dims()).strides(IxDyn(&strides));
        let mut lent = ArrayViewD::from_shape(shape, &buf.slice::<T>()[low..])
            .expect("views lie in their buffer");
        for axis in inverted {
            lent.invert_axis(Axis(axis));
        }
        Ok(read(lent))
    }

    /// Lends the elements to `edit`, as a mutable `ndarray` view.
    ///
    /// # Memory
    /// In place when nothing else counts on the old value; else (a recorded graph keeps it) on a
    /// copy that becomes the value.
    ///
    /// # Errors
    /// [`Error::DTypeMismatch`] if `T` is not the element type; [`Error::BroadcastEdit`] if one
    /// element stands for several; [`Error::BeingEdited`] inside an edit of the same value by the
    /// same thread.
    ///
    /// # Examples
    /// ```
    /// use gluonic::{DType, NdArray};
    /// let x = NdArray::zeros((2, 3), DType::F32)?;
    /// x.edit::<f32, _>(|mut view| view[[1, 2]] = 5.0)?;
    /// assert_eq!(x.to_vec::<f32>()?, [0.0, 0.0, 0.0, 0.0, 0.0, 5.0]);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    pub fn edit<T: Element, R>(&self, edit: impl FnOnce(ArrayViewMutD<'_, T>) -> R) -> Result<R> {
        self.expect_dtype(T::DTYPE)?;
        self.refuse_repeats()?;
        if shapes_only() {
            return Err(Error::ShapeOnly);
        }
        let mut lock = self.cell.edit()?;
        Ok(edit(view_mut(lock.buf().slice_mut::<T>(), &self.view)))
    }

    fn refuse_repeats(&self) -> Result<()> {
        if self.view.repeats() {
            return Err(Error::BroadcastEdit { shape: self.dims().into() });
        }
        Ok(())
    }

    /// Sets every element to one value.
    ///
    /// # Errors
    /// [`Error::BroadcastEdit`], [`Error::BeingEdited`]: see [`NdArray::edit`].
    pub fn fill(&self, value: impl Into<Scalar>) -> Result<()> {
        let value = value.into();
        if shapes_only() {
            return self.refuse_repeats();
        }
        for_dtype!(self.dtype(), T => {
            self.edit::<T, _>(|mut view| view.fill(T::from_scalar(value)))
        })
    }

    /// Sets the elements that an index expression selects: one element, a row, a range.
    ///
    /// # Errors
    /// [`Error::Index`] if the expression does not fit; else as [`NdArray::assign`].
    ///
    /// # Examples
    /// ```
    /// use gluonic::{DType, NdArray, s};
    /// let x = NdArray::zeros((2, 2), DType::F32)?;
    /// x.set(s![0, 0], 42.0)?;
    /// x.set(s![-1, ..], &NdArray::arange::<f32>(2))?;
    /// assert_eq!(x.to_vec::<f32>()?, [42.0, 0.0, 0.0, 1.0]);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    pub fn set(&self, index: impl AsRef<[SliceInfoElem]>, value: impl Into<Operand>) -> Result<()> {
        let part = self.with_view(self.view.slice(index.as_ref())?);
        match value.into() {
            Operand::Scalar(value) => part.fill(value),
            Operand::Array(array) => part.assign(&array),
        }
    }

    /// Copies another array's elements into this one, broadcast and converted as needed, from any
    /// context. The two may overlap in memory.
    ///
    /// # Errors
    /// [`Error::Broadcast`] if the sizes do not fit; else as [`NdArray::edit`].
    pub fn assign(&self, other: &NdArray) -> Result<()> {
        self.refuse_repeats()?;
        let view = other.view.broadcast(self.dims()).ok_or_else(|| Error::Broadcast {
            op: "assign",
            left: self.dims().into(),
            right: other.dims().into(),
        })?;
        if shapes_only() {
            return Ok(());
        }
        // A snapshot: when both are one value, the edit below then writes to a copy.
        let source = other.cell.snapshot()?;
        let (source, view) = if source.dtype() == self.dtype() {
            (source, view)
        } else {
            let gathered = for_dtype!(source.dtype(), S => {
                Buf::from_vec(gather(source.slice::<S>(), &view))
            });
            (gathered.convert(self.dtype()).into(), View::new(self.dims().clone()))
        };
        let mut lock = self.cell.edit()?;
        for_dtype!(self.dtype(), T => {
            copy_strided(source.slice::<T>(), &view, lock.buf().slice_mut(), &self.view);
        });
        Ok(())
    }

    /// Replaces each element `x` by `f(x)`, computed in `f64`.
    ///
    /// # Errors
    /// As [`NdArray::edit`].
    pub fn map_inplace(&self, f: impl Fn(f64) -> f64) -> Result<()> {
        if shapes_only() {
            return self.refuse_repeats();
        }
        for_dtype!(self.dtype(), T => self.edit::<T, _>(|mut view| {
            view.map_inplace(|x| *x = T::from_scalar(f(Into::<Scalar>::into(*x).to_f64()).into()));
        }))
    }

    /// Sets the elements where `mask` is true; the mask broadcasts.
    ///
    /// # Errors
    /// [`Error::DTypeMismatch`] if the mask is not boolean, [`Error::Broadcast`] if the sizes do
    /// not fit; else as [`NdArray::edit`].
    #[doc(alias = "masked_fill_")]
    pub fn fill_where(&self, mask: &NdArray, value: impl Into<Scalar>) -> Result<()> {
        mask.expect_dtype(DType::Bool)?;
        let value = value.into();
        let view = mask.view.broadcast(self.dims()).ok_or_else(|| Error::Broadcast {
            op: "fill_where",
            left: self.dims().into(),
            right: mask.dims().into(),
        })?;
        if shapes_only() {
            return self.refuse_repeats();
        }
        one_context(&[self, mask])?;
        let mask = gather(mask.cell.snapshot()?.slice::<bool>(), &view);
        for_dtype!(self.dtype(), T => self.edit::<T, _>(|mut view| {
            for (x, masked) in view.iter_mut().zip(mask) {
                if masked {
                    *x = T::from_scalar(value);
                }
            }
        }))
    }

    /// Adds in place.
    ///
    /// # Errors
    /// [`Error::Broadcast`] if the sizes do not fit, [`Error::Contexts`] if the other array is on
    /// another context; else as [`NdArray::edit`].
    pub fn add_assign(&self, other: impl Into<Operand>) -> Result<()> {
        self.update(other.into(), "add_assign", Arith::Add)
    }

    /// Subtracts in place.
    ///
    /// # Errors
    /// As [`NdArray::add_assign`].
    pub fn sub_assign(&self, other: impl Into<Operand>) -> Result<()> {
        self.update(other.into(), "sub_assign", Arith::Sub)
    }

    /// Multiplies in place.
    ///
    /// # Errors
    /// As [`NdArray::add_assign`].
    pub fn mul_assign(&self, other: impl Into<Operand>) -> Result<()> {
        self.update(other.into(), "mul_assign", Arith::Mul)
    }

    /// Divides in place.
    ///
    /// # Errors
    /// As [`NdArray::add_assign`].
    pub fn div_assign(&self, other: impl Into<Operand>) -> Result<()> {
        self.update(other.into(), "div_assign", Arith::Div)
    }

    /// Divides in place and rounds towards minus infinity.
    ///
    /// # Errors
    /// As [`NdArray::add_assign`].
    pub fn floor_divide_assign(&self, other: impl Into<Operand>) -> Result<()> {
        self.update(other.into(), "floor_divide_assign", Arith::FloorDivide)
    }

    /// Divides in place and leaves the rest, as [`NdArray::remainder`].
    ///
    /// # Errors
    /// As [`NdArray::add_assign`].
    pub fn remainder_assign(&self, other: impl Into<Operand>) -> Result<()> {
        self.update(other.into(), "remainder_assign", Arith::Remainder)
    }

    /// Takes powers in place.
    ///
    /// # Errors
    /// As [`NdArray::add_assign`].
    pub fn pow_assign(&self, other: impl Into<Operand>) -> Result<()> {
        self.update(other.into(), "pow_assign", Arith::Pow)
    }

    /// `x = x ∘ y` elementwise. An array of another element type is computed with in `f64`, and
    /// the result converted.
    fn update(&self, other: Operand, op: &'static str, arith: Arith) -> Result<()> {
        self.refuse_repeats()?;
        if self.dtype() == DType::Bool && !matches!(arith, Arith::Add | Arith::Mul) {
            return Err(Error::NoArithmetic { op, dtype: DType::Bool });
        }
        let other = match other {
            Operand::Scalar(value) => {
                if shapes_only() {
                    return Ok(());
                }
                let mut lock = self.cell.edit()?;
                for_dtype!(self.dtype(), T => {
                    let (x, y) = (lock.buf().slice_mut::<T>(), T::from_scalar(value));
                    for_each_run(&self.view, |start, stride, n| {
                        number::update_with(arith, &mut x[start..], stride, n, y);
                    });
                });
                return Ok(());
            }
            Operand::Array(array) => array,
        };
        let view = other.view.broadcast(self.dims()).ok_or_else(|| Error::Broadcast {
            op,
            left: self.dims().into(),
            right: other.dims().into(),
        })?;
        if shapes_only() {
            return Ok(());
        }
        one_context(&[self, &other])?;
        // A snapshot: when both are one value, the edit below then writes to a copy.
        let source = other.cell.snapshot()?;
        if source.dtype() != self.dtype() {
            return self.update_in_f64(arith, &source, &view);
        }
        let same = view.is_contiguous() && self.view.is_contiguous();
        for_dtype!(self.dtype(), T => {
            let gathered;
            let y: &[T] = if same {
                &source.slice::<T>()[view.offset..][..self.elem_count()]
            } else {
                gathered = gather(source.slice::<T>(), &view);
                &gathered
            };
            let mut lock = self.cell.edit()?;
            let (x, mut y) = (lock.buf().slice_mut::<T>(), y);
            for_each_run(&self.view, |start, stride, n| {
                let (row, rest) = y.split_at(n);
                y = rest;
                number::update(arith, &mut x[start..], stride, row);
            });
        });
        Ok(())
    }

    fn update_in_f64(&self, arith: Arith, source: &Buf, view: &View) -> Result<()> {
        let ys: Vec<f64> = for_dtype!(source.dtype(), S => {
            let ys = gather(source.slice::<S>(), view);
            ys.into_iter().map(|y| Into::<Scalar>::into(y).to_f64()).collect()
        });
        for_dtype!(self.dtype(), T => self.edit::<T, _>(|mut view| {
            for (x, y) in view.iter_mut().zip(ys) {
                let mut result = [Into::<Scalar>::into(*x).to_f64()];
                number::update(arith, &mut result, 1, &[y]);
                *x = T::from_scalar(result[0].into());
            }
        }))
    }
}

/// As [`for_each_row`], with one run for a contiguous view, and with strides that go upwards: a row
/// that goes downwards comes element by element.
fn for_each_run(view: &View, mut run: impl FnMut(usize, usize, usize)) {
    if view.is_contiguous() {
        let n = view.dims.elem_count();
        if n > 0 {
            run(view.offset, 1, n);
        }
        return;
    }
    for_each_row(view, |start, stride, n| match usize::try_from(stride) {
        Ok(stride) => run(start as usize, stride.max(1), n),
        Err(_) => (0..n as isize).for_each(|i| run((start + i * stride) as usize, 1, 1)),
    });
}

/// Copies between two layouts of the same sizes.
pub(crate) fn copy_strided<T: Copy>(from: &[T], from_view: &View, to: &mut [T], to_view: &View) {
    if from_view.is_contiguous() && to_view.is_contiguous() {
        let n = to_view.dims.elem_count();
        let from = &from[from_view.offset..from_view.offset + n];
        to[to_view.offset..to_view.offset + n].copy_from_slice(from);
        return;
    }
    let mut starts = Vec::new();
    for_each_row(from_view, |start, stride, _| starts.push((start, stride)));
    let mut starts = starts.into_iter();
    for_each_row(to_view, |start, stride, n| {
        let Some((from_start, from_stride)) = starts.next() else { return };
        for i in 0..n as isize {
            to[(start + i * stride) as usize] = from[(from_start + i * from_stride) as usize];
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s;

    fn counted(dims: (usize, usize)) -> NdArray {
        let n = dims.0 * dims.1;
        NdArray::from_vec((0..n).map(|i| i as f32).collect(), dims).unwrap()
    }

    #[test]
    fn an_edit_through_a_reversed_and_stepped_view_reaches_the_right_elements() {
        let x = counted((1, 6));
        let view = x.with_view(x.view.slice(s![0, ..;-2].as_ref()).unwrap());
        assert_eq!(view.to_vec::<f32>().unwrap(), [5.0, 3.0, 1.0]);
        view.assign(&NdArray::from_slice(&[10.0_f32, 20.0, 30.0], 3).unwrap()).unwrap();
        assert_eq!(x.to_vec::<f32>().unwrap(), [0.0, 30.0, 2.0, 20.0, 4.0, 10.0]);
        view.edit::<f32, _>(|mut lent| lent[0] = -1.0).unwrap();
        assert_eq!(x.to_vec::<f32>().unwrap()[5], -1.0);
    }

    #[test]
    fn overlapping_parts_of_one_array_copy_as_if_the_source_were_read_first() {
        let x = counted((1, 5));
        let source = x.with_view(x.view.slice(s![0, 0..4].as_ref()).unwrap());
        x.set(s![0, 1..5], &source).unwrap();
        assert_eq!(x.to_vec::<f32>().unwrap(), [0.0, 0.0, 1.0, 2.0, 3.0]);
    }

    #[test]
    fn assignment_broadcasts_rows_and_converts_types() {
        let x = counted((2, 3));
        x.assign(&NdArray::from_slice(&[7_i64, 8, 9], 3).unwrap()).unwrap();
        assert_eq!(x.to_vec::<f32>().unwrap(), [7.0, 8.0, 9.0, 7.0, 8.0, 9.0]);
        assert!(matches!(x.assign(&counted((3, 2))), Err(Error::Broadcast { .. })));
    }

    #[test]
    fn a_mask_selects_what_is_set() {
        let x = counted((2, 2));
        let mask = NdArray::from_slice(&[true, false], (2, 1)).unwrap();
        x.fill_where(&mask, -1.0).unwrap();
        assert_eq!(x.to_vec::<f32>().unwrap(), [-1.0, -1.0, 2.0, 3.0]);
    }

    #[test]
    fn an_edit_inside_an_edit_of_the_same_value_is_refused() {
        let x = counted((2, 2));
        let inner = x.edit::<f32, _>(|_| x.fill(0.0)).unwrap();
        assert!(matches!(inner, Err(Error::BeingEdited)));
    }

    #[test]
    fn a_broadcast_view_can_be_read_but_not_edited() {
        let x = counted((1, 2));
        let wide = x.with_view(x.view.broadcast(&(2, 2).into()).unwrap());
        assert_eq!(wide.to_vec::<f32>().unwrap(), [0.0, 1.0, 0.0, 1.0]);
        assert_eq!(wide.read::<f32, _>(|view| view[[1, 1]]).unwrap(), 1.0);
        assert!(matches!(wide.fill(0.0), Err(Error::BroadcastEdit { .. })));
    }

    #[test]
    fn empty_and_scalar_arrays_are_edited_like_any_other() {
        NdArray::zeros((0, 3), DType::F64).unwrap().add_assign(1.0).unwrap();
        let x = NdArray::scalar(2.0_f64);
        x.mul_assign(&NdArray::scalar(3_i32)).unwrap();
        assert_eq!(x.to_scalar::<f64>().unwrap(), 6.0);
    }
}
