//! The operations of a file system that durable writing is made of, so that they can be replaced:
//! by [`Disk`](super::Disk) for real files, by [`simulated`](super::simulated) to look at every
//! state that a crash may leave.

use std::any::Any;
use std::ffi::OsString;
use std::fmt::Debug;
use std::io::{Result, Write};
use std::path::{Path, PathBuf};

/// What something in a folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// Anything else, by its name with an article: `a pipe`, `a socket`, `a device`.
    Special(&'static str),
}

impl Kind {
    /// What is wrong with it for somebody who needs a regular file.
    pub fn problem(self) -> Option<&'static str> {
        match self {
            Kind::File => None,
            Kind::Folder => Some("it is a folder"),
            Kind::Link => Some("it is a symbolic link"),
            Kind::Special(what) => Some(what),
        }
    }
}

/// What is known of a file beside its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// What it is.
    pub kind: Kind,
    /// The number of its names; 1 where a system does not tell.
    pub links: u64,
    /// Whether nobody may write to it, or not this process.
    pub read_only: bool,
    /// The bits of its permissions; `None` where a system has none.
    pub mode: Option<u32>,
    /// The numbers of its user and of its group; `None` where a system has none.
    pub owner: Option<(u32, u32)>,
}

/// A file that is being written, and locked for as long as it is open.
pub trait Handle: Write + Send {
    /// Gives it the owner, as far as this user may, and the permissions of an older file.
    ///
    /// # Errors
    /// As the system.
    fn keep(&mut self, old: &Metadata) -> Result<()>;

    /// Waits until its bytes and its permissions would survive a power failure.
    ///
    /// # Errors
    /// As the system. What was written since the last success may then be lost even if a later
    /// call succeeds.
    fn sync(&mut self) -> Result<()>;
}

/// A file system.
///
/// # Errors
/// Every method gives the error of the system; the callers add the path.
#[allow(clippy::missing_errors_doc, reason = "said once, for all methods")]
pub trait Vfs: Any + Debug + Send + Sync {
    /// What stands at a path, symbolic links not followed.
    fn metadata(&self, path: &Path) -> Result<Metadata>;

    /// Where a symbolic link leads to.
    fn read_link(&self, path: &Path) -> Result<PathBuf>;

    /// The bytes of a regular file.
    fn read(&self, path: &Path) -> Result<Vec<u8>>;

    /// The names in a folder, in no order.
    fn list(&self, folder: &Path) -> Result<Vec<OsString>>;

    /// Makes a file that must not exist, and locks it until the handle goes. If it is to replace
    /// an older file, nobody else may read it until [`Handle::keep`] says who may.
    ///
    /// [`AlreadyExists`](std::io::ErrorKind::AlreadyExists) asks the caller to take another name.
    fn create(&self, path: &Path, replaces: bool) -> Result<Box<dyn Handle>>;

    /// Makes a folder that must not exist.
    fn create_folder(&self, path: &Path) -> Result<()>;

    /// Gives a file or a folder another name. A file takes the place of a file.
    fn rename(&self, from: &Path, to: &Path) -> Result<()>;

    /// Removes a file.
    fn remove_file(&self, path: &Path) -> Result<()>;

    /// Removes an empty folder.
    fn remove_folder(&self, path: &Path) -> Result<()>;

    /// Removes a file of [`Vfs::create`] if nobody has it open any more; tells whether it did.
    fn remove_abandoned(&self, path: &Path) -> Result<bool>;

    /// As [`Handle::sync`], for a file that somebody else has written.
    fn sync_file(&self, path: &Path) -> Result<()>;

    /// Waits until the names in a folder would survive a power failure.
    fn sync_folder(&self, folder: &Path) -> Result<()>;

    /// Locks a file, which is made if it does not exist, against other processes and other callers
    /// until what is returned is dropped. `None` if it is locked already.
    fn lock(&self, path: &Path) -> Result<Option<Lock>>;
}

/// Keeps a file locked.
#[derive(Debug)]
pub struct Lock(#[allow(dead_code, reason = "its drop unlocks")] pub(super) Box<dyn Keep>);

/// What a lock consists of.
pub(super) trait Keep: Debug + Send + Sync {}
