//! How much memory what is tried takes.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

#[path = "../../crates/gluonic-formats/tests/memory/counting.rs"]
mod counting;

static LARGEST: AtomicUsize = AtomicUsize::new(0);

/// The most that one call of [`peak_of`] has seen since the program began.
pub fn largest() -> usize {
    LARGEST.load(Relaxed)
}

/// Gives the result and the most that was allocated at one time beyond what was there before.
pub fn peak_of<T>(run: impl FnOnce() -> T) -> (T, usize) {
    let (result, peak) = counting::peak_of(run);
    LARGEST.fetch_max(peak, Relaxed);
    (result, peak)
}
