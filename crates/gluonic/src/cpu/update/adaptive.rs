//! Formulas that divide by the size of past gradients, element by element.

use super::super::{Float, kernel};
use super::Reading;

/// The numbers of a step of Adam and its kin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Adam<T> {
    pub(crate) read: Reading<T>,
    pub(crate) lr: T,
    pub(crate) wd: T,
    pub(crate) beta1: T,
    pub(crate) beta2: T,
    pub(crate) epsilon: T,
}

impl<T: Float> Adam<T> {
    /// Moves the mean and the mean of squares on by a gradient.
    #[inline(always)]
    pub(super) fn follow(self, g: T, mean: &mut T, var: &mut T) {
        *mean = self.beta1 * *mean + (T::ONE - self.beta1) * g;
        *var = self.beta2 * *var + (T::ONE - self.beta2) * (g * g);
    }
}

kernel! {
    /// `g = c(g + wd·w); w -= lr·m/(√v + ε)`.
    pub(crate) fn adam[T: Float](
        adam: Adam<T>, w: &mut [T], g: &[T], mean: &mut [T], var: &mut [T],
    ) {
        for (((w, g), mean), var) in w.iter_mut().zip(g).zip(mean).zip(var) {
            adam.follow(adam.read.decayed(*g, adam.wd * *w), mean, var);
            *w = *w - adam.lr * *mean / (var.sqrt() + adam.epsilon);
        }
    }

    /// `w = (1 - decay)·w - lr·m/(√v·root + ε)`, `root` being one over the root of the correction.
    pub(crate) fn adamw[T: Float](
        adam: Adam<T>, decay: T, root: T, w: &mut [T], g: &[T], mean: &mut [T], var: &mut [T],
    ) {
        let keep = T::ONE - decay;
        for (((w, g), mean), var) in w.iter_mut().zip(g).zip(mean).zip(var) {
            adam.follow(adam.read.of(*g), mean, var);
            *w = keep * *w - adam.lr * *mean / (var.sqrt() * root + adam.epsilon);
        }
    }

    /// `m = β1·m + (1 - β1)·g; u = max(β2·u, |g|); w -= lr·m/u`, nothing where `u` is 0.
    pub(crate) fn adamax[T: Float](
        adam: Adam<T>, w: &mut [T], g: &[T], mean: &mut [T], max: &mut [T],
    ) {
        for (((w, g), mean), max) in w.iter_mut().zip(g).zip(mean).zip(max) {
            let g = adam.read.decayed(*g, adam.wd * *w);
            *mean = adam.beta1 * *mean + (T::ONE - adam.beta1) * g;
            let (kept, size) = (adam.beta2 * *max, g.abs());
            *max = if kept > size { kept } else { size };
            // Where it is 0, so is the mean.
            let divisor = if *max == T::ZERO { T::ONE } else { *max };
            *w = *w - adam.lr * *mean / divisor;
        }
    }

    /// `w -= lr·(now·g + next·m)/(√(v·correction) + ε)`.
    pub(crate) fn nadam[T: Float](
        adam: Adam<T>, now: T, next: T, correction: T,
        w: &mut [T], g: &[T], mean: &mut [T], var: &mut [T],
    ) {
        for (((w, g), mean), var) in w.iter_mut().zip(g).zip(mean).zip(var) {
            let g = adam.read.decayed(*g, adam.wd * *w);
            adam.follow(g, mean, var);
            let ahead = now * g + next * *mean;
            *w = *w - adam.lr * ahead / ((*var * correction).sqrt() + adam.epsilon);
        }
    }

    /// `n = γ·n + (1 - γ)·g²; w = b(w - lr·g/√(n + ε))`, `b` clipping to `[-bound, bound]`.
    pub(crate) fn rmsprop[T: Float](
        adam: Adam<T>, bound: T, w: &mut [T], g: &[T], n: &mut [T],
    ) {
        let bound = Reading { rescale: T::ONE, clip: bound };
        for ((w, g), n) in w.iter_mut().zip(g).zip(n) {
            let g = adam.read.decayed(*g, adam.wd * *w);
            *n = adam.beta1 * *n + (T::ONE - adam.beta1) * (g * g);
            *w = bound.clipped(*w - adam.lr * g / (*n + adam.epsilon).sqrt());
        }
    }

    /// As [`rmsprop`] with the mean `m` taken off and a momentum:
    /// `δ = γ2·δ - lr·g/√(n - m² + ε); w = b(w + δ)`.
    pub(crate) fn rmsprop_centered[T: Float](
        adam: Adam<T>, bound: T, w: &mut [T], g: &[T], n: &mut [T], mean: &mut [T], delta: &mut [T],
    ) {
        let bound = Reading { rescale: T::ONE, clip: bound };
        let items = w.iter_mut().zip(g).zip(n).zip(mean).zip(delta);
        for ((((w, g), n), mean), delta) in items {
            let g = adam.read.decayed(*g, adam.wd * *w);
            *n = adam.beta1 * *n + (T::ONE - adam.beta1) * (g * g);
            *mean = adam.beta1 * *mean + (T::ONE - adam.beta1) * g;
            let spread = (*n - *mean * *mean + adam.epsilon).sqrt();
            *delta = adam.beta2 * *delta - adam.lr * g / spread;
            *w = bound.clipped(*w + *delta);
        }
    }

    /// `h += g²; w -= lr·(g/√(h + ε) + wd·w)`.
    pub(crate) fn adagrad[T: Float](
        read: Reading<T>, lr: T, wd: T, epsilon: T, w: &mut [T], g: &[T], history: &mut [T],
    ) {
        for ((w, g), history) in w.iter_mut().zip(g).zip(history) {
            let g = read.of(*g);
            *history += g * g;
            *w = *w - lr * (g / (*history + epsilon).sqrt() + wd * *w);
        }
    }

    /// `a = ρ·a + (1 - ρ)·g²; Δ = √(d + ε)/√(a + ε)·g; d = ρ·d + (1 - ρ)·Δ²; w -= Δ + wd·w`.
    pub(crate) fn adadelta[T: Float](
        read: Reading<T>, wd: T, rho: T, epsilon: T,
        w: &mut [T], g: &[T], squares: &mut [T], deltas: &mut [T],
    ) {
        for (((w, g), squares), deltas) in w.iter_mut().zip(g).zip(squares).zip(deltas) {
            let g = read.of(*g);
            *squares = rho * *squares + (T::ONE - rho) * (g * g);
            let delta = (*deltas + epsilon).sqrt() / (*squares + epsilon).sqrt() * g;
            *deltas = rho * *deltas + (T::ONE - rho) * (delta * delta);
            *w = *w - (delta + wd * *w);
        }
    }
}
