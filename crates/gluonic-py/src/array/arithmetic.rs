//! Operators.

use gluonic::array::Scalar;
use gluonic::{DType, NdArray};
use pyo3::basic::CompareOp;
use pyo3::exceptions::PyAssertionError;
use pyo3::prelude::*;

use super::operand::{Other, beside_number, other, together};
use super::{Dialect, NDArray, NpArray, wrap};
use crate::errors::{MXNetError, OrRaise};

type Any<'py> = Bound<'py, PyAny>;
type Array<'py> = Bound<'py, NDArray>;

/// As many elements as make other threads worth letting run.
const LARGE: usize = 1 << 14;

/// Runs an operation, without the GIL if it is a long one.
#[inline]
pub(super) fn run<T: Send>(py: Python<'_>, elements: usize, f: impl FnOnce() -> T + Send) -> T {
    if elements >= LARGE { py.detach(f) } else { f() }
}

/// An operator of arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Add,
    Sub,
    Mul,
    Div,
    FloorDivide,
    Remainder,
    Pow,
}

impl Op {
    /// MXNet's name for it.
    fn name(self) -> &'static str {
        match self {
            Op::Add => "add",
            Op::Sub => "sub",
            Op::Mul => "mul",
            Op::Div => "div",
            Op::FloorDivide => "floor_divide",
            Op::Remainder => "mod",
            Op::Pow => "power",
        }
    }

    fn arrays(self, x: &NdArray, y: &NdArray) -> gluonic::Result<NdArray> {
        match self {
            Op::Add => x.add(y),
            Op::Sub => x.sub(y),
            Op::Mul => x.mul(y),
            Op::Div => x.div(y),
            Op::FloorDivide => x.floor_divide(y),
            Op::Remainder => x.remainder(y),
            Op::Pow => x.pow(y),
        }
    }

    fn with(self, x: &NdArray, y: Scalar) -> gluonic::Result<NdArray> {
        match self {
            Op::Add => x.add_scalar(y),
            Op::Sub => x.sub_scalar(y),
            Op::Mul => x.mul_scalar(y),
            Op::Div => x.div_scalar(y),
            Op::FloorDivide => x.floor_divide_scalar(y),
            Op::Remainder => x.remainder_scalar(y),
            Op::Pow => x.powf(y),
        }
    }

    fn after(self, x: Scalar, y: &NdArray) -> gluonic::Result<NdArray> {
        match self {
            Op::Add => y.add_scalar(x),
            Op::Sub => y.scalar_sub(x),
            Op::Mul => y.mul_scalar(x),
            Op::Div => y.scalar_div(x),
            Op::FloorDivide => y.scalar_floor_divide(x),
            Op::Remainder => y.scalar_remainder(x),
            Op::Pow => y.scalar_pow(x),
        }
    }

    pub(super) fn in_place(self, x: &NdArray, y: gluonic::array::Operand) -> gluonic::Result<()> {
        match self {
            Op::Add => x.add_assign(y),
            Op::Sub => x.sub_assign(y),
            Op::Mul => x.mul_assign(y),
            Op::Div => x.div_assign(y),
            Op::FloorDivide => x.floor_divide_assign(y),
            Op::Remainder => x.remainder_assign(y),
            Op::Pow => x.pow_assign(y),
        }
    }
}

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

pub(super) fn computed(
    py: Python<'_>,
    dialect: Dialect,
    x: NdArray,
    y: Other,
    op: Op,
) -> PyResult<NdArray> {
    match y {
        Other::Array(y) => {
            if dialect == Dialect::Nd && x.dtype() == DType::Bool && y.dtype() == DType::Bool {
                return Err(gluonic::Error::NoArithmetic { op: op.name(), dtype: DType::Bool })
                    .or_raise(py);
            }
            let (x, y) = together(py, dialect, x, y, op == Op::Div)?;
            let n = x.elem_count().max(y.elem_count());
            run(py, n, || op.arrays(&x, &y)).or_raise(py)
        }
        Other::Number(y) => {
            let x = beside_number(py, dialect, x, op == Op::Div)?;
            run(py, x.elem_count(), || op.with(&x, y)).or_raise(py)
        }
    }
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

/// The name of an element type in MXNet's errors, which have none for booleans.
pub(super) fn type_name(dtype: DType) -> &'static str {
    if dtype == DType::Bool { "unknown" } else { dtype.name() }
}

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

    fn __richcmp__<'py>(slf: &Array<'py>, value: &Any<'py>, op: CompareOp) -> PyResult<Any<'py>> {
        compare(slf, value, op)
    }

    fn __hash__(slf: &Bound<'_, Self>) -> isize {
        // By identity, as objects that can be edited: MXNet's arrays are keys of dictionaries.
        slf.as_ptr().addr() as isize >> 4
    }
}

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

/// That an operand is no array, in MXNet's words.
fn no_array(which: &str, value: &Any<'_>) -> PyResult<PyErr> {
    let value = value.str()?;
    let text = format!("Argument {which} must have NDArray type, but got {value}");
    Ok(PyAssertionError::new_err(text))
}
