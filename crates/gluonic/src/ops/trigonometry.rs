//! Functions of angles, and those of the hyperbola, with their inverses. Computed in `f64`.

use super::powers::in_f64;
use super::unary::{Unary, unary, unary_ops};
use crate::array::{Compute, NdArray};
use crate::error::Result;

unary_ops! {
    /// The tangent of an angle in radians.
    tan Tan "tan" by_y, |x| in_f64(x, f64::tan), |y| y * y + T::ONE;
    /// The angle in `[-π/2, π/2]` whose sine is `x`; NaN outside of `[-1, 1]`.
    #[doc(alias = "asin")]
    arcsin Arcsin "arcsin" by_x,
        |x| in_f64(x, f64::asin), |x| in_f64(x, |x| 1.0 / (1.0 - x * x).sqrt());
    /// The angle in `[0, π]` whose cosine is `x`; NaN outside of `[-1, 1]`.
    #[doc(alias = "acos")]
    arccos Arccos "arccos" by_x,
        |x| in_f64(x, f64::acos), |x| in_f64(x, |x| -1.0 / (1.0 - x * x).sqrt());
    /// The angle in `(-π/2, π/2)` whose tangent is `x`.
    #[doc(alias = "atan")]
    arctan Arctan "arctan" by_x, |x| in_f64(x, f64::atan), |x| T::ONE / (x * x + T::ONE);
    /// The hyperbolic sine.
    sinh Sinh "sinh" by_x, |x| in_f64(x, f64::sinh), |x| in_f64(x, f64::cosh);
    /// The hyperbolic cosine.
    cosh Cosh "cosh" by_x, |x| in_f64(x, f64::cosh), |x| in_f64(x, f64::sinh);
    /// The number whose hyperbolic sine is `x`.
    #[doc(alias = "asinh")]
    arcsinh Arcsinh "arcsinh" by_x,
        |x| in_f64(x, f64::asinh), |x| in_f64(x, |x| 1.0 / x.hypot(1.0));
    /// The number, not negative, whose hyperbolic cosine is `x`; NaN below 1.
    #[doc(alias = "acosh")]
    arccosh Arccosh "arccosh" by_x,
        |x| in_f64(x, f64::acosh), |x| in_f64(x, |x| 1.0 / (x * x - 1.0).sqrt());
    /// The number whose hyperbolic tangent is `x`; NaN outside of `[-1, 1]`.
    #[doc(alias = "atanh")]
    arctanh Arctanh "arctanh" by_x,
        |x| in_f64(x, f64::atanh), |x| T::ONE / (T::ONE - x * x);
    /// An angle in radians as degrees.
    #[doc(alias = "rad2deg")]
    degrees Degrees "degrees" by_x,
        |x| in_f64(x, f64::to_degrees), |_x| T::of(1.0_f64.to_degrees());
    /// An angle in degrees as radians.
    #[doc(alias = "deg2rad")]
    radians Radians "radians" by_x,
        |x| in_f64(x, f64::to_radians), |_x| T::of(1.0_f64.to_radians());
}
