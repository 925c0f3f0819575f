//! Activations beyond the five that a dense layer fuses.

use super::unary::{Unary, unary, unary_ops};
use crate::array::{Compute, NdArray};
use crate::cpu::dense::sigmoid;
use crate::error::Result;

const SQRT_HALF: f64 = std::f64::consts::FRAC_1_SQRT_2;
/// `√(2/π)`.
const SQRT_2_PI: f64 = 0.797_884_560_802_865_4;
/// The coefficient of the cubic term of the tanh form of GELU.
const CUBIC: f64 = 0.044_715;
/// `scale` and `scale · alpha` of SELU, by Klambauer et al. (2017), "Self-Normalizing Neural
/// Networks", eq. 14.
const SELU_SCALE: f64 = 1.050_700_987_355_480_5;
const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;

/// The distribution function of the normal law, exact also far to the left.
fn phi(x: f64) -> f64 {
    0.5 * libm::erfc(-x * SQRT_HALF)
}

/// `tanh` of the tanh form of GELU, and the derivative of its argument.
#[inline(always)]
fn gelu_tanh<T: Compute>(x: T) -> (T, T) {
    let square = x * x;
    let inner = T::of(SQRT_2_PI) * x * (T::ONE + T::of(CUBIC) * square);
    (inner.tanh(), T::of(SQRT_2_PI) * (T::ONE + T::of(3.0 * CUBIC) * square))
}

unary_ops! {
    /// `x · Φ(x)`, where `Φ` is the distribution function of the normal law.
    ///
    /// # Source
    /// Hendrycks and Gimpel (2016), "Gaussian Error Linear Units"; MXNet 1.9.1, `LeakyReLU` with
    /// `act_type="gelu"`.
    gelu Gelu "gelu" by_x, |x| x * T::of(phi(x.into().to_f64())), |x| {
        let x = x.into().to_f64();
        let density = 0.5 * SQRT_2_PI * (-0.5 * x * x).exp();
        // Far out 0 · ∞ would be NaN.
        T::of(phi(x) + if density == 0.0 { 0.0 } else { x * density })
    };
    /// `x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³)))`, close to [`gelu`](NdArray::gelu): what
    /// GPT-2 was trained with.
    ///
    /// # Source
    /// Hendrycks and Gimpel (2016), "Gaussian Error Linear Units", §2.
    gelu_tanh GeluTanh "gelu_tanh" by_x, |x| T::of(0.5) * x * (T::ONE + gelu_tanh(x).0), |x| {
        let (tanh, slope) = gelu_tanh(x);
        T::of(0.5) * (T::ONE + tanh) + T::of(0.5) * x * (T::ONE - tanh * tanh) * slope
    };
    /// `x · sigmoid(x)`, also known as swish.
    ///
    /// # Source
    /// Elfwing, Uchibe and Doya (2018), "Sigmoid-Weighted Linear Units", eq. 7.
    silu Silu "silu" by_x, |x| x * sigmoid(x), |x| {
        let s = sigmoid(x);
        s + x * s * (T::ONE - s)
    };
    /// `scale · x` for `x > 0`, `scale · alpha · (eˣ - 1)` else, with the two constants that keep
    /// mean 0 and variance 1. The derivative at 0 is that of the left side, as in PyTorch.
    ///
    /// # Source
    /// Klambauer et al. (2017), "Self-Normalizing Neural Networks", eq. 2 and 14.
    selu Selu "selu" by_x,
        |x| if x > T::ZERO {
            T::of(SELU_SCALE) * x
        } else {
            T::of(SELU_SCALE * SELU_ALPHA) * x.exp_m1()
        },
        |x| if x > T::ZERO { T::of(SELU_SCALE) } else { T::of(SELU_SCALE * SELU_ALPHA) * x.exp() };
    /// `log sigmoid(x) = -log(1 + e⁻ˣ)`, without overflow.
    log_sigmoid LogSigmoid "log_sigmoid" by_x,
        |x| -crate::cpu::dense::softrelu(-x), |x| sigmoid(-x);
}

macro_rules! with_slope {
    ($($(#[$doc:meta])* $method:ident $type:ident ($($arg:ident),*),
        |$x:ident| $f:expr, |$x1:ident| $df:expr;)*) => {
        $(
            #[derive(Clone, Copy)]
            struct $type { $($arg: f64),* }
            impl Unary for $type {
                const NAME: &'static str = stringify!($method);
                #[inline(always)]
                fn f<T: Compute>(self, $x: T) -> T {
                    $(let $arg = T::of(self.$arg);)*
                    $f
                }
                #[inline(always)]
                fn df<T: Compute>(self, $x1: T) -> T {
                    $(let $arg = T::of(self.$arg);)*
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
                pub fn $method(&self, $($arg: f64),*) -> Result<NdArray> {
                    unary(self, $type { $($arg),* })
                }
            )*
        }
    };
}

with_slope! {
    /// `x` for `x > 0`, `slope · x` else; the derivative at 0 is `slope`, as in MXNet and PyTorch.
    leaky_relu LeakyRelu (slope),
        |x| if x > T::ZERO { x } else { slope * x },
        |x| if x > T::ZERO { T::ONE } else { slope };
    /// `x` for `x > 0`, `alpha · (eˣ - 1)` else; the derivative at 0 is `alpha`, as in PyTorch.
    ///
    /// # Source
    /// Clevert, Unterthiner and Hochreiter (2016), "Exponential Linear Units", eq. 15.
    elu Elu (alpha),
        |x| if x > T::ZERO { x } else { alpha * x.exp_m1() },
        |x| if x > T::ZERO { T::ONE } else { alpha * x.exp() };
    /// `x · sigmoid(beta · x)`; with `beta` 1 it is [`silu`](NdArray::silu).
    ///
    /// # Source
    /// Ramachandran, Zoph and Le (2017), "Searching for activation functions", §4.
    swish Swish (beta),
        |x| x * sigmoid(beta * x),
        |x| {
            let s = sigmoid(beta * x);
            s + beta * x * (s * (T::ONE - s))
        };
    /// `clip(slope · x + offset, 0, 1)`. The derivative is 0 outside of (0, 1) and at both ends.
    ///
    /// # Source
    /// MXNet 1.9.1, `hard_sigmoid`, whose defaults are 0.2 and 0.5.
    hard_sigmoid HardSigmoid (slope, offset),
        |x| {
            let y = slope * x + offset;
            if y < T::ZERO { T::ZERO } else if y > T::ONE { T::ONE } else { y }
        },
        |x| {
            let y = slope * x + offset;
            if y > T::ZERO && y < T::ONE { slope } else { T::ZERO }
        };
    /// The nearest value in `[low, high]`; a NaN stays one. The derivative is 1 inside and at both
    /// ends, 0 outside, as in MXNet and PyTorch. With `low > high` the result is `high`.
    #[doc(alias = "clamp")]
    clip Clip (low, high),
        |x| {
            let x = if x < low { low } else { x };
            if x > high { high } else { x }
        },
        |x| if x < low || x > high { T::ZERO } else { T::ONE };
}
