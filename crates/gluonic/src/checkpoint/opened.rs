//! A file whose values are read by position, each from where it stands.
//!
//! The header is read once, when the file is opened. A value that stands in the file as it lies in
//! memory is read straight into its array; one that is compressed, or in another order, or of which
//! the zeros are left out, goes through the reader of its format.

use std::collections::{HashMap, HashSet};
use std::ops::{Deref, Range};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gluonic_formats::{
    Checksum, Crc32, Error as FormatError, Format, Header, Limits, RawTensor, Storage, detect,
    gguf, safetensors,
};
use rayon::prelude::*;

use super::convert::{array_type, filled, to_array, zeroed};
use super::source::{FileBytes, Source, Values};
use super::tensor_info::TensorInfo;
use crate::array::{Buf, NdArray};
use crate::error::{Error, Result};
use crate::progress;
use crate::storage::{Map, Opened};

/// What is read of a file before its format is known. It holds the header of most files.
const FIRST: usize = 64 << 10;
/// A file up to this size is rather read than mapped.
const SMALL_FILE: u64 = 1 << 20;
/// Tensors up to this size are read together with their neighbours,
const SMALL_TENSOR: usize = 256 << 10;
/// as long as they are so many bytes together,
const GROUP: usize = 1 << 20;
/// and not further apart than this, so that what is read in vain costs less than another call.
const GAP: usize = 4 << 10;
/// Encoded tensors of together so many bytes are decoded at once: each call of a format's reader
/// goes through the whole header.
const TOGETHER: usize = 256 << 10;
/// The bytes that are read at once to check their sum.
const CHECKED: usize = 256 << 10;

/// A file with the places of its tensors.
pub(super) struct OpenFile {
    file: Opened,
    places: Vec<Place>,
    /// The checksums of the file, and whether they have been found right.
    checksums: Vec<(Checksum<'static>, Mutex<bool>)>,
    /// A map of the file, of which values are lent instead of read.
    map: Option<Arc<Map>>,
}

/// Where a tensor stands.
struct Place {
    start: u64,
    storage: Storage,
    /// The number of the checksum that it stands in.
    checksum: Option<usize>,
}

/// What a file turned out to be.
pub(super) enum Kind {
    /// One with tensors.
    Tensors(Box<OpenFile>, Header<'static>),
    /// The index of several files.
    Index(Vec<u8>),
}

impl OpenFile {
    /// Opens a file of any format and reads its header.
    pub(super) fn open(path: &Path) -> Result<Kind> {
        let file = Opened::open(path)?;
        let first = usize::try_from(file.len()).map_or(FIRST, |len| len.min(FIRST));
        let mut head = vec![0; first];
        file.read_at(&mut head, 0)?;
        let fail = FileBytes::fail(path);
        let limits = Limits::default();
        let header = match detect(&head) {
            Ok(Format::Safetensors) => {
                let needed = safetensors::header_len(&head, &limits).map_err(&fail)?;
                grow(&file, &mut head, needed)?;
                safetensors::read_header(&head, file.len(), &limits)
                    .map(Header::into_owned)
                    .map_err(&fail)?
            }
            Ok(Format::Gguf) => loop {
                let had = head.len() as u64;
                match gguf::read_header(&head, file.len(), &limits) {
                    Ok(header) => break header.into_owned(),
                    // Only what was read is too short, not the file.
                    Err(FormatError::Truncated { offset, found, .. })
                        if offset.checked_add(found) == Some(had) && had < file.len() =>
                    {
                        let needed = head.len().saturating_mul(4);
                        grow(&file, &mut head, needed)?;
                    }
                    Err(error) => return Err(fail(error)),
                }
            },
            // The headers of the others are spread over the file.
            _ => {
                let whole = whole(&file)?;
                if let Ok(Format::ShardIndex) = detect(&whole) {
                    return Ok(Kind::Index(whole.to_vec()));
                }
                gluonic_formats::read_header(&whole, &limits)
                    .map(Header::into_owned)
                    .map_err(&fail)?
            }
        };
        file.check()?;
        Ok(Self::with(file, header))
    }

