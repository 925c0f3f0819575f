//! Steps of the size of past steps.

use super::Step;
use super::common::optimizer;
use crate::array::for_float;
use crate::cpu::update as kernel;
use crate::error::Result;
use crate::shape::Dims;

optimizer! {
    /// Steps of the size of past steps, so that no learning rate is needed.
    ///
    /// With `g = clip(rescale · gradient)`: `a = ρ·a + (1 - ρ)·g²`, `Δ = √(d + ε)/√(a + ε)·g`,
    /// `d = ρ·d + (1 - ρ)·Δ²`, `w = w - Δ - wd·w`. Defaults: `ρ = 0.9`, `ε = 1e-5`.
    ///
    /// As in MXNet, neither the learning rate nor `lr_mult` has any effect, and weight decay is not
    /// scaled by it.
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
    /// let mut trainer = Trainer::of([&weight], optim::AdaDelta::default())?;
    /// autograd::record(|| weight.data()?.square())?.backward()?;
    /// trainer.step(1)?;
    /// assert!(weight.data()?.to_scalar::<f32>()? < 1.0);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// MXNet 1.9.1, `optimizer.py`, class `AdaDelta`; Zeiler (2012), "ADADELTA: an adaptive
    /// learning rate method". DIFFERENCE: MXNet also multiplies the array of the gradient by
    /// `rescale`.
    #[doc(alias = "Adadelta")]
    pub struct AdaDelta, "adadelta", lr: 0.01 {
        /// What remains of the running means at each step.
        rho: f64 = 0.9, Decay;
        /// What is added under the roots.
        epsilon: f64 = 1e-5, NotNegative;
    }

    fn arrays(&self, dims: &Dims) -> Vec<(&'static str, Dims)> {
        vec![("var", dims.clone()), ("delta", dims.clone())]
    }

    fn update(&self, step: &mut Step<'_>) -> Result<()> {
        for_float!(step.dtype(), T => {
            let (read, wd) = (step.reading::<T>(), step.wd() as T);
            let (rho, epsilon) = (self.rho as T, self.epsilon as T);
            step.pieces::<T, 2>(&|_, w, g, [var, delta]| {
                kernel::adadelta(read, wd, rho, epsilon, w, g, var, delta);
                [0.0; 2]
            })?;
        });
        Ok(())
    }
}
