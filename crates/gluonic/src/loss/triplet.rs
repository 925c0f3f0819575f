//! The loss of a triple: what is alike, and what is not.

use super::{label_like, weighted_mean, weighted_sum, wide, write_loss};
use crate::array::NdArray;
use crate::error::Result;

/// `weight · max(0, Σ (positive - pred)² - Σ (negative - pred)² + margin)`, the sums over all axes but
/// the batch: `pred` shall be nearer to `positive` than to `negative`.
///
/// # Shapes
/// `pred` of any shape with a batch axis, the others with as many elements; the result is
/// `(batch,)`.
///
/// # Examples
/// ```
/// use gluonic::{NdArray, loss::TripletLoss};
/// let at = |x: f32| NdArray::from_slice(&[x], (1, 1));
/// let loss = TripletLoss::default().call(&at(0.0)?, &at(1.0)?, &at(1.5)?, None)?;
/// assert_eq!(loss.to_vec::<f32>()?, [0.0]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// Schroff, Kalenichenko and Philbin (2015), "`FaceNet`", eq. 3; MXNet 1.9.1, `gluon/loss.py`, class
/// `TripletLoss`, which has no sample weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TripletLoss {
    /// By how much nearer it shall be.
    pub margin: f64,
    /// A factor on every loss.
    pub weight: Option<f64>,
    /// The axis that is not averaged over.
    pub batch_axis: usize,
}

impl Default for TripletLoss {
    fn default() -> Self {
        TripletLoss { margin: 1.0, weight: None, batch_axis: 0 }
    }
}

impl TripletLoss {
    /// The loss of each sample.
    ///
    /// # Errors
    /// [`Error::LabelShape`](crate::Error::LabelShape) if the sizes do not fit,
    /// [`Error::Axis`](crate::Error::Axis) if there is no batch axis,
    /// [`Error::Broadcast`](crate::Error::Broadcast) if the sample weights, `(batch,)`, do not fit.
    pub fn call(
        &self,
        pred: &NdArray,
        positive: &NdArray,
        negative: &NdArray,
        sample_weight: Option<&NdArray>,
    ) -> Result<NdArray> {
        wide(pred, |pred| {
            let near = (&label_like(pred, positive)? - pred)?.square()?;
            let far = (&label_like(pred, negative)? - pred)?.square()?;
            let loss = weighted_sum(&(&near - &far)?, None, None, self.batch_axis)?;
            weighted_mean(&(&loss + self.margin)?.relu()?, self.weight, sample_weight, 0)
        })
    }
}

impl std::fmt::Display for TripletLoss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write_loss(f, "TripletLoss", self.batch_axis, self.weight)
    }
}
