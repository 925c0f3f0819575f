//! How tensors are divided among files.

use std::borrow::Cow;

use indexmap::IndexMap;

use super::{ShardIndex, TOTAL_SIZE, check_contained};
use crate::{Error, archive::refuse_duplicates};

/// A division of tensors among files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardPlan<'a> {
    /// The files to write.
    pub shards: Vec<Shard>,
    /// The index to write, under the name given with `.index.json` after it. A model in one file
    /// needs none.
    pub index: ShardIndex<'a>,
}

/// One file of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Its name: the name given if it is the only one, else such as
    /// `model-00001-of-00003.safetensors`.
    pub file: String,
    /// Which tensors it holds, as places in the list given.
    pub tensors: Vec<usize>,
    /// How many bytes these take.
    pub bytes: u64,
}

/// Divides tensors of these names and byte lengths among files of at most `max_shard_bytes`
/// (headers not counted), in the order given.
///
/// A tensor that is longer gets a file of its own, and the file that was being filled is filled
/// on.
///
/// # Errors
/// * [`Error::FileName`] if [`check_contained`] refuses `file`.
/// * [`Error::Duplicate`] if two tensors have one name.
///
/// # Examples
/// ```
/// use gluonic_formats::sharded::plan_shards;
/// let plan = plan_shards(&[("a", 4), ("b", 9), ("c", 2)], 6, "model.safetensors")?;
/// assert_eq!(plan.shards[0].tensors, [1]);
/// assert_eq!(plan.shards[1].tensors, [0, 2]);
/// assert_eq!(plan.index.weight_map["b"], "model-00001-of-00002.safetensors");
/// # Ok::<(), gluonic_formats::Error>(())
/// ```
///
/// # Source
/// The division as `huggingface_hub`, `serialization/_base.py`, `split_state_dict_into_shards_factory`.
pub fn plan_shards<'a>(
    tensors: &[(&'a str, u64)],
    max_shard_bytes: u64,
    file: &str,
) -> Result<ShardPlan<'a>, Error> {
    check_contained(file)?;
    refuse_duplicates(tensors.iter().map(|(name, _)| *name))?;
    let shard = |tensors, bytes| Shard { file: String::new(), tensors, bytes };
    let (mut shards, mut current) = (Vec::new(), shard(Vec::new(), 0));
    for (place, &(_, len)) in tensors.iter().enumerate() {
        if len > max_shard_bytes {
            shards.push(shard(vec![place], len));
            continue;
        }
        if current.bytes.checked_add(len).is_none_or(|sum| sum > max_shard_bytes) {
            shards.push(std::mem::replace(&mut current, shard(Vec::new(), 0)));
        }
        current.tensors.push(place);
        current.bytes += len; // Within the bound, as was just checked.
    }
    if !current.tensors.is_empty() || shards.is_empty() {
        shards.push(current);
    }
    let count = shards.len();
    let (stem, suffix) = file
        .rsplit_once('.')
        .map_or((file, String::new()), |(stem, suffix)| (stem, format!(".{suffix}")));
    let mut weight_map = vec![Cow::Borrowed(""); tensors.len()];
    for (number, shard) in (1..).zip(&mut shards) {
        shard.file = match count {
            1 => file.to_owned(),
            _ => format!("{stem}-{number:05}-of-{count:05}{suffix}"),
        };
        check_contained(&shard.file)?;
        for place in &shard.tensors {
            if let Some(slot) = weight_map.get_mut(*place) {
                *slot = Cow::Owned(shard.file.clone());
            }
        }
    }
    let total = tensors.iter().fold(0, |sum: u64, (_, len)| sum.saturating_add(*len));
    let names = tensors.iter().map(|(name, _)| Cow::Borrowed(*name));
    let index = ShardIndex {
        metadata: IndexMap::from([(TOTAL_SIZE.to_owned(), total.to_string())]),
        weight_map: names.zip(weight_map).collect(),
    };
    Ok(ShardPlan { shards, index })
}
