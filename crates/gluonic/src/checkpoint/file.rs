//! What a file holds, known from its header: [`Checkpoint`].

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gluonic_formats::{DType as RawDType, Format, TensorEntry, byte_len};
use indexmap::IndexMap;

use super::convert::raw_dtype;
use super::opened::{Kind, OpenFile};
use super::provenance::{self, ByKey, PROVENANCE};
use super::shards;
use super::source::{Arrays, FileBytes, Source, Values};
use super::tie::ALIASES;
use super::tree::{Tree, size};
use crate::array::NdArray;
use crate::error::{Error, Result};
use crate::param::Snapshot;
use crate::shape::Dims;
use crate::suggest::nearest;

/// A tensor of a checkpoint, as its header tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TensorInfo {
    /// Its name in the file.
    pub name: Box<str>,
    /// Its element type, which arrays may not be able to hold.
    pub dtype: RawDType,
    /// Its sizes.
    pub shape: Dims,
    /// The other names that the file's metadata gives it.
    pub aliases: Box<[Box<str>]>,
}

impl TensorInfo {
    pub(super) fn of(entry: &TensorEntry<'_>) -> TensorInfo {
        TensorInfo {
            name: (*entry.name).into(),
            dtype: entry.dtype,
            shape: entry.shape.as_slice().into(),
            aliases: Box::default(),
        }
    }

    /// The number of elements.
    pub fn elem_count(&self) -> usize {
        self.shape.elem_count()
    }

    /// The number of bytes that the elements take.
    pub fn bytes(&self) -> usize {
        byte_len(self.dtype, &self.shape).unwrap_or(0) // Readers have refused the others.
    }
}

/// A parameter file that has been opened: names, element types, shapes and metadata are known,
/// values are read when they are needed. Needs no model.
///
/// A cheap handle, which keeps the file open: its values stay readable when the file is saved over
/// or removed. If another program writes into the file itself, reading fails with
/// [`Error::Outdated`].
///
/// # Memory
/// The names and shapes. Values are read straight into the arrays that are asked for; the headers of
/// formats that have them all over the file (`.params`, NumPy's, PyTorch's), and values that must be
/// decoded, are read through a map of the file if it is larger than 1 MiB. A file that another
/// program cuts short in just that moment ends the process, as for every user of maps.
///
/// # Examples
/// ```
/// use gluonic::prelude::*;
/// # let folder = tempfile::tempdir()?; let file = folder.path().join("net.safetensors");
/// let net = sequential![Dense::new(3)];
/// net.initialize_with(&init::One, Reinit::Keep)?;
/// net.call(&NdArray::ones((1, 2), DType::F32)?)?;
/// net.save_parameters(&file)?;
///
/// let checkpoint = Checkpoint::open(&file)?;
/// let tree = checkpoint.tree().to_string();
/// assert_eq!(
///     tree.lines().skip(1).take(4).collect::<Vec<_>>(),
///     [
///         "name      dtype    shape   elements  bytes",
///         "0                                 9   36 B",
///         "  bias    float32  (3,)           3   12 B",
///         "  weight  float32  (3, 2)         6   24 B",
///     ]
/// );
/// assert_eq!(checkpoint.get("0.weight")?.to_vec::<f32>()?, [1.0; 6]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "safe_open")]
#[derive(Clone, Debug)]
pub struct Checkpoint(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: PathBuf,
    format: Option<Format>,
    metadata: IndexMap<String, String>,
    tensors: Vec<TensorInfo>,
    /// Every name and alias, with the position of its tensor.
    positions: HashMap<Box<str>, usize, foldhash::fast::RandomState>,
    provenance: ByKey,
    source: Box<dyn Source>,
}

