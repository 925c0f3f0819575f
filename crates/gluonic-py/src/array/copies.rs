//! Copies: in another element type, on another context, into another array, by Python's own means.

use gluonic::NdArray;
use numpy::PyUntypedArray;
use pyo3::exceptions::{PyNotImplementedError, PyTypeError, PyValueError};
use pyo3::prelude::*;

use super::{Dialect, NDArray, converted, from_object, to_numpy, wrap};
use crate::context::{self, ContextArg};
use crate::dtype::DTypeArg;
use crate::errors::{MXNetError, OrRaise, bracketed};

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(_unpickled, module)?)
}

/// What a pickle of an array calls.
#[pyfunction]
fn _unpickled<'py>(
    py: Python<'py>,
    values: &Bound<'py, PyUntypedArray>,
    dtype: DTypeArg,
    ctx: u16,
    np: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let make = || from_object(values.as_any(), Some(dtype.0));
    let array = gluonic::context::with(gluonic::Context::cpu(ctx), make)?;
    wrap(py, array, if np { Dialect::Np } else { Dialect::Nd })
}

/// A copy that the graph sees.
fn copied(py: Python<'_>, array: &NdArray) -> PyResult<NdArray> {
    py.detach(|| array.cast(array.dtype())).or_raise(py)
}

#[pymethods]
impl NDArray {
    /// A copy in memory of its own.
    fn copy<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        wrap(slf.py(), copied(slf.py(), &slf.get().get())?, Dialect::of(slf))
    }

    fn __copy__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        wrap(slf.py(), copied(slf.py(), &slf.get().get().detach())?, Dialect::of(slf))
    }

    fn __deepcopy__<'py>(
        slf: &Bound<'py, Self>,
        _memo: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        NDArray::__copy__(slf)
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let (py, array) = (slf.py(), slf.get().get().detach());
        let values = to_numpy(py, &array)?;
        let np = Dialect::of(slf) == Dialect::Np;
        let args = (values, array.dtype().name(), array.context().number(), np);
        let make = py.import("gluonic._gluonic")?.getattr("_unpickled")?;
        Ok((make, args).into_pyobject(py)?.into_any())
    }

    /// The same values in another element type.
    #[pyo3(signature = (dtype, copy = true, **_options))]
    fn astype<'py>(
        slf: &Bound<'py, Self>,
        dtype: DTypeArg,
        copy: bool,
        _options: Option<&Bound<'py, pyo3::types::PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let array = slf.get().get();
        if !copy && array.dtype() == dtype.0 {
            return Ok(slf.clone().into_any());
        }
        let cast = slf.py().detach(|| converted(&array, dtype.0)).or_raise(slf.py())?;
        wrap(slf.py(), cast, Dialect::of(slf))
    }

    /// Copies the values into another array, which is returned, or into a new one on a context.
    fn copyto<'py>(
        slf: &Bound<'py, Self>,
        other: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (py, array) = (slf.py(), slf.get().get());
        if other.is(slf) {
            let text = c"You are attempting to copy an array to itself";
            PyErr::warn(py, &py.get_type::<pyo3::exceptions::PyRuntimeWarning>(), text, 1)?;
            return Ok(pyo3::types::PyBool::new(py, false).to_owned().into_any());
        }
        let Ok(target) = other.cast::<NDArray>() else {
            if !other.hasattr("device_type")? {
                let found = other.get_type();
                let text = format!("copyto does not support type {found}");
                return Err(PyTypeError::new_err(text));
            }
            let to: ContextArg = other.extract()?;
            let copy = copied(py, &array)?.to_context(to.0).or_raise(py)?;
            return wrap(py, copy, Dialect::of(slf));
        };
        let to = target.get().get();
        if to.dims() != array.dims() {
            return Err(MXNetError::new_err(format!(
                "MXNetError: Check failed: assign(&dattr, vec.at(i)): Incompatible attr in node  \
                 at 0-th output: expected {}, got {}\nreshape one of them first",
                bracketed(&array.dims().into()),
                bracketed(&to.dims().into())
            )));
        }
        if gluonic::autograd::is_recording() && array.needs_grad() && !to.is_leaf() {
            let copy = array.cast(to.dtype()).or_raise(py)?;
            target.get().adopt(py, &to, &copy)?;
        } else {
            let is_other = array.dtype() != to.dtype() && !to.dtype().is_float();
            py.detach(|| {
                let array = if is_other { converted(&array, to.dtype())? } else { array };
                to.assign(&array)
            })
            .or_raise(py)?;
        }
        Ok(other.clone())
    }

    /// The array on a context: itself if it is there, else a copy.
    fn as_in_context<'py>(
        slf: &Bound<'py, Self>,
        context: ContextArg,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (py, array) = (slf.py(), slf.get().get());
        if array.context() == context.0 {
            return Ok(slf.clone().into_any());
        }
        wrap(py, array.to_context(context.0).or_raise(py)?, Dialect::of(slf))
    }

    /// The same as `as_in_context`.
    fn as_in_ctx<'py>(slf: &Bound<'py, Self>, ctx: ContextArg) -> PyResult<Bound<'py, PyAny>> {
        NDArray::as_in_context(slf, ctx)
    }

    /// Where the array is.
    #[getter]
    fn context<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        context::to_py(slf.py(), slf.get().get().context())
    }

    /// Where the array is.
    #[getter]
    fn ctx<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        NDArray::context(slf)
    }

    /// Where the array is.
    #[getter]
    fn device<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        NDArray::context(slf)
    }

    /// A copy in a kind of storage, of which there is one: `'default'`.
    fn tostype<'py>(slf: &Bound<'py, Self>, stype: &str) -> PyResult<Bound<'py, PyAny>> {
        match stype {
            "default" => NDArray::copy(slf),
            "csr" if slf.get().get().rank() != 2 => Err(PyValueError::new_err(format!(
                "To convert to a CSR, the NDArray should be 2 Dimensional. Current shape is {}",
                NDArray::shape(slf.get(), slf.py())?
            ))),
            "csr" | "row_sparse" => Err(PyNotImplementedError::new_err(format!(
                "gluonic has no arrays of storage type '{stype}'\nuse the dense array"
            ))),
            _ => Err(MXNetError::new_err(format!(
                "MXNetError: Invalid Input: '{stype}', valid values are: {{'csr', 'default', \
                 'row_sparse'}}, in operator cast_storage(name=\"\", stype=\"{stype}\")"
            ))),
        }
    }

    /// The array with its axes in reverse order: a copy.
    #[getter(T)]
    fn transposed<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let (py, array) = (slf.py(), slf.get().get());
        let transposed = array.transpose().or_raise(py)?;
        wrap(py, copied(py, &transposed)?, Dialect::of(slf))
    }
}
