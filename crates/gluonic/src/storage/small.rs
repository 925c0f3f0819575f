//! Small files that stand beside others.
#![allow(clippy::disallowed_methods, reason = "this is the module that the others are sent to")]

use std::io::{Error as IoError, ErrorKind, Read};
use std::path::Path;

use super::disk::open_regular;
use super::temporary::folder_of;
use super::vfs::Vfs;
use super::{Disk, Kind};
use crate::error::{Error, Result};

/// The bytes of a regular file that has no more than `most`; `None` if there is no file. A symbolic
/// link is refused: what stands beside a file has been put there with it.
///
/// # Errors
/// [`Error::Io`] if it cannot be read, is longer, or is no regular file.
pub fn read_small(path: &Path, most: u64) -> Result<Option<Vec<u8>>> {
    let read = || {
        if !refuse_other(path)? {
            return Ok(None);
        }
        let (file, len) = open_regular(path)?;
        let mut bytes = Vec::new();
        if len <= most {
            // A file that grows meanwhile is not followed.
            file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
        }
        if len > most || bytes.len() as u64 > most {
            return Err(IoError::other(format!("it is longer than {most} bytes")));
        }
        Ok(Some(bytes))
    };
    read().map_err(|error| Error::io("read", path, error))
}

/// Whether a regular file stands there.
///
/// # Errors
/// That of the system; [`ErrorKind::Other`] if something else stands there.
fn refuse_other(path: &Path) -> std::io::Result<bool> {
    match Disk.metadata(path) {
        Ok(metadata) if metadata.kind == Kind::File => Ok(true),
        Ok(metadata) => Err(IoError::other(metadata.kind.problem().unwrap_or_default())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Refuses to write where something else than a regular file stands.
///
/// # Errors
/// [`Error::Io`].
pub fn check_small(path: &Path) -> Result<()> {
    refuse_other(path).map(|_| ()).map_err(|error| Error::io("write", path, error))
}

/// Removes a file.
///
/// # Errors
/// [`Error::Io`] if that fails.
pub fn remove(path: &Path) -> Result<()> {
    let removed = Disk.remove_file(path).and_then(|()| Disk.sync_folder(folder_of(path)));
    removed.map_err(|error| Error::io("remove", path, error))
}
