//! Data sets that are written in Python, and their samples on the way through a loader.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gluonic::data::{Batch, Dataset, DatasetExt, Sample};
use gluonic::{NdArray, Result};
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::callback::call_python;

/// Python's objects on their way through a loader, which knows arrays alone: each travels as the
/// number under which it is kept here.
#[derive(Default)]
pub(super) struct Tickets {
    next: AtomicI64,
    kept: Mutex<HashMap<i64, Py<PyAny>>>,
    /// How many epochs are under way.
    epochs: AtomicUsize,
}

impl Tickets {
    fn kept(&self) -> MutexGuard<'_, HashMap<i64, Py<PyAny>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, object: Py<PyAny>) -> NdArray {
        let ticket = self.next.fetch_add(1, Ordering::Relaxed);
        self.kept().insert(ticket, object);
        NdArray::scalar(ticket)
    }

    /// The object of a ticket, which is worth nothing afterwards.
    pub(super) fn take(&self, ticket: &NdArray) -> Result<Option<Py<PyAny>>> {
        let ticket = ticket.to_scalar::<i64>()?;
        Ok(self.kept().remove(&ticket))
    }

    /// Says that an epoch begins, whose tickets are valid until it is over.
    pub(super) fn begin(&self) {
        self.epochs.fetch_add(1, Ordering::Relaxed);
    }

    /// Says that an epoch is over. What nobody has taken goes with the last one that is under way:
    /// whose it was is not known.
    pub(super) fn end(&self) {
        if self.epochs.fetch_sub(1, Ordering::Relaxed) == 1 {
            // Dropped when the lock is free: an object may run code of the user's when it goes.
            let left = std::mem::take(&mut *self.kept());
            drop(left);
        }
    }
}

/// A data set that is written in Python.
struct PyDataset {
    object: Py<PyAny>,
    len: usize,
    tickets: Arc<Tickets>,
}

impl Dataset for PyDataset {
    fn len(&self) -> usize {
        self.len
    }

    fn get(&self, index: usize) -> Result<Sample> {
        let sample =
            call_python("dataset", |py| Ok(self.object.bind(py).get_item(index)?.unbind()))?;
        Ok(self.tickets.put(sample).into())
    }
}

/// A data set of Python's, whose batches a user's `batchify` makes of samples.
pub(super) fn dataset(
    object: &Bound<'_, PyAny>,
    batchify: Py<PyAny>,
    tickets: &Arc<Tickets>,
) -> PyResult<Arc<dyn Dataset>> {
    let (len, kept) = (object.len()?, tickets.clone());
    let samples = PyDataset { object: object.clone().unbind(), len, tickets: tickets.clone() };
    Ok(Arc::new(samples.batchify(move |samples| joined(&kept, &batchify, samples))))
}

/// What a user's `batchify_fn` makes of samples.
fn joined(tickets: &Tickets, batchify: &Py<PyAny>, samples: &[Sample]) -> Result<Batch> {
    let objects = samples.iter().filter_map(|sample| tickets.take(sample.first()?).transpose());
    let objects = objects.collect::<Result<Vec<_>>>()?;
    let n = objects.len();
    let batch = call_python("batchify_fn", |py| {
        Ok(batchify.bind(py).call1((PyList::new(py, objects)?,))?.unbind())
    })?;
    Ok(Batch::new(tickets.put(batch), n))
}
