//! Numbers about many elements of any type, which are read block by block as `f64`.

use super::elementwise::PIECE;
use super::{kernel, threads};

/// Elements that are read at once.
const BLOCK: usize = 512;
const LANES: usize = 16;

/// Reads elements, from the one of the given number on.
pub(crate) type Read<'a> = dyn Fn(usize, &mut [f64]) + Sync + 'a;

/// Numbers about elements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Summary {
    pub(crate) count: usize,
    pub(crate) zeros: usize,
    pub(crate) nans: usize,
    pub(crate) infinities: usize,
    /// Of the finite ones, as all that follow; NaN if there is none.
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) mean: f64,
    /// The sum of the squared distances from the mean.
    squares: f64,
}

impl Summary {
    /// Of `n` elements, in parallel if they are many.
    pub(crate) fn of(n: usize, read: &Read<'_>) -> Summary {
        over(0, n, &|start, end| Summary::of_piece(start, end, read), &Summary::and)
    }

    /// Of no elements, or of zeros alone.
    pub(crate) fn of_zeros(n: usize) -> Summary {
        let number = if n == 0 { f64::NAN } else { 0.0 };
        let (min, max, mean) = (number, number, number);
        Summary { count: n, zeros: n, nans: 0, infinities: 0, min, max, mean, squares: number }
    }

    fn of_piece(start: usize, end: usize, read: &Read<'_>) -> Summary {
        let mut block = [0.0; BLOCK];
        let mut sum = Summary::of_zeros(0);
        for from in (start..end).step_by(BLOCK) {
            let block = &mut block[..BLOCK.min(end - from)];
            read(from, block);
            sum = sum.and(&Summary::of_block(block));
        }
        sum
    }

    fn of_block(block: &mut [f64]) -> Summary {
        let count = block.len();
        let (mut nans, mut infinities) = (0, 0);
        let mut finite = &*block;
        if !all_finite(block) {
            nans = block.iter().filter(|x| x.is_nan()).count();
            let mut n = 0;
            for i in 0..count {
                if block[i].is_finite() {
                    block[n] = block[i];
                    n += 1;
                }
            }
            infinities = count - nans - n;
            finite = &block[..n];
        }
        let [min, max, zeros, mean, squares] = moments(finite);
        Summary { count, zeros: zeros as usize, nans, infinities, min, max, mean, squares }
    }

    /// Of the elements of both.
    ///
    /// # Source
    /// Chan, Golub and `LeVeque` (1983), "Algorithms for computing the sample variance", eq. 2.1.
    pub(crate) fn and(&self, other: &Summary) -> Summary {
        let (n, m) = (self.finite() as f64, other.finite() as f64);
        // Where one of them has no finite element, its numbers are NaN, and those of the other hold.
        let (mean, squares) = if n == 0.0 {
            (other.mean, other.squares)
        } else if m == 0.0 {
            (self.mean, self.squares)
        } else {
            let distance = other.mean - self.mean;
            let between = distance * distance * n * m / (n + m);
            (self.mean + distance * m / (n + m), self.squares + other.squares + between)
        };
        Summary {
            count: self.count + other.count,
            zeros: self.zeros + other.zeros,
            nans: self.nans + other.nans,
            infinities: self.infinities + other.infinities,
            min: self.min.min(other.min),
            max: self.max.max(other.max),
            mean,
            squares,
        }
    }

    /// How many are neither NaN nor infinite.
    pub(crate) fn finite(&self) -> usize {
        self.count - self.nans - self.infinities
    }

    /// The root of the mean squared distance from the mean.
    pub(crate) fn std(&self) -> f64 {
        (self.squares / self.finite() as f64).sqrt()
    }
}

/// Whether none of `n` elements is NaN or infinite.
pub(crate) fn is_finite(n: usize, read: &Read<'_>) -> bool {
    let piece = |start: usize, end: usize| {
        let mut block = [0.0; BLOCK];
        (start..end).step_by(BLOCK).all(|from| {
            let block = &mut block[..BLOCK.min(end - from)];
            read(from, block);
            all_finite(block)
        })
    };
    over(0, n, &piece, &|a, b| *a && *b)
}

