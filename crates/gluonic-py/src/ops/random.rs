//! Arrays of random numbers.

use gluonic::random::Law;
use gluonic::{DType, Dims, Error, NdArray, Result, context, ops};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::args::{Data, DimsArg};
use super::{compute, dialect};
use crate::context::ContextArg;
use crate::dtype::DTypeArg;
use crate::errors::OrRaise;

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    for function in [
        wrap_pyfunction!(draw, module)?,
        wrap_pyfunction!(draw_each, module)?,
        wrap_pyfunction!(integers, module)?,
        wrap_pyfunction!(permutation, module)?,
        wrap_pyfunction!(shuffled, module)?,
        wrap_pyfunction!(categorical, module)?,
    ] {
        module.add_function(function)?;
    }
    Ok(())
}

/// The law of a name, as gluonic calls it, and its settings.
fn law(name: &str, settings: &[f64]) -> Result<Law> {
    match (name, settings) {
        ("uniform", &[low, high]) => Law::uniform(low.min(high), low.max(high)),
        ("normal", &[mean, std]) => Law::normal(mean, std),
        ("exponential", &[scale]) => Law::exponential(scale),
        ("gamma", &[shape, scale]) => Law::gamma(shape, scale),
        ("poisson", &[rate]) => Law::poisson(rate),
        ("negative_binomial", &[k, p]) => Law::negative_binomial(k, p),
        ("dispersed", &[mean, dispersion]) => Law::dispersed(mean, dispersion),
        ("bernoulli", &[p]) => Law::bernoulli(p),
        _ => Err(Error::Setting {
            setting: "law",
            expected: "a law and its settings",
            found: format!("{name} of {} settings", settings.len()).into(),
        }),
    }
}

/// An array of what a law gives, on a context.
fn drawn<'py>(
    py: Python<'py>,
    law: Result<Law>,
    dims: Dims,
    dtype: DTypeArg,
    ctx: Option<ContextArg>,
    np: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let law = law.map_err(|error| super::raised(py, error))?;
    compute(py, dims.elem_count(), dialect(np), || {
        let draw = || ops::draw(&law, dims, dtype.0);
        match ctx {
            Some(ctx) => context::with(ctx.0, draw),
            None => draw(),
        }
    })
}

/// For each law an array of these sizes, together of the sizes `total`.
fn drawn_of_each(laws: &[Law], dims: &Dims, total: Dims, dtype: DTypeArg) -> Result<NdArray> {
    let drawn = laws.iter().map(|law| ops::draw(law, dims.clone(), dtype.0));
    let drawn = drawn.collect::<Result<Vec<NdArray>>>()?;
    if drawn.is_empty() {
        return NdArray::zeros(total, dtype.0);
    }
    ops::stack(&drawn.iter().collect::<Vec<_>>(), 0)?.reshape(total)
}

#[pyfunction]
fn draw<'py>(
    py: Python<'py>,
    name: &str,
    settings: Vec<f64>,
    dims: DimsArg,
    dtype: DTypeArg,
    ctx: Option<ContextArg>,
    np: bool,
) -> PyResult<Bound<'py, PyAny>> {
    drawn(py, law(name, &settings), dims.0, dtype, ctx, np)
}

/// For each element of the settings, which are arrays of equal sizes, an array of these sizes.
#[pyfunction]
fn draw_each<'py>(
    py: Python<'py>,
    name: &str,
    settings: Vec<Data>,
    dims: DimsArg,
    dtype: DTypeArg,
) -> PyResult<Bound<'py, PyAny>> {
    let Some(first) = settings.first() else {
        return Err(PyValueError::new_err("a law has settings"));
    };
    let (of, np) = (first.array.dims().clone(), first.dialect);
    let values = settings.iter().map(|setting| setting.array.to_f64_vec());
    let values = values.collect::<Result<Vec<_>>>().or_raise(py)?;
    if settings.iter().any(|setting| *setting.array.dims() != of) {
        return Err(PyValueError::new_err("the settings of a law must have equal shapes"));
    }
    let name = name.to_owned();
    let total: Dims = [&*of, &*dims.0].concat().into();
    compute(py, total.elem_count(), np, || {
        let laws = (0..of.elem_count())
            .map(|i| law(&name, &values.iter().map(|setting| setting[i]).collect::<Vec<f64>>()));
        // All are checked before the first is drawn.
        drawn_of_each(&laws.collect::<Result<Vec<Law>>>()?, &dims.0, total, dtype)
    })
}

#[pyfunction]
fn integers(
    py: Python<'_>,
    low: i64,
    high: i64,
    dims: DimsArg,
    dtype: DTypeArg,
    ctx: Option<ContextArg>,
    np: bool,
) -> PyResult<Bound<'_, PyAny>> {
    drawn(py, Law::integers(low, high), dims.0, dtype, ctx, np)
}

#[pyfunction]
fn permutation(py: Python<'_>, n: usize, np: bool) -> PyResult<Bound<'_, PyAny>> {
    compute(py, n, dialect(np), || ops::draw(&Law::permutation(n), n, DType::I64))
}

/// The parts of the first axis in a random order.
#[pyfunction]
fn shuffled(py: Python<'_>, x: Data) -> PyResult<Bound<'_, PyAny>> {
    x.compute(py, |x| {
        let n = x.dims().first().copied().unwrap_or(0);
        x.take(&ops::permutation(n))
    })
}

/// Class numbers, each as likely as its share of its row.
#[pyfunction]
fn categorical<'py>(
    py: Python<'py>,
    weights: Data,
    dims: DimsArg,
    dtype: DTypeArg,
) -> PyResult<Bound<'py, PyAny>> {
    let Data { array, dialect } = weights;
    let classes = array.dims().last().copied().unwrap_or(0);
    let of = array.dims()[..array.rank().saturating_sub(1)].to_vec();
    let total: Dims = [&of[..], &*dims.0].concat().into();
    compute(py, total.elem_count(), dialect, || {
        let weights = array.to_f64_vec()?;
        let laws = weights.chunks_exact(classes.max(1)).map(Law::categorical);
        drawn_of_each(&laws.collect::<Result<Vec<Law>>>()?, &dims.0, total, dtype)
    })
}
