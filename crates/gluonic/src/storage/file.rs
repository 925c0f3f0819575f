//! Reading.
#![allow(clippy::disallowed_methods, reason = "this is the module that the others are sent to")]

use std::fs;
use std::path::Path;

use crate::error::{Error, Result};

/// The bytes of a regular file.
///
/// # Errors
/// [`Error::Io`] if it cannot be read, or is no regular file: a pipe or a device may never end.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    let metadata = fs::metadata(path).map_err(|error| Error::io("read", path, error))?;
    if !metadata.is_file() {
        let problem = if metadata.is_dir() { "it is a folder" } else { "it is no regular file" };
        return Err(Error::io("read", path, std::io::Error::other(problem)));
    }
    fs::read(path).map_err(|error| Error::io("read", path, error))
}
