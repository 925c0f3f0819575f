//! Steps by the sign of the momentum.

use super::Step;
use super::common::optimizer;
use super::sgd::momentum;
use crate::array::for_float;
use crate::cpu::update as kernel;
use crate::error::Result;
use crate::shape::Dims;

optimizer! {
    /// Steps of one length along the sign of the momentum.
    ///
    /// With `g = clip(rescale · gradient)`: `v = momentum·v - (1 - momentum)·(wd·w + g)`,
    /// `w = (1 - lr·wd_lh)·w + lr·sign(v)`. Without momentum it is signSGD:
    /// `w = (1 - lr·(wd + wd_lh))·w - lr·sign(g)`. Defaults: `lr = 0.01`, `momentum = 0.9`,
    /// `wd_lh = 0`.
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
    /// let mut trainer = Trainer::of([&weight], optim::Signum::new(0.1)?)?;
    /// autograd::record(|| weight.data()?.square())?.backward()?;
    /// trainer.step(1)?;
    /// assert!((weight.data()?.to_scalar::<f32>()? - 0.9).abs() < 1e-6);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// MXNet 1.9.1, `optimizer.py`, class `Signum`; Bernstein et al. (2018), "signSGD: compressed
    /// optimisation for non-convex problems". DIFFERENCE: `wd_lh` without momentum fails in MXNet.
    #[doc(alias = "SignSGD")]
    pub struct Signum, "signum", lr: 0.01 {
        /// With momentum.
        momentum: f64 = 0.9, Decay;
        /// Weight decay apart from the gradient, as that of Loshchilov and Hutter.
        wd_lh: f64 = 0.0, NotNegative;
    }

    fn arrays(&self, dims: &Dims) -> Vec<(&'static str, Dims)> {
        momentum(self.momentum, dims)
    }

    fn update(&self, step: &mut Step<'_>) -> Result<()> {
        for_float!(step.dtype(), T => {
            let (lr, wd, wd_lh) = (step.lr() as T, step.wd() as T, self.wd_lh as T);
            if self.momentum == 0.0 {
                step.weights::<T>(&|_, w, g, []| {
                    kernel::signsgd(lr, wd + wd_lh, w, g);
                    [0.0; 2]
                })?;
            } else {
                let (read, momentum) = (step.reading::<T>(), self.momentum as T);
                step.pieces::<T, 1>(&|_, w, g, [v]| {
                    kernel::signum(read, lr, wd, momentum, wd_lh, w, g, v);
                    [0.0; 2]
                })?;
            }
        });
        Ok(())
    }
}
