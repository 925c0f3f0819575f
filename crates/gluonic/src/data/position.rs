//! Where a loader is, to go on from there later.

use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value, json};

use super::batch_sampler::LastBatch;
use crate::error::{Error, Result};

/// Where a [`DataLoader`](super::DataLoader) is: its key, the epoch, and how many batches of it were
/// handed out; and what it has to do with, so that it is not taken for that of another loader.
///
/// Written, and parsed, as a JSON object.
///
/// # Examples
/// ```
/// use gluonic::prelude::*;
/// let loader = DataLoader::new(ArrayDataset::new([&NdArray::arange::<f32>(10)])?, 4)?.seed(42);
/// let position = loader.position();
/// assert_eq!(
///     position.to_string(),
///     "{\"key\":\"0x2a\",\"epoch\":0,\"batches\":0,\"samples\":10,\"epoch_samples\":10,\
///      \"batch_size\":4,\"last_batch\":\"keep\"}"
/// );
/// assert_eq!(position.to_string().parse::<data::Position>()?, position);
/// # Ok::<(), gluonic::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    pub(super) key: u64,
    pub(super) epoch: u64,
    pub(super) batches: usize,
    /// Of the data set.
    pub(super) samples: usize,
    /// That the sampler takes in an epoch.
    pub(super) epoch_samples: usize,
    pub(super) batch_size: usize,
    pub(super) last_batch: LastBatch,
}

impl Position {
    /// The key that everything random is a function of.
    pub fn key(&self) -> u64 {
        self.key
    }

    /// The number of the epoch, from 0.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// How many batches of the epoch were handed out.
    pub fn batches(&self) -> usize {
        self.batches
    }

    /// Refuses a position of a loader that takes other samples, or other batches of them, than the
    /// one that is at `own`.
    pub(super) fn check(&self, own: &Position) -> Result<()> {
        let facts = |position: &Position| {
            [
                ("samples", position.samples.to_string()),
                ("epoch_samples", position.epoch_samples.to_string()),
                ("batch_size", position.batch_size.to_string()),
                ("last_batch", position.last_batch.to_string()),
            ]
        };
        for ((what, expected), (_, found)) in facts(own).into_iter().zip(facts(self)) {
            if expected != found {
                let (expected, found) = (expected.into(), found.into());
                return Err(Error::Position { what, expected, found });
            }
        }
        Ok(())
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The key as text, since numbers of JSON are exact to 53 bits only.
        let value = json!({
            "key": format!("{:#x}", self.key),
            "epoch": self.epoch,
            "batches": self.batches,
            "samples": self.samples,
            "epoch_samples": self.epoch_samples,
            "batch_size": self.batch_size,
            "last_batch": self.last_batch.to_string(),
        });
        value.fmt(f)
    }
}

impl FromStr for Position {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let fail = |message: String| Error::PositionText { message: message.into() };
        let map: Map<String, Value> =
            serde_json::from_str(text).map_err(|error| fail(error.to_string()))?;
        let get = |field: &str| map.get(field).ok_or_else(|| fail(format!("it has no `{field}`")));
        let number = |field: &str| {
            let bad = |value| fail(format!("`{field}` must be a number from 0, found {value}"));
            get(field).and_then(|value| value.as_u64().ok_or_else(|| bad(value)))
        };
        let count = |field: &str| {
            let bad = |_| fail(format!("`{field}` is too large"));
            number(field).and_then(|value| usize::try_from(value).map_err(bad))
        };
        let word = |field: &str| {
            let bad = |value| fail(format!("`{field}` must be a text, found {value}"));
            get(field).and_then(|value| value.as_str().ok_or_else(|| bad(value)))
        };
        let key = word("key")?;
        let digits = key.strip_prefix("0x").and_then(|digits| u64::from_str_radix(digits, 16).ok());
        Ok(Self {
            key: digits.ok_or_else(|| fail(format!("`key` must be as `0x2a`, found `{key}`")))?,
            epoch: number("epoch")?,
            batches: count("batches")?,
            samples: count("samples")?,
            epoch_samples: count("epoch_samples")?,
            batch_size: count("batch_size")?,
            last_batch: word("last_batch")?.parse()?,
        })
    }
}
