//! Dense layers, embeddings, dropout, activations, and layers that only move elements.

use gluonic::nn::{
    ActivationLayer, Dense, DenseConfig, Dropout, ELU, Embedding, EmbeddingConfig, Flatten, GELU,
    Identity, LeakyReLU, PReLU, PixelShuffle, ReflectionPad2D, Residual, SELU, Swish,
};
use pyo3::prelude::*;

use super::args::{ActivationArg, CountArg, SizeArg, init, init_or};
use super::{Kind, Layer, Naming};
use crate::array::{ArrayArg, wrap};
use crate::block::Block;
use crate::dtype::DTypeArg;
use crate::errors::OrRaise;
use crate::initializer::InitArg;

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    for function in [
        wrap_pyfunction!(dense, module)?,
        wrap_pyfunction!(embedding_layer, module)?,
        wrap_pyfunction!(dropout_layer, module)?,
        wrap_pyfunction!(activation_layer, module)?,
        wrap_pyfunction!(leaky_relu_layer, module)?,
        wrap_pyfunction!(prelu_layer, module)?,
        wrap_pyfunction!(unit_layer, module)?,
        wrap_pyfunction!(reflection_pad_layer, module)?,
        wrap_pyfunction!(pixel_shuffle_layer, module)?,
        wrap_pyfunction!(residual_layer, module)?,
        wrap_pyfunction!(activate, module)?,
        wrap_pyfunction!(join, module)?,
    ] {
        module.add_function(function)?;
    }
    Ok(())
}

#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "they are Gluon's")]
fn dense(
    py: Python<'_>,
    naming: &Naming,
    units: CountArg,
    activation: Option<ActivationArg>,
    use_bias: bool,
    flatten: bool,
    dtype: DTypeArg,
    weight_initializer: Option<InitArg>,
    bias_initializer: Option<InitArg>,
    in_units: SizeArg,
) -> PyResult<Layer> {
    let bare = naming.name(py, || {
        Dense::with(DenseConfig {
            units: units.0,
            in_units: in_units.0,
            use_bias,
            flatten,
            dtype: dtype.0,
            weight_initializer: init(weight_initializer),
            bias_initializer: init(bias_initializer),
            ..DenseConfig::default()
        })
    })?;
    Ok(match activation {
        Some(ActivationArg(activation)) => {
            let block = std::sync::Arc::new((*bare).clone().activation(activation));
            Layer { block, kind: Kind::Activated(bare) }
        }
        None => Layer::new(bare),
    })
}

#[pyfunction]
fn embedding_layer(
    py: Python<'_>,
    naming: &Naming,
    input_dim: CountArg,
    output_dim: CountArg,
    dtype: DTypeArg,
    weight_initializer: Option<InitArg>,
    sparse_grad: bool,
) -> PyResult<Layer> {
    naming.build(py, || {
        Embedding::with(EmbeddingConfig {
            input_dim: input_dim.0,
            output_dim: output_dim.0,
            dtype: dtype.0,
            sparse_grad,
            weight_initializer: init(weight_initializer),
            ..EmbeddingConfig::default()
        })
    })
}

#[pyfunction]
fn dropout_layer(py: Python<'_>, naming: &Naming, rate: f64, axes: Vec<isize>) -> PyResult<Layer> {
    naming.build(py, || Ok(Dropout::new(rate)?.along(&axes)))
}

#[pyfunction]
fn activation_layer(py: Python<'_>, naming: &Naming, activation: ActivationArg) -> PyResult<Layer> {
    naming.build(py, || Ok(ActivationLayer::new(activation.0)))
}

#[pyfunction]
fn leaky_relu_layer(py: Python<'_>, naming: &Naming, alpha: f64) -> PyResult<Layer> {
    naming.build(py, || LeakyReLU::new(alpha))
}

#[pyfunction]
fn prelu_layer(
    py: Python<'_>,
    naming: &Naming,
    in_channels: usize,
    alpha_initializer: Option<InitArg>,
) -> PyResult<Layer> {
    let init = init_or(py, alpha_initializer, r#"["constant", {"value": 0.25}]"#)?;
    naming.build(py, || PReLU::with(in_channels, &init))
}

/// A layer of no parameters and at most one number.
#[pyfunction]
fn unit_layer(py: Python<'_>, naming: &Naming, kind: &str, number: f64) -> PyResult<Layer> {
    match kind {
        "elu" => naming.build(py, || ELU::new(number)),
        "swish" => naming.build(py, || Swish::new(number)),
        "selu" => naming.build(py, || Ok(SELU::new())),
        "gelu" => naming.build(py, || Ok(GELU::new())),
        "flatten" => naming.build(py, || Ok(Flatten::new())),
        _ => naming.build(py, || Ok(Identity::new())),
    }
}

#[pyfunction]
fn reflection_pad_layer(
    py: Python<'_>,
    naming: &Naming,
    rows: (usize, usize),
    columns: (usize, usize),
) -> PyResult<Layer> {
    naming.build(py, || Ok(ReflectionPad2D::with(rows, columns)))
}

#[pyfunction]
fn pixel_shuffle_layer(py: Python<'_>, naming: &Naming, factors: Vec<usize>) -> PyResult<Layer> {
    naming.build(py, || PixelShuffle::new(factors))
}

#[pyfunction]
fn residual_layer(py: Python<'_>, naming: &Naming, body: &Bound<'_, Block>) -> PyResult<Layer> {
    let body = body.get().node()?.clone();
    naming.build(py, || Ok(Residual::new(body)))
}

/// An activation, applied.
#[pyfunction]
fn activate<'py>(
    py: Python<'py>,
    x: ArrayArg,
    activation: ActivationArg,
) -> PyResult<Bound<'py, PyAny>> {
    wrap(py, py.detach(|| activation.0.apply(&x.array)).or_raise(py)?, x.dialect)
}

/// Arrays one after another along an axis, or, for a `new` one, on top of each other.
#[pyfunction]
fn join(
    py: Python<'_>,
    arrays: Vec<ArrayArg>,
    axis: isize,
    new: bool,
) -> PyResult<Bound<'_, PyAny>> {
    let dialect = arrays.first().map_or(crate::array::Dialect::Nd, |first| first.dialect);
    let joined = py.detach(|| {
        let arrays: Vec<_> = arrays.iter().map(|array| &array.array).collect();
        if new { gluonic::ops::stack(&arrays, axis) } else { gluonic::ops::concat(&arrays, axis) }
    });
    wrap(py, joined.or_raise(py)?, dialect)
}
