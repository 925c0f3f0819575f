//! Models in several files: the index that says which tensor stands in which.
//!
//! The main type is [`ShardIndex`], read from and written to `model.safetensors.index.json`, as
//! Hugging Face's libraries have it; PyTorch's `pytorch_model.bin.index.json` is of the same form.
//! [`ShardIndex::check`] compares it with the headers of its files, and [`plan_shards`] divides
//! tensors among files to be written. Opening the files is up to the caller, who can rely on
//! [`check_contained`]: an index that was read names plain files of its own folder only.
//!
//! DIFFERENCE to Hugging Face's libraries: a tensor that is named twice is refused, and so is a file
//! in another folder, where they follow any path.

mod contained;
mod parse;
mod plan;

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
};

use indexmap::{IndexMap, IndexSet};
use serde::de::DeserializeSeed;

use self::parse::IndexVisitor;
pub use self::{
    contained::check_contained,
    plan::{Shard, ShardPlan, plan_shards},
};
use crate::{
    Error, Format, Header, Limits,
    error::Shown,
    json::{longest_escaped_string, place_of, reason_of},
    limits::Budget,
};

const FORMAT: Format = Format::ShardIndex;
const TOTAL_SIZE: &str = "total_size";

/// Which tensor stands in which file.
///
/// # Examples
/// ```
/// use gluonic_formats::{Limits, ShardIndex};
/// let text = br#"{
///   "metadata": {"total_size": 16},
///   "weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
/// }"#;
/// let index = ShardIndex::read(text, &Limits::default())?;
/// assert_eq!(index.total_size(), Some(16));
/// assert_eq!(index.weight_map["b"], "model-00002-of-00002.safetensors");
/// assert_eq!(index.files().count(), 2);
/// # Ok::<(), gluonic_formats::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShardIndex<'a> {
    /// What is said beside the map: texts, and numbers and truth values as they were written.
    pub metadata: IndexMap<String, String>,
    /// The file of each tensor, in the index's order.
    pub weight_map: IndexMap<Cow<'a, str>, Cow<'a, str>>,
}

impl<'a> ShardIndex<'a> {
    /// Reads an index. Keys that are not known are skipped, and so are lists and objects in the
    /// metadata.
    ///
    /// # Memory
    /// Names and files without escapes borrow from `bytes`.
    ///
    /// # Errors
    /// * [`Error::NotUtf8`], [`Error::Header`] if it is no JSON, or has no `weight_map`.
    /// * [`Error::Duplicate`] if a key occurs twice.
    /// * [`Error::FileName`] if [`check_contained`] refuses a file.
    /// * [`Error::Limit`] if it claims more than `limits` allow.
    ///
    /// # Panics
    /// Never, whatever the bytes.
    ///
    /// # Source
    /// The form as `huggingface_hub`, `serialization/_torch.py`, `save_torch_state_dict`.
    pub fn read(bytes: &'a [u8], limits: &Limits) -> Result<Self, Error> {
        let (what, limit) = ("the length of the index", limits.max_header_bytes);
        Limits::check(FORMAT, what, limit, bytes.len() as u64)?;
        let text = std::str::from_utf8(bytes).map_err(|error| Error::NotUtf8 {
            format: FORMAT,
            what: "text",
            offset: error.valid_up_to() as u64,
        })?;
        let mut budget = Budget::new(FORMAT, limits, bytes.len());
        // JSON strings with escapes pass through a buffer that doubles, and are copied out of it.
        budget.spend(longest_escaped_string(text).saturating_mul(3))?;
        let mut failure = None;
        let mut json = serde_json::Deserializer::from_str(text);
        let visitor = IndexVisitor { budget: &mut budget, failure: &mut failure };
        let result = visitor.deserialize(&mut json).and_then(|index| json.end().map(|()| index));
        let malformed =
            |offset, reason| Error::Header { format: FORMAT, key: None, offset, reason };
        let (metadata, weight_map) = match (failure, result) {
            (Some(failure), _) => return Err(failure),
            (None, Err(error)) => {
                return Err(malformed(place_of(&error, text), reason_of(&error)));
            }
            (None, Ok((metadata, Some(weight_map)))) => (metadata.unwrap_or_default(), weight_map),
            (None, Ok((_, None))) => return Err(malformed(0, "it has no `weight_map`".into())),
        };
        let index = Self { metadata, weight_map };
        let (what, limit) = ("the number of tensors", limits.max_tensors);
        Limits::check(FORMAT, what, limit, index.weight_map.len() as u64)?;
        for name in index.weight_map.keys() {
            let (what, limit) = ("the length of a name", limits.max_name_bytes);
            Limits::check(FORMAT, what, limit, name.len() as u64)?;
        }
        index.files().try_for_each(check_contained)?;
        Ok(index)
    }

    /// How many bytes the tensors take, if the metadata say so. A claim that nobody checks: of old
    /// indexes it is known to count tied tensors twice, or parts of bytes.
    pub fn total_size(&self) -> Option<u64> {
        let text = self.metadata.get(TOTAL_SIZE)?;
        let rounded = || text.parse::<f64>().ok().filter(|n| *n >= 0.0 && *n < 1e18);
        text.parse().ok().or_else(|| rounded().map(|n| n.ceil() as u64))
    }

