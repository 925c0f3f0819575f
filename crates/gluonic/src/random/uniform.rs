//! The uniform law on `[low, high)`, for every element type.

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

use super::fill::{Rule, fill};
use super::philox::{LANES, Lanes, Stream, join};

/// An element type with a uniform law.
pub(crate) trait Uniform: Copy + Send {
    /// Fills `out` as [`fill_uniform`] says.
    fn fill_uniform(stream: Stream, start: u64, out: &mut [Self], low: f64, high: f64);
}

/// Writes elements `start`, `start + 1`, … of the uniform law on `[low, high)` to `out`.
///
/// With `u` the fraction `k · 2⁻²⁴` made of the high 24 bits of the element's word, the value is
/// `u · (high − low) + low`, each operation rounded to f32, and where that reaches `high` it is
/// the largest value below `high`. f64 has 53 bits from two words. f16 and bf16 round the f32
/// value to the nearest, and where that reaches `high` take the largest value of theirs below.
///
/// `high - low` must be finite in the type computed in. If `low >= high` there is no bound to
/// stay below: equal bounds give that value.
pub(crate) fn fill_uniform<T: Uniform>(
    stream: Stream,
    start: u64,
    out: &mut [T],
    low: f64,
    high: f64,
) {
    T::fill_uniform(stream, start, out, low, high);
}

/// `u · scale + low`, at most `cap`.
#[derive(Clone, Copy)]
struct Affine<F> {
    scale: F,
    low: F,
    cap: F,
}

impl Affine<f32> {
    /// The law of f32, for values that will be rounded to a type in which `below(high)` is the
    /// largest value below `high`.
    fn new(low: f64, high: f64, below: impl FnOnce(f32) -> f32) -> Self {
        let (low, high) = (low as f32, high as f32);
        let cap = if high > low { below(high) } else { f32::INFINITY };
        Self { scale: high - low, low, cap }
    }
}

impl Rule<{ 4 * LANES }> for Affine<f32> {
    type Item = f32;

    #[inline(always)]
    fn elements(self, _: u64, words: &Lanes, out: &mut [f32; 4 * LANES]) {
        for i in 0..LANES {
            for j in 0..4 {
                let u = (words[j][i] as u32 >> 8) as f32 * (1.0 / 16_777_216.0);
                let value = u * self.scale + self.low;
                out[4 * i + j] = if value < self.cap { value } else { self.cap };
            }
        }
    }
}

impl Rule<{ 2 * LANES }> for Affine<f64> {
    type Item = f64;

    #[inline(always)]
    fn elements(self, _: u64, words: &Lanes, out: &mut [f64; 2 * LANES]) {
        for i in 0..LANES {
            for j in 0..2 {
                let word = join(words[2 * j][i], words[2 * j + 1][i]);
                let u = (word >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0);
                let value = u * self.scale + self.low;
                out[2 * i + j] = if value < self.cap { value } else { self.cap };
            }
        }
    }
}

/// A law of f32, each element rounded to the nearest value of `H`, ties to even.
pub(super) struct Rounded<L, H> {
    law: L,
    to: std::marker::PhantomData<H>,
}

impl<L, H> Rounded<L, H> {
    pub(super) fn new(law: L) -> Self {
        Self { law, to: std::marker::PhantomData }
    }
}

impl<L: Copy, H> Clone for Rounded<L, H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<L: Copy, H> Copy for Rounded<L, H> {}

impl<const N: usize, L, H> Rule<N> for Rounded<L, H>
where
    L: Rule<N, Item = f32>,
    H: Copy + Default + Send + Sync,
    [H]: HalfFloatSliceExt,
{
    type Item = H;

    #[inline(always)]
    fn elements(self, first: u64, words: &Lanes, out: &mut [H; N]) {
        let mut values = [0.0; N];
        self.law.elements(first, words, &mut values);
        out.convert_from_f32_slice(&values);
    }
}

