//! Index expressions: what they say, and reading by them.

use gluonic::array::index::{NewAxis, SliceInfoElem};
use gluonic::ops::Pick;
use gluonic::{DType, Error, NdArray};
use pyo3::exceptions::{PyAssertionError, PyIndexError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::slice::PySliceIndices;
use pyo3::types::{PyBool, PyEllipsis, PyInt, PyList, PyRange, PySlice, PySliceMethods, PyTuple};

use super::convert::indices_of;
use super::{Dialect, NDArray, wrap};
use crate::errors::{MXNetError, OrRaise};
use crate::ops::current_dialect;

/// What an index expression selects.
pub(super) enum Index {
    /// Numbers, ranges, new axes: a view.
    Basic(Vec<SliceInfoElem>),
    /// With arrays of places, or masks.
    Places(Vec<Pick>),
}

impl Index {
    pub(super) fn picks(self) -> Vec<Pick> {
        match self {
            Index::Basic(elems) => elems.into_iter().map(Pick::Part).collect(),
            Index::Places(picks) => picks,
        }
    }
}

/// What an index expression is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum For {
    Reading,
    Writing,
}

/// Reads an index expression for an array.
pub(super) fn read(
    array: &NdArray,
    dialect: Dialect,
    key: &Bound<'_, PyAny>,
    purpose: For,
) -> PyResult<Index> {
    let parts: Vec<Bound<'_, PyAny>> = match key.cast::<PyTuple>() {
        Ok(parts) => parts.iter().collect(),
        Err(_) => vec![key.clone()],
    };
    let mut read = Vec::with_capacity(parts.len());
    for part in &parts {
        read.push(one(dialect, key, part)?);
    }
    let named = read.iter().map(Part::axes).sum::<usize>();
    let rank = array.rank();
    if named > rank {
        return Err(PyIndexError::new_err(match (rank, dialect) {
            (0, Dialect::Np) => "scalar tensor can only accept `()` as index".to_owned(),
            _ => format!("too many indices ({named}) for array with {rank} dimensions"),
        }));
    }
    let mut picks = Vec::with_capacity(rank + 1);
    let (mut axis, mut skipped) = (0, None);
    for part in read {
        let axes = part.axes();
        match part {
            Part::Rest if skipped.is_some() => {
                let text = "Cannot use more than one ellipsis (`...`) for indexing";
                return Err(PyIndexError::new_err(text));
            }
            Part::Rest => {
                skipped = Some(rank - named);
                picks.extend((named..rank).map(|_| Pick::Part(SliceInfoElem::from(..))));
                axis += rank - named;
            }
            Part::New => picks.push(Pick::Part(SliceInfoElem::from(NewAxis))),
            Part::At(at) => picks.push(Pick::Part(place(array, axis, at)?)),
            Part::Range(range) => {
                let range = range_of(array, axis, &range)?;
                if dialect == Dialect::Nd && array.dims().get(axis) != Some(&0) {
                    has_elements(&range, axis, purpose)?;
                }
                picks.push(Pick::Part(steps(&range)));
            }
            Part::Mask(mask) => {
                fits(array, axis, &mask, dialect)?;
                picks.push(Pick::Places(mask));
            }
            Part::Places(places) => picks.push(Pick::Places(places)),
        }
        axis += axes;
    }
    if dialect == Dialect::Nd && picks.iter().any(names_none) {
        return Err(MXNetError::new_err(
            "MXNetError: Check failed: dim_size_is_known(*it): Shape dim size cannot be a negative \
             value -1\na list of places without any: arrays of mx.np may be empty",
        ));
    }
    if picks.iter().any(|pick| matches!(pick, Pick::Places(_))) {
        return Ok(Index::Places(picks));
    }
    let elem = |pick| match pick {
        Pick::Part(elem) => Some(elem),
        Pick::Places(_) => None,
    };
    Ok(Index::Basic(picks.into_iter().filter_map(elem).collect()))
}

/// One part of an index expression.
enum Part<'py> {
    At(isize),
    Range(Bound<'py, PySlice>),
    New,
    /// `...`
    Rest,
    Mask(NdArray),
    Places(NdArray),
}

impl Part<'_> {
    /// How many axes it is for.
    fn axes(&self) -> usize {
        match self {
            Part::New | Part::Rest => 0,
            Part::Mask(mask) => mask.rank(),
            Part::At(_) | Part::Range(_) | Part::Places(_) => 1,
        }
    }
}

