//! Batches, epoch after epoch.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::batch_sampler::{BatchSampler, LastBatch};
use super::batches::Batches;
use super::dataset::Dataset;
use super::loading::Job;
use super::position::Position;
use super::sampler::{RandomSampler, Sampler, SequentialSampler};
use crate::error::{Error, Result};
use crate::random;

/// Loads a data set in batches, epoch after epoch. Each iteration is an epoch.
///
/// By default the samples come in their order, a smaller last batch is kept, and a batch is made
/// when it is asked for.
///
/// # Randomness
/// Everything random is a function of the loader's key and of the number of the epoch, from 0: of
/// [`DataLoader::seed`], or else of a key that the loader takes from the process stream when it is
/// made. The number of workers and where an epoch is begun change nothing.
///
/// # Memory
/// Without workers one batch, with them those that are loaded ahead: see [`DataLoader::prefetch`].
///
/// # Errors
/// The iterator gives them in the place of the batch, as [`Error::InBatch`], and ends there: those
/// of the data set with the number of the sample ([`Error::Sample`]), a panic of the data set
/// ([`Error::Panicked`]), samples that do not stack ([`Error::Ragged`]), a number that the sampler
/// should not give ([`Error::NoSample`]). The loader can be used on: the next iteration is the next
/// epoch, and `loader.seek(&loader.position())` tries the batch again.
///
/// # Examples
/// An epoch is begun, left, and gone on with by another loader:
/// ```
/// use gluonic::prelude::*;
/// let x = NdArray::arange::<f32>(10);
/// let loader = || Ok::<_, Error>(DataLoader::new(ArrayDataset::new([&x])?, 4)?.shuffle(true));
/// let first = loader()?;
/// let mut batches = first.iter();
/// batches.next().unwrap()?;
/// let text = first.position().to_string();
///
/// let second = loader()?;
/// second.seek(&text.parse()?)?;
/// for (ours, theirs) in second.iter().zip(batches) {
///     assert_eq!(ours?[0].to_vec::<f32>()?, theirs?[0].to_vec::<f32>()?);
/// }
/// # Ok::<(), Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `gluon/data/dataloader.py`, class `DataLoader`; PyTorch,
/// `torch.utils.data.DataLoader`.
pub struct DataLoader {
    dataset: Arc<dyn Dataset>,
    batches: BatchSampler,
    workers: usize,
    prefetch: Option<usize>,
    progress: Arc<Mutex<Progress>>,
}

/// Where the loader is.
#[derive(Debug)]
pub(super) struct Progress {
    key: u64,
    epoch: u64,
    batches: usize,
    /// Whether an iteration over the epoch has begun, so that the next one is over the next epoch.
    begun: bool,
    /// The number of the iteration that may say how far it is.
    run: u64,
}

impl DataLoader {
    /// Batches of `batch_size` samples.
    ///
    /// # Errors
    /// [`Error::Setting`] if the batch size is 0.
    pub fn new(dataset: impl Dataset + 'static, batch_size: usize) -> Result<Self> {
        let sampler = SequentialSampler::new(dataset.len());
        let batches = BatchSampler::new(sampler, batch_size, LastBatch::Keep)?;
        let key = random::fork("data").key();
        let progress = Progress { key, epoch: 0, batches: 0, begun: false, run: 0 };
        Ok(Self {
            dataset: Arc::new(dataset),
            batches,
            workers: 0,
            prefetch: None,
            progress: Arc::new(Mutex::new(progress)),
        })
    }

    /// Whether each epoch takes the samples in a random order of its own. Replaces the sampler.
    #[must_use]
    pub fn shuffle(self, shuffle: bool) -> Self {
        let n = self.dataset.len();
        if shuffle {
            self.sampler(RandomSampler::new(n))
        } else {
            self.sampler(SequentialSampler::new(n))
        }
    }

    /// In which order an epoch takes which samples. Replaces [`DataLoader::shuffle`].
    #[must_use]
    pub fn sampler(mut self, sampler: impl Sampler + 'static) -> Self {
        self.batches.set_sampler(Arc::new(sampler));
        self
    }

    /// What becomes of samples that do not fill the last batch.
    #[must_use]
    pub fn last_batch(mut self, last_batch: LastBatch) -> Self {
        self.batches.set_last_batch(last_batch);
        self
    }

