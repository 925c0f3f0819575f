//! Samples, and batches of them.
//!
//! A [`Dataset`] gives samples by number; [`DatasetExt`] takes parts of one and transforms it. A
//! [`Sampler`] says in which order an epoch takes the samples, a [`DataLoader`] puts them together,
//! if wanted on threads of its own, and knows where it is. [`digits`], [`mnist`], [`cifar10`],
//! [`cifar100`] and [`read_idx`] read data; nothing is downloaded.
//!
//! ```
//! use gluonic::prelude::*;
//! let x = NdArray::arange::<f32>(20).reshape((10, 2))?;
//! let y = NdArray::arange::<i64>(10);
//! let loader = DataLoader::new(ArrayDataset::new([&x, &y])?, 4)?.shuffle(true).seed(7).workers(2);
//! for batch in &loader {
//!     let batch = batch?;
//!     let [x, y] = batch.arrays()?;
//!     assert_eq!((x.dims()[0], y.dims()[0]), (batch.n_samples(), batch.n_samples()));
//! }
//! # Ok::<(), gluonic::Error>(())
//! ```
//!
//! # Randomness
//! The order of an epoch is a function of the loader's key and the number of the epoch. What a
//! [`Dataset`] draws for a sample, in a transform for instance, is a function of the key, the epoch
//! and the sample's number. So neither the number of threads changes anything, nor where an epoch is
//! begun.
//!
//! # Source
//! The parts are those of `gluon.data` of MXNet 1.9.1 and of `torch.utils.data`.

mod array_dataset;
mod batch_sampler;
mod batches;
mod cifar;
mod combine;
mod dataset;
mod digits;
mod file;
mod idx;
mod loader;
mod loading;
mod mnist;
mod position;
mod sample;
mod sampler;
mod shuffled;
mod simple;
mod split;
pub mod transforms;
mod workers;

pub use array_dataset::ArrayDataset;
pub use batch_sampler::{BatchSampler, LastBatch};
pub use batches::Batches;
pub use cifar::{Cifar100Label, cifar10, cifar100};
pub use combine::{Batchified, DatasetExt, Subset, Transformed, TransformedFirst};
pub use dataset::Dataset;
pub use digits::digits;
pub use idx::read_idx;
pub use loader::DataLoader;
pub use mnist::{Split, mnist};
pub use position::Position;
pub use sample::{Batch, Sample};
pub use sampler::{FilterSampler, RandomSampler, Sampler, SequentialSampler};
pub(crate) use shuffled::order_draws;
pub use shuffled::shuffled_batches;
pub use simple::{FnDataset, SimpleDataset};
pub use split::{split_and_load, split_data};

use crate::error::{Error, Result};

/// Refuses a number that no sample has.
fn check_index(index: usize, len: usize) -> Result<()> {
    if index < len { Ok(()) } else { Err(Error::NoSample { index, len }) }
}
