//! Integers, coin tosses and shuffles.

use std::marker::PhantomData;
#[cfg(test)]
use std::num::NonZeroU64;

use half::{bf16, f16};

use super::fill::{Rule, fill};
use super::philox::{LANES, Lanes, Stream, join};

/// An element type that holds integers.
pub(crate) trait Integer: Copy + Default + Send + Sync {
    /// The first and the last of the whole numbers around 0 that the type holds without a gap.
    const RANGE: (i64, u64);

    /// The number itself, if the type holds it.
    fn from_i64(value: i64) -> Self;
}

macro_rules! integer {
    ($($type:ty, $first:expr, $last:expr, $from:expr;)*) => {$(
        impl Integer for $type {
            const RANGE: (i64, u64) = ($first, $last);

            #[inline(always)]
            fn from_i64(value: i64) -> Self {
                let from: fn(i64) -> Self = $from;
                from(value)
            }
        }
    )*};
}
integer! {
    u8, 0, u8::MAX as u64, |x| x as u8;
    i8, i8::MIN as i64, i8::MAX as u64, |x| x as i8;
    u16, 0, u16::MAX as u64, |x| x as u16;
    i16, i16::MIN as i64, i16::MAX as u64, |x| x as i16;
    u32, 0, u32::MAX as u64, |x| x as u32;
    i32, i32::MIN as i64, i32::MAX as u64, |x| x as i32;
    u64, 0, u64::MAX, |x| x as u64;
    i64, i64::MIN, i64::MAX as u64, |x| x;
    f16, -(1 << f16::MANTISSA_DIGITS), 1 << f16::MANTISSA_DIGITS, |x| f16::from_f32(x as f32);
    bf16, -(1 << bf16::MANTISSA_DIGITS), 1 << bf16::MANTISSA_DIGITS, |x| bf16::from_f32(x as f32);
    f32, -(1 << f32::MANTISSA_DIGITS), 1 << f32::MANTISSA_DIGITS, |x| x as f32;
    f64, -(1 << f64::MANTISSA_DIGITS), 1 << f64::MANTISSA_DIGITS, |x| x as f64;
}

/// Writes elements `start`, `start + 1`, … of the uniform law on the integers below `n` to `out`.
///
/// With x the 64-bit word of the element, the value is the high half of the 128-bit product
/// `x · n`. Where the low half is less than `2⁶⁴ mod n`, the word is rejected and the one of the
/// next attempt taken, so that the law is exactly uniform.
///
/// Source: Lemire (2019), "Fast random integer generation in an interval", algorithm 5.
#[cfg(test)]
pub(crate) fn fill_below(stream: Stream, start: u64, out: &mut [u64], n: NonZeroU64) {
    fill(stream, start, out, Below { stream, n: n.get() });
}

/// Writes elements `start`, `start + 1`, … of the uniform law on `low..high` to `out`: `low` plus
/// the value that `fill_below` gives. A range without elements leaves `low`.
pub(crate) fn fill_integers<T: Integer>(
    stream: Stream,
    start: u64,
    out: &mut [T],
    low: i64,
    high: i64,
) {
    let n = if low < high { high.abs_diff(low) } else { 1 };
    fill(stream, start, out, Shifted { below: Below { stream, n }, low, to: PhantomData });
}

/// Writes elements `start`, `start + 1`, … of the Bernoulli law to `out`: `value` with probability
/// `p`, otherwise the default, zero.
///
/// An element is `value` exactly if `word · 2⁻³² < p`, so `p = 1` gives `value` always and
/// `p = 0` never; `p` outside `[0, 1]` acts as the nearer bound, NaN as 0.
pub(crate) fn fill_bernoulli<T>(stream: Stream, start: u64, out: &mut [T], p: f64, value: T)
where
    T: Copy + Default + Send + Sync,
{
    let n_words = (p * 4_294_967_296.0).ceil().clamp(0.0, 4_294_967_296.0) as u64;
    let law = match n_words.checked_sub(1) {
        Some(last) => Bernoulli { last: last as u32, value },
        None => Bernoulli { last: 0, value: T::default() },
    };
    fill(stream, start, out, law);
}

/// Shuffles `items`, each order with equal probability.
///
/// For i from the last index down to 1, swaps elements i and j, where j is the value at index i
/// of the uniform law on the integers below i + 1.
///
/// Source: Durstenfeld (1964), "Algorithm 235: random permutation".
pub(crate) fn shuffle<T>(stream: Stream, items: &mut [T]) {
    let mut buffer = [0; 512];
    let mut end = items.len();
    while end > 1 {
        let start = end.saturating_sub(buffer.len());
        let words = &mut buffer[..end - start];
        fill(stream, start as u64, words, LongWords);
        for i in (start.max(1)..end).rev() {
            let below = Below { stream, n: i as u64 + 1 };
            items.swap(i, below.element(words[i - start], i as u64) as usize);
        }
        end = start;
    }
}

