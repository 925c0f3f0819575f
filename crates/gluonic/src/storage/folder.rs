//! Folders that are complete or absent: filled under a temporary name, synced, renamed.
//!
//! Unlike files, these are for one writer at a time: whoever has locked the folder that they lie
//! in.

use std::io::{Error as IoError, ErrorKind};
use std::path::{Path, PathBuf};

use super::temporary::{beside, folder_of, remove_tree, sweep_files, sweep_folders};
use super::vfs::{Kind, Vfs};
use crate::error::{Error, Result};

/// Makes a folder that has everything that `fill` puts into it, or does not exist. An older one
/// of that name is replaced: a crash leaves the old one, none, or the new one.
///
/// # Errors
/// Those of `fill`; [`Error::Io`]: then the older one is as before.
/// [`Error::DurabilityUncertain`] if the folder is in place but may not survive a power failure.
pub fn publish_folder(
    vfs: &dyn Vfs,
    target: &Path,
    fill: impl FnOnce(&Path) -> Result<()>,
) -> Result<()> {
    let fail = |error| Error::io("write", target, error);
    let (path, ()) = beside(target, |path| vfs.create_folder(path))
        .map_err(|error| Error::io("create a folder in", folder_of(target), error))?;
    let mut temporary = Temporary { vfs, path, is_published: false };
    fill(&temporary.path)?;
    sync_tree(vfs, &temporary.path).map_err(fail)?;
    let aside = move_aside(vfs, target).map_err(fail)?;
    if let Err(error) = vfs.rename(&temporary.path, target) {
        if let Some(aside) = aside {
            // If even this fails, the old folder is gone from sight, but the error is told.
            let _ = vfs.rename(&aside, target);
        }
        return Err(fail(error));
    }
    temporary.is_published = true;
    vfs.sync_folder(folder_of(target))
        .map_err(|source| Error::DurabilityUncertain { path: target.to_owned(), source })?;
    if let Some(aside) = aside {
        let _ = remove_tree(vfs, &aside);
    }
    Ok(())
}

/// Removes a folder, so that it is never seen in part.
///
/// # Errors
/// [`Error::Io`].
pub fn retire_folder(vfs: &dyn Vfs, target: &Path) -> Result<()> {
    let fail = |error| Error::io("remove", target, error);
    let Some(aside) = move_aside(vfs, target).map_err(fail)? else { return Ok(()) };
    // Else a crash might undo the move and not the removal of what is inside.
    vfs.sync_folder(folder_of(target)).map_err(fail)?;
    remove_tree(vfs, &aside).map_err(fail)
}

/// Removes what killed processes have left in a folder that the caller has locked.
pub fn sweep(vfs: &dyn Vfs, folder: &Path) {
    sweep_files(vfs, folder);
    sweep_folders(vfs, folder);
}

/// Gives a folder a temporary name; `None` if there is none.
fn move_aside(vfs: &dyn Vfs, target: &Path) -> Result<Option<PathBuf>, IoError> {
    match vfs.metadata(target) {
        Ok(metadata) if metadata.kind == Kind::Folder => {}
        Ok(_) => return Err(IoError::other("it is no folder")),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    }
    let rename = |path: &Path| match vfs.metadata(path) {
        // A rename would replace an empty folder.
        Ok(_) => Err(ErrorKind::AlreadyExists.into()),
        Err(_) => vfs.rename(target, path),
    };
    beside(target, rename).map(|(path, ())| Some(path))
}

/// Syncs all files below a folder and all folders, whoever has written them.
fn sync_tree(vfs: &dyn Vfs, folder: &Path) -> Result<(), IoError> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for name in vfs.list(&folder)? {
            let path = folder.join(name);
            match vfs.metadata(&path)?.kind {
                Kind::File => vfs.sync_file(&path)?,
                Kind::Folder => folders.push(path),
                Kind::Link | Kind::Special(_) => {}
            }
        }
        vfs.sync_folder(&folder)?;
    }
    Ok(())
}

/// A folder that goes away again unless it is published.
struct Temporary<'a> {
    vfs: &'a dyn Vfs,
    path: PathBuf,
    is_published: bool,
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if !self.is_published {
            let _ = remove_tree(self.vfs, &self.path);
        }
    }
}
