//! How far predictions and labels lie on a line.

use super::{Average, Mean, Metric, expect_labels};
use crate::array::NdArray;
use crate::error::Result;

/// Pearson's correlation of predictions and labels: the mean of that of the batches, or that of all
/// batches together.
///
/// A batch whose predictions or labels are all equal has none: NaN.
///
/// # Shapes
/// Labels and predictions of equally many elements.
///
/// # Examples
/// ```
/// use gluonic::{NdArray, metric::{Metric, PearsonCorrelation}};
/// let (labels, preds) = (NdArray::arange::<f32>(3), NdArray::from_slice(&[1.0_f32, 3.0, 5.0], 3)?);
/// let mut pearson = PearsonCorrelation::default();
/// pearson.update(&labels, &preds)?;
/// assert!((pearson.value() - 1.0).abs() < 1e-12);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `metric.py`, class `PearsonCorrelation`; the sums of several batches as Chan, Golub
/// and LeVeque (1983), "Algorithms for computing the sample variance".
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PearsonCorrelation {
    average: Average,
    moments: Moments,
    mean: Mean,
}

impl PearsonCorrelation {
    /// The mean of batches, or that of all together.
    pub fn new(average: Average) -> Self {
        PearsonCorrelation { average, ..PearsonCorrelation::default() }
    }
}

/// Means, and sums of products of what differs from them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Moments {
    n: f64,
    x: f64,
    y: f64,
    xx: f64,
    yy: f64,
    xy: f64,
}

impl Moments {
    fn of(xs: &[f64], ys: &[f64]) -> Moments {
        let n = xs.len() as f64;
        let mean = |values: &[f64]| values.iter().sum::<f64>() / n;
        let (x, y) = (mean(xs), mean(ys));
        let mut moments = Moments { n, x, y, ..Moments::default() };
        for (a, b) in xs.iter().map(|v| v - x).zip(ys.iter().map(|v| v - y)) {
            moments.xx += a * a;
            moments.yy += b * b;
            moments.xy += a * b;
        }
        moments
    }

    fn join(self, other: Moments) -> Moments {
        if self.n == 0.0 || other.n == 0.0 {
            return if self.n == 0.0 { other } else { self };
        }
        let n = self.n + other.n;
        let (dx, dy, both) = (other.x - self.x, other.y - self.y, self.n * other.n / n);
        Moments {
            n,
            x: self.x + dx * other.n / n,
            y: self.y + dy * other.n / n,
            xx: self.xx + other.xx + dx * dx * both,
            yy: self.yy + other.yy + dy * dy * both,
            xy: self.xy + other.xy + dx * dy * both,
        }
    }

    fn correlation(self) -> f64 {
        self.xy / (self.xx.sqrt() * self.yy.sqrt())
    }
}

impl Metric for PearsonCorrelation {
    fn name(&self) -> &'static str {
        "pearsonr"
    }

    fn update(&mut self, labels: &NdArray, preds: &NdArray) -> Result<()> {
        expect_labels(labels, preds.dims())?;
        let moments = Moments::of(&labels.to_f64_vec()?, &preds.to_f64_vec()?);
        match self.average {
            Average::Macro => self.mean.add(moments.correlation(), 1),
            Average::Micro => self.moments = self.moments.join(moments),
        }
        Ok(())
    }

    fn value(&self) -> f64 {
        match self.average {
            Average::Macro => self.mean.value(),
            Average::Micro => self.moments.correlation(),
        }
    }

    fn reset(&mut self) {
        *self = PearsonCorrelation::new(self.average);
    }
}
