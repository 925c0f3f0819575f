//! The absolute error.

use super::{label_like, weighted_mean, wide, write_loss};
use crate::array::NdArray;
use crate::error::Result;

/// `weight · |label - pred|`, the mean over all axes but the batch. The derivative at 0 is 0.
///
/// # Shapes
/// `pred` of any shape with a batch axis, `label` with as many elements; the result is `(batch,)`.
///
/// # Examples
/// ```
/// use gluonic::{NdArray, loss::L1Loss};
/// let pred = NdArray::from_slice(&[1.0_f32, 3.0], (1, 2))?;
/// let label = NdArray::from_slice(&[0.0_f32, 5.0], (1, 2))?;
/// let loss = L1Loss::default().call(&pred, &label, None)?;
/// assert_eq!(loss.to_vec::<f32>()?, [1.5]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `gluon/loss.py`, class `L1Loss`.
#[doc(alias = "MAELoss")]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct L1Loss {
    /// A factor on every loss.
    pub weight: Option<f64>,
    /// The axis that is not averaged over.
    pub batch_axis: usize,
}

impl L1Loss {
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
            let loss = (&label - pred)?.abs()?;
            weighted_mean(&loss, self.weight, sample_weight, self.batch_axis)
        })
    }
}

impl std::fmt::Display for L1Loss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write_loss(f, "L1Loss", self.batch_axis, self.weight)
    }
}