/// The numbers below `n`, shuffled by [`shuffle`].
pub(crate) fn permutation(stream: Stream, n: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    shuffle(stream, &mut order);
    order
}

/// The 64-bit words themselves.
#[derive(Clone, Copy)]
struct LongWords;

impl Rule<{ 2 * LANES }> for LongWords {
    type Item = u64;

    #[inline(always)]
    fn elements(self, _: u64, words: &Lanes, out: &mut [u64; 2 * LANES]) {
        for i in 0..LANES {
            out[2 * i] = join(words[0][i], words[1][i]);
            out[2 * i + 1] = join(words[2][i], words[3][i]);
        }
    }
}

/// Integers below `n`, which is not 0.
#[derive(Clone, Copy)]
struct Below {
    stream: Stream,
    n: u64,
}

impl Below {
    /// The element at `index`, whose word at attempt 0 is `word`.
    #[inline(always)]
    fn element(self, word: u64, index: u64) -> u64 {
        let product = u128::from(word) * u128::from(self.n);
        // What is rejected is less than n, so the division is seldom needed.
        if product as u64 >= self.n { (product >> 64) as u64 } else { self.retry(product, index) }
    }

    #[cold]
    fn retry(self, mut product: u128, index: u64) -> u64 {
        let rejected = self.n.wrapping_neg() % self.n;
        let mut attempt = 0;
        while (product as u64) < rejected {
            attempt += 1;
            let words = self.stream.block(index / 2, attempt).map(u64::from);
            let [low, high] =
                if index.is_multiple_of(2) { [words[0], words[1]] } else { [words[2], words[3]] };
            product = u128::from(join(low, high)) * u128::from(self.n);
        }
        (product >> 64) as u64
    }
}

impl Rule<{ 2 * LANES }> for Below {
    type Item = u64;

    #[inline(always)]
    fn elements(self, first: u64, words: &Lanes, out: &mut [u64; 2 * LANES]) {
        LongWords.elements(first, words, out);
        let start = first.wrapping_mul(2);
        for (i, x) in out.iter_mut().enumerate() {
            *x = self.element(*x, start.wrapping_add(i as u64));
        }
    }
}

struct Shifted<T> {
    below: Below,
    low: i64,
    to: PhantomData<T>,
}

impl<T> Clone for Shifted<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Shifted<T> {}

impl<T: Integer> Rule<{ 2 * LANES }> for Shifted<T> {
    type Item = T;

    #[inline(always)]
    fn elements(self, first: u64, words: &Lanes, out: &mut [T; 2 * LANES]) {
        let mut values = [0; 2 * LANES];
        self.below.elements(first, words, &mut values);
        for (x, value) in out.iter_mut().zip(values) {
            *x = T::from_i64(self.low.wrapping_add_unsigned(value));
        }
    }
}

#[derive(Clone, Copy)]
struct Bernoulli<T> {
    /// The last word that gives `value`.
    last: u32,
    value: T,
}

impl<T: Copy + Default + Send + Sync> Rule<{ 4 * LANES }> for Bernoulli<T> {
    type Item = T;

