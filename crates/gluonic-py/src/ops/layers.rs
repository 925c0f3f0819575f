//! What other layers compute, as functions: products with a weight, dropout, softmax.

use gluonic::{NdArray, Result, autograd, ops};
use pyo3::prelude::*;

use super::args::{Data, Indices, Sizes, Weight, count};
use crate::errors::{MXNetError, OrRaise};

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    for function in [
        wrap_pyfunction!(dense, module)?,
        wrap_pyfunction!(prelu, module)?,
        wrap_pyfunction!(dropout, module)?,
        wrap_pyfunction!(softmax, module)?,
        wrap_pyfunction!(softmax_cross_entropy, module)?,
    ] {
        module.add_function(function)?;
    }
    Ok(())
}

/// The error for a setting or an operand, as MXNet words it.
pub(super) fn wrong<T>(text: impl std::fmt::Display) -> PyResult<T> {
    Err(MXNetError::new_err(format!("MXNetError: {text}")))
}

fn listed(sizes: &[usize]) -> String {
    let sizes: Vec<String> = sizes.iter().map(ToString::to_string).collect();
    sizes.join(",")
}

/// Refuses a weight of other sizes than the input asks for.
pub(super) fn expect_shape(weight: &NdArray, wanted: &[usize]) -> PyResult<()> {
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
    units: Option<i64>,
    flatten: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let words = |n| format!("value {n} for Parameter num_hidden should be greater equal to 1");
    let units = units.map(|n| count(n, || words(n))).transpose()?;
    let Data { array, dialect } = x;
    let array = if flatten {
        let batch = array.dims().first().copied().unwrap_or(1);
        let width = array.dims().iter().skip(1).copied().fold(1, usize::saturating_mul);
        array.reshape((batch, width)).or_raise(py)?
    } else {
        array
    };
    let x = Data { array, dialect };
    let width = x.array.dims().last().copied().unwrap_or(1);
    let units = units.or(weight.array.dims().first().copied()).unwrap_or(0);
    expect_shape(&weight.array, &[units, width])?;
    let bias = bias.map(|bias| bias.array);
    let work = x.array.elem_count().saturating_mul(units);
    x.compute_of(py, work, |x| ops::dense(x, &weight.array, bias.as_ref()))
}

#[pyfunction]
fn prelu(py: Python<'_>, x: Data, alpha: Weight) -> PyResult<Bound<'_, PyAny>> {
    x.compute(py, |x| ops::prelu(x, &alpha.array))
}

/// Dropout, in training: along `axes` one draw holds for all elements.
pub(crate) fn dropped(x: &NdArray, rate: f64, axes: &[isize]) -> Result<NdArray> {
    if axes.is_empty() {
        return ops::dropout(x, rate);
    }
    let mut dims = x.dims().to_vec();
    for &axis in axes {
        let at = if axis < 0 { axis + dims.len() as isize } else { axis };
        let size = usize::try_from(at).ok().and_then(|at| dims.get_mut(at));
        *size.ok_or(gluonic::Error::Axis { op: "dropout", axis, rank: x.rank() })? = 1;
    }
    x.mul(&ops::dropout(&NdArray::ones(dims, x.dtype())?, rate)?)
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
    let rank = x.array.rank();
    if let Some(axis) = axes.0.iter().find(|axis| **axis >= rank) {
        return wrong(format!(
            "Check failed: i >= 0 && i < ndim(): index = {axis} must be in range [0, {rank})"
        ));
    }
    let axes: Vec<isize> = axes.0.iter().map(|axis| *axis as isize).collect();
    x.compute(py, |x| {
        let drop = || dropped(x, rate, &axes);
        let dropped = if always { autograd::train_mode(drop) } else { drop() }?;
        if dropped.same_memory(x) { dropped.cast(x.dtype()) } else { Ok(dropped) }
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
    x.compute(py, |x| {
        let x = match temperature {
            Some(temperature) if temperature != 1.0 => &x.div_scalar(temperature)?,
            _ => x,
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
    x.compute(py, |x| x.softmax_cross_entropy(&labels.array)?.sum())
}
