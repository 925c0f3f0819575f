//! `Snapshot`: the values of parameters as they were.

use std::sync::{Mutex, MutexGuard, PoisonError};

use gluonic::BlockExt;
use pyo3::prelude::*;

use crate::array::{ArrayArg, wrap};
use crate::block::Block;
use crate::errors::OrRaise;
use crate::ops::current_dialect;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Snapshot>()?;
    module.add_class::<Diff>()
}

/// The values of parameters by path, as they were when it was taken. Taking one copies nothing:
/// what is edited later is copied then.
///
/// >>> before = net.snapshot()
/// >>> trainer.step(1)
/// >>> print(before.diff(net.snapshot()))
/// >>> net.restore(before)
#[pyclass(frozen, mapping, module = "gluonic")]
#[derive(Default)]
pub(crate) struct Snapshot(Mutex<gluonic::Snapshot>);

impl Snapshot {
    fn lock(&self) -> MutexGuard<'_, gluonic::Snapshot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The snapshot as it is now: a copy.
    pub(crate) fn get(&self) -> gluonic::Snapshot {
        self.lock().clone()
    }
}

impl From<gluonic::Snapshot> for Snapshot {
    fn from(snapshot: gluonic::Snapshot) -> Self {
        Snapshot(Mutex::new(snapshot))
    }
}

#[pymethods]
impl Snapshot {
    /// A snapshot of nothing, to put values into.
    #[new]
    fn new() -> Self {
        Self::default()
    }

    fn __len__(&self) -> usize {
        self.lock().len()
    }

    fn __contains__(&self, path: &str) -> bool {
        self.lock().get(path).is_ok()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.keys().into_pyobject(py)?.call_method0("__iter__")
    }

    /// The paths.
    fn keys(&self) -> Vec<String> {
        self.lock().iter().map(|(path, _)| path.to_string()).collect()
    }

    fn __getitem__<'py>(&self, py: Python<'py>, path: &str) -> PyResult<Bound<'py, PyAny>> {
        // Nothing of Python runs while it is locked.
        let value = self.lock().get(path);
        wrap(py, value.or_raise(py)?, current_dialect(py)?)
    }

    fn __setitem__(&self, py: Python<'_>, path: &str, value: ArrayArg) -> PyResult<()> {
        let inserted = self.lock().insert(path, &value.array);
        inserted.or_raise(py)
    }

    /// What differs between this snapshot and a later one, as a table.
    fn diff(&self, py: Python<'_>, other: &Snapshot) -> Diff {
        let (one, other) = (self.get(), other.get());
        Diff(py.detach(|| one.diff(&other)))
    }

    fn __repr__(&self) -> String {
        format!("<Snapshot of {} parameters>", self.lock().len())
    }
}

/// What differs between two snapshots. Prints as a table.
#[pyclass(frozen, module = "gluonic", name = "SnapshotDiff")]
struct Diff(gluonic::param::SnapshotDiff);

#[pymethods]
impl Diff {
    /// The paths of the parameters that differ.
    #[getter]
    fn changed(&self) -> Vec<String> {
        self.0.changes.iter().map(|(path, _)| path.to_string()).collect()
    }

    /// How many do not differ.
    #[getter]
    fn equal(&self) -> usize {
        self.0.equal
    }

    fn __bool__(&self) -> bool {
        !self.0.is_empty()
    }

    fn __repr__(&self) -> String {
        self.0.to_string()
    }
}

#[pymethods]
impl Block {
    /// The values of all parameters as they are now. Copies nothing.
    fn snapshot(&self, py: Python<'_>) -> PyResult<Snapshot> {
        let node = self.node()?;
        Ok(py.detach(|| node.snapshot()).or_raise(py)?.into())
    }

    /// Gives the parameters the values of a snapshot: all of them, or none.
    fn restore(&self, py: Python<'_>, snapshot: &Snapshot) -> PyResult<()> {
        let (node, snapshot) = (self.node()?, snapshot.get());
        py.detach(|| node.restore(&snapshot)).or_raise(py)
    }
}
