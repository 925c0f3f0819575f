//! Arrays from Python's objects and to NumPy.

use gluonic::array::Scalar;
use gluonic::{DType, Element, NdArray};
use half::f16;
use numpy::{PyArrayDyn, PyArrayMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyString;

use super::{Dialect, NDArray, wrap};
use crate::context::ContextArg;
use crate::dtype::DTypeArg;
use crate::errors::OrRaise;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(array, module)?)?;
    module.add_function(wrap_pyfunction!(full, module)?)
}

/// An array of the values of an object: numbers, nested lists, a NumPy array, another array.
#[pyfunction]
#[pyo3(signature = (source, dtype = None, ctx = None, np = false))]
fn array<'py>(
    py: Python<'py>,
    source: &Bound<'py, PyAny>,
    dtype: Option<DTypeArg>,
    ctx: Option<ContextArg>,
    np: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let dtype = dtype.map(|dtype| dtype.0);
    let is_array = np && source.cast::<PyUntypedArray>().is_ok();
    let is_array = is_array || source.cast::<NDArray>().is_ok();
    // `mx.nd` makes `float32` of all else, `mx.np` keeps the type of a NumPy array.
    let dtype = dtype.or(if is_array { None } else { Some(DType::F32) });
    let make = || from_object(source, dtype);
    let array = match ctx {
        Some(ctx) => gluonic::context::with(ctx.0, make)?,
        None => make()?,
    };
    if np {
        return wrap(py, array, Dialect::Np);
    }
    // One of rank 0 is what `nd.array(3)` gives; what is computed from it has rank 1.
    Ok(Bound::new(py, NDArray::from(array))?.into_any())
}

/// An array of one value.
#[pyfunction]
#[pyo3(signature = (shape, value, dtype, ctx = None, np = false))]
fn full<'py>(
    py: Python<'py>,
    shape: crate::ops::DimsArg,
    value: f64,
    dtype: DTypeArg,
    ctx: Option<ContextArg>,
    np: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let value = low_bits(value.into(), dtype.0);
    let make = || py.detach(|| NdArray::full(shape.0, value, dtype.0));
    let array = match ctx {
        Some(ctx) => gluonic::context::with(ctx.0, make),
        None => make(),
    };
    wrap(py, array.or_raise(py)?, if np { Dialect::Np } else { Dialect::Nd })
}

/// A new array of an object's values. Without an element type: that of an array, `float32` for
/// anything else.
pub(crate) fn from_object(source: &Bound<'_, PyAny>, dtype: Option<DType>) -> PyResult<NdArray> {
    let py = source.py();
    if let Ok(array) = source.cast::<NDArray>() {
        let array = array.get().get();
        let copy = converted(&array, dtype.unwrap_or(array.dtype())).or_raise(py)?;
        return Ok(copy.detach());
    }
    static ASARRAY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let asarray = ASARRAY
        .get_or_try_init(py, || Ok::<_, PyErr>(py.import("numpy")?.getattr("asarray")?.unbind()))?;
    let is_array = source.cast::<PyUntypedArray>().is_ok();
    if !is_array && (source.is_none() || source.is_instance_of::<PyString>()) {
        return Err(PyTypeError::new_err(NO_ARRAY));
    }
    let values = asarray.bind(py).call1((source,))?;
    let values = values.cast::<PyUntypedArray>()?;
    let array = from_numpy(values)?;
    let wanted = match dtype {
        Some(dtype) => dtype,
        None if is_array => array.dtype(),
        None => DType::F32,
    };
    if array.dtype() == wanted { Ok(array) } else { converted(&array, wanted).or_raise(py) }
}

/// A copy in another element type, as C++ converts on today's processors and MXNet with it: of a
/// number that a small integer cannot hold, its lowest bits. Rust would take the nearest.
pub(crate) fn converted(array: &NdArray, dtype: DType) -> gluonic::Result<NdArray> {
    let is_small = matches!(dtype, DType::I8 | DType::U8 | DType::I16 | DType::U16);
    if is_small && array.dtype().is_float() {
        return array.cast(DType::I32)?.cast(dtype);
    }
    array.cast(dtype)
}

