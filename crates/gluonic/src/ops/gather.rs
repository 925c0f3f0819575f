//! Elements chosen by arrays of indices, and put back by them.
//!
//! Indices may have any element type; negative ones count from the end, a fraction is cut off. One
//! that is out of range, or NaN, is an error that names it: MXNet's `mode="clip"` would hide a
//! mistake.

use std::sync::Arc;

use super::{Flat, compute_type, edges, output, resolve_axis};
use crate::array::{Buf, DType, Element, NdArray, Scalar, for_dtype, for_float, shapes_only};
use crate::autograd::{Inputs, Op, Sinks};
use crate::cpu::gather as kernel;
use crate::error::{Error, Result};
use crate::shape::{Dims, Shape};

/// The places that indices name on an axis of `n`.
pub(super) fn positions(indices: &NdArray, n: usize, of: &Dims) -> Result<Vec<usize>> {
    fn read<T: Element>(from: &[T], n: usize) -> Result<Vec<usize>, Scalar> {
        let place = |index: &T| {
            let index: Scalar = (*index).into();
            let whole = match index {
                Scalar::Int(i) => Some(i),
                Scalar::Bool(i) => Some(i128::from(i)),
                Scalar::Float(i) => (!i.is_nan()).then_some(i as i128),
            };
            let counted = whole.map(|i| if i < 0 { i.saturating_add(n as i128) } else { i });
            let inside = counted.and_then(|i| usize::try_from(i).ok()).filter(|i| *i < n);
            inside.ok_or(index)
        };
        from.iter().map(place).collect()
    }
    let flat = Flat::stored(indices)?;
    let places = for_dtype!(indices.dtype(), T => read::<T>(flat.slice(), n));
    places.map_err(|index| Error::Index { index: index.to_string().into(), shape: of.into() })
}

/// The sizes before, of and after an axis.
fn around(dims: &Dims, axis: usize) -> (usize, usize, usize) {
    (dims[..axis].iter().product(), dims[axis], dims[axis + 1..].iter().product())
}

pub(super) struct TakeNode {
    pub(super) positions: Vec<usize>,
    /// The sizes before, of and after the axis.
    pub(super) sizes: (usize, usize, usize),
}

impl Op for TakeNode {
    fn backward(&self, grad: Arc<Buf>, sinks: &mut Sinks<'_>) -> Result<()> {
        let (outer, n, inner) = self.sizes;
        for_float!(grad.dtype(), T => sinks.write::<T>(0, outer * n * inner, |out, add| {
            if !add {
                out.fill(0.0);
            }
            kernel::add_taken(out, grad.slice(), &self.positions, n, inner);
        }))
    }
}

/// The parts of `x` at places of an axis, which becomes the axes `middle`.
pub(super) fn taken(
    x: &NdArray,
    edges: Inputs,
    positions: Vec<usize>,
    middle: &[usize],
    axis: usize,
) -> Result<NdArray> {
    let dims = taken_dims(x.dims(), middle, axis);
    if let Some(shape) = NdArray::planned(&dims, x.dtype())? {
        return Ok(shape);
    }
    let sizes = around(x.dims(), axis);
    let flat = Flat::stored(x)?;
    let buf = for_dtype!(x.dtype(), T => Buf::new::<T>(dims.elem_count(), |out| {
        kernel::take(out, flat.slice(), &positions, sizes.1, sizes.2);
    }));
    Ok(output(Arc::new(buf), x.dtype(), dims, edges, || Box::new(TakeNode { positions, sizes })))
}

fn taken_dims(x: &Dims, middle: &[usize], axis: usize) -> Dims {
    [&x[..axis], middle, &x[axis + 1..]].concat().into()
}

struct AlongNode {
    positions: Arc<Vec<usize>>,
    /// The elements of the array, and the sizes around the axis: of it, of the indices, after it.
    total: usize,
    sizes: (usize, usize, usize),
}

impl Op for AlongNode {
    fn backward(&self, grad: Arc<Buf>, sinks: &mut Sinks<'_>) -> Result<()> {
        for_float!(grad.dtype(), T => sinks.write::<T>(0, self.total, |out, add| {
            if !add {
                out.fill(0.0);
            }
            let grad = grad.slice::<T>();
            kernel::along(&self.positions, self.sizes, |from, to| out[to] += grad[from]);
        }))
    }
}

/// Backward of a scatter: the gradient goes to the array as it is, to the updates by the indices.
struct ScatterNode {
    positions: Arc<Vec<usize>>,
    sizes: (usize, usize, usize),
}

