//! Everything that changes while a model is trained, saved and taken up again together; and a loop
//! on top of that.

mod fit;
mod saved;

use std::path::{Path, PathBuf};

pub use fit::{EpochReport, Evaluation, Event, Fit, FitReport, Progress};
use saved::SavedRun;

use crate::average::Average;
use crate::checkpoint::{Checkpoint, Checkpointer, LoadOptions, PendingSave, SaveLoad};
use crate::data::{DataLoader, Position};
use crate::error::{Error, Result};
use crate::nn::{Block, BlockExt, draws};
use crate::param::Snapshot;
use crate::random;
use crate::trainer::{SavedArrays, Trainer};

const STATES: &str = "trainer.safetensors";
const RUN: &str = "run.json";

/// A model in training: the block, its trainer, and as far as there are some, the loader of the
/// data and averages of the weights. Saved together, so that training goes on in another process
/// as if it had not stopped, bit for bit.
///
/// ```text
/// step-00001200/model.safetensors       all parameters, statistics included
///              /trainer.safetensors     moments, numbers of updates, settings, learning rates
///              /average.0.safetensors   averages, if there are some
///              /run.json                the step, random streams, the place in the data
/// ```
///
/// What a program builds it builds again before it resumes: blocks, optimizers and their schedules,
/// data sets; what is frozen; factors on learning rates. Gradients are not saved: save between a
/// step and the next backward.
///
/// # Randomness
/// Saved are the process stream of keys, the [`Draws`](random::Draws) of every block by its path,
/// those of [`shuffled_batches`](crate::data::shuffled_batches) on this thread, and the key of the
/// loader.
///
/// # Examples
/// ```
/// use gluonic::prelude::*;
/// # let folder = tempfile::tempdir()?; let runs = folder.path().join("runs");
/// let train = |steps: usize| -> Result<Vec<f32>> {
///     random::seed(1);
///     let net = sequential![Dense::new(4), Dropout::new(0.5)?, Dense::new(1)];
///     net.initialize()?;
///     net.infer_shapes(&[(2, 3)])?;
///     let loader = DataLoader::new(ArrayDataset::new([&ops::uniform(0.0, 1.0, (20, 3))?])?, 2)?;
///     let mut trainer = Trainer::new(&net, Adam::new(0.01)?)?;
///     let mut checkpointer = Checkpointer::new(&runs);
///     let mut run = Run::new(&net, &mut trainer).data(&loader);
///     run.resume(&checkpointer)?;
///     for batch in loader.iter().take(steps) {
///         autograd::record(|| net.call(&batch?[0])?.square())?.backward()?;
///         run.trainer().step(2)?;
///     }
///     run.save(&mut checkpointer)?;
///     net[0].weight()?.data()?.to_vec()
/// };
/// let halfway = train(3)?;
/// let resumed = train(4)?;
/// # std::fs::remove_dir_all(&runs)?;
/// assert_eq!(train(7)?, resumed);
/// assert_ne!(halfway, resumed);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Source
/// What has to be kept is what PyTorch Lightning's checkpoints hold, and the random streams.
pub struct Run<'a> {
    net: &'a dyn Block,
    trainer: &'a mut Trainer,
    loader: Option<&'a DataLoader>,
    averages: Vec<&'a mut Average>,
}

impl<'a> Run<'a> {
    /// A block and the trainer of its parameters.
    pub fn new<B: Block + ?Sized>(net: &'a B, trainer: &'a mut Trainer) -> Self {
        Run { net: net.as_dyn(), trainer, loader: None, averages: Vec::new() }
    }

    /// With the loader whose batches it is trained on.
    #[must_use]
    pub fn data(self, loader: &'a DataLoader) -> Self {
        Run { loader: Some(loader), ..self }
    }

    /// With an average of the weights; with several if called several times, in the same order when
    /// it is resumed.
    #[must_use]
    pub fn average(mut self, average: &'a mut Average) -> Self {
        self.averages.push(average);
        self
    }

    /// The trainer.
    pub fn trainer(&mut self) -> &mut Trainer {
        self.trainer
    }

    /// The number of steps so far: [`Trainer::num_update`].
    pub fn step(&self) -> u64 {
        self.trainer.num_update()
    }

    /// Saves everything as the present step of a checkpointer, and waits until it would survive a
    /// power failure. Returns the folder of the step.
    ///
    /// # Errors
    /// [`Error::Uninitialized`] or [`Error::Deferred`] if a parameter has no value; as
    /// [`Checkpointer::save_with`].
    pub fn save(&self, checkpointer: &mut Checkpointer) -> Result<PathBuf> {
        self.save_beside(checkpointer, None)
    }

    /// As [`Run::save`], in the background while training goes on.
    ///
    /// # Memory
    /// What training changes meanwhile, values, moments and averages, is copied once.
    ///
    /// # Errors
    /// As [`Run::save`] and [`Checkpointer::save_async_with`].
    pub fn save_async(&self, checkpointer: &mut Checkpointer) -> Result<PendingSave> {
        let (snapshot, files) = self.kept(None)?;
        checkpointer.save_async_with(self.step(), snapshot, move |folder| files.write(folder))
    }