/// As [`converted`], of a number.
#[allow(clippy::cast_possible_truncation, reason = "the low bits are what is asked for")]
pub(crate) fn low_bits(value: Scalar, dtype: DType) -> Scalar {
    let whole = match value {
        Scalar::Float(value) => i128::from(value as i32),
        Scalar::Int(value) => value,
        Scalar::Bool(_) => return value,
    };
    Scalar::Int(match dtype {
        DType::I8 => (whole as i8).into(),
        DType::U8 => (whole as u8).into(),
        DType::I16 => (whole as i16).into(),
        DType::U16 => (whole as u16).into(),
        _ => return value,
    })
}

const NO_ARRAY: &str = "source_array must be array like object";

/// The places that lists or a NumPy array hold, in whatever type they come.
pub(super) fn indices_of(source: &Bound<'_, PyAny>) -> PyResult<NdArray> {
    let asarray = source.py().import("numpy")?.getattr("asarray")?;
    let values = asarray.call1((source,)).map_err(|_| PyTypeError::new_err(NO_ARRAY))?;
    let values = values.cast::<PyUntypedArray>()?;
    // NumPy takes an empty list for one of floats, which is as good.
    from_numpy(values).map_err(|_| PyTypeError::new_err(NO_ARRAY))
}

/// A copy of a NumPy array.
fn from_numpy(values: &Bound<'_, PyUntypedArray>) -> PyResult<NdArray> {
    macro_rules! try_each {
        ($($t:ty),*) => {$(
            if let Ok(values) = values.cast::<PyArrayDyn<$t>>() {
                return copied::<$t>(values);
            }
        )*};
    }
    try_each!(f32, f64, i64, i32, u8, bool, f16, i8, i16, u16, u32, u64);
    let dtype = values.dtype();
    if !dtype.getattr("isnative")?.extract::<bool>()? {
        // Another machine's byte order.
        let native = dtype.call_method1("newbyteorder", ("=",))?;
        return from_numpy(values.call_method1("astype", (native,))?.cast()?);
    }
    Err(PyTypeError::new_err(format!(
        "cannot make an array of elements of type {}\nconvert it with astype first",
        values.dtype()
    )))
}

fn copied<T: Element + numpy::Element>(values: &Bound<'_, PyArrayDyn<T>>) -> PyResult<NdArray> {
    let dims = values.shape().to_vec();
    NdArray::from_vec(values.to_vec_in_order()?, &dims[..]).or_raise(values.py())
}

/// The elements in row-major order, whatever the strides.
trait InOrder<T> {
    fn to_vec_in_order(&self) -> PyResult<Vec<T>>;
}

impl<T: Element + numpy::Element> InOrder<T> for Bound<'_, PyArrayDyn<T>> {
    fn to_vec_in_order(&self) -> PyResult<Vec<T>> {
        let readonly = self.readonly();
        Ok(match readonly.as_slice() {
            Ok(values) if self.is_c_contiguous() => values.to_vec(),
            _ => readonly.as_array().iter().copied().collect(),
        })
    }
}

/// A copy as a NumPy array. NumPy has no bfloat16: its values come as `float32`.
pub(crate) fn to_numpy<'py>(py: Python<'py>, array: &NdArray) -> PyResult<Bound<'py, PyAny>> {
    macro_rules! copy_of {
        ($($dtype:ident => $t:ty),*) => {
            match array.dtype() {
                $(DType::$dtype => numpy_of(py, array, array.to_vec::<$t>().or_raise(py)?),)*
                DType::BF16 => to_numpy(py, &array.detach().cast(DType::F32).or_raise(py)?),
                other => Err(PyTypeError::new_err(format!("NumPy has no {other}"))),
            }
        };
    }
    copy_of!(F32 => f32, F64 => f64, F16 => f16, I8 => i8, I16 => i16, I32 => i32, I64 => i64,
             U8 => u8, U16 => u16, U32 => u32, U64 => u64, Bool => bool)
}

fn numpy_of<'py, T: numpy::Element>(
    py: Python<'py>,
    array: &NdArray,
    values: Vec<T>,
) -> PyResult<Bound<'py, PyAny>> {
    let flat = numpy::PyArray1::from_vec(py, values);
    Ok(flat.reshape(array.dims().to_vec())?.into_any())
}