impl Op for ScatterNode {
    fn backward(&self, grad: Arc<Buf>, sinks: &mut Sinks<'_>) -> Result<()> {
        for_float!(grad.dtype(), T => sinks.write::<T>(1, self.positions.len(), |out, add| {
            let grad = grad.slice::<T>();
            kernel::along(&self.positions, self.sizes, |to, from| {
                out[to] = if add { out[to] + grad[from] } else { grad[from] };
            });
        }))?;
        sinks.pass(0, &grad)
    }
}

/// The shape rule of operations along an axis: indices have the array's sizes on all other axes.
fn along_sizes(
    op: &'static str,
    x: &NdArray,
    indices: &NdArray,
    axis: isize,
) -> Result<(usize, (usize, usize, usize))> {
    let axis = resolve_axis(op, axis, x.rank())?;
    let same = |a: usize| a == axis || indices.dims()[a] == x.dims()[a];
    if indices.rank() != x.rank() || !(0..x.rank()).all(same) {
        let expected = x.dims().iter().enumerate();
        let expected: Vec<_> = expected.map(|(a, &n)| (a != axis).then_some(n)).collect();
        let (expected, found) = (Shape::from(expected), indices.dims().into());
        return Err(Error::OperandShape { op, expected, found });
    }
    let (_, n, inner) = around(x.dims(), axis);
    Ok((axis, (n, indices.dims()[axis], inner)))
}

impl NdArray {
    /// The parts of the first axis at `rows`, in that order, repeated as often as they are named.
    ///
    /// # Memory
    /// A copy.
    ///
    /// # Errors
    /// [`Error::Index`] if there is no such row, or no axis.
    #[doc(alias = "index_select")]
    pub fn take(&self, rows: &[usize]) -> Result<NdArray> {
        let bad = match self.dims().first() {
            None => Some("0".to_owned()),
            Some(n) => rows.iter().find(|row| *row >= n).map(ToString::to_string),
        };
        if let Some(index) = bad {
            return Err(Error::Index { index: index.into(), shape: self.dims().into() });
        }
        taken(self, edges(&[self])?, rows.to_vec(), &[rows.len()], 0)
    }

    /// The parts of an axis at the places that an array of indices names: the lookup of an
    /// embedding, with `axis` 0.
    ///
    /// # Shapes
    /// The axis becomes the axes of `indices`: `(a, n, b)` and `(i, j)` give `(a, i, j, b)`.
    ///
    /// # Memory
    /// A copy, in runs of neighbors. The gradient of a place named often is the sum of all.
    ///
    /// # Errors
    /// [`Error::Index`] if an index is out of range or NaN, [`Error::Axis`] if the axis does not
    /// exist.
    ///
    /// # Examples
    /// ```
    /// use gluonic::NdArray;
    /// let table = NdArray::arange::<f32>(6).reshape((3, 2))?;
    /// let ids = NdArray::from_slice(&[2_i64, -1, 0], 3)?;
    /// let rows = table.take_axis(&ids, 0)?;
    /// assert_eq!(rows.to_vec::<f32>()?, [4.0, 5.0, 4.0, 5.0, 0.0, 1.0]);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// NumPy, `take`; MXNet 1.9.1, `take(mode="raise")`.
    #[doc(alias = "gather", alias = "embedding")]
    pub fn take_axis(&self, indices: &NdArray, axis: isize) -> Result<NdArray> {
        let axis = resolve_axis("take_axis", axis, self.rank())?;
        if shapes_only() {
            let dims = taken_dims(self.dims(), indices.dims(), axis);
            return NdArray::shape_only(dims, self.dtype());
        }
        let edges = edges(&[self])?.beside(indices)?;
        let positions = positions(indices, self.dims()[axis], self.dims())?;
        taken(self, edges, positions, indices.dims(), axis)
    }

