//! The hinge loss of support vector machines.

use super::{label_like, weighted_mean, wide, write_loss};
use crate::array::NdArray;
use crate::error::Result;

/// `weight · max(0, margin - pred · label)`, the mean over all axes but the batch. Labels are -1
/// or 1. The derivative at the kink is 0.
///
/// # Shapes
/// `pred` of any shape with a batch axis, `label` with as many elements; the result is `(batch,)`.
///
/// # Examples
/// ```
/// use gluonic::{NdArray, loss::HingeLoss};
/// let pred = NdArray::from_slice(&[0.5_f32, 3.0], (1, 2))?;
/// let label = NdArray::from_slice(&[-1.0_f32, 1.0], (1, 2))?;
/// let loss = HingeLoss::default().call(&pred, &label, None)?;
/// assert_eq!(loss.to_vec::<f32>()?, [0.75]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `gluon/loss.py`, class `HingeLoss`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HingeLoss {
    /// The value of `pred · label` from which on nothing is lost.
    pub margin: f64,
    /// A factor on every loss.
    pub weight: Option<f64>,
    /// The axis that is not averaged over.
    pub batch_axis: usize,
}

impl Default for HingeLoss {
    fn default() -> Self {
        HingeLoss { margin: 1.0, weight: None, batch_axis: 0 }
    }
}

impl HingeLoss {
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
            let missing = (self.margin - &(pred * &label)?)?.relu()?;
            let loss = missing;
            weighted_mean(&loss, self.weight, sample_weight, self.batch_axis)
        })
    }
}

impl std::fmt::Display for HingeLoss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write_loss(f, "HingeLoss", self.batch_axis, self.weight)
    }
}
