//! Where a loader runs the code of data sets: with addresses to draw from, without a graph, and so
//! that a panic becomes an error that names its place.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::batch_sampler::Order;
use super::check_index;
use super::dataset::Dataset;
use super::sample::{Batch, Sample};
use crate::autograd;
use crate::error::{Error, Result, panic_text};
use crate::random::{Address, with_address};

/// The epoch that is being loaded on a thread.
#[derive(Clone, Debug)]
struct Epoch {
    key: u64,
    number: u64,
    /// Set when nobody waits for the rest any more.
    stopped: Arc<AtomicBool>,
}

thread_local! {
    static LOADING: RefCell<Option<Epoch>> = const { RefCell::new(None) };
}

impl Epoch {
    /// The address of what is drawn for a part of the epoch.
    fn address(&self, part: impl std::fmt::Display) -> Address {
        Address::new(self.key, format!("data/{}/{part}", self.number))
    }

    /// Runs `f` while this thread loads the epoch.
    fn enter<R>(&self, f: impl FnOnce() -> R) -> R {
        struct Outer(Option<Epoch>);
        impl Drop for Outer {
            fn drop(&mut self) {
                LOADING.set(self.0.take());
            }
        }
        let _outer = Outer(LOADING.replace(Some(self.clone())));
        f()
    }
}

/// The samples of the given numbers, each drawing from an address of its own if a loader asks.
pub(super) fn samples<D: Dataset + ?Sized>(dataset: &D, indices: &[usize]) -> Result<Vec<Sample>> {
    let epoch = LOADING.with_borrow(Clone::clone);
    let one = |&index: &usize| {
        let loaded = match &epoch {
            None => dataset.get(index),
            Some(epoch) if epoch.stopped.load(Ordering::Relaxed) => Err(stopped()),
            Some(epoch) => caught(|| with_address(&epoch.address(index), || dataset.get(index))),
        };
        loaded.map_err(|error| error.in_sample(index))
    };
    indices.iter().map(one).collect()
}

/// What nobody gets to see: the batch is not waited for.
fn stopped() -> Error {
    Error::user("loading", "it was stopped")
}

/// Draws the order of an epoch.
pub(super) fn ordered<R>(key: u64, epoch: u64, draw: impl FnOnce() -> R) -> R {
    with_address(&Address::new(key, format!("data/{epoch}/order")), draw)
}

/// Everything that the batches of one epoch are made of.
pub(super) struct Job {
    dataset: Arc<dyn Dataset>,
    order: Order,
    epoch: Epoch,
}

impl Job {
    pub(super) fn new(dataset: Arc<dyn Dataset>, order: Order, key: u64, number: u64) -> Self {
        let stopped = Arc::new(AtomicBool::new(false));
        Self { dataset, order, epoch: Epoch { key, number, stopped } }
    }

    /// Makes one batch.
    pub(super) fn load(&self, number: usize) -> Result<Batch> {
        let indices = self.order.batch(number);
        let load = || {
            let len = self.dataset.len();
            indices.iter().try_for_each(|&index| check_index(index, len))?;
            autograd::pause(|| self.dataset.batch(indices))
        };
        // What a data set draws for a batch as a whole, if it makes batches by itself.
        let address = self.epoch.address(format_args!("batch/{number}"));
        self.epoch
            .enter(|| caught(|| with_address(&address, load)))
            .map_err(|error| self.named(number, error))
    }

    /// The error with its batch.
    pub(super) fn named(&self, batch: usize, source: Error) -> Error {
        Error::InBatch { epoch: self.epoch.number, batch, source: Box::new(source) }
    }

    /// Lets what is being loaded end after the present sample.
    pub(super) fn stop(&self) {
        self.epoch.stopped.store(true, Ordering::Relaxed);
    }
}

/// The result of `f`, a panic as an error.
fn caught<T>(f: impl FnOnce() -> Result<T>) -> Result<T> {
    // What `f` leaves behind half done belongs to the data set, as with any error.
    catch_unwind(AssertUnwindSafe(f))
        .unwrap_or_else(|payload| Err(Error::Panicked { message: panic_text(&*payload).into() }))
}
