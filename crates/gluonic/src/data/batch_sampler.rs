//! The numbers of an epoch, cut into batches.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::loading::ordered;
use super::sampler::Sampler;
use crate::error::{Error, Result, one_or_more};
use crate::shape::Dims;
use crate::suggest::nearest;

/// What becomes of samples that do not fill the last batch of an epoch.
///
/// # Source
/// MXNet 1.9.1, `gluon/data/sampler.py`, class `BatchSampler`.
#[doc(alias = "drop_last")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LastBatch {
    /// They are a smaller batch.
    #[default]
    Keep,
    /// They are left out.
    Discard,
    /// They come first in the next epoch.
    Rollover,
}

const WORDS: [(LastBatch, &str); 3] =
    [(LastBatch::Keep, "keep"), (LastBatch::Discard, "discard"), (LastBatch::Rollover, "rollover")];

impl fmt::Display for LastBatch {
    /// Writes Gluon's word.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(WORDS.iter().find(|(last, _)| last == self).map_or("", |(_, word)| word))
    }
}

impl FromStr for LastBatch {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self> {
        let found = WORDS.iter().find(|(_, known)| *known == word).map(|(last, _)| *last);
        found.ok_or_else(|| Error::UnknownWord {
            kind: "way of the last batch",
            word: word.into(),
            nearest: nearest(word, WORDS.map(|(_, word)| word)),
        })
    }
}

/// The numbers that a [`Sampler`] gives, in batches.
///
/// With [`LastBatch::Rollover`] the epochs are one long row, cut into batches of equal size; a batch
/// belongs to the epoch in which it ends. So the batches of an epoch are a function of the key and
/// of the epoch's number, whether those before it were used up or not.
///
/// # Examples
/// ```
/// use gluonic::data::{BatchSampler, LastBatch, SequentialSampler};
/// let batches = BatchSampler::new(SequentialSampler::new(5), 3, LastBatch::Rollover)?;
/// assert_eq!(batches.batches(7, 0)?, [[0, 1, 2]]);
/// assert_eq!(batches.batches(7, 1)?, [[3, 4, 0], [1, 2, 3]]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `gluon/data/sampler.py`, class `BatchSampler`. DIFFERENCE: there, what an epoch
/// leaves over is lost if the next one is not used up.
#[derive(Clone)]
pub struct BatchSampler {
    sampler: Arc<dyn Sampler>,
    batch_size: usize,
    last_batch: LastBatch,
}

/// The numbers that the batches of one epoch take.
#[derive(Debug)]
pub(super) struct Order {
    indices: Vec<usize>,
    batch_size: usize,
    pub(super) n_batches: usize,
}

impl BatchSampler {
    /// Batches of `batch_size`.
    ///
    /// # Errors
    /// [`Error::Setting`] if the batch size is 0.
    pub fn new(
        sampler: impl Sampler + 'static,
        batch_size: usize,
        last_batch: LastBatch,
    ) -> Result<Self> {
        let batch_size = one_or_more("batch_size", batch_size)?;
        Ok(Self { sampler: Arc::new(sampler), batch_size, last_batch })
    }

    /// The number of batches of an epoch, which only [`LastBatch::Rollover`] lets depend on it.
    pub fn n_batches(&self, epoch: u64) -> usize {
        let n = self.sampler.len();
        match self.last_batch {
            LastBatch::Keep => n.div_ceil(self.batch_size),
            LastBatch::Discard => n / self.batch_size,
            LastBatch::Rollover => {
                // A carry and n are below 2⁶⁵ together.
                let all = self.carry(epoch) as u128 + n as u128;
                (all / self.batch_size as u128) as usize
            }
        }
    }

    /// The batches of an epoch.
    ///
    /// # Randomness
    /// Draws from the address of the epoch's order under `key`.
    ///
    /// # Errors
    /// Those of the sampler; [`Error::Setting`] if it gives more or fewer numbers than it says;
    /// [`Error::TooLarge`] if they do not fit the address space.
    pub fn batches(&self, key: u64, epoch: u64) -> Result<Vec<Vec<usize>>> {
        let order = self.order(key, epoch)?;
        Ok((0..order.n_batches).map(|i| order.batch(i).to_vec()).collect())
    }

    pub(super) fn order(&self, key: u64, epoch: u64) -> Result<Order> {
        let mut left = match self.last_batch {
            LastBatch::Rollover => self.carry(epoch),
            LastBatch::Keep | LastBatch::Discard => 0,
        };
        let mut indices = self.indices(key, epoch)?;
        let mut before = epoch;
        while left > 0 {
            before -= 1; // No more is left than what the epochs before had together.
            let mut earlier = self.indices(key, before)?;
            let mut last = earlier.split_off(earlier.len().saturating_sub(left));
            left -= last.len();
            last.append(&mut indices);
            indices = last;
        }
        Ok(Order { indices, batch_size: self.batch_size, n_batches: self.n_batches(epoch) })
    }

    /// How many samples are left over by all epochs before.
    fn carry(&self, epoch: u64) -> usize {
        let size = self.batch_size as u128;
        (u128::from(epoch) * (self.sampler.len() as u128) % size) as usize
    }

    fn indices(&self, key: u64, epoch: u64) -> Result<Vec<usize>> {
        let dims = Dims::from(self.sampler.len());
        dims.checked_count().ok_or_else(|| Error::TooLarge { shape: dims.clone().into() })?;
        let indices = ordered(key, epoch, || self.sampler.indices(epoch))?;
        if indices.len() == self.sampler.len() {
            return Ok(indices);
        }
        let (setting, expected) = ("sampler", "as long as its `len` says");
        let found = format!("{} numbers for a `len` of {}", indices.len(), self.sampler.len());
        Err(Error::Setting { setting, expected, found: found.into() })
    }

    /// Another sampler, cut in the same way.
    pub(super) fn set_sampler(&mut self, sampler: Arc<dyn Sampler>) {
        self.sampler = sampler;
    }

    pub(super) fn set_last_batch(&mut self, last_batch: LastBatch) {
        self.last_batch = last_batch;
    }

    pub(super) fn n_indices(&self) -> usize {
        self.sampler.len()
    }

    /// The size of all batches but the last.
    pub fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// What becomes of the samples that do not fill a batch.
    pub fn last_batch(&self) -> LastBatch {
        self.last_batch
    }
}

impl Order {
    /// The numbers of one batch.
    pub(super) fn batch(&self, number: usize) -> &[usize] {
        let start = number * self.batch_size;
        &self.indices[start..start.saturating_add(self.batch_size).min(self.indices.len())]
    }
}

impl fmt::Debug for BatchSampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchSampler")
            .field("n_samples", &self.sampler.len())
            .field("batch_size", &self.batch_size)
            .field("last_batch", &self.last_batch)
            .finish()
    }
}
