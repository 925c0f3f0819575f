//! Writing so that a reader sees the old file or the new one, whatever happens in between:
//! a temporary sibling is written and synced, takes the file's place by a rename, and the folder
//! is synced.
#![allow(clippy::disallowed_methods, reason = "this is the module that the others are sent to")]

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Error as IoError, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result};

/// Writes a file by what `write` puts into it.
///
/// Permissions, owner and a symbolic link's target are kept; a new file has the permissions of the
/// umask.
///
/// # Errors
/// [`Error::Io`] if anything fails, or if the target exists and is no regular file: the old file
/// is as before. [`Error::DurabilityUncertain`] if the new file is in place but its folder could
/// not be synced.
pub(crate) fn write_atomically(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<(), IoError>,
) -> Result<()> {
    let fail = |error| Error::io("write", path, error);
    let target = resolve_links(path).map_err(fail)?;
    let old = match fs::metadata(&target) {
        Ok(metadata) if !metadata.is_file() => {
            let problem =
                if metadata.is_dir() { "it is a folder" } else { "it is no regular file" };
            return Err(fail(IoError::other(problem)));
        }
        Ok(metadata) => Some(metadata),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(fail(error)),
    };
    let temporary = Temporary::beside(&target).map_err(fail)?;
    temporary.fill(old.as_ref(), write).map_err(fail)?;
    fs::rename(&temporary.path, &target).map_err(fail)?;
    temporary.keep();
    sync_folder(&target)
        .map_err(|source| Error::DurabilityUncertain { path: path.to_owned(), source })
}

/// The file that a chain of symbolic links ends at, whether it exists or not.
fn resolve_links(path: &Path) -> Result<PathBuf, IoError> {
    let mut target = path.to_owned();
    for _ in 0..40 {
        match fs::symlink_metadata(&target) {
            Ok(metadata) if metadata.file_type().is_symlink() => {
                let link = fs::read_link(&target)?;
                target = folder_of(&target).join(link);
            }
            _ => return Ok(target),
        }
    }
    Err(IoError::other("too many symbolic links"))
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// A sibling that goes away again unless it is kept.
struct Temporary {
    path: PathBuf,
    file: Option<File>,
}

impl Temporary {
    fn beside(target: &Path) -> Result<Temporary, IoError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = target.file_name().ok_or_else(|| IoError::other("it has no file name"))?;
        loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let mut sibling = std::ffi::OsString::from(".");
            sibling.push(name);
            sibling.push(format!(".{}-{count}.gluonic-tmp", std::process::id()));
            let path = folder_of(target).join(sibling);
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => return Ok(Temporary { path, file: Some(file) }),
                // Left over by a process of the same number: take the next name.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn fill(
        &self,
        old: Option<&fs::Metadata>,
        write: impl FnOnce(&mut dyn Write) -> Result<(), IoError>,
    ) -> Result<(), IoError> {
        let Some(file) = &self.file else { return Ok(()) };
        let mut buffered = BufWriter::with_capacity(1 << 18, file);
        write(&mut buffered)?;
        buffered.flush()?;
        if let Some(old) = old {
            keep_owner(file, old);
            file.set_permissions(old.permissions())?;
        }
        file.sync_all()
    }

    fn keep(mut self) {
        self.file = None;
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Gives the new file the owner of the old one, if this user may.
#[cfg(unix)]
fn keep_owner(file: &File, old: &fs::Metadata) {
    use std::os::unix::fs::MetadataExt;
    let (user, group) =
        (rustix::fs::Uid::from_raw(old.uid()), rustix::fs::Gid::from_raw(old.gid()));
    // Only the superuser may give files away; anybody else writes under their own name.
    let _ = rustix::fs::fchown(file, Some(user), Some(group));
}

#[cfg(not(unix))]
fn keep_owner(_file: &File, _old: &fs::Metadata) {}

#[cfg(unix)]
fn sync_folder(path: &Path) -> Result<(), IoError> {
    File::open(folder_of(path))?.sync_all()
}

/// Other systems have no way to sync a folder.
#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> Result<(), IoError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bin");
        write_atomically(&path, |out| out.write_all(b"old")).unwrap();
        let result = write_atomically(&path, |out| {
            out.write_all(&vec![0; 1 << 20])?;
            Err(IoError::other("disk full"))
        });
        assert!(matches!(result, Err(Error::Io { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["a.bin"]);
    }

    #[cfg(unix)]
    #[test]
    fn permissions_and_links_are_kept_and_new_files_follow_the_umask() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::write(&real, b"old").unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
        symlink("real", &link).unwrap();
        write_atomically(&link, |out| out.write_all(b"new")).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().file_type().is_symlink());
        assert_eq!(fs::read(&real).unwrap(), b"new");
        assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
        let (fresh, plain) = (folder.path().join("fresh"), folder.path().join("plain"));
        write_atomically(&fresh, |out| out.write_all(b"x")).unwrap();
        fs::write(&plain, b"x").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&fresh), mode(&plain));
    }

    #[test]
    fn a_folder_is_no_file_to_write() {
        let folder = tempfile::tempdir().unwrap();
        let result = write_atomically(folder.path(), |_| Ok(()));
        assert!(matches!(result, Err(Error::Io { .. })));
        let missing = folder.path().join("no").join("such");
        assert!(matches!(write_atomically(&missing, |_| Ok(())), Err(Error::Io { .. })));
    }
}
