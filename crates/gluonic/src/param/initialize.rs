//! How a parameter comes by its value: now, or when its shape is known.
//!
//! A change of many parameters has two halves: [`Parameter::stage`] does everything that can fail,
//! [`Staged::commit`] what cannot, so that a failure changes nothing.

use std::sync::Arc;

use super::infer::learn;
use super::parameter::Parameter;
use super::replicas::Replica;
use super::state::{Group, Life, Origin, Plan, Provenance, Ready, State};
use crate::array::{Buf, Cell, NdArray, shapes_only};
use crate::autograd::{GradReq, Slot};
use crate::context::{self, Context, check_list};
use crate::error::{Error, Result, UnknownShape};
use crate::init::{InitDesc, Initializer, Reinit, default_initializer, sample};
use crate::random::{Address, next_key};
use crate::shape::{Dims, Shape};

/// A value that is ready to be taken over by a parameter: everything that can fail has happened.
pub(crate) struct Staged {
    parameter: Parameter,
    change: Change,
}

enum Change {
    Nothing,
    /// The parameter has a value and keeps it, with a warning.
    Keep,
    Defer(Plan),
    Value {
        value: NdArray,
        origin: Option<Origin>,
        /// Whether the gradient becomes 0: after a new initial value, not after a load.
        restart: bool,
        /// Where it is to be.
        contexts: Box<[Context]>,
    },
    /// The value of a deferred parameter, drawn by a plan that must still be the parameter's.
    Finish(Arc<Plan>, NdArray, Option<Provenance>),
    Shape(Shape),
}

impl Parameter {
    /// Gives it a value by its own initializer, else by the default one; if it has one, a warning.
    ///
    /// # Errors
    /// As [`Parameter::initialize_with`].
    pub fn initialize(&self) -> Result<()> {
        self.initialize_as(None, Reinit::Keep)
    }

    /// Gives it a value by an initializer, which wins over its own.
    ///
    /// # Randomness
    /// The address is the next key of the process and the parameter's name.
    ///
    /// # Errors
    /// [`Error::UnknownShape`] if a size is not known and initialization cannot be deferred; what
    /// the initializer returns. Then nothing has changed.
    pub fn initialize_with(&self, init: &dyn Initializer, reinit: Reinit) -> Result<()> {
        self.initialize_as(Some(init.clone_initializer()), reinit)
    }

    /// Gives it a value again by its own initializer, else by the default one, in place.
    ///
    /// # Errors
    /// As [`Parameter::initialize_with`].
    pub fn reinitialize(&self) -> Result<()> {
        self.initialize_as(None, Reinit::Force)
    }

    /// Gives it a value on some contexts, the same on each, by its own initializer, else by the
    /// default one. It is drawn once. If it has a value, a warning, and it stays where it is.
    ///
    /// # Memory
    /// One value until one of the replicas is edited; a gradient for each.
    ///
    /// # Errors
    /// As [`Parameter::initialize_with`]; [`Error::Setting`] if there is no context, or one is named
    /// twice.
    pub fn initialize_on(&self, contexts: &[Context]) -> Result<()> {
        check_list(contexts)?;
        let address = Address::new(next_key(), &**self.name());
        let default = default_initializer();
        self.stage(None, &default, address, Reinit::Keep, Some(contexts))?.commit()
    }

    fn initialize_as(&self, init: Option<Arc<dyn Initializer>>, reinit: Reinit) -> Result<()> {
        let address = Address::new(next_key(), &**self.name());
        self.stage(init, &default_initializer(), address, reinit, None)?.commit()
    }

