//! What gives samples by number.

use std::sync::Arc;

use super::loading;
use super::sample::{Batch, Sample};
use crate::error::Result;

/// Samples by number. Several threads may ask at once.
///
/// Parts and transforms of a data set are made by [`DatasetExt`](super::DatasetExt).
///
/// # Randomness
/// While a [`DataLoader`](super::DataLoader) asks, what [`ops`](crate::ops) and
/// [`random`](crate::random) draw on the thread depends on the loader's key, the epoch and the
/// sample's number alone.
///
/// # Examples
/// ```
/// use gluonic::data::{Dataset, Sample};
/// use gluonic::{NdArray, Result};
///
/// /// The first numbers and their squares.
/// struct Squares(usize);
///
/// impl Dataset for Squares {
///     fn len(&self) -> usize {
///         self.0
///     }
///
///     fn get(&self, index: usize) -> Result<Sample> {
///         let x = index as f32;
///         Ok([NdArray::scalar(x), NdArray::scalar(x * x)].into())
///     }
/// }
///
/// let batch = Squares(10).batch(&[2, 3])?;
/// assert_eq!(batch[1].to_vec::<f32>()?, [4.0, 9.0]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `gluon/data/dataset.py`, class `Dataset`; PyTorch, `torch.utils.data.Dataset`.
pub trait Dataset: Send + Sync {
    /// The number of samples.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sample `index`, from 0.
    ///
    /// # Errors
    /// [`Error::NoSample`](crate::Error::NoSample) if there is none of that number; those of the
    /// data set. A loader adds the number of the sample.
    #[doc(alias = "__getitem__")]
    fn get(&self, index: usize) -> Result<Sample>;

    /// Several samples together, in that order. By default each is taken by [`Dataset::get`], and
    /// they are [stacked](Batch::stack).
    ///
    /// # Errors
    /// As [`Dataset::get`], with the number of the sample; [`Error::Ragged`](crate::Error::Ragged)
    /// if the samples do not stack.
    #[doc(alias = "__getitems__", alias = "collate_fn", alias = "batchify_fn")]
    fn batch(&self, indices: &[usize]) -> Result<Batch> {
        Batch::stack_named(&loading::samples(self, indices)?, |place| indices[place])
    }
}

macro_rules! forward {
    ($($(#[$doc:meta])* ($($generics:tt)*) $pointer:ty;)*) => {$(
        $(#[$doc])*
        impl<$($generics)*> Dataset for $pointer {
            fn len(&self) -> usize {
                (**self).len()
            }

            fn is_empty(&self) -> bool {
                (**self).is_empty()
            }

            fn get(&self, index: usize) -> Result<Sample> {
                (**self).get(index)
            }

            fn batch(&self, indices: &[usize]) -> Result<Batch> {
                (**self).batch(indices)
            }
        }
    )*};
}
forward! {
    ('a, D: Dataset + ?Sized) &'a D;
    (D: Dataset + ?Sized) Arc<D>;
    (D: Dataset + ?Sized) Box<D>;
}
