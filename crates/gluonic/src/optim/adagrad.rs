//! Gradients divided by the root of the sum of their squares.

use super::Step;
use super::common::optimizer;
use crate::array::for_float;
use crate::cpu::update as kernel;
use crate::error::Result;
use crate::shape::Dims;

optimizer! {
    /// The gradient divided by the root of the sum of all its squares.
    ///
    /// With `g = clip(rescale · gradient)`: `h = h + g²`, `w = w - lr·(g/√(h + ε) + wd·w)`.
    /// Defaults: `lr = 0.01`, `ε = 1e-7`.
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
    /// let mut trainer = Trainer::of([&weight], optim::AdaGrad::new(0.1)?)?;
    /// autograd::record(|| weight.data()?.square())?.backward()?;
    /// trainer.step(1)?;
    /// assert!((weight.data()?.to_scalar::<f32>()? - 0.9).abs() < 1e-6);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// MXNet 1.9.1, `optimizer.py`, class `AdaGrad`, of which the argument `eps` is `epsilon` here;
    /// Duchi, Hazan and Singer (2011), "Adaptive subgradient methods for online learning and
    /// stochastic optimization".
    #[doc(alias = "Adagrad")]
    pub struct AdaGrad, "adagrad", lr: 0.01 {
        /// What is added under the root.
        epsilon: f64 = 1e-7, NotNegative;
    }

    fn arrays(&self, dims: &Dims) -> Vec<(&'static str, Dims)> {
        vec![("history", dims.clone())]
    }

    fn update(&self, step: &mut Step<'_>) -> Result<()> {
        for_float!(step.dtype(), T => {
            let (read, lr, wd) = (step.reading::<T>(), step.lr() as T, step.wd() as T);
            let epsilon = self.epsilon as T;
            step.pieces::<T, 1>(&|_, w, g, [history]| {
                kernel::adagrad(read, lr, wd, epsilon, w, g, history);
                [0.0; 2]
            })?;
        });
        Ok(())
    }
}
