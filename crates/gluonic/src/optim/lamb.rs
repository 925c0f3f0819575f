//! Adam with a learning rate for each layer.

use super::Step;
use super::common::optimizer;
use crate::array::for_float;
use crate::cpu::update as kernel;
use crate::error::Result;
use crate::shape::Dims;

optimizer! {
    /// [`Adam`](super::Adam) with steps in proportion to each parameter's norm, for large batches.
    ///
    /// With `g = clip(rescale · gradient)` at the update number `t`: `m = β1·m + (1 - β1)·g`,
    /// `v = β2·v + (1 - β2)·g²`, `u = m̂/(√v̂ + ε) + wd·w` with `m̂ = m/(1 - β1ᵗ)` and
    /// `v̂ = v/(1 - β2ᵗ)`, or `m` and `v` themselves without bias correction; `w = w - lr·r·u` with
    /// `r = ‖w‖/‖u‖`, `‖w‖` kept between the bounds, or 1 if one of them is 0. Defaults:
    /// `lr = 0.001`, `β1 = 0.9`, `β2 = 0.999`, `ε = 1e-6`, no bounds, with bias correction.
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
    /// let mut trainer = Trainer::of([&weight], optim::Lamb::new(0.1)?)?;
    /// autograd::record(|| weight.data()?.square())?.backward()?;
    /// trainer.step(1)?;
    /// assert!((weight.data()?.to_scalar::<f32>()? - 0.9).abs() < 1e-6);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// MXNet 1.9.1, `optimizer.py`, class `LAMB`; You et al. (2020), "Large batch optimization for
    /// deep learning: training BERT in 76 minutes", algorithm 2.
    #[doc(alias = "LAMB")]
    pub struct Lamb, "lamb", lr: 0.001 {
        /// What remains of the running mean of gradients at each step.
        beta1: f64 = 0.9, Decay;
        /// What remains of the running mean of squares at each step.
        beta2: f64 = 0.999, Decay;
        /// What is added to the divisor.
        epsilon: f64 = 1e-6, NotNegative;
        /// The least that a weight's norm counts for.
        lower_bound: Option<f64> = None, NotNegative;
        /// The most that a weight's norm counts for.
        upper_bound: Option<f64> = None, Positive;
        /// Whether means are corrected for their beginning at 0.
        bias_correction: bool = true, Any;
    }

    fn arrays(&self, dims: &Dims) -> Vec<(&'static str, Dims)> {
        vec![("mean", dims.clone()), ("var", dims.clone())]
    }

    fn update(&self, step: &mut Step<'_>) -> Result<()> {
        let t = step.updates() as f64;
        let correction =
            |beta: f64| if self.bias_correction { 1.0 / (1.0 - beta.powf(t)) } else { 1.0 };
        let corrections = (correction(self.beta1), correction(self.beta2));
        for_float!(step.dtype(), T => {
            let corrections = (corrections.0 as T, corrections.1 as T);
            let adam = kernel::Adam {
                read: step.reading(),
                lr: step.lr() as T,
                wd: step.wd() as T,
                beta1: self.beta1 as T,
                beta2: self.beta2 as T,
                epsilon: self.epsilon as T,
            };
            let [weight, direction] = step.pieces::<T, 2>(&|_, w, g, [mean, var]| {
                kernel::lamb_moments(adam, corrections, w, g, mean, var)
            })?;
            let lr = step.lr() * self.ratio(weight.sqrt(), direction.sqrt());
            let adam = kernel::Adam { lr: lr as T, ..adam };
            step.pieces::<T, 2>(&|_, w, _, [mean, var]| {
                kernel::lamb_step(adam, corrections, w, mean, var);
                [0.0; 2]
            })?;
        });
        Ok(())
    }
}

impl Lamb {
    fn ratio(&self, weight: f64, direction: f64) -> f64 {
        let weight = self.lower_bound.map_or(weight, |bound| weight.max(bound));
        let weight = self.upper_bound.map_or(weight, |bound| weight.min(bound));
        if weight == 0.0 || direction == 0.0 { 1.0 } else { weight / direction }
    }
}
