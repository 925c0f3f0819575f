//! Adam with decoupled weight decay.

use super::Step;
use super::common::optimizer;
use crate::array::for_float;
use crate::cpu::update as kernel;
use crate::error::Result;
use crate::shape::Dims;

optimizer! {
    /// [`Adam`](super::Adam) with weight decay apart from the gradient.
    ///
    /// With `g = clip(rescale · gradient)` at the update number `t`: `m = β1·m + (1 - β1)·g`,
    /// `v = β2·v + (1 - β2)·g²`, `w = (1 - lr·wd)·w - lr·m̂/(√v̂ + ε)` with `m̂ = m/(1 - β1ᵗ)` and
    /// `v̂ = v/(1 - β2ᵗ)`. Defaults: `lr = 0.001`, `β1 = 0.9`, `β2 = 0.999`, `ε = 1e-8`,
    /// `wd = 0.01`.
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
    /// let mut trainer = Trainer::of([&weight], optim::AdamW::new(0.1)?)?;
    /// autograd::record(|| weight.data()?.square())?.backward()?;
    /// trainer.step(1)?;
    /// assert!((weight.data()?.to_scalar::<f32>()? - 0.899).abs() < 1e-6);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// PyTorch, `adamw.py`, class `AdamW` (MXNet 1.9.1 has none); Loshchilov and Hutter (2019),
    /// "Decoupled weight decay regularization", algorithm 2.
    pub struct AdamW, "adamw", lr: 0.001, wd: 0.01 {
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
        let decay = step.lr() * step.wd();
        let root = 1.0 / (1.0 - self.beta2.powf(t)).sqrt();
        for_float!(step.dtype(), T => {
            let adam = kernel::Adam {
                read: step.reading(),
                lr: (step.lr() / (1.0 - self.beta1.powf(t))) as T,
                wd: step.wd() as T,
                beta1: self.beta1 as T,
                beta2: self.beta2 as T,
                epsilon: self.epsilon as T,
            };
            step.pieces::<T, 2>(&|_, w, g, [mean, var]| {
                kernel::adamw(adam, decay as T, root as T, w, g, mean, var);
                [0.0; 2]
            })?;
        });
        Ok(())
    }
}