    fn with(file: Opened, mut header: Header<'static>) -> Kind {
        let checksums = std::mem::take(&mut header.checksums);
        let of = |start: usize| {
            let next = checksums.partition_point(|checksum| checksum.range.start <= start);
            next.checked_sub(1).filter(|last| start < checksums[*last].range.end)
        };
        let places = header.entries.iter().map(|entry| Place {
            start: entry.range.start as u64,
            storage: entry.storage,
            checksum: of(entry.range.start),
        });
        let places = places.collect();
        let checksums = checksums.into_iter().map(|checksum| (checksum, Mutex::default()));
        let checksums = checksums.collect();
        Kind::Tensors(Box::new(OpenFile { file, places, checksums, map: None }), header)
    }

    /// Maps the file, so that values stay where they are.
    pub(super) fn map(&mut self) -> Result<()> {
        // A map of what is no longer there would kill the process.
        self.file.check()?;
        self.map = Some(Arc::new(self.file.map()?));
        Ok(())
    }

    /// How many bytes it has.
    pub(super) fn len(&self) -> u64 {
        self.file.len()
    }

    /// Makes ready to read the tensors that its header told of.
    pub(super) fn values<'a>(&'a self, tensors: &'a [TensorInfo]) -> OpenValues<'a> {
        OpenValues { open: self, tensors, held: Mutex::default() }
    }

    /// Reads all that a checksum is of, if that has not been done yet.
    fn check_sum(&self, place: &Place) -> Result<()> {
        let Some((checksum, done)) = place.checksum.and_then(|number| self.checksums.get(number))
        else {
            return Ok(());
        };
        let mut done = lock(done);
        if *done {
            return Ok(());
        }
        let mut crc = Crc32::new();
        let mut buffer = vec![0; CHECKED.min(checksum.range.len())];
        let mut at = checksum.range.start;
        while at < checksum.range.end {
            let len = buffer.len().min(checksum.range.end - at);
            self.file.read_at(&mut buffer[..len], at as u64)?;
            crc.update(&buffer[..len]);
            at += len;
        }
        checksum.check(&crc).map_err(FileBytes::fail(self.file.path()))?;
        *done = true;
        Ok(())
    }
}

impl Source for OpenFile {
    fn open<'a>(&'a self, tensors: &'a [TensorInfo]) -> Result<Box<dyn Values + 'a>> {
        Ok(Box::new(self.values(tensors)))
    }
}

/// Reads more of the beginning of a file, up to `len` bytes, or to its end.
fn grow(file: &Opened, head: &mut Vec<u8>, len: usize) -> Result<()> {
    let had = head.len();
    let len = usize::try_from(file.len()).map_or(len, |whole| whole.min(len));
    if len > had {
        head.resize(len, 0);
        file.read_at(&mut head[had..], had as u64)?;
    }
    Ok(())
}

/// All bytes of a file, for a reader that jumps about in it.
enum Whole {
    Read(Vec<u8>),
    Mapped(Map),
}

fn whole(file: &Opened) -> Result<Whole> {
    if file.len() > SMALL_FILE {
        // A map of what is no longer there would kill the process.
        file.check()?;
        return file.map().map(Whole::Mapped);
    }
    let mut bytes = vec![0; usize::try_from(file.len()).expect("it is small")];
    file.read_at(&mut bytes, 0)?;
    Ok(Whole::Read(bytes))
}

impl Deref for Whole {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Whole::Read(bytes) => bytes,
            Whole::Mapped(map) => map,
        }
    }
}

/// The tensors of an open file.
pub(super) struct OpenValues<'a> {
    open: &'a OpenFile,
    tensors: &'a [TensorInfo],
    /// Tensors that had to be decoded, by position.
    held: Mutex<HashMap<usize, RawTensor<'static>>>,
}

