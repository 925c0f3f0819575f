//! Scores of a choice between two classes: F1 and the correlation of Matthews.

use super::{Mean, Metric, expect_labels};
use crate::array::NdArray;
use crate::error::{Error, Result};

/// What an [`F1`] or [`Mcc`] is the mean of.
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
    true_negatives: u64,
}

impl Counts {
    /// Those of one batch: scores `(batch, 2)`, of which the larger one counts, and labels.
    fn of(op: &'static str, labels: &NdArray, preds: &NdArray) -> Result<Counts> {
        let [n, 2] = **preds.dims() else {
            let (expected, found) = ([None, Some(2)].into(), preds.dims().into());
            return Err(Error::OperandShape { op, expected, found });
        };
        expect_labels(labels, &[n])?;
        let chosen = preds.argmax(1, false)?.to_vec::<i64>()?;
        let mut counts = Counts::default();
        for (index, (chosen, label)) in chosen.into_iter().zip(labels.to_f64_vec()?).enumerate() {
            if !(label == 0.0 || label == 1.0) {
                let label = label.to_string().into();
                return Err(Error::Label { index, label, classes: 2 });
            }
            match (chosen == 1, label == 1.0) {
                (true, true) => counts.true_positives += 1,
                (true, false) => counts.false_positives += 1,
                (false, true) => counts.false_negatives += 1,
                (false, false) => counts.true_negatives += 1,
            }
        }
        Ok(counts)
    }

    fn add(&mut self, other: Counts) {
        self.true_positives += other.true_positives;
        self.false_positives += other.false_positives;
        self.false_negatives += other.false_negatives;
        self.true_negatives += other.true_negatives;
    }

    /// `2 · precision · recall / (precision + recall)`; each of the three is 0 where it would be
    /// 0 / 0.
    fn f1(self) -> f64 {
        let ratio = |a: f64, b: f64| if b > 0.0 { a / b } else { 0.0 };
        let right = self.true_positives as f64;
        let precision = ratio(right, right + self.false_positives as f64);
        let recall = ratio(right, right + self.false_negatives as f64);
        ratio(2.0 * precision * recall, precision + recall)
    }

    /// The correlation of choices and labels, sums of 0 left out of the denominator.
    fn matthews(self) -> f64 {
        let [tp, fp, fn_, tn] =
            [self.true_positives, self.false_positives, self.false_negatives, self.true_negatives]
                .map(|count| count as f64);
        let sums = [tp + fp, tp + fn_, tn + fp, tn + fn_].into_iter().filter(|sum| *sum != 0.0);
        (tp * tn - fp * fn_) / sums.product::<f64>().sqrt()
    }
}

macro_rules! choices {
    ($($(#[$doc:meta])* $Name:ident $name:literal $score:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $Name {
            average: Average,
            counts: Counts,
            mean: Mean,
        }

        impl $Name {
            /// The mean of batches, or one score of all.
            pub fn new(average: Average) -> Self {
                $Name { average, ..$Name::default() }
            }
        }

        impl Metric for $Name {
            fn name(&self) -> &'static str {
                $name
            }

            fn update(&mut self, labels: &NdArray, preds: &NdArray) -> Result<()> {
                let counts = Counts::of($name, labels, preds)?;
                match self.average {
                    Average::Macro => self.mean.add(counts.$score(), 1),
                    Average::Micro => self.counts.add(counts),
                }
                Ok(())
            }

            fn value(&self) -> f64 {
                match self.average {
                    Average::Macro => self.mean.value(),
                    Average::Micro if self.counts == Counts::default() => f64::NAN,
                    Average::Micro => self.counts.$score(),
                }
            }

            fn reset(&mut self) {
                *self = $Name::new(self.average);
            }
        }
    )*};
}

choices! {
    /// The F1 score of a choice between two classes, of which 1 is what is looked for.
    ///
    /// # Shapes
    /// Scores `(batch, 2)`, of which the larger one counts, and as many labels.
    ///
    /// # Source
    /// MXNet 1.9.1, `metric.py`, class `F1`. DIFFERENCE: labels other than 0 and 1 are refused.
    F1 "f1" f1;
    /// The correlation coefficient of Matthews of a choice between two classes: 1 if all choices
    /// are right, -1 if all are wrong, about 0 for choices that know nothing, however many labels
    /// are of one class.
    ///
    /// `(tp·tn - fp·fn)/√((tp + fp)(tp + fn)(tn + fp)(tn + fn))` of the counts of true and false
    /// positives and negatives, where factors that are 0 are left out.
    ///
    /// # Shapes
    /// As [`F1`].
    ///
    /// # Examples
    /// ```
    /// use gluonic::{NdArray, metric::{Mcc, Metric}};
    /// let preds = NdArray::from_slice(&[0.3_f32, 0.7, 0.7, 0.3, 0.2, 0.8], (3, 2))?;
    /// let labels = NdArray::from_slice(&[1_i64, 0, 0], 3)?;
    /// let mut mcc = Mcc::default();
    /// mcc.update(&labels, &preds)?;
    /// assert_eq!(mcc.get(), ("mcc", 0.5));
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// MXNet 1.9.1, `metric.py`, class `MCC`; Matthews (1975), "Comparison of the predicted and
    /// observed secondary structure of T4 phage lysozyme". DIFFERENCE: as [`F1`].
    #[doc(alias = "MCC")]
    Mcc "mcc" matthews;
}
