//! Roots, reciprocals, and logarithms to other bases.

use std::f64::consts::{LN_2, LN_10};

use super::unary::{Unary, unary, unary_ops};
use crate::array::{Compute, NdArray, Scalar};
use crate::error::Result;

/// A function of a number, computed in `f64`: for functions that no kernel of ours has.
#[inline(always)]
pub(super) fn in_f64<T: Compute>(x: T, f: impl FnOnce(f64) -> f64) -> T {
    T::of(f(Into::<Scalar>::into(x).to_f64()))
}

unary_ops! {
    /// The logarithm to the base 2.
    log2 Log2 "log2" by_x, |x| in_f64(x, f64::log2), |x| T::ONE / (x * T::of(LN_2));
    /// The logarithm to the base 10.
    log10 Log10 "log10" by_x, |x| in_f64(x, f64::log10), |x| T::ONE / (x * T::of(LN_10));
    /// The cube root, which negative numbers have too. Its derivative at 0 is infinite.
    cbrt Cbrt "cbrt" by_y, |x| in_f64(x, f64::cbrt), |y| T::ONE / (T::of(3.0) * y * y);
    /// `1 / ∛x`.
    rcbrt Rcbrt "rcbrt" by_x,
        |x| in_f64(x, |x| 1.0 / x.cbrt()), |x| in_f64(x, |x| -1.0 / (3.0 * x * x.cbrt()));
    /// `1 / x`.
    reciprocal Reciprocal "reciprocal" by_y, |x| T::ONE / x, |y| -y * y;
}