    /// Everything of an initialization that can fail.
    pub(crate) fn stage(
        &self,
        explicit: Option<Arc<dyn Initializer>>,
        default: &Arc<dyn Initializer>,
        address: Address,
        reinit: Reinit,
        contexts: Option<&[Context]>,
    ) -> Result<Staged> {
        let state = self.state();
        let staged = |change| Ok(Staged { parameter: self.clone(), change });
        if let Life::Ready(ready) = &state.life {
            if reinit == Reinit::Keep {
                return staged(Change::Keep);
            }
            let refused = { ready.replicas() }.try_for_each(Replica::refuse_own_edit);
            refused.map_err(|error| error.at(self.name()))?;
        }
        let contexts = contexts.map_or_else(|| state.contexts(), Into::into);
        let init = explicit.or_else(|| state.init.clone()).unwrap_or_else(|| default.clone());
        let plan = Plan { init, address, pending: None, contexts, group: None };
        let dims = match &state.shape {
            Some(shape) => shape.dims(),
            None => None,
        };
        let Some(dims) = dims else {
            if state.allow_deferred {
                return staged(Change::Defer(plan));
            }
            let shape = UnknownShape(state.shape.clone());
            return Err(Error::UnknownShape { name: self.name().clone(), shape });
        };
        let desc = self.init_desc(&state, dims, &plan.address);
        // The initializer is a user's code: it may look at this parameter.
        drop(state);
        let (value, provenance) = draw(&plan, &desc)?;
        let origin = Some(Origin { provenance, initial: true });
        staged(Change::Value { value, origin, restart: true, contexts: plan.contexts })
    }

    fn init_desc(&self, state: &State, dims: Dims, address: &Address) -> InitDesc {
        InitDesc {
            name: self.name().clone(),
            path: address.path().into(),
            dims,
            dtype: state.dtype,
            layout: state.layout,
        }
    }

    /// A value that replaces the parameter's, and where it came from, if that is known.
    pub(crate) fn stage_value(&self, value: NdArray, origin: Option<Origin>) -> Staged {
        let contexts = self.state().contexts();
        let change = Change::Value { value, origin, restart: false, contexts };
        Staged { parameter: self.clone(), change }
    }

    /// Tells a deferred parameter its shape and draws its value: what a layer does in its first
    /// forward. If drawing fails, the shape is not learned either. Does nothing in any other state.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] if the shape contradicts what is known; [`Error::Deferred`] if it
    /// is not fully known; what the initializer returns.
    ///
    /// # Examples
    /// ```
    /// use gluonic::{Parameter, Shape};
    /// let weight = Parameter::new("weight", [Some(3), None]);
    /// weight.initialize()?;
    /// assert!(weight.data().is_err());
    /// weight.finish_deferred((3, 2))?;
    /// assert_eq!(weight.data()?.dims().to_string(), "(3, 2)");
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    pub fn finish_deferred(&self, shape: impl Into<Shape>) -> Result<()> {
        let shape = &shape.into();
        if shapes_only() {
            return learn(self, shape);
        }
        if !self.is_deferred() {
            return Ok(());
        }
        self.stage_shape(shape)?.commit()
    }

    /// Everything of learning a shape that can fail. Does nothing to a parameter that has a value.
    pub(super) fn stage_shape(&self, shape: &Shape) -> Result<Staged> {
        let staged = |change| Ok(Staged { parameter: self.clone(), change });
        let state = self.state();
        if let Life::Ready(_) = &state.life {
            return staged(Change::Nothing);
        }
        self.check_refines(&state, shape)?;
        let Life::Deferred(plan) = &state.life else { return staged(Change::Shape(shape.clone())) };
        let plan = plan.clone();
        let Some(dims) = shape.dims() else {
            return Err(self.missing(state));
        };
        let desc = self.init_desc(&state, dims, &plan.address);
        drop(state);
        let (value, provenance) = match &plan.pending {
            Some(pending) => (pending.clone(), None),
            None => draw(&plan, &desc).map(|(value, provenance)| (value, Some(provenance)))?,
        };
        staged(Change::Finish(plan, value, provenance))
    }
}

impl State {
    /// Where a value will be if nobody says otherwise: where it is, or where it was to be, else on
    /// the current context.
    fn contexts(&self) -> Box<[Context]> {
        match &self.life {
            Life::Ready(ready) => ready.contexts(),
            Life::Deferred(plan) => plan.contexts.clone(),
            Life::Declared => [context::current()].into(),
        }
    }
}

