//! The harmonic mean of precision and recall.

use super::{Mean, Metric, expect_labels};
use crate::array::NdArray;
use crate::error::{Error, Result};

/// What an [`F1`] is the mean of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Average {
    /// Of the scores of the batches.
    #[default]
    Macro,
    /// The counts of all batches together give one score.
    Micro,
}

/// What became of the samples.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Counts {
    true_positives: u64,
    false_positives: u64,
    false_negatives: u64,
    total: u64,
}

impl Counts {
    /// `2 · precision · recall / (precision + recall)`; each of the three is 0 where it would be
    /// 0 / 0.
    fn score(self) -> f64 {
        let ratio = |a: f64, b: f64| if b > 0.0 { a / b } else { 0.0 };
        let right = self.true_positives as f64;
        let precision = ratio(right, right + self.false_positives as f64);
        let recall = ratio(right, right + self.false_negatives as f64);
        ratio(2.0 * precision * recall, precision + recall)
    }
}

/// The F1 score of a choice between two classes, of which 1 is what is looked for.
///
/// # Shapes
/// Scores `(batch, 2)`, of which the larger one counts, and as many labels.
///
/// # Source
/// MXNet 1.9.1, `metric.py`, class `F1`. DIFFERENCE: labels other than 0 and 1 are refused.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct F1 {
    average: Average,
    counts: Counts,
    mean: Mean,
}

impl F1 {
    /// The mean of batches, or one score of all.
    pub fn new(average: Average) -> Self {
        F1 { average, ..F1::default() }
    }
}

impl Metric for F1 {
    fn name(&self) -> &'static str {
        "f1"
    }

    fn update(&mut self, labels: &NdArray, preds: &NdArray) -> Result<()> {
        let [n, 2] = **preds.dims() else {
            let (expected, found) = ([None, Some(2)].into(), preds.dims().into());
            return Err(Error::OperandShape { op: "f1", expected, found });
        };
        expect_labels(labels, &[n])?;
        let chosen = preds.argmax(1, false)?.to_vec::<i64>()?;
        let mut counts = Counts::default();
        for (index, (chosen, label)) in chosen.into_iter().zip(labels.to_f64_vec()?).enumerate() {
            if !(label == 0.0 || label == 1.0) {
                let label = label.to_string().into();
                return Err(Error::Label { index, label, classes: 2 });
            }
            counts.total += 1;
            match (chosen == 1, label == 1.0) {
                (true, true) => counts.true_positives += 1,
                (true, false) => counts.false_positives += 1,
                (false, true) => counts.false_negatives += 1,
                (false, false) => {}
            }
        }
        match self.average {
            Average::Macro => self.mean.add(counts.score(), 1),
            Average::Micro => {
                self.counts.true_positives += counts.true_positives;
                self.counts.false_positives += counts.false_positives;
                self.counts.false_negatives += counts.false_negatives;
                self.counts.total += counts.total;
            }
        }
        Ok(())
    }

    fn value(&self) -> f64 {
        match self.average {
            Average::Macro => self.mean.value(),
            Average::Micro if self.counts.total == 0 => f64::NAN,
            Average::Micro => self.counts.score(),
        }
    }

    fn reset(&mut self) {
        *self = F1::new(self.average);
    }
}
