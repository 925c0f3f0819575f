//! The keys that a process hands out, one after another from a seed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Restarts the process stream of keys, for all threads, and the count of all
/// [`Draws`](super::Draws).
///
/// The stream starts at seed 0. Two programs that set the same seed and take keys in the same
/// order get the same keys.
///
/// # Examples
/// ```
/// use gluonic::random;
/// random::seed(42);
/// let first = random::next_key();
/// random::seed(42);
/// assert_eq!(random::next_key(), first);
/// ```
///
/// # Source
/// `mx.random.seed` of `MXNet` 1.9.1, without its `ctx`: values do not depend on a device.
#[doc(alias = "manual_seed")]
pub fn seed(n: u64) {
    PROCESS.seed(n);
}

/// Takes the next key of the process stream.
///
/// Key number n = 1, 2, … after `seed(s)` is output n of the generator `SplitMix64` started at s.
///
/// # Source
/// Steele, Lea and Flood (2014), "Fast splittable pseudorandom number generators", with the
/// constants of Vigna's `SplitMix64`.
pub fn next_key() -> u64 {
    PROCESS.next()
}

/// Where the process stream is: what has to be kept to go on from there in another process. The
/// [`Draws`](super::Draws) have states of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StreamState {
    /// Key number 0 of the seed in force.
    pub key: u64,
    /// The state of `SplitMix64` behind the last key taken.
    pub next: u64,
}

/// Where the process stream is.
///
/// # Examples
/// ```
/// use gluonic::random;
/// random::seed(7);
/// let state = random::stream_state();
/// let key = random::next_key();
/// random::restore_stream(state);
/// assert_eq!(random::next_key(), key);
/// ```
#[doc(alias = "get_rng_state")]
pub fn stream_state() -> StreamState {
    StreamState { key: PROCESS.seeding().key, next: PROCESS.next.load(Ordering::Relaxed) }
}

/// Goes on from `state`, for all threads: as after [`seed`], the count of all
/// [`Draws`](super::Draws) starts again, until they are restored.
#[doc(alias = "set_rng_state")]
pub fn restore_stream(state: StreamState) {
    PROCESS.restore(state);
}

pub(super) static PROCESS: Keys = Keys::new();

/// A stream of keys.
pub(super) struct Keys {
    /// The seed plus [`GOLDEN`] times the number of keys taken. One word, so that seeding and
    /// taking are atomic.
    next: AtomicU64,
    seeding: Mutex<Seeding>,
}

/// Which seed is in force, as [`Draws`](super::Draws) see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seeding {
    /// Key number 0 of the seed.
    pub(super) key: u64,
    /// How often a seed was set: tells apart two that are equal.
    pub(super) number: u64,
}

impl Keys {
    pub(super) const fn new() -> Self {
        let seeding = Seeding { key: mix(0), number: 0 };
        Self { next: AtomicU64::new(0), seeding: Mutex::new(seeding) }
    }

    pub(super) fn seed(&self, n: u64) {
        self.restore(StreamState { key: mix(n), next: n });
    }

    fn restore(&self, StreamState { key, next }: StreamState) {
        let mut seeding = self.seeding.lock().unwrap_or_else(PoisonError::into_inner);
        *seeding = Seeding { key, number: seeding.number + 1 };
        self.next.store(next, Ordering::Relaxed);
    }

    pub(super) fn next(&self) -> u64 {
        mix(self.next.fetch_add(GOLDEN, Ordering::Relaxed).wrapping_add(GOLDEN))
    }

    pub(super) fn seeding(&self) -> Seeding {
        *self.seeding.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// 2⁶⁴ divided by the golden ratio, the step of `SplitMix64`.
pub(super) const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// The output function of `SplitMix64`, a bijection.
pub(super) const fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_mix_gives_its_published_output() {
        // The first outputs of Vigna's generator for the seed 1234567.
        let mut state = 1_234_567_u64;
        let mut next = || {
            state = state.wrapping_add(GOLDEN);
            mix(state)
        };
        assert_eq!(next(), 6_457_827_717_110_365_317);
        assert_eq!(next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn seed_restarts_the_keys_and_threads_share_them_out() {
        // A stream of its own: other tests take keys of the process meanwhile.
        let keys = Keys::new();
        let mut expected: Vec<u64> = (0..400).map(|_| keys.next()).collect();
        assert_eq!(expected[1], mix(GOLDEN.wrapping_mul(2)));
        keys.seed(0);
        let mut found: Vec<u64> = std::thread::scope(|scope| {
            let tasks: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..100).map(|_| keys.next()).collect::<Vec<_>>()))
                .collect();
            tasks.into_iter().flat_map(|task| task.join().unwrap()).collect()
        });
        expected.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, expected);
    }
}
