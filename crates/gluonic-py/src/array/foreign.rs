//! NumPy's memory as an array's: the one place of this crate that holds `unsafe`.
#![allow(unsafe_code, reason = "hands NumPy's memory to gluonic; proof below")]

use gluonic::{DType, NdArray};
use numpy::{
    PyArrayDescrMethods, PyArrayDyn, PyArrayMethods, PyUntypedArray, PyUntypedArrayMethods,
};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

use crate::errors::OrRaise;

/// An array on the memory of a NumPy array. Edits by either side are seen by the other, and the
/// NumPy array lives as long as the memory is in use.
pub(super) fn shared(values: &Bound<'_, PyUntypedArray>) -> PyResult<NdArray> {
    macro_rules! try_each {
        ($($dtype:ident $t:ty),*) => {$(
            if let Ok(values) = values.cast::<PyArrayDyn<$t>>() {
                return shared_as(values, DType::$dtype);
            }
        )*};
    }
    try_each!(
        F32 f32, F64 f64, F16 half::f16, I8 i8, I16 i16, I32 i32, I64 i64, U8 u8, U16 u16,
        U32 u32, U64 u64, Bool bool
    );
    Err(PyTypeError::new_err(format!("cannot share elements of type {}", values.dtype())))
}

fn shared_as<T: numpy::Element + 'static>(
    values: &Bound<'_, PyArrayDyn<T>>,
    dtype: DType,
) -> PyResult<NdArray> {
    let (py, size) = (values.py(), dtype.size() as isize);
    let writable: bool = values.getattr("flags")?.getattr("writeable")?.extract()?;
    if !writable || values.strides().iter().any(|stride| stride % size != 0) {
        let text = "only writable memory that lies as elements must can be shared\ncopy it";
        return Err(PyValueError::new_err(text));
    }
    debug_assert_eq!(values.dtype().itemsize(), dtype.size());
    let strides: Vec<isize> = values.strides().iter().map(|stride| stride / size).collect();
    let (address, owner) = (values.data().cast::<u8>(), Box::new(values.clone().unbind()));
    // SAFETY: address, sizes and strides are NumPy's own for an array of this element type, which
    // is NumPy's by the cast that led here; so all elements that they reach, and what lies between
    // them, are in the one block of memory that the NumPy array keeps alive, initialized, in the
    // machine's byte order (another is another type to the cast) and, as was asked, writable.
    // The owner is a count on the array: NumPy moves no data of an array that is counted elsewhere
    // (`resize` refuses). A boolean of NumPy is a byte 0 or 1. That nobody writes while Rust code
    // reads or writes is what NumPy asks of all who share an array between threads: its own
    // operations hold the GIL or are the user's to order, as are ours.
    let array = unsafe { NdArray::from_foreign(address, dtype, values.shape(), &strides, owner) };
    array.or_raise(py)
}
