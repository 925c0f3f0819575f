//! Operators that change an array in place.

use gluonic::array::Operand;
use gluonic::{DType, Dims, NdArray, Shape};
use pyo3::prelude::*;

use super::operand::{Other, other, type_name};
use super::operator::{Op, computed};
use super::{Dialect, NDArray};
use crate::detach::run;
use crate::errors::{MXNetError, OrRaise, bracketed};

type Any<'py> = Bound<'py, PyAny>;
type Array<'py> = Bound<'py, NDArray>;

/// `slf ∘= value`. Under `record` an update of what is no leaf is recorded, and the array goes on
/// with the history of the result; a leaf is edited, which graphs do not see.
fn in_place(slf: &Array<'_>, value: &Any<'_>, op: Op) -> PyResult<()> {
    let (py, x, dialect) = (slf.py(), slf.get().get(), Dialect::of(slf));
    let y = other(dialect, value)?;
    let dtype = match &y {
        Other::Array(y) if dialect == Dialect::Np => x.dtype().promote(y.dtype()),
        Other::Array(y) if x.dtype() != y.dtype() => {
            let (expected, found) = (x.dtype(), y.dtype());
            return Err(gluonic::Error::DTypeMismatch { expected, found }).or_raise(py);
        }
        Other::Number(_) if x.dtype() == DType::Bool => DType::I64,
        _ => x.dtype(),
    };
    let divides = dialect == Dialect::Np && op == Op::Div && !dtype.is_float();
    let dtype = if divides { DType::F32 } else { dtype };
    if dtype != x.dtype() {
        return Err(MXNetError::new_err(format!(
            "MXNetError: Type inconsistent, Provided = {}, inferred type = {dtype}\n\
             an array keeps its element type when it is changed in place",
            type_name(x.dtype())
        )));
    }
    if let Other::Array(y) = &y
        && y.dims() != x.dims()
        && let Some(wide) = wider(&x, y)
    {
        return Err(MXNetError::new_err(format!(
            "MXNetError: Shape inconsistent, Provided = {}, inferred shape={}\n\
             an array keeps its shape when it is changed in place",
            bracketed(&x.dims().into()),
            bracketed(&wide),
        )));
    }
    if gluonic::autograd::is_recording() && !x.is_leaf() {
        let result = computed(py, dialect, x.clone(), y, op)?;
        return slf.get().adopt(py, &x, &result);
    }
    let operand = match y {
        Other::Array(y) => Operand::Array(y),
        Other::Number(y) => Operand::Scalar(y),
    };
    run(py, x.elem_count(), || op.in_place(&x, operand)).or_raise(py)
}

/// The sizes of both together, if they are larger than those of `x`.
fn wider(x: &NdArray, y: &NdArray) -> Option<Shape> {
    let rank = x.rank().max(y.rank());
    let size = |a: &NdArray, axis: usize| {
        (axis + a.rank()).checked_sub(rank).map_or(1, |axis| a.dims()[axis])
    };
    let mut sizes = Vec::with_capacity(rank);
    for axis in 0..rank {
        sizes.push(match (size(x, axis), size(y, axis)) {
            (1, other) | (other, 1) => other,
            (one, other) if one == other => one,
            _ => return None,
        });
    }
    (sizes[..] != **x.dims()).then(|| Dims::from(sizes).into())
}

// As in MXNet, `**=` makes a new array.
#[pymethods]
impl NDArray {
    fn __iadd__(slf: &Array<'_>, value: &Any<'_>) -> PyResult<()> {
        in_place(slf, value, Op::Add)
    }

    fn __isub__(slf: &Array<'_>, value: &Any<'_>) -> PyResult<()> {
        in_place(slf, value, Op::Sub)
    }

    fn __imul__(slf: &Array<'_>, value: &Any<'_>) -> PyResult<()> {
        in_place(slf, value, Op::Mul)
    }

    fn __itruediv__(slf: &Array<'_>, value: &Any<'_>) -> PyResult<()> {
        in_place(slf, value, Op::Div)
    }

    fn __ifloordiv__(slf: &Array<'_>, value: &Any<'_>) -> PyResult<()> {
        in_place(slf, value, Op::FloorDivide)
    }

    fn __imod__(slf: &Array<'_>, value: &Any<'_>) -> PyResult<()> {
        in_place(slf, value, Op::Remainder)
    }
}
