//! Running sums along an axis.

use std::sync::Arc;

use super::{Flat, compute_type, edges, output, resolve_axis};
use crate::array::{Buf, NdArray, for_float, for_integer};
use crate::autograd::{Op, Sinks};
use crate::cpu::number::Number;
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

fn cumsum_of_integers(x: &NdArray, axis: isize) -> Result<NdArray> {
    let axis = resolve_axis("cumsum", axis, x.rank())?;
    if let Some(shape) = NdArray::planned(x.dims(), x.dtype())? {
        return Ok(shape);
    }
    let (n, inner): (usize, usize) = (x.dims()[axis], x.dims()[axis + 1..].iter().product());
    let flat = Flat::stored(x)?;
    let buf = for_integer!(x.dtype(), T => Buf::new::<T>(x.elem_count(), |out| {
        let x = flat.slice::<T>();
        for i in 0..x.len() {
            let first = i / inner % n == 0;
            out[i] = if first { x[i] } else { Number::add(out[i - inner], x[i]) };
        }
    }));
    Ok(NdArray::from_buf_on(x.context(), buf, x.dims().clone()))
}

impl NdArray {
    /// The sum of the elements up to each one along an axis, that one included.
    ///
    /// # Errors
    /// [`Error::Axis`](crate::Error::Axis) if the axis does not exist,
    /// [`Error::NoArithmetic`](crate::Error::NoArithmetic) if the elements are booleans. Sums of
    /// integers wrap around.
    ///
    /// # Examples
    /// ```
    /// use gluonic::NdArray;
    /// let x = NdArray::from_slice(&[1.0_f32, 2.0, 3.0], 3)?;
    /// assert_eq!(x.cumsum(0)?.to_vec::<f32>()?, [1.0, 3.0, 6.0]);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    pub fn cumsum(&self, axis: isize) -> Result<NdArray> {
        if self.dtype().is_int() {
            return cumsum_of_integers(self, axis);
        }
        let compute = compute_type("cumsum", &[self])?;
        let axis = resolve_axis("cumsum", axis, self.rank())?;
        if let Some(shape) = NdArray::planned(self.dims(), self.dtype())? {
            return Ok(shape);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_sums_of_integers_do_not_pass_through_a_float() -> Result<()> {
        let big = (1_i64 << 60) + 1;
        let x = NdArray::from_slice(&[big, 1, 2, 3, 4, 5], (2, 3))?;
        assert_eq!(x.cumsum(0)?.to_vec::<i64>()?, [big, 1, 2, big + 3, 5, 7]);
        assert_eq!(x.cumsum(1)?.to_vec::<i64>()?, [big, big + 1, big + 3, 3, 7, 12]);
        Ok(())
    }
}
