//! Convolutions and pooling.

use gluonic::ops::{self, ConvOptions, PoolOptions};
use gluonic::{Dims, NdArray, Result};
use pyo3::prelude::*;

use super::args::{Data, Sizes, Weight, count};
use super::layers::{expect_shape, wrong};

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(conv, module)?)?;
    module.add_function(wrap_pyfunction!(conv_transpose, module)?)?;
    module.add_function(wrap_pyfunction!(pool, module)?)
}

/// Whether channels are on the last axis.
fn channels_last(layout: Option<&str>) -> PyResult<bool> {
    match layout {
        None | Some("NCW" | "NCHW" | "NCDHW") => Ok(false),
        Some("NWC" | "NHWC" | "NDHWC") => Ok(true),
        Some(other) => wrong(format!("layout {other} is not supported")),
    }
}

fn options(
    strides: &Sizes,
    padding: &Sizes,
    dilation: &Sizes,
    groups: i64,
    layout: Option<&str>,
) -> PyResult<ConvOptions> {
    Ok(ConvOptions {
        strides: strides.or(1),
        padding: padding.or(0),
        dilation: dilation.or(1),
        groups: count(groups, || format!("a number of groups cannot be {groups}"))?,
        channels_last: channels_last(layout)?,
    })
}

#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "they are MXNet's")]
fn conv<'py>(
    py: Python<'py>,
    x: Data,
    weight: Weight,
    bias: Option<Weight>,
    kernel: Sizes,
    filters: Option<i64>,
    strides: Sizes,
    padding: Sizes,
    dilation: Sizes,
    groups: i64,
    layout: Option<&str>,
) -> PyResult<Bound<'py, PyAny>> {
    let options = options(&strides, &padding, &dilation, groups, layout)?;
    let words = |n| format!("value {n} for Parameter num_filter should be greater equal to 1");
    let filters = filters.map(|n| count(n, || words(n))).transpose()?;
    if let (Some(filters), Some(_), false) = (filters, kernel.0.first(), options.channels_last) {
        let channels = x.array.dims().get(1).copied().unwrap_or(0) / options.groups.max(1);
        expect_shape(&weight.array, &[&[filters, channels], &kernel.0[..]].concat())?;
    }
    let bias = bias.map(|bias| bias.array);
    x.compute_of(py, usize::MAX, |x| ops::conv(x, &weight.array, bias.as_ref(), &options))
}

#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "they are MXNet's")]
fn conv_transpose<'py>(
    py: Python<'py>,
    x: Data,
    weight: Weight,
    bias: Option<Weight>,
    strides: Sizes,
    padding: Sizes,
    output_padding: Sizes,
    dilation: Sizes,
    groups: i64,
    layout: Option<&str>,
) -> PyResult<Bound<'py, PyAny>> {
    let options = options(&strides, &padding, &dilation, groups, layout)?;
    let bias = bias.map(|bias| bias.array);
    x.compute_of(py, usize::MAX, |x| {
        ops::conv_transpose(x, &weight.array, bias.as_ref(), &options, output_padding.or(0))
    })
}

/// The spatial axes.
fn spatial(x: &NdArray, channels_last: bool) -> Vec<isize> {
    let rank = x.rank() as isize;
    if channels_last { (1..rank - 1).collect() } else { (2..rank).collect() }
}

fn pooled(
    x: &NdArray,
    kind: &str,
    kernel: &Dims,
    options: &PoolOptions,
    power: f64,
) -> Result<NdArray> {
    // A mean that counts the padding is the sum over the window's size.
    let sum = |x: &NdArray| {
        let counted = PoolOptions { count_include_pad: true, ..options.clone() };
        ops::avg_pool(x, kernel.clone(), &counted)?.mul_scalar(kernel.elem_count() as f64)
    };
    match kind {
        "max" => ops::max_pool(x, kernel.clone(), options),
        "avg" => ops::avg_pool(x, kernel.clone(), options),
        "sum" => sum(x),
        _ => sum(&x.abs()?.powf(power)?)?.powf(1.0 / power),
    }
}

#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "they are MXNet's")]
fn pool<'py>(
    py: Python<'py>,
    x: Data,
    kind: &str,
    kernel: Sizes,
    global: bool,
    strides: Sizes,
    padding: Sizes,
    ceil_mode: bool,
    count_include_pad: bool,
    power: f64,
    layout: Option<&str>,
) -> PyResult<Bound<'py, PyAny>> {
    if !matches!(kind, "avg" | "lp" | "max" | "sum") {
        return wrong(format!(
            "Invalid Input: '{kind}', valid values are: {{'avg', 'lp', 'max', 'sum'}}"
        ));
    }
    let channels_last = channels_last(layout)?;
    if ceil_mode && matches!(kind, "sum" | "lp") {
        return wrong("the convention full is not supported for sums: use valid");
    }
    let kind = kind.to_owned();
    x.compute(py, |x| {
        if !global {
            let options = PoolOptions {
                strides: Some(strides.or(1)),
                padding: padding.or(0),
                ceil_mode,
                count_include_pad,
                channels_last,
            };
            return pooled(x, &kind, &kernel.or(1), &options, power);
        }
        let axes = spatial(x, channels_last);
        match kind.as_str() {
            "max" => x.max_axes(&axes, true),
            "avg" => x.mean_axes(&axes, true),
            "sum" => x.sum_axes(&axes, true),
            _ => x.abs()?.powf(power)?.sum_axes(&axes, true)?.powf(1.0 / power),
        }
    })
}
