//! The Box–Muller map from two words to two independent standard normal values, in f32 and f64.
//!
//! With `u = (first word + ½) / 2ᴮ` and `v = (second word + ½) / 2ᴮ`, B = 32 or 64 bits, the
//! values are `sqrt(−2 ln u) · cos(2πv)` and `sqrt(−2 ln u) · sin(2πv)`. Logarithm, sine and
//! cosine are fixed polynomials evaluated with separate multiplications and additions, which
//! IEEE 754 defines to the last bit, so every machine gives the same values. The polynomials
//! are our own minimax fits (Remez), rounded to the type they are used in.
//!
//! The largest radius is 6.77 in f32 and 9.5 in f64. No input gives an infinity or a NaN: `u`
//! lies in (0, 1], and where it is 1 the radius is +0.
//!
//! Source: Box and Muller (1958), "A note on the generation of random normal deviates".

// A decimal that is the shortest for its value looks too long or too precise to these lints.
#![allow(clippy::excessive_precision, clippy::unreadable_literal)]

use std::{f32, f64};

/// `a[0] + x·(a[1] + x·(a[2] + …))`.
macro_rules! horner {
    ($x:expr; $last:expr) => { $last };
    ($x:expr; $first:expr, $($rest:expr),+) => { $first + $x * horner!($x; $($rest),+) };
}
pub(super) use horner;

/// Returns `sqrt(−2 ln u)` in f32.
///
/// `u · 2³² = m · 2ᵉ` with m in [√½, √2) and f = m − 1 gives
/// `−2 ln u = (32 − e) · 2 ln 2 + (f² · Q(f) − 2f)`.
#[inline(always)]
pub(super) fn radius_f32(word: u32) -> f32 {
    const SQRT_HALF: u32 = 0x3F35_04F3;
    const MANTISSA: u32 = 0x007F_FFFF;
    let offset = (word as f32 + 0.5).to_bits().wrapping_sub(SQRT_HALF);
    let n = 32 - (offset as i32 >> 23);
    let f = f32::from_bits((offset & MANTISSA) + SQRT_HALF) - 1.0;
    let q = horner!(f; 0.99999833, -0.666684, 0.50011414, -0.39912954, 0.33006522,
        -0.29828408, 0.29363358, -0.18284166);
    (n as f32 * (2.0 * f32::consts::LN_2) + (f * f * q - (f + f))).sqrt()
}

/// Returns `(cos 2πv, sin 2πv)` in f32.
///
/// The angle is a multiple of π/2, the high two bits of the word plus 2²⁹, and a rest
/// `π/2 · t` with t in [−½, ½], which is exact as an integer.
#[inline(always)]
pub(super) fn direction_f32(word: u32) -> (f32, f32) {
    const SIGN: u32 = 1 << 31;
    const QUARTER: u32 = 1 << 30;
    let quadrant = word.wrapping_add(QUARTER / 2);
    let t = (word << 2 | 2) as i32 as f32 * (1.0 / 4294967296.0);
    let z = t * t;
    let sin = t * horner!(z; f32::consts::FRAC_PI_2, -0.64596665, 0.079712525, -0.0046859714);
    let cos = 1.0 + z * horner!(z; -1.2337005, 0.25366855, -0.020855596, 0.0008944864);
    let (x, y) = if quadrant & QUARTER == 0 { (cos, sin) } else { (sin, cos) };
    (
        f32::from_bits(x.to_bits() ^ (quadrant.wrapping_add(QUARTER) & SIGN)),
        f32::from_bits(y.to_bits() ^ (quadrant & SIGN)),
    )
}

/// Returns `sqrt(−2 ln u)` in f64, as [`radius_f32`].
#[inline(always)]
pub(super) fn radius_f64(word: u64) -> f64 {
    minus_two_ln(word as f64 + 0.5, 64).sqrt()
}

/// Returns `−2 ln(y · 2⁻ᴮ)` of a normal positive y, B being `scale`.
///
/// `y = m · 2ᵉ` with m in [√½, √2), f = m − 1 and s = f / (2 + f) gives
/// `(B − e) · 2 ln 2 − s · A(s²)`.
#[inline(always)]
pub(super) fn minus_two_ln(y: f64, scale: i32) -> f64 {
    const SQRT_HALF: u64 = 0x3FE6_A09E_667F_3BCD;
    const MANTISSA: u64 = 0x000F_FFFF_FFFF_FFFF;
    let offset = y.to_bits().wrapping_sub(SQRT_HALF);
    let n = scale - (offset as i64 >> 52) as i32;
    let f = f64::from_bits((offset & MANTISSA) + SQRT_HALF) - 1.0;
    let s = f / (2.0 + f);
    let a = horner!(s * s; 4.0, 1.3333333333333468, 0.7999999999883387, 0.571428574838674,
        0.44444397232225147, 0.3636712449721826, 0.3062820072281265, 0.2959096145300892);
    f64::from(n) * (2.0 * f64::consts::LN_2) - s * a
}

