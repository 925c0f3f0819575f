//! What layers compute, as functions.

use gluonic::ops::{self, ConvOptions, PoolOptions};
use gluonic::{Dims, NdArray, Result, autograd};
use pyo3::prelude::*;

use super::args::{Data, Indices, Sizes, Weight};
use super::compute;
use crate::errors::{MXNetError, OrRaise};

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    for function in [
        wrap_pyfunction!(dense, module)?,
        wrap_pyfunction!(conv, module)?,
        wrap_pyfunction!(conv_transpose, module)?,
        wrap_pyfunction!(pool, module)?,
        wrap_pyfunction!(batch_norm, module)?,
        wrap_pyfunction!(layer_norm, module)?,
        wrap_pyfunction!(group_norm, module)?,
        wrap_pyfunction!(instance_norm, module)?,
        wrap_pyfunction!(l2_normalization, module)?,
        wrap_pyfunction!(prelu, module)?,
        wrap_pyfunction!(dropout, module)?,
        wrap_pyfunction!(softmax, module)?,
        wrap_pyfunction!(softmax_cross_entropy, module)?,
    ] {
        module.add_function(function)?;
    }
    Ok(())
}

fn wrong<T>(text: impl std::fmt::Display) -> PyResult<T> {
    Err(MXNetError::new_err(format!("MXNetError: {text}")))
}

fn listed(sizes: &[usize]) -> String {
    let sizes: Vec<String> = sizes.iter().map(ToString::to_string).collect();
    sizes.join(",")
}

fn expect_shape(weight: &NdArray, wanted: &[usize]) -> PyResult<()> {
    if **weight.dims() == *wanted {
        return Ok(());
    }
    let (found, wanted) = (listed(weight.dims()), listed(wanted));
    wrong(format!("Shape inconsistent, Provided = [{found}], inferred shape=({wanted})"))
}

#[pyfunction]
fn dense<'py>(
    py: Python<'py>,
    x: Data,
    weight: Weight,
    bias: Option<Weight>,
    units: Option<usize>,
    flatten: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let Data { array, dialect } = x;
    let x = if flatten {
        let batch = array.dims().first().copied().unwrap_or(1);
        let width: usize = array.dims().iter().skip(1).product();
        array.reshape((batch, width)).or_raise(py)?
    } else {
        array
    };
    let width = x.dims().last().copied().unwrap_or(1);
    let units = units.or(weight.array.dims().first().copied()).unwrap_or(0);
    expect_shape(&weight.array, &[units, width])?;
    let bias = bias.map(|bias| bias.array);
    compute(py, x.elem_count().saturating_mul(units), dialect, || {
        ops::dense(&x, &weight.array, bias.as_ref())
    })
}

/// Whether channels are on the last axis.
fn channels_last(layout: Option<&str>) -> PyResult<bool> {
    match layout {
        None | Some("NCW" | "NCHW" | "NCDHW") => Ok(false),
        Some("NWC" | "NHWC" | "NDHWC") => Ok(true),
        Some(other) => wrong(format!("layout {other} is not supported")),
    }
}

