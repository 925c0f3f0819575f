//! In which order an epoch takes the samples.

use super::combine::kept;
use super::dataset::Dataset;
use super::sample::Sample;
use crate::error::Result;
use crate::ops;

/// The numbers of the samples that an epoch takes, in its order: some, all, or some of them more
/// than once.
///
/// # Randomness
/// A loader asks under the address of the epoch's order. So what is drawn by
/// [`ops`](crate::ops) or [`random`](crate::random) repeats, if nothing but the epoch decides.
///
/// # Examples
/// Draws each sample with its weight, as PyTorch's `WeightedRandomSampler`:
/// ```
/// use gluonic::prelude::*;
/// use gluonic::random::Law;
///
/// struct Weighted(Vec<f64>);
///
/// impl data::Sampler for Weighted {
///     fn len(&self) -> usize {
///         self.0.len()
///     }
///
///     fn indices(&self, _epoch: u64) -> Result<Vec<usize>> {
///         let drawn = ops::draw(&Law::categorical(&self.0)?, self.len(), DType::I64)?;
///         Ok(drawn.to_vec::<i64>()?.into_iter().map(|i| i as usize).collect())
///     }
/// }
///
/// let x = NdArray::arange::<f32>(3);
/// let loader = DataLoader::new(ArrayDataset::new([&x])?, 3)?.sampler(Weighted(vec![0.0, 1.0, 0.0]));
/// assert_eq!(loader.iter().next().unwrap()?[0].to_vec::<f32>()?, [1.0, 1.0, 1.0]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `gluon/data/sampler.py`, class `Sampler`.
pub trait Sampler: Send + Sync {
    /// How many numbers an epoch has, the same in every epoch.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The numbers of an epoch: [`Sampler::len`] of them.
    ///
    /// # Errors
    /// Those of the sampler.
    #[doc(alias = "__iter__")]
    fn indices(&self, epoch: u64) -> Result<Vec<usize>>;
}

/// Numbers one after another.
///
/// # Source
/// MXNet 1.9.1, `gluon/data/sampler.py`, class `SequentialSampler`.
#[derive(Clone, Debug)]
pub struct SequentialSampler {
    start: usize,
    len: usize,
}

impl SequentialSampler {
    /// 0, 1, …, `len - 1`.
    pub fn new(len: usize) -> Self {
        Self { start: 0, len }
    }

    /// As many numbers from `start` on.
    #[must_use]
    pub fn start(self, start: usize) -> Self {
        Self { start, ..self }
    }
}

impl Sampler for SequentialSampler {
    fn len(&self) -> usize {
        self.len
    }

    fn indices(&self, _: u64) -> Result<Vec<usize>> {
        Ok((self.start..self.start.saturating_add(self.len)).collect())
    }
}

/// Numbers in a random order, another one in each epoch.
///
/// # Source
/// MXNet 1.9.1, `gluon/data/sampler.py`, class `RandomSampler`.
#[derive(Clone, Debug)]
pub struct RandomSampler {
    len: usize,
}

impl RandomSampler {
    /// 0, 1, …, `len - 1`, each order equally likely.
    pub fn new(len: usize) -> Self {
        Self { len }
    }
}

impl Sampler for RandomSampler {
    fn len(&self) -> usize {
        self.len
    }

    fn indices(&self, _: u64) -> Result<Vec<usize>> {
        Ok(ops::permutation(self.len))
    }
}

/// The numbers of the samples for which a function says so, one after another.
///
/// # Source
/// MXNet 1.9.1, `gluon/data/sampler.py`, class `FilterSampler`.
#[derive(Clone, Debug)]
pub struct FilterSampler {
    indices: Vec<usize>,
}

impl FilterSampler {
    /// Asks for every sample of the data set once, now.
    ///
    /// # Errors
    /// Those of the data set and of `keep`, with the number of the sample.
    pub fn new(keep: impl FnMut(&Sample) -> Result<bool>, dataset: &dyn Dataset) -> Result<Self> {
        Ok(Self { indices: kept(dataset, keep)? })
    }
}

impl Sampler for FilterSampler {
    fn len(&self) -> usize {
        self.indices.len()
    }

    fn indices(&self, _: u64) -> Result<Vec<usize>> {
        Ok(self.indices.clone())
    }
}
