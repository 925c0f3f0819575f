//! Where gradients go during one backward.
//!
//! An operation does not return gradients: it writes each into the destination that [`Sinks`]
//! lends it, a parameter's slot or a temporary, overwriting or adding as it is told. So nothing is
//! zeroed first, nothing is copied, and nothing is computed for an input that needs no gradient.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use indexmap::IndexMap;

use super::graph::{Edge, GradReq, Node, Slot};
use crate::array::{Buf, Cell, Compute, DType, Edit, NdArray, Rows, for_float, unique};
use crate::cpu::elementwise::add_into;
use crate::cpu::gather::add_taken;
use crate::error::Result;

/// Nodes still to be visited, the latest last, each with what has been summed for it so far.
pub(crate) type Frontier = BTreeMap<(u64, usize), (Arc<Node>, Option<Arc<Buf>>)>;

/// Slots by their address, each with a gradient that is collected for it apart from it.
pub(crate) type Aside = IndexMap<usize, (Arc<Slot>, Option<Cell>), foldhash::fast::RandomState>;

/// What tells a slot from all others.
pub(crate) fn key(slot: &Arc<Slot>) -> usize {
    Arc::as_ptr(slot).addr()
}

/// The slots that one backward has to do with.
pub(crate) struct Claims {
    epoch: u64,
    /// Owned: written to directly.
    own: Vec<Arc<Slot>>,
    /// Owned by another backward right now: collected here and committed whole at the end.
    late: Aside,
    /// For `autograd::grad`: gradients of these slots go here, of all others nowhere.
    diverted: Option<Aside>,
}

impl Claims {
    pub(crate) fn new(epoch: u64, diverted: Option<Vec<Arc<Slot>>>) -> Claims {
        let diverted = diverted
            .map(|slots| slots.into_iter().map(|slot| (key(&slot), (slot, None))).collect());
        Claims { epoch, own: Vec::new(), late: Aside::default(), diverted }
    }

    /// The value that collects for a slot which is not written to directly, if there is one.
    fn aside(&mut self, slot: &Arc<Slot>) -> Option<&mut Option<Cell>> {
        let list = if let Some(diverted) = &mut self.diverted {
            diverted
        } else {
            if slot.owner.load(Ordering::Relaxed) == self.epoch {
                return None;
            }
            if !self.late.contains_key(&key(slot)) {
                let (acquire, relaxed) = (Ordering::Acquire, Ordering::Relaxed);
                if slot.owner.compare_exchange(0, self.epoch, acquire, relaxed).is_ok() {
                    self.own.push(slot.clone());
                    return None;
                }
                self.late.insert(key(slot), (slot.clone(), None));
            }
            &mut self.late
        };
        list.get_mut(&key(slot)).map(|(_, cell)| cell)
    }

    fn release(&mut self) {
        for slot in self.own.drain(..) {
            slot.owner.store(0, Ordering::Release);
        }
    }

    /// Gives up the owned slots, then writes the late ones, one whole gradient each.
    pub(crate) fn commit(mut self) -> Result<Aside> {
        for slot in &self.own {
            slot.set_fresh(true);
        }
        self.release();
        for (_, (slot, cell)) in std::mem::take(&mut self.late) {
            let Some(cell) = cell else { continue };
            while slot
                .owner
                .compare_exchange_weak(0, u64::MAX, Ordering::Acquire, Ordering::Relaxed)
                .is_err()
            {
                std::thread::yield_now();
            }
            self.own.push(slot.clone());
            let add = slot.req() == GradReq::Add;
            for_float!(cell.dtype(), T => if let Some(rows) = cell.rows()? {
                write_rows(&slot.cell, add, &RowsOf::<T>::of(&rows))?;
            } else {
                let buf = cell.snapshot()?;
                write_cell::<T>(&slot.cell, add, |out, add| {
                    if add { add_into(out, buf.slice()) } else { out.copy_from_slice(buf.slice()) }
                })?;
            });
            slot.set_fresh(true);
            self.release();
        }
        Ok(self.diverted.take().unwrap_or_default())
    }
}

