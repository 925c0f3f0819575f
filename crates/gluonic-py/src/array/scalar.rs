//! Arrays of one element as numbers, and arrays as what Python iterates over.

use std::sync::atomic::{AtomicUsize, Ordering};

use gluonic::NdArray;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use super::{Dialect, NDArray, NpArray, to_numpy, wrap};
use crate::errors::OrRaise;

const AMBIGUOUS: &str = "The truth value of an NDArray with multiple elements is ambiguous.";

/// The rows of an array, one after another.
#[pyclass(frozen, name = "_Rows")]
#[derive(Debug)]
struct Rows {
    array: NdArray,
    dialect: Dialect,
    next: AtomicUsize,
}

#[pymethods]
impl Rows {
    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let n = self.array.dims().first().copied().unwrap_or(0);
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        if next >= n {
            return Ok(None);
        }
        wrap(py, self.array.row(next as isize).or_raise(py)?, self.dialect).map(Some)
    }
}

#[pymethods]
impl NDArray {
    fn __len__(&self) -> PyResult<usize> {
        let array = self.get();
        array.dims().first().copied().ok_or_else(|| PyTypeError::new_err("len() of unsized object"))
    }

    fn __iter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let (array, dialect) = (slf.get().get(), Dialect::of(slf));
        Ok(Bound::new(slf.py(), Rows { array, dialect, next: AtomicUsize::new(0) })?.into_any())
    }

    fn __reversed__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let (py, dialect) = (slf.py(), Dialect::of(slf));
        let array = slf.get().get().flip(&[0]).or_raise(py)?;
        Ok(Bound::new(py, Rows { array, dialect, next: AtomicUsize::new(0) })?.into_any())
    }

    fn __contains__(slf: &Bound<'_, Self>, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        if slf.get().get().rank() > 1 {
            return Err(PyValueError::new_err(AMBIGUOUS));
        }
        let equal = slf.as_any().eq_array(value)?;
        Ok(equal.to_f64_vec().or_raise(slf.py())?.contains(&1.0))
    }

    fn __bool__(slf: &Bound<'_, Self>) -> PyResult<bool> {
        let array = slf.get().get();
        match array.elem_count() {
            0 => Ok(false),
            1 => Ok(array.to_f64_vec().or_raise(slf.py())?[0] != 0.0),
            _ => Err(PyValueError::new_err(match Dialect::of(slf) {
                Dialect::Nd => AMBIGUOUS,
                Dialect::Np => "The truth value of an ndarray with multiple elements is ambiguous.",
            })),
        }
    }

    /// The only element, as NumPy's number; of an array with more than one axis, NumPy's array.
    fn asscalar<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let array = self.get();
        if array.elem_count() != 1 {
            return Err(PyValueError::new_err("The current array is not a scalar"));
        }
        if array.rank() > 1 {
            return to_numpy(py, &array.detach());
        }
        to_numpy(py, &array.detach().reshape(1).or_raise(py)?)?.get_item(0)
    }
}

/// `==` by Python, as an array.
trait EqArray {
    fn eq_array(&self, value: &Bound<'_, PyAny>) -> PyResult<NdArray>;
}

impl EqArray for Bound<'_, PyAny> {
    fn eq_array(&self, value: &Bound<'_, PyAny>) -> PyResult<NdArray> {
        let equal = self.rich_compare(value, pyo3::basic::CompareOp::Eq)?;
        Ok(equal.cast::<NDArray>()?.get().get())
    }
}

/// The only element, as Python's number.
fn only<'py>(slf: &Bound<'py, NpArray>) -> PyResult<Bound<'py, PyAny>> {
    let (py, array) = (slf.py(), slf.as_super().get().get());
    if array.elem_count() != 1 {
        return Err(PyTypeError::new_err("only size-1 arrays can be converted to Python scalars"));
    }
    to_numpy(py, &array)?.call_method0("item")
}

// Numbers are what arrays of `mx.np` can be; those of `mx.nd` have `asscalar`.
#[pymethods]
impl NpArray {
    /// An element as Python's number: the only one, or the one at a place.
    #[pyo3(signature = (*args))]
    fn item<'py>(
        slf: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
    ) -> PyResult<Bound<'py, PyAny>> {
        to_numpy(slf.py(), &slf.as_super().get().get())?.call_method1("item", args)
    }

    /// The elements as nested lists of Python's numbers.
    fn tolist<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        to_numpy(slf.py(), &slf.as_super().get().get())?.call_method0("tolist")
    }

    fn __float__(slf: &Bound<'_, Self>) -> PyResult<f64> {
        only(slf)?.extract()
    }

    fn __int__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let int = slf.py().get_type::<pyo3::types::PyInt>();
        int.call1((only(slf)?,))
    }

    fn __complex__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let complex = slf.py().get_type::<pyo3::types::PyComplex>();
        complex.call1((only(slf)?,))
    }

    fn __format__<'py>(
        slf: &Bound<'py, Self>,
        spec: &Bound<'py, PyString>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if slf.as_super().get().get().rank() == 0 {
            return only(slf)?.call_method1("__format__", (spec,));
        }
        slf.str()?.call_method1("__format__", (spec,))
    }
}
