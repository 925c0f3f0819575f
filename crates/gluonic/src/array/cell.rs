//! The shared, versioned place of one value.
//!
//! ```text
//! Own(Arc<Buf>)        count = the cell + snapshots (graphs, running operations): more than one
//!                      owner means copy before writing
//! Pinned(Arc<Pinned>)  count = the cell + living pins: written in place, never moves; for ever if
//!                      the memory is somebody else's
//! Rows(Arc<Rows>)      most rows are zero: whole for whoever reads or edits it
//! ShapeOnly            no value at all, while shapes are inferred
//! ```
//! The two counts never mix, because a pinned buffer is never snapshotted. A read clones an `Arc`
//! under the read lock and then computes without any lock, so operations need no lock order.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard, TryLockError};

use super::buffer::Buf;
use super::dtype::DType;
use super::pin::{Pin, Pinned};
use super::rows::Rows;
use crate::context::{self, Context};
use crate::error::{Error, Result};

#[derive(Debug)]
enum State {
    Own(Arc<Buf>),
    Pinned(Arc<Pinned>),
    /// Kept by the rows that are not zero, until an edit needs all of it.
    Rows(Arc<Rows>),
    /// There is no value: what is computed while shapes are inferred.
    ShapeOnly,
    /// Only between two lines of one function that holds the write lock.
    Moving,
}

#[derive(Debug)]
pub(crate) struct Cell {
    state: RwLock<State>,
    version: AtomicU64,
    /// The thread that holds the write lock, to turn its own second access into an error.
    editor: AtomicU64,
    dtype: DType,
    context: Context,
    len: usize,
}

thread_local! {
    static THREAD: u64 = {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        NEXT.fetch_add(1, Ordering::Relaxed)
    };
}

/// A number of this thread, never 0.
pub(crate) fn thread_number() -> u64 {
    THREAD.with(|number| *number)
}

impl Cell {
    /// A cell on the current context.
    pub(crate) fn new(buf: Arc<Buf>) -> Cell {
        Cell::on(context::current(), buf)
    }

    pub(crate) fn on(context: Context, buf: Arc<Buf>) -> Cell {
        Cell::with(buf.dtype(), buf.len(), context, State::Own(buf))
    }

    /// A cell on memory that is pinned for ever, on the current context.
    pub(crate) fn pinned(pinned: Pinned, dtype: DType, len: usize) -> Cell {
        Cell::with(dtype, len, context::current(), State::Pinned(Arc::new(pinned)))
    }

    /// A cell of `len` elements that are kept by rows.
    pub(crate) fn of_rows(context: Context, rows: Arc<Rows>, len: usize) -> Cell {
        Cell::with(rows.values().dtype(), len, context, State::Rows(rows))
    }

    /// A cell without a value, of which every access is an error.
    pub(crate) fn shape_only(dtype: DType, len: usize) -> Cell {
        Cell::with(dtype, len, context::current(), State::ShapeOnly)
    }

    fn with(dtype: DType, len: usize, context: Context, state: State) -> Cell {
        let (state, zero) = (RwLock::new(state), || AtomicU64::new(0));
        Cell { state, version: zero(), editor: zero(), dtype, context, len }
    }

    #[inline]
    pub(crate) fn dtype(&self) -> DType {
        self.dtype
    }

