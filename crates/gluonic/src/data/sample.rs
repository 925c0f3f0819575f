//! What is loaded: the arrays of one sample, and of several together.

use std::ops::{Deref, DerefMut};

use smallvec::SmallVec;

use crate::array::NdArray;
use crate::error::{Error, RaggedError, Result};
use crate::ops::{self, Pad};

/// The arrays of one sample: an image and its label, say. A slice of arrays, made from one array or
/// from several.
///
/// # Examples
/// ```
/// use gluonic::{NdArray, data::Sample};
/// let sample = Sample::from([NdArray::arange::<f32>(3), NdArray::scalar(1_i64)]);
/// let [x, y] = sample.arrays()?;
/// assert_eq!((x.rank(), y.rank()), (1, 0));
/// # Ok::<(), gluonic::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Sample(SmallVec<[NdArray; 2]>);

impl Sample {
    /// The arrays, if there are just `N`.
    ///
    /// # Errors
    /// [`Error::ArrayCount`] if there are more or fewer.
    pub fn arrays<const N: usize>(&self) -> Result<&[NdArray; N]> {
        let found = self.len();
        self.0.as_slice().try_into().map_err(|_| Error::ArrayCount { expected: N, found })
    }
}

impl Deref for Sample {
    type Target = [NdArray];

    fn deref(&self) -> &[NdArray] {
        &self.0
    }
}

impl DerefMut for Sample {
    fn deref_mut(&mut self) -> &mut [NdArray] {
        &mut self.0
    }
}

impl From<NdArray> for Sample {
    fn from(array: NdArray) -> Self {
        Self::from_iter([array])
    }
}

impl<const N: usize> From<[NdArray; N]> for Sample {
    fn from(arrays: [NdArray; N]) -> Self {
        Self::from_iter(arrays)
    }
}

impl From<Vec<NdArray>> for Sample {
    fn from(arrays: Vec<NdArray>) -> Self {
        Self::from_iter(arrays)
    }
}

impl FromIterator<NdArray> for Sample {
    fn from_iter<I: IntoIterator<Item = NdArray>>(arrays: I) -> Self {
        Self(arrays.into_iter().collect())
    }
}

/// The arrays of several samples, each with an axis for the samples: a slice of arrays.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    arrays: Sample,
    n_samples: usize,
}

impl Batch {
    /// The arrays of `n_samples` samples, as the caller has put them together.
    pub fn new(arrays: impl Into<Sample>, n_samples: usize) -> Self {
        Self { arrays: arrays.into(), n_samples }
    }

    /// The samples along a new first axis.
    ///
    /// # Errors
    /// [`Error::Ragged`] if they differ in the number of arrays, in a shape or in an element type:
    /// it names the first that differs from the first of all, by its place in `samples`.
    ///
    /// # Examples
    /// ```
    /// use gluonic::{NdArray, data::{Batch, Sample}};
    /// let samples: Vec<Sample> = (2..5).map(|n| NdArray::scalar(n).into()).collect();
    /// assert_eq!(Batch::stack(&samples)?[0].to_vec::<i32>()?, [2, 3, 4]);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// MXNet 1.9.1, `gluon.data.batchify.Stack`; PyTorch, `default_collate`.
    #[doc(alias = "default_collate", alias = "collate")]
    pub fn stack(samples: &[Sample]) -> Result<Self> {
        Self::stack_named(samples, |place| place)
    }

    /// As [`Batch::stack`], where `name` tells which sample stands at a place.
    pub(super) fn stack_named(samples: &[Sample], name: impl Fn(usize) -> usize) -> Result<Self> {
        check(samples, &name, |array| format!("shape {}, {}", array.dims(), array.dtype()))?;
        Self::joined(samples, |arrays| ops::stack(arrays, 0))
    }

