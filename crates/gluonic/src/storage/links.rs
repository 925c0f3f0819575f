//! Where symbolic links lead.
#![allow(clippy::disallowed_methods, reason = "this is the module that the others are sent to")]

use std::fs::canonicalize;
use std::io::ErrorKind;
use std::path::Path;

use super::temporary::folder_of;
use crate::error::{Error, Result};

/// Whether a file stands, all links followed, neither in the folder of its index nor where the
/// index itself stands when its own links are followed. What does not exist leads nowhere.
///
/// # Errors
/// [`Error::Io`] if the system does not tell.
pub fn leads_out(file: &Path, index: &Path) -> Result<bool> {
    let real = |path: &Path| canonicalize(path).map_err(|error| Error::io("read", path, error));
    let target = match canonicalize(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        target => target.map_err(|error| Error::io("read", file, error))?,
    };
    let folder = target.parent();
    Ok(folder != Some(&*real(folder_of(index))?) && folder != real(index)?.parent())
}
