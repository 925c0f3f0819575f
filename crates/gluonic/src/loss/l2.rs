//! The squared error.

use super::{label_like, weighted_mean, wide, write_loss};
use crate::array::NdArray;
use crate::error::Result;

/// `½ · weight · (pred - label)²`, the mean over all axes but the batch.
///
/// # Shapes
/// `pred` of any shape with a batch axis, `label` with as many elements; the result is `(batch,)`.
///
/// # Examples
/// ```
/// use gluonic::{NdArray, loss::L2Loss};
/// let pred = NdArray::from_slice(&[1.0_f32, 3.0], (1, 2))?;
/// let label = NdArray::from_slice(&[0.0_f32, 0.0], (1, 2))?;
/// assert_eq!(L2Loss::default().call(&pred, &label, None)?.to_vec::<f32>()?, [2.5]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `gluon/loss.py`, class `L2Loss`.
#[doc(alias = "MSELoss")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct L2Loss {
    /// A factor on every loss.
    pub weight: f64,
    /// The axis that is not averaged over.
    pub batch_axis: usize,
}

impl Default for L2Loss {
    fn default() -> Self {
        L2Loss { weight: 1.0, batch_axis: 0 }
    }
}

impl L2Loss {
    /// The loss of each sample.
    ///
    /// # Errors
    /// [`Error::LabelShape`](crate::Error::LabelShape) if the sizes do not fit,
    /// [`Error::Axis`](crate::Error::Axis) if there is no batch axis.
    pub fn call(
        &self,
        pred: &NdArray,
        label: &NdArray,
        sample_weight: Option<&NdArray>,
    ) -> Result<NdArray> {
        wide(pred, |pred| {
            let squared = (&label_like(pred, label)? - pred)?.square()?;
            weighted_mean(&squared, Some(self.weight / 2.0), sample_weight, self.batch_axis)
        })
    }
}

impl std::fmt::Display for L2Loss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write_loss(f, "L2Loss", self.batch_axis, Some(self.weight))
    }
}
