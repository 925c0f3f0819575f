//! Functions of two arrays, or of an array and a number, that broadcast. Arithmetic and comparisons
//! are the operators of the array itself.

use gluonic::{DType, NdArray, Result, context};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::args::Operand;
use super::compute;
use super::elementwise::truths;
use crate::array::Dialect;

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    for function in [
        wrap_pyfunction!(maximum, module)?,
        wrap_pyfunction!(minimum, module)?,
        wrap_pyfunction!(hypot, module)?,
        wrap_pyfunction!(arctan2, module)?,
        wrap_pyfunction!(logical, module)?,
        wrap_pyfunction!(select, module)?,
        wrap_pyfunction!(select_rows, module)?,
    ] {
        module.add_function(function)?;
    }
    Ok(())
}

/// The element type of a result of two; in `mx.nd` they must be equal, and the operation says so.
pub(super) fn common(x: DType, y: DType, dialect: Dialect) -> DType {
    if x == y || dialect == Dialect::Nd {
        return x;
    }
    match (x.is_float(), y.is_float()) {
        (true, false) => x,
        (false, true) => y,
        _ if y.size() > x.size() || x == DType::Bool => y,
        _ => x,
    }
}

/// Two operands as arrays of one element type: a number takes that of the array.
fn both(x: &Operand, y: &Operand) -> Result<(NdArray, NdArray, Dialect)> {
    let number = |value: f64, like: &NdArray| {
        context::with(like.context(), || NdArray::full((), value, like.dtype()))
    };
    match (x, y) {
        (Operand::Array(x, a), Operand::Array(y, b)) => {
            let dialect = if *b == Dialect::Np { *b } else { *a };
            if dialect == Dialect::Nd {
                return Ok((x.clone(), y.clone(), dialect));
            }
            let dtype = common(x.dtype(), y.dtype(), dialect);
            let to = |x: &NdArray| if x.dtype() == dtype { Ok(x.clone()) } else { x.cast(dtype) };
            Ok((to(x)?, to(y)?, dialect))
        }
        (Operand::Array(x, dialect), Operand::Number(y)) => {
            Ok((x.clone(), number(*y, x)?, *dialect))
        }
        (Operand::Number(x), Operand::Array(y, dialect)) => {
            Ok((number(*x, y)?, y.clone(), *dialect))
        }
        (Operand::Number(x), Operand::Number(y)) => {
            Ok((NdArray::scalar(*x as f32), NdArray::scalar(*y as f32), Dialect::Np))
        }
    }
}

fn pair<'py>(
    py: Python<'py>,
    x: &Operand,
    y: &Operand,
    f: impl FnOnce(&NdArray, &NdArray, Dialect) -> Result<NdArray> + Send,
) -> PyResult<Bound<'py, PyAny>> {
    use crate::errors::OrRaise;

    if matches!((x, y), (Operand::Number(_), Operand::Number(_))) {
        return Err(PyTypeError::new_err("one of both must be an array"));
    }
    let (x, y, dialect) = both(x, y).or_raise(py)?;
    compute(py, x.elem_count().max(y.elem_count()), dialect, || {
        // What it makes besides is where the operands are.
        context::with(x.context(), || f(&x, &y, dialect))
    })
}

/// The larger or the smaller one of two elements.
fn best(x: &NdArray, y: &NdArray, largest: bool) -> Result<NdArray> {
    let is_differentiated = gluonic::autograd::is_recording() && x.needs_grad() && y.needs_grad();
    if x.dtype() != y.dtype() || x.dtype().is_float() && !is_differentiated {
        return if largest { x.maximum(y) } else { x.minimum(y) };
    }
    // Where both are equal the first one has the whole gradient, as in MXNet; the engine's own give
    // half to each. What is not a number is the result.
    let first = if largest { x.ge(y)? } else { x.le(y)? };
    let first = x.ne_elem(x)?.select(&NdArray::scalar(true), &first)?;
    first.select(x, y)
}

