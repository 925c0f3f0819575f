//! Shapes and element types in MXNet's words.

use gluonic::{DType, Shape};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::MXNetError;
use crate::array::Dialect;

/// An array that cannot take other sizes: each dialect of MXNet says it in its own way.
pub(crate) fn unreshaped(dialect: Dialect, found: usize, wanted: usize, shape: &Shape) -> PyErr {
    match dialect {
        Dialect::Np => MXNetError::new_err(format!(
            "MXNetError: Check failed: src.Size() == dst->Size() ({found} vs. {wanted}) : Cannot \
             reshape array of size {found} into shape {}",
            bracketed(shape)
        )),
        Dialect::Nd if found < wanted => MXNetError::new_err(format!(
            "NDArray.Reshape: Check failed: shape_.Size() >= shape.Size() ({found} vs. {wanted}) : \
             target shape size is larger than the current shape"
        )),
        Dialect::Nd => PyValueError::new_err(format!(
            "Cannot reshape array of size {found} into shape {}",
            shape_text(shape)
        )),
    }
}

/// The number that MXNet knows an element type by.
pub(super) fn type_number(dtype: DType) -> Option<u8> {
    Some(match dtype {
        DType::F32 => 0,
        DType::F64 => 1,
        DType::F16 => 2,
        DType::U8 => 3,
        DType::I32 => 4,
        DType::I8 => 5,
        DType::I64 => 6,
        DType::Bool => 7,
        _ => return None,
    })
}

/// A shape of a parameter as MXNet prints it: sizes that are not known are 0, where 0 is a size -1.
pub(crate) fn known_text(shape: &Shape) -> String {
    shape.to_string().replace('?', unknown_size())
}

pub(super) fn unknown_size() -> &'static str {
    if crate::ops::is_np_shape() { "-1" } else { "0" }
}

/// A shape as MXNet prints it: sizes that are not known are 0.
pub(crate) fn shape_text(shape: &Shape) -> String {
    shape.to_string().replace('?', "0")
}

/// The number of elements of a shape.
pub(crate) fn count(shape: &Shape) -> usize {
    shape.iter().map(|size| size.unwrap_or(0)).fold(1, usize::saturating_mul)
}

/// A shape as MXNet's C++ prints it.
pub(crate) fn bracketed(shape: &Shape) -> String {
    listed(shape.iter().map(|size| size.unwrap_or(0)))
}

pub(super) fn listed<T: ToString>(sizes: impl Iterator<Item = T>) -> String {
    format!("[{}]", sizes.map(|size| size.to_string()).collect::<Vec<_>>().join(","))
}
