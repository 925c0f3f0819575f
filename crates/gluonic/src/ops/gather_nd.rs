//! Elements and blocks chosen by several indices at once, and put back by them.

use std::sync::Arc;

use super::gather::{TakeNode, positions};
use super::{Flat, compute_type, edges, output};
use crate::array::{Buf, NdArray, for_dtype, for_float};
use crate::autograd::{Op, Sinks};
use crate::cpu::elementwise::add_into;
use crate::cpu::gather as kernel;
use crate::error::{Error, Result};
use crate::shape::Dims;

/// The shape rule: an array of sizes `whole`, indexed along its first axes, and the sizes of what
/// is found there.
struct Plan {
    whole: Dims,
    found: Dims,
    /// How many blocks the first axes name, and the elements of each.
    blocks: usize,
    inner: usize,
}

impl Plan {
    fn new(op: &'static str, whole: &Dims, indices: &NdArray) -> Result<Plan> {
        let fail =
            |needs: &str| Error::Misfit { op, input: indices.dims().into(), needs: needs.into() };
        let Some((&n_axes, places)) = indices.dims().split_first() else {
            return Err(fail("expected indices with one row for each axis that they name"));
        };
        if n_axes > whole.len() {
            let rank = whole.len();
            return Err(fail(&format!("expected at most {rank} rows, one for each axis")));
        }
        let (named, block) = whole.split_at(n_axes);
        let found = Dims::from([places, block].concat());
        if found.checked_count().is_none() {
            return Err(Error::TooLarge { shape: found.into() });
        }
        let (blocks, inner) = (named.iter().product(), block.iter().product());
        Ok(Plan { whole: whole.clone(), found, blocks, inner })
    }

    /// The numbers of the blocks that indices name.
    fn positions(&self, indices: &NdArray) -> Result<Vec<usize>> {
        let (n_axes, indices) = (indices.dims()[0], indices.detach());
        let places = indices.dims()[1..].iter().product();
        let mut blocks = vec![0; places];
        for axis in 0..n_axes {
            let n = self.whole[axis];
            let along = positions(&indices.row(axis as isize)?, n, &self.whole)?;
            for (block, along) in blocks.iter_mut().zip(along) {
                *block = *block * n + along;
            }
        }
        Ok(blocks)
    }
}

struct ScatterNode {
    plan: Plan,
    positions: Vec<usize>,
}

impl Op for ScatterNode {
    fn backward(&self, grad: Arc<Buf>, sinks: &mut Sinks<'_>) -> Result<()> {
        let Plan { found, blocks, inner, .. } = &self.plan;
        let n = found.elem_count();
        for_float!(grad.dtype(), T => sinks.write::<T>(0, n, |out, add| {
            let take = |out: &mut [T]| {
                kernel::take(out, grad.slice(), &self.positions, *blocks, *inner);
            };
            if add {
                add_into(out, Buf::new::<T>(n, take).slice());
            } else {
                take(out);
            }
        }))
    }
}

impl NdArray {
    /// The elements, or blocks of the last axes, at places that are named by an index for each of
    /// the first axes.
    ///
    /// Negative indices count from the end, as in [`take_axis`](NdArray::take_axis).
    ///
    /// # Shapes
    /// `indices` is `(m, …)`, with the index of axis i in row i; the result has the axes `…`, then
    /// those of this array from axis m on.
    ///
    /// # Memory
    /// A copy. The gradient of a place named often is the sum of all.
    ///
    /// # Errors
    /// [`Error::Misfit`] if there are more rows than axes, [`Error::Index`] if an index is out of
    /// range or NaN: MXNet's `gather_nd` reads foreign memory there.
    ///
    /// # Examples
    /// ```
    /// use gluonic::NdArray;
    /// let x = NdArray::arange::<f32>(6).reshape((2, 3))?;
    /// let indices = NdArray::from_slice(&[1_i64, 0, 2, -1], (2, 2))?;
    /// assert_eq!(x.gather_nd(&indices)?.to_vec::<f32>()?, [5.0, 2.0]); // x[1, 2], x[0, -1]
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// MXNet 1.9.1, `gather_nd`.
    pub fn gather_nd(&self, indices: &NdArray) -> Result<NdArray> {
        let plan = Plan::new("gather_nd", self.dims(), indices)?;
        if let Some(shape) = NdArray::planned(&plan.found, self.dtype())? {
            return Ok(shape);
        }
        let positions = plan.positions(indices)?;
        let edges = edges(&[self])?.beside(indices)?;
        let flat = Flat::stored(self)?;
        let Plan { found, blocks, inner, .. } = plan;
        let buf = for_dtype!(self.dtype(), T => Buf::new::<T>(found.elem_count(), |out| {
            kernel::take(out, flat.slice(), &positions, blocks, inner);
        }));
        let sizes = (1, blocks, inner);
        Ok(output(Arc::new(buf), self.dtype(), found, edges, || {
            Box::new(TakeNode { positions, sizes })
        }))
    }

    /// An array of zeros of sizes `dims`, with the elements of this one added at places that are
    /// named by an index for each of the first axes: what [`gather_nd`](NdArray::gather_nd) reads
    /// is what this writes. Elements of one place add up, in row-major order.
    ///
    /// # Shapes
    /// This array has the sizes of `gather_nd` of an array of sizes `dims`.
    ///
    /// # Errors
    /// As [`NdArray::gather_nd`]; [`Error::OperandShape`] if this array has other sizes,
    /// [`Error::NoArithmetic`] if its elements are not floating-point, [`Error::TooLarge`].
    ///
    /// # Examples
    /// ```
    /// use gluonic::NdArray;
    /// let x = NdArray::from_slice(&[1.0_f32, 2.0, 4.0], 3)?;
    /// let indices = NdArray::from_slice(&[0_i64, 1, 0, 0, 1, 0], (2, 3))?;
    /// assert_eq!(x.scatter_nd(&indices, (2, 2))?.to_vec::<f32>()?, [5.0, 0.0, 0.0, 2.0]);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// MXNet 1.9.1, `scatter_nd`, where of several elements of one place any may win; adding them
    /// is what its gradient of `gather_nd` does.
    pub fn scatter_nd(&self, indices: &NdArray, dims: impl Into<Dims>) -> Result<NdArray> {
        let dims = dims.into();
        let compute = compute_type("scatter_nd", &[self])?;
        let n = dims.checked_count().ok_or_else(|| Error::TooLarge { shape: (&dims).into() })?;
        let plan = Plan::new("scatter_nd", &dims, indices)?;
        if *self.dims() != plan.found {
            let (expected, found) = ((&plan.found).into(), self.dims().into());
            return Err(Error::OperandShape { op: "scatter_nd", expected, found });
        }
        if let Some(shape) = NdArray::planned(&dims, self.dtype())? {
            return Ok(shape);
        }
        let positions = plan.positions(indices)?;
        let edges = edges(&[self])?.beside(indices)?;
        let x = Flat::new(self)?;
        let buf = for_float!(compute, T => Buf::new::<T>(n, |out| {
            out.fill(0.0);
            kernel::add_taken(out, x.slice(), &positions, plan.blocks, plan.inner);
        }));
        Ok(output(Arc::new(buf), self.dtype(), dims, edges, || {
            Box::new(ScatterNode { plan, positions })
        }))
    }
}
