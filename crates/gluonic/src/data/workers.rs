//! Threads that load batches ahead, a bounded number of them, and hand them out in order.
//!
//! ```text
//! batch    … 6 | 7  8  9  10 | 11 12 …      `first` is 7, `next` is 11, `prefetch` is 4
//!  handed out  | ✓  –  ✓  –  | not begun    `loaded`: ready or in work
//! ```
//! A worker takes the next number as soon as there is room for it; the one who waits for batches
//! makes room by taking the first. Both sleep until the other has done something.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};

use super::loading::Job;
use super::sample::Batch;
use crate::error::{Error, Result};

/// More threads than any machine has use for.
const MOST: usize = 256;

/// The threads of one epoch. Dropping it ends them.
pub(super) struct Workers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    job: Arc<Job>,
    prefetch: usize,
    state: Mutex<State>,
    /// There is a number to take, or no more will come.
    room: Condvar,
    /// The first batch may be ready.
    ready: Condvar,
}

struct State {
    /// The number of the first batch of `loaded`.
    first: usize,
    /// From the first that was not handed out to the last that is in work; `None` is in work.
    loaded: VecDeque<Option<Result<Batch>>>,
    /// The numbers that nobody has taken.
    rest: Range<usize>,
}

impl Workers {
    /// Starts threads for a range of batches; `None` if none is wanted, or the system gives none.
    pub(super) fn start(
        job: &Arc<Job>,
        range: Range<usize>,
        n: usize,
        prefetch: usize,
    ) -> Option<Self> {
        let n = n.min(MOST).min(prefetch).min(range.len());
        if n == 0 {
            return None;
        }
        let state = State { first: range.start, loaded: VecDeque::new(), rest: range };
        let shared = Arc::new(Shared {
            job: job.clone(),
            prefetch,
            state: Mutex::new(state),
            room: Condvar::new(),
            ready: Condvar::new(),
        });
        let start = |i: usize| {
            let shared = shared.clone();
            Builder::new().name(format!("gluonic-data-{i}")).spawn(move || shared.work()).ok()
        };
        let threads: Vec<_> = (0..n).map_while(start).collect();
        (!threads.is_empty()).then(|| Self { shared, threads })
    }

    /// Waits for the next batch. Not to be called more often than there are batches, nor after an
    /// error.
    pub(super) fn next(&mut self) -> Result<Batch> {
        let mut state = self.shared.state();
        loop {
            if let Some(loaded) = state.loaded.front_mut().and_then(Option::take) {
                state.loaded.pop_front();
                state.first += 1;
                self.shared.room.notify_one();
                return loaded;
            }
            state = self.shared.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.shared.job.stop();
        self.shared.state().rest = 0..0;
        self.shared.room.notify_all();
        for thread in self.threads.drain(..) {
            // A panic has been told in the place of its batch.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        while let Some(number) = self.take() {
            let mut slot = Slot { shared: self, number, loaded: None };
            slot.loaded = Some(self.job.load(number));
        }
    }

    /// The next number, as soon as there is room for its batch; `None` if there is no more.
    fn take(&self) -> Option<usize> {
        let mut state = self.state();
        while !state.rest.is_empty() && state.loaded.len() >= self.prefetch {
            state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let number = state.rest.next()?;
        state.loaded.push_back(None);
        Some(number)
    }
}

/// The place of a batch in work. It is filled whatever happens, so that nobody waits in vain.
struct Slot<'a> {
    shared: &'a Shared,
    number: usize,
    loaded: Option<Result<Batch>>,
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let loaded = self.loaded.take().unwrap_or_else(|| {
            let ended = Error::Panicked { message: "the thread ended".into() };
            Err(self.shared.job.named(self.number, ended))
        });
        let mut state = self.shared.state();
        if loaded.is_err() {
            // Nobody will ask for what comes after an error.
            state.rest.end = state.rest.end.min(state.rest.start);
            self.shared.room.notify_all();
        }
        let place = self.number - state.first;
        state.loaded[place] = Some(loaded);
        self.shared.ready.notify_one();
    }
}
