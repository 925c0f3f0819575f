//! Tests of samples against their law.

use super::truncated_normal::TruncatedNormal;

/// Checks that mean, variance, skewness and kurtosis lie within 5 standard errors.
///
/// `kurtosis` is that of the law: 3 for the normal, 1.8 for the uniform.
#[track_caller]
pub(super) fn check_moments(xs: &[f64], mean: f64, variance: f64, skewness: f64, kurtosis: f64) {
    let n = xs.len() as f64;
    let moment =
        |about: f64, power: i32| xs.iter().map(|x| (x - about).powi(power)).sum::<f64>() / n;
    let found_mean = moment(0.0, 1);
    let found_variance = moment(found_mean, 2);
    let deviation = found_variance.sqrt();
    let found_skewness = moment(found_mean, 3) / deviation.powi(3);
    let found_kurtosis = moment(found_mean, 4) / deviation.powi(4);
    let rows = [
        ("mean", found_mean, mean, (variance / n).sqrt()),
        ("variance", found_variance, variance, variance * ((kurtosis - 1.0) / n).sqrt()),
        // The errors of a normal sample, which bound those of the uniform.
        ("skewness", found_skewness, skewness, (6.0 / n).sqrt()),
        ("kurtosis", found_kurtosis, kurtosis, (24.0 / n).sqrt()),
    ];
    for (what, found, expected, error) in rows {
        let distance = (found - expected).abs() / error;
        assert!(
            distance < 5.0,
            "{what} is {found}, expected {expected}: {distance:.1} errors away"
        );
    }
}

/// Checks the largest distance between the sample's and the law's distribution function; a good
/// sample fails with probability 0.001.
#[track_caller]
pub(super) fn check_kolmogorov_smirnov(mut xs: Vec<f64>, distribution: impl Fn(f64) -> f64) {
    let n = xs.len() as f64;
    xs.sort_by(f64::total_cmp);
    let distance = xs
        .iter()
        .enumerate()
        .map(|(i, &x)| {
            let p = distribution(x);
            (p - i as f64 / n).max((i + 1) as f64 / n - p)
        })
        .fold(0.0, f64::max);
    assert!(distance * n.sqrt() < 1.95, "distance {distance} is too large for {n} values");
}

/// As [`check_kolmogorov_smirnov`] for values rounded to a coarse type: compares only at the
/// points halfway between two values, where rounding has moved nothing across.
#[track_caller]
pub(super) fn check_kolmogorov_smirnov_rounded<T: TruncatedNormal>(
    mut xs: Vec<f64>,
    distribution: impl Fn(f64) -> f64,
) {
    let n = xs.len() as f64;
    xs.sort_by(f64::total_cmp);
    let mut distance: f64 = 0.0;
    for (i, pair) in xs.windows(2).enumerate().filter(|(_, pair)| pair[0] < pair[1]) {
        // The next value of the type, for which `at_most` is searched from the other side.
        let next = -T::at_most((-pair[0]).next_down());
        let p = distribution(f64::midpoint(pair[0], next));
        distance = distance.max((p - (i + 1) as f64 / n).abs());
    }
    assert!(distance * n.sqrt() < 1.95, "distance {distance} is too large for {n} values");
}

/// Checks that counts fit their weights: chi-square within 5 standard errors. A value of weight 0
/// must not have come.
#[track_caller]
pub(super) fn check_chi_square(counts: &[u32], weights: &[f64]) {
    let n = f64::from(counts.iter().sum::<u32>());
    let total: f64 = weights.iter().sum();
    let (mut square, mut freedom) = (0.0, -1.0);
    for (&count, weight) in counts.iter().zip(weights) {
        let expected = weight / total * n;
        if expected > 0.0 {
            square += (f64::from(count) - expected).powi(2) / expected;
            freedom += 1.0;
        } else {
            assert_eq!(count, 0, "a value of weight 0 came");
        }
    }
    let distance = (square - freedom).abs() / (2.0_f64 * freedom).sqrt();
    assert!(distance < 5.0, "chi-square is {square} at {freedom} degrees of freedom");
}

/// The distribution function of the standard normal law, by its Taylor series about 0, whose
/// terms all have one sign.
pub(super) fn normal_distribution(x: f64) -> f64 {
    let (mut term, mut sum, mut k) = (x, x, 1.0);
    while term.abs() > 1e-17 * sum.abs() {
        k += 2.0;
        term *= x * x / k;
        sum += term;
    }
    0.5 + sum * (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt()
}
