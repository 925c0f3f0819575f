//! What is remembered of one value or gradient from step to step.

use super::finding::Trouble;

/// At how many measured steps in a row a gradient is 0 before its parameter counts as dead.
pub(super) const DEAD_STEPS: u32 = 5;
/// How many times its median a norm must be to count as exploding.
const FACTOR: f64 = 1000.0;
/// How many norms there must be for a median.
const LEAST: usize = 3;
/// How many norms are kept.
const MOST: usize = 64;

/// Norms at earlier measured steps, evenly spread over all of them.
#[derive(Debug)]
pub(super) struct History {
    norms: Vec<f64>,
    /// Of how many norms one is kept.
    stride: usize,
    /// How many norms there were since one was kept.
    since: usize,
    /// At how many steps in a row all elements were 0.
    zeros: u32,
}

impl Default for History {
    fn default() -> Self {
        History { norms: Vec::new(), stride: 1, since: 0, zeros: 0 }
    }
}

impl History {
    /// Whether the norm explodes. Those of what is not finite, and 0, say nothing of what is usual.
    pub(super) fn follow(&mut self, norm: f64, is_finite: bool) -> Option<Trouble> {
        if !is_finite || norm == 0.0 {
            return None;
        }
        let median = self.median();
        self.push(norm);
        let median = median.filter(|median| norm > FACTOR * median)?;
        Some(Trouble::Exploding { norm, median })
    }

    /// Whether the parameter is dead, all elements of its gradient being 0 or not.
    pub(super) fn follow_dead(&mut self, is_zero: bool) -> Option<Trouble> {
        self.zeros = if is_zero { self.zeros.saturating_add(1) } else { 0 };
        (self.zeros >= DEAD_STEPS).then_some(Trouble::Dead)
    }

    fn push(&mut self, norm: f64) {
        self.since += 1;
        if self.since < self.stride {
            return;
        }
        self.since = 0;
        self.norms.push(norm);
        if self.norms.len() == MOST {
            let mut i = 0;
            self.norms.retain(|_| {
                i += 1;
                i % 2 == 0
            });
            self.stride *= 2;
        }
    }

    fn median(&self) -> Option<f64> {
        if self.norms.len() < LEAST {
            return None;
        }
        let mut sorted = self.norms.clone();
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len();
        Some(f64::midpoint(sorted[(n - 1) / 2], sorted[n / 2]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first step at which a norm explodes.
    fn explodes(steps: u32, norm: impl Fn(f64) -> f64) -> Option<u32> {
        let mut history = History::default();
        (1..=steps).find(|step| history.follow(norm(f64::from(*step)), true).is_some())
    }

    #[test]
    fn growth_by_a_factor_explodes_and_growth_by_a_sum_never_does() {
        assert_eq!(explodes(100, |step| 10_f64.powf(step)), Some(7));
        assert!(explodes(10_000, |step| 1.01_f64.powf(step)).is_some());
        assert_eq!(explodes(100_000, |step| step), None);
        assert_eq!(explodes(100_000, |step| step.powi(3)), None);
        assert_eq!(explodes(100_000, |step| 1.0 / step), None);
    }

    #[test]
    fn one_norm_that_is_far_from_all_before_is_enough() {
        assert_eq!(explodes(5000, |step| if step == 4000.0 { 2e4 } else { 10.0 }), Some(4000));
        assert_eq!(explodes(5000, |step| if step == 3.0 { 2e4 } else { 10.0 }), None);
    }

    #[test]
    fn zeros_and_what_is_not_finite_say_nothing_of_what_is_usual() {
        let mut history = History::default();
        for _ in 0..10 {
            assert_eq!(history.follow(0.0, true), None);
            assert_eq!(history.follow(5.0, false), None);
        }
        assert_eq!(history.follow(1e9, true), None);
    }

    #[test]
    fn a_long_history_is_short_and_evenly_spread() {
        let mut history = History::default();
        for step in 1..=100_000 {
            history.push(f64::from(step));
        }
        assert!(history.norms.len() < MOST && history.norms.len() >= MOST / 2);
        let gaps: Vec<f64> = history.norms.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.iter().all(|gap| *gap == gaps[0]), "{gaps:?}");
        assert!((history.median().unwrap() - 50_000.0).abs() < 2.0 * gaps[0]);
    }
}