impl OpenValues<'_> {
    fn is_encoded(&self, position: usize) -> bool {
        self.open.places[position].storage != Storage::Dense
    }

    /// Reads bytes of a tensor that stands in the file as it is.
    fn read_dense(&self, position: usize, offset: usize, out: &mut [u8]) -> Result<()> {
        let place = &self.open.places[position];
        self.open.check_sum(place)?;
        if out.is_empty() {
            return Ok(());
        }
        self.open.file.read_at(out, place.start + offset as u64)
    }

    /// Hands tensors of which `wanted` says so to `each`, through the reader of their format.
    fn decode(
        &self,
        wanted: &dyn Fn(usize) -> bool,
        each: &mut dyn FnMut(usize, RawTensor<'_>) -> Result<()>,
    ) -> Result<()> {
        let whole = whole(&self.open.file)?;
        let mut failure = Ok(());
        let read = gluonic_formats::read_each(&whole, &Limits::default(), wanted, &mut |i, raw| {
            if failure.is_ok() {
                failure = each(i, raw);
            }
        });
        drop(whole);
        // First, since what has changed may look broken.
        self.open.file.check()?;
        read.map_err(FileBytes::fail(self.open.file.path()))?;
        failure
    }

    /// A dense tensor that stays in the map of the file; `None` where it has to be read.
    fn lent(&self, position: usize) -> Result<Option<NdArray>> {
        let Some(map) = &self.open.map else { return Ok(None) };
        let (info, place) = (&self.tensors[position], &self.open.places[position]);
        self.open.check_sum(place)?;
        let dtype = array_type(&info.name, info.dtype)?;
        let Ok(start) = usize::try_from(place.start) else { return Ok(None) };
        let buf = Buf::lent(dtype, info.elem_count(), map.clone(), start);
        Ok(buf.map(|buf| NdArray::from_buf(buf, info.shape.clone())))
    }

    /// Reads dense tensors of any sizes, each group of neighbours in one go.
    fn dense_arrays(&self, mut positions: Vec<usize>) -> Result<Vec<(usize, NdArray)>> {
        positions.sort_unstable_by_key(|position| (self.open.places[*position].start, *position));
        positions.dedup();
        let mut groups: Vec<Group> = Vec::new();
        for (i, &position) in positions.iter().enumerate() {
            let (start, len) = (self.open.places[position].start, self.tensors[position].bytes());
            let end = start + len as u64;
            match groups.last_mut() {
                Some(group)
                    if len <= SMALL_TENSOR
                        && group.is_small
                        && end.saturating_sub(group.start) <= GROUP as u64
                        && start <= group.end.saturating_add(GAP as u64) =>
                {
                    group.members.end = i + 1;
                    group.end = group.end.max(end);
                }
                _ => {
                    let is_small = len <= SMALL_TENSOR;
                    groups.push(Group { members: i..i + 1, start, end, is_small });
                }
            }
        }
        let read = |group: &Group| self.read_group(group, &positions[group.members.clone()]);
        // Pieces are read on other threads, and the observer of this one is told of them.
        let observer = progress::current();
        let read = |group: &Group| progress::with(observer.clone(), || read(group));
        let read: Result<Vec<Vec<(usize, NdArray)>>> = groups.par_iter().map(read).collect();
        Ok(read?.into_iter().flatten().collect())
    }

    fn read_group(&self, group: &Group, members: &[usize]) -> Result<Vec<(usize, NdArray)>> {
        let array = |position: usize, fill: &mut dyn FnMut(&mut [u8]) -> Result<()>| {
            let info = &self.tensors[position];
            let dtype = array_type(&info.name, info.dtype)?;
            Ok((position, filled(dtype, info.shape.clone(), self.open.file.path(), fill)?))
        };
        if let [only] = members {
            let one = array(*only, &mut |out| self.read_dense(*only, 0, out))?;
            return Ok(vec![one]);
        }
        let mut bytes = vec![0; usize::try_from(group.end - group.start).expect("it is small")];
        self.open.file.read_at(&mut bytes, group.start)?;
        let member = |&position: &usize| {
            let place = &self.open.places[position];
            self.open.check_sum(place)?;
            let from = usize::try_from(place.start - group.start).expect("it is small");
            array(position, &mut |out| {
                out.copy_from_slice(&bytes[from..from + out.len()]);
                Ok(())
            })
        };
        members.iter().map(member).collect()
    }
}

/// Tensors that are read in one go.
struct Group {
    members: Range<usize>,
    start: u64,
    end: u64,
    is_small: bool,
}

