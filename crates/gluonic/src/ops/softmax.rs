//! Softmax and its logarithm along an axis.

use std::sync::Arc;

use super::{Flat, compute_type, edges, output, resolve_axis};
use crate::array::{Buf, NdArray, for_float, shapes_only};
use crate::autograd::{Op, Sinks};
use crate::cpu::softmax as kernel;
use crate::error::Result;

struct SoftmaxNode {
    y: Arc<Buf>,
    n: usize,
    log: bool,
}

impl Op for SoftmaxNode {
    fn backward(&self, grad: Arc<Buf>, sinks: &mut Sinks<'_>) -> Result<()> {
        for_float!(grad.dtype(), T => sinks.write::<T>(0, grad.len(), |out, add| {
            let (g, y) = (grad.slice(), self.y.slice());
            if self.log {
                kernel::log_softmax_grad(out, add, g, y, self.n);
            } else {
                kernel::softmax_grad(out, add, g, y, self.n);
            }
        }))
    }
}

fn softmax(x: &NdArray, axis: isize, log: bool) -> Result<NdArray> {
    let name = if log { "log_softmax" } else { "softmax" };
    let compute = compute_type(name, &[x])?;
    let axis = resolve_axis(name, axis, x.rank())?;
    if axis + 1 != x.rank() {
        let mut swap: Vec<isize> = (0..x.rank() as isize).collect();
        swap.swap(axis, x.rank() - 1);
        return softmax(&x.permute(&swap)?, -1, log)?.permute(&swap);
    }
    if shapes_only() {
        return NdArray::shape_only(x.dims(), x.dtype());
    }
    let edges = edges(&[x])?;
    let flat = Flat::new(x)?;
    let n = x.dims()[axis];
    let y = Arc::new(for_float!(compute, T => Buf::new::<T>(x.elem_count(), |out| {
        if log {
            kernel::log_softmax(out, flat.slice(), n);
        } else {
            kernel::softmax(out, flat.slice(), n);
        }
    })));
    Ok(output(y.clone(), x.dtype(), x.dims().clone(), edges, || {
        Box::new(SoftmaxNode { y, n, log })
    }))
}

impl NdArray {
    /// `exp(x) / Σ exp(x)` along an axis (negative ones count from the end), with the maximum
    /// taken out first, so that no finite input overflows.
    ///
    /// # Errors
    /// [`Error::Axis`](crate::Error::Axis) if the axis does not exist;
    /// [`Error::NoArithmetic`](crate::Error::NoArithmetic) if the element type is not a
    /// floating-point one.
    pub fn softmax(&self, axis: isize) -> Result<NdArray> {
        softmax(self, axis, false)
    }

    /// `x - log Σ exp(x)` along an axis, as [`NdArray::softmax`].
    ///
    /// # Errors
    /// As [`NdArray::softmax`].
    pub fn log_softmax(&self, axis: isize) -> Result<NdArray> {
        softmax(self, axis, true)
    }
}
