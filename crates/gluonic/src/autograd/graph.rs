//! The recorded graph: counted nodes that their outputs keep alive.
//!
//! A node knows the operation that made it and where the gradients of that operation's inputs go:
//! to a slot (a leaf is no node of its own), to another node, or nowhere. A sequence number, later
//! than that of every input, orders the walk back; nothing here recurses.

use std::cell::Cell as ThreadCell;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use smallvec::SmallVec;

use super::sink::Sinks;
use crate::array::{Buf, Cell, DType, Rows};
use crate::error::Result;

/// The backward half of an operation that was recorded.
pub(crate) trait Op: Send + Sync {
    /// Puts the gradients of the inputs where `sinks` says, given that of the output. `grad` is
    /// contiguous, of the operation's compute type, and may be written to when it is unique.
    fn backward(&self, grad: Arc<Buf>, sinks: &mut Sinks<'_>) -> Result<()>;
}

/// Where the gradient of one input goes.
#[derive(Clone)]
pub(crate) enum Edge {
    Nowhere,
    Slot(Arc<Slot>),
    Node(Arc<Node>),
}

pub(crate) type Edges = SmallVec<[Edge; 3]>;

pub(crate) struct Body {
    pub(crate) op: Box<dyn Op>,
    pub(crate) edges: Edges,
}

/// One recorded operation. Its body is taken out when backward has passed.
pub(crate) struct Node {
    pub(crate) seq: u64,
    pub(crate) body: Mutex<Option<Body>>,
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("seq", &self.seq).finish_non_exhaustive()
    }
}

thread_local! {
    static CLOCK: ThreadCell<u64> = const { ThreadCell::new(0) };
}

impl Node {
    pub(crate) fn new(op: Box<dyn Op>, edges: Edges) -> Arc<Node> {
        // Lamport's clock: later than every input and than this thread's last node, so no counter
        // is shared and sums come in the same order in every run.
        let inputs = edges.iter().filter_map(|edge| match edge {
            Edge::Node(node) => Some(node.seq),
            _ => None,
        });
        let seq = inputs.fold(CLOCK.get(), u64::max) + 1;
        CLOCK.set(seq);
        Arc::new(Node { seq, body: Mutex::new(Some(Body { op, edges })) })
    }
}

impl Drop for Node {
    /// Works off a list, since a chain of a million nodes must not recurse.
    fn drop(&mut self) {
        type Stack = SmallVec<[Arc<Node>; 4]>;
        fn take_inputs(node: &mut Node, stack: &mut Stack) {
            let body = node.body.get_mut().unwrap_or_else(PoisonError::into_inner).take();
            for edge in body.into_iter().flat_map(|body| body.edges) {
                if let Edge::Node(node) = edge {
                    stack.push(node);
                }
            }
        }
        let mut stack = Stack::new();
        take_inputs(self, &mut stack);
        while let Some(node) = stack.pop() {
            if let Some(mut node) = Arc::into_inner(node) {
                take_inputs(&mut node, &mut stack);
            }
        }
    }
}

/// What backward does to a gradient slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum GradReq {
    /// No gradient is kept or computed.
    Null,
    /// Each backward overwrites the gradient; several uses inside one graph still add up.
    #[default]
    Write,
    /// Each backward adds to the gradient; [`zero_grad`](crate::Parameter::zero_grad) starts over.
    Add,
}

impl GradReq {
    /// Gluon's word for it.
    pub fn name(self) -> &'static str {
        match self {
            GradReq::Null => "null",
            GradReq::Write => "write",
            GradReq::Add => "add",
        }
    }

    fn from_u8(value: u8) -> GradReq {
        match value {
            0 => GradReq::Null,
            1 => GradReq::Write,
            _ => GradReq::Add,
        }
    }
}

