//! Products, over all axes or some.

use std::sync::Arc;

use super::{Flat, compute_type, edges, output, resolve_axis};
use crate::array::{Buf, Compute, NdArray, for_float, shapes_only};
use crate::autograd::{Op, Sinks};
use crate::cpu::Float;
use crate::error::{Error, Result};
use crate::shape::Dims;

/// Runs the body with `$T` standing for the integer type that `$dtype` names.
macro_rules! for_int {
    ($op:expr, $dtype:expr, $T:ident => $body:expr) => {
        crate::ops::product::for_int!(@ $op, $dtype, $T => $body,
            U8 u8, I8 i8, U16 u16, I16 i16, U32 u32, I32 i32, U64 u64, I64 i64)
    };
    (@ $op:expr, $dtype:expr, $T:ident => $body:expr, $($variant:ident $t:ty),*) => {
        match $dtype {
            $(crate::array::DType::$variant => {
                type $T = $t;
                $body
            })*
            dtype => return Err(Error::NoArithmetic { op: $op, dtype }),
        }
    };
}
pub(super) use for_int;

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
    if x.dtype().is_int() {
        let flat = Flat::stored(x)?;
        let buf = for_int!(OP, x.dtype(), T => Buf::new::<T>(dims.elem_count(), |out| {
            let x = flat.slice::<T>();
            for (i, out) in out.iter_mut().enumerate() {
                let row = &x[i * n..(i + 1) * n];
                *out = row.iter().fold(1, |product: T, x| product.wrapping_mul(*x));
            }
        }));
        return Ok(NdArray::from_buf_on(x.context(), buf, dims));
    }
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
    /// [`Error::Axis`] if an axis does not exist or is named twice; [`Error::NoArithmetic`] if the
    /// elements are booleans.
    ///
    /// # Examples
    /// ```
    /// use gluonic::NdArray;
    /// let x = NdArray::from_slice(&[1.0_f32, 2.0, 3.0, 4.0], (2, 2))?;
    /// assert_eq!(x.prod_axes(&[1], false)?.to_vec::<f32>()?, [2.0, 12.0]);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    pub fn prod_axes(&self, axes: &[isize], keep_dims: bool) -> Result<NdArray> {
        let rank = self.rank();
        let mut reduced = vec![axes.is_empty(); rank];
        for &axis in axes {
            let resolved = resolve_axis(OP, axis, rank)?;
            if std::mem::replace(&mut reduced[resolved], true) {
                return Err(Error::Axis { op: OP, axis, rank });
            }
        }
        if !self.dtype().is_int() {
            compute_type(OP, &[self])?;
        }
        let (gone, kept): (Vec<usize>, Vec<usize>) = (0..rank).partition(|&axis| reduced[axis]);
        let sizes = |axes: &[usize]| axes.iter().map(|&a| self.dims()[a]).collect::<Vec<usize>>();
        let (n, dims) = (sizes(&gone).iter().product::<usize>(), Dims::from(sizes(&kept)));
        let kept_dims: Vec<usize> =
            (0..rank).map(|a| if reduced[a] { 1 } else { self.dims()[a] }).collect();
        if shapes_only() {
            let dims = if keep_dims { Dims::from(kept_dims) } else { dims };
            return NdArray::shape_only(dims, self.dtype());
        }
        let order: Vec<isize> = kept.iter().chain(&gone).map(|&axis| axis as isize).collect();
        let rows: Vec<usize> = dims.iter().copied().chain([n]).collect();
        let product = last_axis(&self.permute(&order)?.reshape(rows)?, dims, n)?;
        if keep_dims { product.reshape(kept_dims) } else { Ok(product) }
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