/// Returns `(cos 2πv, sin 2πv)` in f64, as [`direction_f32`].
#[inline(always)]
pub(super) fn direction_f64(word: u64) -> (f64, f64) {
    const SIGN: u64 = 1 << 63;
    const QUARTER: u64 = 1 << 62;
    let quadrant = word.wrapping_add(QUARTER / 2);
    let t = (word << 2 | 2) as i64 as f64 * (1.0 / 18446744073709551616.0);
    let z = t * t;
    let sin = t * horner!(z; f64::consts::FRAC_PI_2, -0.6459640975062226, 0.07969262624467441,
        -0.0046817540998640005, 0.00016044078310771553, -3.5965043605425127e-6,
        5.0162255793942856e-8, 7.013130952508857e-9);
    let cos = 1.0
        + z * horner!(z; -1.2337005501361697, 0.2536695079010417, -0.02086348076318097,
            0.0009192602726323807, -2.5202027446955286e-5, 4.710334098050111e-7,
            -6.289399351660565e-9);
    let (x, y) = if quadrant & QUARTER == 0 { (cos, sin) } else { (sin, cos) };
    (
        f64::from_bits(x.to_bits() ^ (quadrant.wrapping_add(QUARTER) & SIGN)),
        f64::from_bits(y.to_bits() ^ (quadrant & SIGN)),
    )
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use proptest::prelude::*;

    use super::*;

    /// Words whose neighbors differ in quadrant, binade or sign, and an even cover of the rest.
    fn words_32() -> impl Iterator<Item = u32> {
        let edges = (0..32)
            .flat_map(|bit| [-2, -1, 0, 1, 2].map(|d| (1_u32 << bit).wrapping_add_signed(d)));
        edges.chain((0..1_000_000).map(|i: u32| i.wrapping_mul(2_654_435_769)))
    }

    fn words_64() -> impl Iterator<Item = u64> {
        let edges = (0..64)
            .flat_map(|bit| [-2, -1, 0, 1, 2].map(|d| (1_u64 << bit).wrapping_add_signed(d)));
        edges.chain((0..1_000_000).map(|i: u64| i.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
    }

    #[test]
    fn radius_f32_is_near_that_of_std() {
        // Rounding u itself moves radii near 0 by more than the polynomial does, so the
        // reference takes the rounded u.
        let worst = words_32()
            .filter(|&word| word as f32 + 0.5 < 4294967296.0)
            .map(|word| {
                let u = f64::from(word as f32 + 0.5) / 4294967296.0;
                let expected = (-2.0 * u.ln()).sqrt();
                (f64::from(radius_f32(word)) - expected).abs() / expected
            })
            .fold(0.0, f64::max);
        assert!(worst < 1.5e-7, "relative error {worst:e}");
    }

    #[test]
    fn radius_f64_is_near_that_of_std() {
        let worst = words_64()
            .filter(|&word| word < u64::MAX - 4096)
            .map(|word| {
                let y = word as f64 + 0.5;
                // `ln_1p` keeps the digits that `ln` of a value near 1 loses.
                let ln = if y < 1.0e19 {
                    (y / 18446744073709551616.0).ln()
                } else {
                    ((y - 18446744073709551616.0) / 18446744073709551616.0).ln_1p()
                };
                let expected = (-2.0 * ln).sqrt();
                (radius_f64(word) - expected).abs() / expected
            })
            .fold(0.0, f64::max);
        assert!(worst < 1e-15, "relative error {worst:e}");
    }

    #[test]
    fn direction_f32_is_near_that_of_std() {
        let worst = words_32()
            .map(|word| {
                let angle = (f64::from(word) + 0.5) / 4294967296.0 * TAU;
                let (x, y) = direction_f32(word);
                (f64::from(x) - angle.cos()).abs().max((f64::from(y) - angle.sin()).abs())
            })
            .fold(0.0, f64::max);
        assert!(worst < 1.2e-7, "error {worst:e}");
    }

    #[test]
    fn direction_f64_is_near_that_of_std() {
        // The reference reduces to the first eighth of the circle first: as an f64 the angle
        // itself would be known to 1e-15 only.
        let worst = words_64()
            .map(|word| {
                let quadrant = word.wrapping_add(1 << 61) >> 62;
                let rest = word.wrapping_sub(quadrant << 62) as i64;
                let (s, c) = ((rest as f64 + 0.5) / 18446744073709551616.0 * TAU).sin_cos();
                let (cos, sin) = [(c, s), (-s, c), (-c, -s), (s, -c)][quadrant as usize];
                let (x, y) = direction_f64(word);
                (x - cos).abs().max((y - sin).abs())
            })
            .fold(0.0, f64::max);
        assert!(worst < 5e-16, "error {worst:e}");
    }

    #[test]
    fn radius_is_zero_at_the_last_word_and_largest_at_the_first() {
        assert_eq!(radius_f32(u32::MAX).to_bits(), 0);
        assert_eq!(radius_f64(u64::MAX).to_bits(), 0);
        assert!((6.76..6.77).contains(&radius_f32(0)));
        assert!((9.49..9.5).contains(&radius_f64(0)));
    }

    #[test]
    fn directions_are_symmetric() {
        for word in words_32() {
            let (x, y) = direction_f32(word);
            assert_eq!(direction_f32(!word), (x, -y));
            assert_eq!(direction_f32(word ^ 1 << 31), (-x, -y));
        }
    }

    proptest! {
        #[test]
        fn nothing_is_infinite_or_nan(a: u64, b: u64) {
            let (x, y) = direction_f64(b);
            prop_assert!((0.0..9.5).contains(&radius_f64(a)) && x.abs() <= 1.0 && y.abs() <= 1.0);
            let (x, y) = direction_f32(b as u32);
            prop_assert!((0.0..6.77).contains(&radius_f32(a as u32)) && x.abs() <= 1.0 && y.abs() <= 1.0);
        }
    }
}
