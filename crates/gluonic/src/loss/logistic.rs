//! The logistic loss of yes-or-no labels.

use super::{label_like, weighted_mean, wide, write_loss};
use crate::array::NdArray;
use crate::error::{Error, Result};
use crate::suggest::nearest;

/// The numbers that labels of a [`LogisticLoss`] are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LabelFormat {
    /// -1 and 1.
    #[default]
    Signed,
    /// 0 and 1.
    Binary,
}

impl LabelFormat {
    /// Gluon's word for it.
    pub fn name(self) -> &'static str {
        match self {
            LabelFormat::Signed => "signed",
            LabelFormat::Binary => "binary",
        }
    }
}

impl std::str::FromStr for LabelFormat {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self> {
        let all = [LabelFormat::Signed, LabelFormat::Binary];
        all.into_iter().find(|format| format.name() == word).ok_or_else(|| Error::UnknownWord {
            kind: "label format",
            word: word.into(),
            nearest: nearest(word, all.map(LabelFormat::name)),
        })
    }
}

/// `weight · log(1 + exp(-pred · label))` for labels -1 and 1, the mean over all axes but the batch.
///
/// # Shapes
/// `pred` of any shape with a batch axis, `label` with as many elements; the result is `(batch,)`.
///
/// # Examples
/// ```
/// use gluonic::{NdArray, loss::LogisticLoss};
/// let pred = NdArray::from_slice(&[0.0_f32, 0.0], (1, 2))?;
/// let label = NdArray::from_slice(&[-1.0_f32, 1.0], (1, 2))?;
/// let loss = LogisticLoss::default().call(&pred, &label, None)?;
/// assert_eq!(loss.to_vec::<f32>()?, [2.0_f32.ln()]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `gluon/loss.py`, class `LogisticLoss`. DIFFERENCE: at a score of exactly 0 the
/// gradient is that of the formula; in MXNet it is off by a half.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LogisticLoss {
    /// What the labels are.
    pub label_format: LabelFormat,
    /// A factor on every loss.
    pub weight: Option<f64>,
    /// The axis that is not averaged over.
    pub batch_axis: usize,
}

impl LogisticLoss {
    /// The loss of each sample.
    ///
    /// # Errors
    /// [`Error::LabelShape`](crate::Error::LabelShape) if the sizes do not fit,
    /// [`Error::Axis`](crate::Error::Axis) if there is no batch axis,
    /// [`Error::Broadcast`](crate::Error::Broadcast) if the sample weights do not fit.
    pub fn call(
        &self,
        pred: &NdArray,
        label: &NdArray,
        sample_weight: Option<&NdArray>,
    ) -> Result<NdArray> {
        wide(pred, |pred| {
            let label = label_like(pred, label)?;
            let label = match self.label_format {
                LabelFormat::Signed => (&(&label + 1.0)? * 0.5)?,
                LabelFormat::Binary => label,
            };
            let loss = (&pred.softplus()? - &(pred * &label)?)?;
            weighted_mean(&loss, self.weight, sample_weight, self.batch_axis)
        })
    }
}

impl std::fmt::Display for LogisticLoss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write_loss(f, "LogisticLoss", self.batch_axis, self.weight)
    }
}
