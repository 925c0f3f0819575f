//! Addressed randomness: every random value is a function of a key, an address and an index.
//!
//! An [`Address`] is a key (a number) and a path (a text, such as the path of a parameter).
//! Element `i` of what is drawn there depends on the address, on `i` and on nothing else: not on
//! the number of threads, on what was drawn before, on the instruction set or on the platform.
//! Each way to get the same slice of the same tensor gives the same bits.
//!
//! Whoever names no key gets the next one of the process stream, which [`seed`] restarts. While
//! [`with_address`] runs, draws on that thread come from the given address instead, so that what
//! an initializer draws repeats whatever else the program does.
//!
//! The mapping is specified in `docs/randomness.md`, with a second implementation beside it. It
//! is made for simulation, not for secrets: anyone can compute a key from values.

// A kernel must become part of the function that was compiled for the instruction set found.
#![allow(clippy::inline_always)]

mod box_muller;
mod discrete;
mod fill;
#[cfg(test)]
mod golden;
mod normal;
mod philox;
#[cfg(test)]
mod statistics;
mod uniform;

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) use discrete::{fill_bernoulli, fill_integers, permutation};
pub(crate) use normal::fill_normal;
pub(crate) use philox::Stream;
pub(crate) use uniform::fill_uniform;

/// The place random values come from: a key and a path.
///
/// # Examples
/// ```
/// use gluonic::random::Address;
/// let address = Address::new(7, "fc.weight");
/// assert_eq!(address.key(), 7);
/// assert_eq!(address.path(), "fc.weight");
/// assert_eq!(address.to_string(), "7:fc.weight");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    key: u64,
    path: Arc<str>,
}

impl Address {
    /// Creates the address of `path` under `key`.
    pub fn new(key: u64, path: impl Into<Arc<str>>) -> Self {
        Self { key, path: path.into() }
    }

    /// Returns the key.
    pub fn key(&self) -> u64 {
        self.key
    }

    /// Returns the path.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The values of one draw; draws with different numbers are independent.
    pub(crate) fn stream(&self, draw: u32) -> Stream {
        Stream::new(mix(mix(self.key.wrapping_add(GOLDEN)) ^ fnv1a(self.path.as_bytes())), draw)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.key, self.path)
    }
}

/// Restarts the process stream of keys, for all threads.
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

/// Returns the address of `name` under a new key: the next one of the process stream, or while
/// [`with_address`] runs on this thread, the next draw there.
///
/// For what draws on its own and more than once, such as a dropout layer or the order of a data
/// set.
///
/// # Examples
/// ```
/// use gluonic::random;
/// let (a, b) = (random::fork("dropout"), random::fork("dropout"));
/// assert_eq!(a.path(), b.path());
/// assert_ne!(a.key(), b.key());
/// ```
pub fn fork(name: &str) -> Address {
    let key = match next_scoped_stream() {
        Some(stream) => {
            let [low, high, ..] = stream.block(0, 0).map(u64::from);
            low | high << 32
        }
        None => next_key(),
    };
    Address::new(key, name)
}

/// Runs `f`, and lets the functions of this module that draw values draw them from `address`.
///
/// The first draw inside takes number 1, the next number 2 and so on; number 0 is what an
/// initializer draws that is given the address itself. A scope inside a scope counts on its own
/// and hides the outer one until it ends. Other threads are not affected: a task sent to a pool
/// does not draw from the address.
///
/// # Panics
/// If `f` panics, after ending the scope.
///
/// # Examples
/// ```
/// use gluonic::random::{self, Address};
/// let address = Address::new(7, "fc.weight");
/// let first = random::with_address(&address, || random::fork("a"));
/// assert_eq!(random::with_address(&address, || random::fork("a")), first);
/// ```
pub fn with_address<R>(address: &Address, f: impl FnOnce() -> R) -> R {
    struct Outer(Option<Stream>);
    impl Drop for Outer {
        fn drop(&mut self) {
            SCOPE.set(self.0);
        }
    }
    let _outer = Outer(SCOPE.replace(Some(address.stream(0))));
    f()
}

