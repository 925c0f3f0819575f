//! Draws of one thing that draws again and again, counted apart from all others.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::keys::{Keys, PROCESS, Seeding};
use super::{Address, Stream, next_scoped_stream};

/// The draws of one thing that draws again and again: a dropout layer, the order of a data set.
///
/// Draw number n = 1, 2, … comes from the address of the name under key number 0 of the present
/// seed. So it depends on the seed, the name and n alone: what others draw in between changes
/// nothing, and after [`seed`](super::seed) the count starts again. While
/// [`with_address`](super::with_address) runs, the next draw there is taken instead and nothing
/// is counted.
///
/// A handle: `clone` counts with the original. Two made from one name count on their own and
/// draw the same values.
///
/// # Examples
/// ```
/// use gluonic::random::{Draws, Law};
/// use gluonic::{DType, ops};
///
/// let (noise, law) = (Draws::new("noise"), Law::normal(0.0, 0.1)?);
/// ops::draw_from(&law, &noise, 4, DType::F32)?;
/// let before = noise.state();
/// let second = ops::draw_from(&law, &noise, 4, DType::F32)?.to_vec::<f32>()?;
///
/// // As after loading a checkpoint that holds the state.
/// let again = Draws::new("noise");
/// again.restore(before);
/// assert_eq!(ops::draw_from(&law, &again, 4, DType::F32)?.to_vec::<f32>()?, second);
/// # Ok::<(), gluonic::Error>(())
/// ```
#[derive(Clone)]
pub struct Draws(Arc<Inner>);

struct Inner {
    name: Arc<str>,
    counter: Mutex<Counter>,
}

/// Where [`Draws`] are: what has to be kept to go on from there in another process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DrawsState {
    /// The key of the address drawn from.
    pub key: u64,
    /// How many draws were made; the next one has the number after this, modulo 2³².
    pub count: u32,
}

#[derive(Clone, Copy)]
struct Counter {
    state: DrawsState,
    /// The seed it was counted under.
    seeding: Seeding,
}

impl Counter {
    /// The counter under the seed that is in force: itself, or one that starts.
    fn under(self, seeding: Seeding) -> Self {
        if self.seeding == seeding { self } else { Self::start(seeding) }
    }

    fn start(seeding: Seeding) -> Self {
        Self { state: DrawsState { key: seeding.key, count: 0 }, seeding }
    }
}

impl Draws {
    /// The draws of `name`, none made.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self::of(name.into(), &PROCESS)
    }

    /// The next draws of a kind: `dropout0`, `dropout1`, …, counted on this thread since the last
    /// [`seed`](super::seed). So what is built again after the same seed draws the same again.
    pub fn numbered(kind: &str) -> Self {
        thread_local! {
            static NUMBERS: RefCell<(u64, HashMap<Box<str>, u64>)> = RefCell::default();
        }
        let seeding = PROCESS.seeding();
        let number = NUMBERS.with_borrow_mut(|(under, numbers)| {
            if *under != seeding.number {
                numbers.clear();
                *under = seeding.number;
            }
            let next = numbers.entry(kind.into()).or_default();
            *next += 1;
            *next - 1
        });
        Self::new(format!("{kind}{number}"))
    }

    pub(super) fn of(name: Arc<str>, keys: &Keys) -> Self {
        let counter = Mutex::new(Counter::start(keys.seeding()));
        Self(Arc::new(Inner { name, counter }))
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The key in force and the number of draws made under it.
    pub fn state(&self) -> DrawsState {
        self.state_under(&PROCESS)
    }

    /// Goes on from `state`, as if its draws had been made here, until the next
    /// [`seed`](super::seed).
    pub fn restore(&self, state: DrawsState) {
        self.restore_under(&PROCESS, state);
    }

    /// The next draw.
    pub(crate) fn next_stream(&self) -> Stream {
        next_scoped_stream().unwrap_or_else(|| self.next_under(&PROCESS))
    }

    fn state_under(&self, keys: &Keys) -> DrawsState {
        self.with_counter(keys, |counter| counter.state)
    }

    fn restore_under(&self, keys: &Keys, state: DrawsState) {
        self.with_counter(keys, |counter| counter.state = state);
    }

    pub(super) fn next_under(&self, keys: &Keys) -> Stream {
        let DrawsState { key, count } = self.with_counter(keys, |counter| {
            counter.state.count = counter.state.count.wrapping_add(1);
            counter.state
        });
        Address::new(key, self.0.name.clone()).stream(count)
    }

    fn with_counter<R>(&self, keys: &Keys, f: impl FnOnce(&mut Counter) -> R) -> R {
        let mut counter = self.0.counter.lock().unwrap_or_else(PoisonError::into_inner);
        *counter = counter.under(keys.seeding());
        f(&mut counter)
    }
}