    #[inline(always)]
    fn elements(self, _: u64, words: &Lanes, out: &mut [T; 4 * LANES]) {
        for i in 0..LANES {
            for j in 0..4 {
                let hit = words[j][i] as u32 <= self.last;
                out[4 * i + j] = if hit { self.value } else { T::default() };
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

    const STREAM: Stream = Stream::new(79, 1);

    fn below(n: u64, len: usize) -> Vec<u64> {
        let mut out = vec![0; len];
        fill_below(STREAM, 0, &mut out, NonZeroU64::new(n).unwrap());
        out
    }

    #[track_caller]
    fn check_equally_likely(counts: &[u32]) {
        check_chi_square(counts, &vec![1.0; counts.len()]);
    }

    #[test]
    fn values_do_not_depend_on_how_they_are_computed() {
        for n in [10, (1 << 63) + 1] {
            check::same_for_every_cut_thread_count_and_instruction_set(Below { stream: STREAM, n });
        }
        let below = Below { stream: STREAM, n: 17 };
        let law = Shifted::<i64> { below, low: -5, to: PhantomData };
        check::same_for_every_cut_thread_count_and_instruction_set(law);
        let law = Shifted::<f16> { below, low: -5, to: PhantomData };
        check::same_for_every_cut_thread_count_and_instruction_set(law);
        let law = Bernoulli { last: 1 << 30, value: 2.5_f32 };
        check::same_for_every_cut_thread_count_and_instruction_set(law);
    }

    #[test]
    fn integers_are_equally_likely() {
        let mut counts = [0; 10];
        for value in below(10, 100_000) {
            counts[value as usize] += 1;
        }
        check_equally_likely(&counts);
    }

    #[test]
    fn integers_are_equally_likely_where_half_of_the_words_are_rejected() {
        let n = (1 << 63) + 1;
        let mut counts = [0; 3];
        for value in below(n, 100_000) {
            assert!(value < n);
            counts[(u128::from(value) * 3 / u128::from(n)) as usize] += 1;
        }
        check_equally_likely(&counts);
    }

    #[test]
    fn a_single_integer_is_zero_and_the_full_range_is_reached() {
        assert!(below(1, 100).iter().all(|&value| value == 0));
        let mut out = [0_i64; 1000];
        fill_integers(STREAM, 0, &mut out, i64::MIN, i64::MAX);
        assert!(out.iter().any(|&x| x < i64::MIN / 2) && out.iter().any(|&x| x > i64::MAX / 2));
        fill_integers(STREAM, 0, &mut out, 4, 4);
        assert!(out.iter().all(|&x| x == 4));
    }

    #[test]
    fn every_type_holds_the_same_integers() {
        fn check<T: Integer + PartialEq + std::fmt::Debug>(expected: &[i64]) {
            let mut out = vec![T::default(); expected.len()];
            fill_integers(STREAM, 3, &mut out, 0, 100);
            let expected: Vec<T> = expected.iter().map(|&x| T::from_i64(x)).collect();
            assert_eq!(out, expected);
        }
        let mut expected = [0_i64; 500];
        fill_integers(STREAM, 3, &mut expected, 0, 100);
        check::<u8>(&expected);
        check::<i8>(&expected);
        check::<u16>(&expected);
        check::<i16>(&expected);
        check::<u32>(&expected);
        check::<i32>(&expected);
        check::<u64>(&expected);
        check::<f16>(&expected);
        check::<bf16>(&expected);
        check::<f32>(&expected);
        check::<f64>(&expected);
    }

    #[test]
    fn bernoulli_hits_with_probability_p() {
        let mut out = vec![0.0_f32; 400_000];
        fill_bernoulli(STREAM, 0, &mut out, 0.3, 2.5);
        assert!(out.iter().all(|&x| x == 0.0 || x == 2.5));
        let n = out.len() as f64;
        let share = out.iter().filter(|&&x| x != 0.0).count() as f64 / n;
        assert!((share - 0.3).abs() < 5.0 * (0.3 * 0.7 / n).sqrt(), "share {share}");
    }

    #[test]
    fn bernoulli_is_certain_at_the_bounds() {
        let mut out = [7.0_f32; 4000];
        for (p, value) in [(0.0, 0.0), (-1.0, 0.0), (f64::NAN, 0.0), (1.0, 2.5), (7.0, 2.5)] {
            fill_bernoulli(STREAM, 0, &mut out, p, 2.5);
            assert!(out.iter().all(|&x| x == value), "p = {p}");
        }
    }

    #[test]
    fn permutations_of_four_are_equally_likely() {
        let mut counts = [0; 24];
        for draw in 0..24_000 {
            let [a, b, c, _] = *permutation(Stream::new(80, draw), 4) else { unreachable!() };
            let rank = |x: usize, before: &[usize]| x - before.iter().filter(|&&y| y < x).count();
            counts[a * 6 + rank(b, &[a]) * 2 + rank(c, &[a, b])] += 1;
        }
        check_equally_likely(&counts);
    }

    proptest! {
        #[test]
        fn a_shuffle_keeps_every_item(key: u64, n in 0_usize..300) {
            let mut order = permutation(Stream::new(key, 0), n);
            order.sort_unstable();
            prop_assert!(order.into_iter().eq(0..n));
        }

        #[test]
        fn integers_stay_in_their_range(key: u64, one: i64, two: i64) {
            let low = one.min(two).min(i64::MAX - 1);
            let high = one.max(two).max(low + 1);
            let mut out = [0_i64; 64];
            fill_integers(Stream::new(key, 0), 0, &mut out, low, high);
            prop_assert!(out.iter().all(|&x| low <= x && x < high));
        }
    }
}
