//! The record of a file's digests in a file beside it, for formats that have no room for it.
//!
//! `net.params` has `net.params.digests.json`: the number of the file's bytes, the root, and the
//! digest of each tensor. It is written after the file, so a crash in between leaves a record that
//! is of the file before. Such a one is told from damage: see [`Sidecar::judge`].

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use gluonic_formats::digest::{self, Damage};
use gluonic_formats::{Digest, Format, TensorSpec};
use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::pieces::Sink;
use super::tensor_info::TensorInfo;
use super::write::write_from;
use crate::error::{Error, Result};
use crate::storage;

/// What follows the file's name.
const SUFFIX: &str = ".digests.json";

/// The key of the number of bytes.
const BYTES_KEY: &str = "gluonic.bytes";

/// A record that was found beside a file.
#[derive(Clone, Debug)]
pub(super) struct Sidecar {
    pub(super) path: PathBuf,
    /// The file's length when it was opened.
    bytes: u64,
    /// The text, or why there is none.
    text: Result<Vec<u8>, Box<str>>,
}

/// What a sidecar says about the tensors of its file.
pub(super) enum Verdict {
    /// Those that are not what they were. None if all is well.
    Damage(Vec<Damage>),
    /// Nothing, since it is of another state of the file, and why that is clear.
    Stale(Box<str>),
    /// Nothing, since it cannot be read, and why.
    Broken(Box<str>),
}

/// Whether files of a format have a sidecar: those that can be written, and hold tensors only.
fn has_sidecar(format: Format) -> bool {
    matches!(format, Format::MxnetParams | Format::Npz)
}

fn path_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(SUFFIX);
    name.into()
}

/// The most bytes that a record of tensors of these names can have, with room for those of another state.
fn most_bytes<'n>(names: impl Iterator<Item = &'n str>) -> u64 {
    const LEAST: usize = 1 << 20;
    // An escaped character has six bytes, a digest 64, and the rest is quotes and spaces.
    let entries = names.map(|name| 6 * name.len() + 96);
    (LEAST + entries.sum::<usize>()) as u64
}

/// Writes tensors, whose bytes `data` hands over, to a file and, if they are given, the record of
/// their digests: into the metadata if the format has any, else beside the file. A record of the file
/// before, which would be false, goes.
pub(super) fn write_recorded(
    file: &Path,
    format: Format,
    tensors: &[TensorSpec<'_>],
    metadata: &mut IndexMap<String, String>,
    digests: Option<&BTreeMap<&str, Digest>>,
    data: &mut dyn FnMut(usize, &mut Sink<'_>) -> Result<()>,
) -> Result<()> {
    if !has_sidecar(format) {
        if let Some(digests) = digests {
            digest::add_record(metadata, digests);
        }
        return write_from(file, format, tensors, metadata, data);
    }
    let record = digests.map(digest::record);
    let path = path_of(file);
    if record.is_some() {
        storage::check_small(&path)?;
    }
    write_from(file, format, tensors, metadata, data)?;
    if let Some(record) = record {
        let text = text_of(&record, storage::len(file)?)?;
        return storage::write_atomically(&path, |out: &mut dyn std::io::Write| {
            out.write_all(text.as_bytes())
        });
    }
    let old = storage::read_small(&path, most_bytes(tensors.iter().map(|tensor| tensor.name)));
    if let Ok(Some(old)) = old
        && parse(&old).is_ok()
        && let Err(error) = storage::remove(&path)
    {
        log::warn!("a record that is no longer true is left: {error}");
    }
    Ok(())
}

fn text_of(record: &IndexMap<String, String>, bytes: u64) -> Result<String> {
    let digests = &record[digest::TENSORS_KEY];
    let digests: Value = serde_json::from_str(digests)
        .map_err(|error| Error::user("writing the record of digests", error))?;
    let text = json!({
        BYTES_KEY: bytes,
        digest::ROOT_KEY: record[digest::ROOT_KEY],
        digest::TENSORS_KEY: digests,
    });
    Ok(format!("{text:#}\n"))
}

/// The number of bytes, and the record as it would stand among the metadata.
fn parse(text: &[u8]) -> Result<(u64, IndexMap<String, String>), Box<str>> {
    let map: Map<String, Value> = serde_json::from_slice(text)
        .map_err(|error| format!("it is no JSON object: {error}").into_boxed_str())?;
    let missing = |key: &str| format!("it has no `{key}`").into_boxed_str();
    let bytes = map.get(BYTES_KEY).and_then(Value::as_u64).ok_or_else(|| missing(BYTES_KEY))?;
    let root = map.get(digest::ROOT_KEY).and_then(Value::as_str);
    let root = root.ok_or_else(|| missing(digest::ROOT_KEY))?.to_owned();
    let digests = map.get(digest::TENSORS_KEY).filter(|digests| digests.is_object());
    let digests = digests.ok_or_else(|| missing(digest::TENSORS_KEY))?.to_string();
    let record = [(digest::ROOT_KEY.to_owned(), root), (digest::TENSORS_KEY.to_owned(), digests)];
    Ok((bytes, IndexMap::from(record)))
}

impl Sidecar {
    /// The record beside a file of so many bytes that holds these tensors, if there is one.
    pub(super) fn find(
        file: &Path,
        format: Format,
        bytes: u64,
        tensors: &[TensorInfo],
    ) -> Option<Sidecar> {
        if !has_sidecar(format) {
            return None;
        }
        let path = path_of(file);
        let names = tensors.iter().map(|tensor| &*tensor.name);
        let text = match storage::read_small(&path, most_bytes(names)) {
            Ok(text) => Ok(text?),
            Err(Error::Io { source, .. }) => Err(source.to_string().into()),
            Err(error) => Err(error.to_string().into()),
        };
        Some(Sidecar { path, bytes, text })
    }

    /// Compares the record with what the file holds: these tensors, of these digests.
    ///
    /// It is of another state of the file if the length differs, or if no tensor at all is what it
    /// was: damage leaves the others as they were, a training does not.
    pub(super) fn judge(&self, tensors: &[TensorInfo], own: &BTreeMap<&str, Digest>) -> Verdict {
        let parsed = self.text.as_ref().map_err(Clone::clone).and_then(|text| parse(text));
        let (bytes, metadata) = match parsed {
            Ok(record) => record,
            Err(reason) => return Verdict::Broken(reason),
        };
        let with_values = tensors.iter().filter(|tensor| tensor.bytes() > 0);
        let names: HashSet<&str> = with_values.map(|tensor| &*tensor.name).collect();
        let damage = match digest::compare(&metadata, own) {
            Ok(damage) => damage.unwrap_or_default(),
            Err(error) => return Verdict::Broken(error.to_string().into()),
        };
        if bytes != self.bytes && !damage.is_empty() {
            let found = self.bytes;
            return Verdict::Stale(
                format!("it is of a file of {bytes} bytes, this one has {found}").into(),
            );
        }
        let differing = damage.iter().filter(|damage| names.contains(&*damage.name)).count();
        if names.len() > 1 && differing == names.len() {
            return Verdict::Stale("every tensor has other values than it tells of".into());
        }
        Verdict::Damage(damage)
    }
}

impl Verdict {
    /// The damage, or why the record at `path` cannot tell.
    pub(super) fn damage(self, path: &Path) -> Result<Vec<Damage>> {
        let (stale, reason) = match self {
            Verdict::Damage(damage) => return Ok(damage),
            Verdict::Stale(reason) => (true, reason),
            Verdict::Broken(reason) => (false, reason),
        };
        Err(Error::Record { path: path.to_owned(), stale, reason })
    }
}