    /// With what a loop has to remember.
    fn save_beside(
        &self,
        checkpointer: &mut Checkpointer,
        fit: Option<serde_json::Value>,
    ) -> Result<PathBuf> {
        let (snapshot, files) = self.kept(fit)?;
        checkpointer.save_with(self.step(), &snapshot, |folder| files.write(folder))
    }

    /// The values as they are now, and what is written beside them.
    fn kept(&self, fit: Option<serde_json::Value>) -> Result<(Snapshot, Files)> {
        let snapshot = self.net.state()?;
        let saved = SavedRun {
            step: self.step(),
            stream: random::stream_state(),
            draws: draws(self.net).into_iter().map(|(path, draws)| (path, draws.state())).collect(),
            order: crate::data::order_draws().state(),
            data: self.loader.map(DataLoader::position),
            averages: self.averages.len(),
            fit,
        };
        let mut states = vec![(STATES.to_owned(), self.trainer.states()?.into_arrays())];
        for (i, average) in self.averages.iter().enumerate() {
            states.push((average_file(i), average.states()));
        }
        Ok((snapshot, Files { text: saved.text(), states }))
    }

    /// Takes up the latest step of a checkpointer: everything that [`Run::save`] has saved. Returns
    /// the step; `None`, and changes nothing, if there is none.
    ///
    /// # Errors
    /// [`Error::Resume`] if the step holds no run, or one with other random draws, without data or
    /// with another number of averages; [`Error::Position`] if the loader is another one; as
    /// [`SaveLoad::load_parameters`], [`Trainer::load_states`] and [`Average::load`]. Then nothing
    /// has changed, but that parameters which had no value may have that of the file.
    pub fn resume(&mut self, checkpointer: &Checkpointer) -> Result<Option<u64>> {
        let Some(step) = checkpointer.latest()? else { return Ok(None) };
        self.resume_from(&checkpointer.path(step)).map(|saved| Some(saved.step))
    }

    fn resume_from(&mut self, folder: &Path) -> Result<SavedRun> {
        let path = folder.join(RUN);
        let fail = |problem: String| Error::Resume { path: path.clone(), problem: problem.into() };
        let text = crate::storage::read(&path)?;
        let saved = SavedRun::parse(&text).map_err(fail)?;
        let own = draws(self.net);
        saved.check(&own, self.averages.len()).map_err(fail)?;
        let position = self.position(&saved).map_err(|problem| fail(problem.to_owned()))?;
        let position = position.map(|(loader, position)| {
            let before = loader.position();
            loader.seek(position).map(|()| (loader, before))
        });
        let moved = position.transpose()?;
        let before = self.net.snapshot()?;
        if let Err(error) = self.load(folder) {
            self.net.restore(&before)?;
            if let Some((loader, before)) = moved {
                loader.seek(&before)?;
            }
            return Err(error);
        }
        random::restore_stream(saved.stream);
        for (path, draws) in own {
            draws.restore(saved.draws[&path]);
        }
        crate::data::order_draws().restore(saved.order);
        Ok(saved)
    }

    /// Where the loader was, if there is one.
    fn position<'s>(
        &self,
        saved: &'s SavedRun,
    ) -> Result<Option<(&'a DataLoader, &'s Position)>, &'static str> {
        match (self.loader, &saved.data) {
            (Some(loader), Some(position)) => Ok(Some((loader, position))),
            (None, None) => Ok(None),
            (Some(_), None) => Err("it was saved without a loader of data"),
            (None, Some(_)) => Err("it was saved with a loader of data"),
        }
    }

    /// Loads the values; then the states, of which nothing changes before all have been read.
    fn load(&mut self, folder: &Path) -> Result<()> {
        let model = Checkpoint::open(folder.join(crate::checkpoint::MODEL))?;
        self.net.plan_load(&model, &LoadOptions::default())?.apply(self.net)?;
        let states = self.trainer.read_states(&folder.join(STATES))?;
        let averages = self.averages.iter().enumerate();
        let averages = averages.map(|(i, average)| average.read(&folder.join(average_file(i))));
        let averages = averages.collect::<Result<Vec<_>>>()?;
        self.trainer.take_states(states)?;
        for (average, read) in self.averages.iter_mut().zip(averages) {
            average.take(read);
        }
        Ok(())
    }
}

fn average_file(i: usize) -> String {
    format!("average.{i}.safetensors")
}

/// The files of a step beside the model.
struct Files {
    text: String,
    states: Vec<(String, SavedArrays)>,
}

impl Files {
    fn write(&self, folder: &Path) -> Result<()> {
        for (name, states) in &self.states {
            states.save(&folder.join(name))?;
        }
        crate::storage::write_atomically(&folder.join(RUN), |out: &mut dyn std::io::Write| {
            out.write_all(self.text.as_bytes())
        })
    }
}

impl std::fmt::Debug for Run<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run")
            .field("net", &self.net.core().name())
            .field("trainer", &self.trainer)
            .field("data", &self.loader.map(DataLoader::position))
            .field("averages", &self.averages)
            .finish()
    }
}