impl std::fmt::Display for GradReq {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

const STALE: u8 = 0;
const FRESH: u8 = 1;
const SUMMED: u8 = 2;

/// The place of one gradient.
#[derive(Debug)]
pub(crate) struct Slot {
    req: AtomicU8,
    /// The backward that wrote here last: another contribution of the same one adds.
    pub(crate) epoch: AtomicU64,
    /// The backward that is writing here, or 0: a slot has one owner at a time.
    pub(crate) owner: AtomicU64,
    /// Whether a backward has written since the last step of a trainer, and whether that has been
    /// summed with the other replicas since: [`STALE`], [`FRESH`] or [`SUMMED`].
    state: AtomicU8,
    pub(crate) cell: Arc<Cell>,
    /// The number of elements of a row, if the gradient is kept by rows where it can be.
    row_width: Option<usize>,
}

impl Slot {
    pub(crate) fn new(req: GradReq, cell: Arc<Cell>) -> Slot {
        Slot::with(req, cell, None)
    }

    /// A slot of zeros for a value, where that is, which takes rows as rows. No memory is needed for
    /// the other ones.
    pub(crate) fn of_rows(req: GradReq, value: &Cell, width: usize) -> Slot {
        let rows = Arc::new(Rows::none(value.dtype(), width));
        let cell = Cell::of_rows(value.context(), rows, value.len());
        Slot::with(req, Arc::new(cell), Some(width))
    }

    /// A slot like this one with the gradient in an element type, in new memory.
    pub(crate) fn copy_as(&self, dtype: DType) -> Result<Slot> {
        let slot = Slot::with(self.req(), Arc::new(self.cell.copy_as(dtype)?), self.row_width);
        slot.state.store(self.state.load(Ordering::Relaxed), Ordering::Relaxed);
        Ok(slot)
    }

    fn with(req: GradReq, cell: Arc<Cell>, row_width: Option<usize>) -> Slot {
        Slot {
            req: AtomicU8::new(req as u8),
            epoch: AtomicU64::new(0),
            owner: AtomicU64::new(0),
            state: AtomicU8::new(STALE),
            cell,
            row_width,
        }
    }

    /// Whether rows are taken as rows.
    pub(crate) fn takes_rows(&self) -> bool {
        self.row_width.is_some()
    }

    /// Makes the gradient zero.
    pub(crate) fn clear(&self) -> Result<()> {
        let (dtype, len) = (self.cell.dtype(), self.cell.len());
        let mut edit = self.cell.edit()?;
        match self.row_width {
            Some(width) => edit.replace_by_rows(Rows::none(dtype, width)),
            None => edit.replace(Arc::new(Buf::zeros(dtype, len))),
        }
        Ok(())
    }

    pub(crate) fn req(&self) -> GradReq {
        GradReq::from_u8(self.req.load(Ordering::Relaxed))
    }

    pub(crate) fn set_req(&self, req: GradReq) {
        self.req.store(req as u8, Ordering::Relaxed);
    }

    /// Whether a backward has written since the last step of a trainer.
    pub(crate) fn is_fresh(&self) -> bool {
        self.state.load(Ordering::Relaxed) != STALE
    }

    pub(crate) fn set_fresh(&self, fresh: bool) {
        self.state.store(if fresh { FRESH } else { STALE }, Ordering::Relaxed);
    }

    /// Whether it is the sum of all replicas, and no backward has written since.
    pub(crate) fn is_summed(&self) -> bool {
        self.state.load(Ordering::Relaxed) == SUMMED
    }

    pub(crate) fn set_summed(&self) {
        self.state.store(SUMMED, Ordering::Relaxed);
    }
}

/// What an array knows about its own gradient.
#[derive(Clone, Debug)]
pub(crate) enum Track {
    None,
    Leaf(Arc<Slot>),
    Node(Arc<Node>),
}

impl Track {
    /// Whether gradients go to one place.
    pub(crate) fn is_same(&self, other: &Track) -> bool {
        match (self, other) {
            (Track::None, Track::None) => true,
            (Track::Leaf(a), Track::Leaf(b)) => Arc::ptr_eq(a, b),
            (Track::Node(a), Track::Node(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }

    pub(crate) fn edge(&self) -> Edge {
        match self {
            Track::Leaf(slot) if slot.req() != GradReq::Null => Edge::Slot(slot.clone()),
            Track::Node(node) => Edge::Node(node.clone()),
            _ => Edge::Nowhere,
        }
    }
}
