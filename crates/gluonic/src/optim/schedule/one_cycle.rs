//! A learning rate that rises once and falls once.

use std::f64::consts::PI;

use super::Schedule;
use crate::error::{Error, Result, one_or_more};
use crate::optim::setting::{OneOrMore, check};

/// A learning rate that rises to that of the optimizer and then falls far below where it began,
/// along cosines.
///
/// From `base/div_factor` at the first update to `base` after the share `pct_start` of all, and on
/// to `base/(div_factor·final_div_factor)` at the last, where it stays.
///
/// # Examples
/// ```
/// use gluonic::optim::schedule::{OneCycle, Schedule};
/// let schedule = OneCycle::new(10)?;
/// assert!((schedule.learning_rate(1.0, 1) - 0.04).abs() < 1e-12);
/// assert_eq!(schedule.learning_rate(1.0, 3), 1.0);
/// assert!((schedule.learning_rate(1.0, 10) - 4e-6).abs() < 1e-12);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// PyTorch, `lr_scheduler.py`, class `OneCycleLR`, without its momentum; Smith and Topin (2019),
/// "Super-convergence: very fast training of neural networks using large learning rates".
#[doc(alias = "OneCycleLR")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OneCycle {
    total: u64,
    pct_start: f64,
    div_factor: f64,
    final_div_factor: f64,
}

impl OneCycle {
    /// Over so many updates; rises for 0.3 of them, from a 25th, and falls to a 10,000th of that.
    ///
    /// # Errors
    /// [`Error::Setting`] if there are none.
    pub fn new(total: u64) -> Result<Self> {
        let total = one_or_more("total", total)?;
        Ok(OneCycle { total, pct_start: 0.3, div_factor: 25.0, final_div_factor: 1e4 })
    }

    /// Rises for another share of the updates.
    ///
    /// # Errors
    /// [`Error::Setting`] if it is not between 0 and 1.
    pub fn pct_start(self, pct_start: f64) -> Result<Self> {
        if (0.0..=1.0).contains(&pct_start) {
            return Ok(OneCycle { pct_start, ..self });
        }
        let (setting, expected) = ("pct_start", "between 0 and 1");
        Err(Error::Setting { setting, expected, found: pct_start.to_string().into() })
    }

    /// What the learning rate is divided by at the first update.
    ///
    /// # Errors
    /// [`Error::Setting`] if it is less than 1 or not finite.
    pub fn div_factor(self, div_factor: f64) -> Result<Self> {
        Ok(OneCycle { div_factor: check::<OneOrMore, _>("div_factor", div_factor)?, ..self })
    }

    /// What the learning rate of the first update is divided by at the last.
    ///
    /// # Errors
    /// [`Error::Setting`] if it is less than 1 or not finite.
    pub fn final_div_factor(self, final_div_factor: f64) -> Result<Self> {
        let final_div_factor = check::<OneOrMore, _>("final_div_factor", final_div_factor)?;
        Ok(OneCycle { final_div_factor, ..self })
    }
}

impl Schedule for OneCycle {
    fn learning_rate(&self, base: f64, num_update: u64) -> f64 {
        let last = self.total as f64 - 1.0;
        let step = (num_update.saturating_sub(1) as f64).min(last);
        let top = self.pct_start * self.total as f64 - 1.0;
        let first = base / self.div_factor;
        let between =
            |from: f64, to: f64, part: f64| to + (from - to) / 2.0 * ((PI * part).cos() + 1.0);
        if step <= top {
            return between(first, base, if top > 0.0 { step / top } else { 1.0 });
        }
        let part = if last > top { (step - top) / (last - top) } else { 1.0 };
        between(base, first / self.final_div_factor, part)
    }
}
