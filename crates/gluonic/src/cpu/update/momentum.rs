//! Formulas that follow the gradient, or its sign, with or without momentum.

use super::super::{Float, kernel};
use super::{Reading, sign};

kernel! {
    /// `w = (1 - lr·wd)·w - lr·c(g)`.
    pub(crate) fn sgd[T: Float](read: Reading<T>, lr: T, wd: T, w: &mut [T], g: &[T]) {
        let keep = T::ONE - lr * wd;
        for (w, g) in w.iter_mut().zip(g) {
            *w = keep * *w - lr * read.of(*g);
        }
    }

    /// `v = m·v - lr·wd·w - lr·c(g); w += v`.
    pub(crate) fn sgd_momentum[T: Float](
        read: Reading<T>, lr: T, wd: T, momentum: T, w: &mut [T], g: &[T], v: &mut [T],
    ) {
        let decay = lr * wd;
        for ((w, g), v) in w.iter_mut().zip(g).zip(v) {
            *v = momentum * *v - decay * *w - lr * read.of(*g);
            *w += *v;
        }
    }

    /// `v' = m·v; w = w - v' + (m + 1)·(v' - lr·(c(g) + wd·w)); v = v' - lr·(c(g) + wd·w)`, the
    /// latter with the new `w`.
    pub(crate) fn nag[T: Float](
        read: Reading<T>, lr: T, wd: T, momentum: T, w: &mut [T], g: &[T], v: &mut [T],
    ) {
        for ((w, g), v) in w.iter_mut().zip(g).zip(v) {
            let (g, kept) = (read.of(*g), momentum * *v);
            *w = *w - kept + (momentum + T::ONE) * (kept - lr * (g + wd * *w));
            *v = kept - lr * (g + wd * *w);
        }
    }

    /// `w = (1 - lr·wd)·w - lr·sign(g)`.
    pub(crate) fn signsgd[T: Float](lr: T, wd: T, w: &mut [T], g: &[T]) {
        let keep = T::ONE - lr * wd;
        for (w, g) in w.iter_mut().zip(g) {
            *w = keep * *w - lr * sign(*g);
        }
    }

    /// `v = m·v - (1 - m)·(wd·w + c(g)); w = (1 - lr·wd_lh)·w + lr·sign(v)`.
    pub(crate) fn signum[T: Float](
        read: Reading<T>, lr: T, wd: T, momentum: T, wd_lh: T, w: &mut [T], g: &[T], v: &mut [T],
    ) {
        let keep = T::ONE - lr * wd_lh;
        for ((w, g), v) in w.iter_mut().zip(g).zip(v) {
            *v = momentum * *v - (T::ONE - momentum) * (wd * *w + read.of(*g));
            *w = keep * *w + lr * sign(*v);
        }
    }

    /// `w = w - lr/2·(c(g) + wd·w) + noise`.
    pub(crate) fn sgld[T: Float](
        read: Reading<T>, lr: T, wd: T, w: &mut [T], g: &[T], noise: &[T],
    ) {
        let half = lr / T::of(2.0);
        for ((w, g), noise) in w.iter_mut().zip(g).zip(noise) {
            *w = *w - half * (read.of(*g) + wd * *w) + *noise;
        }
    }

    /// `w = w - lr·(sign(β1·m + (1 - β1)·c(g)) + wd·w); m = β2·m + (1 - β2)·c(g)`.
    pub(crate) fn lion[T: Float](
        read: Reading<T>, lr: T, wd: T, beta1: T, beta2: T, w: &mut [T], g: &[T], m: &mut [T],
    ) {
        for ((w, g), m) in w.iter_mut().zip(g).zip(m) {
            let g = read.of(*g);
            let direction = sign(beta1 * *m + (T::ONE - beta1) * g);
            *w = *w - lr * (direction + wd * *w);
            *m = beta2 * *m + (T::ONE - beta2) * g;
        }
    }
}