/// As [`best`]. Where an element equals a number, it has the gradient, as in MXNet.
fn best_of<'py>(
    py: Python<'py>,
    x: &Operand,
    y: &Operand,
    largest: bool,
) -> PyResult<Bound<'py, PyAny>> {
    if let (Operand::Array(x, dialect), Operand::Number(bound))
    | (Operand::Number(bound), Operand::Array(x, dialect)) = (x, y)
        && x.dtype().is_float()
        && !bound.is_nan()
    {
        let (low, high) =
            if largest { (*bound, f64::INFINITY) } else { (f64::NEG_INFINITY, *bound) };
        return compute(py, x.elem_count(), *dialect, || x.clip(low, high));
    }
    pair(py, x, y, |x, y, _| best(x, y, largest))
}

#[pyfunction]
fn maximum(py: Python<'_>, x: Operand, y: Operand) -> PyResult<Bound<'_, PyAny>> {
    best_of(py, &x, &y, true)
}

#[pyfunction]
fn minimum(py: Python<'_>, x: Operand, y: Operand) -> PyResult<Bound<'_, PyAny>> {
    best_of(py, &x, &y, false)
}

/// `√(x² + y²)`.
#[pyfunction]
fn hypot(py: Python<'_>, x: Operand, y: Operand) -> PyResult<Bound<'_, PyAny>> {
    pair(py, &x, &y, |x, y, _| x.square()?.add(&y.square()?)?.sqrt())
}

/// The angle of the point `(y, x)`: by the arc tangent, in the right half plane or the left.
#[pyfunction]
fn arctan2(py: Python<'_>, y: Operand, x: Operand) -> PyResult<Bound<'_, PyAny>> {
    pair(py, &y, &x, |y, x, _| {
        let number = |value: f64| NdArray::full((), value, x.dtype());
        let zero = number(0.0)?;
        let angle = y.div(x)?.arctan()?;
        let turn = number(std::f64::consts::PI)?;
        let left = y.lt(&zero)?.select(&angle.sub(&turn)?, &angle.add(&turn)?)?;
        let quarter = y.sign()?.mul(&number(std::f64::consts::FRAC_PI_2)?)?;
        let beside = x.lt(&zero)?.select(&left, &angle)?;
        x.eq_elem(&zero)?.select(&quarter, &beside)
    })
}

/// `and`, `or` and `xor` of truths: what is not 0 is true.
#[pyfunction]
fn logical<'py>(
    py: Python<'py>,
    word: &str,
    x: Operand,
    y: Operand,
) -> PyResult<Bound<'py, PyAny>> {
    let word = word.to_owned();
    pair(py, &x, &y, |x, y, dialect| {
        let truth = |x: &NdArray| x.ne_elem(&NdArray::full((), 0.0, x.dtype())?);
        let (a, b) = (truth(x)?, truth(y)?);
        let result = match word.as_str() {
            "and" => a.select(&b, &NdArray::scalar(false)),
            "or" => a.select(&NdArray::scalar(true), &b),
            _ => a.ne_elem(&b),
        };
        truths(result?, x, dialect)
    })
}

/// One of two where a condition is true, the other elsewhere.
#[pyfunction]
fn select(
    py: Python<'_>,
    condition: super::args::Data,
    x: Operand,
    y: Operand,
) -> PyResult<Bound<'_, PyAny>> {
    use crate::errors::OrRaise;

    let there = condition.array.context();
    let (x, y, dialect) = context::with(there, || both(&x, &y)).or_raise(py)?;
    let dialect = if condition.dialect == Dialect::Np { Dialect::Np } else { dialect };
    let work = condition.array.elem_count().max(x.elem_count()).max(y.elem_count());
    compute(py, work, dialect, || condition.array.select(&x, &y))
}

/// As [`select`], of whole rows: one condition for each part of the first axis.
#[pyfunction]
fn select_rows(
    py: Python<'_>,
    condition: super::args::Data,
    x: super::args::Lhs,
    y: super::args::Rhs,
) -> PyResult<Bound<'_, PyAny>> {
    compute(py, x.array.elem_count(), condition.dialect, || {
        let mut dims = vec![1; x.array.rank()];
        if let Some(first) = dims.first_mut() {
            *first = condition.array.elem_count();
        }
        condition.array.reshape(dims)?.select(&x.array, &y.array)
    })
}
