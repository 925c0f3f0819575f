//! The loss of sequences of unknown alignment.

use std::fmt;
use std::str::FromStr;

use super::{weighted_mean, write_loss};
use crate::array::NdArray;
use crate::error::{Error, Result};
use crate::suggest::nearest;

/// The order of the axes batch `N`, frames `T` and, of scores, classes `C`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SequenceLayout {
    /// The batch first: scores `NTC`, labels `NT`.
    #[default]
    BatchFirst,
    /// The frames first: scores `TNC`, labels `TN`.
    FramesFirst,
}

impl FromStr for SequenceLayout {
    type Err = Error;

    /// From Gluon's words `NTC`, `TNC`, `NT` and `TN`.
    fn from_str(word: &str) -> Result<Self> {
        match word {
            "NTC" | "NT" => Ok(SequenceLayout::BatchFirst),
            "TNC" | "TN" => Ok(SequenceLayout::FramesFirst),
            _ => Err(Error::UnknownWord {
                kind: "layout",
                word: word.into(),
                nearest: nearest(word, ["NTC", "TNC", "NT", "TN"]),
            }),
        }
    }
}

/// Connectionist temporal classification: the negative log-probability that frames of scores read
/// as the labels, whatever the alignment. The last class is the blank.
///
/// # Shapes
/// `pred` `(batch, frames, classes + 1)` and `label` `(batch, labels)`, padded with -1, or with the
/// frames first as the layouts say; lengths `(batch,)`; the result is `(batch,)`.
///
/// # Examples
/// ```
/// use gluonic::{DType, NdArray, loss::CtcLoss};
/// // One frame, two classes and the blank, all alike: one path of three reads as `1`.
/// let pred = NdArray::zeros((1, 1, 3), DType::F64)?;
/// let label = NdArray::from_slice(&[1_i64], (1, 1))?;
/// let loss = CtcLoss::default().call(&pred, &label, None, None, None)?;
/// assert!((loss.to_scalar::<f64>()? - 3.0_f64.ln()).abs() < 1e-12);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// Graves et al. (2006), "Connectionist Temporal Classification"; MXNet 1.9.1, `gluon/loss.py`,
/// class `CTCLoss`. DIFFERENCE: labels that do not fit into the frames have an infinite loss, with
/// the gradient 0; in MXNet both are 0.
#[doc(alias = "CTCLoss")]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CtcLoss {
    /// The order of the axes of the scores.
    pub layout: SequenceLayout,
    /// The order of the axes of the labels.
    pub label_layout: SequenceLayout,
    /// A factor on every loss.
    pub weight: Option<f64>,
}

impl CtcLoss {
    /// The loss of each sample. Frames count up to `pred_lengths`, labels up to `label_lengths`,
    /// or up to the first negative one.
    ///
    /// # Errors
    /// As [`NdArray::ctc_loss`]; [`Error::Broadcast`] if the sample weights do not fit.
    pub fn call(
        &self,
        pred: &NdArray,
        label: &NdArray,
        pred_lengths: Option<&NdArray>,
        label_lengths: Option<&NdArray>,
        sample_weight: Option<&NdArray>,
    ) -> Result<NdArray> {
        let batch_first = |x: &NdArray, layout| match layout {
            SequenceLayout::FramesFirst if x.rank() >= 2 => x.swap_axes(0, 1),
            _ => Ok(x.clone()),
        };
        let pred = batch_first(pred, self.layout)?;
        let label = batch_first(label, self.label_layout)?;
        let loss = pred.ctc_loss(&label, pred_lengths, label_lengths)?;
        weighted_mean(&loss, self.weight, sample_weight, 0)
    }
}

impl fmt::Display for CtcLoss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let batch_axis = usize::from(self.label_layout == SequenceLayout::FramesFirst);
        write_loss(f, "CTCLoss", batch_axis, self.weight)
    }
}
