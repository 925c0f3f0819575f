//! A file system in memory that can tell every state in which a crash may leave it.
//!
//! # The model
//!
//! After the ALICE model (Pillai et al. 2014, "All File Systems Are Not Created Equal", OSDI), at
//! its weakest, so that no file system that keeps its promises does worse:
//!
//! - *Data.* A write is cut at multiples of 512 bytes into sectors. A sector is written whole or
//!   not at all. Until the file is synced, any of its sectors may have reached the disk and any
//!   may not, whatever their order. A write behind the end of the file also sets its size, which
//!   reaches the disk or not on its own: then what is missing reads as zeros, and what lies behind
//!   the size is not there. Permissions reach the disk or not on their own too.
//! - *Names.* Creating, renaming and removing change one name, or two at once. Until the folder is
//!   synced, any of the changes may have reached the disk and any may not, as long as each one
//!   that did finds the names as it left them: all earlier changes of the same names have reached
//!   it too. A journal that keeps all changes in order allows some of these states only.
//! - Syncing a file says nothing about its name. Syncing a folder says nothing about what is in
//!   its files.
//! - A sync that fails may have done any part of its work.
//!
//! A process that is killed is the case where everything has reached the disk. Locks are gone after
//! a crash.
//!
//! It has files and folders, no links. The check of a protocol is [`every_crash`].

mod check;
mod state;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{Error, ErrorKind, Result, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use check::{Outcome, Scenario, Tally, every_crash, scenarios};
use state::State;

use super::vfs::{Handle, Keep, Kind, Lock, Metadata, Vfs};

/// What goes wrong at one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The disk is full.
    Full,
    /// The disk is broken.
    Broken,
    /// A signal came first; only writes tell, and are tried again.
    Interrupted,
    /// A write takes one byte.
    Short,
    /// A write takes nothing.
    Nothing,
}

impl Fault {
    /// All of them.
    pub const ALL: [Fault; 5] =
        [Fault::Full, Fault::Broken, Fault::Interrupted, Fault::Short, Fault::Nothing];

    /// The largest number of bytes that a write takes, if it does not fail.
    fn limit(self, is_write: bool) -> Result<Option<usize>> {
        match self {
            Fault::Full => Err(ErrorKind::StorageFull.into()),
            Fault::Broken => Err(Error::other("input/output error")),
            Fault::Interrupted if is_write => Err(ErrorKind::Interrupted.into()),
            Fault::Short if is_write => Ok(Some(1)),
            Fault::Nothing if is_write => Ok(Some(0)),
            Fault::Interrupted | Fault::Short | Fault::Nothing => Ok(None),
        }
    }
}

/// The most bytes that a write takes, so that short writes are usual.
const LONGEST_WRITE: usize = 1200;

/// What stands at a path: the permissions and the bytes of a file, `None` for a folder.
pub type Content = Option<(u32, Vec<u8>)>;

#[derive(Debug, Default)]
struct Inner {
    state: State,
    /// The state after each operation that changed it.
    moments: Vec<State>,
    locked: BTreeSet<usize>,
    operations: usize,
    fault: Option<(usize, Fault)>,
}

/// The file system: a handle, clones of which share it.
#[derive(Clone, Debug, Default)]
pub struct Simulated(Arc<Mutex<Inner>>);

impl Simulated {
    /// One with an empty folder `/`.
    pub fn new() -> Simulated {
        Self::from_state(State::default())
    }

    fn from_state(state: State) -> Simulated {
        let inner = Inner { moments: vec![state.clone()], state, ..Inner::default() };
        Simulated(Arc::new(Mutex::new(inner)))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy in which everything has reached the disk, nothing is locked, and the operation of
    /// that number, counted from now, goes wrong.
    #[must_use]
    pub fn synced(&self, fault: Option<(usize, Fault)>) -> Simulated {
        let disk = Self::from_state(self.inner().state.synced());
        disk.inner().fault = fault;
        disk
    }

    /// How many operations could have gone wrong so far.
    pub fn operations(&self) -> usize {
        self.inner().operations
    }

    /// Every state in which a crash may leave the disk, at any time since it was made or
    /// [`synced`](Simulated::synced); those of a crash now come with `true`. If one time allows
    /// more than `limit`, it shows that many of them, spread evenly.
    ///
    /// Returns how many it has shown, and whether they were all.
    pub fn crashes(&self, limit: u64, mut visit: impl FnMut(Simulated, bool)) -> (u64, bool) {
        let moments = self.inner().moments.clone();
        let (mut shown, mut all) = (0, true);
        for (i, moment) in moments.iter().enumerate() {
            let is_last = i + 1 == moments.len();
            let (count, is_all) =
                moment.crashes(limit, |state| visit(Self::from_state(state), is_last));
            shown += count;
            all &= is_all;
        }
        (shown, all)
    }

    /// Everything on the disk. Two states with the same answer are the same to any reader.
    pub fn everything(&self) -> Vec<(PathBuf, Content)> {
        self.inner().state.everything()
    }

    /// Does one operation, unless it is the one that goes wrong.
    fn change<R>(&self, change: impl FnOnce(&mut Inner) -> Result<R>) -> Result<R> {
        let mut inner = self.inner();
        inner.next(false)?;
        let result = change(&mut inner)?;
        inner.remember();
        Ok(result)
    }
}

impl Inner {
    fn next(&mut self, is_write: bool) -> Result<Option<usize>> {
        let number = self.operations;
        self.operations += 1;
        match self.fault {
            Some((at, fault)) if at == number => fault.limit(is_write),
            _ => Ok(None),
        }
    }

