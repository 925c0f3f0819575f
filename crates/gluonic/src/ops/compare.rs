//! Comparisons, which give booleans, and conversion between element types.

use std::sync::Arc;

use super::select::stored;
use super::{edges, output};
use crate::array::{Buf, DType, NdArray, broadcast_dims, for_dtype, gather, one_context};
use crate::autograd::{Inputs, Op, Sinks};
use crate::cpu::number as kernel;
use crate::error::{Error, Result};

macro_rules! comparisons {
    ($($(#[$doc:meta])* $method:ident $op:tt;)*) => {
        impl NdArray {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// [`Error::Broadcast`] if the sizes do not fit, [`Error::DTypeMismatch`] if the
                /// element types differ.
                pub fn $method(&self, other: &NdArray) -> Result<NdArray> {
                    other.expect_dtype(self.dtype())?;
                    let dims = broadcast_dims(self.dims(), other.dims()).ok_or_else(|| {
                        Error::Broadcast {
                            op: stringify!($method),
                            left: self.dims().into(),
                            right: other.dims().into(),
                        }
                    })?;
                    if let Some(shape) = NdArray::planned(&dims, DType::Bool)? {
                        return Ok(shape);
                    }
                    let context = one_context(&[self, other])?;
                    let (x, y) = (self.cell.snapshot()?, other.cell.snapshot()?);
                    let buf = for_dtype!(self.dtype(), T => {
                        let x = stored::<T>(&x, &self.view, &dims);
                        let y = stored::<T>(&y, &other.view, &dims);
                        Buf::new::<bool>(dims.elem_count(), |out| {
                            kernel::zip(out, &x, &y, |x, y| x $op y);
                        })
                    });
                    Ok(NdArray::from_buf_on(context, buf, dims))
                }
            )*
        }
    };
}

comparisons! {
    /// Where `x = y`, as booleans; has no gradient.
    eq_elem ==;
    /// Where `x ≠ y`, as booleans; has no gradient.
    ne_elem !=;
    /// Where `x < y`, as booleans; has no gradient.
    lt <;
    /// Where `x ≤ y`, as booleans; has no gradient.
    le <=;
    /// Where `x > y`, as booleans; has no gradient.
    gt >;
    /// Where `x ≥ y`, as booleans; has no gradient.
    ge >=;
}

struct CastNode(DType);

impl Op for CastNode {
    fn backward(&self, grad: Arc<Buf>, sinks: &mut Sinks<'_>) -> Result<()> {
        let compute = self.0.compute().unwrap_or(self.0);
        let same = grad.dtype() == compute;
        sinks.pass(0, &if same { grad } else { Arc::new(grad.convert(compute)) })
    }
}

impl NdArray {
    /// The same values in another element type, converted as [`Element`](crate::Element) says.
    /// Between floating-point types the gradient goes through.
    ///
    /// # Memory
    /// A copy, also when the type is the same.
    ///
    /// # Errors
    /// [`Error::BeingEdited`] inside an edit of this array by the same thread.
    #[doc(alias = "to_dtype", alias = "astype")]
    pub fn cast(&self, dtype: DType) -> Result<NdArray> {
        if let Some(shape) = NdArray::planned(self.dims(), dtype)? {
            return Ok(shape);
        }
        let differentiable = self.dtype().is_float() && dtype.is_float();
        let edges = if differentiable { edges(&[self])? } else { Inputs::without_gradient(self) };
        let buf = self.cell.snapshot()?;
        let buf = for_dtype!(self.dtype(), T => {
            Buf::from_vec(gather(buf.slice::<T>(), &self.view))
        });
        let buf = Arc::new(if buf.dtype() == dtype { buf } else { buf.convert(dtype) });
        let from = self.dtype();
        Ok(output(buf, dtype, self.dims().clone(), edges, || Box::new(CastNode(from))))
    }
}