/// How many of the finite elements lie in each of `bins` equal parts of the range from `min` to
/// `max`, in the middle one if that is a single number.
pub(crate) fn histogram(
    n: usize,
    read: &Read<'_>,
    (min, max): (f64, f64),
    bins: usize,
) -> Vec<usize> {
    let piece = |start: usize, end: usize| {
        let mut counts = vec![0; bins];
        let mut block = [0.0; BLOCK];
        for from in (start..end).step_by(BLOCK) {
            let block = &mut block[..BLOCK.min(end - from)];
            read(from, block);
            for x in block.iter().filter(|x| x.is_finite()) {
                counts[bin(*x, (min, max), bins)] += 1;
            }
        }
        counts
    };
    over(0, n, &piece, &|a: &Vec<usize>, b| a.iter().zip(b).map(|(a, b)| a + b).collect())
}

/// The part of the range in which a number lies.
pub(crate) fn bin(x: f64, (min, max): (f64, f64), bins: usize) -> usize {
    // Halves, since the distance of the ends may be too large for a number.
    let (low, width) = (min / 2.0, max / 2.0 - min / 2.0);
    let place = if width > 0.0 { (x / 2.0 - low) / width } else { 0.5 };
    ((place * bins as f64) as usize).min(bins.saturating_sub(1))
}

/// Puts together what is found over parts of a range, which is cut by its length alone: so it is
/// the same at any number of threads.
fn over<R: Send>(
    start: usize,
    end: usize,
    piece: &(dyn Fn(usize, usize) -> R + Sync),
    and: &(dyn Fn(&R, &R) -> R + Sync),
) -> R {
    if end - start < 2 * PIECE {
        return piece(start, end);
    }
    let middle = start + ((end - start) / 2).next_multiple_of(PIECE);
    let left = || over(start, middle, piece, and);
    let right = || over(middle, end, piece, and);
    let (a, b) = if threads() == 1 { (left(), right()) } else { rayon::join(left, right) };
    and(&a, &b)
}

kernel! {
    fn all_finite[](x: &[f64]) -> bool {
        let mut lanes = [0.0; LANES];
        let (chunks, tail) = x.as_chunks::<LANES>();
        for chunk in chunks {
            for (lane, x) in lanes.iter_mut().zip(chunk) {
                // 0, or NaN.
                *lane += *x * 0.0;
            }
        }
        for x in tail {
            lanes[0] += *x * 0.0;
        }
        lanes.iter().all(|lane| *lane == 0.0)
    }

    /// Smallest, largest, number of zeros, mean and squared distances from it, of finite numbers.
    fn moments[](x: &[f64]) -> [f64; 5] {
        let n = x.len() as f64;
        let (chunks, tail) = x.as_chunks::<LANES>();
        let mut mins = [f64::INFINITY; LANES];
        let mut maxs = [f64::NEG_INFINITY; LANES];
        let (mut zeros, mut sums, mut squares) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
        for chunk in chunks {
            for i in 0..LANES {
                let x = chunk[i];
                mins[i] = if x < mins[i] { x } else { mins[i] };
                maxs[i] = if x > maxs[i] { x } else { maxs[i] };
                zeros[i] += if x == 0.0 { 1.0 } else { 0.0 };
                sums[i] += x;
            }
        }
        for (i, x) in tail.iter().enumerate() {
            mins[i] = if *x < mins[i] { *x } else { mins[i] };
            maxs[i] = if *x > maxs[i] { *x } else { maxs[i] };
            zeros[i] += if *x == 0.0 { 1.0 } else { 0.0 };
            sums[i] += *x;
        }
        if x.is_empty() {
            return [f64::NAN, f64::NAN, 0.0, f64::NAN, f64::NAN];
        }
        let mean = total(&sums) / n;
        for chunk in chunks {
            for i in 0..LANES {
                squares[i] += (chunk[i] - mean) * (chunk[i] - mean);
            }
        }
        for (i, x) in tail.iter().enumerate() {
            squares[i] += (*x - mean) * (*x - mean);
        }
        let min = mins.iter().copied().fold(f64::INFINITY, f64::min);
        let max = maxs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        [min, max, total(&zeros), mean, total(&squares)]
    }
}