impl Checkpoint {
    /// Opens a file of any format that can be read, told by its first bytes; by the index of a
    /// model in several files, all of these, which stand in the index's folder.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read; [`Error::Format`] if its header breaks the format's
    /// rules, or if it is of another kind.
    pub fn open(file: impl AsRef<Path>) -> Result<Self> {
        let file = file.as_ref();
        let (open, header) = match OpenFile::open(file)? {
            Kind::Index(text) => return shards::open(file, &text),
            Kind::Tensors(open, header) => (open, header),
        };
        let tensors = header.entries.iter().map(TensorInfo::of).collect();
        let (format, metadata) = (Some(header.format), header.metadata);
        Ok(Self::read(file.to_owned(), format, metadata, tensors, open))
    }

    /// Opens bytes that are in memory, or mapped to it. They are not copied.
    ///
    /// # Errors
    /// As [`Checkpoint::open`].
    ///
    /// # Examples
    /// ```
    /// use gluonic::prelude::*;
    /// let checkpoint = Checkpoint::from_bytes(b"\x02\0\0\0\0\0\0\0{}")?;
    /// assert!(checkpoint.tensors().is_empty());
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    pub fn from_bytes(bytes: impl AsRef<[u8]> + Send + Sync + 'static) -> Result<Self> {
        let file = PathBuf::from("<bytes>");
        let source = FileBytes { file: file.clone(), bytes: Box::new(bytes) };
        let header = source.header()?;
        let tensors = header.entries.iter().map(TensorInfo::of).collect();
        let (format, metadata) = (Some(header.format), header.metadata);
        Ok(Self::read(file, format, metadata, tensors, Box::new(source)))
    }

    /// Of a file, which may tell in its metadata where values came from.
    pub(super) fn read(
        file: PathBuf,
        format: Option<Format>,
        metadata: IndexMap<String, String>,
        tensors: Vec<TensorInfo>,
        source: Box<dyn Source>,
    ) -> Self {
        let provenance = metadata.get(PROVENANCE).map(|text| provenance::parse(text));
        Self::new(file, format, metadata, tensors, provenance.unwrap_or_default(), source)
    }

    pub(super) fn new(
        file: PathBuf,
        format: Option<Format>,
        metadata: IndexMap<String, String>,
        mut tensors: Vec<TensorInfo>,
        provenance: ByKey,
        source: Box<dyn Source>,
    ) -> Self {
        let names = tensors.iter().enumerate().map(|(i, tensor)| (tensor.name.clone(), i));
        let mut positions: HashMap<_, _, foldhash::fast::RandomState> = names.collect();
        let mut added: HashMap<usize, Vec<Box<str>>> = HashMap::new();
        for (alias, owner) in aliases(&metadata) {
            // A name of its own counts more than what the metadata says about it.
            if let Some(&owner) = positions.get(&owner).filter(|_| !positions.contains_key(&alias))
            {
                added.entry(owner).or_default().push(alias);
            }
        }
        for (owner, aliases) in added {
            positions.extend(aliases.iter().map(|alias| (alias.clone(), owner)));
            tensors[owner].aliases = aliases.into();
        }
        Checkpoint(Arc::new(Inner {
            file,
            format,
            metadata,
            tensors,
            positions,
            provenance,
            source,
        }))
    }

    /// The file; `<bytes>` or `<state>` where there is none.
    pub fn file(&self) -> &Path {
        &self.0.file
    }

    /// The format; `None` for a state.
    pub fn format(&self) -> Option<Format> {
        self.0.format
    }

    /// The texts that the file holds beside the tensors.
    pub fn metadata(&self) -> &IndexMap<String, String> {
        &self.0.metadata
    }

