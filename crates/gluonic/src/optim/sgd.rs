//! Stochastic gradient descent.

use super::Step;
use super::common::optimizer;
use crate::array::for_float;
use crate::cpu::update as kernel;
use crate::error::Result;
use crate::shape::Dims;

optimizer! {
    /// Stochastic gradient descent with momentum, weight decay and clipping, in one pass over
    /// memory.
    ///
    /// With `g = clip(rescale · gradient)`: without momentum `w = (1 - lr·wd)·w - lr·g`; with it
    /// `v = momentum·v - lr·wd·w - lr·g; w = w + v`. Defaults: `lr = 0.01`, `momentum = 0`.
    ///
    /// # Memory
    /// One more array per parameter with momentum, none without; nothing is allocated after the
    /// first step. Half-precision parameters are computed in `f32` and rounded.
    ///
    /// # Examples
    /// ```
    /// use gluonic::optim;
    /// use gluonic::prelude::*;
    /// let weight = Parameter::new("weight", 1);
    /// weight.initialize_with(&init::One, Reinit::Keep)?;
    /// let mut trainer = Trainer::of([&weight], Sgd::new(0.1)?.momentum(0.9)?)?;
    /// autograd::record(|| weight.data()?.square())?.backward()?;
    /// trainer.step(1)?;
    /// assert_eq!(weight.data()?.to_scalar::<f32>()?, 0.8);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// MXNet 1.9.1, `optimizer.py`, class `SGD`; Polyak (1964), "Some methods of speeding up the
    /// convergence of iteration methods".
    #[doc(alias = "ccSGD")]
    pub struct Sgd, "sgd", lr: 0.01 {
        /// With momentum.
        momentum: f64 = 0.0, Decay;
        /// Whether a gradient that is kept by rows changes these rows alone (the default) or, as
        /// the whole gradient that it stands for, every row.
        lazy_update: bool = true, Any;
    }

    fn arrays(&self, dims: &Dims) -> Vec<(&'static str, Dims)> {
        momentum(self.momentum, dims)
    }

    fn update(&self, step: &mut Step<'_>) -> Result<()> {
        if self.lazy_update {
            step.take_rows_alone()?;
        }
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
                    kernel::sgd_momentum(read, lr, wd, momentum, w, g, v);
                    [0.0; 2]
                })?;
            }
        });
        Ok(())
    }
}

/// The array of rules that have one if there is momentum.
pub(super) fn momentum(momentum: f64, dims: &Dims) -> Vec<(&'static str, Dims)> {
    if momentum == 0.0 { Vec::new() } else { vec![("momentum", dims.clone())] }
}
