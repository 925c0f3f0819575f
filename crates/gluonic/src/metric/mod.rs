//! Metrics: numbers that tell how good predictions are, collected over batches.
//!
//! Each is a plain value that counts in `f64` and `u64`: [`update`](Metric::update) takes a batch,
//! [`get`](Metric::get) gives the value so far, [`reset`](Metric::reset) starts over. Names, formulas
//! and edge cases are those of `mx.metric`, where not said otherwise. A metric reads values, and
//! records nothing.
//!
//! ```
//! use gluonic::{NdArray, metric::{Accuracy, Metric}};
//! let preds = NdArray::from_slice(&[0.1_f32, 0.9, 0.8, 0.2], (2, 2))?;
//! let labels = NdArray::from_slice(&[1_i64, 1], 2)?;
//! let mut accuracy = Accuracy::default();
//! accuracy.update(&labels, &preds)?;
//! assert_eq!(accuracy.get(), ("accuracy", 0.5));
//! assert_eq!(accuracy.to_string(), "accuracy 0.5");
//! # Ok::<(), gluonic::Error>(())
//! ```

mod accuracy;
mod composite;
mod cross_entropy;
mod f1;
mod pearson;
mod regression;

pub use accuracy::{Accuracy, TopKAccuracy};
pub use composite::Composite;
pub use cross_entropy::{CrossEntropy, Loss, Perplexity};
pub use f1::{Average, F1, Mcc};
pub use pearson::PearsonCorrelation;
pub use regression::{Mae, Mse, Rmse};

use crate::array::NdArray;
use crate::error::{Error, Result};

/// A number that is collected over batches.
///
/// # Source
/// MXNet 1.9.1, `metric.py`, class `EvalMetric`, for one output and without its second, global
/// count.
pub trait Metric: Send {
    /// What the value is called.
    fn name(&self) -> &str;

    /// Counts a batch. After an error nothing of it is counted.
    ///
    /// # Errors
    /// [`Error::LabelShape`] if labels and predictions do not fit, [`Error::Label`] if a label is
    /// no class; what else there is, the metric says.
    fn update(&mut self, labels: &NdArray, preds: &NdArray) -> Result<()>;

    /// The value of all batches so far; NaN if there were none.
    fn value(&self) -> f64;

    /// The name and the value.
    fn get(&self) -> (&str, f64) {
        (self.name(), self.value())
    }

    /// Forgets all batches.
    fn reset(&mut self);
}

/// A sum, and the number of its terms.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Mean {
    sum: f64,
    n: u64,
}

impl Mean {
    fn add(&mut self, sum: f64, n: usize) {
        self.sum += sum;
        self.n += n as u64;
    }

    fn value(self) -> f64 {
        self.sum / self.n as f64
    }
}

/// Writes `name value`.
macro_rules! display {
    ($($metric:ty),*) => {$(
        impl std::fmt::Display for $metric {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let (name, value) = $crate::metric::Metric::get(self);
                write!(f, "{name} {value}")
            }
        }
    )*};
}
display!(
    Accuracy,
    TopKAccuracy,
    CrossEntropy,
    Perplexity,
    Loss,
    F1,
    Mcc,
    PearsonCorrelation,
    Mae,
    Mse,
    Rmse
);

/// As many labels as there should be.
fn expect_labels(labels: &NdArray, expected: &[usize]) -> Result<()> {
    if labels.elem_count() == expected.iter().product::<usize>() {
        return Ok(());
    }
    Err(Error::LabelShape { expected: expected.into(), found: labels.dims().into() })
}
