//! Products of matrices and of arrays of any rank.

use gluonic::{NdArray, Result, ops};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::args::{Data, Lhs, Rhs};
use super::compute;
use crate::array::Dialect;
use crate::errors::{MXNetError, bracketed};

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    for function in [
        wrap_pyfunction!(dot, module)?,
        wrap_pyfunction!(np_dot, module)?,
        wrap_pyfunction!(tensordot, module)?,
        wrap_pyfunction!(matmul, module)?,
        wrap_pyfunction!(batch_dot, module)?,
        wrap_pyfunction!(einsum, module)?,
    ] {
        module.add_function(function)?;
    }
    Ok(())
}

fn sizes(x: &NdArray) -> String {
    bracketed(&x.dims().into())
}

/// The error for two axes to be multiplied that differ, as MXNet words it.
fn misfit<T>(x: &NdArray, y: &NdArray, (k, l): (usize, usize)) -> PyResult<T> {
    Err(MXNetError::new_err(format!(
        "MXNetError: Check failed: L[!Ta].Size() == R[Tb].Size() ({k} vs. {l}) : dot shape error: \
         {} X {}",
        sizes(x),
        sizes(y)
    )))
}

/// As [`misfit`], for functions of `mx.np`.
fn np_misfit<T>(x: &NdArray, l: usize) -> PyResult<T> {
    Err(MXNetError::new_err(format!(
        "MXNetError: Shape inconsistent, Provided = {}, inferred shape=[-1,{l}]\nthe axes that are to \
         be multiplied must have one size",
        sizes(x)
    )))
}

/// The sum of products over axes of both, in pairs; what is left of the first comes first.
fn contract(x: &NdArray, y: &NdArray, x_axes: &[usize], y_axes: &[usize]) -> Result<NdArray> {
    let free = |x: &NdArray, axes: &[usize]| -> Vec<usize> {
        (0..x.rank()).filter(|axis| !axes.contains(axis)).collect()
    };
    let (x_free, y_free) = (free(x, x_axes), free(y, y_axes));
    let sizes_of = |x: &NdArray, axes: &[usize]| -> Vec<usize> {
        axes.iter().map(|&axis| x.dims()[axis]).collect()
    };
    let order = |one: &[usize], two: &[usize]| -> Vec<isize> {
        one.iter().chain(two).map(|&axis| axis as isize).collect()
    };
    let (m, n) = (sizes_of(x, &x_free), sizes_of(y, &y_free));
    let k: usize = sizes_of(x, x_axes).iter().product();
    let count = |sizes: &[usize]| sizes.iter().product::<usize>();
    let left = x.permute(&order(&x_free, x_axes))?.reshape((count(&m), k))?;
    let right = y.permute(&order(y_axes, &y_free))?.reshape((k, count(&n)))?;
    left.matmul(&right)?.reshape([m, n].concat())
}

fn contracted<'py>(
    py: Python<'py>,
    (x, y): (NdArray, NdArray),
    (x_axes, y_axes): (Vec<usize>, Vec<usize>),
    dialect: Dialect,
) -> PyResult<Bound<'py, PyAny>> {
    let fits = x_axes.len() == y_axes.len()
        && x_axes.iter().zip(&y_axes).all(|(&i, &j)| match (x.dims().get(i), y.dims().get(j)) {
            (Some(one), Some(two)) => one == two,
            _ => false,
        });
    if !fits {
        let size = |x: &NdArray, axes: &[usize]| {
            axes.iter().filter_map(|axis| x.dims().get(*axis)).product::<usize>()
        };
        let (k, l) = (size(&x, &x_axes), size(&y, &y_axes));
        return if dialect == Dialect::Np { np_misfit(&x, l) } else { misfit(&x, &y, (k, l)) };
    }
    let work =
        x.elem_count().saturating_mul(y.elem_count() / y.dims().first().unwrap_or(&1).max(&1));
    compute(py, work, dialect, || contract(&x, &y, &x_axes, &y_axes))
}

/// `mx.nd.dot`: over the last axis of the first and the first of the second; a transposed operand
/// gives its other end.
#[pyfunction]
fn dot<'py>(
    py: Python<'py>,
    x: Lhs,
    y: Rhs,
    transpose_x: bool,
    transpose_y: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let (x, y, dialect) = (x.array, y.array, x.dialect);
    if x.rank() == 0 || y.rank() == 0 {
        return misfit(&x, &y, (x.elem_count(), y.elem_count()));
    }
    let x_axis = if transpose_x { 0 } else { x.rank() - 1 };
    let y_axis = if transpose_y { y.rank() - 1 } else { 0 };
    contracted(py, (x, y), (vec![x_axis], vec![y_axis]), dialect)
}

