//! Where the values of a checkpoint come from: a file, bytes, or arrays in memory.

use std::fmt;
use std::path::{Path, PathBuf};

use gluonic_formats::{Archive, Header, Limits, RawTensor};

use super::convert::{Outgoing, array_type, to_array};
use super::tensor_info::TensorInfo;
use crate::array::NdArray;
use crate::error::{Error, Result};

/// The values of a checkpoint, of which only names, types and shapes have been read so far.
pub(super) trait Source: Send + Sync {
    /// Makes ready to read values, and refuses if they are no longer those that `tensors` tells of.
    fn open<'a>(&'a self, tensors: &'a [TensorInfo]) -> Result<Box<dyn Values + 'a>>;
}

/// A source that is open.
pub(super) trait Values {
    /// The value of the tensor at a position.
    fn array(&self, position: usize) -> Result<NdArray>;

    /// The values of several tensors, in that order: all of them, or none.
    fn arrays(&self, positions: &[usize]) -> Result<Vec<NdArray>> {
        positions.iter().map(|position| self.array(*position)).collect()
    }

    /// The tensor at a position as it is, under its own name.
    fn raw(&self, position: usize) -> Result<RawTensor<'_>>;

    /// Some bytes of the tensor at a position, from that byte of it on.
    fn read(&self, position: usize, offset: usize, out: &mut [u8]) -> Result<()> {
        out.copy_from_slice(&self.raw(position)?.data()[offset..][..out.len()]);
        Ok(())
    }

    /// How much memory it takes to read even a part of the tensor at a position, beside the part.
    fn held_bytes(&self, _position: usize) -> usize {
        0
    }

    /// Holds these tensors, and perhaps others, so that parts of them can be read one after the
    /// other, until the next call. The others are read from where they stand.
    fn hold(&self, _positions: &[usize]) -> Result<()> {
        Ok(())
    }
}

/// Bytes that somebody holds: a vector, a map of a file, a part of a program.
pub(super) type Bytes = Box<dyn AsRef<[u8]> + Send + Sync>;

/// The bytes of a file in any format.
pub(super) struct FileBytes {
    pub(super) file: PathBuf,
    pub(super) bytes: Bytes,
}

impl FileBytes {
    pub(super) fn fail(file: &Path) -> impl Fn(gluonic_formats::Error) -> Error {
        |source| Error::Format { path: file.to_owned(), source: Box::new(source) }
    }
}

impl FileBytes {
    pub(super) fn header(&self) -> Result<Header<'_>> {
        gluonic_formats::read_header((*self.bytes).as_ref(), &Limits::default())
            .map_err(Self::fail(&self.file))
    }

    /// Everything, which must still be what `tensors` tells of.
    fn archive(&self, tensors: &[TensorInfo]) -> Result<Archive<'_>> {
        let bytes = (*self.bytes).as_ref();
        let archive =
            gluonic_formats::read(bytes, &Limits::default()).map_err(Self::fail(&self.file))?;
        let same = archive.tensors.len() == tensors.len()
            && archive.tensors.iter().zip(tensors).all(|(raw, info)| {
                (raw.name(), raw.dtype(), raw.shape()) == (&*info.name, info.dtype, &*info.shape)
            });
        if !same {
            let (what, change) = (self.file.display().to_string(), "has changed".into());
            return Err(Error::Outdated { what: what.into(), change });
        }
        Ok(archive)
    }
}

impl Source for FileBytes {
    fn open<'a>(&'a self, tensors: &'a [TensorInfo]) -> Result<Box<dyn Values + 'a>> {
        Ok(Box::new(self.archive(tensors)?))
    }
}

impl Values for Archive<'_> {
    fn array(&self, position: usize) -> Result<NdArray> {
        let raw = &self.tensors[position];
        let dtype = array_type(raw.name(), raw.dtype())?;
        to_array(dtype, raw.shape().into(), raw.data())
    }

    fn raw(&self, position: usize) -> Result<RawTensor<'_>> {
        Ok(self.tensors[position].to_borrowed())
    }
}

/// Arrays that share the memory of a state.
pub(super) struct Arrays(pub(super) Vec<(Box<str>, NdArray)>);

impl Source for Arrays {
    fn open<'a>(&'a self, _: &'a [TensorInfo]) -> Result<Box<dyn Values + 'a>> {
        Ok(Box::new(self))
    }
}

impl Values for &Arrays {
    fn array(&self, position: usize) -> Result<NdArray> {
        // A handle of its own, so that an edit does not reach what others will read.
        let (_, array) = &self.0[position];
        Ok(NdArray::from_buf(array.cell.snapshot()?, array.dims().clone()))
    }

    fn raw(&self, position: usize) -> Result<RawTensor<'_>> {
        let (name, array) = &self.0[position];
        Ok(Outgoing::new(array)?.raw(name)?.into_owned())
    }

    fn read(&self, position: usize, offset: usize, out: &mut [u8]) -> Result<()> {
        let (_, array) = &self.0[position];
        out.copy_from_slice(&Outgoing::new(array)?.bytes()[offset..][..out.len()]);
        Ok(())
    }
}

impl fmt::Debug for dyn Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source")
    }
}
