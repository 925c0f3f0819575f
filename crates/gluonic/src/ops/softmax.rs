//! Softmax and its logarithm along an axis.

use std::sync::Arc;

use super::select::truths;
use super::{Flat, compute_type, edges, output, resolve_axis};
use crate::array::{Buf, NdArray, broadcast_dims, for_float};
use crate::autograd::{Op, Sinks};
use crate::cpu::softmax as kernel;
use crate::error::{Error, Result};

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

/// The softmax over the elements that a mask lets through.
fn masked_softmax(x: &NdArray, mask: &NdArray, axis: isize) -> Result<NdArray> {
    let compute = compute_type("masked_softmax", &[x])?;
    let axis = resolve_axis("masked_softmax", axis, x.rank())?;
    if broadcast_dims(x.dims(), mask.dims()).as_ref() != Some(x.dims()) {
        let (left, right) = (x.dims().into(), mask.dims().into());
        return Err(Error::Broadcast { op: "masked_softmax", left, right });
    }
    let last = x.rank() - 1;
    if axis != last {
        let mut swap: Vec<isize> = (0..=last as isize).collect();
        swap.swap(axis, last);
        let mask = mask.broadcast_to(x.dims())?.permute(&swap)?;
        return masked_softmax(&x.permute(&swap)?, &mask, -1)?.permute(&swap);
    }
    if let Some(shape) = NdArray::planned(x.dims(), x.dtype())? {
        return Ok(shape);
    }
    let edges = edges(&[x])?;
    let (flat, mask) = (Flat::new(x)?, truths(mask, x.dims())?);
    let n = x.dims()[axis];
    let y = Arc::new(for_float!(compute, T => Buf::new::<T>(x.elem_count(), |out| {
        kernel::masked_softmax(out, flat.slice(), &mask, n);
    })));
    // What is masked has the value 0, and so the gradient 0: the mask need not be kept.
    Ok(output(y.clone(), x.dtype(), x.dims().clone(), edges, || {
        Box::new(SoftmaxNode { y, n, log: false })
    }))
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
    if let Some(shape) = NdArray::planned(x.dims(), x.dtype())? {
        return Ok(shape);
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
    /// [`Error::Axis`] if the axis does not exist;
    /// [`Error::NoArithmetic`] if the element type is not a
    /// floating-point one.
    pub fn softmax(&self, axis: isize) -> Result<NdArray> {
        softmax(self, axis, false)
    }

    /// The [softmax](NdArray::softmax) over those elements of an axis at which `mask` is true (for
    /// numbers: not 0); the others get the value and the gradient 0, whatever they are. Where the
    /// mask lets nothing through, all are 0.
    ///
    /// # Shapes
    /// `mask` broadcasts to this array: `(batch, 1, 1, keys)` masks the scores
    /// `(batch, heads, queries, keys)` of an attention.
    ///
    /// # Errors
    /// As [`NdArray::softmax`]; [`Error::Broadcast`] if the mask does not fit.
    ///
    /// # Examples
    /// ```
    /// use gluonic::NdArray;
    /// let x = NdArray::from_slice(&[1.0_f32, 1.0, 9.0], 3)?;
    /// let mask = NdArray::from_slice(&[true, true, false], 3)?;
    /// assert_eq!(x.masked_softmax(&mask, -1)?.to_vec::<f32>()?, [0.5, 0.5, 0.0]);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// MXNet 1.9.1, `npx.masked_softmax`.
    pub fn masked_softmax(&self, mask: &NdArray, axis: isize) -> Result<NdArray> {
        masked_softmax(self, mask, axis)
    }

    /// `x - log Σ exp(x)` along an axis, as [`NdArray::softmax`].
    ///
    /// # Errors
    /// As [`NdArray::softmax`].
    pub fn log_softmax(&self, axis: isize) -> Result<NdArray> {
        softmax(self, axis, true)
    }
}