fn one<'py>(
    dialect: Dialect,
    key: &Bound<'py, PyAny>,
    part: &Bound<'py, PyAny>,
) -> PyResult<Part<'py>> {
    let py = part.py();
    if let Ok(truth) = part.cast::<PyBool>() {
        // In `mx.nd` a boolean is the number that it is to Python.
        let truth = truth.is_true();
        return Ok(match dialect {
            Dialect::Nd => Part::At(isize::from(truth)),
            Dialect::Np => Part::Mask(NdArray::scalar(truth)),
        });
    }
    if part.is_instance_of::<PyInt>() {
        return Ok(Part::At(part.extract().unwrap_or(isize::MAX)));
    }
    if let Ok(range) = part.cast::<PySlice>() {
        return Ok(Part::Range(range.clone()));
    }
    if part.is_none() {
        return Ok(Part::New);
    }
    if part.is_instance_of::<PyEllipsis>() {
        return Ok(Part::Rest);
    }
    if let Ok(array) = part.cast::<NDArray>() {
        let array = array.get().get().detach();
        if array.rank() == 0 && array.dtype().is_int() {
            // A number, so that what is there shares the memory.
            return Ok(Part::At(array.to_f64_vec().or_raise(py)?[0] as isize));
        }
        if array.dtype() != DType::Bool {
            return Ok(Part::Places(array));
        }
        if dialect == Dialect::Nd && current_dialect(py)? == Dialect::Nd {
            return Err(PyValueError::new_err(
                "Cannot perform boolean indexing in legacy mode. Please activate numpy semantics \
                 by calling `npx.set_np()` in the global scope before calling this function.\n\
                 without it: nd.where, or multiply by the mask",
            ));
        }
        return Ok(Part::Mask(array));
    }
    let is_list = part.is_instance_of::<PyList>()
        || part.is_instance_of::<PyTuple>()
        || part.is_instance_of::<PyRange>();
    if is_list || part.is_instance_of::<numpy::PyUntypedArray>() {
        let array = indices_of(part)?;
        if array.dtype() != DType::Bool {
            return Ok(Part::Places(array));
        }
        return Ok(match dialect {
            Dialect::Nd => Part::Places(array.cast(DType::I64).or_raise(py)?),
            Dialect::Np => Part::Mask(array),
        });
    }
    if let Ok(number) = part.call_method0("__index__") {
        return Ok(Part::At(number.extract()?));
    }
    Err(PyValueError::new_err(format!(
        "NDArray does not support slicing with key {} of type {}.",
        key.str()?,
        key.get_type()
    )))
}

fn place(array: &NdArray, axis: usize, at: isize) -> PyResult<SliceInfoElem> {
    let size = array.dims().get(axis).copied().unwrap_or(0);
    if at >= size as isize || at < -(size as isize) {
        return Err(out_of_bounds("", at, axis, size));
    }
    Ok(SliceInfoElem::Index(at))
}

fn out_of_bounds(before: &str, at: impl std::fmt::Display, axis: usize, size: usize) -> PyErr {
    PyIndexError::new_err(format!(
        "{before}index {at} is out of bounds for axis {axis} with size {size}"
    ))
}

/// A range of an axis, with its bounds inside of it.
fn range_of(array: &NdArray, axis: usize, range: &Bound<'_, PySlice>) -> PyResult<PySliceIndices> {
    for bound in ["start", "stop", "step"] {
        let bound = range.getattr(bound)?;
        if !bound.is_none() && !bound.hasattr("__index__")? {
            return Err(PyTypeError::new_err(format!(
                "'{}' object cannot be interpreted as an integer",
                bound.get_type().name()?
            )));
        }
    }
    let size = array.dims().get(axis).copied().unwrap_or(0);
    range.indices(size as isize)
}

/// Refuses ranges without elements as `mx.nd` does: it reads empty ones of the first axis, and
/// writes to all but those that end before they start.
fn has_elements(range: &PySliceIndices, axis: usize, purpose: For) -> PyResult<()> {
    let (start, stop) = (range.start, range.stop);
    let ends_before = range.step > 0 && stop < start;
    let is_empty = range.step > 0 && stop <= start;
    match purpose {
        For::Reading if ends_before || is_empty && axis > 0 => Err(MXNetError::new_err(format!(
            "MXNetError: Check failed: begin <= end ({start} vs. {stop}) : Invalid slicing range \
             [{start}, {stop})\nit has no elements; arrays of mx.np may be empty"
        ))),
        For::Writing if ends_before && axis == 0 => Err(PyAssertionError::new_err(format!(
            "\nthe range [{start}, {stop}) has no elements to write to"
        ))),
        _ => Ok(()),
    }
}

fn steps(range: &PySliceIndices) -> SliceInfoElem {
    if range.step > 0 {
        let end = Some(range.stop.max(range.start));
        return SliceInfoElem::Slice { start: range.start, end, step: range.step };
    }
    // Python walks down from `start` to above `stop`; the engine walks a range from its end.
    let start = (range.stop + 1).min(range.start + 1);
    SliceInfoElem::Slice { start, end: Some(range.start + 1), step: range.step }
}

