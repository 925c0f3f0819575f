//! Operations, by the names that gluonic gives them; `python/gluonic` has MXNet's names, argument
//! lists and defaults.
//!
//! They are functions of `gluonic._gluonic.ops`. A result speaks the dialect of its first operand.

mod args;
mod conv;
mod create;
mod elementwise;
mod files;
mod gather;
mod layers;
mod linear;
mod norm;
mod order;
mod pairs;
mod random;
mod reduce;
mod reshape;
mod sequence;
mod shape;
mod slice;

use std::sync::atomic::{AtomicBool, Ordering};

use gluonic::{Error, NdArray};
use pyo3::exceptions::{PyIndexError, PyTypeError, PyValueError};
use pyo3::prelude::*;

pub(crate) use args::{DimsArg, ShapeArg, shape_to_py};
pub(crate) use layers::dropped;

use self::args::Data;
use crate::array::{Dialect, wrap};
use crate::detach::run;
use crate::errors::{MXNetError, to_py};

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    for function in [
        wrap_pyfunction!(set_np, module)?,
        wrap_pyfunction!(is_np_array, module)?,
        wrap_pyfunction!(is_np_shape, module)?,
    ] {
        module.add_function(function)?;
    }
    let ops = PyModule::new(module.py(), "ops")?;
    conv::register(&ops)?;
    create::register(&ops)?;
    elementwise::register(&ops)?;
    files::register(&ops)?;
    gather::register(&ops)?;
    layers::register(&ops)?;
    linear::register(&ops)?;
    norm::register(&ops)?;
    order::register(&ops)?;
    pairs::register(&ops)?;
    random::register(&ops)?;
    reduce::register(&ops)?;
    reshape::register(&ops)?;
    sequence::register(&ops)?;
    shape::register(&ops)?;
    slice::register(&ops)?;
    module.add_submodule(&ops)
}

static NP_ARRAY: AtomicBool = AtomicBool::new(false);
static NP_SHAPE: AtomicBool = AtomicBool::new(false);

/// Says whether blocks and parameters speak the dialect of `mx.np`, and whether 0 is a size.
#[pyfunction]
fn set_np(array: bool, shape: bool) {
    NP_ARRAY.store(array, Ordering::Relaxed);
    NP_SHAPE.store(shape, Ordering::Relaxed);
}

/// Whether blocks and parameters give arrays of `mx.np`.
#[pyfunction]
fn is_np_array() -> bool {
    NP_ARRAY.load(Ordering::Relaxed)
}

/// Whether 0 is a size, as in NumPy, and not a size that is not known.
#[pyfunction]
pub(crate) fn is_np_shape() -> bool {
    NP_SHAPE.load(Ordering::Relaxed)
}

/// The dialect of what blocks and parameters make.
pub(crate) fn current_dialect(_: Python<'_>) -> PyResult<Dialect> {
    Ok(if is_np_array() { Dialect::Np } else { Dialect::Nd })
}

fn dialect(np: bool) -> Dialect {
    if np { Dialect::Np } else { Dialect::Nd }
}

/// Computes an array of about `work` elements and wraps it; other threads of Python run meanwhile
/// if that is worth while.
fn compute<'py>(
    py: Python<'py>,
    work: usize,
    dialect: Dialect,
    f: impl FnOnce() -> gluonic::Result<NdArray> + Send,
) -> PyResult<Bound<'py, PyAny>> {
    let result = run(py, work, f);
    wrap(py, result.map_err(|error| raised(py, error))?, dialect)
}

/// As [`compute`], of several arrays.
fn compute_all<'py>(
    py: Python<'py>,
    work: usize,
    dialect: Dialect,
    f: impl FnOnce() -> gluonic::Result<Vec<NdArray>> + Send,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let results = run(py, work, f).map_err(|error| raised(py, error))?;
    results.into_iter().map(|array| wrap(py, array, dialect)).collect()
}

impl Data {
    /// Computes an array from this one. What `f` makes besides is where this array is.
    fn compute<'py>(
        &self,
        py: Python<'py>,
        f: impl FnOnce(&NdArray) -> gluonic::Result<NdArray> + Send,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.compute_of(py, self.array.elem_count(), f)
    }

    /// As `compute`, where the result has more elements than this array: about `work`.
    fn compute_of<'py>(
        &self,
        py: Python<'py>,
        work: usize,
        f: impl FnOnce(&NdArray) -> gluonic::Result<NdArray> + Send,
    ) -> PyResult<Bound<'py, PyAny>> {
        compute(py, work, self.dialect, || self.there(f))
    }

    /// As `compute`, of several arrays.
    fn compute_all<'py>(
        &self,
        py: Python<'py>,
        f: impl FnOnce(&NdArray) -> gluonic::Result<Vec<NdArray>> + Send,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        compute_all(py, self.array.elem_count(), self.dialect, || self.there(f))
    }

    fn there<R>(&self, f: impl FnOnce(&NdArray) -> R) -> R {
        gluonic::context::with(self.array.context(), || f(&self.array))
    }
}

/// What an operation raises: whatever is wrong with its operands and settings is an `MXNetError`, as
/// in MXNet.
fn raised(py: Python<'_>, error: Error) -> PyErr {
    let own = !matches!(error.root(), Error::User { .. });
    let raised = to_py(py, error);
    let of_operands = raised.is_instance_of::<PyValueError>(py)
        || raised.is_instance_of::<PyTypeError>(py)
        || raised.is_instance_of::<PyIndexError>(py);
    if own && of_operands {
        return MXNetError::new_err(format!("MXNetError: {}", raised.value(py)));
    }
    raised
}
