//! Follow the moving leader.

use super::Step;
use super::common::optimizer;
use crate::array::for_float;
use crate::cpu::update as kernel;
use crate::error::Result;
use crate::shape::Dims;

optimizer! {
    /// Follow the moving leader: between following the regularized leader and Adam.
    ///
    /// With `g = clip(rescale · gradient + wd·w)` at the update number `t`:
    /// `v = β2·v + (1 - β2)·g²`, `d' = (1 - β1ᵗ)/lr·(√(v/(1 - β2ᵗ)) + ε)`,
    /// `z = β1·z + (1 - β1)·g - (d' - β1·d)·w`, `d = d'`, `w = -z/d`. Defaults: `lr = 0.01`,
    /// `β1 = 0.6`, `β2 = 0.999`, `ε = 1e-8`. With a learning rate of 0 everything stays as it is.
    ///
    /// # Memory
    /// Three more arrays per parameter; nothing is allocated after the first step.
    ///
    /// # Examples
    /// ```
    /// use gluonic::optim;
    /// use gluonic::prelude::*;
    /// let weight = Parameter::new("weight", 1);
    /// weight.initialize_with(&init::One, Reinit::Keep)?;
    /// let mut trainer = Trainer::of([&weight], optim::Ftml::new(0.1)?)?;
    /// autograd::record(|| weight.data()?.square())?.backward()?;
    /// trainer.step(1)?;
    /// assert!(weight.data()?.to_scalar::<f32>()? < 1.0);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// MXNet 1.9.1, `optimizer.py`, class `FTML`; Zheng and Kwok (2017), "Follow the moving leader
    /// in deep learning", algorithm 1. DIFFERENCE: a learning rate of 0 makes NaN in MXNet.
    #[doc(alias = "FTML")]
    pub struct Ftml, "ftml", lr: 0.01 {
        /// What remains of the running mean of gradients at each step.
        beta1: f64 = 0.6, Decay;
        /// What remains of the running mean of squares at each step.
        beta2: f64 = 0.999, Decay;
        /// What is added to the root; not 0, since then an element without gradients has nothing to
        /// be divided by.
        epsilon: f64 = 1e-8, Positive;
    }

    fn arrays(&self, dims: &Dims) -> Vec<(&'static str, Dims)> {
        vec![("d", dims.clone()), ("v", dims.clone()), ("z", dims.clone())]
    }

    fn update(&self, step: &mut Step<'_>) -> Result<()> {
        if step.lr() == 0.0 {
            return Ok(());
        }
        let t = step.updates() as f64;
        let scale = (1.0 - self.beta1.powf(t)) / step.lr();
        let correction = 1.0 / (1.0 - self.beta2.powf(t));
        for_float!(step.dtype(), T => {
            let (read, wd, epsilon) = (step.reading::<T>(), step.wd() as T, self.epsilon as T);
            let betas = (self.beta1 as T, self.beta2 as T);
            let (scale, correction) = (scale as T, correction as T);
            step.pieces::<T, 3>(&|_, w, g, [d, v, z]| {
                kernel::ftml(read, wd, betas, epsilon, scale, correction, w, g, d, v, z);
                [0.0; 2]
            })?;
        });
        Ok(())
    }
}
