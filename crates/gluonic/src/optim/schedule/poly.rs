//! A learning rate that falls along a power.

use super::{Decay, Schedule, Warmup};
use crate::error::Result;
use crate::optim::setting::{NotNegative, check};

/// A learning rate that falls along a power of what is left to do.
///
/// `final + (base - final)·(1 - (n - w)/(max_update - w))^power` with `w` updates of warm-up, and
/// `final` after `max_update`.
///
/// # Examples
/// ```
/// use gluonic::optim::schedule::{Poly, Schedule};
/// let schedule = Poly::new(4)?;
/// assert_eq!([1, 2, 4, 9].map(|n| schedule.learning_rate(1.0, n)), [0.5625, 0.25, 0.0, 0.0]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `lr_scheduler.py`, class `PolyScheduler`.
#[doc(alias = "PolyScheduler", alias = "PolynomialLR")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Poly {
    decay: Decay,
    power: f64,
}

impl Poly {
    /// To 0 within so many updates, with the power 2.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) if there are none.
    pub fn new(max_update: u64) -> Result<Self> {
        Ok(Poly { decay: Decay::new(max_update)?, power: 2.0 })
    }

    /// With another power.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) if it is negative or not finite.
    #[doc(alias = "pwr")]
    pub fn power(self, power: f64) -> Result<Self> {
        Ok(Poly { power: check::<NotNegative, _>("power", power)?, ..self })
    }

    /// To another learning rate than 0.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) if it is negative or not finite.
    pub fn final_lr(self, lr: f64) -> Result<Self> {
        Ok(Poly { decay: self.decay.final_lr(lr)?, ..self })
    }

    /// After a warm-up, which counts among the updates.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) if it is as long as everything.
    pub fn warmup(self, warmup: Warmup) -> Result<Self> {
        Ok(Poly { decay: self.decay.warmup(warmup)?, ..self })
    }
}

impl Schedule for Poly {
    fn learning_rate(&self, base: f64, num_update: u64) -> f64 {
        self.decay.learning_rate(base, num_update, |over| (1.0 - over).powf(self.power))
    }
}
