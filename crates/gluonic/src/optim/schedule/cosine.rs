//! A learning rate that falls along a cosine.

use std::f64::consts::PI;

use super::{Decay, Schedule, Warmup};
use crate::error::Result;

/// A learning rate that falls along half a cosine.
///
/// `final + (base - final)·(1 + cos(π·(n - w)/(max_update - w)))/2` with `w` updates of warm-up,
/// and `final` after `max_update`.
///
/// # Examples
/// ```
/// use gluonic::optim::schedule::{Cosine, Schedule};
/// let schedule = Cosine::new(4)?.final_lr(0.2)?;
/// let rates = [2, 4, 9].map(|n| schedule.learning_rate(1.0, n));
/// assert_eq!(rates, [0.6000000000000001, 0.2, 0.2]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `lr_scheduler.py`, class `CosineScheduler`; Loshchilov and Hutter (2017), "SGDR:
/// stochastic gradient descent with warm restarts", eq. 5.
#[doc(alias = "CosineScheduler", alias = "CosineAnnealingLR")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cosine {
    decay: Decay,
}

impl Cosine {
    /// To 0 within so many updates.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) if there are none.
    pub fn new(max_update: u64) -> Result<Self> {
        Ok(Cosine { decay: Decay::new(max_update)? })
    }

    /// To another learning rate than 0.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) if it is negative or not finite.
    pub fn final_lr(self, lr: f64) -> Result<Self> {
        Ok(Cosine { decay: self.decay.final_lr(lr)? })
    }

    /// After a warm-up, which counts among the updates.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) if it is as long as everything.
    pub fn warmup(self, warmup: Warmup) -> Result<Self> {
        Ok(Cosine { decay: self.decay.warmup(warmup)? })
    }
}

impl Schedule for Cosine {
    fn learning_rate(&self, base: f64, num_update: u64) -> f64 {
        self.decay.learning_rate(base, num_update, |over| 0.5 + 0.5 * (PI * over).cos())
    }
}
