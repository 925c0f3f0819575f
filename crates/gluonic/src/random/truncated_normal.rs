//! The normal law between two bounds, for every floating-point element type.

use half::{bf16, f16};

use super::fill::{Rule, fill};
use super::inverse_normal::{central, first_at_least, is_central, last_at_most, tail};
use super::philox::{LANES, Lanes, Stream, join};
use super::uniform::{Rounded, pattern_below};

/// An element type with a truncated normal law.
pub(crate) trait TruncatedNormal: Copy + Send {
    /// The largest value of the type that is not above `x`.
    fn at_most(x: f64) -> f64;

    /// Fills `out` as [`Truncated::fill`] says.
    fn fill_truncated_normal(stream: Stream, start: u64, out: &mut [Self], law: Truncated);
}

/// Writes elements `start`, `start + 1`, … of the normal law between `low` and `high` to `out`;
/// nothing where [`Truncated::new`] finds no such law.
#[cfg(test)]
pub(crate) fn fill_truncated_normal<T: TruncatedNormal>(
    stream: Stream,
    start: u64,
    out: &mut [T],
    mean: f64,
    std: f64,
    low: f64,
    high: f64,
) {
    if let Some(law) = Truncated::new::<T>(mean, std, low, high) {
        law.fill(stream, start, out);
    }
}

/// `z · std + mean` between two bounds, z being the inverse of the normal distribution function
/// at a uniform value between the bounds' own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Truncated {
    /// The first and the last probability, and their difference.
    first: f64,
    last: f64,
    width: f64,
    mean: f64,
    /// Negative where the law is computed as its mirror image.
    std: f64,
    low: f64,
    high: f64,
}

impl Truncated {
    /// The law for elements of the type `T`, or `None` if no value of `T` lies between the bounds
    /// or they are more than 37 standard deviations away from the mean.
    ///
    /// `std` must be positive and `low < high`; bounds may be infinite.
    pub(crate) fn new<T: TruncatedNormal>(
        mean: f64,
        std: f64,
        low: f64,
        high: f64,
    ) -> Option<Self> {
        let (mut from, mut to) = ((low - mean) / std, (high - mean) / std);
        let mirrored = from >= 0.0;
        if mirrored {
            // Probabilities near 0 have more digits than those near 1.
            (from, to) = (-to, -from);
        }
        let (first, last) = (first_at_least(from), last_at_most(to)?);
        let (low, high) = (-T::at_most(-low), T::at_most(high));
        let std = if mirrored { -std } else { std };
        (low <= high).then_some(Self { first, last, width: last - first, mean, std, low, high })
    }

    /// Writes elements `start`, `start + 1`, … to `out`.
    ///
    /// They are computed in f64 from the element's long word, rounded to f32 for the three
    /// narrower types and from there to the half types, and clamped to the smallest and the
    /// largest value of the type between the bounds.
    pub(crate) fn fill<T: TruncatedNormal>(self, stream: Stream, start: u64, out: &mut [T]) {
        T::fill_truncated_normal(stream, start, out, self);
    }
}

impl Rule<{ 2 * LANES }> for Truncated {
    type Item = f64;

    #[inline(always)]
    fn elements(self, _: u64, words: &Lanes, out: &mut [f64; 2 * LANES]) {
        let mut ps = [0.0; 2 * LANES];
        for i in 0..LANES {
            for j in 0..2 {
                let word = join(words[2 * j][i], words[2 * j + 1][i]);
                let u = ((word >> 12) as f64 + 0.5) * (1.0 / 4_503_599_627_370_496.0);
                let p = u * self.width + self.first;
                ps[2 * i + j] = if p < self.last { p } else { self.last };
            }
        }
        for (z, p) in out.iter_mut().zip(ps) {
            *z = central(p);
        }
        for (z, p) in out.iter_mut().zip(ps) {
            if !is_central(p) {
                *z = tail(p);
            }
        }
        for z in out {
            let value = *z * self.std + self.mean;
            let value = if value > self.low { value } else { self.low };
            *z = if value < self.high { value } else { self.high };
        }
    }
}

/// A law of f64, each element rounded to the nearest f32, ties to even.
///
/// Rounding keeps order and leaves the bounds, which are values of the type in the end, as they
/// are: so it does not matter that the elements are clamped already.
#[derive(Clone, Copy)]
struct Narrowed(Truncated);

impl Rule<{ 2 * LANES }> for Narrowed {
    type Item = f32;

    #[inline(always)]
    fn elements(self, first: u64, words: &Lanes, out: &mut [f32; 2 * LANES]) {
        let mut values = [0.0; 2 * LANES];
        self.0.elements(first, words, &mut values);
        for (x, value) in out.iter_mut().zip(values) {
            *x = value as f32;
        }
    }
}

