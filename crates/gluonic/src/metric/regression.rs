//! How far predictions are from numbers.

use super::{Mean, Metric, expect_labels};
use crate::array::NdArray;
use crate::error::Result;

macro_rules! regression {
    ($($(#[$doc:meta])* $type:ident $name:literal |$d:ident| $f:expr, |$mean:ident| $g:expr;)*) => {$(
        $(#[$doc])*
        ///
        /// # Shapes
        /// Labels and predictions of equally many elements. A batch without elements counts nothing.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $type {
            mean: Mean,
        }

        impl Metric for $type {
            fn name(&self) -> &'static str {
                $name
            }

            fn update(&mut self, labels: &NdArray, preds: &NdArray) -> Result<()> {
                expect_labels(labels, preds.dims())?;
                let (labels, preds) = (labels.to_f64_vec()?, preds.to_f64_vec()?);
                let n = labels.len();
                if n > 0 {
                    let sum: f64 = labels.iter().zip(&preds).map(|(x, y)| { let $d = x - y; $f }).sum();
                    let $mean = sum / n as f64;
                    self.mean.add($g, 1);
                }
                Ok(())
            }

            fn value(&self) -> f64 {
                self.mean.value()
            }

            fn reset(&mut self) {
                self.mean = Mean::default();
            }
        }
    )*};
}

regression! {
    /// The mean absolute error: the mean over batches of the mean of `|label - pred|`, so that a
    /// smaller last batch counts as much as the others.
    ///
    /// # Source
    /// MXNet 1.9.1, `metric.py`, class `MAE`.
    #[doc(alias = "MAE")]
    Mae "mae" |d| d.abs(), |mean| mean;
    /// The mean squared error: the mean over batches of the mean of `(label - pred)²`.
    ///
    /// # Source
    /// MXNet 1.9.1, `metric.py`, class `MSE`.
    #[doc(alias = "MSE")]
    Mse "mse" |d| d * d, |mean| mean;
    /// The root of the mean squared error: the mean over batches of `√mean (label - pred)²`. It is
    /// not the root over all batches together.
    ///
    /// # Source
    /// MXNet 1.9.1, `metric.py`, class `RMSE`.
    #[doc(alias = "RMSE")]
    Rmse "rmse" |d| d * d, |mean| mean.sqrt();
}
