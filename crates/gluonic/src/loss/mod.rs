//! Losses: one value for each sample, the mean over all its other axes.
//!
//! Names, arguments and defaults are Gluon's. Each loss is a plain value with a `call`; a batch of 0
//! samples gives no losses, and a sample without elements the mean of nothing, NaN. In the half
//! types a loss is computed in `f32` and rounded once, at the end.

mod cosine_embedding;
mod ctc;
mod hinge;
mod huber;
mod kl_div;
mod l1;
mod l2;
mod logistic;
mod poisson;
mod sigmoid_binary_cross_entropy;
mod softmax_cross_entropy;
mod squared_hinge;
mod triplet;

use std::fmt;

pub use cosine_embedding::CosineEmbeddingLoss;
pub use ctc::{CtcLoss, SequenceLayout};
pub use hinge::HingeLoss;
pub use huber::HuberLoss;
pub use kl_div::KlDivLoss;
pub use l1::L1Loss;
pub use l2::L2Loss;
pub use logistic::{LabelFormat, LogisticLoss};
pub use poisson::PoissonNllLoss;
pub use sigmoid_binary_cross_entropy::SigmoidBinaryCrossEntropyLoss;
pub use softmax_cross_entropy::SoftmaxCrossEntropyLoss;
pub use squared_hinge::SquaredHingeLoss;
pub use triplet::TripletLoss;

use crate::array::{NdArray, broadcast_dims};
use crate::error::{Error, Result};

/// What keeps logarithms and quotients finite, as in Gluon.
const EPSILON: f64 = 1e-12;

/// What Gluon does with every loss: times `weight`, times `sample_weight`, mean over all axes but
/// the batch.
fn weighted_mean(
    loss: &NdArray,
    weight: Option<f64>,
    sample_weight: Option<&NdArray>,
    batch_axis: usize,
) -> Result<NdArray> {
    let (loss, axes) = weighted(loss, weight, sample_weight, batch_axis)?;
    if axes.is_empty() { Ok(loss) } else { loss.mean_axes(&axes, false) }
}

/// As [`weighted_mean`], with the sum.
fn weighted_sum(
    loss: &NdArray,
    weight: Option<f64>,
    sample_weight: Option<&NdArray>,
    batch_axis: usize,
) -> Result<NdArray> {
    let (loss, axes) = weighted(loss, weight, sample_weight, batch_axis)?;
    if axes.is_empty() { Ok(loss) } else { loss.sum_axes(&axes, false) }
}

/// The weighted loss, and all axes but the batch.
fn weighted(
    loss: &NdArray,
    weight: Option<f64>,
    sample_weight: Option<&NdArray>,
    batch_axis: usize,
) -> Result<(NdArray, Vec<isize>)> {
    if batch_axis >= loss.rank() {
        let (axis, rank) = (batch_axis as isize, loss.rank());
        return Err(Error::Axis { op: "loss", axis, rank });
    }
    let mut loss = loss.clone();
    if let Some(sample_weight) = sample_weight {
        // Of fewer axes, it would be aligned at the last one, which is not the batch; of larger
        // sizes, it would make more samples.
        let together = broadcast_dims(loss.dims(), sample_weight.dims());
        if sample_weight.rank() != loss.rank() || together.as_ref() != Some(loss.dims()) {
            return Err(Error::Broadcast {
                op: "sample_weight",
                left: loss.dims().into(),
                right: sample_weight.dims().into(),
            });
        }
        loss = if sample_weight.dtype() == loss.dtype() {
            (&loss * sample_weight)?
        } else {
            (&loss * &sample_weight.cast(loss.dtype())?)?
        };
    }
    if let Some(weight) = weight {
        loss = (&loss * weight)?;
    }
    let others = (0..loss.rank()).filter(|&axis| axis != batch_axis);
    let axes = others.map(|axis| axis as isize).collect();
    Ok((loss, axes))
}

/// Computes where the prediction is, in its compute type, and gives the result in its own.
fn wide(pred: &NdArray, f: impl FnOnce(&NdArray) -> Result<NdArray>) -> Result<NdArray> {
    pred.there(|| match pred.dtype().compute() {
        Some(compute) if compute != pred.dtype() => f(&pred.cast(compute)?)?.cast(pred.dtype()),
        _ => f(pred),
    })
}

/// Prints a loss as Gluon does.
fn write_loss(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    batch_axis: usize,
    weight: Option<f64>,
) -> fmt::Result {
    write!(f, "{name}(batch_axis={batch_axis}, w=")?;
    match weight {
        Some(weight) => write!(f, "{weight:?})"),
        None => f.write_str("None)"),
    }
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
