//! New arrays.

use gluonic::{DType, NdArray, context};
use pyo3::prelude::*;

use super::args::Data;
use super::{compute, dialect};
use crate::array::{NDArray, low_bits};
use crate::context::ContextArg;
use crate::dtype::DTypeArg;
use crate::errors::{MXNetError, OrRaise, bracketed};

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    for function in [
        wrap_pyfunction!(full_like, module)?,
        wrap_pyfunction!(arange, module)?,
        wrap_pyfunction!(linspace, module)?,
        wrap_pyfunction!(eye, module)?,
        wrap_pyfunction!(to_context, module)?,
        wrap_pyfunction!(write, module)?,
    ] {
        module.add_function(function)?;
    }
    Ok(())
}

fn there<R>(ctx: Option<ContextArg>, make: impl FnOnce() -> R) -> R {
    match ctx {
        Some(ctx) => context::with(ctx.0, make),
        None => make(),
    }
}

/// An array of one value, in the sizes of another.
#[pyfunction]
fn full_like(
    py: Python<'_>,
    x: Data,
    value: f64,
    dtype: Option<DTypeArg>,
) -> PyResult<Bound<'_, PyAny>> {
    let Data { array, dialect } = x;
    let dtype = dtype.map_or(array.dtype(), |dtype| dtype.0);
    let value = low_bits(value.into(), dtype);
    compute(py, array.elem_count(), dialect, || {
        context::with(array.context(), || NdArray::full(array.dims().clone(), value, dtype))
    })
}

/// `start`, `start + step`, … below `stop`, each `repeat` times.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "they are MXNet's")]
fn arange(
    py: Python<'_>,
    start: f64,
    stop: f64,
    step: f64,
    repeat: usize,
    dtype: DTypeArg,
    ctx: Option<ContextArg>,
    np: bool,
) -> PyResult<Bound<'_, PyAny>> {
    let n = ((stop - start) / step).ceil();
    if !n.is_finite() || n > 1e15 {
        return Err(MXNetError::new_err(format!(
            "MXNetError: Check failed: param.step != 0: Invalid range (start, stop, step) = \
             ({start},{stop},{step})"
        )));
    }
    let n = n.max(0.0) as usize;
    let make = || {
        let array = row(n, |i| start + i as f64 * step)?;
        let array = if repeat == 1 { array } else { array.repeat(repeat, 0)? };
        array.cast(dtype.0)
    };
    compute(py, n.saturating_mul(repeat), dialect(np), || there(ctx, make))
}

/// Numbers in order.
pub(super) fn row(n: usize, at: impl Fn(usize) -> f64) -> gluonic::Result<NdArray> {
    let mut values = Vec::new();
    values.try_reserve_exact(n).map_err(|_| {
        let bytes = (n as u64).saturating_mul(8);
        gluonic::Error::NoMemory { shape: gluonic::Dims::from(n).into(), bytes }
    })?;
    values.extend((0..n).map(at));
    NdArray::from_vec(values, n)
}

/// `n` numbers from `start` on, at equal distances, the last being `stop` or the one before it.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "they are MXNet's")]
fn linspace(
    py: Python<'_>,
    start: f64,
    stop: f64,
    n: usize,
    endpoint: bool,
    dtype: DTypeArg,
    ctx: Option<ContextArg>,
    np: bool,
) -> PyResult<Bound<'_, PyAny>> {
    let parts = if endpoint { n.saturating_sub(1) } else { n }.max(1) as f64;
    let make = || {
        let at = |i: usize| start + (stop - start) * (i as f64 / parts);
        row(n, at)?.cast(dtype.0)
    };
    compute(py, n, dialect(np), || there(ctx, make))
}

/// Ones on diagonal number `k`, zeros elsewhere.
#[pyfunction]
fn eye(
    py: Python<'_>,
    rows: usize,
    columns: usize,
    k: i64,
    dtype: DTypeArg,
    ctx: Option<ContextArg>,
    np: bool,
) -> PyResult<Bound<'_, PyAny>> {
    let make = || {
        let number = row(rows, |i| i as f64)?.reshape((rows, 1))?;
        let column = row(columns, |i| i as f64 - k as f64)?;
        number.eq_elem(&column)?.cast(dtype.0)
    };
    compute(py, rows.saturating_mul(columns), dialect(np), || there(ctx, make))
}

#[pyfunction]
fn to_context(py: Python<'_>, x: Data, ctx: ContextArg) -> PyResult<Bound<'_, PyAny>> {
    compute(py, x.array.elem_count(), x.dialect, || x.array.to_context(ctx.0))
}

/// Writes a result into the array that is to hold it, and returns that.
#[pyfunction]
fn write<'py>(
    py: Python<'py>,
    out: &Bound<'py, NDArray>,
    result: Data,
) -> PyResult<Bound<'py, PyAny>> {
    let (target, result) = (out.get().get(), result.array);
    let same_count = target.elem_count() == 1 && result.elem_count() == 1;
    if target.dims() != result.dims() && !same_count {
        return Err(MXNetError::new_err(format!(
            "MXNetError: Shape inconsistent, Provided = {}, inferred shape={}",
            bracketed(&target.dims().into()),
            bracketed(&result.dims().into())
        )));
    }
    if target.dtype() != result.dtype() && target.dtype() != DType::Bool {
        return Err(MXNetError::new_err(format!(
            "MXNetError: Type inconsistent, Provided = {}, inferred type = {}",
            target.dtype(),
            result.dtype()
        )));
    }
    let recorded = gluonic::autograd::is_recording() && result.is_recorded();
    if recorded && target.is_leaf() {
        return Err(MXNetError::new_err(
            "MXNetError: a result that is to be differentiated cannot be written with out= into an \
             array that has a gradient of its own\nleave out= away inside autograd.record()",
        ));
    }
    let result = if target.dims() == result.dims() {
        result
    } else {
        result.reshape(target.dims().clone()).or_raise(py)?
    };
    if recorded {
        out.get().adopt(py, &target, &result)?;
        return Ok(out.clone().into_any());
    }
    py.detach(|| target.assign(&result)).or_raise(py)?;
    Ok(out.clone().into_any())
}
