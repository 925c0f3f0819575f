//! Operators.

use gluonic::NdArray;
use pyo3::basic::CompareOp;
use pyo3::prelude::*;
use pyo3::types::PyNotImplemented;

use super::edit::number;
use super::{Dialect, NDArray, wrap};
use crate::errors::OrRaise;

/// The other side of an operator.
enum Other {
    Array(NdArray, Dialect),
    Number(f64),
    /// Not for us: Python asks the other side.
    Foreign,
}

fn other(value: &Bound<'_, PyAny>) -> PyResult<Other> {
    if let Ok(array) = value.cast::<NDArray>() {
        return Ok(Other::Array(array.get().get(), Dialect::of(value)));
    }
    Ok(match number(value)? {
        Some(number) => Other::Number(number.to_f64()),
        None => Other::Foreign,
    })
}

/// The work of an operator: with an array or with a number.
fn apply<'py>(
    slf: &Bound<'py, NDArray>,
    value: &Bound<'py, PyAny>,
    arrays: impl FnOnce(&NdArray, &NdArray) -> gluonic::Result<NdArray> + Send,
    number: impl FnOnce(&NdArray, f64) -> gluonic::Result<NdArray> + Send,
) -> PyResult<Bound<'py, PyAny>> {
    let (py, x, dialect) = (slf.py(), slf.get().get(), Dialect::of(slf));
    match other(value)? {
        Other::Array(y, of_other) => {
            let dialect = if of_other == Dialect::Np { Dialect::Np } else { dialect };
            let large = x.elem_count().max(y.elem_count()) >= LARGE;
            let result = if large { py.detach(|| arrays(&x, &y)) } else { arrays(&x, &y) };
            wrap(py, result.or_raise(py)?, dialect)
        }
        Other::Number(y) => {
            let result =
                if x.elem_count() >= LARGE { py.detach(|| number(&x, y)) } else { number(&x, y) };
            wrap(py, result.or_raise(py)?, dialect)
        }
        Other::Foreign => Ok(PyNotImplemented::get(py).to_owned().into_any()),
    }
}

/// As many elements as make other threads worth letting run.
const LARGE: usize = 1 << 14;

#[pymethods]
impl NDArray {
    fn __add__<'py>(
        slf: &Bound<'py, Self>,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        apply(slf, value, NdArray::add, NdArray::add_scalar)
    }

    fn __radd__<'py>(
        slf: &Bound<'py, Self>,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        apply(slf, value, |x, y| y.add(x), NdArray::add_scalar)
    }

    fn __sub__<'py>(
        slf: &Bound<'py, Self>,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        apply(slf, value, NdArray::sub, NdArray::sub_scalar)
    }

    fn __rsub__<'py>(
        slf: &Bound<'py, Self>,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        apply(slf, value, |x, y| y.sub(x), NdArray::scalar_sub)
    }

    fn __mul__<'py>(
        slf: &Bound<'py, Self>,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        apply(slf, value, NdArray::mul, NdArray::mul_scalar)
    }

    fn __rmul__<'py>(
        slf: &Bound<'py, Self>,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        apply(slf, value, |x, y| y.mul(x), NdArray::mul_scalar)
    }

    fn __truediv__<'py>(
        slf: &Bound<'py, Self>,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        apply(slf, value, NdArray::div, NdArray::div_scalar)
    }

    fn __rtruediv__<'py>(
        slf: &Bound<'py, Self>,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        apply(slf, value, |x, y| y.div(x), NdArray::scalar_div)
    }

    fn __neg__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        wrap(slf.py(), slf.get().get().neg().or_raise(slf.py())?, Dialect::of(slf))
    }

    fn __pow__<'py>(
        slf: &Bound<'py, Self>,
        value: &Bound<'py, PyAny>,
        modulo: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let _ = modulo;
        apply(slf, value, NdArray::pow, NdArray::powf)
    }

    fn __richcmp__<'py>(
        slf: &Bound<'py, Self>,
        value: &Bound<'py, PyAny>,
        op: CompareOp,
    ) -> PyResult<Bound<'py, PyAny>> {
        let compare = match op {
            CompareOp::Eq => NdArray::eq_elem,
            CompareOp::Ne => NdArray::ne_elem,
            CompareOp::Lt => NdArray::lt,
            CompareOp::Le => NdArray::le,
            CompareOp::Gt => NdArray::gt,
            CompareOp::Ge => NdArray::ge,
        };
        // In `mx.nd` a comparison gives numbers of the operands' type.
        let as_numbers = Dialect::of(slf) == Dialect::Nd;
        let finish = move |x: &NdArray, y: &NdArray| {
            let truth = compare(x, y)?;
            if as_numbers { truth.cast(x.dtype()) } else { Ok(truth) }
        };
        let with_number = move |x: &NdArray, y: f64| finish(x, &NdArray::full((), y, x.dtype())?);
        apply(slf, value, finish, with_number)
    }

    fn __hash__(slf: &Bound<'_, Self>) -> isize {
        // By identity, as objects that can be edited: MXNet's arrays are keys of dictionaries.
        slf.as_ptr().addr() as isize >> 4
    }
}
