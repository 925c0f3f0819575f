//! A model in several files: opened by its index, and written.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use gluonic_formats::sharded::plan_shards;
use gluonic_formats::{
    Digest, Error as FormatError, Format, Limits, RawTensor, ShardIndex, TensorSpec, digest,
};
use indexmap::IndexMap;

use super::file::Checkpoint;
use super::once::once;
use super::opened::{Kind, OpenFile, OpenValues};
use super::pieces::Sink;
use super::sidecar::write_recorded;
use super::source::{FileBytes, Source, Values};
use super::tensor_info::TensorInfo;
use crate::array::NdArray;
use crate::error::{Error, Result};
use crate::storage;

/// The files of a model, and where each of its tensors stands.
struct Shards {
    files: Vec<OpenFile>,
    /// What each file held when it was opened.
    tensors: Vec<Vec<TensorInfo>>,
    /// For each tensor its file and its position there.
    places: Vec<(usize, usize)>,
}

/// Opens the files that an index names, all of them in its own folder.
/// Values are read, or lent of maps.
pub(super) fn open(file: &Path, index: &[u8], mapped: bool) -> Result<Checkpoint> {
    let index = ShardIndex::read(index, &Limits::default()).map_err(FileBytes::fail(file))?;
    let folder = file.parent().unwrap_or(Path::new(""));
    check_links(file, folder, &index)?;
    let (mut files, mut headers) = (Vec::new(), Vec::new());
    for name in index.files() {
        let path = folder.join(name);
        match OpenFile::open(&path)? {
            Kind::Tensors(mut open, header) => {
                if mapped {
                    open.map()?;
                }
                files.push(*open);
                headers.push((name, header));
            }
            Kind::Index(_) => return Err(FileBytes::fail(&path)(FormatError::Index)),
        }
    }
    let with_names: Vec<_> = headers.iter().map(|(name, header)| (*name, header)).collect();
    index.check(&with_names).map_err(FileBytes::fail(file))?;
    let mut tensors: Vec<Vec<TensorInfo>> = Vec::new();
    let mut places = Vec::new();
    let (mut all, mut ties) = (Vec::new(), Vec::new());
    for (shard, (_, header)) in headers.iter().enumerate() {
        let own: Vec<TensorInfo> = header.entries.iter().map(TensorInfo::from).collect();
        let shifted = |group: &Vec<usize>| group.iter().map(|i| all.len() + i).collect();
        ties.extend(header.ties.iter().map(shifted));
        places.extend((0..own.len()).map(|position| (shard, position)));
        all.extend(own.iter().cloned());
        tensors.push(own);
    }
    let metadata = index.metadata.clone();
    let (all, source) = once(all, &ties, Box::new(Shards { files, tensors, places }));
    Ok(Checkpoint::read(file.to_owned(), Some(Format::ShardIndex), metadata, all, source))
}

/// Refuses links that lead elsewhere than the index does, before any file is opened.
///
/// A cache of downloads may hold all files in one folder and links to them in another: files may
/// stand where the index stands, or where its own link leads.
fn check_links(file: &Path, folder: &Path, index: &ShardIndex<'_>) -> Result<()> {
    for name in index.files() {
        if storage::leads_out(&folder.join(name), file)? {
            let (name, reason) = (name.into(), "is a link that leads out of its folder");
            let error = FormatError::FileName { file: name, reason };
            return Err(FileBytes::fail(file)(error));
        }
    }
    Ok(())
}

