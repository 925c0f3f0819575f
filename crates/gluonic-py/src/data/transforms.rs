//! Transforms of gluonic.

use std::sync::Arc;

use gluonic::NdArray;
use gluonic::data::transforms::{
    Cast, CenterCrop, Compose, Normalize, RandomCrop, RandomFlipLeftRight, RandomFlipTopBottom,
    ToTensor, Transform,
};
use pyo3::prelude::*;

use crate::array::{ArrayArg, wrap};
use crate::dtype::DTypeArg;
use crate::errors::OrRaise;

/// A transform of gluonic.
#[pyclass(frozen, name = "_Transform", module = "gluonic._gluonic")]
pub(super) struct PyTransform(Arc<dyn Transform>);

impl PyTransform {
    pub(super) fn get(&self) -> Arc<dyn Transform> {
        self.0.clone()
    }
}

#[pymethods]
impl PyTransform {
    #[staticmethod]
    fn to_tensor() -> Self {
        PyTransform(Arc::new(ToTensor))
    }

    #[staticmethod]
    fn normalize(py: Python<'_>, mean: Vec<f64>, std: Vec<f64>) -> PyResult<Self> {
        Ok(PyTransform(Arc::new(Normalize::new(&mean, &std).or_raise(py)?)))
    }

    #[staticmethod]
    fn cast(dtype: DTypeArg) -> Self {
        PyTransform(Arc::new(Cast::new(dtype.0)))
    }

    #[staticmethod]
    fn center_crop(py: Python<'_>, height: usize, width: usize) -> PyResult<Self> {
        Ok(PyTransform(Arc::new(CenterCrop::new(height, width).or_raise(py)?)))
    }

    #[staticmethod]
    fn random_crop(py: Python<'_>, height: usize, width: usize, padding: usize) -> PyResult<Self> {
        let crop = RandomCrop::new(height, width).or_raise(py)?;
        Ok(PyTransform(Arc::new(crop.padding(padding))))
    }

    #[staticmethod]
    fn flip_left_right(py: Python<'_>, p: f64) -> PyResult<Self> {
        Ok(PyTransform(Arc::new(RandomFlipLeftRight::new(p).or_raise(py)?)))
    }

    #[staticmethod]
    fn flip_top_bottom(py: Python<'_>, p: f64) -> PyResult<Self> {
        Ok(PyTransform(Arc::new(RandomFlipTopBottom::new(p).or_raise(py)?)))
    }

    #[staticmethod]
    fn compose(transforms: Vec<PyRef<'_, PyTransform>>) -> Self {
        let all = transforms.iter().fold(Compose::new(), |all, transform| {
            let transform = transform.get();
            all.then(move |x: &NdArray| transform.apply(x))
        });
        PyTransform(Arc::new(all))
    }

    fn apply<'py>(&self, py: Python<'py>, x: ArrayArg) -> PyResult<Bound<'py, PyAny>> {
        let changed = py.detach(|| self.0.apply(&x.array)).or_raise(py)?;
        wrap(py, changed, x.dialect)
    }
}
