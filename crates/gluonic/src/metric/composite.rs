//! Several metrics at once.

use std::fmt;

use super::Metric;
use crate::array::NdArray;
use crate::error::Result;

/// Metrics that count the same batches.
///
/// # Examples
/// ```
/// use gluonic::{NdArray, metric::{Composite, Mae, Mse}};
/// let mut metrics = Composite::default().with(Mae::default()).with(Mse::default());
/// let (labels, preds) = (NdArray::arange::<f32>(2), NdArray::from_slice(&[2.0_f32, 1.0], 2)?);
/// metrics.update(&labels, &preds)?;
/// assert_eq!(metrics.get(), [("mae", 1.0), ("mse", 2.0)]);
/// assert_eq!(metrics.to_string(), "mae 1, mse 2");
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `metric.py`, class `CompositeEvalMetric`.
#[derive(Default)]
pub struct Composite {
    metrics: Vec<Box<dyn Metric>>,
}

impl Composite {
    /// With another metric, after the others.
    #[must_use]
    pub fn with(mut self, metric: impl Metric + 'static) -> Self {
        self.metrics.push(Box::new(metric));
        self
    }

    /// Counts a batch in each metric, in their order.
    ///
    /// # Errors
    /// As [`Metric::update`]; the metrics before the one that fails have counted the batch.
    pub fn update(&mut self, labels: &NdArray, preds: &NdArray) -> Result<()> {
        self.metrics.iter_mut().try_for_each(|metric| metric.update(labels, preds))
    }

    /// The names and the values.
    pub fn get(&self) -> Vec<(&str, f64)> {
        self.metrics.iter().map(|metric| metric.get()).collect()
    }

    /// Forgets all batches.
    pub fn reset(&mut self) {
        self.metrics.iter_mut().for_each(|metric| metric.reset());
    }
}

impl fmt::Debug for Composite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Composite").field(&self.get()).finish()
    }
}

impl fmt::Display for Composite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (name, value)) in self.get().into_iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{name} {value}")?;
        }
        Ok(())
    }
}
