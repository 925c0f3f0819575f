//! What is on a simulated disk, what has been asked of it since, and what a crash makes of both.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{ErrorKind, Result};
use std::path::{Component, Path, PathBuf};

use super::{Content, Kind};

const SECTOR: usize = 512;

/// The number of the folder `/`.
const ROOT: usize = 0;

type Names = BTreeMap<OsString, usize>;

/// A change of a file that has not been synced.
#[derive(Clone, Debug)]
enum Change {
    Sector { at: usize, bytes: Vec<u8> },
    Size(usize),
    Mode(u32),
}

#[derive(Clone, Debug, Default)]
struct File {
    bytes: Vec<u8>,
    mode: u32,
}

impl File {
    fn apply(&mut self, change: &Change) {
        match change {
            Change::Sector { at, bytes } => {
                // What lies behind the size is not there.
                let end = (at + bytes.len()).min(self.bytes.len());
                if *at < end {
                    self.bytes[*at..end].copy_from_slice(&bytes[..end - at]);
                }
            }
            Change::Size(size) => self.bytes.resize((*size).max(self.bytes.len()), 0),
            Change::Mode(mode) => self.mode = *mode,
        }
    }
}

#[derive(Clone, Debug)]
enum Node {
    File { now: File, synced: File, changes: Vec<Change> },
    Folder { now: Names, synced: Names },
}

/// A change of names that has not been synced.
#[derive(Clone, Debug)]
struct Rename {
    /// The name that is no more, if it had one.
    from: Option<(usize, OsString)>,
    /// The name that is new, if it has one.
    to: Option<(usize, OsString)>,
    node: usize,
}

impl Rename {
    fn names(&self) -> impl Iterator<Item = &(usize, OsString)> {
        self.from.iter().chain(&self.to)
    }

    fn needs(&self, earlier: &Rename) -> bool {
        self.names().any(|name| earlier.names().any(|other| other == name))
    }

    fn apply(&self, mut names: impl FnMut(usize, &mut dyn FnMut(&mut Names))) {
        if let Some((folder, name)) = &self.from {
            names(*folder, &mut |names| {
                names.remove(name);
            });
        }
        if let Some((folder, name)) = &self.to {
            names(*folder, &mut |names| {
                names.insert(name.clone(), self.node);
            });
        }
    }
}

/// Files and folders, as they are and as they are known to be on the disk.
#[derive(Clone, Debug)]
pub(super) struct State {
    nodes: Vec<Node>,
    renames: Vec<Rename>,
}

impl Default for State {
    fn default() -> Self {
        let root = Node::Folder { now: Names::new(), synced: Names::new() };
        State { nodes: vec![root], renames: Vec::new() }
    }
}

impl State {
    fn names(&self, node: usize) -> Result<&Names> {
        match &self.nodes[node] {
            Node::Folder { now, .. } => Ok(now),
            Node::File { .. } => Err(ErrorKind::NotADirectory.into()),
        }
    }

    pub(super) fn find(&self, path: &Path) -> Result<usize> {
        let mut node = ROOT;
        for part in path.components() {
            if let Component::Normal(name) = part {
                node = *self.names(node)?.get(name).ok_or(ErrorKind::NotFound)?;
            }
        }
        Ok(node)
    }

    /// The folder and the last part of a path.
    fn place(&self, path: &Path) -> Result<(usize, OsString)> {
        let name = path.file_name().ok_or(ErrorKind::InvalidInput)?;
        let folder = self.find(path.parent().unwrap_or(Path::new("/")))?;
        let _ = self.names(folder)?;
        Ok((folder, name.to_owned()))
    }

    pub(super) fn mode(&self, node: usize) -> Option<u32> {
        match &self.nodes[node] {
            Node::File { now, .. } => Some(now.mode),
            Node::Folder { .. } => None,
        }
    }

    pub(super) fn bytes(&self, node: usize) -> Result<Vec<u8>> {
        match &self.nodes[node] {
            Node::File { now, .. } => Ok(now.bytes.clone()),
            Node::Folder { .. } => Err(ErrorKind::IsADirectory.into()),
        }
    }

