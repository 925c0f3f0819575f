//! The encoder of a transformer.

use std::sync::Arc;

use super::Forward;
use super::activation::Activation;
use super::activations::GELU;
use super::attention::{MultiHeadAttention, MultiHeadAttentionConfig};
use super::block::{Block, BlockExt};
use super::core::BlockCore;
use super::dense::{Dense, DenseConfig};
use super::dropout::Dropout;
use super::norm::{LayerNorm, NormConfig};
use crate::array::{DType, NdArray};
use crate::error::{Error, Result, or_panic};
use crate::init::{Initializer, Zero};
use crate::ops::AttentionMask;
use crate::param::ParameterDict;

/// What stands between the two dense layers of a [`TransformerEncoderLayer`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum FeedForwardActivation {
    /// `max(x, 0)`, as in the paper.
    #[default]
    Relu,
    /// [`x · Φ(x)`](crate::NdArray::gelu), as in BERT.
    Gelu,
}

/// The options of a [`TransformerEncoderLayer`], and of all layers of a [`TransformerEncoder`].
#[derive(Clone, Debug)]
pub struct TransformerEncoderConfig {
    /// The number of features of inputs and outputs; a multiple of `num_heads`.
    pub units: usize,
    /// The number of heads of the attention; 1 or more. Default: 1.
    pub num_heads: usize,
    /// The units of the first dense layer. Default: four times `units`, as in the paper.
    pub hidden_size: Option<usize>,
    /// The rate of the dropouts on the weights of the attention, behind it, and behind each dense
    /// layer. Default: 0.1.
    pub dropout: f64,
    /// What stands between the two dense layers.
    pub activation: FeedForwardActivation,
    /// Whether the norms stand before attention and dense layers, and not behind the sums. Default:
    /// no, as in the paper.
    pub pre_norm: bool,
    /// What the norms add to the variance. Default: 1e-5.
    pub epsilon: f64,
    /// Whether a position never looks at a later one. Default: no.
    pub causal: bool,
    /// The parameters' element type. Default: `f32`.
    pub dtype: DType,
    /// The initializer of the weights. Default: that of the whole block.
    pub weight_initializer: Option<Arc<dyn Initializer>>,
    /// The initializer of the biases. Default: zeros.
    pub bias_initializer: Option<Arc<dyn Initializer>>,
    /// An explicit prefix, used as it is.
    pub prefix: Option<String>,
    /// Parameters to share: those that another one's `collect_params` gives.
    pub params: Option<ParameterDict>,
}

impl Default for TransformerEncoderConfig {
    fn default() -> Self {
        TransformerEncoderConfig {
            units: 1,
            num_heads: 1,
            hidden_size: None,
            dropout: 0.1,
            activation: FeedForwardActivation::default(),
            pre_norm: false,
            epsilon: 1e-5,
            causal: false,
            dtype: DType::F32,
            weight_initializer: None,
            bias_initializer: Some(Arc::new(Zero)),
            prefix: None,
            params: None,
        }
    }
}

impl TransformerEncoderConfig {
    fn attention(&self) -> MultiHeadAttentionConfig {
        MultiHeadAttentionConfig {
            units: self.units,
            num_heads: self.num_heads,
            in_units: Some(self.units),
            use_bias: true,
            dropout: self.dropout,
            causal: self.causal,
            dtype: self.dtype,
            weight_initializer: self.weight_initializer.clone(),
            bias_initializer: self.bias_initializer.clone(),
            prefix: Some("self_attn_".to_owned()),
            params: None,
        }
    }

    fn dense(&self, prefix: &str, in_units: usize, units: usize) -> Result<Dense> {
        Dense::with(DenseConfig {
            units,
            in_units: Some(in_units),
            flatten: false,
            dtype: self.dtype,
            weight_initializer: self.weight_initializer.clone(),
            bias_initializer: self.bias_initializer.clone(),
            prefix: Some(prefix.to_owned()),
            ..DenseConfig::default()
        })
    }

    fn norm(&self, prefix: &str) -> Result<LayerNorm> {
        LayerNorm::with(NormConfig {
            epsilon: self.epsilon,
            in_channels: Some(self.units),
            dtype: self.dtype,
            prefix: Some(prefix.to_owned()),
            ..NormConfig::default()
        })
    }

    fn core(&self, class: &str) -> BlockCore {
        let (prefix, params) = (self.prefix.as_deref(), self.params.as_ref());
        BlockCore::with(class, &class.to_lowercase(), prefix, params)
    }