impl Uniform for f32 {
    fn fill_uniform(stream: Stream, start: u64, out: &mut [Self], low: f64, high: f64) {
        fill(stream, start, out, Affine::<f32>::new(low, high, f32::next_down));
    }
}

impl Uniform for f64 {
    fn fill_uniform(stream: Stream, start: u64, out: &mut [Self], low: f64, high: f64) {
        let cap = if high > low { high.next_down() } else { f64::INFINITY };
        fill(stream, start, out, Affine { scale: high - low, low, cap });
    }
}

impl Uniform for f16 {
    fn fill_uniform(stream: Stream, start: u64, out: &mut [Self], low: f64, high: f64) {
        let below = |high| largest_below(high, f16::from_f32(high).to_bits(), f16::from_bits);
        fill(stream, start, out, Rounded::new(Affine::<f32>::new(low, high, below)));
    }
}

impl Uniform for bf16 {
    fn fill_uniform(stream: Stream, start: u64, out: &mut [Self], low: f64, high: f64) {
        let below = |high| largest_below(high, bf16::from_f32(high).to_bits(), bf16::from_bits);
        fill(stream, start, out, Rounded::new(Affine::<f32>::new(low, high, below)));
    }
}

/// The largest value below `high` of a 16-bit type, where `nearest` is the pattern nearest `high`.
fn largest_below<H: Into<f32>>(high: f32, nearest: u16, from_bits: impl Fn(u16) -> H) -> f32 {
    let value: f32 = from_bits(nearest).into();
    if value < high { value } else { from_bits(pattern_below(nearest)).into() }
}

