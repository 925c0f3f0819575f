//! Functions of one array that treat each element alike: arithmetic with a number, powers,
//! exponentials, activations.

use std::sync::Arc;

use super::integer::{self, OfInteger};
use super::{Flat, compute_type, edges, output};
use crate::array::{Buf, Compute, NdArray, Scalar, for_float};
use crate::autograd::{Op, Sinks};
use crate::cpu::dense::{Act, activate, activate_grad};
use crate::cpu::number::Arith;
use crate::cpu::{elementwise as kernel, floor_divide, remainder};
use crate::error::Result;

/// A differentiable function of one number.
pub(super) trait Unary: Copy + Send + Sync + 'static {
    const NAME: &'static str;
    /// Whether the derivative is written in terms of the result, not of the argument.
    const BY_RESULT: bool = false;

    /// What it is on integers, if it is something there.
    fn of_integer(self) -> Option<OfInteger> {
        None
    }

    fn f<T: Compute>(self, x: T) -> T;
    /// The derivative at `x`, or at the `x` whose result is given, as `BY_RESULT` says.
    fn df<T: Compute>(self, x_or_y: T) -> T;
}

struct UnaryNode<U> {
    unary: U,
    kept: Flat,
}

impl<U: Unary> Op for UnaryNode<U> {
    fn backward(&self, grad: Arc<Buf>, sinks: &mut Sinks<'_>) -> Result<()> {
        for_float!(grad.dtype(), T => sinks.write::<T>(0, grad.len(), |out, add| {
            kernel::zip(out, add, grad.slice(), self.kept.slice(), |g, x| g * self.unary.df(x));
        }))
    }
}

pub(super) fn unary<U: Unary>(x: &NdArray, unary: U) -> Result<NdArray> {
    if !x.dtype().is_float()
        && let Some(of) = unary.of_integer()
    {
        return integer::unary(U::NAME, of, x);
    }
    let compute = compute_type(U::NAME, &[x])?;
    if let Some(shape) = NdArray::planned(x.dims(), x.dtype())? {
        return Ok(shape);
    }
    let edges = edges(&[x])?;
    let flat = Flat::new(x)?;
    let buf = for_float!(compute, T => Buf::new::<T>(x.elem_count(), |out| {
        kernel::map(out, flat.slice(), |x| unary.f(x));
    }));
    let buf = Arc::new(buf);
    let kept = if U::BY_RESULT { Flat::whole(&buf) } else { flat };
    Ok(output(buf, x.dtype(), x.dims().clone(), edges, || Box::new(UnaryNode { unary, kept })))
}

macro_rules! unary_ops {
    ($($(#[$doc:meta])* $method:ident $type:ident $name:literal $by:ident $(integer $of:expr)?,
        |$x:ident| $f:expr, |$y:ident| $df:expr;)*) => {
        $(
            #[derive(Clone, Copy)]
            struct $type;
            impl Unary for $type {
                const NAME: &'static str = $name;
                const BY_RESULT: bool = unary_ops!(@$by);
                $(
                    fn of_integer(self) -> Option<OfInteger> {
                        Some($of)
                    }
                )?
                #[inline(always)]
                fn f<T: Compute>(self, $x: T) -> T { $f }
                #[inline(always)]
                fn df<T: Compute>(self, $y: T) -> T { $df }
            }
        )*
        impl NdArray {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// [`Error::NoArithmetic`](crate::Error::NoArithmetic) if the element type is not
                /// a floating-point one; `neg`, `abs`, `sign` and `square` take integers too.
                pub fn $method(&self) -> Result<NdArray> {
                    unary(self, $type)
                }
            )*
        }
    };
    (@by_x) => { false };
    (@by_y) => { true };
}
pub(super) use unary_ops;