    /// The samples along a new first axis, the smaller ones filled with `value` at the end of each
    /// axis. Lengths are not kept: put them into the samples as arrays of their own if they matter.
    ///
    /// # Errors
    /// [`Error::Ragged`] if they differ in the number of arrays, in a rank or in an element type.
    ///
    /// # Examples
    /// ```
    /// use gluonic::prelude::*;
    /// let texts = data::FnDataset::new(3, |i| Ok(NdArray::ones(i + 1, DType::I64)?.into()));
    /// let loader = DataLoader::new(texts.batchify(|samples| data::Batch::pad(samples, 0.0)), 3)?;
    /// let batch = loader.iter().next().unwrap()?;
    /// assert_eq!(batch[0].to_vec::<i64>()?, [1, 0, 0, 1, 1, 0, 1, 1, 1]);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// MXNet 1.9.1, `gluon.data.batchify.Pad`, on every axis; PyTorch, `pad_sequence`.
    #[doc(alias = "pad_sequence")]
    pub fn pad(samples: &[Sample], value: f64) -> Result<Self> {
        check(samples, &|place| place, |array| {
            format!("rank {}, {}", array.rank(), array.dtype())
        })?;
        Self::joined(samples, |arrays| {
            let rank = arrays.first().map_or(0, |array| array.rank());
            let largest = |axis: usize| arrays.iter().map(|array| array.dims()[axis]).max();
            let sizes: Vec<usize> = (0..rank).filter_map(largest).collect();
            let padded = |array: &&NdArray| {
                let widths = sizes.iter().zip(array.dims().iter()).map(|(size, n)| (0, size - n));
                array.pad(&widths.collect::<Vec<_>>(), Pad::Constant(value))
            };
            let padded = arrays.iter().map(padded).collect::<Result<Vec<_>>>()?;
            ops::stack(&padded.iter().collect::<Vec<_>>(), 0)
        })
    }

    /// Joins the arrays at each place of the samples, which have equally many.
    fn joined(samples: &[Sample], join: impl Fn(&[&NdArray]) -> Result<NdArray>) -> Result<Self> {
        let n_arrays = samples.first().map_or(0, |sample| sample.len());
        let at = |i: usize| join(&samples.iter().map(|sample| &sample[i]).collect::<Vec<_>>());
        let arrays = (0..n_arrays).map(at).collect::<Result<Sample>>()?;
        Ok(Self { arrays, n_samples: samples.len() })
    }

    /// How many samples it is of.
    pub fn n_samples(&self) -> usize {
        self.n_samples
    }

    /// The arrays, if there are just `N`.
    ///
    /// # Errors
    /// [`Error::ArrayCount`] if there are more or fewer.
    pub fn arrays<const N: usize>(&self) -> Result<&[NdArray; N]> {
        self.arrays.arrays()
    }
}

impl Deref for Batch {
    type Target = [NdArray];

    fn deref(&self) -> &[NdArray] {
        &self.arrays
    }
}

/// Refuses samples that differ in the number of arrays or in what `of` says about one of them.
fn check(
    samples: &[Sample],
    name: &dyn Fn(usize) -> usize,
    of: fn(&NdArray) -> String,
) -> Result<()> {
    let Some(first) = samples.first() else { return Ok(()) };
    let same = |(a, b): (&NdArray, &NdArray)| {
        (a.dims() == b.dims() && a.dtype() == b.dtype()) || of(a) == of(b)
    };
    for (place, sample) in samples.iter().enumerate() {
        let (array, expected, found) = if sample.len() == first.len() {
            match first.iter().zip(sample.iter()).position(|pair| !same(pair)) {
                None => continue,
                Some(i) => (Some(i), of(&first[i]), of(&sample[i])),
            }
        } else {
            let count = |n: usize| format!("{n} array{}", if n == 1 { "" } else { "s" });
            (None, count(first.len()), count(sample.len()))
        };
        return Err(Error::Ragged(Box::new(RaggedError {
            sample: name(place),
            first: name(0),
            array,
            expected: expected.into(),
            found: found.into(),
        })));
    }
    Ok(())
}
