//! The gamma function and the inverse of the error function. Computed in `f64`.

use std::f64::consts::PI;

use super::powers::in_f64;
use super::unary::{Unary, unary, unary_ops};
use crate::array::{Compute, NdArray};
use crate::error::Result;
use crate::random::standard_normal_quantile;

/// Half of `√π`.
const HALF_SQRT_PI: f64 = 0.886_226_925_452_758;

/// The logarithmic derivative of the gamma function; NaN at 0, -1, -2, …
///
/// By reflection to positive numbers, by recurrence to numbers above 12, and there by the asymptotic
/// series.
///
/// Source: Bernardo (1976), "Algorithm AS 103: Psi (digamma) function", with more terms.
fn digamma(x: f64) -> f64 {
    if x <= 0.0 {
        if x == x.floor() {
            return f64::NAN;
        }
        return digamma(1.0 - x) - PI / (PI * x).tan();
    }
    let (mut x, mut sum) = (x, 0.0);
    while x < 12.0 {
        sum -= 1.0 / x;
        x += 1.0;
    }
    let r = 1.0 / (x * x);
    let series = r * (1.0 / 12.0
        - r * (1.0 / 120.0
            - r * (1.0 / 252.0 - r * (1.0 / 240.0 - r * (1.0 / 132.0 - r * (691.0 / 32760.0))))));
    sum + x.ln() - 0.5 / x - series
}

/// The number whose error function is `x`.
///
/// The quantile of the normal law is exact to some 1e-16 of its argument; one step of Newton's method
/// brings the result to the precision of the error function itself.
fn erfinv(x: f64) -> f64 {
    match x.abs() {
        1.0 => return x * f64::INFINITY,
        distance if distance < 1.0 => {}
        _ => return f64::NAN,
    }
    let guess = standard_normal_quantile(0.5 * (1.0 - x.abs())) * -std::f64::consts::FRAC_1_SQRT_2;
    let error = libm::erf(guess) - x.abs();
    let root = guess - error * HALF_SQRT_PI * (guess * guess).exp();
    if root.is_finite() { root.copysign(x) } else { guess.copysign(x) }
}

unary_ops! {
    /// The number whose [error function](NdArray::erf) is `x`: infinite at -1 and 1, NaN outside.
    erfinv Erfinv "erfinv" by_y,
        |x| in_f64(x, erfinv), |y| in_f64(y, |y| HALF_SQRT_PI * (y * y).exp());
    /// The gamma function `Γ(x) = ∫₀^∞ t^(x-1) e^(-t) dt`; NaN at -1, -2, …
    gamma Gamma "gamma" by_x,
        |x| in_f64(x, libm::tgamma), |x| in_f64(x, |x| libm::tgamma(x) * digamma(x));
    /// `log |Γ(x)|`, which does not overflow; infinite at 0, -1, -2, …
    #[doc(alias = "lgamma")]
    gammaln Gammaln "gammaln" by_x, |x| in_f64(x, libm::lgamma), |x| in_f64(x, digamma);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digamma_gives_its_known_values() {
        // Euler's constant; Abramowitz and Stegun (1964), 6.3.2 and 6.3.3.
        const EULER: f64 = 0.577_215_664_901_532_9;
        for (x, y) in [
            (1.0, -EULER),
            (0.5, -EULER - 2.0 * std::f64::consts::LN_2),
            (2.0, 1.0 - EULER),
            (-0.5, 2.0 - EULER - 2.0 * std::f64::consts::LN_2),
        ] {
            assert!((digamma(x) - y).abs() < 1e-14, "{x}: {}", digamma(x));
        }
        assert!(digamma(-3.0).is_nan());
    }

    #[test]
    fn the_inverse_of_the_error_function_inverts_it() {
        for x in [-0.999_999, -0.5, -1e-9, 0.0, 1e-3, 0.3, 0.9, 0.999_999_999] {
            assert!((libm::erf(erfinv(x)) - x).abs() <= 2e-16 + x.abs() * 1e-15, "{x}");
        }
        assert_eq!(erfinv(1.0), f64::INFINITY);
        assert_eq!(erfinv(-1.0), f64::NEG_INFINITY);
        assert!(erfinv(1.1).is_nan() && erfinv(f64::NAN).is_nan());
    }
}
