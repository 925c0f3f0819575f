//! Updates of parameters: the formulas of the optimizers on slices, in place and in one pass.
//!
//! A formula sees a run of elements, whose cut it cannot notice; [`update`] lends it the runs.

mod adaptive;
mod average;
mod factored;
mod layerwise;
mod leader;
mod momentum;
mod pieces;

pub(crate) use adaptive::{
    Adam, adadelta, adagrad, adam, adamax, adamw, nadam, rmsprop, rmsprop_centered,
};
pub(crate) use average::follow;
pub(crate) use factored::{
    Factored, each_run, factored_step, factored_sums, follow_means, follow_squares,
};
pub(crate) use layerwise::{lamb_moments, lamb_step, norms, scale, squares};
pub(crate) use leader::{ftml, ftrl};
pub(crate) use momentum::{lion, nag, sgd, sgd_momentum, sgld, signsgd, signum};
pub(crate) use pieces::{OnPiece, Slices, Sums, update};

use super::Float;

/// How a formula reads a gradient: times `rescale`, then clipped to `[-clip, clip]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading<T> {
    pub(crate) rescale: T,
    /// Infinite where nothing is clipped.
    pub(crate) clip: T,
}

impl<T: Float> Reading<T> {
    #[inline(always)]
    fn of(self, g: T) -> T {
        self.clipped(self.rescale * g)
    }

    /// With weight decay, which is clipped too.
    #[inline(always)]
    fn decayed(self, g: T, decay: T) -> T {
        self.clipped(self.rescale * g + decay)
    }

    /// NaN stays NaN.
    #[inline(always)]
    fn clipped(self, g: T) -> T {
        if g > self.clip {
            self.clip
        } else if g < -self.clip {
            -self.clip
        } else {
            g
        }
    }
}

/// -1, 0 or 1.
#[inline(always)]
fn sign<T: Float>(x: T) -> T {
    let positive = if x > T::ZERO { T::ONE } else { T::ZERO };
    let negative = if x < T::ZERO { T::ONE } else { T::ZERO };
    positive - negative
}

/// Lends each element as `f64`, with those of the arrays beside it.
pub(crate) fn each_as_f64<T: Float + Into<f64>, const N: usize>(
    reading: Reading<T>,
    w: &mut [T],
    g: &[T],
    mut state: [&mut [T]; N],
    f: &(impl Fn(&mut f64, f64, [&mut f64; N]) + ?Sized),
) {
    for (i, (w, g)) in w.iter_mut().zip(g).enumerate() {
        let mut wide: f64 = (*w).into();
        let mut values: [f64; N] = std::array::from_fn(|k| state[k][i].into());
        f(&mut wide, reading.of(*g).into(), values.each_mut());
        *w = T::of(wide);
        for (array, value) in state.iter_mut().zip(values) {
            array[i] = T::of(value);
        }
    }
}
