//! Arguments of operations.

use gluonic::{Dims, NdArray, Shape};
use pyo3::exceptions::{PyAssertionError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::is_np_shape;
use crate::array::{Dialect, NDArray};
use crate::errors::MXNetError;

/// The sizes of an array as an argument: a number, or several.
#[derive(Clone, Debug)]
pub(crate) struct DimsArg(pub(crate) Dims);

impl<'py> FromPyObject<'_, 'py> for DimsArg {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(one) = object.extract::<usize>() {
            return Ok(DimsArg(Dims::from(one)));
        }
        let sizes = object.extract::<Vec<i64>>().or_else(|_| {
            object.extract::<i64>().map(|one| vec![one]).map_err(|_| {
                let found = object.str().map(|text| text.to_string()).unwrap_or_default();
                MXNetError::new_err(format!(
                    "MXNetError: Invalid Parameter format for shape expect Shape(tuple) but \
                     value='{found}'"
                ))
            })
        })?;
        let sizes = sizes.into_iter().map(|size| {
            usize::try_from(size).map_err(|_| {
                MXNetError::new_err(format!("a size cannot be negative, found {size}"))
            })
        });
        Ok(DimsArg(Dims::from(sizes.collect::<PyResult<Vec<_>>>()?)))
    }
}

/// A shape as an argument: a number, or several, of which some may be unknown.
#[derive(Clone, Debug)]
pub(crate) struct ShapeArg(pub(crate) Shape);

impl<'py> FromPyObject<'_, 'py> for ShapeArg {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let sizes = match object.extract::<i64>() {
            Ok(one) => vec![one],
            Err(_) => object.extract::<Vec<i64>>().map_err(|_| {
                let found = object.get_type();
                PyTypeError::new_err(format!("expected a shape, found {found}"))
            })?,
        };
        // Under NumPy's semantics 0 is a size and -1 is unknown; before, 0 is unknown.
        let size = |size: i64| match (size, is_np_shape()) {
            (-1, true) | (0, false) => Ok(None),
            (0.., _) => Ok(Some(size as usize)),
            _ => Err(PyAssertionError::new_err(format!(
                "shape dimension size cannot be less than 0, while received {size}"
            ))),
        };
        let sizes: PyResult<Vec<Option<usize>>> = sizes.into_iter().map(size).collect();
        Ok(ShapeArg(Shape::from(sizes?)))
    }
}

/// A shape as a tuple, with `unknown` for sizes that are not known.
pub(crate) fn shape_to_py<'py>(
    py: Python<'py>,
    shape: &Shape,
    unknown: i64,
) -> PyResult<Bound<'py, PyTuple>> {
    PyTuple::new(py, shape.iter().map(|size| size.map_or(unknown, |size| size as i64)))
}

/// Numbers of axes, or the like: one, or several.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbers(pub(super) Vec<isize>);

impl<'py> FromPyObject<'_, 'py> for Numbers {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        match object.extract::<isize>() {
            Ok(one) => Ok(Numbers(vec![one])),
            Err(_) => Ok(Numbers(object.extract::<Vec<isize>>()?)),
        }
    }
}

/// Sizes of windows, steps and the like, of which none may be negative.
#[derive(Clone, Debug, Default)]
pub(super) struct Sizes(pub(super) Vec<usize>);

impl<'py> FromPyObject<'_, 'py> for Sizes {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        DimsArg::extract(object).map(|dims| Sizes(dims.0.to_vec()))
    }
}

impl Sizes {
    /// The sizes, or this one if there are none.
    pub(super) fn or(&self, default: usize) -> Dims {
        if self.0.is_empty() { Dims::from(default) } else { Dims::from(self.0.clone()) }
    }
}

/// How many parts an axis has, if the array has that axis.
pub(super) fn size_of(x: &NdArray, axis: isize) -> Option<usize> {
    let axis = if axis < 0 { axis + x.rank() as isize } else { axis };
    usize::try_from(axis).ok().and_then(|axis| x.dims().get(axis).copied())
}

/// A number that cannot be negative; where it is, an error in MXNet's words.
pub(super) fn count(n: i64, words: impl FnOnce() -> String) -> PyResult<usize> {
    usize::try_from(n).map_err(|_| MXNetError::new_err(format!("MXNetError: {}", words())))
}

fn array_called(object: &Bound<'_, PyAny>, name: &str) -> PyResult<NdArray> {
    match object.cast::<NDArray>() {
        Ok(array) => Ok(array.get().get()),
        Err(_) if object.is_none() => Err(MXNetError::new_err(format!(
            "MXNetError: Check failed: num_inputs == infered_num_inputs: {name} is missing"
        ))),
        Err(_) => Err(PyAssertionError::new_err(format!(
            "Argument {name} must have NDArray type, but got {}",
            object.str()?
        ))),
    }
}

macro_rules! arrays {
    ($($(#[$doc:meta])* $type:ident $name:literal $($dialect:ident)?;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub(super) struct $type {
            pub(super) array: NdArray,
            $(pub(super) $dialect: Dialect,)?
        }

        impl<'py> FromPyObject<'_, 'py> for $type {
            type Error = PyErr;

            fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
                let array = array_called(&object, $name)?;
                Ok($type { array, $($dialect: Dialect::of(&object),)? })
            }
        }
    )*};
}

arrays! {
    /// An array that MXNet calls `data`.
    Data "data" dialect;
    /// The left one of two arrays.
    Lhs "lhs" dialect;
    /// The right one of two arrays.
    Rhs "rhs";
    /// An array of positions.
    Indices "indices";
    /// An array of a layer.
    Weight "weight";
}

/// An array or a number.
#[derive(Clone, Debug)]
pub(super) enum Operand {
    Array(NdArray, Dialect),
    Number(f64),
}

impl<'py> FromPyObject<'_, 'py> for Operand {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(array) = object.cast::<NDArray>() {
            return Ok(Operand::Array(array.get().get(), Dialect::of(&object)));
        }
        object
            .extract::<f64>()
            .map(Operand::Number)
            .map_err(|_| PyTypeError::new_err(format!("type {} not supported", object.get_type())))
    }
}
