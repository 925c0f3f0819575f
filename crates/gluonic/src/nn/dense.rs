//! The fully connected layer.

use std::fmt;
use std::sync::Arc;

use super::Forward;
use super::activation::{Activation, ActivationLayer};
use super::block::{Block, BlockExt};
use super::core::BlockCore;
use crate::array::{DType, NdArray};
use crate::error::{Error, Result};
use crate::init::{Initializer, Zero};
use crate::ops::dense::dense_act;
use crate::param::{Kind, ParamSpec, Parameter, ParameterDict};

/// The options of a [`Dense`] layer that decide about its parameters.
#[derive(Clone, Debug)]
pub struct DenseConfig {
    /// The number of outputs.
    pub units: usize,
    /// The number of inputs, if it is known.
    pub in_units: Option<usize>,
    /// Whether a bias is added. Default: yes.
    pub use_bias: bool,
    /// Whether all axes but the first count as inputs (the default), or only the last.
    pub flatten: bool,
    /// What is applied to the outputs.
    pub activation: Option<Activation>,
    /// The parameters' element type. Default: `f32`.
    pub dtype: DType,
    /// The weight's own initializer. Default: that of the whole block.
    pub weight_initializer: Option<Arc<dyn Initializer>>,
    /// The bias's own initializer. Default: zeros.
    pub bias_initializer: Option<Arc<dyn Initializer>>,
    /// An explicit prefix, used as it is.
    pub prefix: Option<String>,
    /// Parameters to share.
    pub params: Option<ParameterDict>,
}

impl Default for DenseConfig {
    fn default() -> Self {
        DenseConfig {
            units: 1,
            in_units: None,
            use_bias: true,
            flatten: true,
            activation: None,
            dtype: DType::F32,
            weight_initializer: None,
            bias_initializer: Some(Arc::new(Zero)),
            prefix: None,
            params: None,
        }
    }
}

/// The fully connected layer: `y = act(x · Wᵀ + b)`.
///
/// # Shapes
/// `W` is `(units, in_units)`, `b` `(units,)`. An input `(batch, …)` gives `(batch, units)`; with
/// `flatten` off, `(…, in_units)` gives `(…, units)`. `in_units` may be unknown until the first
/// forward. A vector `(n,)` counts as a batch of `n` with one input each, or without `flatten` as
/// one sample.
///
/// # Errors
/// [`Error::Dense`], with the weight's name, when an input does not fit.
///
/// # Examples
/// ```
/// use gluonic::prelude::*;
/// let layer = name::manager(|| Dense::new(256).activation(Activation::Relu));
/// assert_eq!(layer.to_string(), "Dense(None -> 256, Activation(relu))");
/// layer.initialize()?;
/// layer.call(&ops::uniform(0.0, 1.0, (2, 20))?)?;
/// assert_eq!(layer.weight()?.to_string(), "Parameter dense0_weight (shape=(256, 20), dtype=float32)");
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `gluon/nn/basic_layers.py`, class `Dense`.
#[doc(alias = "Linear", alias = "FullyConnected")]
#[derive(Clone, Debug, gluonic_derive::Block)]
#[block(display = "fmt_dense")]
pub struct Dense {
    core: BlockCore,
    weight: Parameter,
    bias: Option<Parameter>,
    #[block(key = "act")]
    activation: Option<ActivationLayer>,
    units: usize,
    flatten: bool,
}

impl Dense {
    /// A layer of `units` outputs.
    pub fn new(units: usize) -> Self {
        Self::without_sharing(DenseConfig { units, ..DenseConfig::default() })
    }

    /// With an explicit prefix, used as it is: give it its underscore.
    pub fn with_prefix(prefix: &str, units: usize) -> Self {
        let prefix = Some(prefix.to_owned());
        Self::without_sharing(DenseConfig { units, prefix, ..DenseConfig::default() })
    }

    fn without_sharing(config: DenseConfig) -> Self {
        crate::error::or_panic(Self::with(config))
    }

