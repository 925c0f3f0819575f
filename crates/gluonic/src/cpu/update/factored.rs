//! Adafactor: the mean of squares of a matrix as the product of a column and a row.

use super::super::elementwise::PIECE;
use super::super::{Float, in_chunks, kernel};
use super::Reading;
use super::layerwise::sum;
use super::pieces::Sums;

/// Columns that are summed at once, and rows that are summed in their own type.
const BLOCK: usize = 512;

/// The numbers of a step, and the sizes of the tensor: `batch` matrices of `rows` by `cols`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Factored<T> {
    pub(crate) read: Reading<T>,
    /// What remains of the means of squares.
    pub(crate) beta2: T,
    pub(crate) epsilon: T,
    pub(crate) rows: usize,
    pub(crate) cols: usize,
}

kernel! {
    fn row_mean[T: Float + Into<f64>](read: Reading<T>, g: &[T]) -> f64 {
        let mut total = 0.0;
        for g in g.chunks(BLOCK) {
            total += sum(g.len(), |i| {
                let g = read.of(g[i]);
                g * g
            });
        }
        total / g.len() as f64
    }

    /// Moves the means of some columns on, `g` being the matrix from the first of them on.
    fn columns[T: Float + Into<f64>](factored: Factored<T>, g: &[T], means: &mut [T]) {
        let Factored { read, beta2, rows, cols, .. } = factored;
        for (i, means) in means.chunks_mut(BLOCK).enumerate() {
            let mut totals = [0.0_f64; BLOCK];
            for first in (0..rows).step_by(BLOCK) {
                let mut sums = [T::ZERO; BLOCK];
                for row in first..(first + BLOCK).min(rows) {
                    let g = &g[row * cols + i * BLOCK..][..means.len()];
                    for (sum, g) in sums.iter_mut().zip(g) {
                        let g = read.of(*g);
                        *sum += g * g;
                    }
                }
                for (total, sum) in totals.iter_mut().zip(sums) {
                    *total += sum.into();
                }
            }
            for (mean, total) in means.iter_mut().zip(totals) {
                let new = T::of(total / rows as f64);
                *mean = beta2 * *mean + (T::ONE - beta2) * new;
            }
        }
    }

    /// Moves means of squares on that stand for one element each.
    pub(crate) fn follow_squares[T: Float](factored: Factored<T>, g: &[T], var: &mut [T]) {
        let Factored { read, beta2, .. } = factored;
        for (g, var) in g.iter().zip(var) {
            let g = read.of(*g);
            *var = beta2 * *var + (T::ONE - beta2) * (g * g);
        }
    }

    /// `Σ w²` and `Σ u²`, with `u = c(g)/√max(row·var, ε²)`.
    pub(crate) fn factored_sums[T: Float + Into<f64>](
        factored: Factored<T>, row: T, w: &[T], g: &[T], var: &[T],
    ) -> Sums {
        let mut sums = [0.0; 2];
        for ((w, g), var) in w.chunks(BLOCK).zip(g.chunks(BLOCK)).zip(var.chunks(BLOCK)) {
            sums[0] += sum(w.len(), |i| w[i] * w[i]);
            sums[1] += sum(w.len(), |i| {
                let step = direction(factored, row, g[i], var[i]);
                step * step
            });
        }
        sums
    }

    /// `w = keep·w - step·u`.
    pub(crate) fn factored_step[T: Float](
        factored: Factored<T>, row: T, keep: T, step: T, w: &mut [T], g: &[T], var: &[T],
    ) {
        for ((w, g), var) in w.iter_mut().zip(g).zip(var) {
            *w = keep * *w - step * direction(factored, row, *g, *var);
        }
    }
}

#[inline(always)]
fn direction<T: Float>(factored: Factored<T>, row: T, g: T, var: T) -> T {
    let (var, least) = (row * var, factored.epsilon * factored.epsilon);
    let var = if var < least { least } else { var };
    factored.read.of(g) / var.sqrt()
}

/// Moves the means of squares of the rows and of the columns of all matrices on.
pub(crate) fn follow_means<T: Float + Into<f64>>(
    factored: Factored<T>,
    g: &[T],
    row: &mut [T],
    col: &mut [T],
) {
    let Factored { read, beta2, rows, cols, .. } = factored;
    let size = (PIECE / cols).max(1);
    in_chunks(row, size, g.len(), &|i, means| {
        for (mean, g) in means.iter_mut().zip(g[i * size * cols..].chunks_exact(cols)) {
            *mean = beta2 * *mean + (T::ONE - beta2) * T::of(row_mean(read, g));
        }
    });
    for (g, col) in g.chunks_exact(rows * cols).zip(col.chunks_exact_mut(cols)) {
        in_chunks(col, BLOCK, g.len(), &|i, means| columns(factored, &g[i * BLOCK..], means));
    }
}

/// Takes runs of elements of one row: the row's factor, the place in the run, the place among the
/// columns of all matrices.
type OnRun<'f, T> = dyn FnMut(T, std::ops::Range<usize>, std::ops::Range<usize>) + 'f;

/// Takes `n` elements from element `start` on apart into runs of one row each.
pub(crate) fn each_run<T: Float + Into<f64>>(
    factored: Factored<T>,
    row: &[T],
    start: usize,
    n: usize,
    on_run: &mut OnRun<'_, T>,
) {
    let Factored { rows, cols, epsilon, .. } = factored;
    let (mut at, mut of, mut mean) = (0, usize::MAX, T::ONE);
    while at < n {
        let (number, column) = ((start + at) / cols, (start + at) % cols);
        let matrix = number / rows;
        if matrix != of {
            of = matrix;
            let rows_of = &row[matrix * rows..][..rows];
            mean = T::of(sum(rows, |i| rows_of[i]) / rows as f64);
            mean = if mean < epsilon { epsilon } else { mean };
        }
        let len = (cols - column).min(n - at);
        let first = matrix * cols + column;
        on_run(row[number] / mean, at..at + len, first..first + len);
        at += len;
    }
}
