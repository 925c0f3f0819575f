//! The first updates, with a smaller learning rate.

use super::{Schedule, rate};
use crate::error::Result;

/// A learning rate that is small for the first updates.
///
/// With `n` the number of an update below `steps`: [linear](Warmup::linear) is
/// `begin + (base - begin)·n/steps`, [constant](Warmup::constant) is `begin`. It is a part of the
/// other schedules, and as a schedule of its own stays at `base` afterwards. None by default.
///
/// # Examples
/// ```
/// use gluonic::optim::schedule::{Schedule, Warmup};
/// let warmup = Warmup::linear(4, 0.1)?;
/// let rates = [1, 2, 3, 4, 5].map(|n| warmup.learning_rate(0.5, n));
/// assert_eq!(rates, [0.2, 0.30000000000000004, 0.4, 0.5, 0.5]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `lr_scheduler.py`, `LRScheduler.get_warmup_lr`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Warmup {
    steps: u64,
    begin_lr: f64,
    constant: bool,
}

impl Warmup {
    /// From `begin_lr` up in equal steps.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) if `begin_lr` is negative or not finite.
    pub fn linear(steps: u64, begin_lr: f64) -> Result<Self> {
        Ok(Warmup { steps, begin_lr: rate("begin_lr", begin_lr)?, constant: false })
    }

    /// `begin_lr` all the time.
    ///
    /// # Errors
    /// As [`Warmup::linear`].
    pub fn constant(steps: u64, begin_lr: f64) -> Result<Self> {
        Ok(Warmup { constant: true, ..Self::linear(steps, begin_lr)? })
    }

    pub(super) fn steps(&self) -> u64 {
        self.steps
    }

    /// The learning rate, while it lasts.
    pub(super) fn before(&self, base: f64, num_update: u64) -> Option<f64> {
        let Warmup { steps, begin_lr, constant } = *self;
        (num_update < steps).then(|| {
            let over = if constant { 0.0 } else { num_update as f64 / steps as f64 };
            begin_lr + (base - begin_lr) * over
        })
    }
}

impl Schedule for Warmup {
    fn learning_rate(&self, base: f64, num_update: u64) -> f64 {
        self.before(base, num_update).unwrap_or(base)
    }
}
