//! Metrics, by the names that gluonic gives them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use gluonic::metric::{
    Accuracy, Average, CrossEntropy, F1, Loss, Mae, Mcc, Metric, Mse, PearsonCorrelation,
    Perplexity, Rmse, TopKAccuracy,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::array::ArrayArg;
use crate::errors::OrRaise;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyMetric>()
}

/// A metric of gluonic.
#[pyclass(frozen, name = "_Metric", module = "gluonic._gluonic")]
pub(crate) struct PyMetric(Mutex<Box<dyn Metric>>);

impl PyMetric {
    fn get(&self) -> MutexGuard<'_, Box<dyn Metric>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn average(word: &str) -> PyResult<Average> {
    match word {
        "macro" => Ok(Average::Macro),
        "micro" => Ok(Average::Micro),
        _ => Err(PyValueError::new_err(format!(
            "average must be 'macro' or 'micro', found '{word}'"
        ))),
    }
}

#[pymethods]
impl PyMetric {
    /// Of a kind, with the settings that it has.
    #[new]
    #[pyo3(signature = (kind, axis = -1, top_k = 1, eps = 1e-12, ignore_label = None,
                        average = "macro"))]
    fn new(
        py: Python<'_>,
        kind: &str,
        axis: isize,
        top_k: usize,
        eps: f64,
        ignore_label: Option<i64>,
        average: &str,
    ) -> PyResult<Self> {
        let average = self::average(average)?;
        let metric: Box<dyn Metric> = match kind {
            "accuracy" => Box::new(Accuracy::with_axis(axis)),
            "top_k_accuracy" => Box::new(TopKAccuracy::new(top_k).or_raise(py)?),
            "f1" => Box::new(F1::new(average)),
            "mcc" => Box::new(Mcc::new(average)),
            "mae" => Box::new(Mae::default()),
            "mse" => Box::new(Mse::default()),
            "rmse" => Box::new(Rmse::default()),
            "cross-entropy" => Box::new(CrossEntropy::with_eps(eps)),
            "perplexity" => Box::new(Perplexity::with_axis(ignore_label, axis)),
            "pearsonr" => Box::new(PearsonCorrelation::new(average)),
            "loss" => Box::new(Loss::default()),
            _ => return Err(PyValueError::new_err(format!("there is no metric '{kind}'"))),
        };
        Ok(PyMetric(Mutex::new(metric)))
    }

    /// Counts a batch.
    fn update(&self, py: Python<'_>, labels: ArrayArg, preds: ArrayArg) -> PyResult<()> {
        // Locked without the GIL, for which nobody may wait who holds the lock.
        py.detach(|| self.get().update(&labels.array, &preds.array)).or_raise(py)
    }

    /// The value so far.
    fn value(&self) -> f64 {
        self.get().value()
    }

    /// Forgets all batches.
    fn reset(&self) {
        self.get().reset();
    }
}
