//! Other looks at the same elements: reshape, transpose, broadcast. They share the memory
//! wherever the layout allows; under `record` the gradient goes back through them.

use std::sync::Arc;

use super::binary::sum_to;
use super::{edges, resolve_axis, track};
use crate::array::{Buf, NdArray, View, for_dtype, for_float, gather};
use crate::autograd::{Op, Sinks};
use crate::error::{Error, Result};
use crate::shape::Dims;

/// The elements stay in row-major order, and so does the gradient.
pub(super) struct PassNode;

impl Op for PassNode {
    fn backward(&self, grad: Arc<Buf>, sinks: &mut Sinks<'_>) -> Result<()> {
        sinks.pass(0, &grad)
    }
}

struct PermuteNode {
    /// The layout of the input's gradient inside that of the output.
    back: View,
}

impl Op for PermuteNode {
    fn backward(&self, grad: Arc<Buf>, sinks: &mut Sinks<'_>) -> Result<()> {
        let grad = for_float!(grad.dtype(), T => {
            Buf::from_vec(gather(grad.slice::<T>(), &self.back))
        });
        sinks.pass(0, &Arc::new(grad))
    }
}

struct BroadcastNode {
    from: Dims,
    to: Dims,
}

impl Op for BroadcastNode {
    fn backward(&self, grad: Arc<Buf>, sinks: &mut Sinks<'_>) -> Result<()> {
        for_float!(grad.dtype(), T => sum_to::<T>(sinks, 0, &grad, &self.to, &self.from))
    }
}

impl NdArray {
    /// The same elements, in row-major order, in other sizes.
    ///
    /// # Memory
    /// Shared if the layout allows, else copied.
    ///
    /// # Errors
    /// [`Error::ElemCount`] if the number of elements differs.
    #[doc(alias = "view")]
    pub fn reshape(&self, dims: impl Into<Dims>) -> Result<NdArray> {
        let dims = dims.into();
        if dims.checked_count() != Some(self.elem_count()) {
            return Err(Error::ElemCount { shape: dims.into(), found: self.elem_count() });
        }
        let edges = edges(&[self])?;
        let track = track(edges, || Box::new(PassNode));
        if let Some(view) = self.view.reshape(&dims) {
            return Ok(NdArray { track, ..self.with_view(view) });
        }
        if let Some(shape) = NdArray::planned(&dims, self.dtype())? {
            return Ok(shape);
        }
        let buf = self.cell.snapshot()?;
        let buf = for_dtype!(self.dtype(), T => {
            Buf::from_vec(gather(buf.slice::<T>(), &self.view))
        });
        Ok(NdArray { track, ..NdArray::from_buf_on(self.context(), buf, dims) })
    }

    /// All axes but the first as one.
    ///
    /// # Errors
    /// [`Error::Axis`] for a scalar.
    pub fn flatten(&self) -> Result<NdArray> {
        let Some((batch, rest)) = self.dims().split_first() else {
            return Err(Error::Axis { op: "flatten", axis: 0, rank: 0 });
        };
        self.reshape((*batch, rest.iter().product()))
    }

    /// Without an axis of size 1.
    ///
    /// # Errors
    /// [`Error::Axis`] if the axis does not exist, [`Error::ElemCount`] if it is longer.
    pub fn squeeze(&self, axis: isize) -> Result<NdArray> {
        let axis = resolve_axis("squeeze", axis, self.rank())?;
        let mut dims = self.dims().to_vec();
        dims.remove(axis);
        self.reshape(dims)
    }

    /// With another axis of size 1, before `axis` (the end is `rank`, or -1).
    ///
    /// # Errors
    /// [`Error::Axis`] if there is no such place.
    #[doc(alias = "unsqueeze")]
    pub fn expand_dims(&self, axis: isize) -> Result<NdArray> {
        let axis = resolve_axis("expand_dims", axis, self.rank() + 1)?;
        let mut dims = self.dims().to_vec();
        dims.insert(axis, 1);
        self.reshape(dims)
    }

    /// The axes in reverse order: the transpose of a matrix. Shares the memory.
    ///
    /// # Errors
    /// [`Error::StaleArray`] under `record`, if the array was edited after it was recorded.
    #[doc(alias = "T")]
    pub fn transpose(&self) -> Result<NdArray> {
        self.permute(&(0..self.rank() as isize).rev().collect::<Vec<_>>())
    }

    /// The axes in another order: axis `i` of the result is axis `axes[i]`. Shares the memory.
    ///
    /// # Errors
    /// [`Error::Axis`] if `axes` does not name each axis once.
    pub fn permute(&self, axes: &[isize]) -> Result<NdArray> {
        let rank = self.rank();
        let mut back = vec![usize::MAX; rank];
        let mut order = Vec::with_capacity(rank);
        for (i, &axis) in axes.iter().enumerate() {
            let resolved = resolve_axis("permute", axis, rank)?;
            if back[resolved] != usize::MAX {
                return Err(Error::Axis { op: "permute", axis, rank });
            }
            back[resolved] = i;
            order.push(resolved);
        }
        if order.len() != rank {
            return Err(Error::Axis { op: "permute", axis: axes.len() as isize, rank });
        }
        let view = self.view.permute(&order);
        let edges = edges(&[self])?;
        let track = track(edges, || {
            Box::new(PermuteNode { back: View::new(view.dims.clone()).permute(&back) })
        });
        Ok(NdArray { track, ..self.with_view(view) })
    }

    /// Repeated to larger sizes by NumPy's broadcasting rule. Shares the memory; can be read, not
    /// edited.
    ///
    /// # Errors
    /// [`Error::Broadcast`] if the sizes do not fit.
    pub fn broadcast_to(&self, dims: impl Into<Dims>) -> Result<NdArray> {
        let dims = dims.into();
        let fail = || Error::Broadcast {
            op: "broadcast_to",
            left: self.dims().into(),
            right: (&dims).into(),
        };
        dims.checked_count().ok_or_else(fail)?;
        let view = self.view.broadcast(&dims).ok_or_else(fail)?;
        let edges = edges(&[self])?;
        let track = track(edges, || {
            Box::new(BroadcastNode { from: self.dims().clone(), to: dims.clone() })
        });
        Ok(NdArray { track, ..self.with_view(view) })
    }
}
