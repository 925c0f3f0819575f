//! What normalizations need: sums and formulas over the channels of an `(outer, channels, inner)`
//! array, each channel with numbers of its own.
//!
//! Sums are pairwise, and a variance is that of the deviations from a mean found before, so that a
//! mean far from zero costs no digits.
//!
//! # Source
//! Chan, Golub and LeVeque (1983), "Algorithms for computing the sample variance", §2: the
//! two-pass algorithm with pairwise sums.

use super::{Float, in_chunks, kernel, reduce};

/// The longest run that is summed without splitting.
const RUN: usize = 512;
const LANES: usize = 16;
/// Rows of channels are worked off in pieces of about this many elements.
const PIECE: usize = 1 << 12;

/// The sizes of an array with channels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ByChannel {
    pub(crate) outer: usize,
    pub(crate) channels: usize,
    pub(crate) inner: usize,
}

impl ByChannel {
    pub(crate) fn len(&self) -> usize {
        self.outer * self.channels * self.inner
    }

    /// The elements of the memory that [`sums`] needs.
    pub(crate) fn partial(&self) -> usize {
        self.outer * self.channels
    }

    /// The elements of one channel.
    pub(crate) fn each(&self) -> usize {
        self.outer * self.inner
    }

    fn piece(&self) -> usize {
        self.channels * (PIECE / self.channels.max(1)).max(1)
    }
}

