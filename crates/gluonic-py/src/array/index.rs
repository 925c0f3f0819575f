//! Index expressions.

use gluonic::NdArray;
use gluonic::array::index::{NewAxis, SliceInfoElem};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyEllipsis, PyInt, PySlice, PySliceMethods, PyTuple};

use super::{Dialect, NDArray, wrap};
use crate::errors::OrRaise;

/// What an index expression selects.
pub(super) enum Index {
    /// Numbers, ranges, new axes: a view.
    Basic(Vec<SliceInfoElem>),
}

/// Reads an index expression for an array.
pub(super) fn read(array: &NdArray, key: &Bound<'_, PyAny>) -> PyResult<Index> {
    let parts: Vec<Bound<'_, PyAny>> = match key.cast::<PyTuple>() {
        Ok(parts) => parts.iter().collect(),
        Err(_) => vec![key.clone()],
    };
    let named = parts.iter().filter(|part| !part.is_none() && !part.is_instance_of::<PyEllipsis>());
    let named = named.count();
    let mut elems = Vec::with_capacity(array.rank() + 1);
    let mut axis = 0;
    for part in &parts {
        if part.is_none() {
            elems.push(SliceInfoElem::from(NewAxis));
        } else if part.is_instance_of::<PyEllipsis>() {
            let skipped = array.rank().saturating_sub(named);
            elems.extend((0..skipped).map(|_| SliceInfoElem::from(..)));
            axis += skipped;
        } else {
            elems.push(one(array, axis, part)?);
            axis += 1;
        }
    }
    Ok(Index::Basic(elems))
}

fn one(array: &NdArray, axis: usize, part: &Bound<'_, PyAny>) -> PyResult<SliceInfoElem> {
    if let Ok(slice) = part.cast::<PySlice>() {
        let size = array.dims().get(axis).copied().unwrap_or(0);
        let range = slice.indices(size as isize)?;
        return Ok(if range.step > 0 {
            SliceInfoElem::Slice {
                start: range.start,
                end: Some(range.stop.max(range.start)),
                step: range.step,
            }
        } else {
            // Python walks down from `start` to above `stop`; the engine walks a range from its end.
            SliceInfoElem::Slice {
                start: (range.stop + 1).min(range.start + 1),
                end: Some(range.start + 1),
                step: range.step,
            }
        });
    }
    if part.is_instance_of::<PyInt>() && !part.is_instance_of::<PyBool>() {
        return Ok(SliceInfoElem::Index(part.extract()?));
    }
    if let Ok(number) = part.call_method0("__index__") {
        return Ok(SliceInfoElem::Index(number.extract()?));
    }
    Err(PyTypeError::new_err(format!("cannot index with {}", part.get_type())))
}

#[pymethods]
impl NDArray {
    fn __getitem__<'py>(
        slf: &Bound<'py, Self>,
        key: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (py, array) = (slf.py(), slf.get().get());
        let Index::Basic(elems) = read(&array, key)?;
        wrap(py, array.slice(elems).or_raise(py)?, Dialect::of(slf))
    }
}
