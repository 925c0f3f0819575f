//! Stochastic gradient descent.

use super::{Optimizer, Step};
use crate::array::{Buf, for_float};
use crate::cpu::update as kernel;
use crate::error::{Error, Result};

/// Stochastic gradient descent with momentum, weight decay and clipping, in one pass over memory.
///
/// With `g = clip(rescale · gradient)`: without momentum `w = (1 - lr·wd)·w - lr·g`; with it
/// `v = momentum·v - lr·wd·w - lr·g; w = w + v`.
///
/// # Memory
/// One more array per parameter with momentum, none without; nothing is allocated after the first
/// step. Half-precision parameters are computed in `f32` and rounded.
///
/// # Examples
/// ```
/// use gluonic::prelude::*;
/// let weight = Parameter::new("weight", 1);
/// weight.initialize_with(&init::One, Reinit::Keep)?;
/// let mut trainer = Trainer::of([&weight], Sgd::new(0.1)?.momentum(0.9)?)?;
/// let loss = autograd::record(|| weight.data()?.square())?;
/// loss.backward()?;
/// trainer.step(1)?;
/// assert_eq!(weight.data()?.to_scalar::<f32>()?, 0.8);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `optimizer.py`, class `SGD`; Polyak (1964), "Some methods of speeding up the
/// convergence of iteration methods".
#[derive(Debug)]
pub struct Sgd {
    lr: f64,
    wd: f64,
    momentum: f64,
    clip: f64,
    velocity: Vec<Option<Buf>>,
}

fn check(setting: &'static str, value: f64) -> Result<f64> {
    if value.is_finite() && value >= 0.0 {
        return Ok(value);
    }
    Err(Error::Setting {
        setting,
        expected: "finite and not negative",
        found: value.to_string().into(),
    })
}

impl Sgd {
    /// With a learning rate, no momentum, no weight decay, no clipping.
    ///
    /// # Errors
    /// [`Error::Setting`] if it is negative or not finite.
    pub fn new(lr: f64) -> Result<Self> {
        let lr = check("learning_rate", lr)?;
        Ok(Sgd { lr, wd: 0.0, momentum: 0.0, clip: f64::INFINITY, velocity: Vec::new() })
    }

    /// With momentum.
    ///
    /// # Errors
    /// [`Error::Setting`] if it is negative or not finite.
    pub fn momentum(self, momentum: f64) -> Result<Self> {
        Ok(Sgd { momentum: check("momentum", momentum)?, ..self })
    }

    /// With weight decay, which is added to the gradient: `wd · w`.
    ///
    /// # Errors
    /// [`Error::Setting`] if it is negative or not finite.
    pub fn wd(self, wd: f64) -> Result<Self> {
        Ok(Sgd { wd: check("wd", wd)?, ..self })
    }

    /// With each gradient element, after rescaling, clipped to `[-clip, clip]`.
    ///
    /// # Errors
    /// [`Error::Setting`] if it is negative or not finite.
    pub fn clip_gradient(self, clip: f64) -> Result<Self> {
        Ok(Sgd { clip: check("clip_gradient", clip)?, ..self })
    }
}

impl Optimizer for Sgd {
    fn learning_rate(&self) -> f64 {
        self.lr
    }

    fn set_learning_rate(&mut self, lr: f64) -> Result<()> {
        self.lr = check("learning_rate", lr)?;
        Ok(())
    }

    fn weight_decay(&self) -> f64 {
        self.wd
    }

    fn update(&mut self, step: &Step<'_>) -> Result<()> {
        let Some(slot) = step.parameter.slot() else { return Ok(()) };
        let gradient = slot.cell.snapshot()?;
        let weight = step.parameter.data()?;
        let mut lock = weight.cell.edit()?;
        let own = lock.buf();
        let compute = own.dtype().compute().unwrap_or(own.dtype());
        let half = own.dtype() != compute;
        let wide_gradient = half.then(|| gradient.convert(compute));
        let gradient = wide_gradient.as_ref().unwrap_or(&gradient);
        let mut wide = half.then(|| own.convert(compute));
        if self.velocity.len() <= step.index {
            self.velocity.resize_with(step.index + 1, || None);
        }
        let velocity = &mut self.velocity[step.index];
        for_float!(compute, T => {
            let sgd = kernel::Sgd {
                lr: step.lr as T,
                wd: step.wd as T,
                momentum: self.momentum as T,
                rescale: step.rescale as T,
                clip: self.clip as T,
            };
            let w = wide.as_mut().unwrap_or(own).slice_mut::<T>();
            if self.momentum == 0.0 {
                kernel::sgd(sgd, w, gradient.slice());
            } else {
                // A parameter that was cast since starts over.
                if velocity.as_ref().is_none_or(|v| v.dtype() != compute || v.len() != w.len()) {
                    *velocity = Some(Buf::zeros(compute, w.len()));
                }
                let velocity = velocity.as_mut().expect("made just now");
                kernel::sgd_momentum(sgd, w, gradient.slice(), velocity.slice_mut());
            }
        });
        if let Some(wide) = wide {
            let dtype = weight.dtype();
            lock.replace(std::sync::Arc::new(wide.convert(dtype)));
        }
        Ok(())
    }
}
