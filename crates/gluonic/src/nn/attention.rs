//! Attention with several heads.

use std::sync::Arc;

use super::Forward;
use super::block::{Block, BlockExt};
use super::core::BlockCore;
use super::dense::{Dense, DenseConfig};
use crate::array::{DType, NdArray};
use crate::error::{Error, Result, or_panic};
use crate::init::{Initializer, Zero};
use crate::ops::AttentionMask;
use crate::ops::attention::{attention, check};
use crate::param::ParameterDict;
use crate::random::Draws;
use crate::shape::Dims;

/// The options of a [`MultiHeadAttention`].
#[derive(Clone, Debug)]
pub struct MultiHeadAttentionConfig {
    /// The number of features of all heads together, and of the output; a multiple of `num_heads`.
    pub units: usize,
    /// The number of heads; 1 or more. Default: 1.
    pub num_heads: usize,
    /// The width of queries, keys and values, if it is known and the same. Default: each learns
    /// its own.
    pub in_units: Option<usize>,
    /// Whether the four projections have a bias. Default: yes.
    pub use_bias: bool,
    /// The rate of the dropout on the weights, in training. Default: 0.
    pub dropout: f64,
    /// Whether a query never looks at a later position, whatever is asked at a call. Default: no.
    pub causal: bool,
    /// The parameters' element type. Default: `f32`.
    pub dtype: DType,
    /// The initializer of the four weights. Default: that of the whole block.
    pub weight_initializer: Option<Arc<dyn Initializer>>,
    /// The initializer of the biases. Default: zeros.
    pub bias_initializer: Option<Arc<dyn Initializer>>,
    /// An explicit prefix, used as it is.
    pub prefix: Option<String>,
    /// Parameters to share: those that another one's `collect_params` gives.
    pub params: Option<ParameterDict>,
}

impl Default for MultiHeadAttentionConfig {
    fn default() -> Self {
        MultiHeadAttentionConfig {
            units: 1,
            num_heads: 1,
            in_units: None,
            use_bias: true,
            dropout: 0.0,
            causal: false,
            dtype: DType::F32,
            weight_initializer: None,
            bias_initializer: Some(Arc::new(Zero)),
            prefix: None,
            params: None,
        }
    }
}

impl MultiHeadAttentionConfig {
    pub(super) fn check(&self) -> Result<()> {
        let fail = |setting, expected, found: String| {
            Err(Error::Setting { setting, expected, found: found.into() })
        };
        if self.num_heads == 0 {
            return fail("num_heads", "1 or more", "0".into());
        }
        if self.units == 0 || !self.units.is_multiple_of(self.num_heads) {
            let found = format!("{} for {} heads", self.units, self.num_heads);
            return fail("units", "a multiple of `num_heads`, 1 or more", found);
        }
        if !(0.0..=1.0).contains(&self.dropout) {
            return fail("dropout", "between 0 and 1", self.dropout.to_string());
        }
        Ok(())
    }
}

/// Attention with several heads: each looks with queries, keys and values of its own.
///
/// `out_proj(heads)`, where head i is
/// [`softmax(q · kᵀ / √d) · v`](crate::ops::scaled_dot_product_attention) of part i of
/// `q_proj(query)`, `k_proj(key)` and `v_proj(value)`, `d = units / num_heads` wide.
///
/// # Shapes
/// Batches come first: queries are `(batch, t, …)` wide as they like, keys and values
/// `(batch, s, …)`; the output is `(batch, t, units)`. The axis of the batch may be missing, or
/// there may be several. The weights are `(units, width of the input)`, the last one
/// `(units, units)`; widths may be unknown until the first forward.
///
/// A mask is `(t, s)`, `(batch, t, s)` for all heads alike, or `(batch, num_heads, t, s)`; an axis of
/// size 1 broadcasts. `valid_length` is `(batch,)`.
///
/// # Randomness
/// As [`Dropout`](super::Dropout): each call in training takes the next draw.
///
/// # Memory
/// As [`ops::scaled_dot_product_attention`](crate::ops::scaled_dot_product_attention). Heads are
/// never moved apart.
///
/// # Errors
/// As [`ops::scaled_dot_product_attention`](crate::ops::scaled_dot_product_attention), with the
/// block's name; [`Error::Dense`] if an input has not the width that it had before.
///
/// # Examples
/// Queries look at a memory of which the second sample has 3 positions only:
/// ```
/// use gluonic::ops::AttentionMask;
/// use gluonic::prelude::*;
/// let layer = MultiHeadAttention::new(8, 2);
/// layer.initialize()?;
/// let (x, memory) = (ops::uniform(-1.0, 1.0, (2, 4, 6))?, ops::uniform(-1.0, 1.0, (2, 5, 3))?);
/// let valid_length = NdArray::from_slice(&[5_i64, 3], 2)?;
/// let mask = AttentionMask { valid_length: Some(&valid_length), ..AttentionMask::default() };
/// let y = layer.call_with(&x, &memory, &memory, &mask)?;
/// assert_eq!(y.dims().to_string(), "(2, 4, 8)");
/// assert_eq!(
///     layer.to_string(),
///     "MultiHeadAttention(\n  \
///        (q_proj): Dense(6 -> 8, linear)\n  \
///        (k_proj): Dense(3 -> 8, linear)\n  \
///        (v_proj): Dense(3 -> 8, linear)\n  \
///        (out_proj): Dense(8 -> 8, linear)\n)"
/// );
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// Vaswani et al. (2017), "Attention is all you need", §3.2.2. MXNet 1.9.1 has none: the layout
/// `(batch, positions, features)` and the words of the options are those of `GluonNLP`'s
/// `MultiHeadAttentionCell`, the names of the projections and their biases those of PyTorch's
/// `MultiheadAttention`, which keeps the first three in one parameter `in_proj_weight` where the
/// widths are equal. DIFFERENCE: a boolean mask is true where PyTorch's layer has false, as in its
/// `scaled_dot_product_attention`.
#[doc(alias = "MultiheadAttention", alias = "MultiHeadAttentionCell")]
#[derive(Clone, Debug, gluonic_derive::Block)]
pub struct MultiHeadAttention {
    core: BlockCore,
    q_proj: Dense,
    k_proj: Dense,
    v_proj: Dense,
    out_proj: Dense,
    num_heads: usize,
    units: usize,
    dropout: f64,
    causal: bool,
    draws: Draws,
}