kernel! {
    fn sum_run[T: Float, F: Fn(T, T) -> T](x: &[T], g: &[T], f: F) -> T {
        let mut lanes = [T::ZERO; LANES];
        let ((xs, x_tail), (gs, g_tail)) = (x.as_chunks::<LANES>(), g.as_chunks::<LANES>());
        for (x, g) in xs.iter().zip(gs) {
            for (lane, (x, g)) in lanes.iter_mut().zip(x.iter().zip(g)) {
                *lane += f(*x, *g);
            }
        }
        let mut rest = T::ZERO;
        for (x, g) in x_tail.iter().zip(g_tail) {
            rest += f(*x, *g);
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

    fn map_rows[T: Float, F: Fn(T, T, [T; 4]) -> T](
        out: &mut [T],
        add: bool,
        x: &[T],
        g: &[T],
        numbers: [&[T]; 4],
        f: F,
    ) {
        let n = numbers[0].len();
        let [a, b, c, d] = numbers.map(|numbers| &numbers[..n]);
        let rows = out.chunks_exact_mut(n).zip(x.chunks_exact(n)).zip(g.chunks_exact(n));
        for ((out, x), g) in rows {
            for i in 0..n {
                let value = f(x[i], g[i], [a[i], b[i], c[i], d[i]]);
                out[i] = if add { out[i] + value } else { value };
            }
        }
    }

    fn scale_row[T: Float](
        y: &mut [T],
        x: &[T],
        mean: T,
        inverse: T,
        gamma: &[T],
        beta: &[T],
    ) {
        for ((y, x), (gamma, beta)) in y.iter_mut().zip(x).zip(gamma.iter().zip(beta)) {
            *y = (*x - mean) * inverse * *gamma + *beta;
        }
    }

    fn map_run[T: Float, F: Fn(T, T, [T; 4]) -> T](
        out: &mut [T],
        add: bool,
        x: &[T],
        g: &[T],
        numbers: [T; 4],
        f: F,
    ) {
        if add {
            for ((out, x), g) in out.iter_mut().zip(x).zip(g) {
                *out += f(*x, *g, numbers);
            }
        } else {
            for ((out, x), g) in out.iter_mut().zip(x).zip(g) {
                *out = f(*x, *g, numbers);
            }
        }
    }
}

fn sum_of_pairs<T: Float>(x: &[T], g: &[T], f: impl Fn(T, T) -> T + Copy) -> T {
    if x.len() > RUN {
        let half = x.len().div_ceil(2).next_multiple_of(RUN).min(x.len() - 1);
        return sum_of_pairs(&x[..half], &g[..half], f) + sum_of_pairs(&x[half..], &g[half..], f);
    }
    sum_run(x, g, f)
}

/// The sum over each channel of `f(x, g, numbers)`, added to `out`, the numbers being those of the
/// channel. `memory` has a place for every element if `inner` is 1, else for
/// [`ByChannel::partial`].
pub(crate) fn sums<T: Float>(
    sizes: ByChannel,
    out: &mut [T],
    (x, g): (&[T], &[T]),
    numbers: [&[T]; 2],
    memory: &mut [T],
    f: impl Fn(T, T, [T; 2]) -> T + Copy + Sync,
) {
    if sizes.len() == 0 {
        return;
    }
    let [a, b] = numbers;
    let f4 = |x, g, [a, b, _, _]: [T; 4]| f(x, g, [a, b]);
    if sizes.inner == 1 {
        map(sizes, memory, false, (x, g), [a, b, a, b], f4);
    } else {
        in_chunks(memory, 1, sizes.len(), &|i, sum| {
            let (channel, start) = (i % sizes.channels, i * sizes.inner);
            let (x, g) = (&x[start..][..sizes.inner], &g[start..][..sizes.inner]);
            let numbers = [a[channel], b[channel]];
            sum[0] = sum_of_pairs(x, g, |x, g| f(x, g, numbers));
        });
    }
    reduce::add_rows(out, memory, sizes.outer);
}

/// `out = f(x, g, numbers)`, or that added to it, the numbers being those of the channel.
pub(crate) fn map<T: Float>(
    sizes: ByChannel,
    out: &mut [T],
    add: bool,
    (x, g): (&[T], &[T]),
    numbers: [&[T]; 4],
    f: impl Fn(T, T, [T; 4]) -> T + Copy + Sync,
) {
    let size = if sizes.inner == 1 { sizes.piece() } else { sizes.inner };
    in_chunks(out, size, sizes.len(), &|i, out| {
        let (x, g) = (&x[i * size..][..out.len()], &g[i * size..][..out.len()]);
        if sizes.inner == 1 {
            map_rows(out, add, x, g, numbers, f);
        } else {
            let channel = i % sizes.channels;
            map_run(out, add, x, g, numbers.map(|numbers| numbers[channel]), f);
        }
    });
}

/// The sum over each channel, added to `out`; `memory` has a place for [`ByChannel::partial`].
pub(crate) fn sum_channels<T: Float>(sizes: ByChannel, out: &mut [T], x: &[T], memory: &mut [T]) {
    if sizes.len() == 0 {
        return;
    }
    if sizes.inner == 1 {
        return reduce::add_rows(out, x, sizes.outer);
    }
    in_chunks(memory, 1, sizes.len(), &|i, sum| {
        sum[0] = reduce::sum(&x[i * sizes.inner..][..sizes.inner]);
    });
    reduce::add_rows(out, memory, sizes.outer);
}

/// `y = (x - mean) · deviation⁻¹ · gamma + beta`, where mean and inverse deviation are those of the
/// row, of `n` elements, and each `gamma` and `beta` holds for `inner` elements one after another.
pub(crate) fn normalize_rows<T: Float>(
    y: &mut [T],
    x: &[T],
    n: usize,
    (mean, inverse): (&[T], &[T]),
    (gamma, beta): (&[T], &[T]),
    inner: usize,
) {
    let work = y.len();
    in_chunks(y, n, work, &|row, y| {
        let (x, mean, inverse) = (&x[row * n..][..n], mean[row], inverse[row]);
        let start = row * (n / inner) % gamma.len();
        let (gamma, beta) = (&gamma[start..][..n / inner], &beta[start..][..n / inner]);
        if inner == 1 {
            return scale_row(y, x, mean, inverse, gamma, beta);
        }
        let parts = y.chunks_exact_mut(inner).zip(x.chunks_exact(inner));
        for ((y, x), (gamma, beta)) in parts.zip(gamma.iter().zip(beta)) {
            let numbers = [mean, inverse * *gamma, *beta, T::ZERO];
            map_run(y, false, x, x, numbers, |x, _, [a, b, c, _]| (x - a) * b + c);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_formulas_are_those_of_each_channel_in_both_layouts() {
        for (outer, channels, inner) in [(3, 2, 1), (3, 2, 5), (1, 4, 700), (900, 3, 1)] {
            let sizes = ByChannel { outer, channels, inner };
            let x: Vec<f64> = (0..sizes.len()).map(|i| (i % 7) as f64).collect();
            let channel = |i: usize| i / inner % channels;
            let factor: Vec<f64> = (0..channels).map(|c| c as f64 + 1.0).collect();
            let mut expected = vec![1.0; channels];
            for (i, x) in x.iter().enumerate() {
                expected[channel(i)] += x * factor[channel(i)];
            }
            let mut memory = vec![0.0; if inner == 1 { sizes.len() } else { sizes.partial() }];
            let mut out = vec![1.0; channels];
            let numbers = [&factor[..]; 2];
            sums(sizes, &mut out, (&x, &x), numbers, &mut memory, |x, _, [a, _]| x * a);
            assert_eq!(out, expected, "{sizes:?}");
            let mut y = vec![1.0; sizes.len()];
            map(sizes, &mut y, true, (&x, &x), [&factor[..]; 4], |x, _, [a, ..]| x * a);
            assert!((0..y.len()).all(|i| y[i] == 1.0 + x[i] * factor[channel(i)]), "{sizes:?}");
        }
    }
}
