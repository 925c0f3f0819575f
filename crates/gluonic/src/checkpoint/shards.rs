//! A model in several files, opened by its index.

use std::path::Path;

use gluonic_formats::{Archive, Limits, RawTensor, ShardIndex};

use super::file::Checkpoint;
use super::once::once;
use super::source::{Bytes, FileBytes, Source, Values};
use super::tensor_info::TensorInfo;
use crate::array::NdArray;
use crate::error::Result;
use crate::storage;

/// The files of a model, and where each of its tensors stands.
struct Shards {
    files: Vec<FileBytes>,
    /// What each file held when it was opened.
    tensors: Vec<Vec<TensorInfo>>,
    /// For each tensor its file and its position there.
    places: Vec<(usize, usize)>,
}

/// Opens the files that an index names, all of them in its own folder.
pub(super) fn open(file: &Path, index: &[u8]) -> Result<Checkpoint> {
    let index = ShardIndex::read(index, &Limits::default()).map_err(FileBytes::fail(file))?;
    let folder = file.parent().unwrap_or(Path::new(""));
    check_links(file, folder, &index)?;
    let mut files = Vec::new();
    for name in index.files() {
        let path = folder.join(name);
        let bytes: Bytes = Box::new(storage::read(&path)?);
        files.push(FileBytes { file: path, bytes });
    }
    let mut headers = Vec::new();
    for (name, shard) in index.files().zip(&files) {
        headers.push((name, shard.header()?));
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
    let format = Some(gluonic_formats::Format::ShardIndex);
    drop(headers);
    let (all, source) = once(all, &ties, Box::new(Shards { files, tensors, places }));
    Ok(Checkpoint::read(file.to_owned(), format, metadata, all, source))
}

/// Refuses links that lead elsewhere than the index does, before any file is opened.
///
/// A cache of downloads may hold all files in one folder and links to them in another: files may
/// stand where the index stands, or where its own link leads.
fn check_links(file: &Path, folder: &Path, index: &ShardIndex<'_>) -> Result<()> {
    for name in index.files() {
        if storage::leads_out(&folder.join(name), file)? {
            let (name, reason) = (name.into(), "is a link that leads out of its folder");
            let error = gluonic_formats::Error::FileName { file: name, reason };
            return Err(FileBytes::fail(file)(error));
        }
    }
    Ok(())
}

impl Source for Shards {
    fn open<'a>(&'a self, _: &[TensorInfo]) -> Result<Box<dyn Values + 'a>> {
        let shards = self.files.iter().zip(&self.tensors);
        let archives = shards.map(|(file, tensors)| file.archive(tensors));
        Ok(Box::new(OpenShards {
            archives: archives.collect::<Result<_>>()?,
            places: &self.places,
        }))
    }
}

struct OpenShards<'a> {
    archives: Vec<Archive<'a>>,
    places: &'a [(usize, usize)],
}

impl Values for OpenShards<'_> {
    fn array(&self, position: usize) -> Result<NdArray> {
        let (shard, position) = self.places[position];
        self.archives[shard].array(position)
    }

    fn raw(&self, position: usize) -> Result<RawTensor<'_>> {
        let (shard, position) = self.places[position];
        self.archives[shard].raw(position)
    }
}