    pub(super) fn list(&self, node: usize) -> Result<Vec<OsString>> {
        Ok(self.names(node)?.keys().cloned().collect())
    }

    pub(super) fn everything(&self) -> Vec<(PathBuf, Content)> {
        let mut found = Vec::new();
        let mut folders = vec![(PathBuf::from("/"), ROOT)];
        while let Some((path, node)) = folders.pop() {
            let content = match &self.nodes[node] {
                Node::File { now, .. } => Some((now.mode, now.bytes.clone())),
                Node::Folder { now, .. } => {
                    folders.extend(now.iter().map(|(name, node)| (path.join(name), *node)));
                    None
                }
            };
            found.push((path, content));
        }
        found.sort();
        found
    }

    fn record(&mut self, rename: Rename) {
        rename.apply(|folder, change| {
            if let Node::Folder { now, .. } = &mut self.nodes[folder] {
                change(now);
            }
        });
        self.renames.push(rename);
    }

    fn add(&mut self, path: &Path, node: Node) -> Result<usize> {
        let to = self.place(path)?;
        if self.names(to.0)?.contains_key(&to.1) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        self.nodes.push(node);
        let node = self.nodes.len() - 1;
        self.record(Rename { from: None, to: Some(to), node });
        Ok(node)
    }

    pub(super) fn create_file(&mut self, path: &Path, mode: u32) -> Result<usize> {
        let empty = File { bytes: Vec::new(), mode };
        self.add(path, Node::File { now: empty.clone(), synced: empty, changes: Vec::new() })
    }

