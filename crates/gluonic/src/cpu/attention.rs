//! Scaled dot-product attention: for each head the products of queries and keys, their softmax, and
//! the values weighted by it, a tile of queries at a time.
//!
//! A row of an operand holds its heads side by side, as a dense layer leaves them, and so does a
//! row of a result: no head is moved before a product or after it.

use super::conv::Scratch;
use super::gemm::{Matrix, product_into};
use super::{Float, in_chunks, kernel};

/// The elements of a tile of weights: they stay in the second-level cache between two products.
const TILE: usize = 1 << 16;
/// With fewer samples than this, the products inside them are split among threads as well.
const FEW_SAMPLES: usize = 8;
/// The elements of a tile that one thread normalizes at least.
const PIECE: usize = 1 << 12;
/// A row is folded in so many lanes, in an order that no instruction set changes.
const LANES: usize = 16;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) samples: usize,
    pub(crate) heads: usize,
    pub(crate) queries: usize,
    pub(crate) keys: usize,
    /// The features of a query or key of one head.
    pub(crate) width: usize,
    /// The features of a value of one head.
    pub(crate) value_width: usize,
    /// Whether a query sees its own position and those before it alone.
    pub(crate) causal: bool,
}

impl Sizes {
    /// The weights of one head of one sample.
    fn weights(&self) -> usize {
        self.queries * self.keys
    }

    fn flop(&self) -> usize {
        2 * self.samples * self.heads * self.weights() * (self.width + self.value_width)
    }

    /// The tiles of the queries: first row and number of rows.
    fn tiles(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let size = (TILE / self.keys.max(1)).clamp(1, self.queries.max(1));
        let queries = self.queries;
        (0..queries).step_by(size).map(move |first| (first, size.min(queries - first)))
    }
}

/// Matrices in one slice, one for each sample; a row holds all heads.
#[derive(Clone, Copy)]
pub(crate) struct Stack<'a, T> {
    pub(crate) data: &'a [T],
    /// Where each sample starts.
    pub(crate) starts: &'a [usize],
    pub(crate) row: isize,
    pub(crate) col: isize,
}

impl<'a, T> Stack<'a, T> {
    /// The rows from `first` on of a head that is `width` wide.
    fn head(&self, sample: usize, head: usize, width: usize, first: usize) -> Matrix<'a, T> {
        let start = self.starts[sample] as isize
            + (head * width) as isize * self.col
            + first as isize * self.row;
        Matrix { data: self.data, start: start as usize, row: self.row, col: self.col }
    }
}

/// What each query may look at, beside causality and lengths. A stack has one matrix, of queries by
/// keys, for each head of each sample.
#[derive(Clone, Copy)]
pub(crate) enum Mask<'a, T> {
    All,
    /// Where it is true.
    Where(Stack<'a, bool>),
    /// Everything, with this added to the scores.
    Plus(Stack<'a, T>),
}

/// Writes elements `start`, `start + 1`, … of what weights are multiplied with.
pub(crate) type Dropout<'a, T> = dyn Fn(usize, &mut [T]) + Sync + 'a;

/// The operands of an attention.
pub(crate) struct Attention<'a, T> {
    pub(crate) sizes: Sizes,
    pub(crate) query: Stack<'a, T>,
    pub(crate) key: Stack<'a, T>,
    pub(crate) value: Stack<'a, T>,
    pub(crate) mask: Mask<'a, T>,
    /// The number of keys of each sample; empty if all have all.
    pub(crate) lengths: &'a [usize],
    /// The factor of the scores.
    pub(crate) scale: T,
    pub(crate) dropout: Option<&'a Dropout<'a, T>>,
    pub(crate) scratch: &'a Scratch<'a, T>,
}

/// Where the gradients of one sample go, each in row-major order; empty where none is wanted.
#[derive(Default)]
pub(crate) struct Gradients<'a, T> {
    pub(crate) query: &'a mut [T],
    pub(crate) key: &'a mut [T],
    pub(crate) value: &'a mut [T],
    pub(crate) mask: &'a mut [T],
}

