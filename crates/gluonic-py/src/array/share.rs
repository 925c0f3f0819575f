//! Memory shared with NumPy and, through it, by DLPack.
//!
//! NumPy is handed an address by `__array_interface__` and keeps the [`Shared`] that told it, which
//! pins the array's buffer: it does not move while the NumPy array lives.

use gluonic::DType;
use gluonic::array::Pin;
use numpy::PyUntypedArray;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::{Dialect, NDArray, to_numpy, wrap};
use crate::dtype::DTypeArg;
use crate::errors::OrRaise;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Shared>()?;
    module.add_function(wrap_pyfunction!(_from_numpy, module)?)
}

/// An array on the memory of a NumPy array, which must be writable and lie as elements must.
#[pyfunction]
fn _from_numpy<'py>(
    py: Python<'py>,
    values: &Bound<'py, PyUntypedArray>,
    np: bool,
) -> PyResult<Bound<'py, PyAny>> {
    wrap(py, super::foreign::shared(values)?, if np { Dialect::Np } else { Dialect::Nd })
}

/// An array's memory as NumPy wants to be told of it.
#[pyclass(frozen, name = "_Shared")]
#[derive(Debug)]
struct Shared {
    pin: Pin,
    array: gluonic::NdArray,
    kind: &'static str,
}

#[pymethods]
impl Shared {
    #[getter]
    fn __array_interface__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let size = self.pin.dtype().size() as isize;
        let (start, strides) = self.array.layout();
        let strides: Vec<isize> = strides.iter().map(|stride| stride * size).collect();
        // An address is a number here: only NumPy follows it.
        let address = self.pin.as_mut_ptr().addr() + start;
        let told = PyDict::new(py);
        told.set_item("version", 3)?;
        told.set_item("shape", PyTuple::new(py, self.array.dims().iter())?)?;
        told.set_item("typestr", self.kind)?;
        told.set_item("strides", PyTuple::new(py, strides)?)?;
        told.set_item("data", (address, false))?;
        Ok(told)
    }
}

/// NumPy's code of an element type.
fn code(dtype: DType) -> Option<&'static str> {
    Some(match dtype {
        DType::F32 => "<f4",
        DType::F64 => "<f8",
        DType::F16 => "<f2",
        DType::I8 => "|i1",
        DType::I16 => "<i2",
        DType::I32 => "<i4",
        DType::I64 => "<i8",
        DType::U8 => "|u1",
        DType::U16 => "<u2",
        DType::U32 => "<u4",
        DType::U64 => "<u8",
        DType::Bool => "|b1",
        _ => return None,
    })
}

/// The array's own memory as a NumPy array.
fn shared<'py>(py: Python<'py>, array: &gluonic::NdArray) -> PyResult<Bound<'py, PyAny>> {
    let kind = code(array.dtype()).ok_or_else(|| {
        PyTypeError::new_err(format!("NumPy has no {}: copy it with asnumpy", array.dtype()))
    })?;
    let shared = Shared { pin: array.pin().or_raise(py)?, array: array.detach(), kind };
    py.import("numpy")?.getattr("asarray")?.call1((Bound::new(py, shared)?,))
}

#[pymethods]
impl NDArray {
    /// For NumPy: shares the memory, unless a copy or another type is asked for.
    #[pyo3(signature = (dtype = None, copy = None))]
    fn __array__<'py>(
        slf: &Bound<'py, Self>,
        dtype: Option<DTypeArg>,
        copy: Option<bool>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (py, array) = (slf.py(), slf.get().get());
        let same = dtype.as_ref().is_none_or(|dtype| dtype.0 == array.dtype());
        if same && copy != Some(true) && code(array.dtype()).is_some() {
            return shared(py, &array);
        }
        if copy == Some(false) {
            let text = "the array cannot be converted without a copy";
            return Err(PyValueError::new_err(text));
        }
        match dtype {
            Some(dtype) if !same => to_numpy(py, &array.detach().cast(dtype.0).or_raise(py)?),
            _ => to_numpy(py, &array),
        }
    }

    /// For DLPack: the memory is shared.
    #[pyo3(signature = (**options))]
    fn __dlpack__<'py>(
        slf: &Bound<'py, Self>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        shared(slf.py(), &slf.get().get())?.call_method("__dlpack__", (), options)
    }

    /// A DLPack capsule, which shares the memory.
    fn to_dlpack_for_read<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        NDArray::__dlpack__(slf, None)
    }

    /// A DLPack capsule, which shares the memory.
    fn to_dlpack_for_write<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        NDArray::__dlpack__(slf, None)
    }

    /// For DLPack: the processor.
    fn __dlpack_device__(&self) -> (i32, i32) {
        (1, 0)
    }
}
