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

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
};

use indexmap::{IndexMap, IndexSet};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::{
    Error, Format, Header, Limits,
    archive::refuse_duplicates,
    error::Shown,
    json::{StringMap, Text, longest_escaped_string, misplaced_string, place_of, reason_of},
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

/// Refuses the name of a file that could lie outside the index's folder, or that not every
/// system can open.
///
/// Allowed are plain names. Folders are not: no library writes an index with them. Unicode is:
/// letters that look like dots or slashes are letters.
///
/// # Errors
/// [`Error::FileName`] for an empty name, `.` and `..`, a slash, backslash or colon (paths, drives
/// and streams), a control character, a dot or space at the end (Windows drops them), more than
/// 255 bytes, and the names of devices on Windows, such as `NUL` and `com1.txt`.
///
/// # Examples
/// ```
/// use gluonic_formats::sharded::check_contained;
/// assert!(check_contained("model-00001-of-00002.safetensors").is_ok());
/// assert!(check_contained("../../etc/passwd").is_err());
/// ```
pub fn check_contained(file: &str) -> Result<(), Error> {
    let reason = if file.is_empty() {
        "is empty"
    } else if file == "." || file == ".." {
        "is a folder"
    } else if file.contains(['/', '\\']) {
        "is in another folder"
    } else if file.contains(':') {
        "has a colon"
    } else if file.contains(char::is_control) {
        "has a control character"
    } else if file.ends_with(['.', ' ']) {
        "ends in a dot or a space"
    } else if file.len() > 255 {
        "is longer than 255 bytes"
    } else if is_device(file) {
        "is a device on Windows"
    } else {
        return Ok(());
    };
    Err(Error::FileName { file: file.into(), reason })
}

/// Whether Windows takes the name for a device, which it does whatever stands after a dot.
fn is_device(file: &str) -> bool {
    let stem = file.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    if ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"].contains(&&*stem) {
        return true;
    }
    let number = stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT"));
    number.is_some_and(|number| {
        let mut digits = number.chars();
        let digit = digits.next().is_some_and(|c| c.is_ascii_digit() || "¹²³".contains(c));
        digit && digits.next().is_none()
    })
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

type Metadata = IndexMap<String, String>;
type WeightMap<'a> = IndexMap<Cow<'a, str>, Cow<'a, str>>;

struct IndexVisitor<'v> {
    budget: &'v mut Budget,
    failure: &'v mut Option<Error>,
}

impl<'a> DeserializeSeed<'a> for IndexVisitor<'_> {
    type Value = (Option<Metadata>, Option<WeightMap<'a>>);

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for IndexVisitor<'_> {
    type Value = (Option<Metadata>, Option<WeightMap<'a>>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `weight_map`")
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Self::Value, E> {
        misplaced_string()
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Self { budget, failure } = self;
        let (mut metadata, mut weight_map) = (None, None);
        while let Some(key) = map.next_key_seed(Text::new())? {
            let (budget, failure) = (&mut *budget, &mut *failure);
            let seen = match &*key {
                "metadata" => {
                    let value = map.next_value_seed(MetadataSeed { budget, failure })?;
                    metadata.replace(value).is_some()
                }
                "weight_map" => {
                    let place = "the tensors of the index";
                    let value = map.next_value_seed(StringMap { place, budget, failure })?;
                    weight_map.replace(value).is_some()
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    false
                }
            };
            if seen {
                let place = "the keys of the index";
                *failure = Some(Error::Duplicate { key: (*key).into(), place });
                return Err(serde::de::Error::custom(""));
            }
        }
        Ok((metadata, weight_map))
    }
}

struct MetadataSeed<'v> {
    budget: &'v mut Budget,
    failure: &'v mut Option<Error>,
}

impl<'a> DeserializeSeed<'a> for MetadataSeed<'_> {
    type Value = Metadata;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Metadata, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for MetadataSeed<'_> {
    type Value = Metadata;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Metadata, E> {
        misplaced_string()
    }

    /// `null`, which stands for no metadata.
    fn visit_unit<E>(self) -> Result<Metadata, E> {
        Ok(Metadata::new())
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Metadata, A::Error> {
        let mut metadata = Metadata::new();
        while let Some(key) = map.next_key_seed(Text::new())? {
            let Some(value) = map.next_value_seed(Scalar)? else { continue };
            let result = match self.budget.spend(Budget::PAIR + key.len() + value.len()) {
                Ok(()) if metadata.contains_key(&*key) => {
                    Err(Error::Duplicate { key: (*key).into(), place: "the metadata" })
                }
                other => other,
            };
            if let Err(failure) = result {
                *self.failure = Some(failure);
                return Err(serde::de::Error::custom(""));
            }
            metadata.insert(key.into_owned(), value.into_owned());
        }
        Ok(metadata)
    }
}

/// A text, number or truth value as text; `None` for all else.
struct Scalar;

impl<'a> DeserializeSeed<'a> for Scalar {
    type Value = Option<Cow<'a, str>>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Scalar {
    type Value = Option<Cow<'a, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(number.to_string().into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(number.to_string().into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Some(format!("{number:?}").into()))
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Self::Value, E> {
        Ok(Some(truth.to_string().into()))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}
