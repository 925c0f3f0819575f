//! The handle [`Parameter`] and everything it can do.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};

use super::entries::hash_of;
use super::infer::{note_use, stand_in};
use super::replicas::Replica;
use super::spec::ParamSpec;
use super::state::{Group, Kind, Life, Origin, Plan, Provenance, Ready, State};
use crate::array::{DType, Element, NdArray, View, shapes_only};
use crate::autograd::{GradReq, Slot, Track};
use crate::context;
use crate::error::{Error, Result, UnknownShape};
use crate::init::{CloneInitializer, Initializer};
use crate::name::{ParamName, ParamPath};
use crate::shape::{Dims, Shape};

#[derive(Debug)]
struct Inner {
    name: ParamName,
    name_hash: u64,
    kind: Kind,
    state: RwLock<State>,
}

/// A named tensor with a gradient, an initializer and a life: see the [module](crate::param).
///
/// A cheap handle: `clone` is the same parameter, [`Parameter::deep_clone`] another one.
///
/// # Examples
/// ```
/// use gluonic::{Parameter, s};
/// let weight = Parameter::new("fc_weight", (2, 3));
/// weight.initialize()?;
/// weight.data()?.set(s![0, 0], 42.0)?;
/// assert_eq!(weight.data()?.to_vec::<f32>()?[0], 42.0);
/// assert_eq!(weight.grad()?.to_vec::<f32>()?, [0.0; 6]);
/// assert_eq!(weight.to_string(), "Parameter fc_weight (shape=(2, 3), dtype=float32)");
/// # Ok::<(), gluonic::Error>(())
/// ```
#[doc(alias = "Var", alias = "Weight")]
#[derive(Clone, Debug)]
pub struct Parameter(Arc<Inner>);

/// A handle that does not keep its parameter alive.
#[derive(Clone, Debug)]
pub(crate) struct WeakParameter(Weak<Inner>);

impl WeakParameter {
    pub(crate) fn upgrade(&self) -> Option<Parameter> {
        self.0.upgrade().map(Parameter)
    }
}

impl Parameter {
    pub(crate) fn downgrade(&self) -> WeakParameter {
        WeakParameter(Arc::downgrade(&self.0))
    }

    /// A trainable `f32` parameter. Sizes may be unknown.
    pub fn new(name: impl Into<ParamName>, shape: impl Into<Shape>) -> Self {
        Self::with_spec(name, &ParamSpec::new(shape).deferred())
    }

    /// A parameter with everything said.
    pub fn with_spec(name: impl Into<ParamName>, spec: &ParamSpec) -> Self {
        let differentiable = matches!(spec.kind, Kind::Weight | Kind::Bias);
        let grad_req = spec.grad_req.unwrap_or_default();
        let dtype = spec.dtype.unwrap_or(DType::F32);
        let state = State {
            shape: spec.shape.clone(),
            dtype,
            grad_req: if differentiable && dtype.is_float() { grad_req } else { GradReq::Null },
            frozen: false,
            sparse_grad: spec.sparse_grad,
            lr_mult: spec.lr_mult.unwrap_or(1.0),
            wd_mult: spec.wd_mult.unwrap_or(1.0),
            init: spec.init.clone(),
            layout: spec.layout,
            allow_deferred: spec.allow_deferred,
            tags: std::collections::BTreeSet::new(),
            life: Life::Declared,
            provenance: None,
            initial: None,
        };
        Self::of(name.into(), spec.kind, state)
    }

    fn of(name: ParamName, kind: Kind, state: State) -> Self {
        let name_hash = hash_of(&name);
        Parameter(Arc::new(Inner { name, name_hash, kind, state: RwLock::new(state) }))
    }

    /// A parameter that training never changes, with its value as its own initializer.
    ///
    /// # Errors
    /// [`Error::BeingEdited`] inside an edit of `value` by the same thread.
    pub fn constant(name: impl Into<ParamName>, value: &NdArray) -> Result<Self> {
        let value = value.deep_clone()?;
        let spec = ParamSpec::new(value.dims())
            .dtype(value.dtype())
            .init(&crate::init::Constant::new(&value))
            .kind(Kind::Constant);
        Ok(Self::with_spec(name, &spec))
    }

