//! What a file holds, known from its header: [`Checkpoint`].

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use gluonic_formats::{Format, Header};
use indexmap::IndexMap;

use super::convert::raw_dtype;
use super::once::once;
use super::opened::{Kind, OpenFile};
use super::provenance::{self, ByKey, PROVENANCE};
use super::rename::{Making, RenamePlan};
use super::renamed::Renaming;
use super::shards;
use super::sidecar::Sidecar;
use super::source::{Arrays, FileBytes, Source, Values};
use super::tensor_info::TensorInfo;
use super::tie::ALIASES;
use super::tree::{Tree, size};
use crate::array::NdArray;
use crate::error::{Error, Names, Result};
use crate::param::Snapshot;
use crate::suggest::nearest;

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
    /// Where initial values came from. The metadata is parsed when it is first asked.
    provenance: OnceLock<ByKey>,
    source: Box<dyn Source>,
    /// The rules through which the file is seen, if it is.
    renaming: Option<Arc<Renaming>>,
    sidecar: Option<Sidecar>,
    /// Whether the file itself has the names.
    named: bool,
}

impl Checkpoint {
    /// Opens a file of any format that can be read, told by its first bytes; by the index of a
    /// model in several files, all of these, which stand in the index's folder.
    ///
    /// If there is a record of the file's digests beside it (see
    /// [`SaveOptions::digests`](super::SaveOptions::digests)), [`Checkpoint::verify`] uses it. It is
    /// never needed, and no harm if it is broken.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read; [`Error::Format`] if its header breaks the format's
    /// rules, or if it is of another kind.
    pub fn open(file: impl AsRef<Path>) -> Result<Self> {
        Self::open_as(file.as_ref(), false)
    }

    /// As [`Checkpoint::open`], of which values are not read but stay in a map of the file: an array
    /// and a parameter that is given one live there until their first edit, which writes to a copy.
    /// So a load takes hardly any time and memory, and pages of the file come when they are needed.
    ///
    /// Values that do not lie in the file as in memory are read as ever: those that are compressed,
    /// booleans, and those whose place is not a multiple of their element's size.
    ///
    /// The file may be saved over and removed, by this crate and by all that rename a new file over
    /// the old one. If another program writes into it, the values change; if one cuts it short, the
    /// next access behind its new end ends the process. No program can guard against that.
    ///
    /// # Errors
    /// As [`Checkpoint::open`].
    ///
    /// # Examples
    /// ```
    /// use gluonic::prelude::*;
    /// # let folder = tempfile::tempdir()?; let file = folder.path().join("net.safetensors");
    /// let net = Dense::with(DenseConfig { units: 2, in_units: Some(3), ..Default::default() })?;
    /// net.initialize()?;
    /// net.save_parameters(&file)?;
    /// net.plan_load(&Checkpoint::map(&file)?, &LoadOptions::default())?.apply(&net)?;
    /// net.weight()?.data()?.set(s![0, 0], 42.0)?;
    /// assert_ne!(Checkpoint::open(&file)?.get("weight")?.to_vec::<f32>()?[0], 42.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "mmap")]
    pub fn map(file: impl AsRef<Path>) -> Result<Self> {
        Self::open_as(file.as_ref(), true)
    }

    fn open_as(file: &Path, mapped: bool) -> Result<Self> {
        let (open, header) = match OpenFile::open(file)? {
            Kind::Index(text) => return shards::open(file, &text, mapped),
            Kind::Tensors(mut open, header) => {
                if mapped {
                    open.map()?;
                }
                (open, header)
            }
        };
        let len = open.len();
        let mut new = Self::of_header(file.to_owned(), header, open);
        let sidecar = |format| Sidecar::find(file, format, len, new.tensors());
        new.inner().sidecar = new.format().and_then(sidecar);
        Ok(new)
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
        let header = source.header()?.into_owned();
        Ok(Self::of_header(file, header, Box::new(source)))
    }

    fn of_header(file: PathBuf, header: Header<'_>, source: Box<dyn Source>) -> Self {
        let tensors = header.entries.iter().map(TensorInfo::from).collect();
        let (tensors, source) = once(tensors, &header.ties, source);
        let mut new = Self::read(file, Some(header.format), header.metadata, tensors, source);
        new.inner().named = header.named;
        new
    }

