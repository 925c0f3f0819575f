//! SGD with a learning rate for each layer.

use super::Step;
use super::common::optimizer;
use super::sgd::momentum;
use super::step::InPieces;
use crate::array::for_float;
use crate::cpu::update as kernel;
use crate::error::Result;
use crate::shape::Dims;

optimizer! {
    /// [`Sgd`](super::Sgd) with a learning rate in proportion to each parameter's norm, for large
    /// batches.
    ///
    /// The learning rate of a parameter is `lr·η·‖w‖/(‖g‖ + wd·‖w‖ + ε)` with
    /// `g = rescale · gradient`, and `lr` where one of the norms is 0 or the name ends in `gamma`,
    /// `beta` or `bias`. When the learning rate changes from one step to the next, the momentum is
    /// multiplied by their ratio, since it holds steps of the old size. Defaults: `lr = 0.01`,
    /// `momentum = 0`, `η = 0.001`, `ε = 0`.
    ///
    /// # Memory
    /// As [`Sgd`](super::Sgd).
    ///
    /// # Examples
    /// ```
    /// use gluonic::optim;
    /// use gluonic::prelude::*;
    /// let weight = Parameter::new("weight", 1);
    /// weight.initialize_with(&init::One, Reinit::Keep)?;
    /// let mut trainer = Trainer::of([&weight], optim::Lars::new(0.1)?)?;
    /// autograd::record(|| weight.data()?.square())?.backward()?;
    /// trainer.step(1)?;
    /// assert!((weight.data()?.to_scalar::<f32>()? - 0.9999).abs() < 1e-6);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// MXNet 1.9.1, `optimizer.py`, class `LARS`; You, Gitman and Ginsburg (2017), "Large batch
    /// training of convolutional networks", eq. 6; for the momentum Goyal et al. (2017), "Accurate,
    /// large minibatch SGD: training `ImageNet` in 1 hour", section 3. DIFFERENCE: MXNet updates four
    /// parameters at a time, and corrects the momentum of the first four only.
    #[doc(alias = "LARS")]
    pub struct Lars, "lars", lr: 0.01 {
        /// With momentum.
        momentum: f64 = 0.0, Decay;
        /// The share of a weight that one step with the learning rate 1 moves it by.
        eta: f64 = 0.001, NotNegative;
        /// What is added to the divisor.
        epsilon: f64 = 0.0, NotNegative;
        /// Whether the momentum follows changes of the learning rate.
        momentum_correction: bool = true, Any;
    }

    fn arrays(&self, dims: &Dims) -> Vec<(&'static str, Dims)> {
        momentum(self.momentum, dims)
    }

    fn update(&self, step: &mut Step<'_>) -> Result<()> {
        let ratio = if self.momentum_correction { step.lr_ratio() } else { 1.0 };
        for_float!(step.dtype(), T => {
            let lr = self.layer_lr::<T>(step)?;
            let (read, lr, wd) = (step.reading::<T>(), lr as T, step.wd() as T);
            if self.momentum == 0.0 {
                step.weights::<T>(&|_, w, g, []| {
                    kernel::sgd(read, lr, wd, w, g);
                    [0.0; 2]
                })?;
            } else {
                let momentum = (self.momentum * ratio) as T;
                step.pieces::<T, 1>(&|_, w, g, [v]| {
                    kernel::sgd_momentum(read, lr, wd, momentum, w, g, v);
                    [0.0; 2]
                })?;
            }
        });
        Ok(())
    }
}

impl Lars {
    /// The learning rate of the parameter.
    fn layer_lr<T: InPieces>(&self, step: &mut Step<'_>) -> Result<f64> {
        let lr = step.lr();
        let name = step.parameter().name();
        if ["gamma", "beta", "bias"].iter().any(|suffix| name.ends_with(suffix)) {
            return Ok(lr);
        }
        let [weight, gradient] = step.weights::<T>(&|_, w, g, []| kernel::norms(w, g))?;
        let (weight, gradient) = (weight.sqrt(), gradient.sqrt() * step.rescale().abs());
        if weight > 0.0 && gradient > 0.0 {
            return Ok(lr * self.eta * weight / (gradient + step.wd() * weight + self.epsilon));
        }
        Ok(lr)
    }
}
