//! Pooling over one to three axes.

use gluonic::nn::{
    AvgPool1D, AvgPool2D, AvgPool3D, GlobalAvgPool1D, GlobalAvgPool2D, GlobalAvgPool3D,
    GlobalMaxPool1D, GlobalMaxPool2D, GlobalMaxPool3D, MaxPool1D, MaxPool2D, MaxPool3D, PoolConfig,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::args::LayoutArg;
use super::{Layer, Naming};
use crate::ops::DimsArg;

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(pool_layer, module)?)?;
    module.add_function(wrap_pyfunction!(global_pool_layer, module)?)
}

#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "they are Gluon's")]
fn pool_layer(
    py: Python<'_>,
    naming: &Naming,
    kind: &str,
    pool_size: DimsArg,
    strides: Option<DimsArg>,
    padding: DimsArg,
    ceil_mode: bool,
    count_include_pad: bool,
    layout: LayoutArg,
) -> PyResult<Layer> {
    let config = PoolConfig {
        pool_size: pool_size.0,
        strides: strides.map(|strides| strides.0),
        padding: padding.0,
        ceil_mode,
        count_include_pad,
        layout: layout.0,
        prefix: None,
    };
    match kind {
        "MaxPool1D" => naming.build(py, || MaxPool1D::with(config)),
        "MaxPool2D" => naming.build(py, || MaxPool2D::with(config)),
        "MaxPool3D" => naming.build(py, || MaxPool3D::with(config)),
        "AvgPool1D" => naming.build(py, || AvgPool1D::with(config)),
        "AvgPool2D" => naming.build(py, || AvgPool2D::with(config)),
        "AvgPool3D" => naming.build(py, || AvgPool3D::with(config)),
        _ => Err(PyValueError::new_err(format!("no pooling is called {kind}"))),
    }
}

#[pyfunction]
fn global_pool_layer(
    py: Python<'_>,
    naming: &Naming,
    kind: &str,
    layout: LayoutArg,
) -> PyResult<Layer> {
    let layout = layout.0;
    match kind {
        "GlobalMaxPool1D" => naming.build(py, || Ok(GlobalMaxPool1D::with_layout(layout))),
        "GlobalMaxPool2D" => naming.build(py, || Ok(GlobalMaxPool2D::with_layout(layout))),
        "GlobalMaxPool3D" => naming.build(py, || Ok(GlobalMaxPool3D::with_layout(layout))),
        "GlobalAvgPool1D" => naming.build(py, || Ok(GlobalAvgPool1D::with_layout(layout))),
        "GlobalAvgPool2D" => naming.build(py, || Ok(GlobalAvgPool2D::with_layout(layout))),
        "GlobalAvgPool3D" => naming.build(py, || Ok(GlobalAvgPool3D::with_layout(layout))),
        _ => Err(PyValueError::new_err(format!("no pooling is called {kind}"))),
    }
}
