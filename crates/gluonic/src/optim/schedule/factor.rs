//! Learning rates that fall in steps.

use super::{Schedule, Warmup, factor, rate};
use crate::error::{Error, Result, one_or_more};

/// A learning rate that is multiplied by a factor every so many updates.
///
/// `max(base·factorᵏ, stop_factor_lr)` with `k = ⌊(n - 1)/step⌋`, so that the updates 1 to `step`
/// have `base`.
///
/// # Examples
/// ```
/// use gluonic::optim::schedule::{Factor, Schedule};
/// let schedule = Factor::new(2, 0.5)?;
/// assert_eq!([1, 2, 3, 4, 5].map(|n| schedule.learning_rate(1.0, n)), [1.0, 1.0, 0.5, 0.5, 0.25]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `lr_scheduler.py`, class `FactorScheduler`.
#[doc(alias = "FactorScheduler", alias = "StepLR")]
#[allow(clippy::struct_field_names, reason = "MXNet's names of the arguments")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Factor {
    step: u64,
    factor: f64,
    stop_factor_lr: f64,
    warmup: Warmup,
}

impl Factor {
    /// With the number of updates between two changes; the learning rate stops falling at 1e-8.
    ///
    /// # Errors
    /// [`Error::Setting`] if `step` is 0, or `factor` not between 0 and 1.
    pub fn new(step: u64, factor: f64) -> Result<Self> {
        let (step, factor) = (one_or_more("step", step)?, self::factor(factor)?);
        Ok(Factor { step, factor, stop_factor_lr: 1e-8, warmup: Warmup::default() })
    }

    /// With another learning rate at which it stops falling.
    ///
    /// # Errors
    /// [`Error::Setting`] if it is negative or not finite.
    pub fn stop_factor_lr(self, lr: f64) -> Result<Self> {
        Ok(Factor { stop_factor_lr: rate("stop_factor_lr", lr)?, ..self })
    }

    /// With a warm-up, which changes nothing for the updates after it.
    #[must_use]
    pub fn warmup(self, warmup: Warmup) -> Self {
        Factor { warmup, ..self }
    }
}

impl Schedule for Factor {
    fn learning_rate(&self, base: f64, num_update: u64) -> f64 {
        if let Some(lr) = self.warmup.before(base, num_update) {
            return lr;
        }
        let k = num_update.saturating_sub(1) / self.step;
        if k == 0 || self.factor == 1.0 {
            return if k == 0 { base } else { base.max(self.stop_factor_lr) };
        }
        // Factor by factor, to the last bit as MXNet; what has reached the end stays there.
        let mut lr = base;
        for _ in 0..k {
            lr *= self.factor;
            if lr < self.stop_factor_lr || lr == 0.0 {
                return self.stop_factor_lr;
            }
        }
        lr
    }
}

/// A learning rate that is multiplied by a factor after each of some updates.
///
/// `base·factorᵏ`, with `k` the number of `steps` that lie before update `n`.
///
/// # Examples
/// ```
/// use gluonic::optim::schedule::{MultiFactor, Schedule};
/// let schedule = MultiFactor::new([1, 3], 0.5)?;
/// assert_eq!([1, 2, 3, 4].map(|n| schedule.learning_rate(1.0, n)), [1.0, 0.5, 0.5, 0.25]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `lr_scheduler.py`, class `MultiFactorScheduler`.
#[doc(alias = "MultiFactorScheduler", alias = "MultiStepLR")]
#[derive(Clone, Debug, PartialEq)]
pub struct MultiFactor {
    steps: Box<[u64]>,
    factor: f64,
    warmup: Warmup,
}

impl MultiFactor {
    /// With the numbers of the updates after which the learning rate changes, in ascending order.
    ///
    /// # Errors
    /// [`Error::Setting`] if there are none, if they do not ascend from 1 or more, or if `factor` is
    /// not between 0 and 1.
    pub fn new(steps: impl Into<Box<[u64]>>, factor: f64) -> Result<Self> {
        let (steps, factor) = (steps.into(), self::factor(factor)?);
        let ascend = steps.windows(2).all(|pair| pair[0] < pair[1]);
        if steps.first().is_none_or(|first| *first == 0) || !ascend {
            let (setting, expected) = ("steps", "one or more numbers that ascend from 1 or more");
            return Err(Error::Setting { setting, expected, found: format!("{steps:?}").into() });
        }
        Ok(MultiFactor { steps, factor, warmup: Warmup::default() })
    }

    /// With a warm-up, which changes nothing for the updates after it.
    #[must_use]
    pub fn warmup(self, warmup: Warmup) -> Self {
        MultiFactor { warmup, ..self }
    }
}

impl Schedule for MultiFactor {
    fn learning_rate(&self, base: f64, num_update: u64) -> f64 {
        if let Some(lr) = self.warmup.before(base, num_update) {
            return lr;
        }
        let passed = self.steps.partition_point(|step| *step < num_update);
        (0..passed).fold(base, |lr, _| lr * self.factor)
    }
}
