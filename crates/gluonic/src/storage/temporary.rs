//! Names of files and folders that are not finished, and what is left of those that never will be.
//!
//! A process that is killed leaves its temporaries behind. The next save in the same folder
//! removes them: a temporary file is locked by whoever writes it, so one without a lock has no
//! writer any more. The number of the process in its name only keeps names apart: numbers are used
//! again, and two containers that share a folder may both be process 1.

use std::io::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::vfs::{Kind, Vfs};

const SUFFIX: &str = ".gluonic-tmp";

/// The longest part of a target's name that goes into a temporary one; file systems allow 255
/// bytes for the whole.
const LONGEST: usize = 200;

/// The folder that something lies in.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// Makes something under a name of its own beside the target.
pub(super) fn beside<T>(target: &Path, make: impl Fn(&Path) -> Result<T>) -> Result<(PathBuf, T)> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    const TRIES: usize = 10_000;
    let name = target.file_name().ok_or_else(|| Error::other("it has no file name"))?;
    let name = name.to_string_lossy();
    let fits = name.char_indices().take_while(|(at, c)| at + c.len_utf8() <= LONGEST);
    let name: String = fits.map(|(_, c)| c).collect();
    for _ in 0..TRIES {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let sibling = format!(".{name}.{}-{count}{SUFFIX}", std::process::id());
        let path = folder_of(target).join(sibling);
        match make(&path) {
            // Left over by a process of the same number: take the next name.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            result => return result.map(|made| (path, made)),
        }
    }
    Err(Error::other("every temporary name is taken"))
}

/// Whether a name is one of those that `beside` makes.
pub fn is_temporary(name: &str) -> bool {
    let numbers = || {
        let (_, numbers) = name.strip_prefix('.')?.strip_suffix(SUFFIX)?.rsplit_once('.')?;
        numbers.split_once('-')
    };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    numbers().is_some_and(|(process, count)| is_number(process) && is_number(count))
}

fn temporaries(vfs: &dyn Vfs, folder: &Path) -> Vec<PathBuf> {
    // A folder that may be written to but not listed keeps its leftovers.
    let names = vfs.list(folder).unwrap_or_default();
    let ours = names.iter().filter(|name| is_temporary(&name.to_string_lossy()));
    ours.map(|name| folder.join(name)).collect()
}

/// Removes the temporary files of a folder that nobody writes any more. What cannot be removed
/// stays: a save must not fail for it.
pub(super) fn sweep_files(vfs: &dyn Vfs, folder: &Path) {
    for path in temporaries(vfs, folder) {
        if let Err(error) = vfs.remove_abandoned(&path) {
            log::debug!("`{}` stays: {error}", path.display());
        }
    }
}

/// Removes the temporary folders of a folder. Only for somebody who has locked it: the folders
/// themselves have no lock.
pub(super) fn sweep_folders(vfs: &dyn Vfs, folder: &Path) {
    for path in temporaries(vfs, folder) {
        if vfs.metadata(&path).is_ok_and(|metadata| metadata.kind == Kind::Folder)
            && let Err(error) = remove_tree(vfs, &path)
        {
            log::debug!("`{}` stays: {error}", path.display());
        }
    }
}

/// Removes a folder with all that is in it.
pub(super) fn remove_tree(vfs: &dyn Vfs, folder: &Path) -> Result<()> {
    let mut folders = vec![folder.to_owned()];
    let mut at = 0;
    while let Some(inner) = folders.get(at).cloned() {
        for name in vfs.list(&inner)? {
            let path = inner.join(name);
            if vfs.metadata(&path)?.kind == Kind::Folder {
                folders.push(path);
            } else {
                vfs.remove_file(&path)?;
            }
        }
        at += 1;
    }
    // Every folder stands before those in it.
    folders.iter().rev().try_for_each(|folder| vfs.remove_folder(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temporary_names_are_known_again_and_no_others() {
        for target in ["net.safetensors", "a", &"é".repeat(127)] {
            let path = beside(Path::new(target), |path| Ok(path.to_owned())).unwrap().0;
            let name = path.file_name().unwrap().to_str().unwrap();
            assert!(is_temporary(name) && name.len() <= 255, "{name}");
        }
        for name in [".a.1-2.tmp", "a.1-2.gluonic-tmp", ".a.gluonic-tmp", ".a.1-.gluonic-tmp"] {
            assert!(!is_temporary(name), "{name}");
        }
    }
}
