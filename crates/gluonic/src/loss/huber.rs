//! The absolute error, rounded off near 0.

use super::{label_like, weighted_mean, wide, write_loss};
use crate::array::NdArray;
use crate::error::Result;

/// `weight · (|d| - rho/2)` where `|d| > rho`, `weight · d² / (2 rho)` else, for `d = label - pred`;
/// the mean over all axes but the batch.
///
/// # Shapes
/// `pred` of any shape with a batch axis, `label` with as many elements; the result is `(batch,)`.
///
/// # Examples
/// ```
/// use gluonic::{NdArray, loss::HuberLoss};
/// let pred = NdArray::from_slice(&[0.5_f32, 3.0], (1, 2))?;
/// let label = NdArray::from_slice(&[0.0_f32, 0.0], (1, 2))?;
/// let loss = HuberLoss::default().call(&pred, &label, None)?;
/// assert_eq!(loss.to_vec::<f32>()?, [1.3125]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `gluon/loss.py`, class `HuberLoss`. PyTorch's `HuberLoss(delta)` is
/// `rho` times as large.
#[doc(alias = "SmoothL1Loss")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HuberLoss {
    /// Up to which distance the loss is quadratic.
    pub rho: f64,
    /// A factor on every loss.
    pub weight: Option<f64>,
    /// The axis that is not averaged over.
    pub batch_axis: usize,
}

impl Default for HuberLoss {
    fn default() -> Self {
        HuberLoss { rho: 1.0, weight: None, batch_axis: 0 }
    }
}

impl HuberLoss {
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
            let distance = (&label - pred)?.abs()?;
            let linear = (&distance - self.rho / 2.0)?;
            let quadratic = (&distance.square()? * (0.5 / self.rho))?;
            let rho = NdArray::full((), self.rho, distance.dtype())?;
            let loss = distance.gt(&rho)?.select(&linear, &quadratic)?;
            weighted_mean(&loss, self.weight, sample_weight, self.batch_axis)
        })
    }
}

impl std::fmt::Display for HuberLoss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write_loss(f, "HuberLoss", self.batch_axis, self.weight)
    }
}
