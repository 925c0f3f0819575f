//! Data sets, transforms and loaders: gluonic's, and data sets that a user writes in Python.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gluonic::data::transforms::{
    Cast, CenterCrop, Compose, Normalize, RandomCrop, RandomFlipLeftRight, RandomFlipTopBottom,
    ToTensor, Transform,
};
use gluonic::data::{self, Batch, Batches, Dataset, DatasetExt, Sample, Split};
use gluonic::{NdArray, Result};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::array::{ArrayArg, NDArray, wrap};
use crate::callback::call_python;
use crate::context::ContextArg;
use crate::dtype::DTypeArg;
use crate::errors::OrRaise;
use crate::ops::current_dialect;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Data>()?;
    module.add_class::<PyTransform>()?;
    module.add_class::<Loader>()?;
    module.add_class::<LoadedBatches>()?;
    module.add_function(wrap_pyfunction!(split_data, module)?)?;
    module.add_function(wrap_pyfunction!(to_context, module)?)?;
    module.add_function(wrap_pyfunction!(permutation, module)?)?;
    module.add_function(wrap_pyfunction!(stack_samples, module)?)?;
    module.add_function(wrap_pyfunction!(pad_samples, module)?)?;
    module.add_function(wrap_pyfunction!(clip_arrays, module)?)
}

/// A data set of gluonic.
#[pyclass(frozen, name = "_Data", module = "gluonic._gluonic")]
struct Data(Arc<dyn Dataset>);

fn split(train: bool) -> Split {
    if train { Split::Train } else { Split::Test }
}

#[pymethods]
impl Data {
    /// Of the rows of arrays.
    #[staticmethod]
    fn rows(py: Python<'_>, arrays: Vec<ArrayArg>) -> PyResult<Self> {
        let rows = data::ArrayDataset::new(arrays.iter().map(|array| &array.array));
        Ok(Data(Arc::new(rows.or_raise(py)?)))
    }

    /// The digits that are part of gluonic.
    #[staticmethod]
    fn digits(py: Python<'_>) -> PyResult<Self> {
        Ok(Data(Arc::new(data::digits().or_raise(py)?)))
    }

    #[staticmethod]
    fn mnist(py: Python<'_>, folder: PathBuf, train: bool) -> PyResult<Self> {
        let read = py.detach(|| data::mnist(folder, split(train)));
        Ok(Data(Arc::new(read.or_raise(py)?)))
    }

    #[staticmethod]
    fn cifar10(py: Python<'_>, folder: PathBuf, train: bool) -> PyResult<Self> {
        let read = py.detach(|| data::cifar10(folder, split(train)));
        Ok(Data(Arc::new(read.or_raise(py)?)))
    }

    #[staticmethod]
    fn cifar100(py: Python<'_>, folder: PathBuf, train: bool, fine: bool) -> PyResult<Self> {
        let label = if fine { data::Cifar100Label::Fine } else { data::Cifar100Label::Coarse };
        let read = py.detach(|| data::cifar100(folder, split(train), label));
        Ok(Data(Arc::new(read.or_raise(py)?)))
    }

    /// With the first array of each sample changed.
    fn transform_first(&self, transform: &PyTransform) -> Self {
        let transform = transform.0.clone();
        let changed = self.0.clone().transform_first(move |x: &NdArray| transform.apply(x));
        Data(Arc::new(changed))
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    /// Several samples together.
    fn batch<'py>(&self, py: Python<'py>, indices: Vec<usize>) -> PyResult<Bound<'py, PyList>> {
        let batch = py.detach(|| self.0.batch(&indices)).or_raise(py)?;
        to_list(py, &batch)
    }

    /// One sample.
    fn sample<'py>(&self, py: Python<'py>, index: usize) -> PyResult<Bound<'py, PyList>> {
        let sample = py.detach(|| self.0.get(index)).or_raise(py)?;
        to_list(py, &sample)
    }
}

fn to_list<'py>(py: Python<'py>, arrays: &[NdArray]) -> PyResult<Bound<'py, PyList>> {
    let dialect = current_dialect(py)?;
    let arrays: PyResult<Vec<_>> =
        arrays.iter().map(|array| wrap(py, array.clone(), dialect)).collect();
    PyList::new(py, arrays?)
}

/// A transform of gluonic.
#[pyclass(frozen, name = "_Transform", module = "gluonic._gluonic")]
#[derive(Clone)]
struct PyTransform(Arc<dyn Transform>);

#[pymethods]
impl PyTransform {
    #[staticmethod]
    fn to_tensor() -> Self {
        PyTransform(Arc::new(ToTensor))
    }

    #[staticmethod]
    fn normalize(py: Python<'_>, mean: Vec<f64>, std: Vec<f64>) -> PyResult<Self> {
        Ok(PyTransform(Arc::new(Normalize::new(&mean, &std).or_raise(py)?)))
    }

    #[staticmethod]
    fn cast(dtype: DTypeArg) -> Self {
        PyTransform(Arc::new(Cast::new(dtype.0)))
    }

    #[staticmethod]
    fn center_crop(py: Python<'_>, height: usize, width: usize) -> PyResult<Self> {
        Ok(PyTransform(Arc::new(CenterCrop::new(height, width).or_raise(py)?)))
    }

