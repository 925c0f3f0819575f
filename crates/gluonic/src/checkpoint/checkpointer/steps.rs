//! The folders of steps: each complete or absent, and a file that names the latest.

use std::io::{Error as IoError, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::storage::{Kind, Lock, Vfs, publish_folder, retire_folder, sweep, write_atomically_on};

/// The file that names the latest step.
const LATEST: &str = "latest";

/// The file that is locked by whoever saves.
const LOCK: &str = ".lock";

/// How many digits a step has at least, so that folders sort as numbers do.
const DIGITS: usize = 8;

fn name_of(step: u64) -> String {
    format!("step-{step:0DIGITS$}")
}

/// The step of a folder's name; `None` for any other name, also one with too few digits.
fn step_of(name: &str) -> Option<u64> {
    let step = name.strip_prefix("step-")?.parse().ok()?;
    (name_of(step) == name).then_some(step)
}

/// Where steps are, and which of them are kept.
#[derive(Clone, Debug)]
pub(super) struct Steps {
    pub(super) vfs: Arc<dyn Vfs>,
    pub(super) folder: PathBuf,
    pub(super) keep_last: Option<usize>,
    pub(super) keep_every: Option<u64>,
}

impl Steps {
    pub(super) fn path(&self, step: u64) -> PathBuf {
        self.folder.join(name_of(step))
    }

    /// Makes the folder if it is missing, keeps others from saving into it, and removes what
    /// killed ones have left.
    pub(super) fn lock(&self) -> Result<Lock> {
        self.create_folders()?;
        let path = self.folder.join(LOCK);
        let lock = self.vfs.lock(&path).map_err(|error| Error::io("lock", &path, error))?;
        let lock = lock.ok_or_else(|| Error::Locked { path: self.folder.clone() })?;
        sweep(&*self.vfs, &self.folder);
        Ok(lock)
    }

    fn create_folders(&self) -> Result<()> {
        let is_missing = |folder: &&Path| {
            let found = self.vfs.metadata(folder);
            found.is_err_and(|error| error.kind() == ErrorKind::NotFound)
                && !folder.as_os_str().is_empty()
        };
        let missing: Vec<&Path> = self.folder.ancestors().take_while(is_missing).collect();
        for folder in missing.into_iter().rev() {
            let fail = |error| Error::io("create", folder, error);
            match self.vfs.create_folder(folder) {
                // Somebody else has made it meanwhile.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                result => result.map_err(fail)?,
            }
            let above = folder.parent().filter(|above| !above.as_os_str().is_empty());
            self.vfs.sync_folder(above.unwrap_or(Path::new("."))).map_err(fail)?;
        }
        Ok(())
    }

    /// Every step there is, in ascending order.
    pub(super) fn list(&self) -> Result<Vec<u64>> {
        let names = match self.vfs.list(&self.folder) {
            Ok(names) => names,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::io("list", &self.folder, error)),
        };
        let steps = names.iter().filter_map(|name| step_of(name.to_str()?));
        let mut steps: Vec<u64> = steps.filter(|step| self.exists(*step)).collect();
        steps.sort_unstable();
        Ok(steps)
    }

    fn exists(&self, step: u64) -> bool {
        self.vfs.metadata(&self.path(step)).is_ok_and(|metadata| metadata.kind == Kind::Folder)
    }

    /// The step that was saved last or, where its folder was removed by hand, the highest one.
    pub(super) fn latest(&self) -> Result<Option<u64>> {
        let path = self.folder.join(LATEST);
        let fail = |error| Error::io("read", &path, error);
        let named = match self.vfs.read(&path) {
            Ok(text) => {
                let text = String::from_utf8_lossy(&text);
                let unknown = || IoError::new(ErrorKind::InvalidData, "it names no step");
                Some(step_of(text.trim_end()).ok_or_else(unknown).map_err(fail)?)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(fail(error)),
        };
        match named.filter(|step| self.exists(*step)) {
            Some(step) => Ok(Some(step)),
            None => Ok(self.list()?.pop()),
        }
    }

    /// Saves a step of what `fill` puts into its folder, names it the latest, and removes those
    /// that are not to be kept. The caller has the lock.
    pub(super) fn save(
        &self,
        step: u64,
        fill: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<PathBuf> {
        // Replacing it would leave a moment in which the latest is missing.
        if self.latest()? == Some(step) {
            return Err(Error::StepExists { step, path: self.folder.clone() });
        }
        let path = self.path(step);
        publish_folder(&*self.vfs, &path, fill)?;
        write_atomically_on(&*self.vfs, &self.folder.join(LATEST), |out| {
            writeln!(out, "{}", name_of(step))
        })?;
        if let Err(error) = self.retire(step) {
            log::warn!("step {step} is saved, but an old one stays: {error}");
        }
        Ok(path)
    }

    fn retire(&self, latest: u64) -> Result<()> {
        let Some(last) = self.keep_last else { return Ok(()) };
        let steps = self.list()?;
        let old = &steps[..steps.len().saturating_sub(last)];
        let is_kept = |step: u64| {
            step == latest || self.keep_every.is_some_and(|every| step.is_multiple_of(every))
        };
        let mut old = old.iter().filter(|step| !is_kept(**step));
        old.try_for_each(|step| retire_folder(&*self.vfs, &self.path(*step)))
    }
}

#[cfg(test)]
mod tests {
    use std::any::Any;

    use super::*;
    use crate::storage::simulated::{Scenario, Simulated, every_crash};

    fn steps(vfs: &dyn Fn() -> Arc<dyn Vfs>, keep_last: usize) -> Steps {
        let folder = PathBuf::from("/runs/a");
        Steps { vfs: vfs(), folder, keep_last: Some(keep_last), keep_every: Some(10) }
    }

    fn save(steps: &Steps, step: u64) -> Result<PathBuf> {
        steps.save(step, |folder| {
            write_atomically_on(&*steps.vfs, &folder.join("model"), |out| write!(out, "{step}"))
        })
    }

    #[test]
    fn names_and_steps_agree() {
        for step in [0, 7, 99_999_999, 100_000_000, u64::MAX] {
            assert_eq!(step_of(&name_of(step)), Some(step));
        }
        for name in
            ["step-7", "step-00000007.tmp", "step--0000007", "step-", "latest", "step-+0000007"]
        {
            assert_eq!(step_of(name), None, "{name}");
        }
    }

    #[test]
    fn the_last_and_every_tenth_step_are_kept_and_always_the_latest() {
        let disk = Simulated::new();
        let steps = steps(&|| Arc::new(disk.clone()), 2);
        let _lock = steps.lock().unwrap();
        assert_eq!(steps.latest().unwrap(), None);
        for step in 8..=13 {
            save(&steps, step).unwrap();
            assert_eq!(steps.latest().unwrap(), Some(step));
        }
        assert_eq!(steps.list().unwrap(), [10, 12, 13]);
        // Training that went back to an earlier step.
        save(&steps, 5).unwrap();
        assert_eq!(
            (steps.list().unwrap(), steps.latest().unwrap()),
            (vec![5, 10, 12, 13], Some(5))
        );
        save(&steps, 12).unwrap();
        assert_eq!(steps.list().unwrap(), [10, 12, 13]);
        assert!(matches!(save(&steps, 12), Err(Error::StepExists { step: 12, .. })));
        assert!(matches!(steps.lock(), Err(Error::Locked { .. })));
    }

    #[test]
    fn after_a_crash_at_any_moment_the_latest_step_is_there_and_whole() {
        let before = Simulated::new();
        let first = steps(&|| Arc::new(before.clone()), 2);
        let lock = first.lock().unwrap();
        save(&first, 1).unwrap();
        save(&first, 2).unwrap();
        drop(lock);
        let scenario = Scenario {
            name: "a step is saved and an older one removed",
            before,
            may_leave: true,
            act: Box::new(|vfs| {
                let disk = (vfs as &dyn Any).downcast_ref::<Simulated>().unwrap();
                let steps = steps(&|| Arc::new(disk.clone()), 1);
                let _lock = steps.lock()?;
                match steps.latest()? {
                    Some(3) => Ok(()),
                    _ => save(&steps, 3).map(|_| ()),
                }
            }),
            check: Box::new(|disk, _| {
                let steps = steps(&|| Arc::new(disk.clone()), 1);
                let latest = steps.latest().map_err(|error| error.to_string())?;
                let Some(latest @ 2..) = latest else { return Err(format!("{latest:?}")) };
                for step in steps.list().map_err(|error| error.to_string())? {
                    let model = disk.read(&steps.path(step).join("model"));
                    if model.ok() != Some(step.to_string().into_bytes()) {
                        return Err(format!("step {step} of {latest} is not whole"));
                    }
                }
                Ok(())
            }),
        };
        let tally = every_crash(&scenario, 64);
        assert_eq!(tally.violations, [""; 0]);
        assert!(tally.states > 1000, "{tally:?}");
    }
}
