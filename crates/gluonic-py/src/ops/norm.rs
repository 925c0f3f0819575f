//! Normalization.

use gluonic::{autograd, ops};
use pyo3::prelude::*;

use super::args::{Data, Weight};
use super::layers::wrong;

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    for function in [
        wrap_pyfunction!(batch_norm, module)?,
        wrap_pyfunction!(layer_norm, module)?,
        wrap_pyfunction!(group_norm, module)?,
        wrap_pyfunction!(instance_norm, module)?,
        wrap_pyfunction!(l2_normalization, module)?,
    ] {
        module.add_function(function)?;
    }
    Ok(())
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
    x.compute(py, |x| {
        let gamma = (!fix_gamma).then_some(&gamma.array);
        let (beta, mean, variance) = (Some(&beta.array), &mean.array, &variance.array);
        if use_global_stats || !autograd::is_training() {
            return ops::batch_norm_by(x, gamma, beta, (mean, variance), axis, epsilon);
        }
        let normed = ops::batch_norm(x, gamma, beta, axis, epsilon)?;
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
    x.compute(py, |x| ops::layer_norm(x, Some(&gamma.array), Some(&beta.array), axis, epsilon))
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
    x.compute(py, |x| ops::group_norm(x, Some(&gamma.array), Some(&beta.array), groups, epsilon))
}

#[pyfunction]
fn instance_norm<'py>(
    py: Python<'py>,
    x: Data,
    gamma: Weight,
    beta: Weight,
    epsilon: f64,
) -> PyResult<Bound<'py, PyAny>> {
    x.compute(py, |x| ops::instance_norm(x, Some(&gamma.array), Some(&beta.array), epsilon))
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
    x.compute(py, |x| {
        let sum = x.square()?.sum_axes(&axes, true)?;
        x.div(&sum.add_scalar(epsilon)?.sqrt()?)
    })
}
