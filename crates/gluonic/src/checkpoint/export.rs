//! A checkpoint to another file: of another format, layout, element type or number of files, or with
//! a record of what it holds.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use gluonic_formats::sharded::plan_shards;
use gluonic_formats::{Digest, Format, RawTensor, digest};
use indexmap::IndexMap;

use super::convert::{Outgoing, dtype_of};
use super::file::Checkpoint;
use super::provenance::PROVENANCE;
use super::rename::RenameRules;
use super::sidecar::write_recorded;
use super::source::FileBytes;
use super::tie::{ALIASES, aliases_of};
use super::write::format_of;
use crate::array::DType;
use crate::error::{Error, Result};
use crate::storage;

/// How a checkpoint is written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExportOptions {
    /// The format, if the suffix is not to decide.
    pub format: Option<Format>,
    /// Rules by which tensors get other names, are split, joined, permuted or dropped. What the
    /// metadata says about the old names goes.
    pub rename: Option<RenameRules>,
    /// The element type that floating-point tensors are converted to. Others stay as they are.
    pub cast: Option<DType>,
    /// The most bytes of tensors in one file. With it, several files and their index are written,
    /// if one is not enough.
    pub max_shard_bytes: Option<u64>,
    /// Whether the digests of the tensors, and of all together, are recorded: see
    /// [`SaveOptions::digests`](super::SaveOptions::digests). Those of a model in several files are
    /// in its index.
    pub digests: bool,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExportReport {
    /// The files, the index last if there is one.
    pub files: Vec<PathBuf>,
    /// The number of tensors, of which a tied one may count more than once.
    pub tensors: usize,
    /// The names of the tensors that were converted to another element type.
    pub cast: Vec<Box<str>>,
    /// The keys of the metadata that the format has no room for.
    pub dropped: Vec<Box<str>>,
    /// The digest of all that was written: see [`Checkpoint::root`].
    pub root: Digest,
}

impl fmt::Display for ExportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ExportReport { files, tensors, cast, dropped, root } = self;
        let last = files.last().map(|file| file.display().to_string()).unwrap_or_default();
        write!(f, "wrote {tensors} tensors to `{last}`")?;
        if files.len() > 1 {
            write!(f, " and {} more files", files.len() - 1)?;
        }
        if !cast.is_empty() {
            write!(f, ", {} of them converted", cast.len())?;
        }
        if !dropped.is_empty() {
            write!(f, ", without the metadata {}", crate::error::list(dropped))?;
        }
        write!(f, "; root {root}")
    }
}