/// The stream of a draw that names no address: the next draw of the scope on this thread, or
/// outside of one, draw 0 at the empty path under the next key.
pub(crate) fn current_stream() -> Stream {
    next_scoped_stream().unwrap_or_else(|| Address::new(next_key(), "").stream(0))
}

static PROCESS: Keys = Keys::new();

/// A stream of keys: its seed plus [`GOLDEN`] times the number of keys taken. One word, so that
/// seeding and taking are atomic.
struct Keys(AtomicU64);

impl Keys {
    const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    fn seed(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    fn next(&self) -> u64 {
        mix(self.0.fetch_add(GOLDEN, Ordering::Relaxed).wrapping_add(GOLDEN))
    }
}

thread_local! {
    /// The last draw of the innermost scope.
    static SCOPE: Cell<Option<Stream>> = const { Cell::new(None) };
}

fn next_scoped_stream() -> Option<Stream> {
    let next = SCOPE.get()?.next_draw();
    SCOPE.set(Some(next));
    Some(next)
}

/// 2⁶⁴ divided by the golden ratio, the step of `SplitMix64`.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// The output function of `SplitMix64`, a bijection.
fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// FNV-1a with 64 bits.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

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
    fn fnv_gives_its_published_output() {
        assert_eq!(fnv1a(b""), 0xCBF2_9CE4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xAF63_DC4C_8601_EC8C);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_F739_67E8);
    }

    #[test]
    fn keys_paths_and_draws_give_different_streams() {
        let streams = [
            Address::new(0, "").stream(0),
            Address::new(0, "").stream(1),
            Address::new(1, "").stream(0),
            Address::new(0, "0.weight").stream(0),
            Address::new(0, "1.weight").stream(0),
        ];
        for (i, a) in streams.iter().enumerate() {
            for b in &streams[..i] {
                assert_ne!(a.block(0, 0), b.block(0, 0));
            }
        }
    }

    #[test]
    fn a_scope_counts_its_draws_from_one() {
        let address = Address::new(7, "w");
        with_address(&address, || {
            assert_eq!(current_stream(), address.stream(1));
            assert_eq!(current_stream(), address.stream(2));
        });
        with_address(&address, || assert_eq!(current_stream(), address.stream(1)));
    }

    #[test]
    fn an_inner_scope_hides_the_outer_one() {
        let (outer, inner) = (Address::new(7, "outer"), Address::new(7, "inner"));
        with_address(&outer, || {
            assert_eq!(current_stream(), outer.stream(1));
            with_address(&inner, || assert_eq!(current_stream(), inner.stream(1)));
            assert_eq!(current_stream(), outer.stream(2));
        });
    }

    #[test]
    fn a_panic_ends_the_scope() {
        let (outer, inner) = (Address::new(7, "outer"), Address::new(7, "inner"));
        with_address(&outer, || {
            let result = catch_unwind(AssertUnwindSafe(|| {
                with_address(&inner, || {
                    current_stream();
                    panic!("an initializer fails");
                })
            }));
            assert!(result.is_err());
            assert_eq!(current_stream(), outer.stream(1));
        });
        assert_eq!(SCOPE.get(), None);
    }

    #[test]
    fn a_scope_is_not_seen_by_other_threads() {
        let address = Address::new(7, "w");
        with_address(&address, || {
            std::thread::scope(|scope| {
                let found = scope.spawn(|| SCOPE.get()).join().unwrap();
                assert_eq!(found, None);
            });
        });
    }

    #[test]
    fn a_fork_in_a_scope_repeats() {
        let address = Address::new(7, "w");
        let forks = || with_address(&address, || [fork("a"), fork("a"), fork("b")]);
        let [a, b, c] = forks();
        assert_eq!(forks(), [a.clone(), b.clone(), c.clone()]);
        assert_eq!(c.path(), "b");
        assert!(a.key() != b.key() && b.key() != c.key());
    }

    #[test]
    fn draws_outside_a_scope_differ() {
        assert_ne!(current_stream(), current_stream());
        assert_ne!(fork("a"), fork("a"));
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
