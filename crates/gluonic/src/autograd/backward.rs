//! The walk from a result back to the slots.

use std::cell::Cell as ThreadCell;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use super::graph::{Body, Edge, GradReq, Slot, Track};
use super::sink::{Aside, Claims, Frontier, Sinks, diverted_array, key, ones};
use crate::array::{Buf, NdArray, View, shapes_only, thread_number};
use crate::error::{Error, Result};

/// Puts the gradients of `loss` into the slots of the parameters it was computed from.
///
/// A loss with several elements counts as their sum. The graph is freed as the walk goes; use
/// [`Backward`] to keep it, to give head gradients, or to start from several arrays.
///
/// # Errors
/// [`Error::NotRecorded`] if `loss` was not computed under [`record`](super::record) from anything
/// that has a gradient; [`Error::GraphFreed`] if an earlier backward has passed here; what a user's
/// operation returns.
pub fn backward(loss: &NdArray) -> Result<()> {
    Backward::new().run(&[loss])
}

/// The gradients of `loss` with respect to `variables`, without touching any slot; zeros where
/// `loss` does not depend on one. The graph is freed.
///
/// # Errors
/// [`Error::NoGrad`] if a variable has no gradient slot; else as [`backward`].
///
/// # Examples
/// ```
/// use gluonic::{NdArray, autograd, autograd::GradReq};
/// let x = NdArray::scalar(3.0_f64).attach_grad(GradReq::Write)?;
/// let y = autograd::record(|| x.exp())?;
/// let dx = &autograd::grad(&y, &[&x])?[0];
/// assert_eq!(dx.to_scalar::<f64>()?, 3.0_f64.exp());
/// assert_eq!(x.grad()?.to_scalar::<f64>()?, 0.0);
/// # Ok::<(), gluonic::Error>(())
/// ```
pub fn grad(loss: &NdArray, variables: &[&NdArray]) -> Result<Vec<NdArray>> {
    Backward::new().grad(loss, variables)
}

/// Options of a backward pass.
///
/// # Examples
/// ```
/// use gluonic::{NdArray, autograd::{self, Backward, GradReq}};
/// let x = NdArray::scalar(3.0_f32).attach_grad(GradReq::Add)?;
/// let y = autograd::record(|| &x * &x)?;
/// Backward::new().retain_graph(true).run(&[&y])?;
/// Backward::new().head(&NdArray::scalar(10.0_f32)).run(&[&y])?;
/// assert_eq!(x.grad()?.to_scalar::<f32>()?, 66.0);
/// # Ok::<(), gluonic::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Backward {
    heads: Vec<NdArray>,
    retain: bool,
}

impl Backward {
    /// The defaults: heads of ones, the graph is freed.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the gradient of the next of the arrays to start from, in place of ones.
    #[must_use]
    pub fn head(mut self, head: &NdArray) -> Self {
        self.heads.push(head.clone());
        self
    }

    /// Keeps the graph for another backward.
    ///
    /// # Memory
    /// What the graph has kept stays alive; the next edit of a parameter then copies it once.
    #[must_use]
    pub fn retain_graph(mut self, retain: bool) -> Self {
        self.retain = retain;
        self
    }

    /// Puts the gradients of the sum of `losses` into the slots.
    ///
    /// # Errors
    /// As [`backward`]; [`Error::HeadShape`] if a head does not have its array's sizes.
    pub fn run(&self, losses: &[&NdArray]) -> Result<()> {
        let claims = Claims::new(next_epoch(), None);
        self.walk(losses, claims).map(|_| ())
    }

    /// The gradients of `loss` with respect to `variables`, without touching any slot.
    ///
    /// # Errors
    /// As [`grad`].
    pub fn grad(&self, loss: &NdArray, variables: &[&NdArray]) -> Result<Vec<NdArray>> {
        let slots = variables.iter().map(|variable| match &variable.track {
            Track::Leaf(slot) if slot.req() != GradReq::Null => Ok(slot.clone()),
            _ => Err(Error::NoGrad { name: None }),
        });
        let slots = slots.collect::<Result<Vec<Arc<Slot>>>>()?;
        let claims = Claims::new(next_epoch(), Some(slots.clone()));
        let found = self.walk(&[loss], claims)?;
        let gradient = |slot| found.get(&key(slot)).and_then(|(_, cell)| cell.as_ref());
        let pairs = slots.iter().zip(variables);
        pairs.map(|(slot, variable)| diverted_array(gradient(slot), variable)).collect()
    }

    fn walk(&self, losses: &[&NdArray], mut claims: Claims) -> Result<Aside> {
        if shapes_only() {
            return Err(Error::ShapeOnly);
        }
        let mut frontier: Frontier = BTreeMap::new();
        let mut recorded = false;
        for (i, loss) in losses.iter().enumerate() {
            let edge = loss.track.edge();
            if let Edge::Nowhere = edge {
                continue;
            }
            recorded = true;
            let head = match self.heads.get(i) {
                None => ones(loss.dtype(), loss.elem_count()),
                Some(head) => head_buffer(head, loss)?,
            };
            let edges = [edge];
            Sinks { edges: &edges, frontier: &mut frontier, claims: &mut claims }.pass(0, &head)?;
        }
        if !recorded {
            return Err(Error::NotRecorded);
        }
        while let Some((_, (node, grad))) = frontier.pop_last() {
            let Some(grad) = grad else { continue };
            let mut body = node.body.lock().unwrap_or_else(PoisonError::into_inner);
            let pass = |Body { op, edges }: &Body| {
                let sinks = &mut Sinks { edges, frontier: &mut frontier, claims: &mut claims };
                op.backward(grad, sinks)
            };
            if self.retain {
                pass(body.as_ref().ok_or(Error::GraphFreed)?)?;
            } else {
                let taken = body.take().ok_or(Error::GraphFreed)?;
                drop(body);
                pass(&taken)?;
            }
        }
        claims.commit()
    }
}

