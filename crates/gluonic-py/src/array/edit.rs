//! Edits in place.

use gluonic::NdArray;
use gluonic::array::{Operand, Scalar};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PyInt};

use super::index::{Index, read};
use super::{NDArray, from_object};
use crate::errors::OrRaise;

/// A value that is to be written: a number, an array, anything that NumPy makes one of.
pub(super) fn operand(like: &NdArray, value: &Bound<'_, PyAny>) -> PyResult<Operand> {
    if let Ok(array) = value.cast::<NDArray>() {
        return Ok(Operand::Array(array.get().get()));
    }
    if let Some(number) = number(value)? {
        return Ok(Operand::Scalar(number));
    }
    Ok(Operand::Array(from_object(value, Some(like.dtype()))?))
}

/// A number of Python or NumPy.
pub(super) fn number(value: &Bound<'_, PyAny>) -> PyResult<Option<Scalar>> {
    if value.is_instance_of::<PyBool>() {
        return Ok(Some(Scalar::Bool(value.extract()?)));
    }
    if value.is_instance_of::<PyFloat>() {
        return Ok(Some(Scalar::Float(value.extract()?)));
    }
    if value.is_instance_of::<PyInt>() {
        return Ok(Some(Scalar::Int(value.extract()?)));
    }
    if value.hasattr("dtype")? && value.hasattr("item")? && value.getattr("ndim")?.eq(0)? {
        return number(&value.call_method0("item")?);
    }
    Ok(None)
}

#[pymethods]
impl NDArray {
    fn __setitem__<'py>(
        slf: &Bound<'py, Self>,
        key: &Bound<'py, PyAny>,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        let (py, array) = (slf.py(), slf.get().get());
        let Index::Basic(elems) = read(&array, key)?;
        let part = gluonic::autograd::pause(|| array.slice(elems)).or_raise(py)?;
        match operand(&part, value)? {
            Operand::Scalar(value) => part.fill(value).or_raise(py),
            // `x[:] += 1` ends in `x[:] = x[:]`.
            Operand::Array(source)
                if part.same_memory(&source)
                    && part.layout() == source.layout()
                    && part.dims() == source.dims() =>
            {
                Ok(())
            }
            Operand::Array(source) => py.detach(|| part.assign(&source)).or_raise(py),
        }
    }

    fn __iadd__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<()> {
        let array = self.get();
        let other = operand(&array, other)?;
        array.add_assign(other).or_raise(py)
    }

    fn __isub__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<()> {
        let array = self.get();
        let other = operand(&array, other)?;
        array.sub_assign(other).or_raise(py)
    }

    fn __imul__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<()> {
        let array = self.get();
        let other = operand(&array, other)?;
        array.mul_assign(other).or_raise(py)
    }

    fn __itruediv__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<()> {
        let array = self.get();
        let other = operand(&array, other)?;
        array.div_assign(other).or_raise(py)
    }
}
