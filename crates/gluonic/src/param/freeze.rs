//! Freezing: a parameter that training leaves as it is, at no cost.

use std::sync::Arc;

use super::initialize::new_slot;
use super::parameter::Parameter;
use super::replicas::Replica;
use super::state::{Life, Ready, State};
use crate::array::Cell;
use crate::autograd::{GradReq, Slot};
use crate::error::Result;
use crate::shape::Dims;

/// The memory of a parameter that is trained, and its factors.
#[derive(Debug)]
pub(crate) struct Training {
    pub(crate) cell: Arc<Cell>,
    pub(crate) dims: Dims,
    pub(crate) slot: Arc<Slot>,
    /// The memory on further contexts; all have gradients.
    pub(crate) rest: Box<[Replica]>,
    pub(crate) lr_mult: f64,
    pub(crate) wd_mult: f64,
}

impl Training {
    /// The gradients of all replicas, in the order of the contexts.
    pub(crate) fn slots(&self) -> impl Iterator<Item = &Slot> + Clone {
        let rest = self.rest.iter().filter_map(|replica| replica.slot.as_deref());
        std::iter::once(&*self.slot).chain(rest)
    }

    /// Whether it is on several contexts and a backward has written a gradient that has not been
    /// summed over them yet.
    pub(crate) fn is_open(&self) -> bool {
        let is_open = |slot: &Slot| slot.is_fresh() && !slot.is_summed();
        !self.rest.is_empty() && self.slots().any(is_open)
    }
}

impl State {
    /// What backward does, which is nothing while the parameter is frozen.
    pub(super) fn grad_req(&self) -> GradReq {
        if self.frozen { GradReq::Null } else { self.grad_req }
    }

    /// Makes the gradient what `grad_req` says, at zeros.
    pub(super) fn renew_slot(&mut self) {
        let Life::Ready(ready) = &self.life else { return };
        ready.retire();
        let renewed = |replica: &Replica| Replica {
            cell: replica.cell.clone(),
            slot: new_slot(self, &replica.cell),
        };
        let (first, rest) = (renewed(&ready.first), ready.rest.iter().map(renewed).collect());
        self.life = Life::Ready(Ready { first, rest, dims: ready.dims.clone() });
    }
}

impl Ready {
    /// Takes the gradients out of use: a graph that was recorded before holds their slots, and
    /// nothing is to go there any more.
    pub(super) fn retire(&self) {
        let slots = self.replicas().filter_map(|replica| replica.slot.as_ref());
        slots.for_each(|slot| slot.set_req(GradReq::Null));
    }
}

impl Parameter {
    /// Freezes it: training leaves it as it is, and it costs training nothing. Returns whether it
    /// was not frozen before.
    ///
    /// Until [`Parameter::unfreeze`] it has no gradient, whatever its `grad_req`: backward computes
    /// none for it, also in a graph that was recorded before, and a trainer passes it over. A
    /// frozen statistic stays as it is in training too. Initializing, loading, editing and casting
    /// work as ever, and leave it frozen.
    ///
    /// # Memory
    /// Its gradient's memory is given back.
    ///
    /// # Examples
    /// ```
    /// use gluonic::{Parameter, autograd::GradReq};
    /// let weight = Parameter::new("fc_weight", (2, 3));
    /// weight.initialize()?;
    /// assert!(weight.freeze());
    /// assert_eq!(weight.grad_req(), GradReq::Null);
    /// assert_eq!(weight.grad().unwrap_err().hint().unwrap(), "call `unfreeze` on it first");
    /// assert!(weight.unfreeze());
    /// assert_eq!(weight.grad()?.to_vec::<f32>()?, [0.0; 6]);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    #[doc(alias = "requires_grad", alias = "requires_grad_")]
    pub fn freeze(&self) -> bool {
        self.set_frozen(true)
    }

    /// Lets training change it again, by the `grad_req` that it had or was given since; the
    /// gradient starts at zeros. Returns whether it was frozen.
    pub fn unfreeze(&self) -> bool {
        self.set_frozen(false)
    }

    fn set_frozen(&self, frozen: bool) -> bool {
        let mut state = self.state_mut();
        if state.frozen == frozen {
            return false;
        }
        state.frozen = frozen;
        state.renew_slot();
        true
    }

    /// Whether it is frozen.
    pub fn is_frozen(&self) -> bool {
        self.state().frozen
    }

    /// Refuses to go on inside an edit of the value or the gradient by the same thread.
    pub(crate) fn refuse_own_edit(&self) -> Result<()> {
        let Some(ready) = self.memory() else { return Ok(()) };
        let refused = { ready.replicas() }.try_for_each(Replica::refuse_own_edit);
        refused.map_err(|error| error.at(self.name()))
    }

    /// What a trainer needs to change it; `None` if it is frozen or has no gradient.
    ///
    /// # Errors
    /// As [`Parameter::data`] if it has no value and is not frozen; [`Error::BeingEdited`] inside an
    /// edit of the value or the gradient by the same thread.
    pub(crate) fn training(&self) -> Result<Option<Training>> {
        let state = self.state();
        if state.frozen {
            return Ok(None);
        }
        let Life::Ready(ready) = &state.life else {
            return Err(self.missing(state));
        };
        let Replica { cell, slot: Some(slot) } = &ready.first else { return Ok(None) };
        let refused = { ready.replicas() }.try_for_each(Replica::refuse_own_edit);
        refused.map_err(|error| error.at(self.name()))?;
        Ok(Some(Training {
            cell: cell.clone(),
            dims: ready.dims.clone(),
            slot: slot.clone(),
            rest: ready.rest.clone(),
            lr_mult: state.lr_mult,
            wd_mult: state.wd_mult,
        }))
    }
}