/// An output in equal parts.
fn parts<T>(mut whole: &mut [T], n: usize) -> Vec<&mut [T]> {
    let size = whole.len() / n.max(1);
    let mut parts = Vec::with_capacity(n);
    for _ in 0..n {
        let (part, rest) = whole.split_at_mut(size);
        parts.push(part);
        whole = rest;
    }
    parts
}

impl<T: Float> Attention<'_, T> {
    /// Fills `out`, and `weights` with the softmax before dropout unless it is empty.
    pub(crate) fn forward(&self, out: &mut [T], weights: &mut [T]) {
        let n = self.sizes.samples;
        let mut samples: Vec<_> = parts(out, n).into_iter().zip(parts(weights, n)).collect();
        in_chunks(&mut samples, 1, self.sizes.flop(), &|sample, piece| {
            for (out, weights) in piece {
                self.forward_sample(sample, out, weights);
            }
        });
    }

    fn forward_sample(&self, sample: usize, out: &mut [T], weights: &mut [T]) {
        let Sizes { heads, keys, value_width, .. } = self.sizes;
        for head in 0..heads {
            for tile in self.sizes.tiles() {
                let (first, n_rows) = tile;
                let end = self.columns(sample, first + n_rows);
                let mut weigh = |weights: &[T]| {
                    let row = heads * value_width;
                    let out = &mut out[first * row + head * value_width..];
                    let values = self.value.head(sample, head, value_width, 0);
                    let sizes = (n_rows, value_width, end);
                    self.product(sizes, (out, row), false, Matrix::rows(weights, keys), values);
                };
                if weights.is_empty() {
                    (self.scratch)(n_rows * keys, &mut |weights| {
                        self.softmax(sample, head, tile, weights);
                        self.drop_out(sample, head, tile, weights);
                        weigh(weights);
                    });
                    continue;
                }
                let weights = &mut weights[head * self.sizes.weights() + first * keys..];
                let weights = &mut weights[..n_rows * keys];
                self.softmax(sample, head, tile, weights);
                if self.dropout.is_none() {
                    weigh(weights);
                } else {
                    (self.scratch)(n_rows * keys, &mut |left| {
                        left.copy_from_slice(weights);
                        self.drop_out(sample, head, tile, left);
                        weigh(left);
                    });
                }
            }
        }
    }

    /// Given what [`forward`](Attention::forward) has left in `weights`, and the gradient of its
    /// output.
    pub(crate) fn backward(&self, weights: &[T], grad: &[T], to: Gradients<'_, T>) {
        let n = self.sizes.samples;
        let (query, key) = (parts(to.query, n), parts(to.key, n));
        let (value, mask) = (parts(to.value, n), parts(to.mask, n));
        let all = query.into_iter().zip(key).zip(value).zip(mask);
        let mut samples: Vec<_> = all
            .map(|(((query, key), value), mask)| Gradients { query, key, value, mask })
            .collect();
        in_chunks(&mut samples, 1, 2 * self.sizes.flop(), &|sample, piece| {
            for to in piece {
                self.backward_sample(sample, weights, grad, to);
            }
        });
    }

    fn backward_sample(&self, sample: usize, weights: &[T], grad: &[T], to: &mut Gradients<'_, T>) {
        let Sizes { heads, queries, keys, width, value_width, .. } = self.sizes;
        to.key.fill(T::ZERO);
        to.value.fill(T::ZERO);
        let (row, value_row) = (heads * width, heads * value_width);
        for head in 0..heads {
            for tile in self.sizes.tiles() {
                let (first, n_rows) = tile;
                let end = self.columns(sample, first + n_rows);
                let at = (sample * heads + head) * self.sizes.weights() + first * keys;
                let weights = &weights[at..][..n_rows * keys];
                let start = (sample * queries + first) * value_row + head * value_width;
                let grad = Matrix { data: grad, start, row: value_row as isize, col: 1 };
                if !to.value.is_empty() {
                    let mut by_value = |weights: &[T]| {
                        let weights = Matrix::rows(weights, keys).transposed();
                        let out = (&mut to.value[head * value_width..], value_row);
                        self.product((end, value_width, n_rows), out, true, weights, grad);
                    };
                    if self.dropout.is_none() {
                        by_value(weights);
                    } else {
                        (self.scratch)(n_rows * keys, &mut |left| {
                            left.copy_from_slice(weights);
                            self.drop_out(sample, head, tile, left);
                            by_value(left);
                        });
                    }
                }
                if to.query.is_empty() && to.key.is_empty() && to.mask.is_empty() {
                    continue;
                }
                (self.scratch)(n_rows * keys, &mut |scores| {
                    let values = self.value.head(sample, head, value_width, 0).transposed();
                    self.product((n_rows, end, value_width), (scores, keys), false, grad, values);
                    self.drop_out(sample, head, tile, scores);
                    scores_grad(scores, weights, keys, end);
                    if !to.mask.is_empty() {
                        to.mask[head * self.sizes.weights() + first * keys..][..n_rows * keys]
                            .copy_from_slice(scores);
                    }
                    scale(scores, self.scale);
                    let scores = Matrix::rows(scores, keys);
                    if !to.query.is_empty() {
                        let out = (&mut to.query[first * row + head * width..], row);
                        let key = self.key.head(sample, head, width, 0);
                        self.product((n_rows, width, end), out, false, scores, key);
                    }
                    if !to.key.is_empty() {
                        let out = (&mut to.key[head * width..], row);
                        let query = self.query.head(sample, head, width, first);
                        self.product((end, width, n_rows), out, true, scores.transposed(), query);
                    }
                });
            }
        }
    }

    fn product(
        &self,
        sizes: (usize, usize, usize),
        out: (&mut [T], usize),
        add: bool,
        a: Matrix<'_, T>,
        b: Matrix<'_, T>,
    ) {
        product_into(sizes, out, add, a, b, self.sizes.samples < FEW_SAMPLES);
    }

    /// How many keys the first `end` queries of a sample can see.
    fn columns(&self, sample: usize, end: usize) -> usize {
        let Sizes { keys, causal, .. } = self.sizes;
        let length = self.lengths.get(sample).copied().unwrap_or(keys);
        if causal { length.min(end) } else { length }
    }

    /// The weights of a tile of queries.
    fn softmax(
        &self,
        sample: usize,
        head: usize,
        (first, n_rows): (usize, usize),
        weights: &mut [T],
    ) {
        let Sizes { heads, keys, width, causal, .. } = self.sizes;
        let end = self.columns(sample, first + n_rows);
        let query = self.query.head(sample, head, width, first);
        let key = self.key.head(sample, head, width, 0).transposed();
        self.product((n_rows, end, width), (weights, keys), false, query, key);
        let run = |first: usize, weights: &mut [T]| {
            let visible = Visible { keys, length: self.columns(sample, usize::MAX), causal, first };
            let place = sample * heads + head;
            match self.mask {
                Mask::All => softmax_rows(weights, visible, self.scale, |_, _| T::ZERO),
                Mask::Where(mask) => {
                    let mask = mask.head(place, 0, 0, first);
                    softmax_rows(weights, visible, self.scale, |t, s| {
                        if mask.data[mask.place(t, s)] { T::ZERO } else { T::MIN }
                    });
                }
                Mask::Plus(mask) => {
                    let mask = mask.head(place, 0, 0, first);
                    softmax_rows(weights, visible, self.scale, |t, s| mask.data[mask.place(t, s)]);
                }
            }
        };
        if self.sizes.samples >= FEW_SAMPLES {
            return run(first, weights);
        }
        let rows = (PIECE / keys.max(1)).max(1);
        in_chunks(weights, rows * keys, 8 * n_rows * end, &|i, piece| {
            run(first + i * rows, piece);
        });
    }

    /// Multiplies a tile with what dropout leaves of it.
    fn drop_out(&self, sample: usize, head: usize, (first, _): (usize, usize), weights: &mut [T]) {
        let Some(dropout) = self.dropout else { return };
        let start = (sample * self.sizes.heads + head) * self.sizes.weights();
        (self.scratch)(weights.len(), &mut |kept| {
            dropout(start + first * self.sizes.keys, kept);
            multiply(weights, kept);
        });
    }
}