unary_ops! {
    /// `-x`.
    neg Neg "neg" by_x integer OfInteger::Neg, |x| -x, |_x| -T::ONE;
    /// `|x|`; the derivative at 0 is 0, as in MXNet and PyTorch.
    abs Abs "abs" by_x integer OfInteger::Abs, |x| x.abs(),
        |x| if x > T::ZERO { T::ONE } else if x < T::ZERO { -T::ONE } else { x * T::ZERO };
    /// `eˣ`.
    exp Exp "exp" by_y, |x| x.exp(), |y| y;
    /// `eˣ - 1`, exact also where `x` is small.
    expm1 Expm1 "expm1" by_y, |x| x.exp_m1(), |y| y + T::ONE;
    /// The natural logarithm.
    log Log "log" by_x, |x| x.ln(), |x| T::ONE / x;
    /// `log(1 + x)`, exact also where `x` is small.
    log1p Log1p "log1p" by_x, |x| x.ln_1p(), |x| T::ONE / (T::ONE + x);
    /// The square root. Its derivative at 0 is infinite.
    sqrt Sqrt "sqrt" by_y, |x| x.sqrt(), |y| T::of(0.5) / y;
    /// `1 / √x`.
    rsqrt Rsqrt "rsqrt" by_y, |x| T::ONE / x.sqrt(), |y| T::of(-0.5) * (y * y * y);
    /// The sign: -1, 0 or 1, and NaN for NaN. The derivative is 0 everywhere, as in MXNet and
    /// PyTorch.
    sign Sign "sign" by_x integer OfInteger::Sign,
        |x| if x > T::ZERO { T::ONE } else if x < T::ZERO { -T::ONE } else { x },
        |_x| T::ZERO;
    /// `x²`.
    square Square "square" by_x integer OfInteger::Square, |x| x * x, |x| x + x;
    /// The sine of an angle in radians.
    sin Sin "sin" by_x, |x| x.sin(), |x| x.cos();
    /// The cosine of an angle in radians.
    cos Cos "cos" by_x, |x| x.cos(), |x| -x.sin();
    /// The error function `2/√π · ∫₀ˣ e^(-t²) dt`.
    erf Erf "erf" by_x, |x| x.erf(), |x| T::of(std::f64::consts::FRAC_2_SQRT_PI) * (-x * x).exp();
}

macro_rules! with_number {
    ($($(#[$doc:meta])* $method:ident $type:ident $name:literal $side:ident $arith:ident,
        |$x:ident, $value:ident| $f:expr, |$x1:ident, $value1:ident| $df:expr;)*) => {
        $(
            #[derive(Clone, Copy)]
            struct $type(f64, Scalar);
            impl Unary for $type {
                const NAME: &'static str = $name;
                fn of_integer(self) -> Option<OfInteger> {
                    Some(with_number!(@$side Arith::$arith, self.1))
                }
                #[inline(always)]
                fn f<T: Compute>(self, $x: T) -> T {
                    let $value = T::of(self.0);
                    $f
                }
                #[inline(always)]
                fn df<T: Compute>(self, $x1: T) -> T {
                    let $value1 = T::of(self.0);
                    $df
                }
            }
        )*
        impl NdArray {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// [`Error::NoArithmetic`](crate::Error::NoArithmetic) if the elements are
                /// booleans.
                pub fn $method(&self, value: impl Into<Scalar>) -> Result<NdArray> {
                    let value = value.into();
                    unary(self, $type(value.to_f64(), value))
                }
            )*
        }
    };
    (@with $arith:expr, $value:expr) => { OfInteger::With($arith, $value) };
    (@after $arith:expr, $value:expr) => { OfInteger::After($value, $arith) };
}

