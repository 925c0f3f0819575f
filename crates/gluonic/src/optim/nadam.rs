//! Adam with Nesterov momentum.

use super::Step;
use super::common::optimizer;
use crate::array::for_float;
use crate::cpu::update as kernel;
use crate::error::Result;
use crate::shape::Dims;

optimizer! {
    /// [`Adam`](super::Adam) with Nesterov's momentum, which grows by a schedule.
    ///
    /// With `μ(t) = β1·(1 - 0.96^(t·schedule_decay)/2)`, `s` the product of `μ` over all updates so
    /// far and `g = clip(rescale · gradient + wd·w)` at the update number `t`:
    /// `m = β1·m + (1 - β1)·g`, `v = β2·v + (1 - β2)·g²`,
    /// `m̄ = (1 - μ(t))·g/(1 - s) + μ(t + 1)·m/(1 - s·μ(t + 1))`,
    /// `w = w - lr·m̄/(√(v/(1 - β2ᵗ)) + ε)`. Defaults: `lr = 0.001`, `β1 = 0.9`, `β2 = 0.999`,
    /// `ε = 1e-8`, `schedule_decay = 0.004`.
    ///
    /// As in MXNet, `s` is one product for all parameters, so it falls faster the more there are.
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
    /// let mut trainer = Trainer::of([&weight], optim::Nadam::new(0.1)?)?;
    /// autograd::record(|| weight.data()?.square())?.backward()?;
    /// trainer.step(1)?;
    /// assert!(weight.data()?.to_scalar::<f32>()? < 1.0);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// MXNet 1.9.1, `optimizer.py`, class `Nadam`; Dozat (2016), "Incorporating Nesterov momentum
    /// into Adam".
    pub struct Nadam, "nadam", lr: 0.001 {
        /// What remains of the running mean of gradients at each step.
        beta1: f64 = 0.9, Decay;
        /// What remains of the running mean of squares at each step.
        beta2: f64 = 0.999, Decay;
        /// What is added to the divisor.
        epsilon: f64 = 1e-8, NotNegative;
        /// How fast the momentum grows.
        schedule_decay: f64 = 0.004, NotNegative;
        /// The product of momenta so far, 1 at the beginning: it is here because states that are
        /// saved hold it.
        m_schedule: f64 = 1.0, NotNegative;
    }

    fn arrays(&self, dims: &Dims) -> Vec<(&'static str, Dims)> {
        vec![("mean", dims.clone()), ("var", dims.clone())]
    }

    fn prepare(&mut self, updates: u64) -> f64 {
        self.m_schedule *= self.momentum(updates as f64);
        self.m_schedule
    }

    fn update(&self, step: &mut Step<'_>) -> Result<()> {
        let (t, product) = (step.updates() as f64, step.prepared());
        let (momentum, next) = (self.momentum(t), self.momentum(t + 1.0));
        let now = (1.0 - momentum) / (1.0 - product);
        let next = next / (1.0 - product * next);
        let correction = 1.0 / (1.0 - self.beta2.powf(t));
        for_float!(step.dtype(), T => {
            let adam = kernel::Adam {
                read: step.reading(),
                lr: step.lr() as T,
                wd: step.wd() as T,
                beta1: self.beta1 as T,
                beta2: self.beta2 as T,
                epsilon: self.epsilon as T,
            };
            step.pieces::<T, 2>(&|_, w, g, [mean, var]| {
                kernel::nadam(adam, now as T, next as T, correction as T, w, g, mean, var);
                [0.0; 2]
            })?;
        });
        Ok(())
    }
}

impl Nadam {
    fn momentum(&self, t: f64) -> f64 {
        self.beta1 * (1.0 - 0.5 * 0.96_f64.powf(t * self.schedule_decay))
    }
}