/// Takes over an array nobody else has a handle on.
fn become_ready(
    state: &mut State,
    value: NdArray,
    origin: Option<Origin>,
    contexts: &[Context],
) -> Result<()> {
    let exact = value.dtype() == state.dtype;
    let value = if exact { value } else { value.cast(state.dtype)?.detach() };
    let is_initial = exact && origin.as_ref().is_some_and(|origin| origin.initial);
    state.shape = Some(value.dims().into());
    let ready = Ready::new(state, &value.cell.snapshot()?, value.dims().clone(), contexts);
    state.initial = is_initial.then(|| ready.version());
    state.provenance = origin.map(|origin| origin.provenance);
    state.life = Life::Ready(ready);
    Ok(())
}

impl Staged {
    /// Lets every deferred one among `staged` know the others.
    pub(crate) fn join(staged: &mut [Staged]) {
        let waiting = staged.iter().filter_map(|staged| match &staged.change {
            Change::Defer(plan) => Some((plan.address.path().into(), staged.parameter.downgrade())),
            _ => None,
        });
        let group = Arc::new(Group::new(waiting.collect()));
        for staged in staged {
            if let Change::Defer(plan) = &mut staged.change {
                plan.group = Some(group.clone());
            }
        }
    }

    /// Puts the value in place. In an existing parameter, into the same memory; its gradient
    /// becomes 0.
    ///
    /// # Errors
    /// [`Error::BeingEdited`], which [`Parameter::stage`] has ruled out for this thread.
    pub(crate) fn commit(self) -> Result<()> {
        let Staged { parameter, change } = self;
        match change {
            Change::Keep => {
                log::warn!(
                    "parameter `{}` is already initialized, ignoring; use Reinit::Force to \
                     initialize it again",
                    parameter.name()
                );
            }
            Change::Nothing => {}
            Change::Shape(shape) => parameter.set_shape(shape)?,
            Change::Finish(plan, value, provenance) => {
                if let Some(group) = &plan.group {
                    group.set_run();
                }
                // Two threads may have drawn the same values; the first to come here wins.
                let mut state = parameter.state_mut();
                if let Life::Deferred(current) = &state.life
                    && Arc::ptr_eq(current, &plan)
                {
                    let origin = provenance.map(|provenance| Origin { provenance, initial: true });
                    become_ready(&mut state, value, origin, &plan.contexts)?;
                }
            }
            Change::Defer(plan) => {
                let mut state = parameter.state_mut();
                state.life = Life::Deferred(Arc::new(plan));
                state.provenance = None;
            }
            Change::Value { value, origin, restart, contexts } => {
                // The cell is written without the parameter's lock: whoever edits it at the same
                // time may be asking the parameter something.
                let life = parameter.state().life.clone();
                if let Life::Ready(ready) = life
                    && (!restart || ready.contexts() == contexts)
                {
                    let version = ready.overwrite(&value, restart)?;
                    let is_initial = origin.as_ref().is_some_and(|origin| origin.initial);
                    let mut state = parameter.state_mut();
                    state.initial = version.filter(|_| is_initial);
                    state.provenance = origin.map(|origin| origin.provenance);
                    return Ok(());
                }
                let mut state = parameter.state_mut();
                if let Life::Ready(ready) = &state.life {
                    ready.retire();
                }
                become_ready(&mut state, value, origin, &contexts)?;
            }
        }
        Ok(())
    }
}

fn draw(plan: &Plan, desc: &InitDesc) -> Result<(NdArray, Provenance)> {
    let value = sample(&*plan.init, desc, &plan.address)?;
    let provenance = Provenance { address: plan.address.clone(), initializer: plan.init.dumps() };
    Ok((value, provenance))
}

/// A zeroed gradient slot, unless the state says that there is none.
pub(super) fn new_slot(state: &State, value: &Cell) -> Option<Arc<Slot>> {
    let req = state.grad_req();
    if req == GradReq::Null || !state.dtype.is_float() {
        return None;
    }
    if state.sparse_grad {
        let sizes = state.shape.as_ref().and_then(Shape::dims);
        let width = sizes.as_ref().and_then(|sizes| sizes.get(1..)).unwrap_or_default();
        return Some(Arc::new(Slot::of_rows(req, value, width.iter().product())));
    }
    let zeros = Buf::zeros(state.dtype, value.len());
    let cell = Cell::on(value.context(), Arc::new(zeros));
    Some(Arc::new(Slot::new(req, Arc::new(cell))))
}
