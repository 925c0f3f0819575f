//! Losses: one value for each sample, the mean over all its other axes.

mod l2;
mod softmax_cross_entropy;

pub use l2::L2Loss;
pub use softmax_cross_entropy::SoftmaxCrossEntropyLoss;

use crate::array::NdArray;
use crate::error::{Error, Result};

/// What Gluon does with every loss: times `weight`, times `sample_weight`, mean over all axes but
/// the batch.
fn weighted_mean(
    loss: &NdArray,
    weight: f64,
    sample_weight: Option<&NdArray>,
    batch_axis: usize,
) -> Result<NdArray> {
    if batch_axis >= loss.rank() {
        let (axis, rank) = (batch_axis as isize, loss.rank());
        return Err(Error::Axis { op: "loss", axis, rank });
    }
    let mut loss = loss.clone();
    if let Some(sample_weight) = sample_weight {
        // Of fewer axes, it would be aligned at the last one, which is not the batch.
        if sample_weight.rank() != loss.rank() {
            return Err(Error::Broadcast {
                op: "sample_weight",
                left: loss.dims().into(),
                right: sample_weight.dims().into(),
            });
        }
        loss = (&loss * sample_weight)?;
    }
    if weight != 1.0 {
        loss = (&loss * weight)?;
    }
    let axes: Vec<isize> =
        (0..loss.rank()).filter(|&axis| axis != batch_axis).map(|axis| axis as isize).collect();
    if axes.is_empty() { Ok(loss) } else { loss.mean_axes(&axes, false) }
}

/// A label in the sizes of its prediction.
fn label_like(pred: &NdArray, label: &NdArray) -> Result<NdArray> {
    let label =
        if label.dtype() == pred.dtype() { label.clone() } else { label.cast(pred.dtype())? };
    if label.elem_count() != pred.elem_count() {
        return Err(Error::LabelShape { expected: pred.dims().into(), found: label.dims().into() });
    }
    label.reshape(pred.dims())
}
