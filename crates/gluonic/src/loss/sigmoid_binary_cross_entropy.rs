//! The cross-entropy of independent yes-or-no labels.

use super::{EPSILON, label_like, weighted_mean, wide, write_loss};
use crate::array::NdArray;
use crate::error::Result;

/// `-weight · (label · log p + (1 - label) · log(1 - p))` for `p = sigmoid(pred)`, the mean over all
/// axes but the batch. With scores it is computed as `softplus(pred) - label · pred`, which never
/// overflows; with probabilities as it stands, with `10⁻¹²` added under each logarithm.
///
/// # Shapes
/// `pred` of any shape with a batch axis, `label` with as many elements; the result is `(batch,)`.
///
/// # Examples
/// ```
/// use gluonic::{NdArray, loss::SigmoidBinaryCrossEntropyLoss};
/// let pred = NdArray::from_slice(&[0.0_f32, 0.0], (1, 2))?;
/// let label = NdArray::from_slice(&[1.0_f32, 0.0], (1, 2))?;
/// let loss = SigmoidBinaryCrossEntropyLoss::default().call(&pred, &label, None)?;
/// assert_eq!(loss.to_vec::<f32>()?, [2.0_f32.ln()]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `gluon/loss.py`, class `SigmoidBinaryCrossEntropyLoss`. DIFFERENCE: at a score of
/// exactly 0 the gradient is `½ - label`, as it should be; MXNet's is `-label`.
#[doc(alias = "SigmoidBCELoss", alias = "BCEWithLogitsLoss", alias = "BCELoss")]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SigmoidBinaryCrossEntropyLoss {
    /// Whether `pred` holds probabilities, not scores.
    pub from_sigmoid: bool,
    /// A factor on every loss.
    pub weight: Option<f64>,
    /// The axis that is not averaged over.
    pub batch_axis: usize,
}

impl SigmoidBinaryCrossEntropyLoss {
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
        self.call_weighted(pred, label, sample_weight, None)
    }

    /// The loss of each sample, with the losses of positive labels times `pos_weight`, which
    /// broadcasts to `pred`: above 1 it favors recall, below 1 precision.
    ///
    /// # Errors
    /// As [`call`](SigmoidBinaryCrossEntropyLoss::call).
    pub fn call_weighted(
        &self,
        pred: &NdArray,
        label: &NdArray,
        sample_weight: Option<&NdArray>,
        pos_weight: Option<&NdArray>,
    ) -> Result<NdArray> {
        wide(pred, |pred| {
            let label = label_like(pred, label)?;
            let pos_weight = pos_weight.map(|weight| weight.cast(pred.dtype())).transpose()?;
            let loss = match (self.from_sigmoid, pos_weight) {
                (false, None) => (&pred.softplus()? - &(pred * &label)?)?,
                (false, Some(weight)) => {
                    // softplus(-x) is the loss of a positive, and x more that of a negative.
                    let factor = (1.0 + &(&(&weight - 1.0)? * &label)?)?;
                    let positive = (&factor * &pred.neg()?.softplus()?)?;
                    (&(pred - &(pred * &label)?)? + &positive)?
                }
                (true, weight) => {
                    let mut positive = (&(pred + EPSILON)?.log()? * &label)?;
                    if let Some(weight) = weight {
                        positive = (&positive * &weight)?;
                    }
                    let rest = (&(&(1.0 - pred)? + EPSILON)?.log()? * &(1.0 - &label)?)?;
                    (&positive + &rest)?.neg()?
                }
            };
            weighted_mean(&loss, self.weight, sample_weight, self.batch_axis)
        })
    }
}

impl std::fmt::Display for SigmoidBinaryCrossEntropyLoss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write_loss(f, "SigmoidBinaryCrossEntropyLoss", self.batch_axis, self.weight)
    }
}
