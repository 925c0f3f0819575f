//! Embeddings: a row of a table for each id.

use std::fmt;
use std::sync::Arc;

use super::Forward;
use super::core::BlockCore;
use crate::array::{DType, NdArray};
use crate::error::{Error, Result, or_panic};
use crate::init::{Initializer, Layout};
use crate::ops::embedding;
use crate::param::{ParamSpec, Parameter, ParameterDict};

/// The options of an [`Embedding`] layer.
#[derive(Clone, Debug)]
pub struct EmbeddingConfig {
    /// The number of rows, one more than the largest id; 1 or more.
    pub input_dim: usize,
    /// The size of a row; 1 or more.
    pub output_dim: usize,
    /// The weight's element type. Default: `f32`.
    pub dtype: DType,
    /// Whether the weight's gradient is kept by the rows that were used: see
    /// [`GradRows`](crate::param::GradRows). Default: no.
    pub sparse_grad: bool,
    /// The weight's own initializer. Default: that of the whole block.
    pub weight_initializer: Option<Arc<dyn Initializer>>,
    /// An explicit prefix, used as it is.
    pub prefix: Option<String>,
    /// Parameters to share.
    pub params: Option<ParameterDict>,
}

impl Default for EmbeddingConfig {
    fn default() -> Self {
        EmbeddingConfig {
            input_dim: 1,
            output_dim: 1,
            dtype: DType::F32,
            sparse_grad: false,
            weight_initializer: None,
            prefix: None,
            params: None,
        }
    }
}

/// The row of a table for each id: see [`ops::embedding`](crate::ops::embedding).
///
/// # Shapes
/// The ids have any shape and any numeric type; the output has one axis more, of size `output_dim`.
/// `W` is `(input_dim, output_dim)`. A decoder `Dense::sharing(input_dim, &embedding.params())`
/// has the same weight: its gradient is the sum of both uses.
///
/// # Memory
/// A backward writes the whole gradient of `W`, however few ids there were. With
/// [`sparse_grad`](EmbeddingConfig::sparse_grad) it writes the rows that were looked up, and needs
/// memory for these alone, until something else uses the weight, as such a decoder does.
///
/// # Errors
/// [`Error::Id`], with the weight's name, if an id is not below `input_dim`.
///
/// # Examples
/// ```
/// use gluonic::prelude::*;
/// let layer = Embedding::new(1000, 16);
/// layer.initialize()?;
/// let y = layer.call(&NdArray::from_slice(&[3, 999], (1, 2))?)?;
/// assert_eq!(y.dims().to_string(), "(1, 2, 16)");
/// assert_eq!(layer.to_string(), "Embedding(1000 -> 16, float32)");
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `gluon/nn/basic_layers.py`, class `Embedding`.
#[derive(Clone, Debug, gluonic_derive::Block)]
#[block(display = "fmt_embedding")]
pub struct Embedding {
    core: BlockCore,
    weight: Parameter,
    input_dim: usize,
    output_dim: usize,
}

impl Embedding {
    /// A table of `input_dim` rows of size `output_dim`.
    ///
    /// # Panics
    /// If one of them is 0; [`Embedding::with`] returns a `Result`.
    pub fn new(input_dim: usize, output_dim: usize) -> Self {
        let config = EmbeddingConfig { input_dim, output_dim, ..EmbeddingConfig::default() };
        or_panic(Self::with(config))
    }

    /// A layer with everything said.
    ///
    /// # Errors
    /// [`Error::Setting`] if there are no rows, or they have no elements, or the element type is
    /// not a floating-point one; [`Error::Attribute`] if a shared parameter does not fit.
    pub fn with(config: EmbeddingConfig) -> Result<Self> {
        for (setting, n) in [("input_dim", config.input_dim), ("output_dim", config.output_dim)] {
            if n == 0 {
                return Err(Error::Setting { setting, expected: "1 or more", found: "0".into() });
            }
        }
        if !config.dtype.is_float() {
            let (setting, expected) = ("dtype", "a floating-point type");
            return Err(Error::Setting {
                setting,
                expected,
                found: config.dtype.to_string().into(),
            });
        }
        let (prefix, params) = (config.prefix.as_deref(), config.params.as_ref());
        let core = BlockCore::with("Embedding", "embedding", prefix, params);
        let weight = ParamSpec::new((config.input_dim, config.output_dim))
            .dtype(config.dtype)
            .init_opt(config.weight_initializer)
            .layout(Layout::Embedding)
            .sparse_grad(config.sparse_grad)
            .deferred();
        Ok(Embedding {
            weight: core.get("weight", &weight)?,
            core,
            input_dim: config.input_dim,
            output_dim: config.output_dim,
        })
    }
}

impl Forward for Embedding {
    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        embedding(x, &self.weight.data()?).map_err(|error| error.at(self.weight.name()))
    }
}

fn fmt_embedding(layer: &Embedding, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let dtype = layer.weight.dtype();
    let class = layer.core.class();
    write!(f, "{class}({} -> {}, {dtype})", layer.input_dim, layer.output_dim)
}
