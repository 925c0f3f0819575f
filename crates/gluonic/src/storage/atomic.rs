//! Writing so that a reader sees the old file or the new one, whatever happens in between.
//!
//! A temporary sibling is written and synced, takes the file's place by a rename, and the folder
//! is synced. The order matters: a rename that reached the disk before the bytes would leave an
//! empty file behind. [`simulated`](super::simulated) looks at every state that a crash may leave.

use std::io::{BufWriter, Error as IoError, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::Disk;
use super::temporary::{beside, folder_of, sweep_files};
use super::vfs::{Handle, Kind, Metadata, Vfs};
use crate::error::{Error, Result};
use crate::progress::Watched;

/// Writes a file by what `write` puts into it.
///
/// Permissions, owner (as far as this user may) and a symbolic link's target are kept; extended
/// attributes are not. A new file has the permissions of the umask. Of several writers at once, the
/// last rename wins; each file is whole.
///
/// # Errors
/// [`Error::Io`] if anything fails, or if the target is no regular file; [`Error::HardLinks`] if it
/// has a second name, [`Error::ReadOnly`] if it may not be written: the old file is as before.
/// [`Error::DurabilityUncertain`] if the new file is in place but its folder could not be synced.
pub fn write_atomically(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<(), IoError>,
) -> Result<()> {
    write_atomically_on(&Disk, path, write)
}

/// As [`write_atomically`], on any file system.
///
/// # Errors
/// As [`write_atomically`].
pub fn write_atomically_on(
    vfs: &dyn Vfs,
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<(), IoError>,
) -> Result<()> {
    let fail = |error| Error::io("write", path, error);
    let target = resolve_links(vfs, path).map_err(fail)?;
    let old = old_file(vfs, path, &target)?;
    let folder = folder_of(&target);
    // First, since leftovers may be what fills the disk.
    sweep_files(vfs, folder);
    let mut temporary = Temporary::beside(vfs, &target, old.is_some()).map_err(|error| {
        // The folder is what is missing or closed.
        let problem = format!("no file can be made in `{}`: {error}", folder.display());
        fail(IoError::new(error.kind(), problem))
    })?;
    temporary.fill(old.as_ref(), write).map_err(fail)?;
    temporary.become_file(&target).map_err(fail)?;
    vfs.sync_folder(folder)
        .map_err(|source| Error::DurabilityUncertain { path: path.to_owned(), source })
}

/// The file that a chain of symbolic links ends at, whether it exists or not.
fn resolve_links(vfs: &dyn Vfs, path: &Path) -> Result<PathBuf, IoError> {
    let mut target = path.to_owned();
    for _ in 0..40 {
        match vfs.metadata(&target) {
            Ok(metadata) if metadata.kind == Kind::Link => {
                let link = vfs.read_link(&target)?;
                target = folder_of(&target).join(link);
            }
            _ => return Ok(target),
        }
    }
    Err(IoError::other("too many symbolic links"))
}

/// What is known of the file to be replaced, if there is one, and nothing is wrong with it.
fn old_file(vfs: &dyn Vfs, path: &Path, target: &Path) -> Result<Option<Metadata>> {
    let old = match vfs.metadata(target) {
        Ok(old) => old,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("write", path, error)),
    };
    if let Some(problem) = old.kind.problem() {
        return Err(Error::io("write", path, IoError::other(problem)));
    }
    if old.links > 1 {
        return Err(Error::HardLinks { path: path.to_owned(), links: old.links });
    }
    if old.read_only {
        return Err(Error::ReadOnly { path: path.to_owned() });
    }
    Ok(Some(old))
}

/// A sibling that goes away again unless it becomes the file.
struct Temporary<'a> {
    vfs: &'a dyn Vfs,
    path: PathBuf,
    file: Option<Box<dyn Handle>>,
}

impl<'a> Temporary<'a> {
    fn beside(vfs: &'a dyn Vfs, target: &Path, replaces: bool) -> Result<Self, IoError> {
        let (path, file) = beside(target, |path| vfs.create(path, replaces))?;
        Ok(Temporary { vfs, path, file: Some(file) })
    }

    fn fill(
        &mut self,
        old: Option<&Metadata>,
        write: impl FnOnce(&mut dyn Write) -> Result<(), IoError>,
    ) -> Result<(), IoError> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let mut buffered = BufWriter::with_capacity(1 << 18, Watched::new(&mut *file));
        write(&mut buffered)?;
        buffered.flush()?;
        drop(buffered);
        if let Some(old) = old {
            file.keep(old)?;
        }
        file.sync()
    }

    fn become_file(mut self, target: &Path) -> Result<(), IoError> {
        self.vfs.rename(&self.path, target)?;
        self.file = None;
        Ok(())
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if self.file.is_some() {
            // Removed before it is unlocked, so that nobody else can want to.
            let _ = self.vfs.remove_file(&self.path);
        }
    }
}
