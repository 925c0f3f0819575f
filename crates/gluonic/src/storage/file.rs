//! Reading regular files: whole, or by position, in parallel pieces where much is read.

use std::fs::File;
use std::io::{Error as IoError, ErrorKind, Read, Result as IoResult};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::disk::open_regular;
use super::map::Map;
use crate::cpu::pages::try_zeroed;
use crate::error::{Error, Result};
use crate::progress;

/// Pieces of this size are read in parallel: large enough that starting one costs nothing, small
/// enough that all cores have some.
const PIECE: usize = 4 << 20;

/// The bytes of a regular file.
///
/// # Errors
/// [`Error::Io`] if it cannot be read, if it does not fit into memory, if its length changes
/// meanwhile, or if it is no regular file: a pipe or a device may never end.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    read_regular(path).map_err(|error| Error::io("read", path, error))
}

pub(super) fn read_regular(path: &Path) -> IoResult<Vec<u8>> {
    let (file, len) = open_regular(path)?;
    let too_large = || IoError::new(ErrorKind::OutOfMemory, "it does not fit into memory");
    let len = usize::try_from(len).map_err(|_| too_large())?;
    // Some files of the system have a length of 0, and bytes.
    if len == 0 {
        let mut bytes = Vec::new();
        (&file).read_to_end(&mut bytes)?;
        return Ok(bytes);
    }
    // Pages of zeros, which the system hands out when they are first touched: by the threads.
    let mut bytes = try_zeroed::<u8>(len).ok_or_else(too_large)?;
    read_pieces(&file, &mut bytes, 0).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => IoError::other("it was cut short while it was read"),
        _ => error,
    })?;
    if file.metadata()?.len() != len as u64 {
        return Err(IoError::other("its length changed while it was read"));
    }
    Ok(bytes)
}

/// A regular file that stays open, so that it can be read by position whatever happens to its name:
/// when it is saved over or removed, this is still the old one.
#[derive(Debug)]
pub struct Opened {
    path: PathBuf,
    file: File,
    len: u64,
    modified: Option<SystemTime>,
    /// Where there is no other way to read by position, one after the other does.
    #[cfg(not(any(unix, windows)))]
    turn: std::sync::Mutex<()>,
}

impl Opened {
    /// Opens a file for reading.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be opened, or is no regular file.
    pub fn open(path: &Path) -> Result<Opened> {
        let fail = |error| Error::io("read", path, error);
        let (file, len) = open_regular(path).map_err(fail)?;
        let modified = file.metadata().and_then(|metadata| metadata.modified()).ok();
        Ok(Opened {
            path: path.to_owned(),
            file,
            len,
            modified,
            #[cfg(not(any(unix, windows)))]
            turn: std::sync::Mutex::default(),
        })
    }

    /// Where it was when it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How long it was when it was opened.
    #[allow(clippy::len_without_is_empty, reason = "a length in the sense of files")]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Fills `bytes` from that place of the file on, in parallel pieces if they are many.
    ///
    /// # Errors
    /// [`Error::Outdated`] if the file has another length or time of change than when it was opened;
    /// [`Error::Io`] if it cannot be read. What is in `bytes` then is not to be used.
    pub fn read_at(&self, bytes: &mut [u8], offset: u64) -> Result<()> {
        match self.read_pieces(bytes, offset) {
            Ok(()) => self.check(),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                self.check()?;
                Err(self.fail(error))
            }
            Err(error) => Err(self.fail(error)),
        }
    }

    /// Refuses a file that another program has written into since it was opened, as far as its
    /// length and its time of change tell. That time has steps, of a few milliseconds on Linux.
    ///
    /// # Errors
    /// [`Error::Outdated`]; [`Error::Io`] if the system does not tell.
    pub fn check(&self) -> Result<()> {
        let now = self.file.metadata().map_err(|error| self.fail(error))?;
        let change = if now.len() != self.len {
            format!("was {} bytes long, is {} now", self.len, now.len())
        } else if now.modified().ok() != self.modified {
            "was written into since it was opened".to_owned()
        } else {
            return Ok(());
        };
        Err(Error::Outdated { what: self.path.display().to_string().into(), change: change.into() })
    }

    /// Maps it. See [`Map::open`] for what that means.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be mapped.
    pub fn map(&self) -> Result<Map> {
        Map::of(&self.file).map_err(|error| Error::io("map", &self.path, error))
    }

    fn fail(&self, error: IoError) -> Error {
        Error::io("read", &self.path, error)
    }

    #[cfg(any(unix, windows))]
    fn read_pieces(&self, bytes: &mut [u8], offset: u64) -> IoResult<()> {
        read_pieces(&self.file, bytes, offset)
    }

    #[cfg(not(any(unix, windows)))]
    fn read_pieces(&self, bytes: &mut [u8], offset: u64) -> IoResult<()> {
        let _turn = self.turn.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        read_pieces(&self.file, bytes, offset)
    }
}

#[cfg(any(unix, windows))]
fn read_pieces(file: &File, bytes: &mut [u8], offset: u64) -> IoResult<()> {
    use rayon::prelude::*;
    let observer = progress::current();
    let observer = observer.as_ref();
    if bytes.len() <= PIECE {
        read_exact_at(file, bytes, offset)?;
        return progress::advance(observer, bytes.len());
    }
    let pieces = bytes.par_chunks_mut(PIECE).enumerate();
    pieces.try_for_each(|(i, piece)| {
        read_exact_at(file, piece, offset + (i * PIECE) as u64)?;
        progress::advance(observer, piece.len())
    })
}

#[cfg(unix)]
fn read_exact_at(file: &File, bytes: &mut [u8], offset: u64) -> IoResult<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

/// Moves the common position too, which nobody here relies on.
#[cfg(windows)]
fn read_exact_at(file: &File, mut bytes: &mut [u8], mut offset: u64) -> IoResult<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, bytes, offset) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                bytes = &mut bytes[read..];
                offset += read as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Other systems have no read at a position.
#[cfg(not(any(unix, windows)))]
fn read_pieces(mut file: &File, bytes: &mut [u8], offset: u64) -> IoResult<()> {
    use std::io::{Seek, SeekFrom};
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(bytes)
}
