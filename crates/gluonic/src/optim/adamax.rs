//! Adam by the largest gradient.

use super::Step;
use super::common::optimizer;
use crate::array::for_float;
use crate::cpu::update as kernel;
use crate::error::Result;
use crate::shape::Dims;

optimizer! {
    /// [`Adam`](super::Adam) with the largest of past gradients, which fade, in place of their mean
    /// square.
    ///
    /// With `g = clip(rescale · gradient + wd·w)` at the update number `t`:
    /// `m = β1·m + (1 - β1)·g`, `u = max(β2·u, |g|)`, `w = w - lr/(1 - β1ᵗ)·m/u`. Defaults:
    /// `lr = 0.002`, `β1 = 0.9`, `β2 = 0.999`.
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
    /// let mut trainer = Trainer::of([&weight], optim::Adamax::new(0.1)?)?;
    /// autograd::record(|| weight.data()?.square())?.backward()?;
    /// trainer.step(1)?;
    /// assert!((weight.data()?.to_scalar::<f32>()? - 0.9).abs() < 1e-6);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// MXNet 1.9.1, `optimizer.py`, class `Adamax`; Kingma and Ba (2015), "Adam: a method for
    /// stochastic optimization", algorithm 2. DIFFERENCE: an element of which every gradient was 0
    /// stays as it is, where MXNet's 0/0 makes it NaN.
    pub struct Adamax, "adamax", lr: 0.002 {
        /// What remains of the running mean of gradients at each step.
        beta1: f64 = 0.9, Decay;
        /// What remains of the largest gradient at each step.
        beta2: f64 = 0.999, Decay;
    }

    fn arrays(&self, dims: &Dims) -> Vec<(&'static str, Dims)> {
        vec![("mean", dims.clone()), ("max", dims.clone())]
    }

    fn update(&self, step: &mut Step<'_>) -> Result<()> {
        let t = step.updates() as f64;
        let lr = step.lr() / (1.0 - self.beta1.powf(t));
        for_float!(step.dtype(), T => {
            let adam = kernel::Adam {
                read: step.reading(),
                lr: lr as T,
                wd: step.wd() as T,
                beta1: self.beta1 as T,
                beta2: self.beta2 as T,
                epsilon: 0.0 as T,
            };
            step.pieces::<T, 2>(&|_, w, g, [mean, max]| {
                kernel::adamax(adam, w, g, mean, max);
                [0.0; 2]
            })?;
        });
        Ok(())
    }
}
