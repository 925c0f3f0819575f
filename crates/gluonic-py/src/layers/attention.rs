//! Attention, and encoders made of it.

use std::sync::Arc;

use gluonic::NdArray;
use gluonic::nn::{
    FeedForwardActivation, MultiHeadAttention, MultiHeadAttentionConfig, TransformerEncoder,
    TransformerEncoderConfig, TransformerEncoderLayer,
};
use gluonic::ops::AttentionMask;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

use super::args::{CountArg, SizeArg, init};
use super::{Kind, Layer, Naming};
use crate::array::{ArrayArg, wrap};
use crate::dtype::DTypeArg;
use crate::errors::OrRaise;
use crate::initializer::InitArg;

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(attention_layer, module)?)?;
    module.add_function(wrap_pyfunction!(encoder_layer, module)?)?;
    module.add_function(wrap_pyfunction!(attend, module)?)?;
    module.add_function(wrap_pyfunction!(encode, module)?)
}

/// An encoder with a mask.
pub(super) trait Encoder: gluonic::Block {
    fn encode(&self, x: &NdArray, mask: &AttentionMask<'_>) -> gluonic::Result<NdArray>;
}

impl Encoder for TransformerEncoder {
    fn encode(&self, x: &NdArray, mask: &AttentionMask<'_>) -> gluonic::Result<NdArray> {
        self.call_with(x, mask)
    }
}

impl Encoder for TransformerEncoderLayer {
    fn encode(&self, x: &NdArray, mask: &AttentionMask<'_>) -> gluonic::Result<NdArray> {
        self.call_with(x, mask)
    }
}

#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "they are the layer's")]
fn attention_layer(
    py: Python<'_>,
    naming: &Naming,
    units: CountArg,
    num_heads: usize,
    in_units: SizeArg,
    use_bias: bool,
    dropout: f64,
    causal: bool,
    dtype: DTypeArg,
    weight_initializer: Option<InitArg>,
    bias_initializer: Option<InitArg>,
) -> PyResult<Layer> {
    let config = MultiHeadAttentionConfig {
        units: units.0,
        num_heads,
        in_units: in_units.0,
        use_bias,
        dropout,
        causal,
        dtype: dtype.0,
        weight_initializer: init(weight_initializer),
        bias_initializer: init(bias_initializer),
        ..MultiHeadAttentionConfig::default()
    };
    let layer = naming.name(py, || MultiHeadAttention::with(&config))?;
    Ok(Layer { block: layer.clone(), kind: Kind::Attention(layer) })
}

/// One encoder layer, or `num_layers` of them.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "they are the layer's")]
fn encoder_layer(
    py: Python<'_>,
    naming: &Naming,
    num_layers: Option<usize>,
    units: CountArg,
    num_heads: usize,
    hidden_size: SizeArg,
    dropout: f64,
    activation: &str,
    pre_norm: bool,
    epsilon: f64,
    causal: bool,
    dtype: DTypeArg,
    weight_initializer: Option<InitArg>,
    bias_initializer: Option<InitArg>,
) -> PyResult<Layer> {
    let activation = match activation {
        "relu" => FeedForwardActivation::Relu,
        "gelu" => FeedForwardActivation::Gelu,
        _ => {
            return Err(PyValueError::new_err(format!(
                "activation must be 'relu' or 'gelu', but got '{activation}'"
            )));
        }
    };
    let config = TransformerEncoderConfig {
        units: units.0,
        num_heads,
        hidden_size: hidden_size.0,
        dropout,
        activation,
        pre_norm,
        epsilon,
        causal,
        dtype: dtype.0,
        weight_initializer: init(weight_initializer),
        bias_initializer: init(bias_initializer),
        ..TransformerEncoderConfig::default()
    };
    if let Some(n) = num_layers {
        let layer = naming.name(py, || TransformerEncoder::with(n, &config))?;
        return Ok(Layer { block: layer.clone(), kind: Kind::Encoder(layer) });
    }
    let layer = naming.name(py, || TransformerEncoderLayer::with(&config))?;
    Ok(Layer { block: layer.clone(), kind: Kind::Encoder(layer) })
}

#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "they are the layer's")]
fn attend<'py>(
    py: Python<'py>,
    layer: &Layer,
    query: ArrayArg,
    key: ArrayArg,
    value: ArrayArg,
    mask: Option<ArrayArg>,
    valid_length: Option<ArrayArg>,
    causal: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let Kind::Attention(attention) = &layer.kind else { return Err(wrong("an attention")) };
    let attention = attention.clone();
    let y = py.detach(|| {
        let mask = mask_of(mask.as_ref(), valid_length.as_ref(), causal);
        attention.call_with(&query.array, &key.array, &value.array, &mask)
    });
    wrap(py, y.or_raise(py)?, query.dialect)
}

#[pyfunction]
fn encode<'py>(
    py: Python<'py>,
    layer: &Layer,
    x: ArrayArg,
    mask: Option<ArrayArg>,
    valid_length: Option<ArrayArg>,
    causal: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let Kind::Encoder(encoder) = &layer.kind else { return Err(wrong("an encoder")) };
    let encoder: Arc<dyn Encoder> = encoder.clone();
    let y = py.detach(|| {
        encoder.encode(&x.array, &mask_of(mask.as_ref(), valid_length.as_ref(), causal))
    });
    wrap(py, y.or_raise(py)?, x.dialect)
}

fn mask_of<'a>(
    mask: Option<&'a ArrayArg>,
    valid_length: Option<&'a ArrayArg>,
    causal: bool,
) -> AttentionMask<'a> {
    AttentionMask {
        mask: mask.map(|mask| &mask.array),
        valid_length: valid_length.map(|lengths| &lengths.array),
        causal,
    }
}

fn wrong(expected: &str) -> PyErr {
    PyTypeError::new_err(format!("expected {expected}"))
}
