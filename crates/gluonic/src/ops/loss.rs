//! The fused cross-entropy of a softmax with class numbers.

use std::sync::Arc;

use super::{Flat, compute_type, edges, output, resolve_axis};
use crate::array::{Buf, Element, NdArray, Scalar, for_dtype, for_float};
use crate::autograd::{Op, Sinks};
use crate::cpu::softmax as kernel;
use crate::error::{Error, Result};
use crate::shape::Dims;

struct CrossEntropyNode {
    probs: Buf,
    labels: Buf,
    classes: usize,
}

impl Op for CrossEntropyNode {
    fn backward(&self, grad: Arc<Buf>, sinks: &mut Sinks<'_>) -> Result<()> {
        for_float!(grad.dtype(), T => sinks.write::<T>(0, self.probs.len(), |out, add| {
            let (probs, labels) = (self.probs.slice(), self.labels.slice::<u32>());
            kernel::cross_entropy_grad(out, add, grad.slice(), probs, labels, self.classes);
        }))
    }
}

/// Class numbers of any element type as `u32`, each below `classes`.
pub(super) fn class_numbers(labels: &NdArray, classes: usize) -> Result<Buf> {
    fn convert<T: Element>(from: &[T], out: &mut [u32], classes: usize) -> Result<()> {
        for (i, (out, label)) in out.iter_mut().zip(from).enumerate() {
            let label: Scalar = (*label).into();
            let number = label.to_f64();
            // A fraction truncates, as in MXNet; below 0 or NaN is no class.
            if !(number >= 0.0 && number < classes as f64) {
                return Err(Error::Label { index: i, label: label.to_string().into(), classes });
            }
            *out = number as u32;
        }
        Ok(())
    }
    let flat = Flat::new(labels)?;
    let mut result = Ok(());
    let buf = Buf::new::<u32>(labels.elem_count(), |out| {
        let compute = labels.dtype().compute().unwrap_or(labels.dtype());
        result = for_dtype!(compute, T => convert::<T>(flat.slice(), out, classes));
    });
    result.map(|()| buf)
}

struct PickNode {
    labels: Buf,
    classes: usize,
}

impl Op for PickNode {
    fn backward(&self, grad: Arc<Buf>, sinks: &mut Sinks<'_>) -> Result<()> {
        let n = self.labels.len() * self.classes;
        for_float!(grad.dtype(), T => sinks.write::<T>(0, n, |out, add| {
            if !add {
                out.fill(0.0);
            }
            let rows = out.chunks_exact_mut(self.classes.max(1)).zip(self.labels.slice::<u32>());
            for ((row, label), g) in rows.zip(grad.slice::<T>()) {
                row[*label as usize] += *g;
            }
        }))
    }
}

/// The number of classes and the sizes of the labels, which are those of all other axes.
fn classes_of(x: &NdArray, labels: &NdArray, op: &'static str) -> Result<(usize, Dims)> {
    let Some((&classes, rest)) = x.dims().split_last() else {
        return Err(Error::Axis { op, axis: -1, rank: 0 });
    };
    if **labels.dims() != *rest {
        return Err(Error::LabelShape { expected: rest.into(), found: labels.dims().into() });
    }
    Ok((classes, rest.into()))
}

impl NdArray {
    /// Along an axis, the element that each label names.
    ///
    /// # Shapes
    /// `labels` has the other axes of this array; so has the result.
    ///
    /// # Errors
    /// As [`NdArray::softmax_cross_entropy`]; [`Error::Axis`] if the axis does not exist.
    ///
    /// # Examples
    /// ```
    /// use gluonic::NdArray;
    /// let x = NdArray::arange::<f32>(6).reshape((2, 3))?;
    /// let labels = NdArray::from_slice(&[2_i64, 0], 2)?;
    /// assert_eq!(x.pick(&labels, -1)?.to_vec::<f32>()?, [2.0, 3.0]);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// MXNet 1.9.1, `pick`. DIFFERENCE: a label out of range is an error; MXNet clips it.
    pub fn pick(&self, labels: &NdArray, axis: isize) -> Result<NdArray> {
        let axis = resolve_axis("pick", axis, self.rank())?;
        if axis + 1 == self.rank() {
            return self.pick_last(labels);
        }
        let others = (0..self.rank()).filter(|&a| a != axis).chain([axis]);
        self.permute(&others.map(|a| a as isize).collect::<Vec<_>>())?.pick_last(labels)
    }

    fn pick_last(&self, labels: &NdArray) -> Result<NdArray> {
        let compute = compute_type("pick", &[self])?;
        let (classes, dims) = classes_of(self, labels, "pick")?;
        if let Some(shape) = NdArray::planned(&dims, self.dtype())? {
            return Ok(shape);
        }
        let edges = edges(&[self])?.beside(labels)?;
        let labels = class_numbers(labels, classes)?;
        let flat = Flat::new(self)?;
        let picked = for_float!(compute, T => Buf::new::<T>(labels.len(), |out| {
            let rows = flat.slice::<T>().chunks_exact(classes.max(1));
            for ((out, row), label) in out.iter_mut().zip(rows).zip(labels.slice::<u32>()) {
                *out = row[*label as usize];
            }
        }));
        Ok(output(Arc::new(picked), self.dtype(), dims, edges, || {
            Box::new(PickNode { labels, classes })
        }))
    }

    /// `-log softmax(x)[label]` along the last axis, one loss for each label.
    ///
    /// # Shapes
    /// `(…, classes)` with labels `(…)` gives `(…)`.
    ///
    /// # Errors
    /// [`Error::Label`] if a label is not a class number; [`Error::LabelShape`] if the labels'
    /// sizes do not fit; [`Error::NoArithmetic`] if the element type is not a floating-point one.
    pub fn softmax_cross_entropy(&self, labels: &NdArray) -> Result<NdArray> {
        let compute = compute_type("softmax_cross_entropy", &[self])?;
        let (classes, dims) = classes_of(self, labels, "softmax_cross_entropy")?;
        if let Some(shape) = NdArray::planned(&dims, self.dtype())? {
            return Ok(shape);
        }
        let edges = edges(&[self])?.beside(labels)?;
        let labels = class_numbers(labels, classes)?;
        let flat = Flat::new(self)?;
        let (loss, probs) = for_float!(compute, T => {
            let mut probs = Buf::new::<T>(self.elem_count(), |_| ());
            let loss = Buf::new::<T>(dims.elem_count(), |loss| {
                let labels = labels.slice::<u32>();
                kernel::cross_entropy(loss, probs.slice_mut(), flat.slice(), labels, classes);
            });
            (loss, probs)
        });
        Ok(output(Arc::new(loss), self.dtype(), dims, edges, || {
            Box::new(CrossEntropyNode { probs, labels, classes })
        }))
    }
}
