//! `NDArray` of `mx.nd`, and `ndarray` of `mx.np`: two classes, one array.
//!
//! They differ in dialect only, and the class carries it: what is computed from an `ndarray` is one.

mod arithmetic;
mod bits;
mod compare;
mod convert;
mod copies;
mod edit;
mod foreign;
mod in_place;
mod index;
mod operand;
mod operator;
mod scalar;
mod share;

use std::sync::{PoisonError, RwLock};

use gluonic::autograd::{Backward, GradReq};
use pyo3::exceptions::{PyKeyError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

pub(crate) use convert::{converted, from_object, low_bits, to_numpy};

use crate::dtype::scalar_type;
use crate::errors::OrRaise;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<NDArray>()?;
    module.add_class::<NpArray>()?;
    convert::register(module)?;
    copies::register(module)?;
    share::register(module)
}

/// Which of MXNet's two array modules an array speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `mx.nd`: no array of rank 0, comparisons give numbers.
    Nd,
    /// `mx.np`: as NumPy.
    Np,
}

impl Dialect {
    /// That of an object, if it is an array.
    pub(crate) fn of(object: &Bound<'_, PyAny>) -> Dialect {
        if object.is_instance_of::<NpArray>() { Dialect::Np } else { Dialect::Nd }
    }
}

/// An n-dimensional array of `mx.nd`: a handle on shared memory. An edit through one handle or view
/// is seen through all.
#[pyclass(subclass, frozen, weakref, name = "NDArray", module = "gluonic.ndarray")]
#[derive(Debug)]
pub(crate) struct NDArray {
    /// Replaced by `attach_grad`, and by what is done in place under `record`.
    array: RwLock<gluonic::NdArray>,
}

/// An n-dimensional array of `mx.np`: as `NDArray`, with NumPy's rules for shapes and types.
#[pyclass(extends = NDArray, subclass, frozen, name = "ndarray", module = "gluonic.numpy")]
#[derive(Debug)]
pub(crate) struct NpArray;

impl From<gluonic::NdArray> for NDArray {
    fn from(array: gluonic::NdArray) -> Self {
        NDArray { array: RwLock::new(array) }
    }
}

impl NDArray {
    /// The array: a handle, no copy.
    #[inline]
    pub(crate) fn get(&self) -> gluonic::NdArray {
        self.array.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the object is this handle, alike in every respect.
    pub(crate) fn is_handle_of(&self, array: &gluonic::NdArray) -> bool {
        self.array.read().unwrap_or_else(PoisonError::into_inner).same_handle(array)
    }

    /// Makes the object a handle on another array.
    pub(crate) fn put(&self, array: gluonic::NdArray) {
        *self.array.write().unwrap_or_else(PoisonError::into_inner) = array;
    }

    /// Writes a result into the memory of `array`, and goes on with its history.
    pub(crate) fn adopt(
        &self,
        py: Python<'_>,
        array: &gluonic::NdArray,
        result: &gluonic::NdArray,
    ) -> PyResult<()> {
        self.put(array.adopt(result).or_raise(py)?);
        Ok(())
    }
}

/// An array as Python's object in a dialect. `mx.nd` has no arrays of rank 0: there it is `(1,)`.
pub(crate) fn wrap<'py>(
    py: Python<'py>,
    array: gluonic::NdArray,
    dialect: Dialect,
) -> PyResult<Bound<'py, PyAny>> {
    match dialect {
        Dialect::Nd if array.rank() == 0 => {
            Ok(Bound::new(py, NDArray::from(array.reshape(1).or_raise(py)?))?.into_any())
        }
        Dialect::Nd => Ok(Bound::new(py, NDArray::from(array))?.into_any()),
        Dialect::Np => {
            let class = PyClassInitializer::from(NDArray::from(array)).add_subclass(NpArray);
            Ok(Bound::new(py, class)?.into_any())
        }
    }
}

/// Arrays as a list of Python's objects in a dialect.
pub(crate) fn list_to_py(
    py: Python<'_>,
    arrays: impl IntoIterator<Item = gluonic::NdArray>,
    dialect: Dialect,
) -> PyResult<Bound<'_, PyList>> {
    let arrays: PyResult<Vec<_>> =
        arrays.into_iter().map(|array| wrap(py, array, dialect)).collect();
    PyList::new(py, arrays?)
}

/// An array as an argument: an `NDArray` or `ndarray`, nothing else.
#[derive(Clone, Debug)]
pub(crate) struct ArrayArg {
    pub(crate) array: gluonic::NdArray,
    #[allow(dead_code, reason = "whoever takes an array may ask")]
    pub(crate) dialect: Dialect,
}