    #[staticmethod]
    fn random_crop(py: Python<'_>, height: usize, width: usize, padding: usize) -> PyResult<Self> {
        let crop = RandomCrop::new(height, width).or_raise(py)?;
        Ok(PyTransform(Arc::new(crop.padding(padding))))
    }

    #[staticmethod]
    fn flip_left_right(py: Python<'_>, p: f64) -> PyResult<Self> {
        Ok(PyTransform(Arc::new(RandomFlipLeftRight::new(p).or_raise(py)?)))
    }

    #[staticmethod]
    fn flip_top_bottom(py: Python<'_>, p: f64) -> PyResult<Self> {
        Ok(PyTransform(Arc::new(RandomFlipTopBottom::new(p).or_raise(py)?)))
    }

    #[staticmethod]
    fn compose(transforms: Vec<PyRef<'_, PyTransform>>) -> Self {
        let all = transforms.iter().fold(Compose::new(), |all, transform| {
            let transform = transform.0.clone();
            all.then(move |x: &NdArray| transform.apply(x))
        });
        PyTransform(Arc::new(all))
    }

    fn apply<'py>(&self, py: Python<'py>, x: ArrayArg) -> PyResult<Bound<'py, PyAny>> {
        let changed = py.detach(|| self.0.apply(&x.array)).or_raise(py)?;
        wrap(py, changed, x.dialect)
    }
}

/// Python's objects on their way through a loader, which knows arrays alone: each travels as the
/// number under which it is kept here.
#[derive(Default)]
struct Tickets {
    next: AtomicI64,
    kept: Mutex<HashMap<i64, Py<PyAny>>>,
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

    fn take(&self, ticket: &NdArray) -> Result<Option<Py<PyAny>>> {
        let ticket = ticket.to_scalar::<i64>()?;
        Ok(self.kept().remove(&ticket))
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
struct Loader {
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
        let dataset: Arc<dyn Dataset> = if let Ok(native) = dataset.cast::<Data>() {
            native.get().0.clone()
        } else {
            let kept = Arc::<Tickets>::default();
            tickets = Some(kept.clone());
            let object = dataset.clone().unbind();
            let len = dataset.len()?;
            let samples = PyDataset { object, len, tickets: kept.clone() };
            Arc::new(samples.batchify(move |samples| joined(&kept, &batchify, samples)))
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

/// The batches of an epoch.
#[pyclass(frozen, name = "_Batches", module = "gluonic._gluonic")]
struct LoadedBatches {
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
            tickets.kept().clear();
        }
    }
}

/// An array in parts along an axis.
#[pyfunction]
fn split_data<'py>(
    py: Python<'py>,
    data: ArrayArg,
    n_slices: usize,
    batch_axis: isize,
    even_split: bool,
) -> PyResult<Bound<'py, PyList>> {
    let parts = data::split_data(&data.array, n_slices, batch_axis, even_split).or_raise(py)?;
    let parts: PyResult<Vec<_>> =
        parts.into_iter().map(|part| wrap(py, part, data.dialect)).collect();
    PyList::new(py, parts?)
}

/// An array on another context.
#[pyfunction]
fn to_context<'py>(
    py: Python<'py>,
    data: ArrayArg,
    ctx: ContextArg,
) -> PyResult<Bound<'py, PyAny>> {
    wrap(py, data.array.to_context(ctx.0).or_raise(py)?, data.dialect)
}

/// Makes arrays shorter together. Returns the norm that they had.
#[pyfunction]
fn clip_arrays(py: Python<'_>, arrays: Vec<Bound<'_, NDArray>>, max_norm: f64) -> PyResult<f64> {
    let arrays: Vec<NdArray> = arrays.iter().map(|array| array.get().get()).collect();
    py.detach(|| gluonic::optim::clip_arrays(&arrays, max_norm)).or_raise(py)
}

/// The numbers below `n` in a random order.
#[pyfunction]
fn permutation(n: usize) -> Vec<usize> {
    gluonic::ops::permutation(n)
}

fn batch_of<'py>(
    py: Python<'py>,
    arrays: Vec<ArrayArg>,
    join: impl FnOnce(&[Sample]) -> Result<Batch> + Send,
) -> PyResult<Bound<'py, PyAny>> {
    let dialect = arrays.first().map_or(crate::array::Dialect::Nd, |array| array.dialect);
    let samples: Vec<Sample> = arrays.into_iter().map(|array| array.array.into()).collect();
    let batch = py.detach(|| join(&samples)).or_raise(py)?;
    let array = batch.first().ok_or_else(|| PyTypeError::new_err("there is no sample"))?;
    wrap(py, array.clone(), dialect)
}

/// Arrays along a new first axis.
#[pyfunction]
fn stack_samples<'py>(py: Python<'py>, arrays: Vec<ArrayArg>) -> PyResult<Bound<'py, PyAny>> {
    batch_of(py, arrays, Batch::stack)
}

/// Arrays along a new first axis, the smaller ones filled up.
#[pyfunction]
fn pad_samples<'py>(
    py: Python<'py>,
    arrays: Vec<ArrayArg>,
    value: f64,
) -> PyResult<Bound<'py, PyAny>> {
    batch_of(py, arrays, |samples| Batch::pad(samples, value))
}
