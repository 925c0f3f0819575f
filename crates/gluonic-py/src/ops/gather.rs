//! Elements by their positions.

use gluonic::{DType, NdArray, Result, ops};
use pyo3::prelude::*;

use super::args::{Data, DimsArg, Indices, Weight, count, size_of};
use crate::dtype::DTypeArg;
use crate::errors::MXNetError;

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    for function in [
        wrap_pyfunction!(take, module)?,
        wrap_pyfunction!(pick, module)?,
        wrap_pyfunction!(one_hot, module)?,
        wrap_pyfunction!(gather_nd, module)?,
        wrap_pyfunction!(scatter_nd, module)?,
        wrap_pyfunction!(embedding, module)?,
        wrap_pyfunction!(nonzero, module)?,
        wrap_pyfunction!(unique, module)?,
        wrap_pyfunction!(rows_where, module)?,
    ] {
        module.add_function(function)?;
    }
    Ok(())
}

/// What becomes of a position that an axis does not have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Raise,
    Clip,
    Wrap,
}

impl<'py> FromPyObject<'_, 'py> for Mode {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        match object.extract::<String>()?.as_str() {
            "raise" => Ok(Mode::Raise),
            "clip" => Ok(Mode::Clip),
            "wrap" => Ok(Mode::Wrap),
            other => Err(MXNetError::new_err(format!(
                "MXNetError: Invalid Input: '{other}', valid values are: {{'clip', 'raise', \
                 'wrap'}}"
            ))),
        }
    }
}

/// Positions that an axis of size `n` has. A NaN stays one, and is refused where it is used.
fn positions(indices: &NdArray, n: usize, mode: Mode) -> Result<NdArray> {
    if mode == Mode::Raise || n == 0 {
        return Ok(indices.detach());
    }
    let fit = |index: f64| {
        let index = index.trunc();
        match mode {
            Mode::Clip => index.clamp(0.0, n as f64 - 1.0),
            _ => index.rem_euclid(n as f64),
        }
    };
    let values = indices.to_f64_vec()?.into_iter().map(fit).collect();
    NdArray::from_vec::<f64>(values, indices.dims().clone())
}

fn size(x: &NdArray, axis: isize) -> usize {
    size_of(x, axis).unwrap_or(0)
}

#[pyfunction]
fn take<'py>(
    py: Python<'py>,
    x: Data,
    indices: Indices,
    axis: Option<isize>,
    mode: Mode,
) -> PyResult<Bound<'py, PyAny>> {
    let work = x.array.elem_count().saturating_add(indices.array.elem_count());
    x.compute_of(py, work, |x| {
        let (x, axis) = match axis {
            Some(axis) => (x.clone(), axis),
            None => (x.reshape(x.elem_count())?, 0),
        };
        x.take_axis(&positions(&indices.array, size(&x, axis), mode)?, axis)
    })
}

#[pyfunction]
fn pick<'py>(
    py: Python<'py>,
    x: Data,
    indices: Indices,
    axis: isize,
    keep_dims: bool,
    mode: Mode,
) -> PyResult<Bound<'py, PyAny>> {
    x.compute(py, |x| {
        let mut indices = indices.array;
        // Labels may have the axis that is picked from, with size 1.
        if indices.rank() == x.rank() && size(&indices, axis) == 1 {
            indices = indices.squeeze(axis)?;
        }
        let picked = x.pick(&positions(&indices, size(x, axis), mode)?, axis)?;
        if !keep_dims {
            return Ok(picked);
        }
        let place = if axis < 0 { axis + x.rank() as isize } else { axis };
        picked.expand_dims(place)
    })
}

/// A number at the place that each element names, another elsewhere: everywhere if there is no
/// such place, as in MXNet.
#[pyfunction]
fn one_hot(
    py: Python<'_>,
    x: Data,
    depth: i64,
    on: f64,
    off: f64,
    dtype: DTypeArg,
) -> PyResult<Bound<'_, PyAny>> {
    let depth = count(depth, || {
        format!(
            "Check failed: *depth >= 0 ({depth} vs. 0) : Dimension size, depth, must be a \
             non-negative integer"
        )
    })?;
    x.compute_of(py, x.array.elem_count().saturating_mul(depth), |x| {
        // NaN is no place.
        let is_float = x.dtype().is_float();
        let labels = if is_float {
            x.detach().trunc()?.cast(DType::F64)
        } else {
            x.detach().cast(DType::I64)
        };
        let labels = labels?.expand_dims(-1)?;
        let places = super::create::row(depth, |i| i as f64)?.cast(labels.dtype())?;
        let number = |value: f64| NdArray::full((), value, dtype.0);
        labels.eq_elem(&places)?.select(&number(on)?, &number(off)?)
    })
}

#[pyfunction]
fn gather_nd(py: Python<'_>, x: Data, indices: Indices) -> PyResult<Bound<'_, PyAny>> {
    x.compute(py, |x| x.gather_nd(&indices.array))
}

#[pyfunction]
fn scatter_nd<'py>(
    py: Python<'py>,
    x: Data,
    indices: Indices,
    dims: DimsArg,
) -> PyResult<Bound<'py, PyAny>> {
    x.compute_of(py, dims.0.elem_count(), |x| x.scatter_nd(&indices.array, dims.0))
}

#[pyfunction]
fn embedding(py: Python<'_>, x: Data, weight: Weight) -> PyResult<Bound<'_, PyAny>> {
    let work = x.array.elem_count().saturating_mul(size(&weight.array, 1));
    x.compute_of(py, work, |x| ops::embedding(x, &weight.array))
}

/// Where elements are not 0: their positions, a row for each.
fn places(x: &NdArray) -> Result<NdArray> {
    let dims = x.dims().clone();
    let truths = x.ne_elem(&NdArray::full((), 0.0, x.dtype())?)?.to_vec::<bool>()?;
    let mut found: Vec<i64> = Vec::new();
    for (flat, _) in truths.iter().enumerate().filter(|(_, truth)| **truth) {
        let start = found.len();
        let mut rest = flat;
        for &size in dims.iter().rev() {
            found.push((rest % size) as i64);
            rest /= size;
        }
        found[start..].reverse();
    }
    let n = truths.iter().filter(|truth| **truth).count();
    NdArray::from_vec(found, (n, dims.len()))
}

#[pyfunction]
fn nonzero(py: Python<'_>, x: Data) -> PyResult<Bound<'_, PyAny>> {
    x.compute(py, places)
}

/// The elements in their order, each once.
#[pyfunction]
fn unique(py: Python<'_>, x: Data) -> PyResult<Bound<'_, PyAny>> {
    x.compute(py, |x| {
        let sorted = x.detach().reshape(x.elem_count())?;
        let sorted = sorted.sort(0, ops::Order::Ascending)?;
        let values = sorted.to_f64_vec()?;
        let new = |i: usize| i == 0 || values[i] != values[i - 1];
        let kept: Vec<usize> = (0..values.len()).filter(|&i| new(i)).collect();
        sorted.take(&kept)
    })
}

/// The parts of an axis where a condition is true.
#[pyfunction]
fn rows_where<'py>(
    py: Python<'py>,
    x: Data,
    condition: Indices,
    axis: isize,
) -> PyResult<Bound<'py, PyAny>> {
    x.compute(py, |x| {
        let places = places(&condition.array)?;
        x.take_axis(&places.reshape(places.elem_count())?, axis)
    })
}
