//! The categorical law: the numbers of classes that have weights.

use std::marker::PhantomData;

use super::discrete::Integer;
use super::fill::{Rule, fill};
use super::philox::{LANES, Lanes, Stream, join};

/// The sums of the first 1, 2, … weights, added in order in f64.
pub(crate) fn cumulative(weights: &[f64]) -> impl Iterator<Item = f64> {
    weights.iter().scan(0.0, |sum, weight| {
        *sum += weight;
        Some(*sum)
    })
}

/// Writes elements `start`, `start + 1`, … of the categorical law to `out`, of which the weights
/// have these [`cumulative`] sums. No sums leave zeros.
///
/// With u the fraction of 53 bits of the element's long word and t the last sum, the value is the
/// number of sums that are at most `u · t`, and at most the first class whose sum is t, which
/// only the rounding of subnormal sums could exceed. So classes of weight 0 have no value.
pub(crate) fn fill_categorical<T: Integer>(
    stream: Stream,
    start: u64,
    out: &mut [T],
    sums: &[f64],
) {
    let Some(&total) = sums.last() else { return out.fill(T::default()) };
    let last = sums.partition_point(|&sum| sum < total);
    fill(stream, start, out, Categorical { sums, total, last, to: PhantomData });
}

struct Categorical<'a, T> {
    sums: &'a [f64],
    total: f64,
    last: usize,
    to: PhantomData<T>,
}

impl<T> Clone for Categorical<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Categorical<'_, T> {}

impl<T: Integer> Rule<{ 2 * LANES }> for Categorical<'_, T> {
    type Item = T;

    #[inline(always)]
    fn elements(self, _: u64, words: &Lanes, out: &mut [T; 2 * LANES]) {
        for i in 0..LANES {
            for j in 0..2 {
                let word = join(words[2 * j][i], words[2 * j + 1][i]);
                let u = (word >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0);
                let place = u * self.total;
                let class = self.sums.partition_point(|&sum| sum <= place).min(self.last);
                out[2 * i + j] = T::from_i64(class as i64);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fill::check;
    use super::super::statistics::check_chi_square;
    use super::*;

    const STREAM: Stream = Stream::new(82, 1);

    fn sample(weights: &[f64], n: usize) -> Vec<usize> {
        let sums: Vec<f64> = cumulative(weights).collect();
        let mut out = vec![0_i64; n];
        fill_categorical(STREAM, 0, &mut out, &sums);
        out.into_iter().map(|class| usize::try_from(class).unwrap()).collect()
    }

    #[test]
    fn values_do_not_depend_on_how_they_are_computed() {
        let sums = [0.5, 0.5, 1.75, 2.0];
        let law = Categorical::<i64> { sums: &sums, total: 2.0, last: 3, to: PhantomData };
        check::same_for_every_cut_thread_count_and_instruction_set(law);
    }

    #[test]
    fn classes_come_as_often_as_their_weights_say() {
        for weights in
            [&[1.0, 2.0, 3.0, 4.0][..], &[0.1; 10], &[1e-300, 3e-300], &[0.0, 5.0, 0.0, 2.5, 0.0]]
        {
            let mut counts = vec![0; weights.len()];
            for class in sample(weights, 100_000) {
                counts[class] += 1;
            }
            check_chi_square(&counts, weights);
        }
    }

    #[test]
    fn a_class_of_weight_zero_never_comes_at_any_place() {
        for weights in [&[0.0, 1.0, 0.0][..], &[0.0, 0.0, 1e-320, 0.0], &[0.0, f64::MIN_POSITIVE]] {
            for class in sample(weights, 10_000) {
                assert!(weights[class] > 0.0, "class {class} of {weights:?}");
            }
        }
    }

    #[test]
    fn a_single_class_is_certain() {
        assert!(sample(&[0.3], 1000).iter().all(|&class| class == 0));
        assert!(sample(&[5e-324], 1000).iter().all(|&class| class == 0));
    }

    proptest! {
        #[test]
        fn every_value_is_a_class_of_positive_weight(
            weights in proptest::collection::vec(prop_oneof![Just(0.0), 0.0..1e3, 0.0..1e-310], 1..40)
        ) {
            prop_assume!(weights.iter().any(|&weight| weight > 0.0));
            for class in sample(&weights, 200) {
                prop_assert!(weights[class] > 0.0);
            }
        }
    }
}
