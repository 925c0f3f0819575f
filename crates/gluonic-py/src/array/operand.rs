//! The other side of an operator: what it is, and which element type both are computed in.

use gluonic::array::Scalar;
use gluonic::{DType, NdArray};
use pyo3::exceptions::{PyAssertionError, PyTypeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyFloat, PyInt};

use super::{Dialect, NDArray};
use crate::errors::OrRaise;

/// The other side of an operator.
pub(super) enum Other {
    Array(NdArray),
    Number(Scalar),
}

/// Reads the other side of an operator of an array in a dialect. MXNet takes arrays of the same
/// dialect and numbers, nothing else.
pub(super) fn other(dialect: Dialect, value: &Bound<'_, PyAny>) -> PyResult<Other> {
    if let Ok(array) = value.cast::<NDArray>() {
        if Dialect::of(value) == dialect {
            return Ok(Other::Array(array.get().get()));
        }
        let way = match dialect {
            Dialect::Nd => "as_nd_ndarray",
            Dialect::Np => "as_np_ndarray",
        };
        return Err(not_supported(value, &format!("bring it to the same dialect with {way}()")));
    }
    match number(value)? {
        Some(number) => Ok(Other::Number(number)),
        None => Err(not_supported(value, "make an array of it first")),
    }
}

fn not_supported(value: &Bound<'_, PyAny>, hint: &str) -> PyErr {
    PyTypeError::new_err(format!("type {} not supported\n{hint}", value.get_type()))
}

/// A number of Python or NumPy.
pub(super) fn number(value: &Bound<'_, PyAny>) -> PyResult<Option<Scalar>> {
    if let Ok(value) = value.cast::<PyFloat>() {
        return Ok(Some(Scalar::Float(value.extract()?)));
    }
    if let Ok(value) = value.cast::<PyBool>() {
        return Ok(Some(Scalar::Bool(value.is_true())));
    }
    if value.is_instance_of::<PyInt>() {
        // What is too large for any element type is as good as a float.
        return Ok(Some(match value.extract::<i128>() {
            Ok(whole) => Scalar::Int(whole),
            Err(_) => Scalar::Float(value.extract()?),
        }));
    }
    static GENERIC: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let generic = GENERIC.get_or_try_init(value.py(), || {
        Ok::<_, PyErr>(value.py().import("numpy")?.getattr("generic")?.unbind())
    })?;
    if value.is_instance(generic.bind(value.py()))? {
        let item = value.call_method0("item")?;
        return if item.is(value) { Ok(None) } else { number(&item) };
    }
    Ok(None)
}

/// The two arrays in the type that both are computed in. `mx.nd` leaves them as they are, and the
/// operation refuses different types; `mx.np` promotes.
pub(super) fn together(
    py: Python<'_>,
    dialect: Dialect,
    x: NdArray,
    y: NdArray,
    divides: bool,
) -> PyResult<(NdArray, NdArray)> {
    if dialect == Dialect::Nd {
        return Ok((x, y));
    }
    let dtype = quotient(x.dtype().promote(y.dtype()), divides);
    Ok((converted(py, x, dtype)?, converted(py, y, dtype)?))
}

/// An array in the type that it is computed with a number in: a boolean is one of `int64`, and in
/// `mx.np` quotients of integers are `float32`.
pub(super) fn beside_number(
    py: Python<'_>,
    dialect: Dialect,
    x: NdArray,
    divides: bool,
) -> PyResult<NdArray> {
    let dtype = match (dialect, x.dtype()) {
        (Dialect::Np, dtype) if divides => quotient(dtype, true),
        (_, DType::Bool) => DType::I64,
        (_, dtype) => dtype,
    };
    converted(py, x, dtype)
}

fn quotient(dtype: DType, divides: bool) -> DType {
    if divides && !dtype.is_float() { DType::F32 } else { dtype }
}

pub(super) fn converted(py: Python<'_>, x: NdArray, dtype: DType) -> PyResult<NdArray> {
    if x.dtype() == dtype { Ok(x) } else { x.cast(dtype).or_raise(py) }
}

/// The name of an element type in MXNet's errors, which have none for booleans.
pub(super) fn type_name(dtype: DType) -> &'static str {
    if dtype == DType::Bool { "unknown" } else { dtype.name() }
}

/// That an operand is no array, in MXNet's words.
pub(super) fn no_array(which: &str, value: &Bound<'_, PyAny>) -> PyResult<PyErr> {
    let value = value.str()?;
    let text = format!("Argument {which} must have NDArray type, but got {value}");
    Ok(PyAssertionError::new_err(text))
}
