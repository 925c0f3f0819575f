//! A model in several files, opened by its index.

use std::path::Path;

use gluonic_formats::{Error as FormatError, Format, Limits, RawTensor, ShardIndex};

use super::file::{Checkpoint, TensorInfo};
use super::opened::{Kind, OpenFile, OpenValues};
use super::source::{FileBytes, Source, Values};
use crate::array::NdArray;
use crate::error::Result;

/// The files of a model, and where each of its tensors stands.
struct Shards {
    files: Vec<OpenFile>,
    /// What each file held when it was opened.
    tensors: Vec<Vec<TensorInfo>>,
    /// For each tensor its file and its position there.
    places: Vec<(usize, usize)>,
}

/// Opens the files that an index names, all of them in its own folder.
pub(super) fn open(file: &Path, index: &[u8]) -> Result<Checkpoint> {
    let index = ShardIndex::read(index, &Limits::default()).map_err(FileBytes::fail(file))?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let (mut files, mut headers) = (Vec::new(), Vec::new());
    for name in index.files() {
        let path = folder.join(name);
        match OpenFile::open(&path)? {
            Kind::Tensors(open, header) => {
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
    let mut all = Vec::new();
    for (shard, (_, header)) in headers.iter().enumerate() {
        let own: Vec<TensorInfo> = header.entries.iter().map(TensorInfo::of).collect();
        places.extend((0..own.len()).map(|position| (shard, position)));
        all.extend(own.iter().cloned());
        tensors.push(own);
    }
    let metadata = index.metadata.clone();
    let source = Box::new(Shards { files, tensors, places });
    Ok(Checkpoint::read(file.to_owned(), Some(Format::ShardIndex), metadata, all, source))
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
