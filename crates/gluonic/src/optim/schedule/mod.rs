//! Learning rates that depend on the number of updates.
//!
//! A [`Schedule`] is a pure function: of the learning rate that the optimizer was given and of the
//! number of the update, which is 1 for the first. So a run that goes on from a file of states goes
//! on with the same learning rates. The number is MXNet's `num_update`: the largest number of
//! updates that any parameter has had.
//!
//! ```
//! use gluonic::optim::schedule::{Cosine, Warmup};
//! use gluonic::prelude::*;
//! let schedule = Cosine::new(100)?.warmup(Warmup::linear(10, 0.0)?)?;
//! assert_eq!(schedule.learning_rate(0.4, 5), 0.2);
//! assert_eq!(schedule.learning_rate(0.4, 10), 0.4);
//! assert!((schedule.learning_rate(0.4, 55) - 0.2).abs() < 1e-12);
//! assert_eq!(schedule.learning_rate(0.4, 100), 0.0);
//! let sgd = Sgd::new(0.4)?.momentum(0.9)?.schedule(schedule);
//! # Ok::<(), gluonic::Error>(())
//! ```
//!
//! A closure is a schedule too: `|base, n| base / (n as f64).sqrt()`.

mod cosine;
mod factor;
mod one_cycle;
mod poly;
mod warmup;

pub use cosine::Cosine;
pub use factor::{Factor, MultiFactor};
pub use one_cycle::OneCycle;
pub use poly::Poly;
pub use warmup::Warmup;

use super::setting::{NotNegative, check};
use crate::error::{Error, Result, one_or_more};

/// A learning rate as a function of the number of updates.
///
/// # Source
/// MXNet 1.9.1, `lr_scheduler.py`. DIFFERENCE: MXNet's schedulers have a base learning rate of their
/// own, which that of the optimizer overwrites, and remember where they are.
#[doc(alias = "LRScheduler")]
pub trait Schedule: Send + Sync {
    /// The learning rate of update number `num_update`, the first being 1, for an optimizer that was
    /// given the learning rate `base`.
    fn learning_rate(&self, base: f64, num_update: u64) -> f64;
}

impl<F: Fn(f64, u64) -> f64 + Send + Sync> Schedule for F {
    fn learning_rate(&self, base: f64, num_update: u64) -> f64 {
        self(base, num_update)
    }
}

/// A factor on the learning rate, which must not make it grow.
fn factor(factor: f64) -> Result<f64> {
    if (0.0..=1.0).contains(&factor) {
        return Ok(factor);
    }
    let (setting, expected) = ("factor", "between 0 and 1");
    Err(Error::Setting { setting, expected, found: factor.to_string().into() })
}

fn rate(setting: &'static str, lr: f64) -> Result<f64> {
    check::<NotNegative, _>(setting, lr)
}

/// The end of a decay and the warm-up before it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Decay {
    max_update: u64,
    final_lr: f64,
    warmup: Warmup,
}

impl Decay {
    fn new(max_update: u64) -> Result<Self> {
        let max_update = one_or_more("max_update", max_update)?;
        Ok(Decay { max_update, final_lr: 0.0, warmup: Warmup::default() })
    }

    fn final_lr(self, lr: f64) -> Result<Self> {
        Ok(Decay { final_lr: rate("final_lr", lr)?, ..self })
    }

    fn warmup(self, warmup: Warmup) -> Result<Self> {
        if warmup.steps() >= self.max_update {
            let (setting, expected) = ("warmup", "shorter than max_update");
            return Err(Error::Setting {
                setting,
                expected,
                found: warmup.steps().to_string().into(),
            });
        }
        Ok(Decay { warmup, ..self })
    }

    /// `final + (base - final)·remaining(how much of the decay is over)`.
    fn learning_rate(&self, base: f64, num_update: u64, remaining: impl Fn(f64) -> f64) -> f64 {
        if let Some(lr) = self.warmup.before(base, num_update) {
            return lr;
        }
        let steps = self.warmup.steps();
        let done = num_update.min(self.max_update) - steps;
        let over = done as f64 / (self.max_update - steps) as f64;
        self.final_lr + (base - self.final_lr) * remaining(over)
    }
}
