//! Gradients divided by the root of their mean square.

use super::Step;
use super::common::optimizer;
use crate::array::for_float;
use crate::cpu::update as kernel;
use crate::error::Result;
use crate::shape::Dims;

optimizer! {
    /// The gradient divided by the root of its running mean square.
    ///
    /// With `g = clip(rescale · gradient + wd·w)`: `n = γ1·n + (1 - γ1)·g²`,
    /// `w = w - lr·g/√(n + ε)`. Centered, the variance takes the place of the mean square, and
    /// there is momentum: `m = γ1·m + (1 - γ1)·g`, `δ = γ2·δ - lr·g/√(n - m² + ε)`, `w = w + δ`.
    /// Defaults: `lr = 0.001`, `γ1 = γ2 = 0.9`, `ε = 1e-8`, not centered.
    ///
    /// # Memory
    /// One more array per parameter, `var`; centered, `mean` and `delta` too. Nothing is allocated
    /// after the first step.
    ///
    /// # Examples
    /// ```
    /// use gluonic::optim;
    /// use gluonic::prelude::*;
    /// let weight = Parameter::new("weight", 1);
    /// weight.initialize_with(&init::One, Reinit::Keep)?;
    /// let mut trainer = Trainer::of([&weight], optim::RmsProp::new(0.1)?.centered(true)?)?;
    /// autograd::record(|| weight.data()?.square())?.backward()?;
    /// trainer.step(1)?;
    /// assert!((weight.data()?.to_scalar::<f32>()? - 0.6666667).abs() < 1e-6);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// MXNet 1.9.1, `optimizer.py`, class `RMSProp`; Tieleman and Hinton (2012), lecture 6.5 of
    /// "Neural networks for machine learning"; centered: Graves (2013), "Generating sequences with
    /// recurrent neural networks", eq. 38 to 45.
    #[doc(alias = "RMSProp")]
    pub struct RmsProp, "rmsprop", lr: 0.001 {
        /// What remains of the running means at each step.
        gamma1: f64 = 0.9, Decay;
        /// The momentum, if centered.
        gamma2: f64 = 0.9, Decay;
        /// What is added under the root.
        epsilon: f64 = 1e-8, NotNegative;
        /// Whether to take the mean off, and add momentum.
        centered: bool = false, Any;
        /// With weights clipped to `[-clip_weights, clip_weights]`.
        clip_weights: Option<f64> = None, Positive;
    }

    fn arrays(&self, dims: &Dims) -> Vec<(&'static str, Dims)> {
        let names: &[_] = if self.centered { &["var", "mean", "delta"] } else { &["var"] };
        names.iter().map(|name| (*name, dims.clone())).collect()
    }

    fn update(&self, step: &mut Step<'_>) -> Result<()> {
        let bound = self.clip_weights.unwrap_or(f64::INFINITY);
        for_float!(step.dtype(), T => {
            let adam = kernel::Adam {
                read: step.reading(),
                lr: step.lr() as T,
                wd: step.wd() as T,
                beta1: self.gamma1 as T,
                beta2: self.gamma2 as T,
                epsilon: self.epsilon as T,
            };
            let bound = bound as T;
            if self.centered {
                step.pieces::<T, 3>(&|_, w, g, [var, mean, delta]| {
                    kernel::rmsprop_centered(adam, bound, w, g, var, mean, delta);
                    [0.0; 2]
                })?;
            } else {
                step.pieces::<T, 1>(&|_, w, g, [var]| {
                    kernel::rmsprop(adam, bound, w, g, var);
                    [0.0; 2]
                })?;
            }
        });
        Ok(())
    }
}
