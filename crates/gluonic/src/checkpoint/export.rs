//! A checkpoint to another file: of another format, layout, element type or number of files, or with
//! a record of what it holds.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use gluonic_formats::{Digest, Format, TensorSpec, digest};

use super::convert::{dtype_of, raw_dtype};
use super::file::Checkpoint;
use super::pieces::{Maker, Output, Sink};
use super::provenance::PROVENANCE;
use super::rename::{RenameRules, RuleMatches};
use super::shards::write_shards;
use super::sidecar::write_recorded;
use super::source::Values;
use super::tensor_info::TensorInfo;
use super::tie::{ALIASES, aliases_of};
use super::write::format_of;
use crate::array::DType;
use crate::error::{Error, Result};

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
    /// The most bytes of tensors in memory at once: 256 MiB if not given. The same is written with
    /// any number; with more, tensors whose axes are put in another order are read in longer runs.
    /// A piece has at least one element, however small the number.
    pub memory: Option<u64>,
}

/// What [`ExportOptions::memory`] is if it is not given.
const MEMORY: u64 = 256 << 20;

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
    /// The rename rules that took no key.
    pub idle_rules: Vec<RuleMatches>,
    /// The digest of all that was written: see [`Checkpoint::root`].
    pub root: Digest,
}

impl fmt::Display for ExportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ExportReport { files, tensors, cast, dropped, idle_rules, root } = self;
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
        write!(f, "; root {root}")?;
        let idle = idle_rules.iter().filter_map(RuleMatches::if_idle);
        idle.into_iter().try_for_each(|idle| write!(f, "\n{idle}"))
    }
}

/// What is to be written.
struct Outgoing<'v> {
    maker: Maker<'v>,
    outputs: Vec<Output>,
    /// The names of what is converted.
    cast: Vec<Box<str>>,
    idle_rules: Vec<RuleMatches>,
}

impl Checkpoint {
    /// Writes everything to another file. A `.safetensors` file keeps the metadata and holds a tied
    /// tensor once; other formats hold it by each of its names, and no metadata.
    ///
    /// # Memory
    /// [`ExportOptions::memory`]: every tensor is made, converted and written piece by piece. Only
    /// what a file has compressed, in another order or byte order, or without its zeros is decoded
    /// whole, at twice its size, as are tensors of which elements share bytes and that rules take
    /// apart or join.
    ///
    /// # Errors
    /// [`Error::Suffix`] if the suffix names no format that can be written; [`Error::Setting`] if
    /// tensors are to be converted to an integer type; [`Error::Rename`] if rules do not fit;
    /// [`Error::Memory`] if a tensor cannot be taken apart and is larger than is allowed;
    /// [`Error::Format`] if the format cannot hold a tensor, or the bytes of this checkpoint break
    /// the rules of theirs; [`Error::Outdated`] if the file was written into since it was opened;
    /// [`Error::Io`] if a file cannot be read or written.
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
        let memory = options.memory.unwrap_or(MEMORY);
        let values = self.open_values()?;
        let Outgoing { maker, outputs, cast, idle_rules } =
            self.outputs(&*values, format, options, memory)?;
        for output in &outputs {
            maker.check(output)?;
        }
        let mut digests: BTreeMap<usize, Digest> = BTreeMap::new();
        if options.digests {
            // They stand before the data.
            for (i, output) in outputs.iter().enumerate() {
                digests.insert(i, maker.digest(output)?);
            }
        }
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
        let by_name: Option<BTreeMap<&str, Digest>> = options
            .digests
            .then(|| digests.iter().map(|(i, digest)| (&*outputs[*i].name, *digest)).collect());
        let specs: Vec<TensorSpec<'_>> = outputs.iter().map(Output::spec).collect();
        let mut data = |i: usize, sink: &mut Sink<'_>| {
            if digests.contains_key(&i) {
                return maker.make(&outputs[i], sink);
            }
            let digest = maker.digest_on_the_way(&outputs[i], sink)?;
            digests.insert(i, digest);
            Ok(())
        };
        let by_name = by_name.as_ref();
        let files = if let Some(most) = options.max_shard_bytes {
            write_shards(file, format, &specs, metadata, by_name, most, &mut data)?
        } else {
            write_recorded(file, format, &specs, &mut metadata, by_name, &mut data)?;
            vec![file.to_owned()]
        };
        let mut named: BTreeMap<&str, Digest> =
            digests.iter().map(|(i, digest)| (&*outputs[*i].name, *digest)).collect();
        if format == Format::Safetensors && options.rename.is_none() {
            // A tied tensor is written once, and is there by all of its names.
            for info in self.tensors() {
                let digest = named[&*info.name];
                named.extend(info.aliases.iter().map(|alias| (&**alias, digest)));
            }
        }
        let root = digest::root(&named);
        Ok(ExportReport { files, tensors: outputs.len(), cast, dropped, idle_rules, root })
    }

    /// What is to be written, and who makes it.
    fn outputs<'v>(
        &'v self,
        values: &'v dyn Values,
        format: Format,
        options: &ExportOptions,
        memory: u64,
    ) -> Result<Outgoing<'v>> {
        let mut maker = Maker::of(values, self.tensors(), memory);
        maker.sources.clear();
        let (mut outputs, mut cast, mut idle_rules) = (Vec::new(), Vec::new(), Vec::new());
        for (position, info) in self.tensors().iter().enumerate() {
            let to = match (dtype_of(info.dtype), options.cast) {
                (Some(from), Some(to)) if from.is_float() && from != to => {
                    cast.push(info.name.clone());
                    raw_dtype(to)
                }
                _ => info.dtype,
            };
            let by_each_name = format != Format::Safetensors || options.rename.is_some();
            let aliases = info.aliases.iter().filter(|_| by_each_name);
            for name in aliases.chain([&info.name]) {
                let source = maker.sources.len();
                maker.sources.push((position, to));
                let output = Output::of(source, info);
                outputs.push(Output { name: name.clone(), dtype: to, ..output });
            }
        }
        if let Some(rules) = &options.rename {
            let sources: Vec<_> = outputs
                .iter()
                .map(|output| TensorInfo::new(&*output.name, &*output.shape, output.dtype))
                .collect();
            let plan = rules.plan(&sources)?;
            idle_rules = plan.rules().iter().filter(|rule| rule.matched == 0).cloned().collect();
            outputs = plan.targets().iter().map(Output::from).collect();
        }
        Ok(Outgoing { maker, outputs, cast, idle_rules })
    }
}
