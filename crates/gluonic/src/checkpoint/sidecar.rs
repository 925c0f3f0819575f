//! The record of a file's digests in a file beside it, for formats that have no room for it.
//!
//! `net.params` has `net.params.digests.json`: the number of the file's bytes, a digest of them, the
//! root, and the digest of each tensor. It is written after the file, so a crash in between leaves a
//! record that is of the file before. Such a one is told from damage: see [`Sidecar::judge`].

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use gluonic_formats::digest::{self, Damage, TensorHasher};
use gluonic_formats::{DType, Digest, Format, TensorSpec};
use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::pieces::Sink;
use super::tensor_info::TensorInfo;
use super::write::write_from;
use crate::error::{Error, Result};
use crate::storage::{self, Opened};

/// What follows the file's name.
const SUFFIX: &str = ".digests.json";

/// The key of the number of bytes.
const BYTES_KEY: &str = "gluonic.bytes";

/// The key of the digest of the file's bytes, as of a tensor of bytes.
const FILE_KEY: &str = "gluonic.file";

/// What [`Damage`] calls the bytes of a file that are in no tensor.
const FILE: &str = "__file__";

/// A record that was found beside a file.
#[derive(Clone, Debug)]
pub(super) struct Sidecar {
    pub(super) path: PathBuf,
    file: PathBuf,
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
    let path = path_of(file);
    if digests.is_some() {
        storage::check_small(&path)?;
    }
    write_from(file, format, tensors, metadata, data)?;
    if let Some(digests) = digests {
        let (bytes, whole) = digest_of(file)?;
        let text = text_of(digests, bytes, whole);
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

/// The number of a file's bytes, and their digest as of a tensor of bytes.
fn digest_of(file: &Path) -> Result<(u64, Digest)> {
    /// The bytes that are read at once.
    const PIECE: usize = 1 << 20;
    let open = Opened::open(file)?;
    let fail = |error| Error::user("the digest of a file", error);
    let len = usize::try_from(open.len()).unwrap_or(usize::MAX);
    let mut hasher = TensorHasher::new(FILE, DType::U8, &[len]).map_err(fail)?;
    let mut buffer = vec![0; len.min(PIECE)];
    for start in (0..len).step_by(PIECE) {
        let piece = &mut buffer[..PIECE.min(len - start)];
        open.read_at(piece, start as u64)?;
        hasher.update(piece);
    }
    Ok((open.len(), hasher.finish().map_err(fail)?))
}

fn text_of(digests: &BTreeMap<&str, Digest>, bytes: u64, whole: Digest) -> String {
    let mut record = IndexMap::from([
        (BYTES_KEY.to_owned(), bytes.to_string()),
        (FILE_KEY.to_owned(), whole.to_string()),
    ]);
    digest::add_record(&mut record, digests);
    let mut text: Map<String, Value> =
        record.into_iter().map(|(key, value)| (key, value.into())).collect();
    // For people, an object rather than the text of one.
    let names =
        digests.iter().map(|(name, digest)| ((*name).to_owned(), digest.to_string().into()));
    text.insert(digest::TENSORS_KEY.to_owned(), Value::Object(names.collect()));
    format!("{:#}\n", Value::Object(text))
}

/// The record as it would stand among the metadata.
fn parse(text: &[u8]) -> Result<IndexMap<String, String>, Box<str>> {
    let map: Map<String, Value> = serde_json::from_slice(text)
        .map_err(|error| format!("it is no JSON object: {error}").into_boxed_str())?;
    let keys = [BYTES_KEY, FILE_KEY, digest::ROOT_KEY, digest::TENSORS_KEY, digest::METADATA_KEY];
    if let Some(missing) = keys.into_iter().find(|key| !map.contains_key(*key)) {
        return Err(format!("it has no `{missing}`").into());
    }
    let texts = map.into_iter().map(|(key, value)| match value {
        Value::String(text) => (key, text),
        other => (key, other.to_string()),
    });
    Ok(texts.collect())
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
        Some(Sidecar { path, file: file.to_owned(), bytes, text })
    }

    /// Compares the record with what the file holds: these tensors, of these digests.
    ///
    /// It is of another state of the file if the length differs, or if no tensor at all is what it
    /// was: damage leaves the others as they were, a training does not.
    pub(super) fn judge(&self, tensors: &[TensorInfo], own: &BTreeMap<&str, Digest>) -> Verdict {
        let parsed = self.text.as_ref().map_err(Clone::clone).and_then(|text| parse(text));
        let metadata = match parsed {
            Ok(record) => record,
            Err(reason) => return Verdict::Broken(reason),
        };
        let bytes = metadata.get(BYTES_KEY).and_then(|text| text.parse::<u64>().ok());
        let whole = metadata.get(FILE_KEY).and_then(|text| text.parse::<Digest>().ok());
        let with_values = tensors.iter().filter(|tensor| tensor.bytes() > 0);
        let names: HashSet<&str> = with_values.map(|tensor| &*tensor.name).collect();
        let mut damage = match digest::compare(&metadata, own) {
            Ok(damage) => damage.unwrap_or_default(),
            Err(error) => return Verdict::Broken(error.to_string().into()),
        };
        let (Some(bytes), Some(whole)) = (bytes, whole) else {
            return Verdict::Broken("it has no length or no digest of the file".into());
        };
        if damage.iter().any(|damage| damage.name == digest::METADATA) {
            return Verdict::Broken("it is not what was written".into());
        }
        if bytes != self.bytes {
            let found = self.bytes;
            // Another program may have written the same tensors in another way.
            return if damage.is_empty() {
                Verdict::Damage(damage)
            } else {
                let reason = format!("it is of a file of {bytes} bytes, this one has {found}");
                Verdict::Stale(reason.into())
            };
        }
        if damage.is_empty() {
            match digest_of(&self.file) {
                Ok((_, found)) if found == whole => {}
                Ok((_, found)) => damage.push(Damage {
                    name: FILE.to_owned(),
                    expected: Some(whole),
                    found: Some(found),
                }),
                Err(error) => return Verdict::Broken(error.to_string().into()),
            }
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
