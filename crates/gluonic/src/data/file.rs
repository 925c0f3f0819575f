//! Files of data: whole, unpacked if they are packed, and read with a position that errors name.

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::error::{DataFileError, Error, Result};
use crate::storage;

/// What a packed file may hold, however small it is.
const UNPACKED_FLOOR: usize = 64 << 20;
/// What a packed file may hold for each of its bytes; images rarely shrink to a tenth.
const UNPACKED_RATIO: usize = 64;

/// The bytes of a file, unpacked.
#[derive(Debug)]
pub(super) struct DataFile {
    path: PathBuf,
    pub(super) bytes: Vec<u8>,
}

impl DataFile {
    /// Reads a file, which may be packed by gzip: its first bytes tell.
    pub(super) fn open(path: &Path) -> Result<Self> {
        Self::of(path.to_owned(), storage::read(path)?)
    }

    /// Reads the file of that name in a folder, or if there is none, the one with `.gz` added.
    pub(super) fn find(folder: &Path, name: &str) -> Result<Self> {
        let (plain, packed) = (folder.join(name), folder.join(format!("{name}.gz")));
        match Self::open(&plain) {
            Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                Self::open(&packed)
            }
            found => found,
        }
    }

    pub(super) fn of(path: PathBuf, bytes: Vec<u8>) -> Result<Self> {
        if !bytes.starts_with(&[0x1f, 0x8b]) {
            return Ok(Self { path, bytes });
        }
        let most = UNPACKED_FLOOR.max(bytes.len().saturating_mul(UNPACKED_RATIO));
        let (mut unpacked, mut decoder) = (Vec::new(), MultiGzDecoder::new(bytes.as_slice()));
        let result = decoder.by_ref().take(most as u64 + 1).read_to_end(&mut unpacked);
        let offset = bytes.len() - decoder.into_inner().len();
        let packed = Self { path, bytes: unpacked };
        match result {
            Err(error) => Err(packed.fail(offset, "packed data", "a gzip stream", error)),
            Ok(n) if n > most => {
                Err(packed.fail(offset, "packed data", format!("{most} bytes or fewer"), "more"))
            }
            Ok(_) => Ok(packed),
        }
    }

    /// The `N` bytes at a place.
    pub(super) fn array<const N: usize>(&self, at: usize, what: &'static str) -> Result<[u8; N]> {
        let rest = self.bytes.get(at..).unwrap_or_default();
        let found = rest.len();
        rest.first_chunk().copied().ok_or_else(|| self.fail(at, what, bytes(N), bytes(found)))
    }

    /// The bytes from a place to the end, which must be so many.
    pub(super) fn rest(&self, at: usize, len: usize, what: &'static str) -> Result<&[u8]> {
        let rest = self.bytes.get(at..).unwrap_or_default();
        if rest.len() == len {
            return Ok(rest);
        }
        Err(self.fail(at, what, bytes(len), bytes(rest.len())))
    }

    /// What is wrong at a place of the bytes, which are the unpacked ones.
    pub(super) fn fail(
        &self,
        offset: usize,
        what: &'static str,
        expected: impl ToString,
        found: impl ToString,
    ) -> Error {
        let (expected, found) = (expected.to_string().into(), found.to_string().into());
        let problem = Box::new(DataFileError { what, offset: offset as u64, expected, found });
        Error::DataFile { path: self.path.clone(), problem }
    }

    /// A label, which must be the number of a class.
    pub(super) fn label(&self, at: usize, label: u8, classes: u8) -> Result<i64> {
        if label < classes {
            return Ok(i64::from(label));
        }
        Err(self.fail(at, "label", format!("a class below {classes}"), label))
    }
}

fn bytes(n: usize) -> String {
    if n == 1 { "1 byte".to_owned() } else { format!("{n} bytes") }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn pack(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_packed_file_of_several_members_is_one() {
        let packed = [pack(b"one"), pack(b"two")].concat();
        assert_eq!(DataFile::of("x".into(), packed).unwrap().bytes, b"onetwo");
    }

    #[test]
    fn a_small_file_does_not_fill_the_memory() {
        let packed = pack(&vec![0; UNPACKED_FLOOR + 1]);
        assert!(packed.len() < 100_000);
        let error = DataFile::of("bomb.gz".into(), packed).unwrap_err().to_string();
        assert!(error.contains("expected 67108864 bytes or fewer, found more"), "{error}");
    }
}