#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "they are MXNet's")]
fn conv<'py>(
    py: Python<'py>,
    x: Data,
    weight: Weight,
    bias: Option<Weight>,
    kernel: Sizes,
    filters: Option<usize>,
    strides: Sizes,
    padding: Sizes,
    dilation: Sizes,
    groups: usize,
    layout: Option<&str>,
) -> PyResult<Bound<'py, PyAny>> {
    let options = ConvOptions {
        strides: strides.or(1),
        padding: padding.or(0),
        dilation: dilation.or(1),
        groups,
        channels_last: channels_last(layout)?,
    };
    let Data { array, dialect } = x;
    if let (Some(filters), Some(_), false) =
        (filters, kernel.0.first(), options.channels_last)
    {
        let channels = array.dims().get(1).copied().unwrap_or(0) / groups.max(1);
        expect_shape(&weight.array, &[&[filters, channels], &kernel.0[..]].concat())?;
    }
    let bias = bias.map(|bias| bias.array);
    compute(py, usize::MAX, dialect, || ops::conv(&array, &weight.array, bias.as_ref(), &options))
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
    groups: usize,
    layout: Option<&str>,
) -> PyResult<Bound<'py, PyAny>> {
    let options = ConvOptions {
        strides: strides.or(1),
        padding: padding.or(0),
        dilation: dilation.or(1),
        groups,
        channels_last: channels_last(layout)?,
    };
    let bias = bias.map(|bias| bias.array);
    compute(py, usize::MAX, x.dialect, || {
        let more = output_padding.or(0);
        ops::conv_transpose(&x.array, &weight.array, bias.as_ref(), &options, more)
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
    let Data { array, dialect } = x;
    if ceil_mode && matches!(kind, "sum" | "lp") {
        return wrong("the convention full is not supported for sums: use valid");
    }
    let kind = kind.to_owned();
    compute(py, array.elem_count(), dialect, || {
        if !global {
            let options = PoolOptions {
                strides: Some(strides.or(1)),
                padding: padding.or(0),
                ceil_mode,
                count_include_pad,
                channels_last,
            };
            return pooled(&array, &kind, &kernel.or(1), &options, power);
        }
        let axes = spatial(&array, channels_last);
        match kind.as_str() {
            "max" => array.max_axes(&axes, true),
            "avg" => array.mean_axes(&axes, true),
            "sum" => array.sum_axes(&axes, true),
            _ => array.abs()?.powf(power)?.sum_axes(&axes, true)?.powf(1.0 / power),
        }
    })
}

/// Batch normalization by the statistics given or, in training, by those of the batch, which then
/// become part of the ones given.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "they are MXNet's")]
fn batch_norm<'py>(
    py: Python<'py>,
    x: Data,
    gamma: Weight,
    beta: Weight,
    mean: Weight,
    variance: Weight,
    epsilon: f64,
    momentum: f64,
    fix_gamma: bool,
    use_global_stats: bool,
    axis: isize,
) -> PyResult<Bound<'py, PyAny>> {
    let Data { array, dialect } = x;
    compute(py, array.elem_count(), dialect, || {
        let gamma = (!fix_gamma).then_some(&gamma.array);
        let (beta, mean, variance) = (Some(&beta.array), &mean.array, &variance.array);
        if use_global_stats || !autograd::is_training() {
            return ops::batch_norm_by(&array, gamma, beta, (mean, variance), axis, epsilon);
        }
        let normed = ops::batch_norm(&array, gamma, beta, axis, epsilon)?;
        if autograd::is_recording() {
            autograd::pause(|| {
                for (kept, new) in [(mean, &normed.mean), (variance, &normed.variance)] {
                    kept.mul_assign(momentum)?;
                    kept.add_assign(&new.cast(kept.dtype())?.mul_scalar(1.0 - momentum)?)?;
                }
                Ok::<_, gluonic::Error>(())
            })?;
        }
        Ok(normed.y)
    })
}

#[pyfunction]
fn layer_norm<'py>(
    py: Python<'py>,
    x: Data,
    gamma: Weight,
    beta: Weight,
    axis: isize,
    epsilon: f64,
) -> PyResult<Bound<'py, PyAny>> {
    compute(py, x.array.elem_count(), x.dialect, || {
        ops::layer_norm(&x.array, Some(&gamma.array), Some(&beta.array), axis, epsilon)
    })
}

#[pyfunction]
fn group_norm<'py>(
    py: Python<'py>,
    x: Data,
    gamma: Weight,
    beta: Weight,
    groups: usize,
    epsilon: f64,
) -> PyResult<Bound<'py, PyAny>> {
    compute(py, x.array.elem_count(), x.dialect, || {
        ops::group_norm(&x.array, Some(&gamma.array), Some(&beta.array), groups, epsilon)
    })
}

#[pyfunction]
fn instance_norm<'py>(
    py: Python<'py>,
    x: Data,
    gamma: Weight,
    beta: Weight,
    epsilon: f64,
) -> PyResult<Bound<'py, PyAny>> {
    compute(py, x.array.elem_count(), x.dialect, || {
        ops::instance_norm(&x.array, Some(&gamma.array), Some(&beta.array), epsilon)
    })
}

