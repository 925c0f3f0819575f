//! Running sums along an axis.

use std::sync::Arc;

use super::{Flat, compute_type, edges, output, resolve_axis};
use crate::array::{Buf, NdArray, for_float, shapes_only};
use crate::autograd::{Op, Sinks};
use crate::cpu::reduce as kernel;
use crate::error::Result;

struct CumsumNode {
    n: usize,
    inner: usize,
}

impl Op for CumsumNode {
    fn backward(&self, grad: Arc<Buf>, sinks: &mut Sinks<'_>) -> Result<()> {
        for_float!(grad.dtype(), T => sinks.write::<T>(0, grad.len(), |out, add| {
            kernel::running_sum(out, add, grad.slice(), (self.n, self.inner), true);
        }))
    }
}

impl NdArray {
    /// The sum of the elements up to each one along an axis, that one included.
    ///
    /// # Errors
    /// [`Error::Axis`](crate::Error::Axis) if the axis does not exist,
    /// [`Error::NoArithmetic`](crate::Error::NoArithmetic) if the element type is not a
    /// floating-point one.
    ///
    /// # Examples
    /// ```
    /// use gluonic::NdArray;
    /// let x = NdArray::from_slice(&[1.0_f32, 2.0, 3.0], 3)?;
    /// assert_eq!(x.cumsum(0)?.to_vec::<f32>()?, [1.0, 3.0, 6.0]);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    pub fn cumsum(&self, axis: isize) -> Result<NdArray> {
        let compute = compute_type("cumsum", &[self])?;
        let axis = resolve_axis("cumsum", axis, self.rank())?;
        if shapes_only() {
            return NdArray::shape_only(self.dims(), self.dtype());
        }
        let (n, inner) = (self.dims()[axis], self.dims()[axis + 1..].iter().product());
        let edges = edges(&[self])?;
        let flat = Flat::new(self)?;
        let buf = for_float!(compute, T => Buf::new::<T>(self.elem_count(), |out| {
            kernel::running_sum(out, false, flat.slice(), (n, inner), false);
        }));
        let dims = self.dims().clone();
        Ok(output(Arc::new(buf), self.dtype(), dims, edges, || Box::new(CumsumNode { n, inner })))
    }
}