impl MultiHeadAttention {
    /// A layer of `num_heads` heads of `units / num_heads` features each.
    ///
    /// # Panics
    /// If `units` is not a multiple of `num_heads`, or one of them is 0;
    /// [`MultiHeadAttention::with`] returns a `Result`.
    pub fn new(units: usize, num_heads: usize) -> Self {
        let config = MultiHeadAttentionConfig { units, num_heads, ..Default::default() };
        or_panic(Self::with(&config))
    }

    /// A layer with everything said.
    ///
    /// # Errors
    /// [`Error::Setting`] if `units` is not a multiple of `num_heads`, one of them is 0, the
    /// dropout is not in `[0, 1]`, or the element type is not a floating-point one;
    /// [`Error::Attribute`] if a shared parameter does not fit.
    pub fn with(config: &MultiHeadAttentionConfig) -> Result<Self> {
        config.check()?;
        let (prefix, params) = (config.prefix.as_deref(), config.params.as_ref());
        let core = BlockCore::with("MultiHeadAttention", "multiheadattention", prefix, params);
        let projection = |prefix: &str, in_units| {
            Dense::with(DenseConfig {
                units: config.units,
                in_units,
                use_bias: config.use_bias,
                flatten: false,
                dtype: config.dtype,
                weight_initializer: config.weight_initializer.clone(),
                bias_initializer: config.bias_initializer.clone(),
                prefix: Some(prefix.to_owned()),
                ..DenseConfig::default()
            })
        };
        core.name_scope(|| {
            Ok(MultiHeadAttention {
                core: core.clone(),
                q_proj: projection("q_proj_", config.in_units)?,
                k_proj: projection("k_proj_", config.in_units)?,
                v_proj: projection("v_proj_", config.in_units)?,
                out_proj: projection("out_proj_", Some(config.units))?,
                num_heads: config.num_heads,
                units: config.units,
                dropout: config.dropout,
                causal: config.causal,
                draws: Draws::numbered("attention_dropout"),
            })
        })
    }

    /// The number of heads.
    pub fn num_heads(&self) -> usize {
        self.num_heads
    }

    /// Where the masks of its dropout come from; with their state a training can be resumed
    /// exactly.
    pub fn draws(&self) -> &Draws {
        &self.draws
    }

    /// Looks with `query` at `value`, by `key`, through a mask. [`BlockExt::call`] is attention of
    /// an input to itself. Hooks see the queries as the input.
    ///
    /// # Errors
    /// As the layer says; then no parameter has got a value that it was waiting for, unless an
    /// input has a width that does not fit.
    pub fn call_with(
        &self,
        query: &NdArray,
        key: &NdArray,
        value: &NdArray,
        mask: &AttentionMask<'_>,
    ) -> Result<NdArray> {
        let run = || self.run([query, key, value], mask);
        query.there(|| {
            if self.core.is_watched() {
                self.core.run_watched(self.as_dyn(), query, run)
            } else {
                run()
            }
        })
    }

    fn run(&self, inputs: [&NdArray; 3], mask: &AttentionMask<'_>) -> Result<NdArray> {
        let named = |error: Error| error.in_block(self.core.name());
        let wide = inputs.map(|input| self.projected(input.dims()));
        let with_heads = mask.mask.map(|mask| over_heads(mask, &wide)).transpose()?;
        let mask = AttentionMask {
            mask: with_heads.as_ref(),
            causal: self.causal || mask.causal,
            ..*mask
        };
        let heads = self.num_heads;
        let dims = [&wide[0], &wide[1], &wide[2]];
        check(dims, inputs[0].dtype(), heads, &mask).map_err(named)?;
        let [query, key, value] = inputs;
        let projected =
            [self.q_proj.call(query)?, self.k_proj.call(key)?, self.v_proj.call(value)?];
        let [query, key, value] = &projected;
        let stream = || self.draws.next_stream();
        let y = attention([query, key, value], Some(heads), &mask, self.dropout, stream);
        self.out_proj.call(&y.map_err(named)?)
    }

    /// The sizes of a projected input.
    fn projected(&self, dims: &Dims) -> Dims {
        let mut dims = dims.clone();
        if let Some(last) = dims.as_mut().last_mut() {
            *last = self.units;
        }
        dims
    }
}

impl Forward for MultiHeadAttention {
    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        self.run([x, x, x], &AttentionMask::default())
    }
}

/// A mask with an axis for the heads, where it has all axes but that one.
fn over_heads(mask: &NdArray, inputs: &[Dims; 3]) -> Result<NdArray> {
    let rank = inputs.iter().map(|dims| dims.len()).max().unwrap_or_default();
    if rank > 2 && mask.rank() == rank { mask.expand_dims(-3) } else { Ok(mask.clone()) }
}
