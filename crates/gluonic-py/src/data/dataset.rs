//! Data sets of gluonic.

use std::path::PathBuf;
use std::sync::Arc;

use gluonic::NdArray;
use gluonic::data::{self, Dataset, DatasetExt, Split};
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::to_list;
use super::transforms::PyTransform;
use crate::array::ArrayArg;
use crate::errors::OrRaise;

/// A data set of gluonic.
#[pyclass(frozen, name = "_Data", module = "gluonic._gluonic")]
pub(super) struct Data(Arc<dyn Dataset>);

impl Data {
    pub(super) fn get(&self) -> Arc<dyn Dataset> {
        self.0.clone()
    }
}

fn split(train: bool) -> Split {
    if train { Split::Train } else { Split::Test }
}

#[pymethods]
impl Data {
    /// Of the rows of arrays.
    #[staticmethod]
    fn rows(py: Python<'_>, arrays: Vec<ArrayArg>) -> PyResult<Self> {
        let rows = data::ArrayDataset::new(arrays.iter().map(|array| &array.array));
        Ok(Data(Arc::new(rows.or_raise(py)?)))
    }

    /// The digits that are part of gluonic.
    #[staticmethod]
    fn digits(py: Python<'_>) -> PyResult<Self> {
        Ok(Data(Arc::new(data::digits().or_raise(py)?)))
    }

    #[staticmethod]
    fn mnist(py: Python<'_>, folder: PathBuf, train: bool) -> PyResult<Self> {
        let read = py.detach(|| data::mnist(folder, split(train)));
        Ok(Data(Arc::new(read.or_raise(py)?)))
    }

    #[staticmethod]
    fn cifar10(py: Python<'_>, folder: PathBuf, train: bool) -> PyResult<Self> {
        let read = py.detach(|| data::cifar10(folder, split(train)));
        Ok(Data(Arc::new(read.or_raise(py)?)))
    }

    #[staticmethod]
    fn cifar100(py: Python<'_>, folder: PathBuf, train: bool, fine: bool) -> PyResult<Self> {
        let label = if fine { data::Cifar100Label::Fine } else { data::Cifar100Label::Coarse };
        let read = py.detach(|| data::cifar100(folder, split(train), label));
        Ok(Data(Arc::new(read.or_raise(py)?)))
    }

    /// With the first array of each sample changed.
    fn transform_first(&self, transform: &PyTransform) -> Self {
        let transform = transform.get();
        let changed = self.0.clone().transform_first(move |x: &NdArray| transform.apply(x));
        Data(Arc::new(changed))
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    /// Several samples together.
    fn batch<'py>(&self, py: Python<'py>, indices: Vec<usize>) -> PyResult<Bound<'py, PyList>> {
        let batch = py.detach(|| self.0.batch(&indices)).or_raise(py)?;
        to_list(py, &batch)
    }

    /// One sample.
    fn sample<'py>(&self, py: Python<'py>, index: usize) -> PyResult<Bound<'py, PyList>> {
        let sample = py.detach(|| self.0.get(index)).or_raise(py)?;
        to_list(py, &sample)
    }
}