    fn remember(&mut self) {
        self.moments.push(self.state.clone());
    }
}

impl Vfs for Simulated {
    fn metadata(&self, path: &Path) -> Result<Metadata> {
        let inner = self.inner();
        let node = inner.state.find(path)?;
        let mode = inner.state.mode(node);
        let kind = if mode.is_some() { Kind::File } else { Kind::Folder };
        Ok(Metadata { kind, links: 1, read_only: false, mode, owner: None })
    }

    fn read_link(&self, _: &Path) -> Result<PathBuf> {
        Err(ErrorKind::InvalidInput.into())
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>> {
        let inner = self.inner();
        inner.state.bytes(inner.state.find(path)?)
    }

    fn list(&self, folder: &Path) -> Result<Vec<OsString>> {
        let inner = self.inner();
        inner.state.list(inner.state.find(folder)?)
    }

    fn create(&self, path: &Path, replaces: bool) -> Result<Box<dyn Handle>> {
        let node = self.change(|inner| {
            let node = inner.state.create_file(path, if replaces { 0o600 } else { 0o644 })?;
            inner.locked.insert(node);
            Ok(node)
        })?;
        Ok(Box::new(Open { disk: self.clone(), node, at: 0 }))
    }

    fn create_folder(&self, path: &Path) -> Result<()> {
        self.change(|inner| inner.state.create_folder(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.change(|inner| inner.state.rename(from, to))
    }

    fn remove_file(&self, path: &Path) -> Result<()> {
        self.change(|inner| inner.state.remove(path, Kind::File))
    }

    fn remove_folder(&self, path: &Path) -> Result<()> {
        self.change(|inner| inner.state.remove(path, Kind::Folder))
    }

    fn remove_abandoned(&self, path: &Path) -> Result<bool> {
        let is_free = {
            let inner = self.inner();
            let node = inner.state.find(path)?;
            inner.state.mode(node).is_some() && !inner.locked.contains(&node)
        };
        if is_free {
            self.remove_file(path)?;
        }
        Ok(is_free)
    }

    fn sync_file(&self, path: &Path) -> Result<()> {
        self.change(|inner| {
            let node = inner.state.find(path)?;
            inner.state.sync_file(node);
            Ok(())
        })
    }

    fn sync_folder(&self, folder: &Path) -> Result<()> {
        self.change(|inner| {
            let node = inner.state.find(folder)?;
            inner.state.sync_folder(node);
            Ok(())
        })
    }

    fn lock(&self, path: &Path) -> Result<Option<Lock>> {
        let node = self.change(|inner| match inner.state.find(path) {
            Ok(node) => Ok(node),
            Err(_) => inner.state.create_file(path, 0o644),
        })?;
        let is_free = self.inner().locked.insert(node);
        Ok(is_free.then(|| Lock(Box::new(Open { disk: self.clone(), node, at: 0 }))))
    }
}

#[derive(Debug)]
struct Open {
    disk: Simulated,
    node: usize,
    at: usize,
}

impl Keep for Open {}

impl Write for Open {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let mut inner = self.disk.inner();
        let limit = inner.next(true)?.unwrap_or(LONGEST_WRITE);
        let bytes = &bytes[..bytes.len().min(limit)];
        inner.state.write(self.node, self.at, bytes);
        inner.remember();
        self.at += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Handle for Open {
    fn keep(&mut self, old: &Metadata) -> Result<()> {
        let node = self.node;
        self.disk.change(|inner| {
            inner.state.set_mode(node, old.mode.unwrap_or(0o644));
            Ok(())
        })
    }

    fn sync(&mut self) -> Result<()> {
        let node = self.node;
        self.disk.change(|inner| {
            inner.state.sync_file(node);
            Ok(())
        })
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.disk.inner().locked.remove(&self.node);
    }
}
