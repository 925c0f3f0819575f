//! Nesterov's accelerated gradient.

use super::Step;
use super::common::optimizer;
use super::sgd::momentum;
use crate::array::for_float;
use crate::cpu::update as kernel;
use crate::error::Result;
use crate::shape::Dims;

optimizer! {
    /// Nesterov's accelerated gradient: a step along the momentum as it will be.
    ///
    /// With `g = clip(rescale · gradient)` and `v' = momentum·v`:
    /// `w = w - v' + (momentum + 1)·(v' - lr·(g + wd·w))`, then `v = v' - lr·(g + wd·w)` with the
    /// new `w`. Without momentum it is [`Sgd`](super::Sgd). Defaults: `lr = 0.01`, `momentum = 0`.
    ///
    /// That the momentum sees the new weight is how MXNet computes it; it matters with weight decay
    /// only.
    ///
    /// # Memory
    /// As [`Sgd`](super::Sgd).
    ///
    /// # Examples
    /// ```
    /// use gluonic::optim;
    /// use gluonic::prelude::*;
    /// let weight = Parameter::new("weight", 1);
    /// weight.initialize_with(&init::One, Reinit::Keep)?;
    /// let mut trainer = Trainer::of([&weight], optim::Nag::new(0.1)?.momentum(0.9)?)?;
    /// autograd::record(|| weight.data()?.square())?.backward()?;
    /// trainer.step(1)?;
    /// assert!((weight.data()?.to_scalar::<f32>()? - 0.62).abs() < 1e-6);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// MXNet 1.9.1, `optimizer.py`, class `NAG`; Nesterov (1983), "A method for solving the convex
    /// programming problem with convergence rate O(1/k²)".
    #[doc(alias = "nesterov")]
    pub struct Nag, "nag", lr: 0.01 {
        /// With momentum.
        momentum: f64 = 0.0, Decay;
    }

    fn arrays(&self, dims: &Dims) -> Vec<(&'static str, Dims)> {
        momentum(self.momentum, dims)
    }

    fn update(&self, step: &mut Step<'_>) -> Result<()> {
        for_float!(step.dtype(), T => {
            let (read, lr, wd) = (step.reading::<T>(), step.lr() as T, step.wd() as T);
            if self.momentum == 0.0 {
                step.weights::<T>(&|_, w, g, []| {
                    kernel::sgd(read, lr, wd, w, g);
                    [0.0; 2]
                })?;
            } else {
                let momentum = self.momentum as T;
                step.pieces::<T, 1>(&|_, w, g, [v]| {
                    kernel::nag(read, lr, wd, momentum, w, g, v);
                    [0.0; 2]
                })?;
            }
        });
        Ok(())
    }
}