    /// The key that everything random is a function of.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        self.progress().key = seed;
        self
    }

    /// How many threads load batches ahead, while an iteration lasts; 0 means that they are made
    /// when they are asked for. Never more are started than there are batches to load ahead, nor
    /// more than 256, nor more than the system allows.
    #[doc(alias = "num_workers")]
    #[must_use]
    pub fn workers(mut self, n: usize) -> Self {
        self.workers = n;
        self
    }

    /// How many batches the workers load ahead: so many, those in work included, wait in memory at
    /// most. At least 1; by default two for each worker, as in Gluon.
    #[doc(alias = "prefetch_factor")]
    #[must_use]
    pub fn prefetch(mut self, n: usize) -> Self {
        self.prefetch = Some(n);
        self
    }

    /// The batches of an epoch: of the first one; then at each call of the next one, whether the
    /// one before was used up or not; after [`DataLoader::seek`] the rest of the one sought.
    ///
    /// What it returns loads with the settings of now, borrows nothing and tells the loader how far
    /// it is, as long as no other iteration has begun.
    #[doc(alias = "__iter__")]
    pub fn iter(&self) -> Batches {
        let mut progress = self.progress();
        if progress.begun {
            progress.epoch = progress.epoch.saturating_add(1);
            progress.batches = 0;
        }
        progress.begun = true;
        progress.run += 1;
        let Progress { key, epoch, batches, run, .. } = *progress;
        drop(progress);
        let order = self.batches.order(key, epoch);
        let job = order.map(|order| {
            let rest = batches..order.n_batches;
            (Job::new(self.dataset.clone(), order, key, epoch), rest)
        });
        let prefetch = self.prefetch.unwrap_or(self.workers.saturating_mul(2)).max(1);
        let report = Report { progress: self.progress.clone(), run };
        Batches::new(job, self.workers, prefetch, report)
    }

    /// Where the loader is: in which epoch, after how many batches that were handed out. After the
    /// end of an iteration it is before the first batch of the next epoch.
    #[doc(alias = "state_dict")]
    pub fn position(&self) -> Position {
        let progress = self.progress();
        Position {
            key: progress.key,
            epoch: progress.epoch,
            batches: progress.batches,
            samples: self.dataset.len(),
            epoch_samples: self.batches.n_indices(),
            batch_size: self.batches.batch_size(),
            last_batch: self.batches.last_batch(),
        }
    }

    /// Lets the next iteration go on at a position, of this loader or of one like it, with the same
    /// batches as if nothing had come in between. Nothing that lies before is loaded. The loader
    /// takes the key of the position.
    ///
    /// # Errors
    /// [`Error::Position`] if it is of a loader with another number of samples, another batch size
    /// or another way of the last batch, or beyond the end of its epoch; then nothing has changed.
    #[doc(alias = "load_state_dict")]
    pub fn seek(&self, position: &Position) -> Result<()> {
        position.check(&self.position())?;
        let n_batches = self.batches.n_batches(position.epoch);
        if position.batches > n_batches {
            let expected = format!("{n_batches} or fewer").into();
            let found = position.batches.to_string().into();
            return Err(Error::Position { what: "batches", expected, found });
        }
        let mut progress = self.progress();
        *progress = Progress {
            key: position.key,
            epoch: position.epoch,
            batches: position.batches,
            begun: false,
            run: progress.run + 1,
        };
        Ok(())
    }

    /// The number of batches of the epoch that the [position](DataLoader::position) is in.
    #[doc(alias = "__len__", alias = "len")]
    pub fn n_batches(&self) -> usize {
        self.batches.n_batches(self.progress().epoch)
    }

    /// The number of samples that an epoch takes.
    pub fn n_samples(&self) -> usize {
        self.batches.n_indices()
    }

    /// The size of all batches but the last.
    pub fn batch_size(&self) -> usize {
        self.batches.batch_size()
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        locked(&self.progress)
    }
}

/// Every value of it is a whole one, also after a panic.
fn locked(progress: &Mutex<Progress>) -> MutexGuard<'_, Progress> {
    progress.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells the loader how far an iteration is.
#[derive(Debug)]
pub(super) struct Report {
    progress: Arc<Mutex<Progress>>,
    run: u64,
}

impl Report {
    /// So many batches were handed out.
    pub(super) fn handed_out(&self, batches: usize) {
        self.tell(|progress| progress.batches = batches);
    }

    /// The epoch is over.
    pub(super) fn over(&self) {
        self.tell(|progress| {
            progress.epoch = progress.epoch.saturating_add(1);
            progress.batches = 0;
            progress.begun = false;
        });
    }

    fn tell(&self, change: impl FnOnce(&mut Progress)) {
        let mut progress = locked(&self.progress);
        if progress.run == self.run {
            change(&mut progress);
        }
    }
}

impl IntoIterator for &DataLoader {
    type Item = Result<super::Batch>;
    type IntoIter = Batches;

    fn into_iter(self) -> Batches {
        self.iter()
    }
}

impl fmt::Debug for DataLoader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataLoader")
            .field("position", &self.position())
            .field("workers", &self.workers)
            .field("prefetch", &self.prefetch)
            .finish_non_exhaustive()
    }
}
