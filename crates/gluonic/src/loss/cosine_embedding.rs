//! The angle between two vectors.

use super::{EPSILON, label_like, weighted_mean, wide, write_loss};
use crate::array::NdArray;
use crate::error::Result;

/// For `c = x · y / max(|x| |y|, 10⁻¹²)`, the cosine of the angle between two vectors along the last
/// axis: `weight · (1 - c)` where the label is 1, `weight · max(0, c - margin)` where it is -1, and 0
/// for any other label; the mean over all axes that are left but the batch.
///
/// # Shapes
/// Both inputs `(batch, …, n)`, labels with as many elements as there are vectors; the result is
/// `(batch,)`.
///
/// # Examples
/// ```
/// use gluonic::{NdArray, loss::CosineEmbeddingLoss};
/// let x = NdArray::from_slice(&[1.0_f32, 0.0, 3.0, 4.0], (2, 2))?;
/// let y = NdArray::from_slice(&[0.0_f32, 2.0, 3.0, 4.0], (2, 2))?;
/// let label = NdArray::from_slice(&[1.0_f32, -1.0], 2)?;
/// let loss = CosineEmbeddingLoss::default().call(&x, &y, &label, None)?;
/// assert_eq!(loss.to_vec::<f32>()?, [1.0, 1.0]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `gluon/loss.py`, class `CosineEmbeddingLoss`. DIFFERENCE: its result is
/// `(batch, 1)`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CosineEmbeddingLoss {
    /// The cosine up to which unlike vectors lose nothing.
    pub margin: f64,
    /// A factor on every loss.
    pub weight: Option<f64>,
    /// The axis that is not averaged over.
    pub batch_axis: usize,
}

impl CosineEmbeddingLoss {
    /// The loss of each sample.
    ///
    /// # Errors
    /// [`Error::LabelShape`](crate::Error::LabelShape) if the sizes do not fit,
    /// [`Error::Axis`](crate::Error::Axis) if there is no batch axis beside that of the vectors,
    /// [`Error::Broadcast`](crate::Error::Broadcast) if the sample weights do not fit.
    pub fn call(
        &self,
        one: &NdArray,
        other: &NdArray,
        label: &NdArray,
        sample_weight: Option<&NdArray>,
    ) -> Result<NdArray> {
        wide(one, |one| {
            let other = label_like(one, other)?;
            let norms = (&one.l2_norm(&[-1], false)? * &other.l2_norm(&[-1], false)?)?;
            let floor = NdArray::full((), EPSILON, one.dtype())?;
            let dot = (one * &other)?.sum_axes(&[-1], false)?;
            let cosine = (&dot / &norms.maximum(&floor)?)?;
            let label = label_like(&cosine, label)?;
            let is = |value: f64| label.eq_elem(&NdArray::full((), value, label.dtype())?);
            let zero = NdArray::zeros((), one.dtype())?;
            let apart = (&cosine - self.margin)?.relu()?;
            let apart = is(-1.0)?.select(&apart, &zero)?;
            let loss = is(1.0)?.select(&(1.0 - &cosine)?, &apart)?;
            weighted_mean(&loss, self.weight, sample_weight, self.batch_axis)
        })
    }
}

impl std::fmt::Display for CosineEmbeddingLoss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write_loss(f, "CosineEmbeddingLoss", self.batch_axis, self.weight)
    }
}