// The number becomes one of the elements' type: what an integer cannot hold of it is cut off.
with_number! {
    /// `x + value`.
    add_scalar AddScalar "add" with Add, |x, value| x + value, |_x, _value| T::ONE;
    /// `x - value`.
    sub_scalar SubScalar "sub" with Sub, |x, value| x - value, |_x, _value| T::ONE;
    /// `x · value`.
    mul_scalar MulScalar "mul" with Mul, |x, value| x * value, |_x, value| value;
    /// `x / value`.
    div_scalar DivScalar "div" with Div, |x, value| x / value, |_x, value| T::ONE / value;
    /// `x / value` rounded towards minus infinity. The derivative is 0.
    floor_divide_scalar FloorDivideScalar "floor_divide" with FloorDivide,
        |x, value| floor_divide(x, value), |_x, _value| T::ZERO;
    /// What is left of `x` after a division by `value`, as [`NdArray::remainder`].
    remainder_scalar RemainderScalar "remainder" with Remainder,
        |x, value| remainder(x, value), |_x, _value| T::ONE;
    /// `x` to the power `value`. The derivative of the power 0 is 0, also at 0.
    powf Powf "powf" with Pow, |x, value| x.powf(value),
        |x, value| if value == T::ZERO { T::ZERO } else { value * x.powf(value - T::ONE) };
    /// `value - x`.
    scalar_sub ScalarSub "sub" after Sub, |x, value| value - x, |_x, _value| -T::ONE;
    /// `value / x`.
    scalar_div ScalarDiv "div" after Div, |x, value| value / x, |x, value| -value / (x * x);
    /// `value / x` rounded towards minus infinity. The derivative is 0.
    scalar_floor_divide ScalarFloorDivide "floor_divide" after FloorDivide,
        |x, value| floor_divide(value, x), |_x, _value| T::ZERO;
    /// What is left of `value` after a division by `x`, as [`NdArray::remainder`].
    scalar_remainder ScalarRemainder "remainder" after Remainder,
        |x, value| remainder(value, x), |x, value| -(value / x).floor();
    /// `value` to the power `x`.
    #[doc(alias = "rpow")]
    scalar_pow ScalarPow "pow" after Pow, |x, value| value.powf(x),
        |x, value| if value == T::ZERO { T::ZERO } else { value.powf(x) * value.ln() };
}

struct ActNode {
    act: Act,
    y: Arc<Buf>,
}

impl Op for ActNode {
    fn backward(&self, grad: Arc<Buf>, sinks: &mut Sinks<'_>) -> Result<()> {
        for_float!(grad.dtype(), T => sinks.write::<T>(0, grad.len(), |out, add| {
            activate_grad(self.act, out, add, grad.slice(), self.y.slice());
        }))
    }
}

pub(crate) fn activation(x: &NdArray, act: Act, name: &'static str) -> Result<NdArray> {
    let compute = compute_type(name, &[x])?;
    if let Some(shape) = NdArray::planned(x.dims(), x.dtype())? {
        return Ok(shape);
    }
    let edges = edges(&[x])?;
    let flat = Flat::new(x)?;
    let y = Arc::new(for_float!(compute, T => Buf::new::<T>(x.elem_count(), |out| {
        out.copy_from_slice(flat.slice());
        activate(act, out);
    })));
    Ok(output(y.clone(), x.dtype(), x.dims().clone(), edges, || Box::new(ActNode { act, y })))
}

macro_rules! activations {
    ($($(#[$doc:meta])* $method:ident $act:ident;)*) => {
        impl NdArray {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// [`Error::NoArithmetic`](crate::Error::NoArithmetic) if the element type is not
                /// a floating-point one.
                pub fn $method(&self) -> Result<NdArray> {
                    activation(self, Act::$act, stringify!($method))
                }
            )*
        }
    };
}

activations! {
    /// `max(x, 0)`; the derivative at 0 is 0, and a NaN stays one.
    relu Relu;
    /// `1 / (1 + e⁻ˣ)`.
    sigmoid Sigmoid;
    /// The hyperbolic tangent.
    tanh Tanh;
    /// `log(1 + eˣ)`, MXNet's `softrelu`.
    #[doc(alias = "softrelu")]
    softplus SoftRelu;
    /// `x / (1 + |x|)`.
    softsign SoftSign;
}
