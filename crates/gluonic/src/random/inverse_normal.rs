//! The inverse of the standard normal distribution function, in f64.
//!
//! Rational functions evaluated with separate multiplications and additions and the logarithm of
//! the Box–Muller map, so that every machine gives the same values.
//!
//! Source: Wichura (1988), "Algorithm AS 241: The percentage points of the normal distribution",
//! routine PPND16.

// A decimal that is the shortest for its value looks too long or too precise to these lints.
#![allow(clippy::excessive_precision, clippy::unreadable_literal)]

use super::box_muller::{horner, minus_two_ln};

/// The smallest probability that has an inverse here: 2⁻¹⁰²², the smallest normal f64.
pub(super) const SMALLEST: f64 = f64::MIN_POSITIVE;

/// The largest: 1 − 2⁻⁵³, the largest f64 below 1.
pub(super) const LARGEST: f64 = 1.0 - f64::EPSILON / 2.0;

/// Distance from one half up to which [`central`] holds.
const CENTRAL: f64 = 0.425;

/// Whether the inverse at `p` is [`central`], and not [`tail`].
#[inline(always)]
pub(super) fn is_central(p: f64) -> bool {
    (p - 0.5).abs() <= CENTRAL
}

/// The z of which a standard normal value is below with probability `p`, which lies in
/// [`SMALLEST`], [`LARGEST`].
pub(super) fn inverse_normal(p: f64) -> f64 {
    if is_central(p) { central(p) } else { tail(p) }
}

/// [`inverse_normal`] where `p` is at most 0.425 away from one half.
#[inline(always)]
pub(super) fn central(p: f64) -> f64 {
    let q = p - 0.5;
    let r = 0.180625 - q * q;
    let numerator = horner!(r; 3.387132872796366608, 133.14166789178437745,
        1971.5909503065514427, 13731.693765509461125, 45921.953931549871457,
        67265.770927008700853, 33430.575583588128105, 2509.0809287301226727);
    let denominator = horner!(r; 1.0, 42.313330701600911252, 687.1870074920579083,
        5394.1960214247511077, 21213.794301586595867, 39307.89580009271061,
        28729.085735721942674, 5226.495278852854561);
    q * numerator / denominator
}

/// [`inverse_normal`] elsewhere.
pub(super) fn tail(p: f64) -> f64 {
    let nearer = if p < 0.5 { p } else { 1.0 - p };
    let r = (0.5 * minus_two_ln(nearer, 0)).sqrt();
    let (numerator, denominator) = if r <= 5.0 {
        let r = r - 1.6;
        (
            horner!(r; 1.42343711074968357734, 4.6303378461565452959, 5.7694972214606914055,
                3.64784832476320460504, 1.27045825245236838258, 0.24178072517745061177,
                0.0227238449892691845833, 7.7454501427834140764e-4),
            horner!(r; 1.0, 2.05319162663775882187, 1.6763848301838038494,
                0.68976733498510000455, 0.14810397642748007459, 0.0151986665636164571966,
                5.475938084995344946e-4, 1.05075007164441684324e-9),
        )
    } else {
        let r = r - 5.0;
        (
            horner!(r; 6.6579046435011037772, 5.4637849111641143699, 1.7848265399172913358,
                0.29656057182850489123, 0.026532189526576123093, 1.2426609473880784386e-3,
                2.71155556874348757815e-5, 2.01033439929228813265e-7),
            horner!(r; 1.0, 0.59983220655588793769, 0.13692988092273580531,
                0.0148753612908506148525, 7.868691311456132591e-4, 1.8463183175100546818e-5,
                1.4215117583164458887e-7, 2.04426310338993978564e-15),
        )
    };
    let z = numerator / denominator;
    if p < 0.5 { -z } else { z }
}

