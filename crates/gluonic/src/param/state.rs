//! What a parameter knows about itself.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::parameter::WeakParameter;
use super::replicas::Replica;
use crate::array::{DType, NdArray};
use crate::autograd::GradReq;
use crate::context::Context;
use crate::error::Result;
use crate::init::{Initializer, Layout};
use crate::name::ParamPath;
use crate::random::Address;
use crate::shape::{Dims, Shape};

/// What a parameter is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Trained; multiplies an input.
    #[default]
    Weight,
    /// Trained; is added.
    Bias,
    /// Measured in the forward, not trained: a running mean.
    Statistic,
    /// Never changed by training.
    Constant,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Kind::Weight => "weight",
            Kind::Bias => "bias",
            Kind::Statistic => "statistic",
            Kind::Constant => "constant",
        })
    }
}

/// Where a parameter's initial value came from: enough to draw it again.
#[derive(Clone, Debug, PartialEq)]
pub struct Provenance {
    /// The key and path of the random numbers.
    pub address: Address,
    /// The initializer, as [`Initializer::dumps`] writes it.
    pub initializer: String,
}

/// Where a value came from that moves from place to place.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) provenance: Provenance,
    /// Whether the value is the initial one still.
    pub(crate) initial: bool,
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (key, path) = (self.address.key(), self.address.path());
        write!(f, "{} at key {key:#x}, path {path}", self.initializer)
    }
}

/// How a parameter will get its value, fixed when `initialize` was called.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) init: Arc<dyn Initializer>,
    pub(crate) address: Address,
    /// A value that was set before the shape was known: it wins over the initializer.
    pub(crate) pending: Option<NdArray>,
    /// Where it will be.
    pub(crate) contexts: Box<[Context]>,
    /// The parameters of which the initialization was deferred by the same call.
    pub(crate) group: Option<Arc<Group>>,
}

/// The parameters that one call of `initialize` has left waiting, by path: so that asking one too
/// early can name them all.
#[derive(Debug)]
pub(crate) struct Group {
    members: Vec<(ParamPath, WeakParameter)>,
    /// Whether a forward has told one of them its shape.
    has_run: AtomicBool,
}

impl Group {
    pub(crate) fn new(members: Vec<(ParamPath, WeakParameter)>) -> Group {
        Group { members, has_run: AtomicBool::new(false) }
    }

    pub(crate) fn has_run(&self) -> bool {
        self.has_run.load(Ordering::Relaxed)
    }

    pub(crate) fn set_run(&self) {
        self.has_run.store(true, Ordering::Relaxed);
    }

    /// The paths of those that still wait.
    pub(crate) fn pending(&self) -> Box<[ParamPath]> {
        let waits = |weak: &WeakParameter| weak.upgrade().is_some_and(|p| p.is_deferred());
        self.members.iter().filter(|(_, weak)| waits(weak)).map(|(path, _)| path.clone()).collect()
    }
}

/// The memory of a parameter that has a value.
#[derive(Clone, Debug)]
pub(crate) struct Ready {
    pub(crate) first: Replica,
    /// Those on further contexts; there is memory for the list only if there are some.
    pub(crate) rest: Box<[Replica]>,
    pub(crate) dims: Dims,
}

impl Ready {
    /// Whether both are on the same memory, that of the gradient included.
    pub(crate) fn is(&self, other: &Ready) -> bool {
        let mut pairs = self.replicas().zip(other.replicas());
        self.rest.len() == other.rest.len() && pairs.all(|(one, other)| one.is(other))
    }

    /// Puts another value into the same memory, that of all replicas. With `restart` the gradient
    /// becomes 0: a load keeps it, as Gluon's does, a new initial value does not. Returns the version
    /// at which they have exactly this value; none if it had to be converted.
    pub(crate) fn overwrite(&self, value: &NdArray, restart: bool) -> Result<Option<u64>> {
        let mut buf = value.cell.snapshot()?;
        // The parameter may have been cast since the value was made.
        let dtype = self.first.cell.dtype();
        let exact = buf.dtype() == dtype;
        if !exact {
            buf = Arc::new(buf.convert(dtype));
        }
        let mut version = 0;
        for Replica { cell, slot } in self.replicas() {
            let mut edit = cell.edit()?;
            edit.replace(buf.clone());
            version += cell.version();
            drop(edit);
            if restart && let Some(slot) = slot {
                slot.clear()?;
                slot.set_fresh(false);
            }
        }
        Ok(exact.then_some(version))
    }

    /// The value and the gradient in another element type, in new memory.
    pub(crate) fn convert(&self, dtype: DType) -> Result<Ready> {
        Ok(Ready {
            first: self.first.copy_as(dtype)?,
            rest: self.rest.iter().map(|replica| replica.copy_as(dtype)).collect::<Result<_>>()?,
            dims: self.dims.clone(),
        })
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Life {
    Declared,
    Deferred(Arc<Plan>),
    Ready(Ready),
}

#[derive(Clone, Debug)]
pub(crate) struct State {
    /// None while not even the rank is known.
    pub(crate) shape: Option<Shape>,
    pub(crate) dtype: DType,
    /// What backward does while the parameter is not frozen.
    pub(crate) grad_req: GradReq,
    pub(crate) frozen: bool,
    /// Whether the gradient is kept by rows where it can be.
    pub(crate) sparse_grad: bool,
    pub(crate) lr_mult: f64,
    pub(crate) wd_mult: f64,
    pub(crate) init: Option<Arc<dyn Initializer>>,
    pub(crate) layout: Layout,
    pub(crate) allow_deferred: bool,
    pub(crate) tags: BTreeSet<Box<str>>,
    pub(crate) life: Life,
    pub(crate) provenance: Option<Provenance>,
    /// The version at which it has the value that `provenance` tells of.
    pub(crate) initial: Option<u64>,
}

impl State {
    /// Whether nothing has edited the initial value.
    pub(crate) fn is_initial(&self) -> bool {
        match &self.life {
            Life::Ready(ready) => self.initial == Some(ready.version()),
            _ => false,
        }
    }
}
