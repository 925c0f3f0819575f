//! The operators of arithmetic, on arrays and numbers.

use gluonic::array::{Operand, Scalar};
use gluonic::{DType, NdArray};
use pyo3::prelude::*;

use super::Dialect;
use super::operand::{Other, beside_number, together};
use crate::detach::run;
use crate::errors::OrRaise;

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

    /// `x ∘ y`, where the number comes first.
    pub(super) fn after(self, x: Scalar, y: &NdArray) -> gluonic::Result<NdArray> {
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

    pub(super) fn in_place(self, x: &NdArray, y: Operand) -> gluonic::Result<()> {
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

/// `x ∘ y` in a dialect.
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
