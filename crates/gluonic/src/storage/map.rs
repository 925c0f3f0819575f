//! Memory maps: the bytes of a file without reading them.
//!
//! Only for files that are never written in place. All writers of this crate rename a new file
//! over the old one, which leaves the mapped bytes alone. Others may not: see [`Map::open`].
#![allow(unsafe_code, reason = "the only call that maps a file; see the proof there")]

use std::fs::File;
use std::io::Result as IoResult;
use std::ops::Deref;
use std::path::Path;

use super::disk::open_regular;
use crate::error::{Error, Result};

/// A regular file, mapped for reading.
#[derive(Debug)]
pub struct Map(memmap2::Mmap);

impl Map {
    /// Maps a file. The map stays as it is when the file is saved over or removed.
    ///
    /// [`Opened::read_at`](super::Opened::read_at) is the default; a map is for readers that jump
    /// about in a file too large to be read whole. If another program truncates a mapped file, the
    /// first access behind its new end kills the process by a signal (`SIGBUS` on Unix), and if
    /// another program writes into it, the bytes change. No program can guard against that.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be opened, or is no regular file.
    pub fn open(path: &Path) -> Result<Map> {
        let fail = |error| Error::io("map", path, error);
        let (file, _) = open_regular(path).map_err(fail)?;
        Map::of(&file).map_err(fail)
    }

    /// Maps a file that has been opened for reading.
    pub(super) fn of(file: &File) -> IoResult<Map> {
        // SAFETY: the map is read-only and private to this value; the slice lent by `Deref` lives
        // no longer than it. What remains is that the bytes must not change while a slice is lent.
        // This crate never writes into an existing file: `write_atomically` writes to a new file
        // under a name of its own and renames it, so the mapped file keeps its bytes and lives
        // until it is unmapped. That other programs do not write into it is asked of the caller
        // of `open`. The bytes are handed out as `u8`, for which every value is valid, and readers
        // check every length against the slice, so that even bytes that change lead to wrong
        // values, not to an access outside of the slice.
        unsafe { memmap2::Mmap::map(file) }.map(Map)
    }
}

impl AsRef<[u8]> for Map {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Deref for Map {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
