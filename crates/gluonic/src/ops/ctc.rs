//! The loss of connectionist temporal classification.

use std::sync::Arc;

use super::{Flat, compute_type, edges, output};
use crate::array::{Buf, NdArray, for_float, shapes_only};
use crate::autograd::{Inputs, Op, Sinks};
use crate::cpu::ctc as kernel;
use crate::cpu::elementwise::zip;
use crate::error::{Error, Result};
use crate::shape::{Dims, Shape};

struct CtcNode {
    /// The gradient of each sample's loss by its scores.
    grads: Buf,
}

impl Op for CtcNode {
    fn backward(&self, grad: Arc<Buf>, sinks: &mut Sinks<'_>) -> Result<()> {
        let size = self.grads.len() / grad.len().max(1);
        for_float!(grad.dtype(), T => sinks.write::<T>(0, self.grads.len(), |out, add| {
            let rows = self.grads.slice::<T>().chunks_exact(size.max(1)).zip(grad.slice::<T>());
            for (out, (row, g)) in out.chunks_exact_mut(size.max(1)).zip(rows) {
                zip(out, add, row, row, |x, _| x * *g);
            }
        }))
    }
}

/// One length for each sample, at most `limit`.
fn lengths(
    name: &'static str,
    lengths: Option<&NdArray>,
    n: usize,
    limit: usize,
) -> Result<Option<Vec<usize>>> {
    let Some(lengths) = lengths else { return Ok(None) };
    if **lengths.dims() != [n] {
        let (expected, found) = (Shape::from(n), lengths.dims().into());
        return Err(Error::OperandShape { op: name, expected, found });
    }
    if shapes_only() {
        return Ok(None);
    }
    let read = |length: f64| {
        let fits = length >= 0.0 && length <= limit as f64;
        let found = || format!("{length} for a sequence of {limit}").into();
        let expected = "between 0 and the length of the sequence";
        fits.then_some(length as usize).ok_or_else(|| Error::Setting {
            setting: name,
            expected,
            found: found(),
        })
    };
    lengths.to_f64_vec()?.into_iter().map(read).collect::<Result<_>>().map(Some)
}

/// The labels of each sample: as many as its length says, or up to the first negative one.
fn sequences(labels: &NdArray, lengths: Option<&[usize]>, classes: usize) -> Result<Vec<Vec<u32>>> {
    let width = labels.dims()[1];
    let values = labels.to_f64_vec()?;
    let row = |n: usize| {
        let row = &values[n * width..(n + 1) * width];
        let end = row.iter().position(|label| *label < 0.0).unwrap_or(width);
        let end = lengths.map_or(end, |lengths| lengths[n]);
        let read = |(i, label): (usize, &f64)| {
            let known = *label >= 0.0 && *label < classes as f64;
            known.then_some(*label as u32).ok_or_else(|| Error::Label {
                index: n * width + i,
                label: label.to_string().into(),
                classes,
            })
        };
        row[..end].iter().enumerate().map(read).collect()
    };
    (0..labels.dims()[0]).map(row).collect()
}

impl NdArray {
    /// The negative log-probability that these scores, one softmax a frame, read as the labels:
    /// the sum over all alignments, where repeated symbols are read once and the last class is the
    /// blank between. One loss for each sample.
    ///
    /// Labels end at the first negative number, or where `label_lengths` says; frames where
    /// `pred_lengths` says. Where the frames are too few for the labels the loss is infinite and
    /// its gradient 0: in MXNet 1.9.1 it is 0, in PyTorch infinite with a gradient of NaN.
    ///
    /// # Shapes
    /// `(batch, frames, classes + 1)` and labels `(batch, labels)`; lengths `(batch,)`; the result
    /// is `(batch,)`.
    ///
    /// # Memory
    /// Under `record` the gradient is computed at once and kept.
    ///
    /// # Errors
    /// [`Error::Label`] if a label is no class, [`Error::OperandShape`] if the sizes do not fit,
    /// [`Error::Setting`] if a length is beyond its sequence, [`Error::Empty`] if there is no
    /// class for the blank.
    ///
    /// # Source
    /// Graves et al. (2006), "Connectionist Temporal Classification", eq. 6, 10, 14 and 16.
    #[expect(clippy::missing_panics_doc, reason = "what is recorded has been made")]
    pub fn ctc_loss(
        &self,
        labels: &NdArray,
        pred_lengths: Option<&NdArray>,
        label_lengths: Option<&NdArray>,
    ) -> Result<NdArray> {
        let compute = compute_type("ctc_loss", &[self])?;
        let fail = |expected: Vec<Option<usize>>, found: &NdArray| Error::OperandShape {
            op: "ctc_loss",
            expected: expected.into(),
            found: found.dims().into(),
        };
        let [n, frames, classes] = **self.dims() else { return Err(fail(vec![None; 3], self)) };
        let [label_rows, width] = **labels.dims() else {
            return Err(fail(vec![Some(n), None], labels));
        };
        if label_rows != n {
            return Err(fail(vec![Some(n), None], labels));
        }
        if classes == 0 {
            return Err(Error::Empty { op: "ctc_loss", shape: self.dims().into() });
        }
        let others = [Some(labels), pred_lengths, label_lengths].into_iter().flatten();
        let pred_lengths = lengths("pred_lengths", pred_lengths, n, frames)?;
        let label_lengths = lengths("label_lengths", label_lengths, n, width)?;
        if let Some(shape) = NdArray::planned(&n.into(), self.dtype())? {
            return Ok(shape);
        }
        let sequences = sequences(labels, label_lengths.as_deref(), classes - 1)?;
        let edges = { others }.try_fold(edges(&[self])?, Inputs::beside)?;
        let flat = Flat::new(self)?;
        let recorded = edges.is_recorded();
        let (losses, grads) = for_float!(compute, T => {
            let size = frames * classes;
            let sample = |i: usize| kernel::Sample {
                scores: &flat.slice::<T>()[i * size..(i + 1) * size],
                frames: pred_lengths.as_ref().map_or(frames, |lengths| lengths[i]),
                classes,
                labels: &sequences[i],
            };
            let mut grads = recorded.then(|| Buf::new::<T>(n * size, |_| ()));
            let losses = Buf::new::<T>(n, |losses| {
                kernel::ctc(losses, grads.as_mut().map(Buf::slice_mut), sample);
            });
            (losses, grads)
        });
        Ok(output(Arc::new(losses), self.dtype(), Dims::from(n), edges, || {
            Box::new(CtcNode { grads: grads.expect("made under record") })
        }))
    }
}