#[inline(always)]
fn total(lanes: &[f64; LANES]) -> f64 {
    let mut total = 0.0;
    for lane in lanes {
        total += *lane;
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64]) -> Summary {
        Summary::of(values.len(), &|start, out| {
            out.copy_from_slice(&values[start..][..out.len()]);
        })
    }

    #[test]
    fn a_summary_is_that_of_a_plain_loop_whatever_the_length() {
        for n in [1, 15, 16, 17, BLOCK + 3, 2 * PIECE, 3 * PIECE + 77] {
            let values: Vec<f64> = (0..n).map(|i| ((i * 7919) % 1009) as f64 - 500.0).collect();
            let found = of(&values);
            let mean = values.iter().sum::<f64>() / n as f64;
            let squares = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
            let fold = |f: fn(f64, f64) -> f64| values.iter().copied().reduce(f).unwrap();
            assert_eq!((found.count, found.finite()), (n, n));
            assert_eq!((found.min, found.max), (fold(f64::min), fold(f64::max)));
            assert_eq!(found.zeros, values.iter().filter(|x| **x == 0.0).count());
            assert!((found.mean - mean).abs() < 1e-9, "{n}: {} {mean}", found.mean);
            assert!((found.std() - (squares / n as f64).sqrt()).abs() < 1e-9);
        }
    }

    #[test]
    fn a_summary_of_parts_is_that_of_all_elements_at_once() {
        let parts: [&[f64]; 4] = [&[1.0, 2.0, 7.0], &[], &[f64::NAN], &[-3.0, 0.0]];
        let whole = of(&parts.concat());
        let sum = parts.map(of).iter().fold(Summary::of_zeros(0), |sum, part| sum.and(part));
        assert_eq!((sum.count, sum.min, sum.max), (whole.count, whole.min, whole.max));
        assert_eq!((sum.zeros, sum.nans), (1, 1));
        assert!((sum.mean - whole.mean).abs() < 1e-12 && (sum.std() - whole.std()).abs() < 1e-12);
    }

    #[test]
    fn a_summary_survives_nan_infinity_and_constants() {
        let summary = of(&[1.0, f64::NAN, f64::INFINITY, 1.0, f64::NEG_INFINITY]);
        assert_eq!((summary.min, summary.max, summary.mean, summary.std()), (1.0, 1.0, 1.0, 0.0));
        assert_eq!((summary.nans, summary.infinities, summary.finite()), (1, 2, 2));
        for nothing in [of(&[]), of(&[f64::NAN; 700])] {
            assert!(nothing.min.is_nan() && nothing.mean.is_nan() && nothing.std().is_nan());
        }
        let zeros = of(&[0.0, -0.0, 0.0]);
        assert_eq!(zeros, Summary::of_zeros(3));
    }

    #[test]
    fn one_nan_or_infinity_anywhere_is_found() {
        for n in [1, BLOCK + 3, 2 * PIECE + 5] {
            for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                for place in [0, n / 2, n - 1] {
                    let mut values = vec![f64::MAX; n];
                    let read = |values: &[f64]| {
                        let values = values.to_vec();
                        is_finite(n, &move |start, out: &mut [f64]| {
                            out.copy_from_slice(&values[start..][..out.len()]);
                        })
                    };
                    assert!(read(&values));
                    values[place] = bad;
                    assert!(!read(&values));
                }
            }
        }
        assert!(is_finite(0, &|_, _| ()));
    }

    #[test]
    fn a_histogram_counts_every_finite_element_once() {
        let values = [0.0, 1.0, 2.0, 3.9, 4.0, f64::NAN, f64::INFINITY];
        let read = |start: usize, out: &mut [f64]| {
            out.copy_from_slice(&values[start..][..out.len()]);
        };
        assert_eq!(histogram(values.len(), &read, (0.0, 4.0), 4), [1, 1, 1, 2]);
        assert_eq!(histogram(3, &|_, out| out.fill(7.0), (7.0, 7.0), 5), [0, 0, 3, 0, 0]);
        assert_eq!(bin(f64::MAX, (f64::MIN, f64::MAX), 4), 3);
        assert_eq!(bin(f64::MIN, (f64::MIN, f64::MAX), 4), 0);
    }
}