impl TruncatedNormal for f64 {
    fn at_most(x: f64) -> f64 {
        x
    }

    fn fill_truncated_normal(stream: Stream, start: u64, out: &mut [Self], law: Truncated) {
        fill(stream, start, out, law);
    }
}

impl TruncatedNormal for f32 {
    fn at_most(x: f64) -> f64 {
        let nearest = x as f32;
        let value = if f64::from(nearest) > x { nearest.next_down() } else { nearest };
        value.into()
    }

    fn fill_truncated_normal(stream: Stream, start: u64, out: &mut [Self], law: Truncated) {
        fill(stream, start, out, Narrowed(law));
    }
}

macro_rules! half {
    ($type:ty) => {
        impl TruncatedNormal for $type {
            fn at_most(x: f64) -> f64 {
                let nearest = Self::from_f32(x as f32);
                if f64::from(nearest) > x {
                    Self::from_bits(pattern_below(nearest.to_bits())).into()
                } else {
                    nearest.into()
                }
            }

            fn fill_truncated_normal(stream: Stream, start: u64, out: &mut [Self], law: Truncated) {
                fill(stream, start, out, Rounded::new(Narrowed(law)));
            }
        }
    };
}
half!(f16);
half!(bf16);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fill::check;
    use super::super::statistics::{
        check_kolmogorov_smirnov, check_kolmogorov_smirnov_rounded, check_moments,
        normal_distribution,
    };
    use super::*;

    fn sample<T: TruncatedNormal + Default>(n: usize, low: f64, high: f64) -> Vec<T> {
        let mut out = vec![T::default(); n];
        fill_truncated_normal(Stream::new(81, 1), 0, &mut out, 0.0, 1.0, low, high);
        out
    }

    #[test]
    fn values_do_not_depend_on_how_they_are_computed() {
        let law = Truncated::new::<f64>(0.1, 0.7, -1.3, 1.5).unwrap();
        check::same_for_every_cut_thread_count_and_instruction_set(law);
        check::same_for_every_cut_thread_count_and_instruction_set(Narrowed(law));
        let law = Truncated::new::<f16>(0.1, 0.7, 2.0, f64::INFINITY).unwrap();
        let law = Rounded::<_, f16>::new(Narrowed(law));
        check::same_for_every_cut_thread_count_and_instruction_set(law);
        let law = Truncated::new::<bf16>(0.0, 1.0, -2.0, 2.0).unwrap();
        let law = Rounded::<_, bf16>::new(Narrowed(law));
        check::same_for_every_cut_thread_count_and_instruction_set(law);
    }

    /// Checks a sample of the standard law between bounds that are not both far out.
    #[track_caller]
    fn check_standard<T: TruncatedNormal + Default + Into<f64>>(low: f64, high: f64) {
        let xs = sample::<T>(400_000, low, high);
        let xs: Vec<f64> = xs.into_iter().map(Into::into).collect();
        assert!(xs.iter().all(|&x| low <= x && x <= high));
        let (a, b) = (normal_distribution(low.max(-8.0)), normal_distribution(high.min(8.0)));
        check_kolmogorov_smirnov(xs, |x| (normal_distribution(x) - a) / (b - a));
    }

    #[test]
    fn the_law_passes_kolmogorov_smirnov_between_all_kinds_of_bounds() {
        for (low, high) in [
            (-2.0, 2.0),
            (-0.5, 3.0),
            (0.0, 1.0),
            (1.0, 2.5),
            (-2.5, -1.0),
            (f64::NEG_INFINITY, 0.3),
            (0.3, f64::INFINITY),
            (f64::NEG_INFINITY, f64::INFINITY),
        ] {
            check_standard::<f64>(low, high);
            check_standard::<f32>(low, high);
        }
    }

    #[test]
    fn half_types_pass_kolmogorov_smirnov() {
        fn check<T: TruncatedNormal + Default + Into<f64>>(low: f64, high: f64) {
            let xs = sample::<T>(400_000, low, high).into_iter().map(Into::into).collect();
            let (a, b) = (normal_distribution(low), normal_distribution(high));
            let law = |x| (normal_distribution(x) - a) / (b - a);
            check_kolmogorov_smirnov_rounded::<T>(xs, law);
        }
        for (low, high) in [(-2.0, 2.0), (-0.5, 3.0), (1.0, 2.5)] {
            check::<f16>(low, high);
            check::<bf16>(low, high);
        }
    }

    #[test]
    fn moments_are_those_of_the_law_in_every_type() {
        fn check<T: TruncatedNormal + Default + Into<f64>>() {
            let xs: Vec<f64> =
                sample::<T>(400_000, -2.0, 2.0).into_iter().map(Into::into).collect();
            // With d the density at 2 over the probability of [−2, 2]: integrating by parts.
            let d = (-2.0_f64).exp()
                / (2.0 * std::f64::consts::PI).sqrt()
                / (normal_distribution(2.0) - normal_distribution(-2.0));
            let variance = 1.0 - 4.0 * d;
            let fourth = 3.0 * variance - 16.0 * d;
            check_moments(&xs, 0.0, variance, 0.0, fourth / variance.powi(2));
        }
        check::<f64>();
        check::<f32>();
        check::<f16>();
        check::<bf16>();
    }

    #[test]
    fn the_far_tail_keeps_its_shape_on_either_side() {
        let right = sample::<f64>(100_000, 12.0, 13.0);
        let left = sample::<f64>(100_000, -13.0, -12.0);
        assert!(right.iter().zip(&left).all(|(r, l)| *r == -l));
        // The exponential law that the tail nears; the mean excess of the normal at t is
        // 1/t − 2/t³ + 10/t⁵ − …
        let t: f64 = 12.0;
        let mean = right.iter().map(|x| x - t).sum::<f64>() / right.len() as f64;
        let expected = 1.0 / t - 2.0 / t.powi(3) + 10.0 / t.powi(5);
        let error = expected / (right.len() as f64).sqrt();
        assert!((mean - expected).abs() < 5.0 * error, "{mean}, not {expected}");
        let mut distinct = right;
        distinct.sort_by(f64::total_cmp);
        distinct.dedup();
        assert!(distinct.len() > 99_000, "{} distinct values", distinct.len());
    }

    #[test]
    fn a_law_without_values_is_not_made() {
        assert!(Truncated::new::<f64>(0.0, 1.0, 38.0, 39.0).is_none());
        assert!(Truncated::new::<f64>(0.0, 1.0, f64::NEG_INFINITY, -38.0).is_none());
        assert!(Truncated::new::<f64>(0.0, 1.0, -39.0, 38.0).is_some());
        // Neighbors in f32 and in f16 lie on either side.
        assert!(Truncated::new::<f32>(0.0, 1.0, 1.000_000_01, 1.000_000_02).is_none());
        assert!(Truncated::new::<f64>(0.0, 1.0, 1.000_000_01, 1.000_000_02).is_some());
        assert!(Truncated::new::<f16>(0.0, 1.0, 1.0001, 1.0002).is_none());
        assert!(Truncated::new::<bf16>(0.0, 1.0, 1e39, 1e40).is_none());
    }

    /// Checks elements of one law, or that there is none for a good reason.
    fn check_between<T: TruncatedNormal + Default + Into<f64>>(
        stream: Stream,
        (mean, std): (f64, f64),
        (low, high): (f64, f64),
    ) -> Result<(), TestCaseError> {
        if Truncated::new::<T>(mean, std, low, high).is_none() {
            prop_assert!(T::at_most(high) < low);
            return Ok(());
        }
        let mut xs = vec![T::default(); 128];
        fill_truncated_normal(stream, 0, &mut xs, mean, std, low, high);
        for x in xs.into_iter().map(Into::<f64>::into) {
            prop_assert!(low <= x && x <= high, "{x} is not between {low} and {high}");
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn values_stay_between_the_bounds(
            key: u64, mean in -10.0..10.0, std in 1e-3..10.0, from in -30.0..30.0, width in 1e-6..9.0,
        ) {
            let (low, high) = (mean + from * std, mean + (from + width) * std);
            prop_assume!(low < high);
            let stream = Stream::new(key, 0);
            check_between::<f64>(stream, (mean, std), (low, high))?;
            check_between::<f32>(stream, (mean, std), (low, high))?;
            check_between::<f16>(stream, (mean, std), (low, high))?;
            check_between::<bf16>(stream, (mean, std), (low, high))?;
        }

        #[test]
        fn the_largest_value_at_most_x_is_a_neighbor_of_x(x in -7e4..7e4) {
            for (found, step) in [
                (f32::at_most(x), 1.0 / 8_388_608.0),
                (f16::at_most(x), 1.0 / 1024.0),
                (bf16::at_most(x), 1.0 / 128.0),
            ] {
                if found.is_finite() {
                    prop_assert!(found <= x);
                    prop_assert!(x >= 65504.0 || x - found <= step * x.abs().max(1e-4));
                }
            }
        }
    }
}
