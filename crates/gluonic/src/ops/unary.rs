//! Functions of one array that treat each element alike: arithmetic with a number, powers,
//! exponentials, activations.

use std::sync::Arc;

use super::{Flat, compute_type, edges, output};
use crate::array::{Buf, Compute, NdArray, for_float, shapes_only};
use crate::autograd::{Op, Sinks};
use crate::cpu::dense::{Act, activate, activate_grad};
use crate::cpu::elementwise as kernel;
use crate::error::Result;

/// A differentiable function of one number.
pub(super) trait Unary: Copy + Send + Sync + 'static {
    const NAME: &'static str;
    /// Whether the derivative is written in terms of the result, not of the argument.
    const BY_RESULT: bool = false;

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
    let compute = compute_type(U::NAME, &[x])?;
    if shapes_only() {
        return NdArray::shape_only(x.dims(), x.dtype());
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

macro_rules! unary {
    ($($(#[$doc:meta])* $method:ident $type:ident $name:literal $by:ident,
        |$x:ident| $f:expr, |$y:ident| $df:expr;)*) => {
        $(
            #[derive(Clone, Copy)]
            struct $type;
            impl Unary for $type {
                const NAME: &'static str = $name;
                const BY_RESULT: bool = unary!(@$by);
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
                /// a floating-point one.
                pub fn $method(&self) -> Result<NdArray> {
                    unary(self, $type)
                }
            )*
        }
    };
    (@by_x) => { false };
    (@by_y) => { true };
}

unary! {
    /// `-x`.
    neg Neg "neg" by_x, |x| -x, |_x| -T::ONE;
    /// `|x|`; the derivative at 0 is 0, as in MXNet and PyTorch.
    abs Abs "abs" by_x, |x| x.abs(),
        |x| if x > T::ZERO { T::ONE } else if x < T::ZERO { -T::ONE } else { x * T::ZERO };
    /// `eˣ`.
    exp Exp "exp" by_y, |x| x.exp(), |y| y;
    /// The natural logarithm.
    log Log "log" by_x, |x| x.ln(), |x| T::ONE / x;
    /// The square root.
    sqrt Sqrt "sqrt" by_y, |x| x.sqrt(), |y| T::of(0.5) / y;
    /// `x²`.
    square Square "square" by_x, |x| x * x, |x| x + x;
    /// The sine of an angle in radians.
    sin Sin "sin" by_x, |x| x.sin(), |x| x.cos();
    /// The cosine of an angle in radians.
    cos Cos "cos" by_x, |x| x.cos(), |x| -x.sin();
}

macro_rules! with_number {
    ($($(#[$doc:meta])* $method:ident $type:ident $name:literal,
        |$x:ident, $value:ident| $f:expr, |$x1:ident, $value1:ident| $df:expr;)*) => {
        $(
            #[derive(Clone, Copy)]
            struct $type(f64);
            impl Unary for $type {
                const NAME: &'static str = $name;
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
                /// [`Error::NoArithmetic`](crate::Error::NoArithmetic) if the element type is not
                /// a floating-point one.
                pub fn $method(&self, value: f64) -> Result<NdArray> {
                    unary(self, $type(value))
                }
            )*
        }
    };
}

with_number! {
    /// `x + value`.
    add_scalar AddScalar "add", |x, value| x + value, |_x, _value| T::ONE;
    /// `x · value`.
    mul_scalar MulScalar "mul", |x, value| x * value, |_x, value| value;
    /// `x / value`.
    div_scalar DivScalar "div", |x, value| x / value, |_x, value| T::ONE / value;
    /// `value - x`.
    scalar_sub ScalarSub "sub", |x, value| value - x, |_x, _value| -T::ONE;
    /// `value / x`.
    scalar_div ScalarDiv "div", |x, value| value / x, |x, value| -value / (x * x);
    /// `x` to the power `value`. The derivative of the power 0 is 0, also at 0.
    powf Powf "powf", |x, value| x.powf(value),
        |x, value| if value == T::ZERO { T::ZERO } else { value * x.powf(value - T::ONE) };
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
    if shapes_only() {
        return NdArray::shape_only(x.dims(), x.dtype());
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
