//! What a parameter knows about itself.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::array::{Cell, DType, NdArray};
use crate::autograd::{GradReq, Slot};
use crate::init::Initializer;
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

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.initializer, self.address)
    }
}

/// How a parameter will get its value, fixed when `initialize` was called.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) init: Arc<dyn Initializer>,
    pub(crate) address: Address,
    /// A value that was set before the shape was known: it wins over the initializer.
    pub(crate) pending: Option<NdArray>,
}

/// The memory of a parameter that has a value.
#[derive(Clone, Debug)]
pub(crate) struct Ready {
    pub(crate) cell: Arc<Cell>,
    pub(crate) dims: Dims,
    /// None while grad_req is null.
    pub(crate) slot: Option<Arc<Slot>>,
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
    pub(crate) grad_req: GradReq,
    pub(crate) lr_mult: f64,
    pub(crate) wd_mult: f64,
    pub(crate) init: Option<Arc<dyn Initializer>>,
    pub(crate) allow_deferred: bool,
    pub(crate) tags: BTreeSet<Box<str>>,
    pub(crate) life: Life,
    pub(crate) provenance: Option<Provenance>,
}
