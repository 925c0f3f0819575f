//! What surrounds the matrix product of a dense layer: bias, activation and its derivative.

use super::elementwise::zip;
use super::{Float, kernel};

/// An activation that can be fused, because its derivative is known from its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Relu,
    Sigmoid,
    Tanh,
    SoftRelu,
    SoftSign,
}

/// `max(x, 0)`, and NaN for NaN, as MXNet. A plain comparison, in place, becomes a masked store,
/// which is several times slower than this detour.
#[inline(always)]
fn relu<T: Float>(x: T) -> T {
    let nan = if x.is_nan() { x } else { T::ZERO };
    x.max(T::ZERO) + nan
}

#[inline(always)]
pub(crate) fn sigmoid<T: Float>(x: T) -> T {
    // One branch each side of zero, so that exp never overflows.
    let e = (-x.abs()).exp();
    let right = T::ONE / (T::ONE + e);
    if x < T::ZERO { e * right } else { right }
}

#[inline(always)]
pub(crate) fn softrelu<T: Float>(x: T) -> T {
    // log(1 + eˣ) = max(x, 0) + log(1 + e^-|x|); a NaN fails the comparison and stays.
    let positive = if x <= T::ZERO { T::ZERO } else { x };
    positive + (-x.abs()).exp().ln_1p()
}

/// Runs the body with `$f` bound to the activation and `$df` to its derivative by the result.
macro_rules! with_act {
    ($act:expr, $T:ident, |$f:ident, $df:ident| $body:expr) => {
        match $act {
            Act::Relu => {
                let $f = |x: $T| relu(x);
                let $df = |y: $T, g: $T| if y <= $T::ZERO { $T::ZERO } else { g };
                $body
            }
            Act::Sigmoid => {
                let $f = |x: $T| sigmoid(x);
                let $df = |y: $T, g: $T| g * (y * ($T::ONE - y));
                $body
            }
            Act::Tanh => {
                let $f = |x: $T| x.tanh();
                let $df = |y: $T, g: $T| g * ($T::ONE - y * y);
                $body
            }
            Act::SoftRelu => {
                let $f = |x: $T| softrelu(x);
                let $df = |y: $T, g: $T| g * -(-y).exp_m1();
                $body
            }
            Act::SoftSign => {
                let $f = |x: $T| x / ($T::ONE + x.abs());
                let $df = |y: $T, g: $T| {
                    let left = $T::ONE - y.abs();
                    g * (left * left)
                };
                $body
            }
        }
    };
}

kernel! {
    fn apply[T: Float, F: Fn(T) -> T](x: &mut [T], f: F) {
        for x in x {
            *x = f(*x);
        }
    }
}

/// `x = act(x)`.
pub(crate) fn activate<T: Float>(act: Act, x: &mut [T]) {
    with_act!(act, T, |f, _df| apply(x, f));
}

/// `out = g · act'`, given the results `y` of the activation. Not in place: a value that a
/// comparison leaves as it is would become a masked store.
pub(crate) fn activate_grad<T: Float>(act: Act, out: &mut [T], add: bool, g: &[T], y: &[T]) {
    with_act!(act, T, |_f, df| zip(out, add, y, g, df));
}

/// Copies the bias into every row.
pub(crate) fn fill_rows<T: Float>(out: &mut [T], bias: &[T]) {
    if !bias.is_empty() {
        out.chunks_exact_mut(bias.len()).for_each(|row| row.copy_from_slice(bias));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activations_are_stable_far_out_and_hand_a_nan_on() {
        for act in [Act::Relu, Act::Sigmoid, Act::Tanh, Act::SoftRelu, Act::SoftSign] {
            let mut x = [-1e4_f32, -0.0, 1e4, f32::NAN];
            activate(act, &mut x);
            assert!(x[..3].iter().all(|y| y.is_finite()) && x[3].is_nan(), "{act:?}: {x:?}");
        }
        let mut x = [1e4_f64];
        activate(Act::SoftRelu, &mut x);
        assert_eq!(x, [1e4]);
    }

    #[test]
    fn the_derivative_of_relu_at_zero_is_zero() {
        let mut out = [1.0_f32];
        activate_grad(Act::Relu, &mut out, false, &[5.0], &[0.0]);
        assert_eq!(out, [0.0]);
    }
}