/// Writes tensors, whose bytes `data` hands over, to several files, and then their index; to one file
/// if that is enough.
///
/// A model that is there already stays whole until the new index takes the place of the old one:
/// none of its files is written over, but removed afterwards.
pub(super) fn write_shards(
    file: &Path,
    format: Format,
    tensors: &[TensorSpec<'_>],
    mut metadata: IndexMap<String, String>,
    digests: Option<&BTreeMap<&str, Digest>>,
    most: u64,
    data: &mut dyn FnMut(usize, &mut Sink<'_>) -> Result<()>,
) -> Result<Vec<PathBuf>> {
    let fail = FileBytes::fail;
    let name = file.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| Error::Suffix { path: file.to_owned() })?;
    let size = |spec: &TensorSpec<'_>| spec.byte_len().map_err(fail(file));
    let sizes = tensors.iter().map(|spec| Ok((spec.name, size(spec)? as u64)));
    let sizes = sizes.collect::<Result<Vec<_>>>()?;
    let mut plan = plan_shards(&sizes, most, name).map_err(fail(file))?;
    if let [_] = plan.shards.as_slice() {
        write_recorded(file, format, tensors, &mut metadata, digests, data)?;
        return Ok(vec![file.to_owned()]);
    }
    let index = file.with_file_name(format!("{name}.index.json"));
    let old = files_of(&index);
    let mut number = 0;
    while plan.shards.iter().any(|shard| old.contains(&shard.file)) {
        number += 1;
        plan = plan_shards(&sizes, most, &numbered(name, number)).map_err(fail(file))?;
    }
    let mut files = Vec::new();
    for shard in &plan.shards {
        let path = file.with_file_name(&shard.file);
        let own: Vec<_> = shard.tensors.iter().map(|i| tensors[*i]).collect();
        let data = &mut |i: usize, sink: &mut Sink<'_>| data(shard.tensors[i], sink);
        write_recorded(&path, format, &own, &mut IndexMap::new(), None, data)?;
        files.push(path);
    }
    plan.index.metadata.extend(metadata);
    if let Some(digests) = digests {
        digest::add_record(&mut plan.index.metadata, digests);
    }
    // Last, so that whoever finds an index finds its files.
    let text = plan.index.to_json().map_err(fail(&index))?;
    storage::write_atomically(&index, |out: &mut dyn std::io::Write| {
        out.write_all(text.as_bytes())
    })?;
    for name in old {
        if let Err(error) = storage::remove(&file.with_file_name(name)) {
            log::warn!("a file that no index names any more is left: {error}");
        }
    }
    files.push(index);
    Ok(files)
}

/// The files that an index names, if there is one that can be read.
fn files_of(index: &Path) -> BTreeSet<String> {
    let text = storage::read(index).unwrap_or_default();
    let index = ShardIndex::read(&text, &Limits::default());
    index.map(|index| index.files().map(str::to_owned).collect()).unwrap_or_default()
}

/// Another name that files of a model can begin with: `model.1.safetensors`.
fn numbered(name: &str, number: usize) -> String {
    match name.rsplit_once('.') {
        Some((stem, suffix)) => format!("{stem}.{number}.{suffix}"),
        None => format!("{name}.{number}"),
    }
}

impl Source for Shards {
    fn open<'a>(&'a self, _: &'a [TensorInfo]) -> Result<Box<dyn Values + 'a>> {
        let shards = self.files.iter().zip(&self.tensors);
        let files = shards.map(|(file, tensors)| file.values(tensors)).collect();
        Ok(Box::new(OpenShards { files, places: &self.places }))
    }
}

struct OpenShards<'a> {
    files: Vec<OpenValues<'a>>,
    places: &'a [(usize, usize)],
}

impl OpenShards<'_> {
    /// The tensors of each file among these: their places in the list, and their positions.
    fn by_file(&self, positions: &[usize]) -> Vec<(Vec<usize>, Vec<usize>)> {
        let mut by_file = vec![(Vec::new(), Vec::new()); self.files.len()];
        for (i, position) in positions.iter().enumerate() {
            let (shard, position) = self.places[*position];
            by_file[shard].0.push(i);
            by_file[shard].1.push(position);
        }
        by_file
    }
}

impl Values for OpenShards<'_> {
    fn array(&self, position: usize) -> Result<NdArray> {
        let (shard, position) = self.places[position];
        self.files[shard].array(position)
    }

    fn arrays(&self, positions: &[usize]) -> Result<Vec<NdArray>> {
        let mut found = Vec::with_capacity(positions.len());
        for (file, (places, positions)) in self.files.iter().zip(self.by_file(positions)) {
            found.extend(places.into_iter().zip(file.arrays(&positions)?));
        }
        found.sort_unstable_by_key(|(place, _)| *place);
        Ok(found.into_iter().map(|(_, array)| array).collect())
    }

    fn raw(&self, position: usize) -> Result<RawTensor<'_>> {
        let (shard, position) = self.places[position];
        self.files[shard].raw(position)
    }

    fn read(&self, position: usize, offset: usize, out: &mut [u8]) -> Result<()> {
        let (shard, position) = self.places[position];
        self.files[shard].read(position, offset, out)
    }

    fn held_bytes(&self, position: usize) -> usize {
        let (shard, position) = self.places[position];
        self.files[shard].held_bytes(position)
    }

    fn hold(&self, positions: &[usize]) -> Result<()> {
        let mut by_file = self.files.iter().zip(self.by_file(positions));
        by_file.try_for_each(|(file, (_, positions))| file.hold(&positions))
    }
}
