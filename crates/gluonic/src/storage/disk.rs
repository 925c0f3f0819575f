//! The file system of the operating system.
#![allow(clippy::disallowed_methods, reason = "this is the module that the others are sent to")]

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Error, ErrorKind, Result, Write};
use std::path::{Path, PathBuf};

use super::vfs::{Handle, Keep, Kind, Lock, Metadata, Vfs};

/// The real one.
///
/// # Locks
/// Those of `File::try_lock` (`flock` on Unix): the system takes them back when a process ends,
/// however it ends. Where a file system has no locks, files are written without one, and leftovers
/// stay, since nobody can tell whether they are in use.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

/// What a file is, for us.
pub(super) fn metadata_of(metadata: &fs::Metadata) -> Metadata {
    let file_type = metadata.file_type();
    let kind = if file_type.is_file() {
        Kind::File
    } else if file_type.is_dir() {
        Kind::Folder
    } else if file_type.is_symlink() {
        Kind::Link
    } else {
        Kind::Special(special(file_type))
    };
    let read_only = metadata.permissions().readonly();
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let (mode, owner) = (metadata.mode() & 0o7777, (metadata.uid(), metadata.gid()));
        let links = metadata.nlink();
        Metadata { kind, links, read_only, mode: Some(mode), owner: Some(owner) }
    }
    #[cfg(not(unix))]
    Metadata { kind, links: 1, read_only, mode: None, owner: None }
}

#[cfg(unix)]
fn special(file_type: fs::FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    if file_type.is_fifo() {
        "it is a pipe"
    } else if file_type.is_socket() {
        "it is a socket"
    } else if file_type.is_block_device() || file_type.is_char_device() {
        "it is a device"
    } else {
        "it is no regular file"
    }
}

#[cfg(not(unix))]
fn special(_: fs::FileType) -> &'static str {
    "it is no regular file"
}

/// Opens a regular file for reading, and never waits for the other end of a pipe.
///
/// A pipe or a device is refused before it is opened, since opening may have effects; what was
/// opened is looked at again, since the path may lead elsewhere by then.
pub(super) fn open_regular(path: &Path) -> Result<(File, u64)> {
    let refuse = |metadata: &fs::Metadata| match metadata_of(metadata).kind.problem() {
        Some(problem) => Err(Error::other(problem)),
        None => Ok(metadata.len()),
    };
    refuse(&fs::metadata(path)?)?;
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    }
    let file = options.open(path)?;
    let len = refuse(&file.metadata()?)?;
    Ok((file, len))
}

impl Vfs for Disk {
    fn metadata(&self, path: &Path) -> Result<Metadata> {
        let mut metadata = metadata_of(&fs::symlink_metadata(path)?);
        #[cfg(unix)]
        if metadata.kind == Kind::File && !metadata.read_only {
            // Write permission of others is none of ours.
            use rustix::fs::{Access, AtFlags, CWD, accessat};
            metadata.read_only = accessat(CWD, path, Access::WRITE_OK, AtFlags::EACCESS).is_err();
        }
        Ok(metadata)
    }

    fn read_link(&self, path: &Path) -> Result<PathBuf> {
        fs::read_link(path)
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>> {
        super::file::read_regular(path)
    }

    fn list(&self, folder: &Path) -> Result<Vec<OsString>> {
        fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect()
    }

    fn create(&self, path: &Path, replaces: bool) -> Result<Box<dyn Handle>> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        if replaces {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(0o600);
        }
        #[cfg(not(unix))]
        let _ = replaces;
        let file = options.open(path)?;
        match file.try_lock() {
            // Somebody who tidies up took it for abandoned, in the moment before it was locked.
            Ok(()) if is_removed(&file)? => Err(ErrorKind::AlreadyExists.into()),
            Err(TryLockError::WouldBlock) => Err(ErrorKind::AlreadyExists.into()),
            // A file system without locks is as good as one where nobody tidies up.
            Ok(()) | Err(TryLockError::Error(_)) => Ok(Box::new(Open(file))),
        }
    }

    fn create_folder(&self, path: &Path) -> Result<()> {
        fs::create_dir(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> Result<()> {
        fs::remove_file(path)
    }

    fn remove_folder(&self, path: &Path) -> Result<()> {
        fs::remove_dir(path)
    }

    fn remove_abandoned(&self, path: &Path) -> Result<bool> {
        if metadata_of(&fs::symlink_metadata(path)?).kind != Kind::File {
            return Ok(false);
        }
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        match file.try_lock() {
            Ok(()) if is_removed(&file)? => Ok(false),
            Ok(()) => fs::remove_file(path).map(|()| true),
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => Ok(false),
        }
    }

    fn sync_file(&self, path: &Path) -> Result<()> {
        open_regular(path)?.0.sync_all()
    }

    #[cfg(unix)]
    fn sync_folder(&self, folder: &Path) -> Result<()> {
        match File::open(folder)?.sync_all() {
            // The answer of file systems that cannot sync a folder, and need not.
            Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(()),
            result => result,
        }
    }

    /// Other systems have no way to sync a folder.
    #[cfg(not(unix))]
    fn sync_folder(&self, _: &Path) -> Result<()> {
        Ok(())
    }

    fn lock(&self, path: &Path) -> Result<Option<Lock>> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => Ok(None),
            Ok(()) | Err(TryLockError::Error(_)) => Ok(Some(Lock(Box::new(Open(file))))),
        }
    }
}

/// Whether a file has no name any more.
fn is_removed(file: &File) -> Result<bool> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        Ok(file.metadata()?.nlink() == 0)
    }
    #[cfg(not(unix))]
    file.metadata().map(|_| false)
}

#[derive(Debug)]
struct Open(File);

impl Keep for Open {}

impl Write for Open {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> Result<()> {
        self.0.flush()
    }
}

impl Handle for Open {
    fn keep(&mut self, old: &Metadata) -> Result<()> {
        // The owner first: a change of owner takes permissions away.
        #[cfg(unix)]
        if let Some((user, group)) = old.owner {
            use rustix::fs::{Gid, Uid, fchown};
            let group = Some(Gid::from_raw(group));
            // Only the superuser may give files away; others may choose among their groups.
            if fchown(&self.0, Some(Uid::from_raw(user)), group).is_err() {
                let _ = fchown(&self.0, None, group);
            }
        }
        #[cfg(unix)]
        if let Some(mode) = old.mode {
            use std::os::unix::fs::PermissionsExt;
            self.0.set_permissions(fs::Permissions::from_mode(mode))?;
        }
        #[cfg(not(unix))]
        let _ = old;
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        self.0.sync_all()
    }
}