    /// The files, each once, in the order in which the map names them.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        let files: IndexSet<&str> = self.weight_map.values().map(AsRef::as_ref).collect();
        files.into_iter()
    }

    /// Compares the index with the headers of its files, and gives all that does not fit.
    ///
    /// # Errors
    /// [`Error::Shards`] with a [`ShardReport`] unless every tensor stands in the file that the
    /// index names and in no other, and the files hold no other tensors.
    pub fn check(&self, shards: &[(&str, &Header<'_>)]) -> Result<(), Error> {
        let mut holders: HashMap<&str, Vec<&str>> = HashMap::new();
        for (file, header) in shards {
            for entry in &header.entries {
                holders.entry(&entry.name).or_default().push(file);
            }
        }
        let read: HashSet<&str> = shards.iter().map(|(file, _)| *file).collect();
        let mut report = ShardReport::default();
        report
            .missing_files
            .extend(self.files().filter(|file| !read.contains(file)).map(str::to_owned));
        for (name, file) in &self.weight_map {
            let held = holders.get(&**name).is_some_and(|files| files.contains(&&**file));
            if !held && read.contains(&**file) {
                report.missing.push((name.to_string(), file.to_string()));
            }
        }
        for (name, files) in holders {
            match files.as_slice() {
                [file] if self.weight_map.get(name).is_some_and(|mapped| mapped == file) => {}
                [file] => report.extra.push((name.to_owned(), (*file).to_owned())),
                _ => {
                    let files = files.iter().map(|file| (*file).to_owned()).collect();
                    report.duplicates.push((name.to_owned(), files));
                }
            }
        }
        report.missing_files.sort_unstable();
        report.missing.sort_unstable();
        report.extra.sort_unstable();
        report.duplicates.sort_unstable();
        if report == ShardReport::default() {
            return Ok(());
        }
        Err(Error::Shards { report: Box::new(report) })
    }

    /// The index as text: sorted by key, so that the same content gives the same bytes. For names in
    /// ASCII they are those that Hugging Face's libraries write.
    ///
    /// # Errors
    /// [`Error::FileName`] if [`check_contained`] refuses a file.
    pub fn to_json(&self) -> Result<String, Error> {
        self.files().try_for_each(check_contained)?;
        let metadata: BTreeMap<&str, serde_json::Value> = self
            .metadata
            .iter()
            .map(|(key, text)| {
                let number = self.total_size().filter(|_| key == TOTAL_SIZE);
                (key.as_str(), number.map_or_else(|| text.as_str().into(), Into::into))
            })
            .collect();
        let weight_map: BTreeMap<&str, &str> =
            self.weight_map.iter().map(|(name, file)| (&**name, &**file)).collect();
        let pretty =
            |error: serde_json::Error| Error::Write { format: FORMAT, source: error.into() };
        let metadata = serde_json::to_string_pretty(&metadata).map_err(pretty)?;
        let weight_map = serde_json::to_string_pretty(&weight_map).map_err(pretty)?;
        let (metadata, weight_map) = (indented(&metadata), indented(&weight_map));
        Ok(format!("{{\n  \"metadata\": {metadata},\n  \"weight_map\": {weight_map}\n}}\n"))
    }
}

/// Strings hold no line ends in JSON, so every one is the printer's.
fn indented(json: &str) -> String {
    json.replace('\n', "\n  ")
}

/// In what the files of a model differ from its index; each list is sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShardReport {
    /// Files that the index names and that were not given.
    pub missing_files: Vec<String>,
    /// Tensors that are not in the file that the index names, and that file.
    pub missing: Vec<(String, String)>,
    /// Tensors that stand in a file without the index saying so, and that file.
    pub extra: Vec<(String, String)>,
    /// Tensors that stand in several files, and these.
    pub duplicates: Vec<(String, Vec<String>)>,
}

impl fmt::Display for ShardReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pair =
            |(name, file): &(String, String)| format!("`{}` in `{}`", Shown(name), Shown(file));
        let lists: [(&str, Vec<String>); 4] = [
            (
                "missing files",
                self.missing_files.iter().map(|file| format!("`{}`", Shown(file))).collect(),
            ),
            ("missing tensors", self.missing.iter().map(pair).collect()),
            ("extra tensors", self.extra.iter().map(pair).collect()),
            (
                "tensors in several files",
                self.duplicates
                    .iter()
                    .map(|(name, files)| {
                        let files: Vec<_> =
                            files.iter().map(|file| format!("`{}`", Shown(file))).collect();
                        format!("`{}` in {}", Shown(name), files.join(" and "))
                    })
                    .collect(),
            ),
        ];
        let parts = lists.into_iter().filter(|(_, list)| !list.is_empty()).map(|(what, list)| {
            const MOST: usize = 10;
            let more = list.len().saturating_sub(MOST);
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            format!("{what} {}{more}", list.get(..MOST).unwrap_or(&list).join(", "))
        });
        f.write_str(&parts.collect::<Vec<_>>().join("; "))
    }
}
