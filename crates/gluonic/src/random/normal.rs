//! The normal law, for every element type.

use half::{bf16, f16};

use super::box_muller::{direction_f32, direction_f64, radius_f32, radius_f64};
use super::fill::{Rule, fill};
use super::philox::{LANES, Lanes, Stream, join};
use super::uniform::Rounded;

/// An element type with a normal law.
pub(crate) trait Normal: Copy + Send {
    /// Fills `out` as [`fill_normal`] says.
    fn fill_normal(stream: Stream, start: u64, out: &mut [Self], mean: f64, std: f64);
}

/// Writes elements `start`, `start + 1`, … of the normal law to `out`.
///
/// The value is `z · std + mean`, each operation rounded, where two neighbors z come from two
/// words by the Box–Muller map: in f32 from the halves of one block of four elements, in f64 from
/// words of 64 bits and a block of two elements. f16 and bf16 round the f32 value to the nearest.
///
/// |z| is at most 6.77 (9.5 in f64), so values are finite wherever `10 · std + mean` is.
pub(crate) fn fill_normal<T: Normal>(
    stream: Stream,
    start: u64,
    out: &mut [T],
    mean: f64,
    std: f64,
) {
    T::fill_normal(stream, start, out, mean, std);
}

/// `z · std + mean`.
#[derive(Clone, Copy)]
struct Affine<F> {
    mean: F,
    std: F,
}

impl Rule<{ 4 * LANES }> for Affine<f32> {
    type Item = f32;

    #[inline(always)]
    fn elements(self, _: u64, words: &Lanes, out: &mut [f32; 4 * LANES]) {
        // Both pairs of a block side by side: words 0 and 2 give radii, words 1 and 3 angles.
        let mut radii = [0; 2 * LANES];
        let mut angles = [0; 2 * LANES];
        for i in 0..LANES {
            radii[2 * i] = words[0][i] as u32;
            radii[2 * i + 1] = words[2][i] as u32;
            angles[2 * i] = words[1][i] as u32;
            angles[2 * i + 1] = words[3][i] as u32;
        }
        let mut xs = [0.0; 2 * LANES];
        let mut ys = [0.0; 2 * LANES];
        for i in 0..2 * LANES {
            let radius = radius_f32(radii[i]);
            let (cos, sin) = direction_f32(angles[i]);
            xs[i] = radius * cos * self.std + self.mean;
            ys[i] = radius * sin * self.std + self.mean;
        }
        for i in 0..2 * LANES {
            out[2 * i] = xs[i];
            out[2 * i + 1] = ys[i];
        }
    }
}

impl Rule<{ 2 * LANES }> for Affine<f64> {
    type Item = f64;

    #[inline(always)]
    fn elements(self, _: u64, words: &Lanes, out: &mut [f64; 2 * LANES]) {
        let mut xs = [0.0; LANES];
        let mut ys = [0.0; LANES];
        for i in 0..LANES {
            let radius = radius_f64(join(words[0][i], words[1][i]));
            let (cos, sin) = direction_f64(join(words[2][i], words[3][i]));
            xs[i] = radius * cos * self.std + self.mean;
            ys[i] = radius * sin * self.std + self.mean;
        }
        for i in 0..LANES {
            out[2 * i] = xs[i];
            out[2 * i + 1] = ys[i];
        }
    }
}

impl Normal for f32 {
    fn fill_normal(stream: Stream, start: u64, out: &mut [Self], mean: f64, std: f64) {
        fill(stream, start, out, Affine { mean: mean as f32, std: std as f32 });
    }
}

impl Normal for f64 {
    fn fill_normal(stream: Stream, start: u64, out: &mut [Self], mean: f64, std: f64) {
        fill(stream, start, out, Affine { mean, std });
    }
}

impl Normal for f16 {
    fn fill_normal(stream: Stream, start: u64, out: &mut [Self], mean: f64, std: f64) {
        let law = Affine { mean: mean as f32, std: std as f32 };
        fill(stream, start, out, Rounded::new(law));
    }
}

impl Normal for bf16 {
    fn fill_normal(stream: Stream, start: u64, out: &mut [Self], mean: f64, std: f64) {
        let law = Affine { mean: mean as f32, std: std as f32 };
        fill(stream, start, out, Rounded::new(law));
    }
}

#[cfg(test)]
mod tests {
    use super::super::fill::check;
    use super::super::statistics::{
        check_kolmogorov_smirnov, check_kolmogorov_smirnov_rounded, check_moments,
        normal_distribution,
    };
    use super::super::truncated_normal::TruncatedNormal;
    use super::*;

    fn sample<T: Normal + Default>(n: usize, mean: f64, std: f64) -> Vec<T> {
        let mut out = vec![T::default(); n];
        fill_normal(Stream::new(78, 1), 0, &mut out, mean, std);
        out
    }

    #[test]
    fn values_do_not_depend_on_how_they_are_computed() {
        let law = Affine { mean: 0.1_f32, std: 0.7 };
        check::same_for_every_cut_thread_count_and_instruction_set(law);
        check::same_for_every_cut_thread_count_and_instruction_set(Rounded::<_, f16>::new(law));
        check::same_for_every_cut_thread_count_and_instruction_set(Rounded::<_, bf16>::new(law));
        let law = Affine { mean: 0.1_f64, std: 0.7 };
        check::same_for_every_cut_thread_count_and_instruction_set(law);
    }

    #[test]
    fn normal_f32_passes_moments_and_kolmogorov_smirnov() {
        let xs: Vec<f64> = sample::<f32>(400_000, 0.0, 1.0).into_iter().map(f64::from).collect();
        check_moments(&xs, 0.0, 1.0, 0.0, 3.0);
        check_kolmogorov_smirnov(xs, normal_distribution);
    }

    #[test]
    fn normal_f64_passes_moments_and_kolmogorov_smirnov() {
        let xs = sample::<f64>(400_000, 0.0, 1.0);
        check_moments(&xs, 0.0, 1.0, 0.0, 3.0);
        check_kolmogorov_smirnov(xs, normal_distribution);
    }

    #[test]
    fn normal_half_types_pass_moments_and_kolmogorov_smirnov() {
        fn check<T: Normal + TruncatedNormal + Default + Into<f64>>() {
            let xs: Vec<f64> = sample::<T>(400_000, 0.0, 1.0).into_iter().map(Into::into).collect();
            check_moments(&xs, 0.0, 1.0, 0.0, 3.0);
            check_kolmogorov_smirnov_rounded::<T>(xs, normal_distribution);
        }
        check::<f16>();
        check::<bf16>();
    }

    #[test]
    fn neighbors_are_not_correlated() {
        let xs: Vec<f64> = sample::<f32>(400_000, 0.0, 1.0).into_iter().map(f64::from).collect();
        for lag in 1..=8 {
            // The products of independent standard normal values have mean 0 and variance 1.
            let n = (xs.len() - lag) as f64;
            let mean = xs.iter().zip(&xs[lag..]).map(|(x, y)| x * y).sum::<f64>() / n;
            assert!(mean.abs() * n.sqrt() < 5.0, "lag {lag}: {mean}");
        }
    }

    #[test]
    fn mean_and_std_scale_the_standard_values() {
        let standard = sample::<f32>(1000, 0.0, 1.0);
        let scaled = sample::<f32>(1000, 3.0, 0.02);
        for (z, x) in standard.into_iter().zip(scaled) {
            assert_eq!(x, z * 0.02 + 3.0);
        }
        assert!(sample::<f64>(100, 0.3, 0.0).iter().all(|&x| x == 0.3));
    }
}