/// The pattern of the next smaller value of a 16-bit type.
pub(super) fn pattern_below(bits: u16) -> u16 {
    const SIGN: u16 = 0x8000;
    match bits {
        0 | SIGN => SIGN | 1,
        bits if bits & SIGN == 0 => bits - 1,
        bits => bits + 1,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fill::check;
    use super::super::statistics::{
        check_kolmogorov_smirnov, check_kolmogorov_smirnov_rounded, check_moments,
    };
    use super::super::truncated_normal::TruncatedNormal;
    use super::*;

    fn sample<T: Uniform + Default>(n: usize, low: f64, high: f64) -> Vec<T> {
        let mut out = vec![T::default(); n];
        fill_uniform(Stream::new(77, 1), 0, &mut out, low, high);
        out
    }

    #[test]
    fn values_do_not_depend_on_how_they_are_computed() {
        let law = Affine::<f32>::new(-0.3, 1.7, f32::next_down);
        check::same_for_every_cut_thread_count_and_instruction_set(law);
        check::same_for_every_cut_thread_count_and_instruction_set(Rounded::<_, f16>::new(law));
        check::same_for_every_cut_thread_count_and_instruction_set(Rounded::<_, bf16>::new(law));
        let law = Affine { scale: 2.0, low: -0.3_f64, cap: 1.7_f64.next_down() };
        check::same_for_every_cut_thread_count_and_instruction_set(law);
    }

    #[test]
    fn element_i_of_f32_is_word_i_mod_4_of_block_i_div_4() {
        let stream = Stream::new(77, 1);
        for (i, value) in sample::<f32>(1000, 0.0, 1.0).into_iter().enumerate() {
            let word = stream.block(i as u64 / 4, 0)[i % 4];
            assert_eq!(value, (word >> 8) as f32 / 16_777_216.0);
        }
    }

    #[test]
    fn element_i_of_f64_is_word_pair_i_mod_2_of_block_i_div_2() {
        let stream = Stream::new(77, 1);
        for (i, value) in sample::<f64>(1000, 0.0, 1.0).into_iter().enumerate() {
            let words = stream.block(i as u64 / 2, 0);
            let word = u64::from(words[i % 2 * 2]) | u64::from(words[i % 2 * 2 + 1]) << 32;
            assert_eq!(value, (word >> 11) as f64 / 9_007_199_254_740_992.0);
        }
    }

    #[test]
    fn uniform_f32_passes_moments_and_kolmogorov_smirnov() {
        let xs: Vec<f64> = sample::<f32>(400_000, -1.0, 3.0)
            .into_iter()
            .map(|x| f64::from(x + 1.0) / 4.0)
            .collect();
        check_moments(&xs, 0.5, 1.0 / 12.0, 0.0, 1.8);
        check_kolmogorov_smirnov(xs, |x| x);
    }

    #[test]
    fn uniform_f64_passes_moments_and_kolmogorov_smirnov() {
        let xs = sample::<f64>(400_000, 0.0, 1.0);
        check_moments(&xs, 0.5, 1.0 / 12.0, 0.0, 1.8);
        check_kolmogorov_smirnov(xs, |x| x);
    }

    #[test]
    fn uniform_half_types_pass_moments_and_kolmogorov_smirnov() {
        fn check<T: Uniform + TruncatedNormal + Default + Into<f64>>() {
            let xs: Vec<f64> =
                sample::<T>(400_000, -1.0, 3.0).into_iter().map(Into::into).collect();
            check_kolmogorov_smirnov_rounded::<T>(xs.clone(), |x| (x + 1.0) / 4.0);
            let xs: Vec<f64> = xs.into_iter().map(|x| (x + 1.0) / 4.0).collect();
            check_moments(&xs, 0.5, 1.0 / 12.0, 0.0, 1.8);
        }
        check::<f16>();
        check::<bf16>();
    }

    #[test]
    fn a_range_of_one_step_gives_only_its_lower_bound() {
        let high = 1.0_f32.next_up();
        assert!(sample::<f32>(4096, 1.0, high.into()).iter().all(|&x| x == 1.0));
        let high = 1.0_f64.next_up();
        assert!(sample::<f64>(4096, 1.0, high).iter().all(|&x| x == 1.0));
        let high = f16::from_bits(f16::ONE.to_bits() + 1);
        assert!(sample::<f16>(4096, 1.0, high.into()).iter().all(|&x| x == f16::ONE));
    }

    #[test]
    fn equal_bounds_give_that_value() {
        assert!(sample::<f32>(100, 0.1, 0.1).iter().all(|&x| x == 0.1));
        assert!(sample::<f64>(100, 0.1, 0.1).iter().all(|&x| x == 0.1));
        let tenth = bf16::from_f32(0.1);
        assert!(sample::<bf16>(100, 0.1, 0.1).iter().all(|&x| x == tenth));
    }

    #[test]
    fn largest_half_below_crosses_zero_and_infinity() {
        let below = |high: f32| largest_below(high, f16::from_f32(high).to_bits(), f16::from_bits);
        let tiny = f16::MIN_POSITIVE_SUBNORMAL.to_f32();
        assert_eq!(below(0.0), -tiny);
        assert_eq!(below(-0.0), -tiny);
        assert_eq!(below(tiny), 0.0);
        assert_eq!(below(-tiny), -2.0 * tiny);
        assert_eq!(below(1.0e6), f16::MAX.to_f32());
        assert_eq!(below(1.000_01), 1.0);
    }

    proptest! {
        #[test]
        fn values_stay_in_the_half_open_range(key: u64, low in -1e4_f32..1e4, width in 1e-3_f32..1e4) {
            let high = low + width;
            prop_assume!(high > low);
            let (mut xs, mut ds, mut hs) = ([0.0_f32; 256], [0.0_f64; 256], [f16::ZERO; 256]);
            let stream = Stream::new(key, 0);
            fill_uniform(stream, 0, &mut xs, low.into(), high.into());
            fill_uniform(stream, 0, &mut ds, low.into(), high.into());
            fill_uniform(stream, 0, &mut hs, low.into(), high.into());
            prop_assert!(xs.iter().all(|&x| low <= x && x < high));
            prop_assert!(ds.iter().all(|&x| f64::from(low) <= x && x < f64::from(high)));
            prop_assert!(hs.iter().all(|&x| x.to_f32() < high));
        }
    }
}
