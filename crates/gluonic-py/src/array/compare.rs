//! Comparisons.

use gluonic::NdArray;
use pyo3::basic::CompareOp;
use pyo3::prelude::*;

use super::operand::{Other, beside_number, other, type_name};
use super::{Dialect, NDArray, wrap};
use crate::detach::run;
use crate::errors::{MXNetError, OrRaise};

type Any<'py> = Bound<'py, PyAny>;
type Array<'py> = Bound<'py, NDArray>;

/// A comparison: numbers 0 and 1 of the operands' type in `mx.nd`, booleans in `mx.np`.
fn compare<'py>(slf: &Array<'py>, value: &Any<'py>, op: CompareOp) -> PyResult<Any<'py>> {
    let compare = match op {
        CompareOp::Eq => NdArray::eq_elem,
        CompareOp::Ne => NdArray::ne_elem,
        CompareOp::Lt => NdArray::lt,
        CompareOp::Le => NdArray::le,
        CompareOp::Gt => NdArray::gt,
        CompareOp::Ge => NdArray::ge,
    };
    let (py, x, dialect) = (slf.py(), slf.get().get(), Dialect::of(slf));
    let (x, y) = match other(dialect, value)? {
        Other::Array(y) if dialect == Dialect::Np && x.dtype() != y.dtype() => {
            let (one, other) = (type_name(x.dtype()), type_name(y.dtype()));
            return Err(MXNetError::new_err(format!(
                "MXNetError: Type inconsistent, Provided = {one}, inferred type = {other}\n\
                 bring both to one element type with astype"
            )));
        }
        Other::Array(y) => (x, y),
        Other::Number(y) => {
            let x = beside_number(py, dialect, x, false)?;
            let full = || NdArray::full((), y, x.dtype());
            let y = gluonic::context::with(x.context(), full).or_raise(py)?;
            (x, y)
        }
    };
    let n = x.elem_count().max(y.elem_count());
    let result = run(py, n, || {
        let truth = compare(&x, &y)?;
        if dialect == Dialect::Nd { truth.cast(x.dtype()) } else { Ok(truth) }
    });
    wrap(py, result.or_raise(py)?, dialect)
}

#[pymethods]
impl NDArray {
    fn __richcmp__<'py>(slf: &Array<'py>, value: &Any<'py>, op: CompareOp) -> PyResult<Any<'py>> {
        compare(slf, value, op)
    }

    fn __hash__(slf: &Bound<'_, Self>) -> isize {
        // By identity, as objects that can be edited: MXNet's arrays are keys of dictionaries.
        slf.as_ptr().addr() as isize >> 4
    }
}
