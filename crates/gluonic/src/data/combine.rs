//! Data sets made of a data set: parts of it, its samples transformed, its batches made otherwise.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::check_index;
use super::dataset::Dataset;
use super::loading;
use super::sample::{Batch, Sample};
use super::transforms::Transform;
use crate::error::{Error, Result};

/// What is made of a data set. Each takes the data set over: give it a clone, an `Arc` or a
/// reference to keep it.
///
/// # Examples
/// ```
/// use gluonic::prelude::*;
/// let x = NdArray::arange::<f32>(10);
/// let samples = ArrayDataset::new([&x])?;
/// let half = samples.clone().transform_first(|x: &NdArray| x / 2.0).take(4);
/// assert_eq!(half.batch(&[1, 3])?[0].to_vec::<f32>()?, [0.5, 1.5]);
/// let large = samples.filter(|sample| Ok(sample[0].to_scalar::<f32>()? > 6.5))?;
/// assert_eq!(large.len(), 3);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `gluon/data/dataset.py`, class `Dataset`. DIFFERENCE: transforms are always lazy; a
/// [`SimpleDataset`](super::SimpleDataset) collected from the samples holds them ready.
pub trait DatasetExt: Dataset {
    /// Every sample changed by `f`, when it is asked for.
    ///
    /// # Errors
    /// [`Dataset::get`] gives those of `f`, with the number of the sample.
    fn transform<F>(self, f: F) -> Transformed<Self, F>
    where
        Self: Sized,
        F: Fn(Sample) -> Result<Sample> + Send + Sync,
    {
        Transformed { dataset: self, f }
    }

    /// The first array of every sample changed, when it is asked for: the image, but not its label.
    /// Takes one of the [`transforms`](super::transforms), or a closure whose argument is written
    /// with its type: `|x: &NdArray| x / 255.0`.
    ///
    /// # Errors
    /// [`Dataset::get`] gives those of the transform, with the number of the sample.
    fn transform_first<T: Transform>(self, transform: T) -> TransformedFirst<Self, T>
    where
        Self: Sized,
    {
        TransformedFirst { dataset: self, transform }
    }

    /// The first `n` samples, or all if there are fewer.
    fn take(self, n: usize) -> Subset<Self>
    where
        Self: Sized,
    {
        let end = n.min(self.len());
        Subset { dataset: self, indices: Indices::Range(0..end) }
    }

    /// Part `index` of `num_shards` parts of neighbors, which differ by one sample at most: what
    /// one of several processes works on.
    ///
    /// # Errors
    /// [`Error::Setting`] if there is no such part.
    fn shard(self, num_shards: usize, index: usize) -> Result<Subset<Self>>
    where
        Self: Sized,
    {
        if index >= num_shards {
            let (setting, expected) = ("index", "below the number of shards");
            let found = format!("{index} of {num_shards}").into();
            return Err(Error::Setting { setting, expected, found });
        }
        let (size, more) = (self.len() / num_shards, self.len() % num_shards);
        let start = size * index + index.min(more);
        let end = start + size + usize::from(index < more);
        Ok(Subset { dataset: self, indices: Indices::Range(start..end) })
    }

    /// The samples for which `keep` says so. All are asked for, once, now.
    ///
    /// # Errors
    /// Those of [`Dataset::get`] and of `keep`, with the number of the sample.
    fn filter<F>(self, keep: F) -> Result<Subset<Self>>
    where
        Self: Sized,
        F: FnMut(&Sample) -> Result<bool>,
    {
        let indices = kept(&self, keep)?;
        Ok(Subset { dataset: self, indices: Indices::List(indices.into()) })
    }

    /// The samples of the given numbers, in that order.
    ///
    /// # Errors
    /// [`Error::NoSample`] if there is none of a number.
    #[doc(alias = "sample")]
    fn subset(self, indices: impl Into<Vec<usize>>) -> Result<Subset<Self>>
    where
        Self: Sized,
    {
        let (indices, len) = (indices.into(), self.len());
        indices.iter().try_for_each(|&index| check_index(index, len))?;
        Ok(Subset { dataset: self, indices: Indices::List(indices.into()) })
    }

    /// The same samples, put together by `join` where others are stacked: for samples of different
    /// sizes by [`Batch::pad`].
    ///
    /// # Errors
    /// [`Dataset::batch`] gives those of `join`.
    #[doc(alias = "batchify_fn", alias = "collate_fn")]
    fn batchify<F>(self, join: F) -> Batchified<Self, F>
    where
        Self: Sized,
        F: Fn(&[Sample]) -> Result<Batch> + Send + Sync,
    {
        Batchified { dataset: self, join }
    }
}

