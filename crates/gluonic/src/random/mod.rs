//! Addressed randomness: every random value is a function of a key, an address and an index.
//!
//! An [`Address`] is a key (a number) and a path (a text, such as the path of a parameter).
//! Element `i` of what is drawn there depends on the address, on `i` and on nothing else: not on
//! the number of threads, on what was drawn before, on the instruction set or on the platform.
//! Each way to get the same slice of the same tensor gives the same bits.
//!
//! What is drawn is a [`Law`]; [`ops::draw_at`](crate::ops::draw_at) makes arrays of one, from any
//! element of the tensor on.
//!
//! Whoever names no key gets the next one of the process stream, which [`seed`] restarts. While
//! [`with_address`] runs, draws on that thread come from the given address instead, so that what
//! an initializer draws repeats whatever else the program does. What draws again and again has
//! [`Draws`] of its own, which other draws do not disturb.
//!
//! The mapping is specified in `docs/randomness.md`, with a second implementation beside it. It
//! is made for simulation, not for secrets: anyone can compute a key from values.

// A kernel must become part of the function that was compiled for the instruction set found.
#![allow(clippy::inline_always)]

mod box_muller;
mod by_attempts;
mod categorical;
mod discrete;
mod draws;
mod fill;
#[cfg(test)]
mod golden;
mod inverse_normal;
mod keys;
mod law;
mod normal;
mod philox;
#[cfg(test)]
mod statistics;
mod truncated_normal;
mod uniform;

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use discrete::fill_integers;
pub(crate) use discrete::{fill_bernoulli, permutation};
pub use draws::{Draws, DrawsState};
use keys::{GOLDEN, mix};
pub use keys::{StreamState, next_key, restore_stream, seed, stream_state};
pub use law::Law;
pub(crate) use law::{Drawn, Filler};
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
        stream_at(self.key, &self.path, draw)
    }
}

/// The values of one draw at the address of `path` under `key`, without making the address.
pub(crate) fn stream_at(key: u64, path: &str, draw: u32) -> Stream {
    Stream::new(mix(mix(key.wrapping_add(GOLDEN)) ^ fnv1a(path.as_bytes())), draw)
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.key, self.path)
    }
}

/// Returns the address of `name` under a new key: the next one of the process stream, or while
/// [`with_address`] runs on this thread, the next draw there.
///
/// What draws again and again takes [`Draws`] instead, which the keys that others take do not
/// disturb.
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

/// Whether something of probability `p` happens: the Bernoulli law, by the next draw.
pub(crate) fn chance(p: f64) -> bool {
    let mut out = [false];
    fill_bernoulli(current_stream(), 0, &mut out, p, true);
    out[0]
}

/// One of 0, 1, …, `n - 1`, each equally likely, by the next draw.
pub(crate) fn below(n: usize) -> usize {
    let mut out = [0_u64];
    fill_integers(current_stream(), 0, &mut out, 0, n as i64);
    out[0] as usize
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

/// The number of which a value of the standard normal law is below with probability `p`, in (0, 1).
pub(crate) fn standard_normal_quantile(p: f64) -> f64 {
    inverse_normal::inverse_normal(p.clamp(inverse_normal::SMALLEST, inverse_normal::LARGEST))
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
}