    #[inline]
    pub(crate) fn context(&self) -> Context {
        self.context
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Counts the edits so far.
    #[inline]
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// The value as it is now, for as long as the caller keeps it.
    #[inline]
    pub(crate) fn snapshot(&self) -> Result<Arc<Buf>> {
        if let Ok(state) = self.state.try_read()
            && let State::Own(buf) = &*state
        {
            return Ok(buf.clone());
        }
        self.snapshot_slowly()
    }

    /// The rows that are not zero, if the value is kept by these.
    pub(crate) fn rows(&self) -> Result<Option<Arc<Rows>>> {
        self.refuse_own_edit()?;
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        Ok(match &*state {
            State::Rows(rows) => Some(rows.clone()),
            _ => None,
        })
    }

    /// Another cell with the value, in an element type, kept as it is kept here.
    pub(crate) fn copy_as(&self, dtype: DType) -> Result<Cell> {
        let context = self.context;
        if let Some(rows) = self.rows()? {
            let same = rows.values().dtype() == dtype;
            let rows = if same { rows } else { Arc::new(rows.convert(dtype)) };
            return Ok(Cell::of_rows(context, rows, self.len));
        }
        let buf = self.snapshot()?;
        let buf = if buf.dtype() == dtype { buf } else { Arc::new(buf.convert(dtype)) };
        Ok(Cell::on(context, buf))
    }

    #[cold]
    fn snapshot_slowly(&self) -> Result<Arc<Buf>> {
        if let Some(rows) = self.rows()? {
            return Ok(Arc::new(rows.whole(self.len)));
        }
        {
            let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
            match &*state {
                State::Own(buf) => return Ok(buf.clone()),
                State::ShapeOnly => return Err(Error::ShapeOnly),
                State::Pinned(pinned) if Arc::strong_count(pinned) > 1 || pinned.is_foreign() => {
                    return Ok(Arc::new(pinned.get(Buf::copy)));
                }
                _ => {}
            }
        }
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        unpin(&mut state);
        match &*state {
            State::Own(buf) => Ok(buf.clone()),
            State::Rows(rows) => Ok(Arc::new(rows.whole(self.len))),
            State::Pinned(pinned) => Ok(Arc::new(pinned.get(Buf::copy))),
            State::ShapeOnly => Err(Error::ShapeOnly),
            State::Moving => unreachable!("never left behind: see State::Moving"),
        }
    }

    /// Locks the value for writing and counts an edit.
    #[inline]
    pub(crate) fn edit(&self) -> Result<Edit<'_>> {
        let mut state = match self.state.try_write() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                self.refuse_own_edit()?;
                self.state.write().unwrap_or_else(PoisonError::into_inner)
            }
        };
        if let State::ShapeOnly = &*state {
            return Err(Error::ShapeOnly);
        }
        self.editor.store(thread_number(), Ordering::Relaxed);
        self.version.fetch_add(1, Ordering::Release);
        if let State::Pinned(_) = &*state {
            unpin(&mut state);
        }
        Ok(Edit { state, cell: self })
    }

    /// Whether an edit by this thread would be refused, because one is under way.
    pub(crate) fn refuse_own_edit(&self) -> Result<()> {
        if self.editor.load(Ordering::Relaxed) == thread_number() {
            return Err(Error::BeingEdited);
        }
        Ok(())
    }

    /// Fixes the address of the value, moving it off any snapshot first.
    pub(crate) fn pin(&self) -> Result<Pin> {
        let mut edit = self.edit()?;
        edit.buf();
        let pinned = match std::mem::replace(&mut *edit.state, State::Moving) {
            State::Own(buf) => {
                let buf = Arc::into_inner(buf).expect("`Edit::buf` has made it unique");
                Arc::new(Pinned::new(buf))
            }
            State::Pinned(pinned) => pinned,
            State::Rows(_) => unreachable!("`Edit::buf` has made it whole"),
            State::ShapeOnly | State::Moving => unreachable!("`edit` returns with neither"),
        };
        *edit.state = State::Pinned(pinned.clone());
        Ok(Pin { pinned, dtype: self.dtype, len: self.len })
    }
}

/// Makes a cell ordinary again when the last pin is gone and the memory is its own.
fn unpin(state: &mut State) {
    if let State::Pinned(pinned) = state
        && Arc::strong_count(pinned) == 1
        && !pinned.is_foreign()
        && let State::Pinned(pinned) = std::mem::replace(state, State::Moving)
    {
        *state = match Arc::try_unwrap(pinned) {
            Ok(pinned) => State::Own(Arc::new(pinned.into_buf())),
            Err(pinned) => State::Pinned(pinned),
        };
    }
}

/// The write lock of a cell.
#[derive(Debug)]
pub(crate) struct Edit<'a> {
    state: RwLockWriteGuard<'a, State>,
    cell: &'a Cell,
}

impl Edit<'_> {
    /// The value to write into: in place when nobody else counts on it, else a copy that becomes
    /// the cell's.
    #[inline]
    pub(crate) fn buf(&mut self) -> &mut Buf {
        if let State::Rows(rows) = &*self.state {
            *self.state = State::Own(Arc::new(rows.whole(self.cell.len)));
        }
        match &mut *self.state {
            State::Own(buf) => unique(buf),
            State::Rows(_) => unreachable!("made whole just now"),
            #[allow(unsafe_code, reason = "the lock that `Pinned::get_mut` asks for is held")]
            // SAFETY: `self` holds the cell's write lock, and the result borrows from `self`.
            State::Pinned(pinned) => unsafe { pinned.get_mut() },
            State::ShapeOnly | State::Moving => unreachable!("`edit` returns with neither"),
        }
    }

    /// Writes the elements of another buffer of the same type and length.
    pub(crate) fn copy_from(&mut self, buf: &Buf) {
        super::dtype::for_dtype!(self.cell.dtype, T => {
            self.buf().slice_mut::<T>().copy_from_slice(buf.slice());
        });
    }

    /// Puts another buffer of the same type and length in place of the value; under a pin, its
    /// elements.
    pub(crate) fn replace(&mut self, buf: Arc<Buf>) {
        debug_assert_eq!((buf.dtype(), buf.len()), (self.cell.dtype, self.cell.len));
        if let State::Own(_) | State::Rows(_) = &*self.state {
            *self.state = State::Own(buf);
            return;
        }
        self.copy_from(&buf);
    }
}

