//! Adam.

use super::Step;
use super::common::optimizer;
use crate::array::for_float;
use crate::cpu::update as kernel;
use crate::error::Result;
use crate::shape::Dims;

optimizer! {
    /// Adam: steps of about the learning rate, by running means of gradients and of their squares.
    ///
    /// With `g = clip(rescale · gradient + wd·w)` at the update number `t`:
    /// `m = β1·m + (1 - β1)·g`, `v = β2·v + (1 - β2)·g²`,
    /// `w = w - lr·√(1 - β2ᵗ)/(1 - β1ᵗ)·m/(√v + ε)`. Defaults: `lr = 0.001`, `β1 = 0.9`,
    /// `β2 = 0.999`, `ε = 1e-8`.
    ///
    /// As in MXNet, `ε` is not corrected for `t`, and weight decay is a part of the gradient;
    /// [`AdamW`](super::AdamW) keeps it apart.
    ///
    /// # Memory
    /// Two more arrays per parameter; nothing is allocated after the first step. Half-precision
    /// parameters are computed in `f32` and rounded.
    ///
    /// # Examples
    /// ```
    /// use gluonic::optim;
    /// use gluonic::prelude::*;
    /// let weight = Parameter::new("weight", 1);
    /// weight.initialize_with(&init::One, Reinit::Keep)?;
    /// let mut trainer = Trainer::of([&weight], optim::Adam::new(0.1)?)?;
    /// autograd::record(|| weight.data()?.square())?.backward()?;
    /// trainer.step(1)?;
    /// assert!((weight.data()?.to_scalar::<f32>()? - 0.9).abs() < 1e-6);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// MXNet 1.9.1, `optimizer.py`, class `Adam`; Kingma and Ba (2015), "Adam: a method for
    /// stochastic optimization", the end of section 2.
    pub struct Adam, "adam", lr: 0.001 {
        /// What remains of the running mean of gradients at each step.
        beta1: f64 = 0.9, Decay;
        /// What remains of the running mean of squares at each step.
        beta2: f64 = 0.999, Decay;
        /// What is added to the divisor.
        epsilon: f64 = 1e-8, NotNegative;
    }

    fn arrays(&self, dims: &Dims) -> Vec<(&'static str, Dims)> {
        vec![("mean", dims.clone()), ("var", dims.clone())]
    }

    fn update(&self, step: &mut Step<'_>) -> Result<()> {
        let t = step.updates() as f64;
        let correction = (1.0 - self.beta2.powf(t)).sqrt() / (1.0 - self.beta1.powf(t));
        for_float!(step.dtype(), T => {
            let adam = kernel::Adam {
                read: step.reading(),
                lr: (step.lr() * correction) as T,
                wd: step.wd() as T,
                beta1: self.beta1 as T,
                beta2: self.beta2 as T,
                epsilon: self.epsilon as T,
            };
            step.pieces::<T, 2>(&|_, w, g, [mean, var]| {
                kernel::adam(adam, w, g, mean, var);
                [0.0; 2]
            })?;
        });
        Ok(())
    }
}
