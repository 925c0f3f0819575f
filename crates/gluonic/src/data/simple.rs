//! Samples from a list or from a function.

use std::fmt;

use super::check_index;
use super::dataset::Dataset;
use super::sample::Sample;
use crate::error::Result;

/// Samples in a list.
///
/// # Examples
/// ```
/// use gluonic::prelude::*;
/// let words = [NdArray::arange::<i64>(3), NdArray::arange::<i64>(5)];
/// let samples = data::SimpleDataset::from_iter(words);
/// assert_eq!(samples.get(1)?[0].dims().to_string(), "(5,)");
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `gluon/data/dataset.py`, class `SimpleDataset`.
#[derive(Clone, Debug, Default)]
pub struct SimpleDataset {
    samples: Vec<Sample>,
}

impl<S: Into<Sample>> FromIterator<S> for SimpleDataset {
    fn from_iter<I: IntoIterator<Item = S>>(samples: I) -> Self {
        Self { samples: samples.into_iter().map(Into::into).collect() }
    }
}

impl Dataset for SimpleDataset {
    fn len(&self) -> usize {
        self.samples.len()
    }

    fn get(&self, index: usize) -> Result<Sample> {
        check_index(index, self.samples.len())?;
        Ok(self.samples[index].clone())
    }
}

/// Samples that a function makes of their numbers: reads from files, draws, computes.
///
/// # Examples
/// ```
/// use gluonic::prelude::*;
/// let squares = data::FnDataset::new(10, |i| Ok(NdArray::scalar((i * i) as f32).into()));
/// assert_eq!(squares.batch(&[2, 3])?[0].to_vec::<f32>()?, [4.0, 9.0]);
/// # Ok::<(), gluonic::Error>(())
/// ```
#[derive(Clone)]
pub struct FnDataset<F> {
    len: usize,
    get: F,
}

impl<F: Fn(usize) -> Result<Sample> + Send + Sync> FnDataset<F> {
    /// `len` samples, of which `get(i)` makes number i.
    pub fn new(len: usize, get: F) -> Self {
        Self { len, get }
    }
}

impl<F: Fn(usize) -> Result<Sample> + Send + Sync> Dataset for FnDataset<F> {
    fn len(&self) -> usize {
        self.len
    }

    fn get(&self, index: usize) -> Result<Sample> {
        check_index(index, self.len)?;
        (self.get)(index)
    }
}

impl<F> fmt::Debug for FnDataset<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FnDataset").field("len", &self.len).finish_non_exhaustive()
    }
}
