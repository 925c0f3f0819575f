//! Checkpoints of a training run, one folder a step, each complete or absent.

mod steps;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use gluonic_formats::{Format, RawTensor};
use indexmap::IndexMap;

use steps::Steps;

use super::convert::Outgoing;
use super::tie::ALIASES;
use super::{LoadOptions, LoadReport, SaveLoad};
use crate::error::{Error, Result, one_or_more, panic_text};
use crate::nn::Block;
use crate::param::Snapshot;
use crate::storage::{Disk, Lock};

/// The file of a step's parameters.
pub(crate) const MODEL: &str = "model.safetensors";

/// Saves the steps of a training run into a folder, and finds the latest again.
///
/// ```text
/// runs/first/step-00001200/model.safetensors    and what else you write
///           /step-00001300/…
///           /latest                              the text `step-00001300`
/// ```
///
/// A step is filled under a temporary name, synced and renamed; then `latest` is replaced. So a
/// step is complete or absent, and `latest` names a complete one, whenever the process is killed
/// or the power fails. What a killed process leaves goes with the next save.
///
/// One checkpointer at a time saves into a folder, which it locks with its first save. Any number
/// may read.
///
/// # Examples
/// ```
/// use gluonic::prelude::*;
/// use gluonic::checkpoint::Checkpointer;
/// # let folder = tempfile::tempdir()?; let runs = folder.path().join("runs/first");
/// let net = Dense::with(DenseConfig { units: 2, in_units: Some(3), ..Default::default() })?;
/// net.initialize()?;
/// let mut checkpointer = Checkpointer::new(&runs).keep_last(2)?.keep_every(1000)?;
/// for step in [900, 1000, 1100, 1200] {
///     // … train …
///     let pending = checkpointer.save_async(step, net.snapshot()?)?;
///     # if step == 900 {
///     // … go on training; later, or at the next save:
///     assert!(pending.wait()?.ends_with("step-00000900"));
///     # }
/// }
/// checkpointer.finish()?;
/// assert_eq!(checkpointer.steps()?, [1000, 1100, 1200]);
///
/// // After a restart:
/// let (step, _report) = checkpointer.load_latest(&net, &LoadOptions::default())?.unwrap();
/// assert_eq!(step, 1200);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Source
/// That a step is complete or absent, by a rename, is Orbax's rule (`CheckpointManager`, with
/// `max_to_keep` and `keep_period`).
#[derive(Debug)]
pub struct Checkpointer {
    steps: Steps,
    lock: Option<Arc<Lock>>,
    running: Option<Running>,
}

impl Checkpointer {
    /// A checkpointer for a folder, which the first save makes. Keeps every step.
    pub fn new(folder: impl Into<PathBuf>) -> Checkpointer {
        let folder = folder.into();
        let steps = Steps { vfs: Arc::new(Disk), folder, keep_last: None, keep_every: None };
        Checkpointer { steps, lock: None, running: None }
    }

    /// Keeps the `count` highest steps and the one that was saved last; each save removes the
    /// others.
    ///
    /// # Errors
    /// [`Error::Setting`] for 0.
    pub fn keep_last(mut self, count: usize) -> Result<Checkpointer> {
        self.steps.keep_last = Some(one_or_more("keep_last", count)?);
        Ok(self)
    }

    /// Keeps every step that `period` divides too. Means nothing without
    /// [`keep_last`](Checkpointer::keep_last), since then all are kept.
    ///
    /// # Errors
    /// [`Error::Setting`] for 0.
    pub fn keep_every(mut self, period: u64) -> Result<Checkpointer> {
        self.steps.keep_every = Some(one_or_more("keep_every", period)?);
        Ok(self)
    }

    /// Saves all parameters of a block, by path, and waits until they would survive a power
    /// failure. Returns the folder of the step.
    ///
    /// # Errors
    /// As [`Checkpointer::save_with`]; [`Error::Uninitialized`] or [`Error::Deferred`] if a
    /// parameter has no value.
    pub fn save<B: Block + ?Sized>(&mut self, step: u64, block: &B) -> Result<PathBuf> {
        self.save_with(step, &block.state()?, |_| Ok(()))
    }