    /// Of a file, which may tell in its metadata where values came from.
    pub(super) fn read(
        file: PathBuf,
        format: Option<Format>,
        metadata: IndexMap<String, String>,
        tensors: Vec<TensorInfo>,
        source: Box<dyn Source>,
    ) -> Self {
        Self::new(file, format, metadata, tensors, OnceLock::new(), source)
    }

    pub(super) fn new(
        file: PathBuf,
        format: Option<Format>,
        metadata: IndexMap<String, String>,
        mut tensors: Vec<TensorInfo>,
        provenance: OnceLock<ByKey>,
        source: Box<dyn Source>,
    ) -> Self {
        let mut positions: HashMap<Box<str>, usize, foldhash::fast::RandomState> =
            HashMap::default();
        positions.reserve(tensors.len());
        for (i, tensor) in tensors.iter().enumerate() {
            positions.extend(tensor.names().map(|name| (name.into(), i)));
        }
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
            let known = std::mem::take(&mut tensors[owner].aliases);
            tensors[owner].aliases = known.into_iter().chain(aliases).collect();
        }
        Checkpoint(Arc::new(Inner {
            file,
            format,
            metadata,
            tensors,
            positions,
            provenance,
            source,
            renaming: None,
            sidecar: None,
            named: true,
        }))
    }

    /// The same, of which the plan of the rules is known that it is seen through.
    pub(super) fn with_renaming(mut self, renaming: Arc<Renaming>) -> Self {
        self.inner().renaming = Some(renaming);
        self
    }

    /// While it is being made.
    fn inner(&mut self) -> &mut Inner {
        Arc::get_mut(&mut self.0).expect("a checkpoint that nobody else has yet")
    }

    /// The record of digests beside the file.
    pub(super) fn sidecar(&self) -> Option<&Sidecar> {
        self.0.sidecar.as_ref()
    }

    /// What rules make of the file, if it is seen through some: see [`Checkpoint::renamed`].
    pub fn rename_plan(&self) -> Option<&RenamePlan> {
        self.0.renaming.as_ref().map(|renaming| &renaming.plan)
    }

    /// The file's tensors that the tensor at a position is made of, if they are called otherwise
    /// than `key`.
    pub(super) fn sources_of(&self, position: usize, key: &str) -> Names {
        match self.making(position) {
            Some(making) => making.sources.clone(),
            None if self.0.tensors[position].names().any(|name| name == key) => Names::default(),
            None => [self.0.tensors[position].name.clone()].into(),
        }
    }

    /// The same of two tensors that are one parameter.
    pub(super) fn sources_of_both(&self, one: (usize, &str), two: (usize, &str)) -> Names {
        let mut sources = self.sources_of(one.0, one.1).into_vec();
        sources.extend(self.sources_of(two.0, two.1));
        sources.dedup();
        sources.into()
    }

    /// How the tensor at a position is made by rules; `None` if it is as in the file.
    pub(super) fn making(&self, position: usize) -> Option<&Making> {
        self.0.renaming.as_ref()?.making(position)
    }

    /// The file; `<bytes>` or `<state>` where there is none.
    pub fn file(&self) -> &Path {
        &self.0.file
    }

    /// The format; `None` for a state.
    pub fn format(&self) -> Option<Format> {
        self.0.format
    }

    /// Whether the names of the tensors stand in the file. In a `.params` file they may not: then
    /// they are the numbers 0, 1, … in the order of the file.
    pub fn is_named(&self) -> bool {
        self.0.named
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
            arrays.extend(tensor.names().map(|name| (name.into(), array.clone())));
        }
        Ok(arrays)
    }

    pub(super) fn open_values(&self) -> Result<Box<dyn Values + '_>> {
        self.0.source.open(&self.0.tensors)
    }

    /// Where the value of a tensor came from, if it is an initial one.
    pub(super) fn provenance(&self, name: &str) -> Option<&crate::param::Provenance> {
        let parse = || {
            let text = self.0.metadata.get(PROVENANCE);
            text.map(|text| provenance::parse(text)).unwrap_or_default()
        };
        self.0.provenance.get_or_init(parse).get(name)
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
            tensors.push(TensorInfo::new(name.clone(), array.dims(), raw_dtype(array.dtype())));
            arrays.push((name, array));
        }
        let source = Box::new(Arrays(arrays));
        let provenance = provenance.into();
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
