//! Formulas in which a whole tensor has a say in each element's step: by its norm.

use super::super::{Float, kernel};
use super::adaptive::Adam;
use super::pieces::Sums;

/// Elements that are summed in their own type; what comes out is summed in `f64`.
const RUN: usize = 512;
const LANES: usize = 16;

/// The sum of `f(0)`, …, `f(n - 1)`, for a short run.
#[inline(always)]
pub(super) fn sum<T: Float + Into<f64>>(n: usize, f: impl Fn(usize) -> T) -> f64 {
    let mut lanes = [T::ZERO; LANES];
    for start in (0..n - n % LANES).step_by(LANES) {
        for (lane, total) in lanes.iter_mut().enumerate() {
            *total += f(start + lane);
        }
    }
    let mut total = 0.0;
    for lane in lanes {
        total += lane.into();
    }
    for i in n - n % LANES..n {
        total += f(i).into();
    }
    total
}

kernel! {
    /// `Σ x²`.
    pub(crate) fn squares[T: Float + Into<f64>](x: &[T]) -> f64 {
        let mut total = 0.0;
        for x in x.chunks(RUN) {
            // In f64, where no finite f32 has an infinite square.
            total += sum(x.len(), |i| {
                let x: f64 = x[i].into();
                x * x
            });
        }
        total
    }

    /// `x = x·factor`.
    pub(crate) fn scale[T: Float](x: &mut [T], factor: T) {
        for x in x {
            *x = *x * factor;
        }
    }

    /// Moves the moments of LAMB on, and gives `Σ w²` and `Σ u²` of the step `u` that follows.
    pub(crate) fn lamb_moments[T: Float + Into<f64>](
        adam: Adam<T>, corrections: (T, T), w: &[T], g: &[T], mean: &mut [T], var: &mut [T],
    ) -> Sums {
        let mut sums = [0.0; 2];
        let runs = w.chunks(RUN).zip(g.chunks(RUN));
        let runs = runs.zip(mean.chunks_mut(RUN)).zip(var.chunks_mut(RUN));
        for (((w, g), mean), var) in runs {
            for ((g, mean), var) in g.iter().zip(&mut *mean).zip(&mut *var) {
                adam.follow(adam.read.of(*g), mean, var);
            }
            let step = |i: usize| {
                let step = direction(adam, corrections, w[i], mean[i], var[i]);
                step * step
            };
            sums[0] += sum(w.len(), |i| w[i] * w[i]);
            sums[1] += sum(w.len(), step);
        }
        sums
    }

    /// `w -= lr·u`, with the learning rate of the tensor.
    pub(crate) fn lamb_step[T: Float](
        adam: Adam<T>, corrections: (T, T), w: &mut [T], mean: &[T], var: &[T],
    ) {
        for ((w, mean), var) in w.iter_mut().zip(mean).zip(var) {
            *w = *w - adam.lr * direction(adam, corrections, *w, *mean, *var);
        }
    }
}

/// `u = m·c1/(√(v·c2) + ε) + wd·w`.
#[inline(always)]
fn direction<T: Float>(adam: Adam<T>, (c1, c2): (T, T), w: T, mean: T, var: T) -> T {
    mean * c1 / ((var * c2).sqrt() + adam.epsilon) + adam.wd * w
}

/// `Σ w²` and `Σ g²`.
pub(crate) fn norms<T: Float + Into<f64>>(w: &[T], g: &[T]) -> Sums {
    [squares(w), squares(g)]
}
