//! Softmax and cross-entropy over rows.

use super::{Float, kernel};

#[inline(always)]
fn max_of<T: Float>(row: &[T]) -> T {
    row.iter().fold(T::MIN, |best, &value| if value > best { value } else { best })
}

/// Writes `exp(x - max)` and returns the maximum and the sum.
#[inline(always)]
fn exp_row<T: Float>(out: &mut [T], x: &[T]) -> (T, T) {
    let max = max_of(x);
    let mut sum = T::ZERO;
    for (out, x) in out.iter_mut().zip(x) {
        *out = (*x - max).exp();
        sum += *out;
    }
    (max, sum)
}

kernel! {
    /// Softmax of each row of `n`.
    pub(crate) fn softmax[T: Float](out: &mut [T], x: &[T], n: usize) {
        for (out, x) in out.chunks_exact_mut(n.max(1)).zip(x.chunks_exact(n.max(1))) {
            let inverse = T::ONE / exp_row(out, x).1;
            for out in out {
                *out = *out * inverse;
            }
        }
    }

    /// Softmax of each row of `n` over the elements that `mask` lets through; the others get 0, and
    /// a row that has none is 0 everywhere.
    pub(crate) fn masked_softmax[T: Float](out: &mut [T], x: &[T], mask: &[bool], n: usize) {
        let n = n.max(1);
        let rows = out.chunks_exact_mut(n).zip(x.chunks_exact(n)).zip(mask.chunks_exact(n));
        for ((out, x), mask) in rows {
            let mut max = T::MIN;
            for (x, mask) in x.iter().zip(mask) {
                if *mask && *x > max {
                    max = *x;
                }
            }
            let mut sum = T::ZERO;
            for ((out, x), mask) in out.iter_mut().zip(x).zip(mask) {
                *out = if *mask { (*x - max).exp() } else { T::ZERO };
                sum += *out;
            }
            let inverse = if mask.contains(&true) { T::ONE / sum } else { T::ZERO };
            for out in out {
                *out = *out * inverse;
            }
        }
    }

    /// Logarithm of the softmax of each row of `n`.
    pub(crate) fn log_softmax[T: Float](out: &mut [T], x: &[T], n: usize) {
        for (out, x) in out.chunks_exact_mut(n.max(1)).zip(x.chunks_exact(n.max(1))) {
            let (max, sum) = exp_row(out, x);
            let log = sum.ln();
            for (out, x) in out.iter_mut().zip(x) {
                *out = (*x - max) - log;
            }
        }
    }

    /// Gradient of softmax: `out (+)= y · (g - Σ g·y)` for each row of `n`.
    pub(crate) fn softmax_grad[T: Float](out: &mut [T], add: bool, g: &[T], y: &[T], n: usize) {
        let n = n.max(1);
        for ((out, g), y) in out.chunks_exact_mut(n).zip(g.chunks_exact(n)).zip(y.chunks_exact(n)) {
            let mut dot = T::ZERO;
            for (g, y) in g.iter().zip(y) {
                dot += *g * *y;
            }
            for ((out, g), y) in out.iter_mut().zip(g).zip(y) {
                let value = *y * (*g - dot);
                *out = if add { *out + value } else { value };
            }
        }
    }

    /// Gradient of log-softmax: `out (+)= g - exp(y) · Σ g` for each row of `n`.
    pub(crate) fn log_softmax_grad[T: Float](
        out: &mut [T],
        add: bool,
        g: &[T],
        y: &[T],
        n: usize,
    ) {
        let n = n.max(1);
        for ((out, g), y) in out.chunks_exact_mut(n).zip(g.chunks_exact(n)).zip(y.chunks_exact(n)) {
            let mut sum = T::ZERO;
            for g in g {
                sum += *g;
            }
            for ((out, g), y) in out.iter_mut().zip(g).zip(y) {
                let value = *g - y.exp() * sum;
                *out = if add { *out + value } else { value };
            }
        }
    }

    /// For each row of `n` the loss `-log softmax(x)[label]`, and the probabilities for the
    /// gradient.
    pub(crate) fn cross_entropy[T: Float](
        loss: &mut [T],
        probs: &mut [T],
        x: &[T],
        labels: &[u32],
        n: usize,
    ) {
        let rows = x.chunks_exact(n.max(1)).zip(probs.chunks_exact_mut(n.max(1)));
        for (((x, probs), label), loss) in rows.zip(labels).zip(loss) {
            let (max, sum) = exp_row(probs, x);
            *loss = sum.ln() + max - x[*label as usize];
            let inverse = T::ONE / sum;
            for p in probs {
                *p = *p * inverse;
            }
        }
    }

    /// Gradient of [`cross_entropy`]: `out (+)= g · (p - onehot(label))` for each row.
    pub(crate) fn cross_entropy_grad[T: Float](
        out: &mut [T],
        add: bool,
        g: &[T],
        probs: &[T],
        labels: &[u32],
        n: usize,
    ) {
        let rows = out.chunks_exact_mut(n.max(1)).zip(probs.chunks_exact(n.max(1)));
        for (((out, probs), label), g) in rows.zip(labels).zip(g) {
            if add {
                for (out, p) in out.iter_mut().zip(probs) {
                    *out += *p * *g;
                }
            } else {
                for (out, p) in out.iter_mut().zip(probs) {
                    *out = *p * *g;
                }
            }
            let hit = &mut out[*label as usize];
            *hit = *hit - *g;
        }
    }
}
