//! Normalization.

use gluonic::nn::{
    BatchNorm, BatchNormConfig, GroupNorm, InstanceNorm, LayerNorm, NormConfig, RMSNorm,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::args::{SizeArg, init_or};
use super::{Layer, Naming};
use crate::initializer::InitArg;

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(batch_norm_layer, module)?)?;
    module.add_function(wrap_pyfunction!(norm_layer, module)?)
}

#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "they are Gluon's")]
fn batch_norm_layer(
    py: Python<'_>,
    naming: &Naming,
    axis: isize,
    momentum: f64,
    epsilon: f64,
    center: bool,
    scale: bool,
    use_global_stats: bool,
    beta_initializer: Option<InitArg>,
    gamma_initializer: Option<InitArg>,
    running_mean_initializer: Option<InitArg>,
    running_variance_initializer: Option<InitArg>,
    in_channels: SizeArg,
) -> PyResult<Layer> {
    let config = BatchNormConfig {
        axis,
        momentum,
        epsilon,
        center,
        scale,
        use_global_stats,
        in_channels: in_channels.0,
        beta_initializer: init_or(py, beta_initializer, "zeros")?,
        gamma_initializer: init_or(py, gamma_initializer, "ones")?,
        running_mean_initializer: init_or(py, running_mean_initializer, "zeros")?,
        running_variance_initializer: init_or(py, running_variance_initializer, "ones")?,
        ..BatchNormConfig::default()
    };
    naming.build(py, || BatchNorm::with(config))
}

/// A layer that normalizes each sample. What it has not is passed over.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "they are Gluon's")]
fn norm_layer(
    py: Python<'_>,
    naming: &Naming,
    kind: &str,
    axis: Option<isize>,
    num_groups: usize,
    epsilon: f64,
    center: bool,
    scale: bool,
    beta_initializer: Option<InitArg>,
    gamma_initializer: Option<InitArg>,
    in_channels: SizeArg,
) -> PyResult<Layer> {
    let config = NormConfig {
        axis,
        num_groups,
        epsilon,
        center,
        scale: Some(scale),
        in_channels: in_channels.0,
        beta_initializer: init_or(py, beta_initializer, "zeros")?,
        gamma_initializer: init_or(py, gamma_initializer, "ones")?,
        ..NormConfig::default()
    };
    match kind {
        "LayerNorm" => naming.build(py, || LayerNorm::with(config)),
        "InstanceNorm" => naming.build(py, || InstanceNorm::with(config)),
        "GroupNorm" => naming.build(py, || GroupNorm::with(config)),
        "RMSNorm" => naming.build(py, || RMSNorm::with(config)),
        _ => Err(PyValueError::new_err(format!("no normalization is called {kind}"))),
    }
}