fn head_buffer(head: &NdArray, loss: &NdArray) -> Result<Arc<Buf>> {
    if head.dims() != loss.dims() {
        return Err(Error::HeadShape { expected: loss.dims().into(), found: head.dims().into() });
    }
    let head =
        if head.is_contiguous() && head.view.offset == 0 && head.cell.len() == head.elem_count() {
            head.cell.snapshot()?
        } else {
            head.deep_clone()?.cell.snapshot()?
        };
    let compute = loss.dtype().compute().unwrap_or(loss.dtype());
    Ok(if head.dtype() == compute { head } else { Arc::new(head.convert(compute)) })
}

fn next_epoch() -> u64 {
    thread_local! {
        static COUNT: ThreadCell<u64> = const { ThreadCell::new(0) };
    }
    let count = COUNT.get() + 1;
    COUNT.set(count);
    // Different for every backward of every thread; never 0, which means no owner.
    thread_number() << 40 | count
}

impl NdArray {
    /// Gives the array a gradient slot: a new handle on the same memory which operations under
    /// `record` differentiate with respect to.
    ///
    /// # Errors
    /// [`Error::NoArithmetic`] if the element type is not a floating-point one;
    /// [`Error::NotWhole`] if this is a view on a part of its memory.
    pub fn attach_grad(&self, req: GradReq) -> Result<NdArray> {
        if !self.dtype().is_float() {
            return Err(Error::NoArithmetic { op: "attach_grad", dtype: self.dtype() });
        }
        if !self.is_whole() {
            return Err(Error::NotWhole { op: "attach_grad" });
        }
        let cell = self.there(|| NdArray::zeros(self.dims(), self.dtype()))?.cell;
        let slot = Arc::new(Slot::new(req, cell));
        Ok(NdArray { track: Track::Leaf(slot), ..self.detach() })
    }

    /// The gradient slot as an array: zeros before the first backward, the same memory ever after.
    ///
    /// # Errors
    /// [`Error::NoGrad`] if the array has none.
    pub fn grad(&self) -> Result<NdArray> {
        match &self.track {
            Track::Leaf(slot) if slot.req() != GradReq::Null => {
                Ok(NdArray::on(slot.cell.clone(), View::new(self.dims().clone()), Track::None))
            }
            _ => Err(Error::NoGrad { name: None }),
        }
    }

    /// Whether it has a gradient slot of its own, from [`NdArray::attach_grad`] or as the value of
    /// a parameter.
    pub fn is_leaf(&self) -> bool {
        matches!(self.track, Track::Leaf(_))
    }

    /// Whether an operation on it under `record` would be recorded: it has a gradient slot that is
    /// written to, or was computed from something that has.
    pub fn needs_grad(&self) -> bool {
        !matches!(self.track.edge(), super::graph::Edge::Nowhere)
    }

    /// Writes the elements of `result` into this memory, and returns a handle on it that has the
    /// history of `result`: what an update in place is under `record`. Graphs that have used the
    /// old value keep it.
    ///
    /// # Errors
    /// [`Error::OperandShape`] or [`Error::DTypeMismatch`] if `result` is not of this shape and
    /// element type; else as [`NdArray::edit`].
    ///
    /// # Examples
    /// ```
    /// use gluonic::{NdArray, autograd, autograd::GradReq};
    /// let x = NdArray::scalar(3.0_f32).attach_grad(GradReq::Write)?;
    /// let total = NdArray::scalar(1.0_f32);
    /// let sum = autograd::record(|| total.adopt(&(&total + &(&x * &x)?)?))?;
    /// sum.backward()?;
    /// assert_eq!(total.to_scalar::<f32>()?, 10.0);
    /// assert_eq!(x.grad()?.to_scalar::<f32>()?, 6.0);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    pub fn adopt(&self, result: &NdArray) -> Result<NdArray> {
        if self.dims() != result.dims() {
            let (expected, found) = (self.dims().into(), result.dims().into());
            return Err(Error::OperandShape { op: "adopt", expected, found });
        }
        result.expect_dtype(self.dtype())?;
        self.assign(result)?;
        Ok(NdArray { track: result.track.clone(), ..self.detach() })
    }

    /// As [`autograd::backward`](backward).
    ///
    /// # Errors
    /// As [`autograd::backward`](backward).
    pub fn backward(&self) -> Result<()> {
        backward(self)
    }

    /// Whether the view is all of its memory, in order.
    pub(crate) fn is_whole(&self) -> bool {
        self.view.offset == 0 && self.is_contiguous() && self.elem_count() == self.cell.len()
    }
}
