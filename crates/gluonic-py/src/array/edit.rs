//! Writing by index expressions.

use gluonic::array::{Operand, Scalar};
use gluonic::ops::Pick;
use gluonic::{Error, NdArray};
use numpy::PyUntypedArray;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use super::convert::low_bits;
use super::index::{For, Index, raise, read};
use super::operand::number;
use super::{Dialect, NDArray, converted, from_object};
use crate::errors::{MXNetError, OrRaise, bracketed, shape_text};

/// A value that is to be written: a number, an array, lists.
fn operand(
    like: &NdArray,
    slf: &Bound<'_, NDArray>,
    value: &Bound<'_, PyAny>,
) -> PyResult<Operand> {
    let (py, dialect) = (slf.py(), Dialect::of(slf));
    if let Ok(array) = value.cast::<NDArray>() {
        return match (dialect, Dialect::of(value)) {
            (Dialect::Np, Dialect::Nd) => Err(PyTypeError::new_err(
                "Cannot assign mx.nd.NDArray to mxnet.numpy.ndarray\n\
                 bring it to the same dialect with as_np_ndarray()",
            )),
            (Dialect::Nd, Dialect::Np) => Err(not_assignable(slf, value)?),
            _ => {
                let array = array.get().get();
                let fits = array.dtype() == like.dtype() || like.dtype().is_float();
                let array =
                    if fits { array } else { converted(&array, like.dtype()).or_raise(py)? };
                Ok(Operand::Array(array))
            }
        };
    }
    if let Some(number) = number(value)? {
        return Ok(Operand::Scalar(low_bits(number, like.dtype())));
    }
    if value.is_none() && like.dtype().is_float() {
        return Ok(Operand::Scalar(Scalar::Float(f64::NAN)));
    }
    let is_list = value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>();
    if is_list || value.is_instance_of::<PyUntypedArray>() {
        let make = || from_object(value, Some(like.dtype()));
        return Ok(Operand::Array(gluonic::context::with(like.context(), make)?));
    }
    Err(not_assignable(slf, value)?)
}

fn not_assignable(slf: &Bound<'_, NDArray>, value: &Bound<'_, PyAny>) -> PyResult<PyErr> {
    let to = match Dialect::of(slf) {
        Dialect::Nd => slf.get_type().to_string(),
        Dialect::Np => "mxnet.np.ndarray".to_owned(),
    };
    Ok(PyTypeError::new_err(format!(
        "{to} does not support assignment with non-array-like object {} of type {}",
        value.str()?,
        value.get_type()
    )))
}

/// The array without its first axis if that has size 1.
fn squeezed(value: &NdArray) -> Option<NdArray> {
    let first = *value.dims().first()?;
    (first == 1).then(|| value.squeeze(0).ok())?
}

/// Calls `write` with a value, without leading axes of size 1 as long as it does not fit.
fn fitted<T>(
    mut value: NdArray,
    mut write: impl FnMut(&NdArray) -> gluonic::Result<T>,
) -> gluonic::Result<T> {
    loop {
        match write(&value) {
            Err(error) if matches!(error.root(), Error::Broadcast { .. }) => {
                match squeezed(&value) {
                    Some(less) => value = less,
                    None => return Err(error),
                }
            }
            written => return written,
        }
    }
}

/// What went wrong with a write, in MXNet's words.
fn raise_write(
    py: Python<'_>,
    array: &NdArray,
    picks: &[Pick],
    dialect: Dialect,
    error: Error,
) -> PyErr {
    let Error::Broadcast { op, left, right } = error.root() else {
        return raise(py, array, picks, error);
    };
    if *op == "pick" {
        return raise(py, array, picks, error);
    }
    // In MXNet one element has shape (1,) here in both dialects.
    let one = gluonic::Shape::from(gluonic::Dims::from(1));
    let to = if left.is_empty() { &one } else { left };
    if dialect == Dialect::Nd {
        return PyValueError::new_err(format!(
            "operands could not be broadcast together with remapped shapes[original->remapped]: \
             {} and requested shape {}",
            shape_text(right),
            shape_text(to)
        ));
    }
    let check = if right.len() > to.len() {
        format!("ishape.ndim() <= param.shape.ndim() ({} vs. {}) ", right.len(), to.len())
    } else {
        "ishape[j] == pshape[i] || ishape[j] == 1".to_owned()
    };
    MXNetError::new_err(format!(
        "MXNetError: Check failed: {check}: shape {} is not broadcastable to {}",
        bracketed(right),
        bracketed(to)
    ))
}

#[pymethods]
impl NDArray {
    fn __setitem__<'py>(
        slf: &Bound<'py, Self>,
        key: &Bound<'py, PyAny>,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        let (py, array, dialect) = (slf.py(), slf.get().get(), Dialect::of(slf));
        let index = read(&array, dialect, key, For::Writing)?;
        let value = operand(&array, slf, value)?;
        let recording = gluonic::autograd::is_recording() && !array.is_leaf();
        let from_graph = matches!(&value, Operand::Array(value) if value.needs_grad());
        if recording && (from_graph || array.needs_grad()) {
            return recorded(slf, &array, index, value);
        }
        let part = match (&index, &value) {
            (Index::Basic(elems), value) => {
                let part = gluonic::autograd::pause(|| array.slice(elems)).or_raise(py)?;
                match value {
                    Operand::Scalar(value) => return part.fill(*value).or_raise(py),
                    // `x[:] += 1` ends in `x[:] = x[:]`.
                    Operand::Array(source)
                        if part.same_memory(source)
                            && part.layout() == source.layout()
                            && part.dims() == source.dims() =>
                    {
                        return Ok(());
                    }
                    Operand::Array(_) => Some(part),
                }
            }
            _ => None,
        };
        let picks = index.picks();
        let written = match (value, part) {
            (Operand::Array(source), Some(part)) => {
                py.detach(|| fitted(source.detach(), |value| part.assign(value)))
            }
            (Operand::Array(source), None) => {
                py.detach(|| fitted(source.detach(), |value| array.set_picked(&picks, value)))
            }
            (Operand::Scalar(value), _) => py.detach(|| array.set_picked(&picks, value)),
        };
        written.map_err(|error| raise_write(py, &array, &picks, dialect, error))
    }
}

/// A write that the graph sees: the array goes on with the history of the result.
fn recorded(
    slf: &Bound<'_, NDArray>,
    array: &NdArray,
    index: Index,
    value: Operand,
) -> PyResult<()> {
    let (py, picks) = (slf.py(), index.picks());
    let value = match value {
        Operand::Array(value) => value,
        Operand::Scalar(value) => {
            let full = || NdArray::full((), value, array.dtype());
            gluonic::context::with(array.context(), full).or_raise(py)?
        }
    };
    let result = py.detach(|| fitted(value, |value| array.with_picked(&picks, value)));
    let raise = |error| raise_write(py, array, &picks, Dialect::of(slf), error);
    slf.get().adopt(py, array, &result.map_err(raise)?)
}