/// Divided by the Euclidean norm of each sample, of its channels, or of each channel.
#[pyfunction]
fn l2_normalization<'py>(
    py: Python<'py>,
    x: Data,
    epsilon: f64,
    mode: &str,
) -> PyResult<Bound<'py, PyAny>> {
    let rank = x.array.rank() as isize;
    let axes: Vec<isize> = match mode {
        "instance" => (1..rank).collect(),
        "channel" => vec![1],
        "spatial" => (2..rank).collect(),
        other => {
            return wrong(format!(
                "Invalid Input: '{other}', valid values are: {{'channel', 'instance', 'spatial'}}"
            ));
        }
    };
    if axes.is_empty() {
        return wrong(format!("an array of {rank} axes has none to normalize over"));
    }
    compute(py, x.array.elem_count(), x.dialect, || {
        let sum = x.array.square()?.sum_axes(&axes, true)?;
        x.array.div(&sum.add_scalar(epsilon)?.sqrt()?)
    })
}

#[pyfunction]
fn prelu(py: Python<'_>, x: Data, alpha: Weight) -> PyResult<Bound<'_, PyAny>> {
    compute(py, x.array.elem_count(), x.dialect, || ops::prelu(&x.array, &alpha.array))
}

/// In training, or `always`. Along `axes` one draw holds for all elements.
#[pyfunction]
fn dropout(
    py: Python<'_>,
    x: Data,
    rate: f64,
    axes: Sizes,
    always: bool,
) -> PyResult<Bound<'_, PyAny>> {
    if !(0.0..=1.0).contains(&rate) {
        return wrong(format!("value {rate} for Parameter p exceed bound [0,1]"));
    }
    let Data { array, dialect } = x;
    compute(py, array.elem_count(), dialect, || {
        let drop = || {
            if axes.0.is_empty() {
                return ops::dropout(&array, rate);
            }
            let mut dims = array.dims().to_vec();
            for axis in &axes.0 {
                if let Some(size) = dims.get_mut(*axis) {
                    *size = 1;
                }
            }
            array.mul(&ops::dropout(&NdArray::ones(dims, array.dtype())?, rate)?)
        };
        let dropped = if always { autograd::train_mode(drop) } else { drop() }?;
        if dropped.same_memory(&array) { dropped.cast(array.dtype()) } else { Ok(dropped) }
    })
}

/// The softmax or its logarithm, of the elements divided by a temperature; beyond the lengths, if
/// there are some, 0.
#[pyfunction]
fn softmax<'py>(
    py: Python<'py>,
    x: Data,
    axis: isize,
    temperature: Option<f64>,
    lengths: Option<Indices>,
    log: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let Data { array, dialect } = x;
    compute(py, array.elem_count(), dialect, || {
        let x = match temperature {
            Some(temperature) if temperature != 1.0 => array.div_scalar(temperature)?,
            _ => array,
        };
        match lengths {
            Some(Indices { array: lengths, .. }) => {
                let rank = x.rank() as isize;
                let at = if axis < 0 { axis + rank } else { axis };
                let mut dims = vec![1; x.rank()];
                let n = usize::try_from(at).ok().and_then(|at| Some((at, *x.dims().get(at)?)));
                let Some((at, n)) = n else { return x.softmax(axis) };
                dims[at] = n;
                let steps = NdArray::arange::<i64>(n).reshape(dims)?;
                let lengths = lengths.cast(gluonic::DType::I64)?.expand_dims(at as isize)?;
                x.masked_softmax(&steps.lt(&lengths)?, axis)
            }
            None if log => x.log_softmax(axis),
            None => x.softmax(axis),
        }
    })
}

/// The sum of the losses of all rows.
#[pyfunction]
fn softmax_cross_entropy(py: Python<'_>, x: Data, labels: Indices) -> PyResult<Bound<'_, PyAny>> {
    compute(py, x.array.elem_count(), x.dialect, || {
        x.array.softmax_cross_entropy(&labels.array)?.sum()
    })
}
