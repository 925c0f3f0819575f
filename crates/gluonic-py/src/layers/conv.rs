//! Convolutions and transposed ones, over one to three axes.

use std::sync::Arc;

use gluonic::nn::{
    Conv1D, Conv1DTranspose, Conv2D, Conv2DTranspose, Conv3D, Conv3DTranspose, ConvConfig,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::args::{ActivationArg, CountArg, LayoutArg, SizeArg, init};
use super::{Kind, Layer, Naming};
use crate::initializer::InitArg;
use crate::ops::DimsArg;

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(conv_layer, module)?)
}

/// The layer named, with its activation and without.
macro_rules! build {
    ($py:ident, $naming:ident, $class:ident, $config:ident, $activation:ident) => {{
        let bare = $naming.name($py, || $class::with($config))?;
        match $activation {
            Some(ActivationArg(activation)) => {
                let block = Arc::new((*bare).clone().activation(activation));
                Ok(Layer { block, kind: Kind::Activated(bare) })
            }
            None => Ok(Layer::new(bare)),
        }
    }};
}

#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "they are Gluon's")]
fn conv_layer(
    py: Python<'_>,
    naming: &Naming,
    kind: &str,
    channels: CountArg,
    kernel_size: DimsArg,
    strides: DimsArg,
    padding: DimsArg,
    output_padding: DimsArg,
    dilation: DimsArg,
    groups: usize,
    layout: LayoutArg,
    activation: Option<ActivationArg>,
    use_bias: bool,
    weight_initializer: Option<InitArg>,
    bias_initializer: Option<InitArg>,
    in_channels: SizeArg,
) -> PyResult<Layer> {
    let config = ConvConfig {
        channels: channels.0,
        kernel_size: kernel_size.0,
        strides: strides.0,
        padding: padding.0,
        output_padding: output_padding.0,
        dilation: dilation.0,
        groups,
        layout: layout.0,
        in_channels: in_channels.0,
        use_bias,
        weight_initializer: init(weight_initializer),
        bias_initializer: init(bias_initializer),
        ..ConvConfig::default()
    };
    match kind {
        "Conv1D" => build!(py, naming, Conv1D, config, activation),
        "Conv2D" => build!(py, naming, Conv2D, config, activation),
        "Conv3D" => build!(py, naming, Conv3D, config, activation),
        "Conv1DTranspose" => build!(py, naming, Conv1DTranspose, config, activation),
        "Conv2DTranspose" => build!(py, naming, Conv2DTranspose, config, activation),
        "Conv3DTranspose" => build!(py, naming, Conv3DTranspose, config, activation),
        _ => Err(PyValueError::new_err(format!("no convolution is called {kind}"))),
    }
}