    fn hidden_size(&self) -> Result<usize> {
        let fail = |found: String| Error::Setting {
            setting: "hidden_size",
            expected: "1 or more, in the range of sizes",
            found: found.into(),
        };
        match self.hidden_size {
            Some(0) => Err(fail("0".into())),
            Some(n) => Ok(n),
            None => self.units.checked_mul(4).ok_or_else(|| fail(format!("4 · {}", self.units))),
        }
    }
}

/// A layer of a transformer's encoder: attention of each position to all, then two dense layers
/// on each position, both with the input added.
///
/// With `f` the attention and then the dense layers: `x + f(x)`, normalized, or with `pre_norm`
/// `x + f(norm(x))`.
///
/// # Shapes
/// An input `(batch, positions, units)`, with a mask as a [`MultiHeadAttention`] takes it; the
/// output has the same sizes. All shapes are known from the start. As a layer of a decoder without
/// encoder, set `causal`.
///
/// # Randomness
/// As [`Dropout`].
///
/// # Errors
/// As [`MultiHeadAttention`]; [`Error::Dense`] if the input is not `units` wide.
///
/// # Examples
/// ```
/// use gluonic::nn::TransformerEncoderConfig;
/// use gluonic::prelude::*;
/// let layer = name::manager(|| TransformerEncoderLayer::new(8, 2));
/// layer.initialize()?;
/// let y = layer.call(&ops::uniform(-1.0, 1.0, (3, 5, 8))?)?;
/// assert_eq!(y.dims().to_string(), "(3, 5, 8)");
/// assert_eq!(layer.find_param("linear1.weight")?.name(), "transformerencoderlayer0_linear1_weight");
/// assert!(layer.to_string().contains("(linear1): Dense(8 -> 32, Activation(relu))"));
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// Vaswani et al. (2017), "Attention is all you need", §3.1; `pre_norm`: Xiong et al. (2020), "On
/// layer normalization in the transformer architecture", §3. MXNet 1.9.1 has none: paths of
/// parameters as PyTorch's `TransformerEncoderLayer`, but for those that [`MultiHeadAttention`]
/// names; words of the options as `GluonNLP`.
#[derive(Clone, Debug, gluonic_derive::Block)]
pub struct TransformerEncoderLayer {
    core: BlockCore,
    self_attn: MultiHeadAttention,
    linear1: Dense,
    activation: Option<GELU>,
    dropout: Dropout,
    linear2: Dense,
    norm1: LayerNorm,
    norm2: LayerNorm,
    dropout1: Dropout,
    dropout2: Dropout,
    pre_norm: bool,
}

impl TransformerEncoderLayer {
    /// A layer of `units` features and `num_heads` heads, with the defaults of the paper.
    ///
    /// # Panics
    /// If `units` is not a multiple of `num_heads`, or one of them is 0;
    /// [`TransformerEncoderLayer::with`] returns a `Result`.
    pub fn new(units: usize, num_heads: usize) -> Self {
        let config = TransformerEncoderConfig { units, num_heads, ..Default::default() };
        or_panic(Self::with(&config))
    }

    /// A layer with everything said.
    ///
    /// # Errors
    /// [`Error::Setting`] if `units` is not a multiple of `num_heads`, a size is 0, the dropout is
    /// not in `[0, 1]`, epsilon is negative or not finite, or the element type is not a
    /// floating-point one; [`Error::Attribute`] if a shared parameter does not fit.
    pub fn with(config: &TransformerEncoderConfig) -> Result<Self> {
        config.attention().check()?;
        let (units, hidden) = (config.units, config.hidden_size()?);
        let core = config.core("TransformerEncoderLayer");
        core.name_scope(|| {
            let linear1 = config.dense("linear1_", units, hidden)?;
            let (linear1, activation) = match config.activation {
                FeedForwardActivation::Relu => (linear1.activation(Activation::Relu), None),
                FeedForwardActivation::Gelu => (linear1, Some(GELU::new())),
            };
            Ok(TransformerEncoderLayer {
                core: core.clone(),
                self_attn: MultiHeadAttention::with(&config.attention())?,
                linear1,
                activation,
                dropout: Dropout::new(config.dropout)?,
                linear2: config.dense("linear2_", hidden, units)?,
                norm1: config.norm("norm1_")?,
                norm2: config.norm("norm2_")?,
                dropout1: Dropout::new(config.dropout)?,
                dropout2: Dropout::new(config.dropout)?,
                pre_norm: config.pre_norm,
            })
        })
    }