impl Values for OpenValues<'_> {
    fn array(&self, position: usize) -> Result<NdArray> {
        let mut arrays = self.arrays(&[position])?;
        Ok(arrays.pop().expect("one for each position"))
    }

    fn arrays(&self, positions: &[usize]) -> Result<Vec<NdArray>> {
        for position in positions {
            let info = &self.tensors[*position];
            array_type(&info.name, info.dtype)?;
        }
        let (encoded, dense): (Vec<usize>, Vec<usize>) =
            positions.iter().partition(|position| self.is_encoded(**position));
        let (mut found, mut read) = (Vec::new(), Vec::new());
        for position in dense {
            match self.lent(position)? {
                Some(array) => found.push((position, array)),
                None => read.push(position),
            }
        }
        found.extend(self.dense_arrays(read)?);
        if !encoded.is_empty() {
            let wanted: HashSet<usize> = encoded.into_iter().collect();
            self.decode(&|position| wanted.contains(&position), &mut |position, raw| {
                let dtype = array_type(raw.name(), raw.dtype())?;
                found.push((position, to_array(dtype, raw.shape().into(), raw.data())?));
                Ok(())
            })?;
        }
        found.sort_unstable_by_key(|(position, _)| *position);
        let mut given = vec![false; found.len()];
        let array = |position: &usize| {
            let place = found.binary_search_by_key(position, |(position, _)| *position);
            let place = place.map_err(|_| outdated(&self.open.file))?;
            let array = &found[place].1;
            if std::mem::replace(&mut given[place], true) {
                // Asked for twice: a handle of its own, so that edits stay apart.
                return Ok(NdArray::from_buf(array.cell.snapshot()?, array.dims().clone()));
            }
            Ok(array.clone())
        };
        positions.iter().map(array).collect()
    }

    fn raw(&self, position: usize) -> Result<RawTensor<'_>> {
        let info = &self.tensors[position];
        let mut bytes = zeroed(info.bytes(), self.open.file.path())?;
        if self.is_encoded(position) {
            self.hold(&[position])?;
        }
        self.read(position, 0, &mut bytes)?;
        RawTensor::new(&*info.name, info.dtype, info.shape.to_vec(), bytes)
            .map_err(FileBytes::fail(self.open.file.path()))
    }

    fn read(&self, position: usize, offset: usize, out: &mut [u8]) -> Result<()> {
        if !self.is_encoded(position) {
            return self.read_dense(position, offset, out);
        }
        if !lock(&self.held).contains_key(&position) {
            self.hold(&[position])?;
        }
        let held = lock(&self.held);
        let raw = held.get(&position).ok_or_else(|| outdated(&self.open.file))?;
        out.copy_from_slice(&raw.data()[offset..][..out.len()]);
        Ok(())
    }

    fn held_bytes(&self, position: usize) -> usize {
        let info = &self.tensors[position];
        match self.open.places[position].storage {
            Storage::Dense => 0,
            // Decompressed first and put into order then.
            Storage::Encoded => info.bytes().saturating_mul(2),
            _ => info.bytes(),
        }
    }

    fn hold(&self, positions: &[usize]) -> Result<()> {
        let mut wanted: Vec<usize> =
            positions.iter().copied().filter(|position| self.is_encoded(*position)).collect();
        let mut held = lock(&self.held);
        let others = held.iter().filter(|(position, _)| !wanted.contains(position));
        if others.map(|(_, raw)| raw.data().len()).sum::<usize>() > TOGETHER {
            held.retain(|position, _| wanted.contains(position));
        }
        if wanted.iter().all(|position| held.contains_key(position)) {
            return Ok(());
        }
        held.clear();
        // What follows is likely to be asked for next.
        let mut bytes: usize = wanted.iter().map(|wanted| self.held_bytes(*wanted)).sum();
        let last = wanted.iter().max().copied().unwrap_or(0);
        for next in (last + 1..self.tensors.len()).filter(|next| self.is_encoded(*next)) {
            bytes = bytes.saturating_add(self.held_bytes(next));
            if bytes > TOGETHER {
                break;
            }
            wanted.push(next);
        }
        let wanted: HashSet<usize> = wanted.into_iter().collect();
        self.decode(&|position| wanted.contains(&position), &mut |position, raw| {
            held.insert(position, raw.into_owned());
            Ok(())
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The format's reader finds other tensors than it did.
fn outdated(file: &Opened) -> Error {
    let (what, change) = (file.path().display().to_string().into(), "has changed".into());
    Error::Outdated { what, change }
}