    pub(super) fn create_folder(&mut self, path: &Path) -> Result<()> {
        let empty = Node::Folder { now: Names::new(), synced: Names::new() };
        self.add(path, empty).map(|_| ())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> Result<()> {
        let (from, to) = (self.place(from)?, self.place(to)?);
        let node = *self.names(from.0)?.get(&from.1).ok_or(ErrorKind::NotFound)?;
        if let Some(old) = self.names(to.0)?.get(&to.1) {
            match (&self.nodes[*old], &self.nodes[node]) {
                (Node::File { .. }, Node::File { .. }) => {}
                (Node::Folder { now, .. }, Node::Folder { .. }) if now.is_empty() => {}
                (Node::Folder { .. }, Node::Folder { .. }) => {
                    return Err(ErrorKind::DirectoryNotEmpty.into());
                }
                (Node::Folder { .. }, _) => return Err(ErrorKind::IsADirectory.into()),
                _ => return Err(ErrorKind::NotADirectory.into()),
            }
        }
        self.record(Rename { from: Some(from), to: Some(to), node });
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &Path, kind: Kind) -> Result<()> {
        let node = self.find(path)?;
        match (&self.nodes[node], kind) {
            (Node::File { .. }, Kind::File) => {}
            (Node::Folder { now, .. }, Kind::Folder) if now.is_empty() => {}
            (Node::Folder { .. }, Kind::Folder) => {
                return Err(ErrorKind::DirectoryNotEmpty.into());
            }
            (Node::Folder { .. }, _) => return Err(ErrorKind::IsADirectory.into()),
            _ => return Err(ErrorKind::NotADirectory.into()),
        }
        let from = self.place(path)?;
        self.record(Rename { from: Some(from), to: None, node });
        Ok(())
    }

    pub(super) fn write(&mut self, node: usize, at: usize, bytes: &[u8]) {
        let Node::File { now, changes, .. } = &mut self.nodes[node] else { return };
        let mut new = Vec::new();
        let end = at + bytes.len();
        if end > now.bytes.len() {
            new.push(Change::Size(end));
        }
        let mut start = at;
        while start < end {
            let next = (start / SECTOR * SECTOR + SECTOR).min(end);
            new.push(Change::Sector { at: start, bytes: bytes[start - at..next - at].to_vec() });
            start = next;
        }
        for change in &new {
            now.apply(change);
        }
        changes.extend(new);
    }

    pub(super) fn set_mode(&mut self, node: usize, mode: u32) {
        if let Node::File { now, changes, .. } = &mut self.nodes[node] {
            now.mode = mode;
            changes.push(Change::Mode(mode));
        }
    }

    pub(super) fn sync_file(&mut self, node: usize) {
        if let Node::File { now, synced, changes } = &mut self.nodes[node] {
            *synced = now.clone();
            changes.clear();
        }
    }

    /// Everything that changes a name of the folder reaches the disk, and what that needs.
    pub(super) fn sync_folder(&mut self, folder: usize) {
        let mut reached: Vec<bool> = self
            .renames
            .iter()
            .map(|rename| rename.names().any(|(of, _): &(usize, OsString)| *of == folder))
            .collect();
        for later in (0..reached.len()).rev() {
            for earlier in 0..later {
                let needed = reached[later] && self.renames[later].needs(&self.renames[earlier]);
                reached[earlier] |= needed;
            }
        }
        let renames = std::mem::take(&mut self.renames);
        for (rename, reached) in renames.into_iter().zip(reached) {
            if reached {
                self.reach(&rename);
            } else {
                self.renames.push(rename);
            }
        }
    }

    fn reach(&mut self, rename: &Rename) {
        rename.apply(|folder, change| {
            if let Node::Folder { synced, .. } = &mut self.nodes[folder] {
                change(synced);
            }
        });
    }

    /// The same, as if everything had reached the disk.
    pub(super) fn synced(&self) -> State {
        let mut state = self.clone();
        state.renames.clear();
        for node in &mut state.nodes {
            match node {
                Node::File { now, synced, changes } => {
                    *synced = now.clone();
                    changes.clear();
                }
                Node::Folder { now, synced } => synced.clone_from(now),
            }
        }
        state
    }

    /// The sets of renames that may have reached the disk, each as one flag for each rename.
    fn possible_renames(&self) -> Vec<Vec<bool>> {
        let mut sets = vec![Vec::new()];
        for (i, rename) in self.renames.iter().enumerate() {
            let mut longer = Vec::with_capacity(2 * sets.len());
            for set in sets {
                let mut earlier = self.renames[..i].iter().zip(&set);
                let allowed = earlier.all(|(earlier, reached)| *reached || !rename.needs(earlier));
                longer.push([set.as_slice(), &[false]].concat());
                if allowed {
                    longer.push([set.as_slice(), &[true]].concat());
                }
            }
            sets = longer;
        }
        sets
    }

    /// Shows every state after a crash now, or `limit` of them. Returns how many it has shown,
    /// and whether they were all.
    pub(super) fn crashes(&self, limit: u64, mut visit: impl FnMut(State)) -> (u64, bool) {
        let renames = self.possible_renames();
        let changes = self.nodes.iter().map(|node| match node {
            Node::File { changes, .. } => changes.len(),
            Node::Folder { .. } => 0,
        });
        // Beyond this many, `limit` is all that can be shown anyway.
        let bits = changes.sum::<usize>().min(64) as u32;
        let total = renames.len() as u128 * (1_u128 << bits);
        let count = total.min(u128::from(limit));
        for i in 0..count {
            let number = if count > 1 { i * (total - 1) / (count - 1) } else { 0 };
            let set = &renames[(number >> bits) as usize];
            visit(self.crash(set, number & ((1 << bits) - 1)));
        }
        (count as u64, count == total)
    }

    /// The state after a crash that these renames and these changes have survived.
    fn crash(&self, renames: &[bool], mut changes: u128) -> State {
        let mut state = self.clone();
        state.renames.clear();
        for node in &mut state.nodes {
            if let Node::File { synced, changes: unsynced, .. } = node {
                for change in unsynced.drain(..) {
                    if changes & 1 == 1 {
                        synced.apply(&change);
                    }
                    changes >>= 1;
                }
            }
        }
        for (rename, _) in self.renames.iter().zip(renames).filter(|(_, reached)| **reached) {
            state.reach(rename);
        }
        for node in &mut state.nodes {
            match node {
                Node::File { now, synced, .. } => *now = synced.clone(),
                Node::Folder { now, synced } => now.clone_from(synced),
            }
        }
        state
    }
}
