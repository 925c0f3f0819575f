//! Loaders, and the batches of an epoch.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gluonic::Result;
use gluonic::data::{self, Batch, Batches, Dataset, Sample};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::dataset::Data;
use super::tickets::Tickets;
use super::to_list;
use crate::errors::OrRaise;

/// Batches of which somebody else has said what is in them: batch number k is list number k.
struct Listed {
    dataset: Arc<dyn Dataset>,
    lists: Vec<Vec<usize>>,
}

impl Dataset for Listed {
    fn len(&self) -> usize {
        self.lists.len()
    }

    fn get(&self, _index: usize) -> Result<Sample> {
        Ok(Sample::default()) // Only whole batches are asked for.
    }

    fn batch(&self, indices: &[usize]) -> Result<Batch> {
        let list: Vec<usize> = indices.iter().flat_map(|&k| self.lists[k].clone()).collect();
        self.dataset.batch(&list)
    }
}

/// A loader of gluonic, over one of its data sets or over one that is written in Python.
#[pyclass(frozen, name = "_Loader", module = "gluonic._gluonic")]
pub(super) struct Loader {
    inner: data::DataLoader,
    tickets: Option<Arc<Tickets>>,
}

#[pymethods]
impl Loader {
    /// `batches` says what is in each, else `batch_size` and `shuffle` do.
    #[new]
    #[expect(clippy::too_many_arguments, reason = "they are Gluon's")]
    fn new(
        py: Python<'_>,
        dataset: &Bound<'_, PyAny>,
        batchify: Py<PyAny>,
        batch_size: usize,
        shuffle: bool,
        last_batch: &str,
        workers: usize,
        prefetch: Option<usize>,
        batches: Option<Vec<Vec<usize>>>,
    ) -> PyResult<Self> {
        let mut tickets = None;
        let dataset = if let Ok(native) = dataset.cast::<Data>() {
            native.get().get()
        } else {
            let kept = tickets.insert(Arc::default());
            super::tickets::dataset(dataset, batchify, kept)?
        };
        let loader = match batches {
            Some(lists) => data::DataLoader::new(Listed { dataset, lists }, 1).or_raise(py)?,
            None => data::DataLoader::new(dataset, batch_size).or_raise(py)?.shuffle(shuffle),
        };
        let mut loader = loader.last_batch(last_batch.parse().or_raise(py)?).workers(workers);
        if let Some(prefetch) = prefetch {
            loader = loader.prefetch(prefetch);
        }
        Ok(Loader { inner: loader, tickets })
    }

    /// The batches of the next epoch.
    fn __iter__(&self) -> LoadedBatches {
        if let Some(tickets) = &self.tickets {
            tickets.begin();
        }
        LoadedBatches { inner: Mutex::new(Some(self.inner.iter())), tickets: self.tickets.clone() }
    }

    /// The number of batches of the epoch that it is in.
    fn __len__(&self) -> usize {
        self.inner.n_batches()
    }

    /// Where it is, as JSON.
    fn position(&self) -> String {
        self.inner.position().to_string()
    }

    /// Lets the next epoch go on at a position.
    fn seek(&self, py: Python<'_>, position: &str) -> PyResult<()> {
        self.inner.seek(&position.parse().or_raise(py)?).or_raise(py)
    }
}

/// The batches of an epoch.
#[pyclass(frozen, name = "_Batches", module = "gluonic._gluonic")]
pub(super) struct LoadedBatches {
    inner: Mutex<Option<Batches>>,
    tickets: Option<Arc<Tickets>>,
}

impl LoadedBatches {
    fn get(&self) -> MutexGuard<'_, Option<Batches>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl LoadedBatches {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        // Waits without the GIL, which the workers need for a data set in Python.
        let next = py.detach(|| self.get().as_mut().and_then(Iterator::next));
        let Some(batch) = next.transpose().or_raise(py)? else { return Ok(None) };
        let Some(tickets) = &self.tickets else {
            let arrays = to_list(py, &batch)?;
            // As Gluon: a sample of one array makes a batch that is one.
            return match arrays.len() {
                1 => arrays.get_item(0).map(Some),
                _ => Ok(Some(arrays.into_any())),
            };
        };
        let ticket = batch.first().map(|ticket| tickets.take(ticket)).transpose().or_raise(py)?;
        match ticket.flatten() {
            Some(object) => Ok(Some(object.into_bound(py))),
            None => Err(PyTypeError::new_err("a batch was lost on its way")),
        }
    }

    fn __len__(&self, py: Python<'_>) -> usize {
        // Another thread may hold the lock and wait for workers that need the GIL.
        py.detach(|| self.get().as_ref().map_or(0, ExactSizeIterator::len))
    }

    /// Ends it, and its threads.
    fn close(&self, py: Python<'_>) {
        py.detach(|| drop(self.get().take()));
    }
}

impl Drop for LoadedBatches {
    fn drop(&mut self) {
        // The threads end when they have the GIL no more: this one must not hold it.
        let batches = self.get().take();
        Python::try_attach(|py| py.detach(|| drop(batches)));
        if let Some(tickets) = &self.tickets {
            tickets.end();
        }
    }
}
