//! Rounding to whole numbers. The derivative is 0 everywhere, as in MXNet and PyTorch.

use super::powers::in_f64;
use super::unary::{Unary, unary, unary_ops};
use crate::array::{Compute, NdArray};
use crate::error::Result;

/// The nearest whole number, halfway between two the lower one.
fn half_down(x: f64) -> f64 {
    let (below, above) = (x.floor(), x.ceil());
    if x - below <= above - x { below } else { above }
}

unary_ops! {
    /// The largest whole number that is not above `x`.
    floor Floor "floor" by_x, |x| in_f64(x, f64::floor), |_x| T::ZERO;
    /// The smallest whole number that is not below `x`.
    ceil Ceil "ceil" by_x, |x| in_f64(x, f64::ceil), |_x| T::ZERO;
    /// The whole part of `x`: what is left without the digits behind the point.
    #[doc(alias = "fix")]
    trunc Trunc "trunc" by_x, |x| in_f64(x, f64::trunc), |_x| T::ZERO;
    /// The nearest whole number; halfway between two, the one that is farther from 0.
    ///
    /// # Source
    /// MXNet 1.9.1, `round`. NumPy's and PyTorch's is
    /// [`round_half_even`](NdArray::round_half_even).
    round Round "round" by_x, |x| in_f64(x, f64::round), |_x| T::ZERO;
    /// The nearest whole number; halfway between two, the even one.
    ///
    /// # Source
    /// IEEE 754, `roundToIntegralTiesToEven`; NumPy, `rint`.
    round_half_even RoundHalfEven "round_half_even" by_x,
        |x| in_f64(x, f64::round_ties_even), |_x| T::ZERO;
    /// The nearest whole number; halfway between two, the lower one.
    ///
    /// # Source
    /// MXNet 1.9.1, `rint`.
    round_half_down RoundHalfDown "round_half_down" by_x,
        |x| in_f64(x, half_down), |_x| T::ZERO;
}
