//! Recording and differentiation.
//!
//! Inside [`record`] each operation on an array that leads to a parameter leaves a node behind;
//! [`backward`] walks the nodes and puts gradients into the parameters' slots, by their
//! [`GradReq`]; [`grad`] returns gradients without touching slots. Outside `record` nothing is
//! recorded and no graph is kept alive.
//!
//! Recording is per thread. A recorded array may be used in a later `record`, on another thread,
//! or outlive the block that made it.
//!
//! What is recorded are snapshots: an edit of a parameter afterwards changes no gradient.

mod backward;
mod function;
mod graph;
mod sink;

use std::cell::Cell as ThreadCell;

use crate::array::{NdArray, one_context};
use crate::context::Context;
use crate::error::{Error, Result};

pub use backward::{Backward, backward, grad};
pub use function::{Function, apply};
use graph::Edges;
pub use graph::GradReq;
use graph::{Edge, Node};
pub(crate) use graph::{Op, Slot, Track};
pub(crate) use sink::{RowsOf, Sinks};

#[derive(Clone, Copy)]
struct Mode {
    recording: bool,
    training: bool,
}

thread_local! {
    static MODE: ThreadCell<Mode> =
        const { ThreadCell::new(Mode { recording: false, training: false }) };
}

/// Puts the mode back when a closure is left, by return or by panic.
struct Restore(Mode);

impl Drop for Restore {
    fn drop(&mut self) {
        MODE.set(self.0);
    }
}

fn with_mode<R>(change: impl FnOnce(&mut Mode), f: impl FnOnce() -> R) -> R {
    let old = MODE.get();
    let _restore = Restore(old);
    let mut mode = old;
    change(&mut mode);
    MODE.set(mode);
    f()
}

/// Runs `f` recording, in training mode.
///
/// # Examples
/// ```
/// use gluonic::{NdArray, autograd, autograd::GradReq};
/// let x = NdArray::scalar(3.0_f32).attach_grad(GradReq::Write)?;
/// let y = autograd::record(|| &x * &x)?;
/// autograd::backward(&y)?;
/// assert_eq!(x.grad()?.to_scalar::<f32>()?, 6.0);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `autograd.py`, `record(train_mode=True)`.
pub fn record<R>(f: impl FnOnce() -> R) -> R {
    with_mode(|mode| *mode = Mode { recording: true, training: true }, f)
}

/// Runs `f` recording, in prediction mode: dropout passes everything through.
pub fn record_predict<R>(f: impl FnOnce() -> R) -> R {
    with_mode(|mode| *mode = Mode { recording: true, training: false }, f)
}

/// Runs `f` without recording, in prediction mode, as inside no `record` at all.
#[doc(alias = "no_grad", alias = "stop_gradient")]
pub fn pause<R>(f: impl FnOnce() -> R) -> R {
    with_mode(|mode| *mode = Mode { recording: false, training: false }, f)
}

/// Runs `f` in training mode; recording stays as it is.
pub fn train_mode<R>(f: impl FnOnce() -> R) -> R {
    with_mode(|mode| mode.training = true, f)
}

/// Runs `f` in prediction mode; recording stays as it is.
pub fn predict_mode<R>(f: impl FnOnce() -> R) -> R {
    with_mode(|mode| mode.training = false, f)
}

/// Turns recording on or off on this thread, and returns what it was: for a language whose scopes
/// are no closures. [`record`] and [`pause`] cannot be left half way.
///
/// # Source
/// MXNet 1.9.1, `autograd.py`, `set_recording`.
pub fn set_recording(recording: bool) -> bool {
    let old = MODE.get();
    MODE.set(Mode { recording, ..old });
    old.recording
}

/// Turns training mode on or off on this thread, and returns what it was: see [`set_recording`].
///
/// # Source
/// MXNet 1.9.1, `autograd.py`, `set_training`.
pub fn set_training(training: bool) -> bool {
    let old = MODE.get();
    MODE.set(Mode { training, ..old });
    old.training
}

/// Whether this thread is recording.
#[inline]
pub fn is_recording() -> bool {
    MODE.get().recording
}

/// Whether this thread is in training mode.
#[inline]
pub fn is_training() -> bool {
    MODE.get().training
}

/// What an operation has to know of its inputs.
pub(crate) struct Inputs {
    /// Where they are, and so the output.
    pub(crate) context: Context,
    /// Where their gradients go, if a node is to be recorded.
    edges: Option<Edges>,
}

impl Inputs {
    /// Of an operation that has one input and no gradient.
    pub(crate) fn without_gradient(input: &NdArray) -> Inputs {
        Inputs { context: input.context(), edges: None }
    }

    /// With another input that has no gradient.
    pub(crate) fn beside(self, input: &NdArray) -> Result<Inputs> {
        if input.context() == self.context {
            return Ok(self);
        }
        Err(Error::Contexts { expected: self.context, found: input.context() })
    }

    /// Whether a node is to be recorded.
    pub(crate) fn is_recorded(&self) -> bool {
        self.edges.is_some()
    }
}

/// Where these inputs are, and where their gradients go, if a node is to be recorded.
///
/// # Errors
/// [`Error::Contexts`] if they are not together; [`Error::StaleArray`] under `record` if one was
/// edited after it was recorded.
pub(crate) fn edges(inputs: &[&NdArray]) -> Result<Inputs> {
    let context = one_context(inputs)?;
    if !is_recording() {
        return Ok(Inputs { context, edges: None });
    }
    let mut edges = Edges::new();
    let mut wanted = false;
    for input in inputs {
        if let Track::Node(_) = input.track
            && input.cell.version() != input.version
        {
            return Err(Error::StaleArray);
        }
        let edge = input.track.edge();
        wanted |= !matches!(edge, Edge::Nowhere);
        edges.push(edge);
    }
    Ok(Inputs { context, edges: wanted.then_some(edges) })
}

/// The track of an output.
pub(crate) fn track(inputs: Inputs, op: impl FnOnce() -> Box<dyn Op>) -> Track {
    match inputs.edges {
        Some(edges) => Track::Node(Node::new(op(), edges)),
        None => Track::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_nest_and_unwind_with_a_panic() {
        record(|| {
            assert!(is_recording() && is_training());
            predict_mode(|| assert!(is_recording() && !is_training()));
            let _ = std::panic::catch_unwind(|| pause(|| panic!("inside pause")));
            assert!(is_recording() && is_training());
        });
        assert!(!is_recording() && !is_training());
    }
}