impl Drop for Claims {
    /// After an error the slots that were written to hold half a gradient: not fresh, so that no
    /// trainer uses it.
    fn drop(&mut self) {
        for slot in &self.own {
            slot.set_fresh(false);
        }
        self.release();
    }
}

/// Lends a gradient in the compute type, converting for one in half precision.
fn write_cell<T: Compute>(
    cell: &Cell,
    add: bool,
    write: impl FnOnce(&mut [T], bool),
) -> Result<()> {
    write_whole(&mut cell.edit()?, add, write);
    Ok(())
}

fn write_whole<T: Compute>(lock: &mut Edit<'_>, add: bool, write: impl FnOnce(&mut [T], bool)) {
    let buf = lock.buf();
    if buf.dtype() == T::DTYPE {
        write(buf.slice_mut(), add);
        return;
    }
    let stored = buf.dtype();
    let mut wide = if add { buf.convert(T::DTYPE) } else { Buf::new::<T>(buf.len(), |_| ()) };
    write(wide.slice_mut(), add);
    lock.replace(Arc::new(wide.convert(stored)));
}

/// Writes rows into a gradient that takes them, or adds them to what is there.
fn write_rows<T: Compute>(cell: &Cell, add: bool, more: &RowsOf<'_, T>) -> Result<()> {
    let mut lock = cell.edit()?;
    let rows = match (add, lock.rows()) {
        (false, _) => more.plus(&Rows::none(cell.dtype(), more.width)),
        (true, Some(rows)) => more.plus(rows),
        // Something else has made it whole.
        (true, None) => {
            write_whole(&mut lock, true, |out, add| more.write(out, add));
            return Ok(());
        }
    };
    lock.replace_by_rows(rows);
    Ok(())
}

/// Adds into a counted buffer, or makes it by the first contribution.
fn write_temporary<T: Compute>(
    temporary: &mut Option<Arc<Buf>>,
    n: usize,
    write: impl FnOnce(&mut [T], bool),
) {
    match temporary {
        None => *temporary = Some(Arc::new(Buf::new::<T>(n, |out| write(out, false)))),
        Some(buf) => write(unique(buf).slice_mut(), true),
    }
}

/// The gradient of a table of which an operation has used some rows, one after another.
#[derive(Clone, Copy)]
pub(crate) struct RowsOf<'a, T> {
    /// Which rows; they may repeat.
    pub(crate) numbers: &'a [usize],
    /// A run of `width` elements for each.
    pub(crate) grad: &'a [T],
    pub(crate) width: usize,
}

impl<'a, T: Compute> RowsOf<'a, T> {
    fn of(rows: &'a Rows) -> Self {
        RowsOf { numbers: rows.numbers(), grad: rows.values().slice(), width: rows.width() }
    }

    fn plus(&self, rows: &Rows) -> Rows {
        rows.plus(self.numbers, self.grad)
    }

    /// Adds in the order of the numbers, so that the sum of a repeated one has the same bits each
    /// time.
    fn write(&self, out: &mut [T], add: bool) {
        if !add {
            out.fill(T::default());
        }
        let n = out.len() / self.width.max(1);
        add_taken(out, self.grad, self.numbers, n, self.width);
    }
}

/// The destinations of the gradients of one operation's inputs.
pub(crate) struct Sinks<'a> {
    pub(crate) edges: &'a [Edge],
    pub(crate) frontier: &'a mut Frontier,
    pub(crate) claims: &'a mut Claims,
}

