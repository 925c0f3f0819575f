//! Operators of arithmetic.

use pyo3::prelude::*;

use super::operand::{Other, beside_number, no_array, other};
use super::operator::{Op, computed};
use super::{Dialect, NDArray, wrap};
use crate::detach::run;
use crate::errors::OrRaise;

type Any<'py> = Bound<'py, PyAny>;
type Array<'py> = Bound<'py, NDArray>;

/// `slf ∘ value` in the dialect of `slf`.
fn forward<'py>(slf: &Array<'py>, value: &Any<'py>, op: Op) -> PyResult<Any<'py>> {
    let (py, dialect) = (slf.py(), Dialect::of(slf));
    let y = match other(dialect, value) {
        Err(_) if has_own_operators(value)? => return Ok(py.NotImplemented().into_bound(py)),
        y => y?,
    };
    wrap(py, computed(py, dialect, slf.get().get(), y, op)?, dialect)
}

/// Whether an object says, as NumPy has it said, that its own operators are to be used.
fn has_own_operators(value: &Any<'_>) -> PyResult<bool> {
    Ok(value.getattr_opt("__array_ufunc__")?.is_some_and(|word| word.is_none()))
}

/// `value ∘ slf`, where `value` is no array of ours: else its own operator would have run.
fn reflected<'py>(slf: &Array<'py>, value: &Any<'py>, op: Op) -> PyResult<Any<'py>> {
    let (py, x, dialect) = (slf.py(), slf.get().get(), Dialect::of(slf));
    let commutes = matches!(op, Op::Add | Op::Mul) || dialect == Dialect::Np;
    let value = other(dialect, value)
        .or_else(|error| if commutes { Err(error) } else { Err(no_array("lhs", value)?) })?;
    let result = match value {
        Other::Array(y) => computed(py, dialect, y, Other::Array(x), op)?,
        Other::Number(y) => {
            let x = beside_number(py, dialect, x, op == Op::Div)?;
            run(py, x.elem_count(), || op.after(y, &x)).or_raise(py)?
        }
    };
    wrap(py, result, dialect)
}

#[pymethods]
impl NDArray {
    /// NumPy's arrays and numbers leave an operator with an array to the array.
    #[classattr]
    fn __array_priority__() -> f64 {
        1000.0
    }

    fn __add__<'py>(slf: &Array<'py>, value: &Any<'py>) -> PyResult<Any<'py>> {
        forward(slf, value, Op::Add)
    }

    fn __radd__<'py>(slf: &Array<'py>, value: &Any<'py>) -> PyResult<Any<'py>> {
        reflected(slf, value, Op::Add)
    }

    fn __sub__<'py>(slf: &Array<'py>, value: &Any<'py>) -> PyResult<Any<'py>> {
        forward(slf, value, Op::Sub)
    }

    fn __rsub__<'py>(slf: &Array<'py>, value: &Any<'py>) -> PyResult<Any<'py>> {
        reflected(slf, value, Op::Sub)
    }

    fn __mul__<'py>(slf: &Array<'py>, value: &Any<'py>) -> PyResult<Any<'py>> {
        forward(slf, value, Op::Mul)
    }

    fn __rmul__<'py>(slf: &Array<'py>, value: &Any<'py>) -> PyResult<Any<'py>> {
        reflected(slf, value, Op::Mul)
    }

    fn __truediv__<'py>(slf: &Array<'py>, value: &Any<'py>) -> PyResult<Any<'py>> {
        forward(slf, value, Op::Div)
    }

    fn __rtruediv__<'py>(slf: &Array<'py>, value: &Any<'py>) -> PyResult<Any<'py>> {
        reflected(slf, value, Op::Div)
    }

    fn __floordiv__<'py>(slf: &Array<'py>, value: &Any<'py>) -> PyResult<Any<'py>> {
        forward(slf, value, Op::FloorDivide)
    }

    fn __rfloordiv__<'py>(slf: &Array<'py>, value: &Any<'py>) -> PyResult<Any<'py>> {
        reflected(slf, value, Op::FloorDivide)
    }

    fn __mod__<'py>(slf: &Array<'py>, value: &Any<'py>) -> PyResult<Any<'py>> {
        forward(slf, value, Op::Remainder)
    }

    fn __rmod__<'py>(slf: &Array<'py>, value: &Any<'py>) -> PyResult<Any<'py>> {
        reflected(slf, value, Op::Remainder)
    }

    fn __pow__<'py>(
        slf: &Array<'py>,
        value: &Any<'py>,
        _modulo: Option<&Any<'py>>,
    ) -> PyResult<Any<'py>> {
        forward(slf, value, Op::Pow)
    }

    fn __rpow__<'py>(
        slf: &Array<'py>,
        value: &Any<'py>,
        _modulo: Option<&Any<'py>>,
    ) -> PyResult<Any<'py>> {
        reflected(slf, value, Op::Pow)
    }

    fn __neg__<'py>(slf: &Array<'py>) -> PyResult<Any<'py>> {
        let (py, dialect) = (slf.py(), Dialect::of(slf));
        let x = beside_number(py, dialect, slf.get().get(), false)?;
        wrap(py, run(py, x.elem_count(), || x.neg()).or_raise(py)?, dialect)
    }

    fn __abs__<'py>(slf: &Array<'py>) -> PyResult<Any<'py>> {
        let (py, x) = (slf.py(), slf.get().get());
        wrap(py, run(py, x.elem_count(), || x.abs()).or_raise(py)?, Dialect::of(slf))
    }
}