/// Which keys the rows of a piece of weights can see.
#[derive(Clone, Copy)]
struct Visible {
    keys: usize,
    length: usize,
    causal: bool,
    /// The query of the first row.
    first: usize,
}

impl Visible {
    #[inline(always)]
    fn end(&self, row: usize) -> usize {
        if self.causal { self.length.min(self.first + row + 1) } else { self.length }
    }
}

#[inline(always)]
fn max_of<T: Float>(x: &[T]) -> T {
    let larger = |best: T, x: T| if x > best { x } else { best };
    let mut lanes = [T::MIN; LANES];
    let (chunks, tail) = x.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane = larger(*lane, *x);
        }
    }
    lanes.iter().chain(tail).fold(T::MIN, |best, x| larger(best, *x))
}

/// `Σ f(x, y)`.
#[inline(always)]
fn sum_of<T: Float>(x: &[T], y: &[T], f: impl Fn(T, T) -> T) -> T {
    let mut lanes = [T::ZERO; LANES];
    let ((xs, x_tail), (ys, y_tail)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
    for (x, y) in xs.iter().zip(ys) {
        for (lane, (x, y)) in lanes.iter_mut().zip(x.iter().zip(y)) {
            *lane += f(*x, *y);
        }
    }
    let mut sum = T::ZERO;
    for (x, y) in x_tail.iter().zip(y_tail) {
        sum += f(*x, *y);
    }
    lanes.into_iter().fold(sum, |sum, lane| sum + lane)
}

kernel! {
    /// Softmax of each row of scores, times `factor` and plus what `mask` says of row and key, over
    /// the keys that are visible. The others get 0; a row that sees none is 0 everywhere.
    fn softmax_rows[T: Float, F: Fn(usize, usize) -> T](
        weights: &mut [T],
        visible: Visible,
        factor: T,
        mask: F,
    ) {
        for (t, row) in weights.chunks_exact_mut(visible.keys.max(1)).enumerate() {
            let (row, hidden) = row.split_at_mut(visible.end(t));
            hidden.fill(T::ZERO);
            for (s, x) in row.iter_mut().enumerate() {
                *x = *x * factor + mask(t, s);
            }
            let max = max_of(row);
            // Nothing but infinities below, and no NaN, which would hide in a maximum.
            if max == T::MIN && row.iter().all(|x| *x == T::MIN) {
                row.fill(T::ZERO);
                continue;
            }
            for x in row.iter_mut() {
                *x = (*x - max).exp();
            }
            let inverse = T::ONE / sum_of(row, row, |x, _| x);
            for x in row {
                *x = *x * inverse;
            }
        }
    }

    /// `g = p · (g - Σ g·p)` in the first `end` of each row of `n`, 0 in the others.
    fn scores_grad[T: Float](g: &mut [T], p: &[T], n: usize, end: usize) {
        for (g, p) in g.chunks_exact_mut(n.max(1)).zip(p.chunks_exact(n.max(1))) {
            let (g, hidden) = g.split_at_mut(end);
            hidden.fill(T::ZERO);
            let dot = sum_of(g, &p[..end], |g, p| g * p);
            for (g, p) in g.iter_mut().zip(p) {
                *g = *p * (*g - dot);
            }
        }
    }

    fn scale[T: Float](x: &mut [T], factor: T) {
        for x in x {
            *x = *x * factor;
        }
    }

    fn multiply[T: Float](x: &mut [T], y: &[T]) {
        for (x, y) in x.iter_mut().zip(y) {
            *x = *x * *y;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An attention of matrices that follow each other, without mask.
    fn run(sizes: Sizes, lengths: &[usize], [q, k, v]: [&[f64]; 3], keep: bool) -> [Vec<f64>; 2] {
        let stack = |data, rows: usize, width: usize, starts| {
            let row = (sizes.heads * width) as isize;
            Stack { data, starts, row, col: (rows > 0).into() }
        };
        let starts = |rows: usize, width: usize| -> Vec<usize> {
            (0..sizes.samples).map(|n| n * rows * sizes.heads * width).collect()
        };
        let of_query = starts(sizes.queries, sizes.width);
        let of_key = starts(sizes.keys, sizes.width);
        let of_value = starts(sizes.keys, sizes.value_width);
        let attention = Attention {
            sizes,
            query: stack(q, sizes.queries, sizes.width, &of_query),
            key: stack(k, sizes.keys, sizes.width, &of_key),
            value: stack(v, sizes.keys, sizes.value_width, &of_value),
            mask: Mask::All,
            lengths,
            scale: 0.5,
            dropout: None,
            scratch: &|n, f| f(&mut vec![f64::NAN; n]),
        };
        let rows = sizes.samples * sizes.heads * sizes.queries;
        let mut out = vec![f64::NAN; rows * sizes.value_width];
        let mut weights = vec![f64::NAN; if keep { rows * sizes.keys } else { 0 }];
        attention.forward(&mut out, &mut weights);
        [out, weights]
    }

    #[test]
    fn tiles_of_many_keys_give_what_the_definition_gives() {
        let wave = |n: usize| (0..n).map(|i| (1.7 * i as f64).sin()).collect::<Vec<f64>>();
        for (causal, queries, keys) in [(false, 5, TILE / 2), (true, 300, 300)] {
            let (heads, width) = (2, 2);
            let sizes = Sizes { samples: 1, heads, queries, keys, width, value_width: 1, causal };
            let (q, k) = (wave(sizes.queries * 4), wave(sizes.keys * 4));
            let v = wave(sizes.keys * 2);
            let length = sizes.keys - 1;
            let [out, weights] = run(sizes, &[length], [&q, &k, &v], true);
            let [again, _] = run(sizes, &[length], [&q, &k, &v], false);
            assert_eq!(out, again, "without keeping the weights");
            for (at, out) in out.iter().enumerate() {
                let (t, head) = (at / 2, at % 2);
                let end = if causal { length.min(t + 1) } else { length };
                let feature = |x: &[f64], row: usize, i: usize| x[row * 4 + head * 2 + i];
                let score = |s: usize| -> f64 {
                    (0..2).map(|i| feature(&q, t, i) * feature(&k, s, i)).sum::<f64>() * 0.5
                };
                let sum: f64 = (0..end).map(|s| score(s).exp()).sum();
                let mean: f64 = (0..end).map(|s| score(s).exp() / sum * v[s * 2 + head]).sum();
                assert!((out - mean).abs() < 1e-12, "{out} against {mean}");
                let row = &weights[(head * sizes.queries + t) * sizes.keys..][..sizes.keys];
                assert!(row[end..].iter().all(|weight| *weight == 0.0));
            }
        }
    }

    #[test]
    fn a_row_that_sees_nothing_is_zero_and_one_of_nan_is_nan() {
        let visible = Visible { keys: 2, length: 2, causal: false, first: 0 };
        let mut rows = [1.0, 2.0, f64::NAN, 1.0, 1.0, 3.0];
        softmax_rows(&mut rows, visible, 1.0, |t, _| if t == 0 { f64::NEG_INFINITY } else { 0.0 });
        assert_eq!(rows[..2], [0.0, 0.0]);
        assert!(rows[2..4].iter().all(|x| x.is_nan()) && rows[4..].iter().all(|x| *x > 0.0));
    }
}
