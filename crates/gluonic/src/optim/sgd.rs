//! Stochastic gradient descent.

use super::rows::update_rows;
use super::{Optimizer, Step};
use crate::array::{Buf, DType, Rows, for_float};
use crate::cpu::update as kernel;
use crate::error::{Error, Result};

/// Stochastic gradient descent with momentum, weight decay and clipping, in one pass over memory.
///
/// With `g = clip(rescale · gradient)`: without momentum `w = (1 - lr·wd)·w - lr·g`; with it
/// `v = momentum·v - lr·wd·w - lr·g; w = w + v`.
///
/// A gradient that is kept by rows (see [`GradRows`](crate::param::GradRows)) changes these rows
/// alone, of the weight and of `v`: the others do not decay, and their `v` waits for the next
/// gradient. [`Sgd::lazy_update`] switches that off.
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
    lazy: bool,
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
        let (clip, velocity) = (f64::INFINITY, Vec::new());
        Ok(Sgd { lr, wd: 0.0, momentum: 0.0, clip, lazy: true, velocity })
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

    /// Whether a gradient that is kept by rows changes these rows alone (the default) or, as the
    /// whole gradient that it stands for, every row.
    #[must_use]
    pub fn lazy_update(self, lazy: bool) -> Self {
        Sgd { lazy, ..self }
    }

    fn update_rows(&mut self, step: &Step<'_>, rows: &Rows) -> Result<()> {
        let weight = step.parameter.data()?;
        let compute = weight.dtype().compute().unwrap_or(weight.dtype());
        let has_momentum = self.momentum != 0.0;
        let velocity = has_momentum
            .then(|| velocity(&mut self.velocity, step.index, compute, weight.elem_count()));
        for_float!(compute, T => {
            let sgd = kernel::Sgd {
                lr: step.lr as T,
                wd: step.wd as T,
                momentum: self.momentum as T,
                rescale: step.rescale as T,
                clip: self.clip as T,
            };
            update_rows(&weight, rows, &mut Vec::from_iter(velocity), |w, g, v| match v {
                [v] => kernel::sgd_momentum(sgd, w.slice_mut::<T>(), g.slice(), v.slice_mut()),
                _ => kernel::sgd(sgd, w.slice_mut::<T>(), g.slice()),
            })
        })
    }
}

/// The memory of a parameter. One that was cast since starts over.
fn velocity(all: &mut Vec<Option<Buf>>, index: usize, compute: DType, n: usize) -> &mut Buf {
    if all.len() <= index {
        all.resize_with(index + 1, || None);
    }
    let own = &mut all[index];
    if own.as_ref().is_none_or(|v| v.dtype() != compute || v.len() != n) {
        *own = None;
    }
    own.get_or_insert_with(|| Buf::zeros(compute, n))
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
        if self.lazy
            && let Some(rows) = slot.cell.rows()?
        {
            return self.update_rows(step, &rows);
        }
        let gradient = slot.cell.snapshot()?;
        let weight = step.parameter.data()?;
        let mut lock = weight.cell.edit()?;
        let own = lock.buf();
        let compute = own.dtype().compute().unwrap_or(own.dtype());
        let half = own.dtype() != compute;
        let wide_gradient = half.then(|| gradient.convert(compute));
        let gradient = wide_gradient.as_ref().unwrap_or(&gradient);
        let mut wide = half.then(|| own.convert(compute));
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
                let v = velocity(&mut self.velocity, step.index, compute, w.len());
                kernel::sgd_momentum(sgd, w, gradient.slice(), v.slice_mut());
            }
        });
        if let Some(wide) = wide {
            let dtype = weight.dtype();
            lock.replace(std::sync::Arc::new(wide.convert(dtype)));
        }
        Ok(())
    }
}
