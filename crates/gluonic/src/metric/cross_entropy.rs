//! Losses as metrics.

use super::{Mean, Metric, expect_labels};
use crate::array::{DType, NdArray};
use crate::error::Result;
use crate::ops::resolve_axis;

/// The mean of `-log(p[label] + eps)` for predicted probabilities.
///
/// # Shapes
/// Probabilities `(…, classes)`, labels as many as the other axes have places.
///
/// # Source
/// MXNet 1.9.1, `metric.py`, class `CrossEntropy`.
#[derive(Clone, Debug, PartialEq)]
pub struct CrossEntropy {
    eps: f64,
    mean: Mean,
}

impl Default for CrossEntropy {
    /// `eps = 10⁻¹²`.
    fn default() -> Self {
        CrossEntropy::with_eps(1e-12)
    }
}

impl CrossEntropy {
    /// With another number that keeps the logarithm finite.
    pub fn with_eps(eps: f64) -> Self {
        CrossEntropy { eps, mean: Mean::default() }
    }
}

impl Metric for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross-entropy"
    }

    fn update(&mut self, labels: &NdArray, preds: &NdArray) -> Result<()> {
        let picked = picked(labels, preds, -1)?;
        let sum: f64 = picked.iter().map(|p| -(p + self.eps).ln()).sum();
        self.mean.add(sum, picked.len());
        Ok(())
    }

    fn value(&self) -> f64 {
        self.mean.value()
    }

    fn reset(&mut self) {
        self.mean = Mean::default();
    }
}

/// The probability of each label.
fn picked(labels: &NdArray, preds: &NdArray, axis: isize) -> Result<Vec<f64>> {
    let axis = resolve_axis("pick", axis, preds.rank())?;
    let mut places = preds.dims().to_vec();
    places.remove(axis);
    expect_labels(labels, &places)?;
    let preds = crate::autograd::pause(|| preds.cast(DType::F64))?;
    let labels = labels.reshape(places)?.to_context(preds.context())?;
    preds.detach().pick(&labels, axis as isize)?.to_vec()
}

/// `exp` of the mean of `-log max(p[label], 10⁻¹⁰)` for predicted probabilities. Labels that are to
/// be ignored do not count.
///
/// # Shapes
/// Probabilities with the classes along `axis`, labels as many as the other axes have places.
///
/// # Source
/// MXNet 1.9.1, `metric.py`, class `Perplexity`.
#[derive(Clone, Debug, PartialEq)]
pub struct Perplexity {
    ignore_label: Option<i64>,
    axis: isize,
    mean: Mean,
}

impl Perplexity {
    /// For classes along the last axis.
    pub fn new(ignore_label: Option<i64>) -> Self {
        Perplexity::with_axis(ignore_label, -1)
    }

    /// For classes along another axis; negative ones count from the end.
    pub fn with_axis(ignore_label: Option<i64>, axis: isize) -> Self {
        Perplexity { ignore_label, axis, mean: Mean::default() }
    }
}

impl Metric for Perplexity {
    fn name(&self) -> &'static str {
        "perplexity"
    }

    fn update(&mut self, labels: &NdArray, preds: &NdArray) -> Result<()> {
        let labels = labels.cast(DType::F64)?;
        let ignored = |label: f64| self.ignore_label.is_some_and(|ignored| ignored as f64 == label);
        let values = labels.to_vec::<f64>()?;
        // Any class will do for a label that is ignored: it may be none.
        let known: Vec<f64> = values.iter().map(|&l| if ignored(l) { 0.0 } else { l }).collect();
        let picked = picked(&NdArray::from_vec(known, labels.dims())?, preds, self.axis)?;
        let counted = picked.iter().zip(&values).filter(|(_, label)| !ignored(**label));
        let (mut sum, mut n) = (0.0, 0);
        for (p, _) in counted {
            // A NaN is not larger, and stays.
            sum -= if *p <= 1e-10 { 1e-10_f64.ln() } else { p.ln() };
            n += 1;
        }
        self.mean.add(sum, n);
        Ok(())
    }

    fn value(&self) -> f64 {
        self.mean.value().exp()
    }

    fn reset(&mut self) {
        self.mean = Mean::default();
    }
}

/// The mean of all elements of the predictions, which are losses. Labels are not looked at.
///
/// # Source
/// MXNet 1.9.1, `metric.py`, class `Loss`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loss {
    mean: Mean,
}

impl Loss {
    /// Counts the losses of a batch.
    ///
    /// # Errors
    /// [`Error::BeingEdited`](crate::Error::BeingEdited) inside an edit of the array by the same
    /// thread.
    pub fn add(&mut self, losses: &NdArray) -> Result<()> {
        let losses = losses.to_f64_vec()?;
        self.mean.add(losses.iter().sum(), losses.len());
        Ok(())
    }
}

impl Metric for Loss {
    fn name(&self) -> &'static str {
        "loss"
    }

    fn update(&mut self, _labels: &NdArray, preds: &NdArray) -> Result<()> {
        self.add(preds)
    }

    fn value(&self) -> f64 {
        self.mean.value()
    }

    fn reset(&mut self) {
        self.mean = Mean::default();
    }
}
