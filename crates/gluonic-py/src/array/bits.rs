//! Operators of `mx.np` alone: on bits, and `@`.

use gluonic::NdArray;
use gluonic::array::Scalar;
use pyo3::prelude::*;

use super::operand::{Other, beside_number, no_array, other, together};
use super::{Dialect, NpArray, wrap};
use crate::detach::run;
use crate::errors::{MXNetError, OrRaise};

type Any<'py> = Bound<'py, PyAny>;

/// An operator on bits, of arrays and whole numbers.
fn bits<'py>(
    slf: &Bound<'py, NpArray>,
    value: &Any<'py>,
    op: fn(&NdArray, &NdArray) -> gluonic::Result<NdArray>,
) -> PyResult<Any<'py>> {
    let (py, x) = (slf.py(), slf.as_super().get().get());
    let (x, y) = match other(Dialect::Np, value)? {
        Other::Array(y) => together(py, Dialect::Np, x, y, false)?,
        Other::Number(y) => {
            let whole = matches!(y, Scalar::Bool(_));
            let x = if whole { x } else { beside_number(py, Dialect::Np, x, false)? };
            let full = || NdArray::full((), y, x.dtype());
            let y = gluonic::context::with(x.context(), full).or_raise(py)?;
            (x, y)
        }
    };
    if x.dtype().is_float() {
        return Err(MXNetError::new_err(ONLY_INTEGERS));
    }
    wrap(py, run(py, x.elem_count(), || op(&x, &y)).or_raise(py)?, Dialect::Np)
}

const ONLY_INTEGERS: &str = "MXNetError: Check failed: in_attrs->at(0) == mshadow: :kInt64 || \
     in_attrs->at(0) == mshadow::kInt32 || in_attrs->at(0) == mshadow::kInt8 || in_attrs->at(0) \
     == mshadow::kUint8 || in_attrs->at(0) == mshadow::kBool: Only supports integer types\n\
     compare first, or convert with astype('bool')";

// These are of `mx.np` alone; `mx.nd` has no operators on bits and no `@`.
#[pymethods]
impl NpArray {
    fn __and__<'py>(slf: &Bound<'py, Self>, value: &Any<'py>) -> PyResult<Any<'py>> {
        bits(slf, value, NdArray::bit_and)
    }

    fn __or__<'py>(slf: &Bound<'py, Self>, value: &Any<'py>) -> PyResult<Any<'py>> {
        bits(slf, value, NdArray::bit_or)
    }

    fn __xor__<'py>(slf: &Bound<'py, Self>, value: &Any<'py>) -> PyResult<Any<'py>> {
        bits(slf, value, NdArray::bit_xor)
    }

    fn __invert__<'py>(slf: &Bound<'py, Self>) -> PyResult<Any<'py>> {
        let (py, x) = (slf.py(), slf.as_super().get().get());
        if x.dtype().is_float() {
            return Err(MXNetError::new_err(ONLY_INTEGERS));
        }
        wrap(py, x.bit_not().or_raise(py)?, Dialect::Np)
    }

    fn __matmul__<'py>(slf: &Bound<'py, Self>, value: &Any<'py>) -> PyResult<Any<'py>> {
        let (py, x) = (slf.py(), slf.as_super().get().get());
        let Ok(y) = value.cast::<NpArray>() else {
            return Err(no_array("b", value)?);
        };
        let y = y.as_super().get().get();
        wrap(py, py.detach(|| x.matmul(&y)).or_raise(py)?, Dialect::Np)
    }

    fn __rmatmul__<'py>(slf: &Bound<'py, Self>, value: &Any<'py>) -> PyResult<Any<'py>> {
        let _ = slf;
        Err(no_array("b", value)?)
    }
}