impl fmt::Debug for Draws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DrawsState { key, count } = self.state();
        f.debug_struct("Draws")
            .field("name", &self.name())
            .field("key", &key)
            .field("count", &count)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::keys::mix;
    use super::super::with_address;
    use super::*;

    /// Keys of the test's own: other tests may seed those of the process meanwhile.
    fn keys() -> Keys {
        let keys = Keys::new();
        keys.seed(7);
        keys
    }

    #[test]
    fn draw_n_is_draw_n_at_the_name_under_key_0_of_the_seed() {
        let keys = keys();
        let draws = Draws::of("dropout0".into(), &keys);
        let address = Address::new(mix(7), "dropout0");
        assert_eq!(draws.next_under(&keys), address.stream(1));
        keys.next();
        assert_eq!(draws.next_under(&keys), address.stream(2));
    }

    #[test]
    fn each_seed_starts_the_count_again_even_the_same() {
        let keys = keys();
        let draws = Draws::of("dropout0".into(), &keys);
        let first = [draws.next_under(&keys), draws.next_under(&keys)];
        for _ in 0..2 {
            keys.seed(7);
            assert_eq!(draws.state_under(&keys), DrawsState { key: mix(7), count: 0 });
            assert_eq!([draws.next_under(&keys), draws.next_under(&keys)], first);
        }
        keys.seed(8);
        assert_eq!(draws.next_under(&keys), Address::new(mix(8), "dropout0").stream(1));
    }

    #[test]
    fn clones_count_together_and_namesakes_apart() {
        let keys = keys();
        let draws = Draws::of("dropout0".into(), &keys);
        let (clone, namesake) = (draws.clone(), Draws::of("dropout0".into(), &keys));
        let first = draws.next_under(&keys);
        assert_ne!(clone.next_under(&keys), first);
        assert_eq!(namesake.next_under(&keys), first);
    }

    #[test]
    fn a_restored_state_goes_on_under_any_seed_until_the_next() {
        let keys = keys();
        let draws = Draws::of("dropout0".into(), &keys);
        draws.next_under(&keys);
        let state = draws.state_under(&keys);
        let second = draws.next_under(&keys);

        let keys = Keys::new();
        let resumed = Draws::of("dropout0".into(), &keys);
        resumed.next_under(&keys);
        resumed.restore_under(&keys, state);
        assert_eq!(resumed.state_under(&keys), state);
        assert_eq!(resumed.next_under(&keys), second);
        keys.seed(9);
        assert_eq!(resumed.state_under(&keys), DrawsState { key: mix(9), count: 0 });
    }

    #[test]
    fn in_a_scope_the_scope_is_drawn_from_and_nothing_is_counted() {
        let (draws, address) = (Draws::new("dropout0"), Address::new(7, "w"));
        let before = draws.state().count;
        with_address(&address, || assert_eq!(draws.next_stream(), address.stream(1)));
        assert_eq!(draws.state().count, before);
    }

    #[test]
    fn the_count_wraps_after_all_draws() {
        let keys = keys();
        let draws = Draws::of("dropout0".into(), &keys);
        draws.restore_under(&keys, DrawsState { key: 1, count: u32::MAX });
        assert_eq!(draws.next_under(&keys), Address::new(1, "dropout0").stream(0));
    }
}