impl Edit<'_> {
    /// The rows that are not zero, if the value is kept by these.
    pub(crate) fn rows(&self) -> Option<&Rows> {
        match &*self.state {
            State::Rows(rows) => Some(rows),
            _ => None,
        }
    }

    /// Puts rows in place of the value; under a pin, their elements among zeros.
    pub(crate) fn replace_by_rows(&mut self, rows: Rows) {
        debug_assert_eq!(rows.values().dtype(), self.cell.dtype);
        if let State::Own(_) | State::Rows(_) = &*self.state {
            *self.state = State::Rows(Arc::new(rows));
            return;
        }
        let buf = self.buf();
        super::dtype::for_dtype!(buf.dtype(), T => buf.slice_mut::<T>().fill(T::default()));
        rows.scatter(rows.values(), buf);
    }
}

impl Drop for Edit<'_> {
    fn drop(&mut self) {
        self.cell.editor.store(0, Ordering::Relaxed);
    }
}

/// Write access to a counted buffer: itself when this is the only count and the memory is its own,
/// else a copy in its place.
#[inline]
pub(crate) fn unique(buf: &mut Arc<Buf>) -> &mut Buf {
    if !buf.is_own() || Arc::get_mut(buf).is_none() {
        *buf = Arc::new(buf.copy());
    }
    Arc::get_mut(buf).expect("made unique just now")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(values: &[f32]) -> Cell {
        Cell::new(Arc::new(Buf::from_vec(values.to_vec())))
    }

    fn values(cell: &Cell) -> Vec<f32> {
        cell.snapshot().unwrap().slice::<f32>().to_vec()
    }

    #[test]
    fn an_edit_copies_only_when_a_snapshot_is_alive() {
        let cell = cell(&[1.0]);
        let address = cell.snapshot().unwrap().slice::<f32>().as_ptr();
        cell.edit().unwrap().buf().slice_mut::<f32>()[0] = 2.0;
        assert_eq!(cell.snapshot().unwrap().slice::<f32>().as_ptr(), address);
        let before = cell.snapshot().unwrap();
        cell.edit().unwrap().buf().slice_mut::<f32>()[0] = 3.0;
        assert_eq!((before.slice::<f32>()[0], values(&cell)[0]), (2.0, 3.0));
    }

    #[test]
    fn a_second_access_by_the_editing_thread_is_an_error_not_a_deadlock() {
        let cell = cell(&[1.0]);
        let edit = cell.edit().unwrap();
        assert!(matches!(cell.snapshot(), Err(Error::BeingEdited)));
        assert!(matches!(cell.edit(), Err(Error::BeingEdited)));
        drop(edit);
        assert!(cell.edit().is_ok());
    }

    #[test]
    fn a_pin_moves_the_cell_off_earlier_snapshots_and_later_ones_are_copies() {
        let cell = cell(&[1.0]);
        let before = cell.snapshot().unwrap();
        let pin = cell.pin().unwrap();
        let during = cell.snapshot().unwrap();
        cell.edit().unwrap().buf().slice_mut::<f32>()[0] = 9.0;
        assert_eq!((before.slice::<f32>()[0], during.slice::<f32>()[0]), (1.0, 1.0));
        assert_eq!(values(&cell), [9.0]);
        let address = pin.as_mut_ptr();
        drop(pin);
        assert_eq!(cell.snapshot().unwrap().slice::<f32>().as_ptr().cast(), address);
    }

    #[test]
    fn rows_stay_rows_for_readers_and_become_whole_for_an_edit() {
        let rows = |number, value| Rows::none(DType::F32, 1).plus::<f32>(&[number], &[value]);
        let cell = Cell::of_rows(Context::cpu(0), Arc::new(rows(1, 5.0)), 3);
        assert_eq!(values(&cell), [0.0, 5.0, 0.0]);
        assert!(cell.rows().unwrap().is_some());
        cell.edit().unwrap().buf().slice_mut::<f32>()[0] = 1.0;
        assert!(cell.rows().unwrap().is_none());
        assert_eq!(values(&cell), [1.0, 5.0, 0.0]);
        cell.edit().unwrap().replace_by_rows(rows(2, 7.0));
        assert_eq!(cell.rows().unwrap().unwrap().numbers(), [2]);
        let pin = cell.pin().unwrap();
        cell.edit().unwrap().replace_by_rows(rows(0, 9.0));
        assert!(cell.rows().unwrap().is_none());
        drop(pin);
        assert_eq!(values(&cell), [9.0, 0.0, 0.0]);
    }

    #[test]
    fn a_panic_inside_an_edit_leaves_the_cell_usable() {
        let cell = cell(&[1.0]);
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _edit = cell.edit().unwrap();
            panic!("inside an edit");
        }));
        assert!(panicked.is_err());
        cell.edit().unwrap().buf().slice_mut::<f32>()[0] = 4.0;
        assert_eq!(values(&cell), [4.0]);
    }
}