    /// As [`BlockExt::call`], with a mask.
    ///
    /// # Errors
    /// As the layer says.
    pub fn call_with(&self, x: &NdArray, mask: &AttentionMask<'_>) -> Result<NdArray> {
        let run = || self.run(x, mask);
        if self.core.is_watched() { self.core.run_watched(self.as_dyn(), x, run) } else { run() }
    }

    fn run(&self, x: &NdArray, mask: &AttentionMask<'_>) -> Result<NdArray> {
        let attend = |x: &NdArray| self.dropout1.call(&self.self_attn.call_with(x, x, x, mask)?);
        if self.pre_norm {
            let x = x.add(&attend(&self.norm1.call(x)?)?)?;
            return x.add(&self.feed_forward(&self.norm2.call(&x)?)?);
        }
        let x = self.norm1.call(&x.add(&attend(x)?)?)?;
        self.norm2.call(&x.add(&self.feed_forward(&x)?)?)
    }

    fn feed_forward(&self, x: &NdArray) -> Result<NdArray> {
        let mut hidden = self.linear1.call(x)?;
        if let Some(activation) = &self.activation {
            hidden = activation.call(&hidden)?;
        }
        self.dropout2.call(&self.linear2.call(&self.dropout.call(&hidden)?)?)
    }
}

impl Forward for TransformerEncoderLayer {
    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        self.run(x, &AttentionMask::default())
    }
}

/// The encoder of a transformer: layers on top of each other, and with `pre_norm` one norm more
/// behind the last, as its sums are not normalized.
///
/// # Shapes
/// As [`TransformerEncoderLayer`].
///
/// # Examples
/// ```
/// use gluonic::nn::{FeedForwardActivation, TransformerEncoderConfig};
/// use gluonic::prelude::*;
/// let config = TransformerEncoderConfig {
///     units: 16,
///     num_heads: 4,
///     pre_norm: true,
///     activation: FeedForwardActivation::Gelu,
///     ..TransformerEncoderConfig::default()
/// };
/// let net = TransformerEncoder::with(2, &config)?;
/// assert_eq!(net.infer_shapes(&[(1, 7, 16)])?.to_string(), "(1, 7, 16)");
/// assert!(net.find_param("layers.1.self_attn.q_proj.weight").is_ok());
/// assert!(net.find_param("norm.gamma").is_ok());
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// As [`TransformerEncoderLayer`]; the last norm: Xiong et al. (2020), §3.2; paths as PyTorch's
/// `TransformerEncoder`.
#[derive(Clone, Debug, gluonic_derive::Block)]
pub struct TransformerEncoder {
    core: BlockCore,
    layers: Vec<TransformerEncoderLayer>,
    norm: Option<LayerNorm>,
}

impl TransformerEncoder {
    /// So many layers of these options, each with parameters and draws of its own.
    ///
    /// # Errors
    /// As [`TransformerEncoderLayer::with`]; [`Error::Setting`] if there is no layer.
    pub fn with(num_layers: usize, config: &TransformerEncoderConfig) -> Result<Self> {
        if num_layers == 0 {
            let (setting, found) = ("num_layers", "0".into());
            return Err(Error::Setting { setting, expected: "1 or more", found });
        }
        config.attention().check()?;
        let core = config.core("TransformerEncoder");
        core.name_scope(|| {
            let layer = |i| {
                let prefix = Some(format!("layers{i}_"));
                let config = TransformerEncoderConfig { prefix, params: None, ..config.clone() };
                TransformerEncoderLayer::with(&config)
            };
            Ok(TransformerEncoder {
                core: core.clone(),
                layers: (0..num_layers).map(layer).collect::<Result<_>>()?,
                norm: if config.pre_norm { Some(config.norm("norm_")?) } else { None },
            })
        })
    }

    /// As [`BlockExt::call`], with a mask, the same for all layers.
    ///
    /// # Errors
    /// As [`TransformerEncoderLayer`] says.
    pub fn call_with(&self, x: &NdArray, mask: &AttentionMask<'_>) -> Result<NdArray> {
        let run = || self.run(x, mask);
        if self.core.is_watched() { self.core.run_watched(self.as_dyn(), x, run) } else { run() }
    }

    fn run(&self, x: &NdArray, mask: &AttentionMask<'_>) -> Result<NdArray> {
        let mut layers = self.layers.iter();
        let y = layers.try_fold(x.clone(), |x, layer| layer.call_with(&x, mask))?;
        match &self.norm {
            Some(norm) => norm.call(&y),
            None => Ok(y),
        }
    }
}

impl Forward for TransformerEncoder {
    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        self.run(x, &AttentionMask::default())
    }
}
