//! Lion.

use super::Step;
use super::common::optimizer;
use crate::array::for_float;
use crate::cpu::update as kernel;
use crate::error::Result;
use crate::shape::Dims;

optimizer! {
    /// Lion: steps of one length along the sign of a mean that leans to the present gradient.
    ///
    /// With `g = clip(rescale · gradient)`: `w = w - lr·(sign(β1·m + (1 - β1)·g) + wd·w)`,
    /// `m = β2·m + (1 - β2)·g`. Defaults: `lr = 0.0001`, `β1 = 0.9`, `β2 = 0.99`.
    ///
    /// # Memory
    /// One more array per parameter; nothing is allocated after the first step.
    ///
    /// # Examples
    /// ```
    /// use gluonic::optim;
    /// use gluonic::prelude::*;
    /// let weight = Parameter::new("weight", 1);
    /// weight.initialize_with(&init::One, Reinit::Keep)?;
    /// let mut trainer = Trainer::of([&weight], optim::Lion::new(0.1)?)?;
    /// autograd::record(|| weight.data()?.square())?.backward()?;
    /// trainer.step(1)?;
    /// assert!((weight.data()?.to_scalar::<f32>()? - 0.9).abs() < 1e-6);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// Chen et al. (2023), "Symbolic discovery of optimization algorithms", algorithm 2 (MXNet
    /// 1.9.1 has none).
    pub struct Lion, "lion", lr: 0.0001 {
        /// How much the mean counts for the direction.
        beta1: f64 = 0.9, Decay;
        /// What remains of the running mean of gradients at each step.
        beta2: f64 = 0.99, Decay;
    }

    fn arrays(&self, dims: &Dims) -> Vec<(&'static str, Dims)> {
        vec![("momentum", dims.clone())]
    }

    fn update(&self, step: &mut Step<'_>) -> Result<()> {
        for_float!(step.dtype(), T => {
            let (read, lr, wd) = (step.reading::<T>(), step.lr() as T, step.wd() as T);
            let (beta1, beta2) = (self.beta1 as T, self.beta2 as T);
            step.pieces::<T, 1>(&|_, w, g, [m]| {
                kernel::lion(read, lr, wd, beta1, beta2, w, g, m);
                [0.0; 2]
            })?;
        });
        Ok(())
    }
}
