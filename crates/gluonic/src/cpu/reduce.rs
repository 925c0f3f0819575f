//! Reductions in a fixed order: pairwise, so that the error of a sum grows with the logarithm of
//! its length, and the same bits come out at any number of threads.

use super::elementwise::add_into;
use super::{Float, kernel};

/// The longest run that is summed without splitting.
const RUN: usize = 512;
/// The most rows that are added one after another.
const ROWS: usize = 32;
/// The columns that are summed together, so that sums of halves fit on the stack.
const COLUMNS: usize = 64;
const LANES: usize = 16;

kernel! {
    fn sum_run[T: Float](x: &[T]) -> T {
        let mut lanes = [T::ZERO; LANES];
        let (chunks, tail) = x.as_chunks::<LANES>();
        for chunk in chunks {
            for (lane, value) in lanes.iter_mut().zip(chunk) {
                *lane += *value;
            }
        }
        let mut rest = T::ZERO;
        for value in tail {
            rest += *value;
        }
        let mut width = LANES / 2;
        while width > 0 {
            for i in 0..width {
                lanes[i] += lanes[i + width];
            }
            width /= 2;
        }
        lanes[0] + rest
    }

    /// Rows that begin `width` apart; their first `out.len()` columns.
    fn add_few_rows[T: Float](out: &mut [T], x: &[T], width: usize, n: usize) {
        for row in x.chunks(width).take(n) {
            for (out, value) in out.iter_mut().zip(row) {
                *out += *value;
            }
        }
    }
}

/// The sum of a slice.
pub(crate) fn sum<T: Float>(x: &[T]) -> T {
    if x.len() > RUN {
        let half = x.len().div_ceil(2).next_multiple_of(RUN).min(x.len() - 1);
        return sum(&x[..half]) + sum(&x[half..]);
    }
    sum_run(x)
}

/// The sum of the rows of an `n` by `out.len()` matrix, added to `out`.
pub(crate) fn add_rows<T: Float>(out: &mut [T], x: &[T], n: usize) {
    let width = out.len();
    if width == 0 {
        return;
    }
    if n <= ROWS {
        add_few_rows(out, x, width, n);
        return;
    }
    for (i, out) in out.chunks_mut(COLUMNS).enumerate() {
        add_columns(out, &x[i * COLUMNS..], width, n);
    }
}

/// The sums of the first `out.len()` columns of `n` rows that begin `width` apart, pairwise.
fn add_columns<T: Float>(out: &mut [T], x: &[T], width: usize, n: usize) {
    if n <= ROWS {
        add_few_rows(out, x, width, n);
        return;
    }
    let half = n.div_ceil(2).next_multiple_of(ROWS).min(n - 1);
    let (mut lower, mut upper) = ([T::ZERO; COLUMNS], [T::ZERO; COLUMNS]);
    let (lower, upper) = (&mut lower[..out.len()], &mut upper[..out.len()]);
    add_columns(lower, x, width, half);
    add_columns(upper, &x[half * width..], width, n - half);
    add_into(lower, upper);
    add_into(out, lower);
}

/// Sums the middle axis of an `(outer, n, inner)` array into `(outer, inner)`.
pub(crate) fn sum_axis<T: Float>(out: &mut [T], add: bool, x: &[T], n: usize, inner: usize) {
    if !add {
        out.fill(T::ZERO);
    }
    if n * inner == 0 {
        return;
    }
    if inner == 1 {
        for (out, x) in out.iter_mut().zip(x.chunks_exact(n)) {
            *out += sum(x);
        }
        return;
    }
    for (out, x) in out.chunks_exact_mut(inner).zip(x.chunks_exact(n * inner)) {
        add_rows(out, x, n);
    }
}

/// Folds the middle axis of an `(outer, n, inner)` array by "is the new value better"; a NaN wins
/// over everything.
pub(crate) fn best_axis<T: Float>(
    out: &mut [T],
    x: &[T],
    n: usize,
    inner: usize,
    better: impl Fn(T, T) -> bool,
) {
    for (out, x) in out.chunks_exact_mut(inner.max(1)).zip(x.chunks_exact((n * inner).max(1))) {
        out.copy_from_slice(&x[..inner]);
        for row in x[inner..].chunks_exact(inner) {
            for (best, value) in out.iter_mut().zip(row) {
                if !best.is_nan() && (value.is_nan() || better(*value, *best)) {
                    *best = *value;
                }
            }
        }
    }
}

kernel! {
    /// `log Σ exp` over the middle axis of an `(outer, n, inner)` array; -∞ of nothing.
    pub(crate) fn log_sum_exp[T: Float](out: &mut [T], x: &[T], n: usize, inner: usize) {
        if n == 0 {
            out.fill(T::MIN);
            return;
        }
        for (out, x) in out.chunks_exact_mut(inner.max(1)).zip(x.chunks_exact((n * inner).max(1))) {
            for (column, out) in out.iter_mut().enumerate() {
                let mut max = T::MIN;
                for value in x.iter().skip(column).step_by(inner) {
                    if *value > max {
                        max = *value;
                    }
                }
                // An infinite maximum is the result, unless there is a NaN.
                let finite = max > T::MIN && max < -T::MIN;
                let shift = if finite { max } else { T::ZERO };
                let mut sum = T::ZERO;
                for value in x.iter().skip(column).step_by(inner) {
                    sum += (*value - shift).exp();
                }
                *out = sum.ln() + shift;
            }
        }
    }

    /// `out (+)=` the sums up to each element along the middle axis of an `(outer, n, inner)`
    /// array, or from it to the end when `back`.
    pub(crate) fn running_sum[T: Float](
        out: &mut [T],
        add: bool,
        x: &[T],
        sizes: (usize, usize),
        back: bool,
    ) {
        let (n, inner) = sizes;
        let size = (n * inner).max(1);
        let mut sums = vec![T::ZERO; inner];
        for (out, x) in out.chunks_exact_mut(size).zip(x.chunks_exact(size)) {
            sums.fill(T::ZERO);
            for i in 0..n {
                let row = if back { n - 1 - i } else { i } * inner;
                let (out, x) = (&mut out[row..row + inner], &x[row..row + inner]);
                for ((out, x), sum) in out.iter_mut().zip(x).zip(&mut sums) {
                    *sum += *x;
                    *out = if add { *out + *sum } else { *sum };
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_sum_of_a_tenth_is_right_to_the_last_digits() {
        let n = 10_000_001;
        let total = sum(&vec![0.1_f32; n]);
        let exact = f64::from(0.1_f32) * n as f64;
        assert!((f64::from(total) - exact).abs() / exact < 1e-6, "{total} against {exact}");
    }

    #[test]
    fn sums_of_every_length_equal_the_plain_sum_of_integers() {
        for n in 0..700 {
            let x: Vec<f64> = (0..n).map(f64::from).collect();
            assert_eq!(sum(&x), f64::from(n * (n - 1) / 2));
            let mut rows = [0.0; 2];
            let pairs: Vec<f64> = x.iter().flat_map(|v| [*v, 2.0 * v]).collect();
            add_rows(&mut rows, &pairs, n as usize);
            assert_eq!(rows, [sum(&x), 2.0 * sum(&x)]);
        }
    }

    #[test]
    fn a_nan_is_the_best_of_all() {
        let mut out = [0.0];
        best_axis(&mut out, &[1.0, f64::NAN, 3.0], 3, 1, |a, b| a > b);
        assert!(out[0].is_nan());
    }
}