    /// A layer that shares the parameters of another: what is there is used, what is missing made.
    ///
    /// # Errors
    /// [`Error::Attribute`] if one that is there does not fit.
    ///
    /// # Examples
    /// ```
    /// use gluonic::prelude::*;
    /// let shared = Dense::new(8);
    /// let tied = Dense::sharing(8, &shared.params())?;
    /// assert!(tied.weight()?.ptr_eq(&shared.weight()?));
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    pub fn sharing(units: usize, params: &ParameterDict) -> Result<Self> {
        Self::with(DenseConfig { units, params: Some(params.clone()), ..DenseConfig::default() })
    }

    /// A layer with everything said.
    ///
    /// # Errors
    /// [`Error::Setting`] if there are no inputs, or the element type is not a floating-point one;
    /// [`Error::Attribute`] if a shared parameter does not fit.
    pub fn with(config: DenseConfig) -> Result<Self> {
        let fail = |setting, expected, found: String| {
            Err(Error::Setting { setting, expected, found: found.into() })
        };
        if config.in_units == Some(0) {
            return fail("in_units", "1 or more", "0".into());
        }
        if !config.dtype.is_float() {
            return fail("dtype", "a floating-point type", config.dtype.to_string());
        }
        let core =
            BlockCore::with("Dense", "dense", config.prefix.as_deref(), config.params.as_ref());
        let weight = ParamSpec::new([Some(config.units), config.in_units])
            .dtype(config.dtype)
            .init_opt(config.weight_initializer)
            .deferred();
        let bias = ParamSpec::new(config.units)
            .dtype(config.dtype)
            .init_opt(config.bias_initializer)
            .kind(Kind::Bias)
            .deferred();
        let layer = Dense {
            weight: core.get("weight", &weight)?,
            bias: if config.use_bias { Some(core.get("bias", &bias)?) } else { None },
            activation: None,
            units: config.units,
            flatten: config.flatten,
            core,
        };
        Ok(match config.activation {
            Some(activation) => layer.activation(activation),
            None => layer,
        })
    }

    /// The same layer with an activation on its outputs.
    #[must_use]
    pub fn activation(self, activation: Activation) -> Self {
        let prefix = format!("{activation}_");
        let layer = self.core.name_scope(|| ActivationLayer::with_prefix(&prefix, activation));
        Dense { activation: Some(layer), ..self }
    }

    /// The same layer, with all axes but the first as inputs, or only the last.
    #[must_use]
    pub fn flatten(self, flatten: bool) -> Self {
        Dense { flatten, ..self }
    }

    /// Tells the parameters the input width, and gives them their values if that was all they were
    /// waiting for.
    fn infer(&self, in_units: usize) -> Result<()> {
        self.weight.finish_deferred((self.units, in_units))?;
        match &self.bias {
            Some(bias) => bias.finish_deferred(self.units),
            None => Ok(()),
        }
    }
}

impl Forward for Dense {
    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        let rows;
        let x = match x.rank() {
            0 => x,
            1 if self.flatten => {
                rows = x.reshape((x.elem_count(), 1))?;
                &rows
            }
            rank if self.flatten && rank > 2 => {
                rows = x.flatten()?;
                &rows
            }
            _ => x,
        };
        let value = |parameter: &Parameter| match parameter.data() {
            Err(Error::Deferred { .. }) if x.rank() > 0 => {
                self.infer(x.dims()[x.rank() - 1])?;
                parameter.data()
            }
            data => data,
        };
        let weight = value(&self.weight)?;
        let bias = self.bias.as_ref().map(value).transpose()?;
        // The activation is fused, unless somebody watches it.
        let (fused, layer) = match &self.activation {
            Some(layer) if layer.core().is_watched() => (None, Some(layer)),
            Some(layer) => (Some(layer.activation().act()), None),
            None => (None, None),
        };
        let y = dense_act(x, &weight, bias.as_ref(), fused)
            .map_err(|error| error.at(self.weight.name()))?;
        match layer {
            Some(layer) => layer.call(&y),
            None => Ok(y),
        }
    }
}

fn fmt_dense(layer: &Dense, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let class = layer.core.class();
    let in_units = layer.weight.shape().and_then(|shape| shape.get(1).copied().flatten());
    match in_units {
        Some(in_units) => write!(f, "{class}({in_units} -> {}, ", layer.units)?,
        None => write!(f, "{class}(None -> {}, ", layer.units)?,
    }
    match &layer.activation {
        Some(activation) => write!(f, "{activation})"),
        None => f.write_str("linear)"),
    }
}
