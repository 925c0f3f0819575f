//! The negative log-likelihood of counts.

use super::{label_like, weighted_mean, wide, write_loss};
use crate::array::NdArray;
use crate::error::Result;

/// `weight · (exp(pred) - label · pred)`, or with a rate instead of its logarithm
/// `weight · (pred - label · log(pred + epsilon))`; the mean over all axes but the batch.
///
/// With `compute_full`, Stirling's approximation of `log label!` is added for labels above 1:
/// `label · log(label) - label + ½ log(2π · label)`.
///
/// # Shapes
/// `pred` of any shape with a batch axis, `label` with as many elements; the result is `(batch,)`.
///
/// # Examples
/// ```
/// use gluonic::{NdArray, loss::PoissonNllLoss};
/// let pred = NdArray::from_slice(&[0.0_f32, 0.0], (1, 2))?;
/// let label = NdArray::from_slice(&[3.0_f32, 1.0], (1, 2))?;
/// let loss = PoissonNllLoss::default().call(&pred, &label, None)?;
/// assert_eq!(loss.to_vec::<f32>()?, [1.0]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `gluon/loss.py`, class `PoissonNLLLoss`. DIFFERENCE: MXNet gives one mean over
/// the batch too, and NaN for a label of 0 with `compute_full`.
#[doc(alias = "PoissonNLLLoss")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PoissonNllLoss {
    /// Whether `pred` is the logarithm of the rate (the default) or the rate.
    pub from_logits: bool,
    /// Whether the term that depends on the label alone is added.
    pub compute_full: bool,
    /// What keeps the logarithm of a rate of 0 finite.
    pub epsilon: f64,
    /// A factor on every loss.
    pub weight: Option<f64>,
    /// The axis that is not averaged over.
    pub batch_axis: usize,
}

impl Default for PoissonNllLoss {
    fn default() -> Self {
        PoissonNllLoss {
            from_logits: true,
            compute_full: false,
            epsilon: 1e-8,
            weight: None,
            batch_axis: 0,
        }
    }
}

/// Stirling's approximation of `log n!`, for `n > 1`; 0 for others.
fn stirling(n: &NdArray) -> Result<NdArray> {
    let one = NdArray::ones((), n.dtype())?;
    let large = n.gt(&one)?;
    // Taken at 1 where it does not count, so that nothing becomes NaN.
    let n = large.select(n, &one)?;
    let half_log = (&(&n * std::f64::consts::TAU)?.log()? * 0.5)?;
    let sum = (&(&(&n * &n.log()?)? - &n)? + &half_log)?;
    large.select(&sum, &NdArray::zeros((), n.dtype())?)
}

impl PoissonNllLoss {
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
            let mut loss = if self.from_logits {
                (&pred.exp()? - &(&label * pred)?)?
            } else {
                (pred - &(&label * &(pred + self.epsilon)?.log()?)?)?
            };
            if self.compute_full {
                loss = (&loss + &stirling(&label)?)?;
            }
            weighted_mean(&loss, self.weight, sample_weight, self.batch_axis)
        })
    }
}

impl std::fmt::Display for PoissonNllLoss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write_loss(f, "PoissonNLLLoss", self.batch_axis, self.weight)
    }
}