    pub(super) fn state(&self) -> RwLockReadGuard<'_, State> {
        self.0.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn state_mut(&self) -> RwLockWriteGuard<'_, State> {
        self.0.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gluon's global name.
    #[inline]
    pub fn name(&self) -> &ParamName {
        &self.0.name
    }

    pub(super) fn name_hash(&self) -> u64 {
        self.0.name_hash
    }

    /// What it is for.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// Whether both handles are on one parameter.
    pub fn ptr_eq(&self, other: &Parameter) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// A number that tells this parameter from all others alive.
    pub fn id(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// The shape as far as it is known; `None` while not even the rank is.
    pub fn shape(&self) -> Option<Shape> {
        self.state().shape.clone()
    }

    pub(crate) fn with_shape<R>(&self, read: impl FnOnce(&Option<Shape>) -> R) -> R {
        read(&self.state().shape)
    }

    /// The element type.
    pub fn dtype(&self) -> DType {
        self.state().dtype
    }

    /// What backward does to its gradient; null while it is frozen.
    pub fn grad_req(&self) -> GradReq {
        self.state().grad_req()
    }

    /// Whether its gradient is kept by rows where it can be: [`ParamSpec::sparse_grad`].
    #[doc(alias = "grad_stype")]
    pub fn sparse_grad(&self) -> bool {
        self.state().sparse_grad
    }

    /// The factor on the learning rate.
    pub fn lr_mult(&self) -> f64 {
        self.state().lr_mult
    }

    /// The factor on the weight decay.
    pub fn wd_mult(&self) -> f64 {
        self.state().wd_mult
    }

    /// Its own initializer, if it has one.
    pub fn initializer(&self) -> Option<Arc<dyn Initializer>> {
        self.state().init.clone()
    }

    /// Whether it has a value.
    pub fn is_initialized(&self) -> bool {
        matches!(self.state().life, Life::Ready(_))
    }

    /// Whether its initialization waits for its shape.
    pub fn is_deferred(&self) -> bool {
        matches!(self.state().life, Life::Deferred(_))
    }

    /// The path at which its initialization waits for its shape, if it does.
    pub(crate) fn pending_path(&self) -> Option<ParamPath> {
        match &self.state().life {
            Life::Deferred(plan) => Some(plan.address.path().into()),
            _ => None,
        }
    }

    /// Where its initial value came from; `None` before it has one, or when it was loaded from
    /// what does not tell.
    pub fn provenance(&self) -> Option<Provenance> {
        self.state().provenance.clone()
    }

    /// Whether its value is still the one that [`provenance`](Parameter::provenance) tells of:
    /// nothing has edited or cast it since. Such a value can be drawn again.
    pub fn is_initial(&self) -> bool {
        self.state().is_initial()
    }

    pub(crate) fn origin(&self) -> Option<Origin> {
        let state = self.state();
        let provenance = state.provenance.clone()?;
        Some(Origin { provenance, initial: state.is_initial() })
    }

    /// Sets the factor on the learning rate.
    ///
    /// # Errors
    /// [`Error::Setting`] if it is negative or not finite.
    pub fn set_lr_mult(&self, mult: f64) -> Result<()> {
        check_mult("lr_mult", mult).map_err(|error| error.at(self.name()))?;
        self.state_mut().lr_mult = mult;
        Ok(())
    }

    /// Sets the factor on the weight decay.
    ///
    /// # Errors
    /// [`Error::Setting`] if it is negative or not finite.
    pub fn set_wd_mult(&self, mult: f64) -> Result<()> {
        check_mult("wd_mult", mult).map_err(|error| error.at(self.name()))?;
        self.state_mut().wd_mult = mult;
        Ok(())
    }

    /// Sets its own initializer, for the next `initialize`.
    pub fn set_initializer(&self, init: Option<&dyn Initializer>) {
        self.state_mut().init = init.map(CloneInitializer::clone_initializer);
    }

    /// Adds a tag, a word of the user's.
    pub fn tag(&self, tag: &str) {
        self.state_mut().tags.insert(tag.into());
    }

    /// Takes a tag away; whether it was there.
    pub fn untag(&self, tag: &str) -> bool {
        self.state_mut().tags.remove(tag)
    }

    pub(crate) fn has_tag(&self, tag: &str) -> bool {
        self.state().tags.contains(tag)
    }

    /// Its tags, sorted.
    pub fn tags(&self) -> Vec<Box<str>> {
        self.state().tags.iter().cloned().collect()
    }

    /// The error of a parameter whose shape, known so far as `shape`, a forward has to tell.
    pub(super) fn waits(&self, shape: &Shape) -> Error {
        let pending = Box::default();
        Error::Deferred { name: self.name().clone(), shape: shape.clone(), pending, ran: false }
    }

    /// Why there is no value in a state that was read. Lets the lock go, since the other parameters
    /// of the group are asked; reading the state again could find that another thread has drawn a
    /// value meanwhile.
    pub(super) fn missing(&self, state: RwLockReadGuard<'_, State>) -> Error {
        let (life, shape) = (state.life.clone(), state.shape.clone());
        drop(state);
        let name = self.name().clone();
        match (life, shape) {
            (Life::Deferred(plan), Some(shape)) => {
                let group = plan.group.as_deref();
                let pending = group.map(Group::pending).unwrap_or_default();
                Error::Deferred { name, shape, pending, ran: group.is_some_and(Group::has_run) }
            }
            (Life::Deferred(_), None) => Error::UnknownShape { name, shape: UnknownShape(None) },
            _ => Error::Uninitialized { name },
        }
    }

    /// The value: a handle on the parameter's own memory. Under `record`, operations on it are
    /// differentiated. Of a parameter on several contexts, the replica on the
    /// [current](crate::context::current) one.
    ///
    /// # Errors
    /// [`Error::Uninitialized`] before `initialize`, [`Error::Deferred`] before the first forward;
    /// [`Error::NotOnContext`] if it is on several contexts, but not on the current one.
    pub fn data(&self) -> Result<NdArray> {
        let is_stand_in = shapes_only();
        if is_stand_in {
            note_use(self);
        }
        let state = self.state();
        let Life::Ready(ready) = &state.life else {
            return if is_stand_in { stand_in(self, state) } else { Err(self.missing(state)) };
        };
        match ready.here() {
            Some(replica) => Ok(replica.data(&ready.dims)),
            // Where it is means nothing while shapes are inferred.
            None if is_stand_in => Ok(ready.first.data(&ready.dims)),
            None => Err(self.not_on(context::current(), ready)),
        }
    }

    /// The gradient: zeros before the first backward; the same memory ever after.
    ///
    /// # Memory
    /// One that is kept by rows ([`ParamSpec::sparse_grad`]) is made whole by each read, and stays
    /// whole after an edit until the next backward; [`Parameter::grad_rows`] reads the rows alone.
    ///
    /// # Errors
    /// [`Error::Frozen`] if it is frozen; [`Error::NoGrad`] if its `grad_req` is null; else as
    /// [`Parameter::data`].
    pub fn grad(&self) -> Result<NdArray> {
        let (slot, dims) = self.own_slot(Ready::here)?;
        Ok(NdArray::on(slot.cell.clone(), View::new(dims), Track::None))
    }

    /// The place of one replica's gradient and its sizes, or why there is none.
    pub(super) fn own_slot(
        &self,
        choose: impl FnOnce(&Ready) -> Option<&Replica>,
    ) -> Result<(Arc<Slot>, Dims)> {
        let state = self.state();
        let Life::Ready(ready) = &state.life else {
            return Err(self.missing(state));
        };
        let replica = choose(ready).ok_or_else(|| self.not_on(context::current(), ready))?;
        let Some(slot) = &replica.slot else {
            if state.frozen {
                return Err(Error::Frozen { name: self.name().clone() });
            }
            return Err(Error::NoGrad { name: Some(self.name().clone()) });
        };
        Ok((slot.clone(), ready.dims.clone()))
    }

    /// Lends the value to `edit`: see [`NdArray::edit`]. Of a parameter on several contexts, the
    /// replica on the current one alone.
    ///
    /// # Errors
    /// As [`Parameter::data`] and [`NdArray::edit`].
    pub fn edit<T: Element, R>(
        &self,
        edit: impl FnOnce(ndarray::ArrayViewMutD<'_, T>) -> R,
    ) -> Result<R> {
        self.data()?.edit(edit).map_err(|error| error.at(self.name()))
    }

    /// Says more about the shape.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] if it contradicts what is known, or says less.
    pub fn set_shape(&self, shape: impl Into<Shape>) -> Result<()> {
        let shape = shape.into();
        let mut state = self.state_mut();
        self.check_refines(&state, &shape)?;
        state.shape = Some(shape);
        Ok(())
    }

    pub(super) fn check_refines(&self, state: &State, shape: &Shape) -> Result<()> {
        match &state.shape {
            Some(known) if !shape.refines(known) => Err(Error::ShapeMismatch {
                name: self.name().clone(),
                expected: known.clone(),
                found: shape.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// Replaces the value on all contexts, in place, converted to the parameter's element type.
    /// Allowed at any time, inside `record` too: what was recorded keeps the old value. For a
    /// deferred parameter the value wins over the initializer when the first forward comes.
    ///
    /// # Errors
    /// [`Error::Uninitialized`] before `initialize`; [`Error::ShapeMismatch`] if the sizes differ.
    /// Then nothing has changed.
    pub fn set_data(&self, value: &NdArray) -> Result<()> {
        if shapes_only() {
            return self.check_refines(&self.state(), &value.dims().into());
        }
        // Before the lock is taken: whoever edits `value` may be asking this parameter something.
        let pending =
            if self.is_deferred() { Some(value.cast(self.dtype())?.detach()) } else { None };
        let mut state = self.state_mut();
        let shape = Shape::from(value.dims());
        match &state.life {
            Life::Declared => return Err(Error::Uninitialized { name: self.name().clone() }),
            Life::Ready(ready) => {
                self.check_refines(&state, &shape)?;
                let ready = ready.clone();
                drop(state);
                return ready.assign(value).map_err(|error| error.at(self.name()));
            }
            Life::Deferred(plan) => {
                self.check_refines(&state, &shape)?;
                state.life = Life::Deferred(Arc::new(Plan { pending, ..(**plan).clone() }));
            }
        }
        state.shape = Some(shape);
        Ok(())
    }

    /// Changes what backward does. Any change among `write`, `add` and `null` starts the gradient
    /// over at zeros; statistics and constants stay at `null`. While the parameter is frozen, it
    /// is what unfreezing will restore.
    pub fn set_grad_req(&self, req: GradReq) {
        if !matches!(self.kind(), Kind::Weight | Kind::Bias) {
            if req != GradReq::Null {
                log::warn!(
                    "{} parameter `{}` does not support grad_req other than null: {req} is ignored",
                    self.kind(),
                    self.name()
                );
            }
            return;
        }
        let mut state = self.state_mut();
        if state.grad_req == req || !state.dtype.is_float() {
            return;
        }
        state.grad_req = req;
        state.renew_slot();
    }

    /// Sets the gradient to zeros, on all contexts. Does nothing when there is none.
    ///
    /// # Errors
    /// [`Error::BeingEdited`] inside an edit of the gradient by the same thread.
    pub fn zero_grad(&self) -> Result<()> {
        let Some(ready) = self.memory() else { return Ok(()) };
        let mut slots = ready.replicas().filter_map(|replica| replica.slot.as_ref());
        slots.clone().try_for_each(|slot| slot.cell.refuse_own_edit())?;
        slots.try_for_each(|slot| {
            if slot.takes_rows() && !shapes_only() {
                return slot.clear();
            }
            let view = View::new(ready.dims.clone());
            NdArray::on(slot.cell.clone(), view, Track::None).fill(0.0)
        })
    }

    /// Changes the element type of value and gradient. A ready parameter gets new memory: earlier
    /// array handles keep the old.
    ///
    /// # Errors
    /// [`Error::BeingEdited`] inside an edit by the same thread.
    pub fn cast(&self, dtype: DType) -> Result<()> {
        // Values are converted without the parameter's lock: whoever edits them at the same time
        // may be asking the parameter something.
        loop {
            let life = self.state().life.clone();
            let converted = match &life {
                Life::Ready(ready) => {
                    Some(ready.convert(dtype).map_err(|error| error.at(self.name()))?)
                }
                _ => None,
            };
            let mut state = self.state_mut();
            if state.dtype == dtype {
                return Ok(());
            }
            match (&state.life, &life, converted) {
                (Life::Ready(now), Life::Ready(then), Some(converted)) if now.is(then) => {
                    state.life = Life::Ready(converted);
                    state.initial = None;
                }
                (Life::Ready(_), _, _) => continue,
                _ => {}
            }
            state.dtype = dtype;
            if !dtype.is_float() {
                state.grad_req = GradReq::Null;
            }
            return Ok(());
        }
    }

    /// Another parameter with the same name, attributes, value and gradient.
    ///
    /// # Errors
    /// [`Error::BeingEdited`] inside an edit by the same thread.
    pub fn deep_clone(&self) -> Result<Parameter> {
        let mut state = self.state().clone();
        let is_initial = state.is_initial();
        if let Life::Ready(ready) = &mut state.life {
            *ready = ready.convert(state.dtype)?;
            let slots = ready.replicas().filter_map(|replica| replica.slot.as_ref());
            slots.for_each(|slot| slot.set_fresh(false));
            state.initial = is_initial.then(|| ready.version());
        }
        Ok(Self::of(self.name().clone(), self.kind(), state))
    }

    /// Compares with what another layer asks for, and learns from it what was not known.
    pub(crate) fn unify(&self, spec: &ParamSpec) -> Result<()> {
        // What initializers say of themselves is code of users: it runs before anything is locked.
        let known = self.state().init.clone();
        let clashing = known.zip(spec.init.as_ref()).and_then(|(known, wanted)| {
            let (known, wanted) = (known.dumps(), wanted.dumps());
            (known != wanted).then_some((wanted, known))
        });
        let mut state = self.state_mut();
        let clash = |attribute: &'static str, expected: String, found: String| Error::Attribute {
            name: self.name().clone(),
            attribute,
            mismatch: Box::new(crate::error::Mismatch {
                expected: expected.into(),
                found: found.into(),
            }),
        };
        let shape = match (&state.shape, &spec.shape) {
            (Some(known), Some(wanted)) => Some(
                known
                    .merge(wanted)
                    .ok_or_else(|| clash("shape", wanted.to_string(), known.to_string()))?,
            ),
            (known, wanted) => known.clone().or_else(|| wanted.clone()),
        };
        if let Some(dtype) = spec.dtype.filter(|dtype| *dtype != state.dtype) {
            return Err(clash("dtype", dtype.to_string(), state.dtype.to_string()));
        }
        if let Some(req) = spec.grad_req.filter(|req| *req != state.grad_req) {
            return Err(clash("grad_req", req.to_string(), state.grad_req.to_string()));
        }
        if spec.sparse_grad && !state.sparse_grad {
            return Err(clash("sparse_grad", true.to_string(), false.to_string()));
        }
        for (attribute, wanted, known) in
            [("lr_mult", spec.lr_mult, state.lr_mult), ("wd_mult", spec.wd_mult, state.wd_mult)]
        {
            if let Some(wanted) = wanted.filter(|wanted| *wanted != known) {
                return Err(clash(attribute, wanted.to_string(), known.to_string()));
            }
        }
        if let Some((wanted, known)) = clashing {
            return Err(clash("init", wanted, known));
        }
        state.shape = shape;
        if state.init.is_none() {
            state.init.clone_from(&spec.init);
        }
        Ok(())
    }
}

fn check_mult(setting: &'static str, mult: f64) -> Result<()> {
    if mult.is_finite() && mult >= 0.0 {
        return Ok(());
    }
    Err(Error::Setting {
        setting,
        expected: "finite and not negative",
        found: mult.to_string().into(),
    })
}