/// The largest probability whose inverse is at most `z`, or `None` if there is none.
///
/// The bits of positive numbers are in the order of the numbers, so this is a bisection of
/// integers. That defines the result even where the inverse rises by less than its rounding.
pub(super) fn last_at_most(z: f64) -> Option<f64> {
    if inverse_normal(SMALLEST) > z {
        return None;
    }
    let (mut within, mut beyond) = (SMALLEST.to_bits(), 1.0_f64.to_bits());
    while beyond - within > 1 {
        let middle = u64::midpoint(within, beyond);
        if inverse_normal(f64::from_bits(middle)) <= z {
            within = middle;
        } else {
            beyond = middle;
        }
    }
    Some(f64::from_bits(within))
}

/// The smallest probability whose inverse is at least `z`, or [`LARGEST`] if there is none.
pub(super) fn first_at_least(z: f64) -> f64 {
    let (mut before, mut within) = (SMALLEST.to_bits() - 1, LARGEST.to_bits());
    while within - before > 1 {
        let middle = u64::midpoint(before, within);
        if inverse_normal(f64::from_bits(middle)) >= z {
            within = middle;
        } else {
            before = middle;
        }
    }
    f64::from_bits(within)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::statistics::normal_distribution;
    use super::*;

    #[test]
    fn the_inverse_gives_published_quantiles() {
        // The check values of AS 241, and quantiles of every table.
        for (p, z) in [
            (0.25, -0.6744897501960817),
            (0.001, -3.090232306167814),
            (1e-20, -9.262340089798408),
            (0.5, 0.0),
            (0.975, 1.959963984540054),
        ] {
            let found = inverse_normal(p);
            assert!((found - z).abs() <= 2e-15 * z.abs(), "{p}: {found}, expected {z}");
        }
    }

    #[test]
    fn the_inverse_meets_its_distribution_function() {
        for i in 1..4000 {
            let p = f64::from(i) / 4000.0;
            let back = normal_distribution(inverse_normal(p));
            assert!((back - p).abs() < 2e-15, "{p}: {back}");
        }
    }

    #[test]
    fn the_inverse_never_falls_by_more_than_its_rounding() {
        let mut last = f64::NEG_INFINITY;
        // Every binade below one half, and the seams of the three pieces.
        let ps = (SMALLEST.to_bits()..0.5_f64.to_bits()).step_by(1 << 44).map(f64::from_bits);
        let seams = [0.075, (-25.0_f64).exp()].into_iter().flat_map(|seam| {
            (-100..100_i64)
                .map(move |step| f64::from_bits(seam.to_bits().wrapping_add_signed(step)))
        });
        let mut ps: Vec<f64> = ps.chain(seams).collect();
        ps.sort_by(f64::total_cmp);
        for p in ps {
            let z = inverse_normal(p);
            assert!(z - last > -4e-15 * z.abs(), "{p:e}: {z} after {last}");
            last = z;
        }
    }

    #[test]
    fn the_ends_have_finite_inverses() {
        assert!((-37.6..-37.4).contains(&inverse_normal(SMALLEST)));
        assert!((8.2..8.3).contains(&inverse_normal(LARGEST)));
        assert_eq!(last_at_most(-37.6), None);
        assert_eq!(last_at_most(f64::INFINITY), Some(LARGEST));
        assert_eq!(first_at_least(f64::NEG_INFINITY), SMALLEST);
        assert_eq!(first_at_least(f64::INFINITY), LARGEST);
    }

    proptest! {
        #[test]
        fn both_halves_mirror(steps in 1_u64..=1 << 52) {
            let p = steps as f64 / (1_u64 << 53) as f64; // so that 1 - p is exact
            prop_assert_eq!(inverse_normal(1.0 - p), -inverse_normal(p));
        }

        #[test]
        fn bisections_stop_where_the_inverse_crosses(z in -37.0_f64..8.0) {
            let (first, last) = (first_at_least(z), last_at_most(z).unwrap());
            prop_assert!(inverse_normal(first) >= z);
            prop_assert!(inverse_normal(first.next_down()) < z);
            prop_assert!(inverse_normal(last) <= z);
            prop_assert!(inverse_normal(last.next_up()) > z);
        }
    }
}
