//! Steps of sequences of different lengths.

use gluonic::{NdArray, Result};
use pyo3::prelude::*;

use super::args::{Data, Indices};
use crate::errors::MXNetError;

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    for function in [
        wrap_pyfunction!(sequence_mask, module)?,
        wrap_pyfunction!(sequence_last, module)?,
        wrap_pyfunction!(sequence_reverse, module)?,
    ] {
        module.add_function(function)?;
    }
    Ok(())
}

/// The numbers of steps and of sequences, where the steps are on axis 0 or 1.
fn sizes(x: &NdArray, axis: isize) -> PyResult<(usize, usize)> {
    match (&**x.dims(), axis) {
        ([steps, batch, ..], 0) | ([batch, steps, ..], 1) => Ok((*steps, *batch)),
        _ => Err(MXNetError::new_err(format!(
            "MXNetError: Check failed: (param_.axis == 0) || (param_.axis == 1): Current \
             implementation expects axis to be 0 or 1.\nfound axis {axis} of {}",
            x.dims()
        ))),
    }
}

/// How many steps each sequence has; all without lengths.
fn lengths(lengths: Option<Indices>, steps: usize, batch: usize) -> PyResult<Vec<usize>> {
    let Some(Indices { array, .. }) = lengths else { return Ok(vec![steps; batch]) };
    let wrong = |text: String| MXNetError::new_err(format!("MXNetError: Check failed: {text}"));
    let values = array.to_f64_vec().map_err(|error| wrong(error.to_string()))?;
    if values.len() != batch {
        return Err(wrong(format!("{} lengths for {batch} sequences", values.len())));
    }
    let length = |value: f64| {
        if value >= 0.0 && value <= steps as f64 {
            return Ok(value as usize);
        }
        Err(wrong(format!("a length of {value} in an array of {steps} steps")))
    };
    values.into_iter().map(length).collect()
}

/// A value instead of the steps beyond each length.
#[pyfunction]
fn sequence_mask<'py>(
    py: Python<'py>,
    x: Data,
    steps_of: Option<Indices>,
    value: f64,
    axis: isize,
) -> PyResult<Bound<'py, PyAny>> {
    let (steps, batch) = sizes(&x.array, axis)?;
    let lengths = lengths(steps_of, steps, batch)?;
    x.compute(py, |x| {
        let within: Vec<bool> = if axis == 0 {
            (0..steps).flat_map(|step| lengths.iter().map(move |n| step < *n)).collect()
        } else {
            lengths.iter().flat_map(|n| (0..steps).map(move |step| step < *n)).collect()
        };
        let mut dims = vec![1; x.rank()];
        dims[0] = x.dims()[0];
        dims[1] = x.dims()[1];
        let mask = NdArray::from_vec(within, dims)?;
        mask.select(x, &NdArray::full((), value, x.dtype())?)
    })
}

/// The rows of an array whose first two axes are one, at these places.
fn rows(x: &NdArray, places: &[usize], dims: Vec<usize>) -> Result<NdArray> {
    let rest = &x.dims()[2..];
    let merged = [&[x.dims()[0] * x.dims()[1]], rest].concat();
    x.reshape(merged)?.take(places)?.reshape([&dims[..], rest].concat())
}

/// The last step of each sequence.
#[pyfunction]
fn sequence_last<'py>(
    py: Python<'py>,
    x: Data,
    steps_of: Option<Indices>,
    axis: isize,
) -> PyResult<Bound<'py, PyAny>> {
    let (steps, batch) = sizes(&x.array, axis)?;
    let lengths = lengths(steps_of, steps, batch)?;
    x.compute(py, |x| {
        let place = |(i, n): (usize, &usize)| {
            let step = n.saturating_sub(1);
            if axis == 0 { step * batch + i } else { i * steps + step }
        };
        let places: Vec<usize> = lengths.iter().enumerate().map(place).collect();
        rows(x, &places, vec![batch])
    })
}

/// The steps of each sequence from its last to its first; those beyond its length stay.
#[pyfunction]
fn sequence_reverse<'py>(
    py: Python<'py>,
    x: Data,
    steps_of: Option<Indices>,
) -> PyResult<Bound<'py, PyAny>> {
    let (steps, batch) = sizes(&x.array, 0)?;
    let lengths = lengths(steps_of, steps, batch)?;
    x.compute(py, |x| {
        let place = |(step, i): (usize, usize)| {
            let from = if step < lengths[i] { lengths[i] - 1 - step } else { step };
            from * batch + i
        };
        let all = (0..steps).flat_map(|step| (0..batch).map(move |i| (step, i)));
        let places: Vec<usize> = all.map(place).collect();
        rows(x, &places, vec![steps, batch])
    })
}
