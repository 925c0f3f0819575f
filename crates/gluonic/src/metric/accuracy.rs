//! How many predictions are right.

use super::{Mean, Metric, expect_labels};
use crate::array::NdArray;
use crate::error::{Error, Result};
use crate::ops::{Order, resolve_axis};

/// The part of the predictions that equal their label: of scores, the class of the largest.
///
/// # Shapes
/// Predictions of the labels' sizes are class numbers; any other ones have scores along `axis`, and
/// labels are as many as the other axes have places.
///
/// # Source
/// MXNet 1.9.1, `metric.py`, class `Accuracy`; numbers that are not whole are cut off, as there.
#[derive(Clone, Debug, PartialEq)]
pub struct Accuracy {
    axis: isize,
    mean: Mean,
}

impl Default for Accuracy {
    /// Scores along axis 1.
    fn default() -> Self {
        Accuracy::with_axis(1)
    }
}

impl Accuracy {
    /// For scores along another axis; negative ones count from the end.
    pub fn with_axis(axis: isize) -> Self {
        Accuracy { axis, mean: Mean::default() }
    }
}

impl Metric for Accuracy {
    fn name(&self) -> &'static str {
        "accuracy"
    }

    fn update(&mut self, labels: &NdArray, preds: &NdArray) -> Result<()> {
        let preds = if preds.dims() == labels.dims() {
            preds.clone()
        } else {
            preds.argmax(self.axis, false)?
        };
        expect_labels(labels, preds.dims())?;
        let (labels, preds) = (labels.to_f64_vec()?, preds.to_f64_vec()?);
        let right = labels.iter().zip(&preds).filter(|(x, y)| x.trunc() == y.trunc());
        self.mean.add(right.count() as f64, labels.len());
        Ok(())
    }

    fn value(&self) -> f64 {
        self.mean.value()
    }

    fn reset(&mut self) {
        self.mean = Mean::default();
    }
}

/// The part of the labels that are among the `k` classes of the largest scores. Of equal scores
/// the first class comes first.
///
/// # Shapes
/// Scores along the last axis, labels as many as the other axes have places.
///
/// # Source
/// MXNet 1.9.1, `metric.py`, class `TopKAccuracy`.
#[derive(Clone, Debug, PartialEq)]
pub struct TopKAccuracy {
    k: usize,
    name: String,
    mean: Mean,
}

impl TopKAccuracy {
    /// For the `k` best classes.
    ///
    /// # Errors
    /// [`Error::Setting`] if `k` is 0.
    pub fn new(k: usize) -> Result<Self> {
        if k == 0 {
            let found = "0".into();
            return Err(Error::Setting { setting: "k", expected: "one class or more", found });
        }
        Ok(TopKAccuracy { k, name: format!("top_k_accuracy_{k}"), mean: Mean::default() })
    }
}

impl Metric for TopKAccuracy {
    fn name(&self) -> &str {
        &self.name
    }

    fn update(&mut self, labels: &NdArray, preds: &NdArray) -> Result<()> {
        let last = resolve_axis("top_k_accuracy", -1, preds.rank())?;
        expect_labels(labels, &preds.dims()[..last])?;
        let k = self.k.min(preds.dims()[last]);
        let best = preds.topk(k, -1, Order::Descending)?.1.to_vec::<i64>()?;
        let labels = labels.to_f64_vec()?;
        let rows = best.chunks_exact(k.max(1)).zip(&labels);
        let right = rows.filter(|(best, label)| best.iter().any(|i| *i as f64 == label.trunc()));
        self.mean.add(right.count() as f64, labels.len());
        Ok(())
    }

    fn value(&self) -> f64 {
        self.mean.value()
    }

    fn reset(&mut self) {
        self.mean = Mean::default();
    }
}