    /// For each index its element of the axis, at the same place of all other axes.
    ///
    /// # Shapes
    /// `indices` has this array's sizes on all axes but `axis`; the result has those of `indices`.
    ///
    /// # Errors
    /// [`Error::Index`] if an index is out of range or NaN, [`Error::OperandShape`] if the sizes
    /// do not fit, [`Error::Axis`] if the axis does not exist.
    ///
    /// # Examples
    /// ```
    /// use gluonic::NdArray;
    /// let x = NdArray::arange::<f32>(6).reshape((2, 3))?;
    /// let indices = NdArray::from_slice(&[2_i64, 0], (2, 1))?;
    /// assert_eq!(x.take_along_axis(&indices, 1)?.to_vec::<f32>()?, [2.0, 3.0]);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// NumPy, `take_along_axis`; PyTorch, `gather`.
    #[doc(alias = "gather")]
    pub fn take_along_axis(&self, indices: &NdArray, axis: isize) -> Result<NdArray> {
        let (_, sizes) = along_sizes("take_along_axis", self, indices, axis)?;
        if let Some(shape) = NdArray::planned(indices.dims(), self.dtype())? {
            return Ok(shape);
        }
        let positions = Arc::new(positions(indices, sizes.0, self.dims())?);
        let edges = edges(&[self])?.beside(indices)?;
        let flat = Flat::stored(self)?;
        let buf = for_dtype!(self.dtype(), T => Buf::new::<T>(positions.len(), |out| {
            let x = flat.slice::<T>();
            kernel::along(&positions, sizes, |to, from| out[to] = x[from]);
        }));
        let total = self.elem_count();
        Ok(output(Arc::new(buf), self.dtype(), indices.dims().clone(), edges, || {
            Box::new(AlongNode { positions, total, sizes })
        }))
    }

    /// This array with `updates` added at the places that `indices` names along an axis: what
    /// [`take_along_axis`](NdArray::take_along_axis) reads is what this adds to. Updates of one
    /// place add up, in row-major order.
    ///
    /// # Shapes
    /// `updates` and `indices` have equal sizes, those of this array on all axes but `axis`.
    ///
    /// # Errors
    /// As [`NdArray::take_along_axis`]; [`Error::DTypeMismatch`] if the element types differ,
    /// [`Error::NoArithmetic`] if they are not floating-point.
    ///
    /// # Source
    /// PyTorch, `scatter_add`.
    #[doc(alias = "index_add", alias = "scatter")]
    pub fn scatter_add(
        &self,
        indices: &NdArray,
        updates: &NdArray,
        axis: isize,
    ) -> Result<NdArray> {
        let compute = compute_type("scatter_add", &[self, updates])?;
        let (_, sizes) = along_sizes("scatter_add", self, indices, axis)?;
        if updates.dims() != indices.dims() {
            let (expected, found) = (indices.dims().into(), updates.dims().into());
            return Err(Error::OperandShape { op: "scatter_add", expected, found });
        }
        if let Some(shape) = NdArray::planned(self.dims(), self.dtype())? {
            return Ok(shape);
        }
        let positions = Arc::new(positions(indices, sizes.0, self.dims())?);
        let edges = edges(&[self, updates])?.beside(indices)?;
        let (x, updates) = (Flat::new(self)?, Flat::new(updates)?);
        let buf = for_float!(compute, T => Buf::new::<T>(self.elem_count(), |out| {
            out.copy_from_slice(x.slice());
            let updates = updates.slice::<T>();
            kernel::along(&positions, sizes, |from, to| out[to] += updates[from]);
        }));
        let dims = self.dims().clone();
        Ok(output(Arc::new(buf), self.dtype(), dims, edges, || {
            Box::new(ScatterNode { positions, sizes })
        }))
    }

    /// For each class number a row of zeros with a one at its place; has no gradient.
    ///
    /// # Shapes
    /// `(…)` gives `(…, classes)`.
    ///
    /// # Errors
    /// [`Error::Label`] if a number is no class: MXNet gives zeros for it.
    ///
    /// # Examples
    /// ```
    /// use gluonic::{DType, NdArray};
    /// let x = NdArray::from_slice(&[1_i64, 0], 2)?.one_hot(3, DType::F32)?;
    /// assert_eq!(x.to_vec::<f32>()?, [0.0, 1.0, 0.0, 1.0, 0.0, 0.0]);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    pub fn one_hot(&self, classes: usize, dtype: DType) -> Result<NdArray> {
        let dims = Dims::from([&**self.dims(), &[classes]].concat());
        if let Some(shape) = NdArray::planned(&dims, dtype)? {
            return Ok(shape);
        }
        let n = dims.elem_count();
        let labels = super::loss::class_numbers(self, classes)?;
        let buf = for_dtype!(dtype, T => Buf::new::<T>(n, |out| {
            out.fill(T::default());
            let rows = out.chunks_exact_mut(classes.max(1));
            for (row, label) in rows.zip(labels.slice::<u32>()) {
                row[*label as usize] = T::from_scalar(Scalar::Int(1));
            }
        }));
        Ok(NdArray::from_buf_on(self.context(), buf, dims))
    }
}