impl<'py> FromPyObject<'_, 'py> for ArrayArg {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        match object.cast::<NDArray>() {
            Ok(array) => Ok(ArrayArg { array: array.get().get(), dialect: Dialect::of(&object) }),
            Err(_) => Err(PyTypeError::new_err(format!(
                "expected an NDArray, found {}\nmake one with nd.array",
                object.get_type()
            ))),
        }
    }
}

#[pymethods]
impl NDArray {
    /// The sizes.
    #[getter]
    fn shape<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.get().dims().iter())
    }

    /// The number of axes.
    #[getter]
    fn ndim(&self) -> usize {
        self.get().rank()
    }

    /// The number of elements.
    #[getter]
    fn size(&self) -> usize {
        self.get().elem_count()
    }

    /// The type of the elements: NumPy's type of scalars, in `mx.np` NumPy's `dtype`.
    #[getter]
    fn dtype<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let (py, dtype) = (slf.py(), slf.get().get().dtype());
        let scalar = scalar_type(py, dtype)?;
        if Dialect::of(slf) == Dialect::Nd || dtype == gluonic::DType::BF16 {
            return Ok(scalar);
        }
        py.import("numpy")?.getattr("dtype")?.call1((scalar,))
    }

    /// The way it is stored: always `'default'`.
    #[getter]
    fn stype(&self) -> &'static str {
        "default"
    }

    /// The gradient that the last backward left, if `attach_grad` was called.
    #[getter]
    fn grad<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match slf.get().get().grad() {
            Ok(grad) => wrap(slf.py(), grad, Dialect::of(slf)).map(Some),
            Err(gluonic::Error::NoGrad { .. }) => Ok(None),
            Err(error) => Err(crate::errors::to_py(slf.py(), error)),
        }
    }

    /// Lets backward write a gradient with respect to this array. What it was computed from is
    /// forgotten.
    #[pyo3(signature = (grad_req = "write", stype = None))]
    fn attach_grad(&self, py: Python<'_>, grad_req: &str, stype: Option<&str>) -> PyResult<()> {
        let _ = stype;
        let req = grad_req_of(grad_req).map_err(|_| PyKeyError::new_err(grad_req.to_owned()))?;
        let array = self.get();
        let leaf = match array.attach_grad(req) {
            // A part of other memory: it gets its own.
            Err(gluonic::Error::NotWhole { .. }) => {
                array.deep_clone().and_then(|copy| copy.attach_grad(req))
            }
            leaf => leaf,
        };
        self.put(leaf.or_raise(py)?);
        Ok(())
    }

    /// Computes the gradients of everything that this array was computed from.
    #[pyo3(signature = (out_grad = None, retain_graph = false, train_mode = true))]
    fn backward(
        &self,
        py: Python<'_>,
        out_grad: Option<ArrayArg>,
        retain_graph: bool,
        train_mode: bool,
    ) -> PyResult<()> {
        let _ = train_mode;
        let array = self.get();
        let mut backward = Backward::new().retain_graph(retain_graph);
        if let Some(head) = out_grad {
            backward = backward.head(&head.array);
        }
        py.detach(|| backward.run(&[&array])).or_raise(py)
    }

    /// The same value, without what it was computed from.
    fn detach<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        wrap(slf.py(), slf.get().get().detach(), Dialect::of(slf))
    }

    /// The values as a NumPy array: a copy.
    fn asnumpy<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        to_numpy(slf.py(), &slf.get().get())
    }

    /// Waits until the value is computed: it always is.
    fn wait_to_read(&self) {}

    /// The array in the dialect of `mx.nd`; shares the memory.
    fn as_nd_ndarray<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        wrap(slf.py(), slf.get().get(), Dialect::Nd)
    }

    /// The array in the dialect of `mx.np`; shares the memory.
    fn as_np_ndarray<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        if Dialect::of(slf) == Dialect::Np {
            return Ok(slf.clone().into_any());
        }
        wrap(slf.py(), slf.get().get(), Dialect::Np)
    }

    fn __str__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("gluonic._show")?.getattr("array_str")?.call1((slf,))
    }

    fn __repr__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("gluonic._show")?.getattr("array_repr")?.call1((slf,))
    }
}

/// What a word for `grad_req` means.
pub(crate) fn grad_req_of(word: &str) -> PyResult<GradReq> {
    match word {
        "write" => Ok(GradReq::Write),
        "add" => Ok(GradReq::Add),
        "null" => Ok(GradReq::Null),
        _ => Err(pyo3::exceptions::PyAssertionError::new_err(format!(
            "grad_req must be one of 'write', 'add', or 'null', but got '{word}'"
        ))),
    }
}
