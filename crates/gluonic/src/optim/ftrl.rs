//! Follow the regularized leader.

use super::Step;
use super::common::optimizer;
use crate::array::for_float;
use crate::cpu::update as kernel;
use crate::error::Result;
use crate::shape::Dims;

optimizer! {
    /// Follow the regularized leader, proximally: weights that have little to say become exactly 0.
    ///
    /// With `g = clip(rescale · gradient)`: `z = z + g - (√(n + g²) - √n)·w/lr`, `n = n + g²`, and
    /// `w = (sign(z)·λ1 - z)/((β + √n)/lr + wd)` where `|z| > λ1`, else 0. Defaults: `lr = 0.1`,
    /// `λ1 = 0.01`, `β = 1`. With a learning rate of 0 everything stays as it is.
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
    /// let mut trainer = Trainer::of([&weight], optim::Ftrl::new(0.1)?)?;
    /// autograd::record(|| weight.data()?.square())?.backward()?;
    /// trainer.step(1)?;
    /// assert!(weight.data()?.to_scalar::<f32>()? < 1.0);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// MXNet 1.9.1, `optimizer.py`, class `Ftrl`, with its spelling `lamda1`; `McMahan` et al.
    /// (2013), "Ad click prediction: a view from the trenches", algorithm 1. DIFFERENCE: a learning
    /// rate of 0 makes NaN in MXNet.
    pub struct Ftrl, "ftrl", lr: 0.1 {
        /// The weight of the sum of absolute values.
        lamda1: f64 = 0.01, NotNegative;
        /// What makes the learning rate of an element with small gradients smaller.
        beta: f64 = 1.0, NotNegative;
    }

    fn arrays(&self, dims: &Dims) -> Vec<(&'static str, Dims)> {
        vec![("z", dims.clone()), ("n", dims.clone())]
    }

    fn update(&self, step: &mut Step<'_>) -> Result<()> {
        if step.lr() == 0.0 {
            return Ok(());
        }
        for_float!(step.dtype(), T => {
            let (read, lr, wd) = (step.reading::<T>(), step.lr() as T, step.wd() as T);
            let (lamda1, beta) = (self.lamda1 as T, self.beta as T);
            step.pieces::<T, 2>(&|_, w, g, [z, n]| {
                kernel::ftrl(read, lr, wd, lamda1, beta, w, g, z, n);
                [0.0; 2]
            })?;
        });
        Ok(())
    }
}
