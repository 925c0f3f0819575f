//! The Kullback-Leibler divergence.

use super::{EPSILON, label_like, weighted_sum, wide, write_loss};
use crate::array::NdArray;
use crate::error::Result;

/// `weight · label · (log(label + 10⁻¹²) - pred)`, the sum over all axes but the batch, where `pred`
/// holds log-probabilities, or scores of which the log-softmax is taken.
///
/// # Shapes
/// `pred` of any shape with a batch axis, `label` with as many elements; the result is `(batch,)`.
///
/// # Examples
/// ```
/// use gluonic::{NdArray, loss::KlDivLoss};
/// let label = NdArray::from_slice(&[0.25_f64, 0.75], (1, 2))?;
/// let loss = KlDivLoss::default().call(&label.log()?, &label, None)?;
/// assert!(loss.to_scalar::<f64>()?.abs() < 1e-11);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `gluon/loss.py`, class `KLDivLoss`. It sums; versions before
/// took the mean.
#[doc(alias = "KLDivLoss")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KlDivLoss {
    /// Whether `pred` holds log-probabilities already (the default).
    pub from_logits: bool,
    /// The axis of the softmax; negative ones count from the end.
    pub axis: isize,
    /// A factor on every loss.
    pub weight: Option<f64>,
    /// The axis that is not averaged over.
    pub batch_axis: usize,
}

impl Default for KlDivLoss {
    fn default() -> Self {
        KlDivLoss { from_logits: true, axis: -1, weight: None, batch_axis: 0 }
    }
}

impl KlDivLoss {
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
            let log = if self.from_logits { pred.clone() } else { pred.log_softmax(self.axis)? };
            let loss = (&label * &(&(&label + EPSILON)?.log()? - &log)?)?;
            weighted_sum(&loss, self.weight, sample_weight, self.batch_axis)
        })
    }
}

impl std::fmt::Display for KlDivLoss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write_loss(f, "KLDivLoss", self.batch_axis, self.weight)
    }
}
