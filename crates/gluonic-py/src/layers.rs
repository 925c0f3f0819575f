//! The layers of gluonic that blocks of Python are built on: their arguments, one function each.

use std::sync::Arc;

use gluonic::nn::{Activation, BlockCore, Dense, DenseConfig};
use pyo3::prelude::*;

use crate::dict::Dict;
use crate::dtype::DTypeArg;
use crate::errors::OrRaise;
use crate::initializer::InitArg;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Layer>()?;
    module.add_class::<Naming>()?;
    module.add_function(wrap_pyfunction!(dense, module)?)
}

/// A layer of gluonic, to build a block on.
#[pyclass(frozen, name = "_Layer")]
pub(crate) struct Layer(Arc<dyn gluonic::Block>);

impl Layer {
    pub(crate) fn get(&self) -> Arc<dyn gluonic::Block> {
        self.0.clone()
    }
}

/// What every layer is told about its name.
#[pyclass(frozen, name = "_Naming")]
#[derive(Clone)]
pub(crate) struct Naming {
    class: String,
    hint: String,
    prefix: Option<String>,
    params: Option<gluonic::ParameterDict>,
}

#[pymethods]
impl Naming {
    #[new]
    fn new(
        class: String,
        hint: String,
        prefix: Option<String>,
        params: Option<&Bound<'_, Dict>>,
    ) -> PyResult<Self> {
        let params = params.map(|params| params.get().get()).transpose()?;
        Ok(Naming { class, hint, prefix, params })
    }
}

/// Builds a layer under its Python class's name.
fn build<B: gluonic::Block>(
    py: Python<'_>,
    naming: &Naming,
    make: impl FnOnce() -> gluonic::Result<B>,
) -> PyResult<Layer> {
    let layer = BlockCore::built_as(&naming.class, &naming.hint, make).or_raise(py)?;
    Ok(Layer(Arc::new(layer)))
}

/// An activation by its word.
struct ActivationArg(Activation);

impl<'py> FromPyObject<'_, 'py> for ActivationArg {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let word: &str = &object.extract::<String>()?;
        word.parse().map(ActivationArg).or_raise(object.py())
    }
}

#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "they are Gluon's")]
fn dense(
    py: Python<'_>,
    naming: &Naming,
    units: usize,
    activation: Option<ActivationArg>,
    use_bias: bool,
    flatten: bool,
    dtype: DTypeArg,
    weight_initializer: Option<InitArg>,
    bias_initializer: Option<InitArg>,
    in_units: Option<usize>,
) -> PyResult<Layer> {
    build(py, naming, || {
        Dense::with(DenseConfig {
            units,
            in_units,
            use_bias,
            flatten,
            activation: activation.map(|activation| activation.0),
            dtype: dtype.0,
            weight_initializer: weight_initializer.map(|init| init.0),
            bias_initializer: bias_initializer.map(|init| init.0),
            prefix: naming.prefix.clone(),
            params: naming.params.clone(),
        })
    })
}
