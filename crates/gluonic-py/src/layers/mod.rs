//! The layers of gluonic that blocks of Python are built on: their arguments, one function each.

mod args;
mod attention;
mod basic;
mod conv;
mod norm;
mod part;
mod pool;
mod py_cell;
mod rnn;
mod steps;

use std::sync::Arc;

use gluonic::nn::{BlockCore, MultiHeadAttention};
use pyo3::prelude::*;

pub(crate) use part::Part;

use crate::dict::Dict;
use crate::errors::OrRaise;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Layer>()?;
    module.add_class::<Naming>()?;
    attention::register(module)?;
    basic::register(module)?;
    conv::register(module)?;
    norm::register(module)?;
    pool::register(module)?;
    py_cell::register(module)?;
    rnn::register(module)?;
    steps::register(module)
}

/// A layer of gluonic, to build a block on.
#[pyclass(frozen, name = "_Layer")]
pub(crate) struct Layer {
    block: Arc<dyn gluonic::Block>,
    kind: Kind,
}

/// What a layer can do beside the forward of one input.
enum Kind {
    Plain,
    /// It has an activation; this is the layer without it.
    Activated(Arc<dyn gluonic::Block>),
    Cell(Arc<dyn gluonic::nn::rnn::RecurrentCell>),
    Sequence(Arc<dyn rnn::Sequence>),
    Attention(Arc<MultiHeadAttention>),
    Encoder(Arc<dyn attention::Encoder>),
}

impl Layer {
    pub(crate) fn new(block: Arc<dyn gluonic::Block>) -> Self {
        Layer { block, kind: Kind::Plain }
    }

    pub(crate) fn get(&self) -> Arc<dyn gluonic::Block> {
        self.block.clone()
    }

    /// Whether it has a call of several inputs, which runs hooks and tells a summary.
    pub(crate) fn tells(&self) -> bool {
        matches!(self.kind, Kind::Sequence(_) | Kind::Attention(_) | Kind::Encoder(_))
    }

    /// The layer without its activation: itself, if it has none.
    pub(crate) fn bare(&self) -> Arc<dyn gluonic::Block> {
        match &self.kind {
            Kind::Activated(bare) => bare.clone(),
            _ => self.block.clone(),
        }
    }
}

#[pymethods]
impl Layer {
    /// The class, as it is printed.
    #[getter]
    fn class_name(&self) -> String {
        self.block.core().class().to_owned()
    }
}

/// What every layer is told about its name.
#[pyclass(frozen, name = "_Naming")]
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
        let params = params.map(|params| params.get().get(params.py())).transpose()?;
        Ok(Naming { class, hint, prefix, params })
    }
}

impl Naming {
    /// Builds a layer under its Python class's name.
    fn name<B>(
        &self,
        py: Python<'_>,
        make: impl FnOnce() -> gluonic::Result<B>,
    ) -> PyResult<Arc<B>> {
        let (prefix, params) = (self.prefix.as_deref(), self.params.as_ref());
        let layer = BlockCore::built_with(&self.class, &self.hint, prefix, params, make);
        Ok(Arc::new(layer.or_raise(py)?))
    }

    /// As `name`, for a layer that is a block and nothing more.
    fn build<B: gluonic::Block>(
        &self,
        py: Python<'_>,
        make: impl FnOnce() -> gluonic::Result<B>,
    ) -> PyResult<Layer> {
        Ok(Layer::new(self.name(py, make)?))
    }
}