/// `mx.np.dot`: over the last axis of the first and the last but one of the second.
#[pyfunction]
fn np_dot<'py>(py: Python<'py>, x: Lhs, y: Rhs) -> PyResult<Bound<'py, PyAny>> {
    let (x, y, dialect) = (x.array, y.array, x.dialect);
    if x.rank() == 0 || y.rank() == 0 {
        return compute(py, x.elem_count().max(y.elem_count()), dialect, || x.mul(&y));
    }
    let axes = (vec![x.rank() - 1], vec![y.rank().saturating_sub(2)]);
    contracted(py, (x, y), axes, dialect)
}

/// The axes as they are counted from the front.
fn resolved(axes: Vec<isize>, x: &NdArray) -> PyResult<Vec<usize>> {
    let rank = x.rank() as isize;
    let one = |axis: isize| {
        let at = if axis < 0 { axis + rank } else { axis };
        usize::try_from(at).ok().filter(|at| *at < x.rank()).ok_or_else(|| {
            PyValueError::new_err(format!("axis {axis} does not exist in {}", x.dims()))
        })
    };
    axes.into_iter().map(one).collect()
}

#[pyfunction]
fn tensordot<'py>(
    py: Python<'py>,
    x: Lhs,
    y: Rhs,
    x_axes: Vec<isize>,
    y_axes: Vec<isize>,
) -> PyResult<Bound<'py, PyAny>> {
    let axes = (resolved(x_axes, &x.array)?, resolved(y_axes, &y.array)?);
    contracted(py, (x.array, y.array), axes, x.dialect)
}

fn matrix_work(x: &NdArray, y: &NdArray) -> usize {
    x.elem_count().saturating_mul(y.dims().last().copied().unwrap_or(1))
}

#[pyfunction]
fn matmul(py: Python<'_>, x: Lhs, y: Rhs) -> PyResult<Bound<'_, PyAny>> {
    if let ([_, k], [l, _]) = (&**x.array.dims(), &**y.array.dims())
        && k != l
    {
        return np_misfit(&x.array, *l);
    }
    let work = matrix_work(&x.array, &y.array);
    compute(py, work, x.dialect, || x.array.matmul(&y.array))
}

/// Products of matrices that stand in equal stacks, either of them transposed, times a number.
#[pyfunction]
fn batch_dot<'py>(
    py: Python<'py>,
    x: Lhs,
    y: Rhs,
    transpose_x: bool,
    transpose_y: bool,
    alpha: f64,
    least: usize,
) -> PyResult<Bound<'py, PyAny>> {
    let (x, y, dialect) = (x.array, y.array, x.dialect);
    let stack = |x: &NdArray| x.dims()[..x.rank().saturating_sub(2)].to_vec();
    let (k, l) = {
        let size = |x: &NdArray, turned: bool, back: usize| {
            let axis = x.rank().checked_sub(if turned { 3 - back } else { back });
            axis.and_then(|axis| x.dims().get(axis).copied()).unwrap_or(0)
        };
        (size(&x, transpose_x, 1), size(&y, transpose_y, 2))
    };
    if x.rank() == y.rank()
        && let Some((a, b)) = stack(&x).into_iter().zip(stack(&y)).find(|(a, b)| a != b)
    {
        return Err(MXNetError::new_err(format!(
            "MXNetError: Check failed: lshape[i] == rshape[i] ({a} vs. {b}) : batch_dot shape \
             error (the leading batch dimensions must be equal): {} X {} trans_a={} trans_b={}",
            sizes(&x),
            sizes(&y),
            u8::from(transpose_x),
            u8::from(transpose_y)
        )));
    }
    if x.rank() < least || x.rank() != y.rank() || stack(&x) != stack(&y) || k != l {
        return Err(MXNetError::new_err(format!(
            "MXNetError: Check failed: lshape_k == rshape_k ({k} vs. {l}) : batch_dot shape error \
             (shape mismatch): {} X {} trans_a={} trans_b={}",
            sizes(&x),
            sizes(&y),
            u8::from(transpose_x),
            u8::from(transpose_y)
        )));
    }
    compute(py, matrix_work(&x, &y), dialect, || {
        let turned = |x: &NdArray, turn: bool| {
            if turn { x.swap_axes(-1, -2) } else { Ok(x.clone()) }
        };
        let product = turned(&x, transpose_x)?.matmul(&turned(&y, transpose_y)?)?;
        if alpha == 1.0 { Ok(product) } else { product.mul_scalar(alpha) }
    })
}

#[pyfunction]
fn einsum<'py>(
    py: Python<'py>,
    expression: &str,
    operands: Vec<Data>,
) -> PyResult<Bound<'py, PyAny>> {
    let arrays: Vec<&NdArray> = operands.iter().map(|operand| &operand.array).collect();
    let work = arrays.iter().map(|array| array.elem_count()).sum();
    let expression = expression.to_owned();
    compute(py, work, Dialect::Np, || ops::einsum(&expression, &arrays))
}