/// Refuses a mask that has other sizes than the axes that it is for.
fn fits(array: &NdArray, axis: usize, mask: &NdArray, dialect: Dialect) -> PyResult<()> {
    let sizes = array.dims().iter().skip(axis).zip(mask.dims().iter());
    for (i, (size, found)) in sizes.enumerate() {
        if size != found {
            let axis = axis + i;
            return Err(PyIndexError::new_err(match dialect {
                Dialect::Nd => format!(
                    "boolean index did not match indexed array along axis {axis}; size is {size} \
                     but corresponding boolean size is {found}"
                ),
                Dialect::Np => format!(
                    "boolean index did not match indexed array along dimension {axis}; dimension \
                     is {size} but corresponding boolean dimension is {found}"
                ),
            }));
        }
    }
    Ok(())
}

/// What went wrong with places, in MXNet's words.
pub(super) fn raise(py: Python<'_>, array: &NdArray, picks: &[Pick], error: Error) -> PyErr {
    let shape = |shape: &gluonic::Shape| crate::errors::shape_text(shape);
    match error.root() {
        Error::Index { .. } => {
            let mut axis = 0;
            for pick in picks {
                let size = array.dims().get(axis).copied().unwrap_or(0);
                match pick {
                    Pick::Part(SliceInfoElem::NewAxis) => {}
                    Pick::Places(mask) if mask.dtype() == DType::Bool => axis += mask.rank(),
                    Pick::Places(places) => {
                        let outside = |at: &f64| !(-(size as f64) <= *at && *at < size as f64);
                        let places = places.to_f64_vec().unwrap_or_default();
                        if let Some(at) = places.into_iter().find(outside) {
                            return out_of_bounds("IndexError: ", at, axis, size);
                        }
                        axis += 1;
                    }
                    Pick::Part(_) => axis += 1,
                }
            }
            crate::errors::to_py(py, error)
        }
        Error::Broadcast { op: "pick", left, right } => PyValueError::new_err(format!(
            "shape1={} is not broadcastable to shape2={}",
            shape(left),
            shape(right)
        )),
        _ => crate::errors::to_py(py, error),
    }
}

/// A part that shares the memory if it is one piece of it, as in MXNet, else a copy.
fn part<'py>(
    py: Python<'py>,
    array: &NdArray,
    elems: impl AsRef<[SliceInfoElem]>,
    dialect: Dialect,
) -> PyResult<Bound<'py, PyAny>> {
    let part = array.slice(elems).or_raise(py)?;
    let part = if part.is_contiguous() { part } else { part.cast(part.dtype()).or_raise(py)? };
    wrap(py, part, dialect)
}

#[pymethods]
impl NDArray {
    fn __getitem__<'py>(
        slf: &Bound<'py, Self>,
        key: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (py, array, dialect) = (slf.py(), slf.get().get(), Dialect::of(slf));
        // The usual case: a row.
        if key.is_exact_instance_of::<PyInt>()
            && array.rank() > 0
            && let Ok(at) = key.extract::<isize>()
        {
            return part(py, &array, [place(&array, 0, at)?], dialect);
        }
        if is_all(key)? && (array.rank() > 0 || dialect == Dialect::Nd) {
            return Ok(slf.clone().into_any());
        }
        check_element(&array, key)?;
        match read(&array, dialect, key, For::Reading)? {
            Index::Basic(elems) => part(py, &array, elems, dialect),
            Index::Places(picks) => {
                let found = py.detach(|| array.picked(&picks));
                wrap(py, found.map_err(|error| raise(py, &array, &picks, error))?, dialect)
            }
        }
    }
}

/// Refuses the place of an element that is not there. MXNet walks down to it axis by axis, so it
/// always speaks of axis 0.
fn check_element(array: &NdArray, key: &Bound<'_, PyAny>) -> PyResult<()> {
    let Ok(key) = key.cast::<PyTuple>() else { return Ok(()) };
    if key.len() != array.rank() || !key.iter().all(|at| at.is_exact_instance_of::<PyInt>()) {
        return Ok(());
    }
    for (at, &size) in key.iter().zip(array.dims().iter()) {
        match at.extract::<i64>() {
            Ok(place) if place >= -(size as i64) && place < size as i64 => {}
            _ => return Err(out_of_bounds("", at, 0, size)),
        }
    }
    Ok(())
}

/// Whether a part is a list of places without any.
fn names_none(pick: &Pick) -> bool {
    matches!(pick, Pick::Places(places) if places.elem_count() == 0)
}

/// Whether an index expression is `:`.
fn is_all(key: &Bound<'_, PyAny>) -> PyResult<bool> {
    let Ok(range) = key.cast::<PySlice>() else { return Ok(false) };
    Ok(range.getattr("start")?.is_none()
        && range.getattr("stop")?.is_none()
        && range.getattr("step")?.is_none())
}