impl Sinks<'_> {
    /// Whether input `i` needs a gradient at all.
    pub(crate) fn wanted(&self, i: usize) -> bool {
        match &self.edges[i] {
            Edge::Nowhere => false,
            Edge::Node(_) => true,
            Edge::Slot(slot) => match &self.claims.diverted {
                // Its parameter may have been frozen since the graph was recorded.
                None => slot.req() != GradReq::Null,
                Some(diverted) => diverted.contains_key(&key(slot)),
            },
        }
    }

    fn temporary(&mut self, node: &Arc<Node>) -> &mut Option<Arc<Buf>> {
        match self.frontier.entry((node.seq, Arc::as_ptr(node) as usize)) {
            Entry::Occupied(entry) => &mut entry.into_mut().1,
            Entry::Vacant(entry) => &mut entry.insert((node.clone(), None)).1,
        }
    }

    /// Lends the destination of input `i`, `n` elements: `write(out, add)` overwrites all of it
    /// when `add` is false and adds to it when it is true. Not called when nobody wants it.
    pub(crate) fn write<T: Compute>(
        &mut self,
        i: usize,
        n: usize,
        write: impl FnOnce(&mut [T], bool),
    ) -> Result<()> {
        match &self.edges[i] {
            Edge::Nowhere => {}
            Edge::Node(node) => write_temporary(self.temporary(&node.clone()), n, write),
            Edge::Slot(_) if !self.wanted(i) => {}
            Edge::Slot(slot) => match self.claims.aside(slot) {
                Some(Some(cell)) => write_cell(cell, true, write)?,
                Some(empty) => {
                    *empty = Some(Cell::new(Arc::new(Buf::new::<T>(n, |out| write(out, false)))));
                }
                None => write_cell(&slot.cell, self.adds(slot), write)?,
            },
        }
        Ok(())
    }

    /// Puts rows where the gradient of input `i` goes, a table of `n` elements. A slot that takes
    /// rows is neither read nor written anywhere else.
    pub(crate) fn write_rows<T: Compute>(
        &mut self,
        i: usize,
        n: usize,
        rows: &RowsOf<'_, T>,
    ) -> Result<()> {
        let slot = match &self.edges[i] {
            Edge::Slot(slot) if slot.takes_rows() => slot,
            _ => return self.write(i, n, |out, add| rows.write(out, add)),
        };
        if !self.wanted(i) {
            return Ok(());
        }
        match self.claims.aside(slot) {
            Some(Some(cell)) => write_rows(cell, true, rows),
            Some(empty) => {
                let rows = rows.plus(&Rows::none(T::DTYPE, rows.width));
                *empty = Some(Cell::of_rows(slot.cell.context(), Arc::new(rows), n));
                Ok(())
            }
            None => write_rows(&slot.cell, self.adds(slot), rows),
        }
    }

    /// Whether the next contribution to an owned slot is added to what is there.
    fn adds(&self, slot: &Slot) -> bool {
        let epoch = self.claims.epoch;
        slot.epoch.swap(epoch, Ordering::Relaxed) == epoch || slot.req() == GradReq::Add
    }

    /// The gradient of input `i` is `grad` itself: handed on without a copy when it is the first
    /// contribution to a temporary.
    pub(crate) fn pass(&mut self, i: usize, grad: &Arc<Buf>) -> Result<()> {
        if let Edge::Node(node) = &self.edges[i] {
            let temporary = self.temporary(&node.clone());
            if temporary.is_none() {
                *temporary = Some(grad.clone());
                return Ok(());
            }
        }
        for_float!(grad.dtype(), T => self.write::<T>(i, grad.len(), |out, add| {
            if add { add_into(out, grad.slice()) } else { out.copy_from_slice(grad.slice()) }
        }))
    }
}

/// A gradient that was collected aside, as an array of the parameter's own type.
pub(crate) fn diverted_array(cell: Option<&Cell>, like: &NdArray) -> Result<NdArray> {
    let Some(cell) = cell else {
        return like.there(|| NdArray::zeros(like.dims(), like.dtype()));
    };
    let buf = cell.snapshot()?;
    let buf = if buf.dtype() == like.dtype() { buf } else { Arc::new(buf.convert(like.dtype())) };
    Ok(NdArray::from_buf_on(like.context(), buf, like.dims().clone()))
}

/// A head gradient of ones in the compute type of `dtype`.
pub(crate) fn ones(dtype: DType, n: usize) -> Arc<Buf> {
    Arc::new(if dtype == DType::F64 {
        Buf::new::<f64>(n, |out| out.fill(1.0))
    } else {
        Buf::new::<f32>(n, |out| out.fill(1.0))
    })
}
