//! Products, over all axes or some.

use std::sync::Arc;

use super::reduce::plan;
use super::{Flat, compute_type, edges, output};
use crate::array::{Buf, Compute, NdArray, for_float};
use crate::autograd::{Op, Sinks};
use crate::cpu::Float;
use crate::cpu::number::Arith;
use crate::error::Result;
use crate::shape::Dims;

const OP: &str = "prod";

/// For each element the product of the others of its row: right also where one of them is 0.
fn of_the_others<T: Compute>(row: &[T], others: &mut [T]) {
    let (mut before, mut after) = (T::ONE, T::ONE);
    for (other, x) in others.iter_mut().zip(row) {
        *other = before;
        before = before * *x;
    }
    for (other, x) in others.iter_mut().zip(row).rev() {
        *other = *other * after;
        after = after * *x;
    }
}

struct ProductNode {
    x: Flat,
    n: usize,
}

impl Op for ProductNode {
    fn backward(&self, grad: Arc<Buf>, sinks: &mut Sinks<'_>) -> Result<()> {
        for_float!(grad.dtype(), T => {
            let x = self.x.slice::<T>();
            sinks.write::<T>(0, x.len(), |out, add| {
                let mut others = vec![T::ONE; self.n];
                let rows = out.chunks_exact_mut(self.n.max(1)).zip(x.chunks_exact(self.n.max(1)));
                for ((out, row), g) in rows.zip(grad.slice::<T>()) {
                    of_the_others(row, &mut others);
                    for (out, other) in out.iter_mut().zip(&others) {
                        let value = *g * *other;
                        *out = if add { *out + value } else { value };
                    }
                }
            })
        })
    }
}

/// The product along the last axis, of which `dims` is the array without.
fn last_axis(x: &NdArray, dims: Dims, n: usize) -> Result<NdArray> {
    let compute = compute_type(OP, &[x])?;
    let edges = edges(&[x])?;
    let flat = Flat::new(x)?;
    let buf = for_float!(compute, T => Buf::new::<T>(dims.elem_count(), |out| {
        let x = flat.slice::<T>();
        for (i, out) in out.iter_mut().enumerate() {
            *out = x[i * n..(i + 1) * n].iter().fold(T::ONE, |product, x| product * *x);
        }
    }));
    Ok(output(Arc::new(buf), x.dtype(), dims, edges, || Box::new(ProductNode { x: flat, n })))
}

impl NdArray {
    /// The product of all elements, as a scalar; 1 if there are none.
    ///
    /// # Errors
    /// As [`NdArray::prod_axes`].
    pub fn prod(&self) -> Result<NdArray> {
        self.prod_axes(&[], false)
    }

    /// The product over `axes` (none means all), as [`NdArray::sum_axes`]; that of integers wraps
    /// around. The gradient is right also where elements are 0; in MXNet it is NaN there.
    ///
    /// # Errors
    /// [`Error::Axis`](crate::Error::Axis) if an axis does not exist or is named twice;
    /// [`Error::NoArithmetic`](crate::Error::NoArithmetic) if the elements are booleans.
    ///
    /// # Examples
    /// ```
    /// use gluonic::NdArray;
    /// let x = NdArray::from_slice(&[1.0_f32, 2.0, 3.0, 4.0], (2, 2))?;
    /// assert_eq!(x.prod_axes(&[1], false)?.to_vec::<f32>()?, [2.0, 12.0]);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    pub fn prod_axes(&self, axes: &[isize], keep_dims: bool) -> Result<NdArray> {
        let plan = plan(OP, self.dims(), axes)?;
        if self.dtype().is_int() {
            return self.reduce_integers(OP, &plan, keep_dims, Arith::Mul);
        }
        compute_type(OP, &[self])?;
        if let Some(shape) = NdArray::planned(plan.output(keep_dims), self.dtype())? {
            return Ok(shape);
        }
        let order: Vec<isize> = plan.order.iter().map(|&axis| axis as isize).collect();
        let rows: Vec<usize> = plan.dims.iter().copied().chain([plan.n]).collect();
        let product = last_axis(&self.permute(&order)?.reshape(rows)?, plan.dims, plan.n)?;
        if keep_dims { product.reshape(plan.kept_dims) } else { Ok(product) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_integers_do_not_pass_through_a_float() -> Result<()> {
        let big = (1_i64 << 60) + 1;
        let x = NdArray::from_slice(&[big, 1, 2, 3, 4, 5], (2, 3))?;
        assert_eq!(x.prod_axes(&[1], true)?.to_vec::<i64>()?, [big * 2, 60]);
        assert_eq!(x.prod_axes(&[0], false)?.to_vec::<i64>()?, [big.wrapping_mul(3), 4, 10]);
        let none = NdArray::zeros((0, 2), crate::DType::I32)?;
        assert_eq!(none.prod_axes(&[0], false)?.to_vec::<i32>()?, [1, 1]);
        Ok(())
    }

    #[test]
    fn a_zero_has_the_product_of_the_others_as_its_gradient() -> Result<()> {
        let x = NdArray::from_slice(&[2.0_f64, 0.0, 3.0], 3)?;
        let x = x.attach_grad(crate::autograd::GradReq::Write)?;
        crate::autograd::record(|| x.prod())?.backward()?;
        assert_eq!(x.grad()?.to_vec::<f64>()?, [0.0, 6.0, 0.0]);
        Ok(())
    }
}
