//! Arithmetic on integers and booleans, which have no gradient: integers wrap, a division is
//! rounded towards zero and gives 0 where the divisor is 0, as in MXNet.

use super::Flat;
use super::select::stored;
use crate::array::{Buf, DType, NdArray, Scalar, for_integer, one_context};
use crate::cpu::number::{self as kernel, Arith, Integer};
use crate::error::{Error, Result};
use crate::shape::Dims;

/// What a function of one array is on integers.
#[derive(Clone, Copy, Debug)]
pub(super) enum OfInteger {
    Neg,
    Abs,
    Sign,
    Square,
    Not,
    /// With a number on the right.
    With(Arith, Scalar),
    /// With a number on the left.
    After(Scalar, Arith),
}

/// Refuses booleans where they are no numbers.
fn refuse(op: &'static str, dtype: DType, boolean: bool) -> Result<()> {
    if dtype.is_float() || (dtype == DType::Bool && !boolean) {
        return Err(Error::NoArithmetic { op, dtype });
    }
    Ok(())
}

pub(super) fn binary(
    op: &'static str,
    arith: Arith,
    x: &NdArray,
    y: &NdArray,
    dims: Dims,
) -> Result<NdArray> {
    use Arith::{Add, Maximum, Minimum, Mul};
    refuse(op, x.dtype(), matches!(arith, Add | Mul | Maximum | Minimum))?;
    if let Some(shape) = NdArray::planned(&dims, x.dtype())? {
        return Ok(shape);
    }
    let context = one_context(&[x, y])?;
    let (xs, ys) = (x.cell.snapshot()?, y.cell.snapshot()?);
    let buf = for_integer!(x.dtype(), T => {
        let (x, y) = (stored::<T>(&xs, &x.view, &dims), stored::<T>(&ys, &y.view, &dims));
        Buf::new::<T>(dims.elem_count(), |out| kernel::arith(arith, out, &x, &y))
    });
    Ok(NdArray::from_buf_on(context, buf, dims))
}

pub(super) fn unary(op: &'static str, of: OfInteger, x: &NdArray) -> Result<NdArray> {
    refuse(op, x.dtype(), matches!(of, OfInteger::Not))?;
    if let Some(shape) = NdArray::planned(x.dims(), x.dtype())? {
        return Ok(shape);
    }
    let flat = Flat::stored(x)?;
    let buf = for_integer!(x.dtype(), T => Buf::new::<T>(x.elem_count(), |out| {
        let (x, number) = (flat.slice::<T>(), <T as crate::array::Element>::from_scalar);
        match of {
            OfInteger::Neg => kernel::map(out, x, Integer::neg),
            OfInteger::Abs => kernel::map(out, x, Integer::abs),
            OfInteger::Sign => kernel::map(out, x, Integer::sign),
            OfInteger::Square => kernel::map(out, x, |x| kernel::Number::mul(x, x)),
            OfInteger::Not => kernel::map(out, x, Integer::not),
            OfInteger::With(arith, y) => kernel::arith_with(arith, out, x, number(y)),
            OfInteger::After(y, arith) => kernel::arith_after(arith, out, number(y), x),
        }
    }));
    Ok(NdArray::from_buf_on(x.context(), buf, x.dims().clone()))
}

macro_rules! bitwise {
    ($($(#[$doc:meta])* $method:ident $f:ident;)*) => {
        impl NdArray {
            $(
                $(#[$doc])*
                /// Booleans give booleans; has no gradient.
                ///
                /// # Errors
                /// [`Error::NoArithmetic`] if the element type is a floating-point one,
                /// [`Error::DTypeMismatch`] if they differ, [`Error::Broadcast`] if the sizes do
                /// not fit.
                pub fn $method(&self, other: &NdArray) -> Result<NdArray> {
                    let op = stringify!($method);
                    other.expect_dtype(self.dtype())?;
                    refuse(op, self.dtype(), true)?;
                    let dims = crate::array::broadcast_dims(self.dims(), other.dims());
                    let (left, right) = (self.dims(), other.dims());
                    let dims = dims.ok_or_else(|| Error::Broadcast {
                        op,
                        left: left.into(),
                        right: right.into(),
                    })?;
                    if let Some(shape) = NdArray::planned(&dims, self.dtype())? {
                        return Ok(shape);
                    }
                    let context = one_context(&[self, other])?;
                    let (xs, ys) = (self.cell.snapshot()?, other.cell.snapshot()?);
                    let buf = for_integer!(self.dtype(), T => {
                        let x = stored::<T>(&xs, &self.view, &dims);
                        let y = stored::<T>(&ys, &other.view, &dims);
                        Buf::new::<T>(dims.elem_count(), |out| {
                            kernel::zip(out, &x, &y, Integer::$f);
                        })
                    });
                    Ok(NdArray::from_buf_on(context, buf, dims))
                }
            )*
        }
    };
}

bitwise! {
    /// The bits that both have, with NumPy's broadcasting.
    #[doc(alias = "logical_and")]
    bit_and and;
    /// The bits that one of both has, with NumPy's broadcasting.
    #[doc(alias = "logical_or")]
    bit_or or;
    /// The bits that only one of both has, with NumPy's broadcasting.
    #[doc(alias = "logical_xor")]
    bit_xor xor;
}

impl NdArray {
    /// All bits turned over; a boolean becomes the other one. Has no gradient.
    ///
    /// # Errors
    /// [`Error::NoArithmetic`] if the element type is a floating-point one.
    ///
    /// # Examples
    /// ```
    /// use gluonic::NdArray;
    /// let x = NdArray::from_slice(&[true, false], 2)?;
    /// assert_eq!(x.bit_not()?.to_vec::<bool>()?, [false, true]);
    /// assert_eq!(x.bit_or(&x.bit_not()?)?.to_vec::<bool>()?, [true, true]);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    #[doc(alias = "logical_not", alias = "invert")]
    pub fn bit_not(&self) -> Result<NdArray> {
        unary("bit_not", OfInteger::Not, self)
    }
}