impl<D: Dataset + ?Sized> DatasetExt for D {}

/// The numbers of the samples for which `keep` says so.
pub(super) fn kept(
    dataset: &dyn Dataset,
    mut keep: impl FnMut(&Sample) -> Result<bool>,
) -> Result<Vec<usize>> {
    let mut indices = Vec::new();
    for index in 0..dataset.len() {
        let kept = dataset.get(index).and_then(|sample| keep(&sample));
        if kept.map_err(|error| error.in_sample(index))? {
            indices.push(index);
        }
    }
    Ok(indices)
}

/// Some samples of a data set: made by [`DatasetExt`]. What is drawn for a sample, and what an
/// error says, goes by its number in the whole.
#[derive(Clone)]
pub struct Subset<D> {
    dataset: D,
    indices: Indices,
}

#[derive(Clone)]
enum Indices {
    Range(Range<usize>),
    List(Arc<[usize]>),
}

impl<D> Subset<D> {
    /// The number in the whole.
    fn place(&self, index: usize) -> Result<usize> {
        let (len, place) = match &self.indices {
            Indices::Range(range) => (range.len(), range.clone().nth(index)),
            Indices::List(list) => (list.len(), list.get(index).copied()),
        };
        place.ok_or(Error::NoSample { index, len })
    }
}

impl<D: Dataset> Dataset for Subset<D> {
    fn len(&self) -> usize {
        match &self.indices {
            Indices::Range(range) => range.len(),
            Indices::List(list) => list.len(),
        }
    }

    fn get(&self, index: usize) -> Result<Sample> {
        self.dataset.get(self.place(index)?)
    }

    fn batch(&self, indices: &[usize]) -> Result<Batch> {
        let places = indices.iter().map(|&index| self.place(index));
        self.dataset.batch(&places.collect::<Result<Vec<_>>>()?)
    }
}

impl<D> fmt::Debug for Subset<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.indices {
            Indices::Range(range) => write!(f, "Subset({range:?})"),
            Indices::List(list) => write!(f, "Subset({} samples)", list.len()),
        }
    }
}

/// A data set whose samples a function changes: see [`DatasetExt::transform`].
#[derive(Clone)]
pub struct Transformed<D, F> {
    dataset: D,
    f: F,
}

impl<D, F> Dataset for Transformed<D, F>
where
    D: Dataset,
    F: Fn(Sample) -> Result<Sample> + Send + Sync,
{
    fn len(&self) -> usize {
        self.dataset.len()
    }

    fn get(&self, index: usize) -> Result<Sample> {
        let changed = self.dataset.get(index).and_then(&self.f);
        changed.map_err(|error| error.in_sample(index))
    }
}

/// A data set of whose samples the first array is changed: see [`DatasetExt::transform_first`].
#[derive(Clone)]
pub struct TransformedFirst<D, T> {
    dataset: D,
    transform: T,
}

impl<D: Dataset, T: Transform> Dataset for TransformedFirst<D, T> {
    fn len(&self) -> usize {
        self.dataset.len()
    }

    fn get(&self, index: usize) -> Result<Sample> {
        let changed = self.dataset.get(index).and_then(|mut sample| {
            if let Some(first) = sample.first_mut() {
                *first = self.transform.apply(first)?;
            }
            Ok(sample)
        });
        changed.map_err(|error| error.in_sample(index))
    }
}

/// A data set whose batches a function makes: see [`DatasetExt::batchify`].
#[derive(Clone)]
pub struct Batchified<D, F> {
    dataset: D,
    join: F,
}

impl<D, F> Dataset for Batchified<D, F>
where
    D: Dataset,
    F: Fn(&[Sample]) -> Result<Batch> + Send + Sync,
{
    fn len(&self) -> usize {
        self.dataset.len()
    }

    fn get(&self, index: usize) -> Result<Sample> {
        self.dataset.get(index)
    }

    fn batch(&self, indices: &[usize]) -> Result<Batch> {
        (self.join)(&loading::samples(&self.dataset, indices)?)
    }
}

macro_rules! debug {
    ($($name:ident)*) => {$(
        impl<D, F> fmt::Debug for $name<D, F> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )*};
}
debug! { Transformed TransformedFirst Batchified }