    /// What it holds, in the order of the file.
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.0.tensors
    }

    /// What it holds, as a tree of the names, to be printed.
    pub fn tree(&self) -> Tree<'_> {
        Tree::of(self)
    }

    /// What the header says of a tensor, by its name or an alias.
    ///
    /// # Errors
    /// [`Error::UnknownTensor`], with the nearest names.
    pub fn tensor(&self, name: &str) -> Result<&TensorInfo> {
        self.position(name).map(|position| &self.0.tensors[position])
    }

    fn position(&self, name: &str) -> Result<usize> {
        self.0.positions.get(name).copied().ok_or_else(|| {
            let known = self.0.positions.keys().map(|known| &**known);
            let (file, nearest) = (self.0.file.clone(), nearest(name, known));
            Error::UnknownTensor { key: name.into(), file: file.into(), nearest }
        })
    }

    /// Reads the value of a tensor, by its name or an alias. For many, use
    /// [`Checkpoint::to_arrays`], which reads neighbours together, and in parallel.
    ///
    /// # Errors
    /// [`Error::UnknownTensor`], with the nearest names; [`Error::TensorDType`] if arrays cannot
    /// hold its element type; [`Error::Format`] if its data breaks the format's rules;
    /// [`Error::Outdated`] if the file was written into; [`Error::Io`] if it cannot be read.
    pub fn get(&self, name: &str) -> Result<NdArray> {
        let position = self.position(name)?;
        self.open_values()?.array(position)
    }

    /// Reads every tensor, by its own name and its aliases. What is one tensor in the file is one
    /// array.
    ///
    /// # Errors
    /// As [`Checkpoint::get`], for the first that fails.
    pub fn to_arrays(&self) -> Result<IndexMap<Box<str>, NdArray>> {
        let positions: Vec<usize> = (0..self.0.tensors.len()).collect();
        let values = self.open_values()?.arrays(&positions)?;
        let mut arrays = IndexMap::with_capacity(self.0.positions.len());
        for (tensor, array) in self.0.tensors.iter().zip(values) {
            for name in [&tensor.name].into_iter().chain(&tensor.aliases) {
                arrays.insert(name.clone(), array.clone());
            }
        }
        Ok(arrays)
    }

    pub(super) fn open_values(&self) -> Result<Box<dyn Values + '_>> {
        self.0.source.open(&self.0.tensors)
    }

    /// Where the value of a tensor came from, if it is an initial one.
    pub(super) fn provenance(&self, name: &str) -> Option<&crate::param::Provenance> {
        self.0.provenance.get(name)
    }
}

/// The values of a model in memory, as if they had been saved and opened. Nothing is copied.
impl From<&Snapshot> for Checkpoint {
    fn from(state: &Snapshot) -> Self {
        let mut provenance = ByKey::default();
        let (mut tensors, mut arrays) = (Vec::new(), Vec::new());
        for (path, array) in state.iter() {
            let name: Box<str> = (&**path).into();
            if let Some(origin) = state.origin(path).filter(|origin| origin.initial) {
                provenance.insert(name.clone(), origin.provenance.clone());
            }
            let (dtype, shape) = (raw_dtype(array.dtype()), array.dims().clone());
            tensors.push(TensorInfo { name: name.clone(), dtype, shape, aliases: Box::default() });
            arrays.push((name, array));
        }
        let source = Box::new(Arrays(arrays));
        Checkpoint::new("<state>".into(), None, IndexMap::new(), tensors, provenance, source)
    }
}

/// The aliases that a file of ours declares. Metadata of other writers is not ours to judge.
fn aliases(metadata: &IndexMap<String, String>) -> Vec<(Box<str>, Box<str>)> {
    let text = metadata.get(ALIASES);
    let parsed = text.and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
    let Some(serde_json::Value::Object(map)) = parsed else { return Vec::new() };
    let pair = |(alias, owner): (String, serde_json::Value)| {
        Some((alias.into_boxed_str(), owner.as_str()?.into()))
    };
    map.into_iter().filter_map(pair).collect()
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { file, format, tensors, .. } = &*self.0;
        write!(f, "`{}`: ", file.display())?;
        if let Some(format) = format {
            write!(f, "{format}, ")?;
        }
        let sum = |count: fn(&TensorInfo) -> usize| {
            tensors.iter().map(count).fold(0, usize::saturating_add)
        };
        let (elements, bytes) = (sum(TensorInfo::elem_count), size(sum(TensorInfo::bytes)));
        write!(f, "{} tensors, {elements} elements, {bytes}", tensors.len())
    }
}