impl Checkpoint {
    /// Writes everything to another file. A `.safetensors` file keeps the metadata and holds a tied
    /// tensor once; other formats hold it by each of its names, and no metadata.
    ///
    /// # Memory
    /// What is converted is in memory until all is written; the rest is borrowed.
    ///
    /// # Errors
    /// [`Error::Suffix`] if the suffix names no format that can be written; [`Error::Setting`] if
    /// tensors are to be converted to an integer type; [`Error::Rename`] if rules do not fit; [`Error::Format`] if
    /// the format cannot hold a tensor, or the bytes of this checkpoint break the rules of theirs;
    /// [`Error::Io`] if a file cannot be written.
    ///
    /// # Examples
    /// ```
    /// use gluonic::checkpoint::ExportOptions;
    /// use gluonic::prelude::*;
    /// # let folder = tempfile::tempdir()?; let file = |name: &str| folder.path().join(name);
    /// let net = Dense::new(3);
    /// net.initialize()?;
    /// net.infer_shapes(&[(1, 2)])?;
    /// net.save_parameters(file("net.params"))?;
    /// let options = ExportOptions { digests: true, ..ExportOptions::default() };
    /// let report = Checkpoint::open(file("net.params"))?.export(file("net.safetensors"), &options)?;
    /// let copy = Checkpoint::open(file("net.safetensors"))?;
    /// assert_eq!(copy.root()?, report.root);
    /// assert_eq!(copy.verify()?.unwrap(), []);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn export(&self, file: impl AsRef<Path>, options: &ExportOptions) -> Result<ExportReport> {
        let file = file.as_ref();
        let format = options.format.map_or_else(|| format_of(file), Ok)?;
        if let Some(dtype) = options.cast.filter(|dtype| !dtype.is_float()) {
            let (setting, expected) = ("cast", "a floating-point type");
            return Err(Error::Setting { setting, expected, found: dtype.to_string().into() });
        }
        let values = self.open_values()?;
        let converted = (0..self.tensors().len()).map(|i| {
            let (from, to) = (dtype_of(self.tensors()[i].dtype), options.cast);
            match (from, to) {
                (Some(from), Some(to)) if from.is_float() && from != to => {
                    Ok(Some(Outgoing::new(&values.array(i)?.cast(to)?)?))
                }
                _ => Ok(None),
            }
        });
        let converted = converted.collect::<Result<Vec<_>>>()?;
        let mut tensors = Vec::new();
        let mut cast = Vec::new();
        for (i, (info, converted)) in self.tensors().iter().zip(&converted).enumerate() {
            let raw = match converted {
                Some(value) => {
                    cast.push(info.name.clone());
                    value.raw(&info.name)?
                }
                None => values.raw(i)?,
            };
            if format != Format::Safetensors || options.rename.is_some() {
                let aliases = info.aliases.iter();
                tensors.extend(aliases.map(|alias| raw.clone().with_name(&**alias)));
            }
            tensors.push(raw);
        }
        let plan = match &options.rename {
            Some(rules) => Some(rules.plan(&tensors.iter().map(Into::into).collect::<Vec<_>>())?),
            None => None,
        };
        let renamed = plan.as_ref().map(|plan| plan.apply(&tensors).collect::<Result<Vec<_>>>());
        let renamed = renamed.transpose()?;
        let tensors = renamed.as_ref().unwrap_or(&tensors);
        let digests = digest::digests(tensors).map_err(FileBytes::fail(self.file()))?;
        let mut named: BTreeMap<&str, Digest> = digests.clone();
        if format == Format::Safetensors && options.rename.is_none() {
            // A tied tensor is written once, and is there by all of its names.
            for info in self.tensors() {
                let digest = digests[&*info.name];
                named.extend(info.aliases.iter().map(|alias| (&**alias, digest)));
            }
        }
        let root = digest::root(&named);
        let mut metadata = self.metadata().clone();
        digest::remove_record(&mut metadata);
        if options.rename.is_some() {
            metadata.retain(|key, _| key != ALIASES && key != PROVENANCE);
        } else if format == Format::Safetensors {
            // Not every format that says what is tied has said so in its metadata.
            metadata.extend(aliases_of(self.tensors()));
        }
        let mut dropped = Vec::new();
        if format != Format::Safetensors {
            dropped.extend(metadata.drain(..).map(|(key, _)| key.into_boxed_str()));
        }
        let digests = options.digests.then_some(&digests);
        let files = if let Some(most) = options.max_shard_bytes {
            write_shards(file, format, tensors, metadata, digests, most)?
        } else {
            write_recorded(file, format, tensors, &mut metadata, digests)?;
            vec![file.to_owned()]
        };
        Ok(ExportReport { files, tensors: tensors.len(), cast, dropped, root })
    }
}

/// Writes tensors to several files, and then their index; to one file if that is enough.
fn write_shards(
    file: &Path,
    format: Format,
    tensors: &[RawTensor<'_>],
    mut metadata: IndexMap<String, String>,
    digests: Option<&BTreeMap<&str, Digest>>,
    most: u64,
) -> Result<Vec<PathBuf>> {
    let fail = FileBytes::fail;
    let name = file.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| Error::Suffix { path: file.to_owned() })?;
    let sizes = tensors.iter().map(|tensor| (tensor.name(), tensor.data().len() as u64));
    let sizes: Vec<_> = sizes.collect();
    let mut plan = plan_shards(&sizes, most, name).map_err(fail(file))?;
    if let [_] = plan.shards.as_slice() {
        write_recorded(file, format, tensors, &mut metadata, digests)?;
        return Ok(vec![file.to_owned()]);
    }
    let mut files = Vec::new();
    for shard in &plan.shards {
        let path = file.with_file_name(&shard.file);
        let own: Vec<_> = shard.tensors.iter().map(|i| tensors[*i].to_borrowed()).collect();
        write_recorded(&path, format, &own, &mut IndexMap::new(), None)?;
        files.push(path);
    }
    plan.index.metadata.extend(metadata);
    if let Some(digests) = digests {
        digest::add_record(&mut plan.index.metadata, digests);
    }
    // Last, so that whoever finds an index finds its files.
    let path = file.with_file_name(format!("{name}.index.json"));
    let text: Cow<'_, str> = plan.index.to_json().map_err(fail(&path))?.into();
    storage::write_atomically(&path, |out: &mut dyn std::io::Write| {
        out.write_all(text.as_bytes())
    })?;
    files.push(path);
    Ok(files)
}