    /// Saves a snapshot, and what `files` writes into the folder that it is given. `files` need not
    /// care about syncing or temporary names, and the folder may be written to until it returns.
    ///
    /// A save in the background is waited for first.
    ///
    /// # Errors
    /// [`Error::StepExists`] if `latest` names this step; other steps are replaced.
    /// [`Error::Locked`] if another process or checkpointer saves into the folder. [`Error::Io`];
    /// what `files` returns. Then no step has changed. [`Error::DurabilityUncertain`]. The error of
    /// a save in the background of which nobody has asked: then this save was not begun.
    pub fn save_with(
        &mut self,
        step: u64,
        snapshot: &Snapshot,
        files: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<PathBuf> {
        self.finish()?;
        self.lock()?;
        save(&self.steps, step, snapshot, files)
    }

    /// As [`Checkpointer::save_async_with`], without further files.
    ///
    /// # Errors
    /// As [`Checkpointer::save_async_with`].
    pub fn save_async(&mut self, step: u64, snapshot: Snapshot) -> Result<PendingSave> {
        self.save_async_with(step, snapshot, |_| Ok(()))
    }

    /// Saves as [`Checkpointer::save_with`], in the background. A snapshot costs nothing to take;
    /// what training edits meanwhile is copied then, once.
    ///
    /// One save is under way at a time: if an earlier one is, this waits for it, so that no step
    /// is left out and memory is bounded. An error that nobody has asked the earlier one's
    /// [`PendingSave`] for is returned here, and the new save is not begun.
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::Io`]: at once. All others come from [`PendingSave::wait`].
    pub fn save_async_with(
        &mut self,
        step: u64,
        snapshot: Snapshot,
        files: impl FnOnce(&Path) -> Result<()> + Send + 'static,
    ) -> Result<PendingSave> {
        self.finish()?;
        // The thread keeps the folder locked even if this checkpointer is forgotten.
        let lock = self.lock()?;
        let steps = self.steps.clone();
        let slot = Arc::new(Slot::default());
        let filled = slot.clone();
        let work = move || {
            let result = catch_unwind(AssertUnwindSafe(|| save(&steps, step, &snapshot, files)));
            drop((snapshot, lock));
            filled.fill(result.unwrap_or_else(|panic| {
                Err(Error::user("the save in the background", panic_text(&*panic).to_owned()))
            }));
        };
        let thread = thread::Builder::new().name("gluonic-checkpoint".into()).spawn(work);
        let thread = thread
            .map_err(|error| Error::io("start a thread to save to", &self.steps.folder, error))?;
        self.running = Some(Running { thread, slot: slot.clone() });
        Ok(PendingSave { step, slot })
    }

    /// Waits for the save in the background, if there is one.
    ///
    /// # Errors
    /// Its error, if its [`PendingSave`] was dropped; else that has it.
    pub fn finish(&mut self) -> Result<()> {
        let Some(Running { thread, slot }) = self.running.take() else { return Ok(()) };
        // It has no way to panic: what it does is caught.
        let _ = thread.join();
        // The only holder left is this one if the handle was dropped.
        match Arc::into_inner(slot).and_then(Slot::into_result) {
            Some(Err(error)) => Err(error),
            _ => Ok(()),
        }
    }

    fn lock(&mut self) -> Result<Arc<Lock>> {
        let lock = match self.lock.take() {
            Some(lock) => lock,
            None => Arc::new(self.steps.lock()?),
        };
        Ok(self.lock.insert(lock).clone())
    }

    /// The folder of a step, whether it exists or not.
    pub fn path(&self, step: u64) -> PathBuf {
        self.steps.path(step)
    }

    /// The steps that are saved, in ascending order. Others' files, and steps that a killed
    /// process has not completed, are not among them.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder exists and cannot be listed.
    pub fn steps(&self) -> Result<Vec<u64>> {
        self.steps.list()
    }

    /// The step that was saved last; if its folder was removed by hand, the highest one.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder cannot be read, or `latest` names no step.
    pub fn latest(&self) -> Result<Option<u64>> {
        self.steps.latest()
    }

    /// Loads the parameters of the latest step: all of them, or nothing. `None` if there is none.
    ///
    /// # Errors
    /// As [`Checkpointer::latest`] and [`SaveLoad::load_parameters`].
    pub fn load_latest<B: Block + ?Sized>(
        &self,
        block: &B,
        options: &LoadOptions,
    ) -> Result<Option<(u64, LoadReport)>> {
        let Some(step) = self.latest()? else { return Ok(None) };
        let report = block.load_parameters(self.path(step).join(MODEL), options)?;
        Ok(Some((step, report)))
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        if let Err(error) = self.finish() {
            log::error!("a save in the background failed: {error}");
        }
    }
}

fn save(
    steps: &Steps,
    step: u64,
    snapshot: &Snapshot,
    files: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    steps.save(step, |folder| {
        write_model(&folder.join(MODEL), snapshot)?;
        files(folder)
    })
}

/// Writes a snapshot as `save_parameters` writes a block: a tied value once, its other paths in
/// the metadata.
fn write_model(file: &Path, snapshot: &Snapshot) -> Result<()> {
    let mut aliases = serde_json::Map::new();
    let mut values = Vec::new();
    for (paths, array) in snapshot.shared() {
        let [owner, others @ ..] = paths.as_slice() else { continue };
        for alias in others {
            aliases.insert(alias.to_string(), owner.to_string().into());
        }
        values.push((*owner, Outgoing::new(&array)?));
    }
    let tensors = values.iter().map(|(owner, value)| value.raw(owner));
    let tensors: Vec<RawTensor<'_>> = tensors.collect::<Result<_>>()?;
    let mut metadata = IndexMap::new();
    if !aliases.is_empty() {
        metadata.insert(ALIASES.to_owned(), serde_json::Value::Object(aliases).to_string());
    }
    super::write::write(file, Format::Safetensors, &tensors, &metadata)
}

/// A save under way.
#[derive(Debug)]
struct Running {
    thread: JoinHandle<()>,
    slot: Arc<Slot>,
}

/// Where the result of a save is put.
#[derive(Debug, Default)]
struct Slot {
    result: Mutex<Option<Result<PathBuf>>>,
    filled: Condvar,
}

impl Slot {
    fn fill(&self, result: Result<PathBuf>) {
        *self.result.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        self.filled.notify_all();
    }

    fn into_result(self) -> Option<Result<PathBuf>> {
        self.result.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A save in the background. May be dropped: the save goes on, and its error comes from the
/// checkpointer's next call.
#[derive(Debug)]
pub struct PendingSave {
    step: u64,
    slot: Arc<Slot>,
}

impl PendingSave {
    /// The step that is saved.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Whether [`PendingSave::wait`] would return at once.
    pub fn is_finished(&self) -> bool {
        self.slot.result.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Waits until the step would survive a power failure, and returns its folder.
    ///
    /// # Errors
    /// As [`Checkpointer::save_with`]; [`Error::User`] if the closure that writes further files
    /// panicked. Then no step has changed.
    pub fn wait(self) -> Result<PathBuf> {
        let mut result = self.slot.result.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match result.take() {
                Some(result) => return result,
                None => {
                    result = self.slot.filled.wait(result).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }
}
