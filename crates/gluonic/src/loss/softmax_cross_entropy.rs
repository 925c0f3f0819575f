//! Cross-entropy of a softmax.

use super::{label_like, weighted_mean, wide, write_loss};
use crate::array::{DType, NdArray};
use crate::error::Result;

/// `-log softmax(pred)[label]`, or `-Σ label · log softmax(pred)` with dense labels, the mean over
/// all axes but the batch. A sparse label that is to be ignored has the loss and the gradient 0, and
/// counts in the mean.
///
/// # Shapes
/// `pred` has the classes along `axis`; sparse labels have the other axes, dense ones all.
///
/// # Examples
/// ```
/// use gluonic::{NdArray, loss::SoftmaxCrossEntropyLoss};
/// let pred = NdArray::from_slice(&[0.0_f32, 0.0], (1, 2))?;
/// let label = NdArray::from_slice(&[1_i64], 1)?;
/// let loss = SoftmaxCrossEntropyLoss::default().call(&pred, &label, None)?;
/// assert_eq!(loss.to_vec::<f32>()?, [2.0_f32.ln()]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `gluon/loss.py`, class `SoftmaxCrossEntropyLoss`, without `ignore_label`.
#[doc(alias = "SoftmaxCELoss", alias = "CrossEntropyLoss")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SoftmaxCrossEntropyLoss {
    /// The axis of the classes; negative ones count from the end.
    pub axis: isize,
    /// Whether labels are class numbers (the default) or a distribution.
    pub sparse_label: bool,
    /// Whether `pred` holds log-probabilities already.
    pub from_logits: bool,
    /// A sparse label that stands for none, as -1 of padding.
    pub ignore_label: Option<i64>,
    /// A factor on every loss.
    pub weight: Option<f64>,
    /// The axis that is not averaged over.
    pub batch_axis: usize,
}

impl Default for SoftmaxCrossEntropyLoss {
    fn default() -> Self {
        SoftmaxCrossEntropyLoss {
            axis: -1,
            sparse_label: true,
            from_logits: false,
            ignore_label: None,
            weight: None,
            batch_axis: 0,
        }
    }
}

impl SoftmaxCrossEntropyLoss {
    /// The loss of each sample.
    ///
    /// # Errors
    /// [`Error::Label`](crate::Error::Label) if a label is no class number,
    /// [`Error::LabelShape`](crate::Error::LabelShape) if the sizes do not fit,
    /// [`Error::Axis`](crate::Error::Axis) if there is no such axis.
    pub fn call(
        &self,
        pred: &NdArray,
        label: &NdArray,
        sample_weight: Option<&NdArray>,
    ) -> Result<NdArray> {
        wide(pred, |pred| self.compute(pred, label, sample_weight))
    }

    fn compute(
        &self,
        pred: &NdArray,
        label: &NdArray,
        sample_weight: Option<&NdArray>,
    ) -> Result<NdArray> {
        let axis = crate::ops::resolve_axis("softmax_cross_entropy", self.axis, pred.rank())?;
        let one_each = pred.rank() == 2 && axis == 1 && self.batch_axis == 0;
        let loss = if self.sparse_label {
            let loss = self.sparse(pred, label, axis)?;
            if one_each && sample_weight.is_none() && self.weight.is_none() {
                return Ok(loss);
            }
            loss.expand_dims(axis as isize)?
        } else {
            let log = if self.from_logits { pred.clone() } else { pred.log_softmax(self.axis)? };
            let products = (&log * &label_like(pred, label)?)?;
            products.sum_axes(&[self.axis], true)?.neg()?
        };
        // The axis of the classes is still there, of size 1: `batch_axis` counts it, and a sample
        // weight may have it or not.
        let sample_weight = match sample_weight {
            Some(weight) if weight.rank() + 1 == pred.rank() => {
                Some(weight.expand_dims(axis as isize)?)
            }
            other => other.cloned(),
        };
        weighted_mean(&loss, self.weight, sample_weight.as_ref(), self.batch_axis)
    }

    /// The classes last, so that the fused operation applies.
    fn sparse(&self, pred: &NdArray, label: &NdArray, axis: usize) -> Result<NdArray> {
        let last = pred.rank() - 1;
        let mut order: Vec<isize> = (0..=last as isize).filter(|&a| a != axis as isize).collect();
        order.push(axis as isize);
        let moved = if axis == last { pred.clone() } else { pred.permute(&order)? };
        let labels: Vec<usize> = moved.dims()[..last].to_vec();
        // A label with a class axis of 1 says the same as one without.
        let label =
            if label.rank() == pred.rank() { label.reshape(labels)? } else { label.clone() };
        let loss = |label: &NdArray| {
            if self.from_logits {
                moved.pick(label, -1)?.neg()
            } else {
                moved.softmax_cross_entropy(label)
            }
        };
        let Some(ignored) = self.ignore_label else { return loss(&label) };
        let ignored = NdArray::full((), ignored, DType::I64)?;
        let counts = label.cast(DType::I64)?.ne_elem(&ignored)?;
        let label = counts.select(&label, &NdArray::zeros((), label.dtype())?)?;
        counts.select(&loss(&label)?, &NdArray::zeros((), moved.dtype())?)
    }
}

impl std::fmt::Display for SoftmaxCrossEntropyLoss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write_loss(f, "SoftmaxCrossEntropyLoss", self.batch_axis, self.weight)
    }
}
