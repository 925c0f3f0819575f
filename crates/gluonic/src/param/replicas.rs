//! A parameter on several contexts: one value, a replica of it with a gradient of its own on each.

use std::sync::Arc;

use super::dict::ParameterDict;
use super::initialize::new_slot;
use super::parameter::Parameter;
use super::state::{Life, Plan, Ready, State};
use crate::array::{Buf, Cell, DType, NdArray, View, for_float};
use crate::autograd::{Slot, Track};
use crate::context::{self, Context, check_list};
use crate::cpu::elementwise::{add_into, map};
use crate::error::{Error, Result};
use crate::shape::Dims;

/// The memory of a parameter on one context.
#[derive(Clone, Debug)]
pub(crate) struct Replica {
    pub(crate) cell: Arc<Cell>,
    /// None while `grad_req` is null.
    pub(crate) slot: Option<Arc<Slot>>,
}

impl Replica {
    pub(super) fn is(&self, other: &Replica) -> bool {
        let slot = |replica: &Replica| replica.slot.as_ref().map(Arc::as_ptr);
        Arc::ptr_eq(&self.cell, &other.cell) && slot(self) == slot(other)
    }

    /// A handle on the value; under `record`, operations on it are differentiated.
    pub(super) fn data(&self, dims: &Dims) -> NdArray {
        let track = self.slot.as_ref().map_or(Track::None, |slot| Track::Leaf(slot.clone()));
        NdArray::on(self.cell.clone(), View::new(dims.clone()), track)
    }

    /// The value and the gradient in another element type, in new memory.
    pub(super) fn copy_as(&self, dtype: DType) -> Result<Replica> {
        let slot = match &self.slot {
            Some(slot) if dtype.is_float() => Some(Arc::new(slot.copy_as(dtype)?)),
            _ => None,
        };
        Ok(Replica { cell: Arc::new(self.cell.copy_as(dtype)?), slot })
    }

    pub(super) fn refuse_own_edit(&self) -> Result<()> {
        self.cell.refuse_own_edit()?;
        self.slot.as_ref().map_or(Ok(()), |slot| slot.cell.refuse_own_edit())
    }
}

impl Ready {
    /// A value on some contexts, with gradients of zeros. Nothing is copied before an edit.
    pub(super) fn new(state: &State, value: &Arc<Buf>, dims: Dims, contexts: &[Context]) -> Ready {
        let replica = |context: &Context| {
            let cell = Cell::on(*context, value.clone());
            Replica { slot: new_slot(state, &cell), cell: Arc::new(cell) }
        };
        let (first, rest) = contexts.split_first().expect("`check_list` has refused an empty list");
        Ready { first: replica(first), rest: rest.iter().map(replica).collect(), dims }
    }

    /// All replicas, in the order of the contexts.
    pub(crate) fn replicas(&self) -> impl Iterator<Item = &Replica> + Clone {
        std::iter::once(&self.first).chain(&self.rest)
    }

    pub(super) fn on(&self, context: Context) -> Option<&Replica> {
        self.replicas().find(|replica| replica.cell.context() == context)
    }

    /// The replica on the current context, or the only one there is.
    #[inline]
    pub(super) fn here(&self) -> Option<&Replica> {
        if self.rest.is_empty() { Some(&self.first) } else { self.on(context::current()) }
    }

    pub(super) fn contexts(&self) -> Box<[Context]> {
        self.replicas().map(|replica| replica.cell.context()).collect()
    }

    /// Counts the edits of all replicas.
    pub(super) fn version(&self) -> u64 {
        self.replicas().map(|replica| replica.cell.version()).sum()
    }

    /// Copies another value's elements into every replica.
    pub(super) fn assign(&self, value: &NdArray) -> Result<()> {
        let own = |replica: &Replica| {
            NdArray::on(replica.cell.clone(), View::new(self.dims.clone()), Track::None)
        };
        if self.rest.is_empty() {
            return own(&self.first).assign(value);
        }
        self.replicas().try_for_each(|replica| replica.cell.refuse_own_edit())?;
        // As it is now: it may be a part of one of the replicas.
        let value = value.cast(self.first.cell.dtype())?;
        self.replicas().try_for_each(|replica| own(replica).assign(&value))
    }

    /// The value of every replica, if they do not have the same bits.
    fn apart(&self) -> Result<Option<Vec<Arc<Buf>>>> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let bufs = self.replicas().map(|replica| replica.cell.snapshot());
        let bufs = bufs.collect::<Result<Vec<_>>>()?;
        let same = |other: &Arc<Buf>| Arc::ptr_eq(&bufs[0], other) || bufs[0].has_bits_of(other);
        Ok(if bufs.iter().all(same) { None } else { Some(bufs) })
    }

    /// The one value of all replicas: the first one if all have the same bits, else their mean.
    fn value(&self) -> Result<NdArray> {
        let Some(bufs) = self.apart()? else {
            let view = View::new(self.dims.clone());
            return Ok(NdArray::on(self.first.cell.clone(), view, Track::None));
        };
        let mean = mean(&bufs, self.first.cell.dtype());
        Ok(NdArray::from_buf_on(self.first.cell.context(), mean, self.dims.clone()))
    }
}

/// The mean of values, which are added in their order: in the compute type, of integers in `f64`.
fn mean(bufs: &[Arc<Buf>], dtype: DType) -> Buf {
    let compute = dtype.compute().unwrap_or(DType::F64);
    let mut sum = Buf::zeros(compute, bufs[0].len());
    for_float!(compute, T => {
        for buf in bufs {
            add_into(sum.slice_mut::<T>(), buf.convert(compute).slice());
        }
        let mean = Buf::new::<T>(sum.len(), |out| map(out, sum.slice(), |sum| sum / bufs.len() as T));
        mean.convert(dtype)
    })
}

impl Parameter {
    /// Its memory, if it has a value.
    pub(crate) fn memory(&self) -> Option<Ready> {
        match &self.state().life {
            Life::Ready(ready) => Some(ready.clone()),
            _ => None,
        }
    }

    /// Its memory, or why there is none.
    pub(crate) fn ready(&self) -> Result<Ready> {
        let state = self.state();
        match &state.life {
            Life::Ready(ready) => Ok(ready.clone()),
            _ => Err(self.missing(state)),
        }
    }

    pub(super) fn not_on(&self, context: Context, ready: &Ready) -> Error {
        Error::NotOnContext { name: self.name().clone(), context, contexts: ready.contexts() }
    }

    /// The one value of all replicas, for files and snapshots: the parameter's own memory if it has
    /// one replica or all have the same bits, else their mean, as in Gluon.
    pub(crate) fn value(&self) -> Result<NdArray> {
        self.ready()?.value().map_err(|error| error.at(self.name()))
    }

    /// The value of every replica, if they do not have the same bits; else none.
    pub(super) fn apart(&self) -> Result<Vec<Arc<Buf>>> {
        let apart = self.ready()?.apart().map_err(|error| error.at(self.name()))?;
        Ok(apart.unwrap_or_default())
    }

    /// Gives each replica a value of its own, as [`Parameter::apart`] has found them; nothing if it
    /// is on another number of contexts by now.
    pub(super) fn set_apart(&self, values: &[Arc<Buf>]) -> Result<()> {
        let ready = self.ready()?;
        if ready.rest.len() + 1 != values.len() {
            return Ok(());
        }
        ready.replicas().zip(values).try_for_each(|(replica, value)| {
            let dtype = replica.cell.dtype();
            let same = value.dtype() == dtype;
            let value = if same { value.clone() } else { Arc::new(value.convert(dtype)) };
            replica.cell.edit()?.replace(value);
            Ok(())
        })
    }

    /// Refuses to go on inside an edit of the value by the same thread.
    pub(crate) fn refuse_own_edit_of_value(&self) -> Result<()> {
        let Some(ready) = self.memory() else { return Ok(()) };
        let refused = ready.replicas().try_for_each(|replica| replica.cell.refuse_own_edit());
        refused.map_err(|error| error.at(self.name()))
    }

    /// The contexts that it has a replica on, in their order; those that it will have while its
    /// initialization waits.
    ///
    /// # Errors
    /// [`Error::Uninitialized`] before `initialize`.
    ///
    /// # Examples
    /// ```
    /// use gluonic::{Context, Parameter};
    /// let weight = Parameter::new("weight", (2, 3));
    /// weight.initialize_on(&[Context::cpu(0), Context::cpu(1)])?;
    /// assert_eq!(weight.list_ctx()?, [Context::cpu(0), Context::cpu(1)]);
    /// let error = weight.data_on(Context::cpu(2)).unwrap_err();
    /// assert_eq!(error.to_string(), "parameter `weight` is not on cpu(2) but on [cpu(0), cpu(1)]");
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// MXNet 1.9.1, `gluon/parameter.py`, `Parameter.list_ctx`.
    pub fn list_ctx(&self) -> Result<Vec<Context>> {
        match &self.state().life {
            Life::Ready(ready) => Ok(ready.contexts().into()),
            Life::Deferred(plan) => Ok(plan.contexts.to_vec()),
            Life::Declared => Err(Error::Uninitialized { name: self.name().clone() }),
        }
    }

    /// The value on every context, in their order: see [`Parameter::data`].
    ///
    /// # Errors
    /// [`Error::Uninitialized`] before `initialize`, [`Error::Deferred`] before the first forward.
    pub fn list_data(&self) -> Result<Vec<NdArray>> {
        let ready = self.ready()?;
        Ok(ready.replicas().map(|replica| replica.data(&ready.dims)).collect())
    }

    /// The gradient on every context, in their order: see [`Parameter::grad`].
    ///
    /// # Errors
    /// As [`Parameter::grad`], but for the context.
    pub fn list_grad(&self) -> Result<Vec<NdArray>> {
        self.own_slot(|ready| Some(&ready.first))?;
        let ready = self.ready()?;
        let slots = ready.replicas().filter_map(|replica| replica.slot.as_ref());
        let grad = |slot: &Arc<Slot>| {
            NdArray::on(slot.cell.clone(), View::new(ready.dims.clone()), Track::None)
        };
        Ok(slots.map(grad).collect())
    }

    /// The value on a context: see [`Parameter::data`].
    ///
    /// # Errors
    /// [`Error::NotOnContext`] if it is not there; else as [`Parameter::list_data`].
    pub fn data_on(&self, context: Context) -> Result<NdArray> {
        let ready = self.ready()?;
        let replica = ready.on(context).ok_or_else(|| self.not_on(context, &ready))?;
        Ok(replica.data(&ready.dims))
    }

    /// The gradient on a context: see [`Parameter::grad`].
    ///
    /// # Errors
    /// [`Error::NotOnContext`] if it is not there; else as [`Parameter::list_grad`].
    pub fn grad_on(&self, context: Context) -> Result<NdArray> {
        let (slot, dims) =
            self.own_slot(|ready| ready.on(context)).map_err(|error| match error {
                Error::NotOnContext { name, contexts, .. } => {
                    Error::NotOnContext { name, context, contexts }
                }
                error => error,
            })?;
        Ok(NdArray::on(slot.cell.clone(), View::new(dims), Track::None))
    }

    /// Moves it to other contexts, in new memory: earlier array handles keep the old. The value
    /// stays, and if the replicas differ, as running statistics do, it is their mean; gradients are
    /// 0. While its initialization waits, it will be made there.
    ///
    /// # Errors
    /// [`Error::Uninitialized`] before `initialize`; [`Error::Setting`] if there is no context, or
    /// one is named twice; [`Error::BeingEdited`] inside an edit by the same thread. Then nothing
    /// has changed.
    ///
    /// # Examples
    /// ```
    /// use gluonic::{Context, Parameter};
    /// let weight = Parameter::new("weight", 2);
    /// weight.initialize()?;
    /// weight.data()?.fill(7.0)?;
    /// weight.reset_ctx(&[Context::cpu(1), Context::cpu(2)])?;
    /// assert_eq!(weight.data_on(Context::cpu(2))?.to_vec::<f32>()?, [7.0; 2]);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// MXNet 1.9.1, `gluon/parameter.py`, `Parameter.reset_ctx`.
    pub fn reset_ctx(&self, contexts: &[Context]) -> Result<()> {
        check_list(contexts)?;
        // Values are read without the parameter's lock: whoever edits them at the same time may be
        // asking the parameter something.
        loop {
            let life = self.state().life.clone();
            let value = match &life {
                Life::Ready(ready) => Some(ready.value().and_then(|value| value.cell.snapshot())),
                _ => None,
            };
            let value = value.transpose().map_err(|error| error.at(self.name()))?;
            let mut state = self.state_mut();
            match (&state.life, &life, value) {
                (Life::Declared, ..) => {
                    return Err(Error::Uninitialized { name: self.name().clone() });
                }
                (Life::Deferred(plan), ..) => {
                    let plan = Plan { contexts: contexts.into(), ..(**plan).clone() };
                    state.life = Life::Deferred(Arc::new(plan));
                }
                (Life::Ready(now), Life::Ready(then), Some(value)) if now.is(then) => {
                    let is_initial = state.is_initial();
                    now.retire();
                    let ready = Ready::new(&state, &value, now.dims.clone(), contexts);
                    state.initial = is_initial.then(|| ready.version());
                    state.life = Life::Ready(ready);
                }
                (Life::Ready(_), ..) => continue,
            }
            return Ok(());
        }
    }
}

impl ParameterDict {
    /// Initializes all on some contexts: as [`ParameterDict::initialize`].
    ///
    /// # Errors
    /// As [`ParameterDict::initialize_with`]; [`Error::Setting`] if there is no context, or one is
    /// named twice.
    pub fn initialize_on(&self, contexts: &[Context]) -> Result<()> {
        self.initialize_opts(&super::InitOptions::on(contexts))
    }

    /// The contexts of all, each once, in the order in which they come.
    ///
    /// # Errors
    /// As [`Parameter::list_ctx`], for the first that is not initialized.
    pub fn list_ctx(&self) -> Result<Vec<Context>> {
        let mut all = Vec::new();
        for parameter in self {
            let contexts = parameter.list_ctx()?;
            all.extend(
                contexts.into_iter().filter(|context| !all.contains(context)).collect::<Vec<_>>(),
            );
        }
        Ok(all)
    }

    /// Moves all to other contexts: see [`Parameter::reset_ctx`].
    ///
    /// # Errors
    /// As [`Parameter::reset_ctx`], for the first that fails. Then none has changed.
    pub fn reset_ctx(&self, contexts: &[Context]) -> Result<()> {
        check_list(contexts)?;
        for parameter in self {
            parameter.list_ctx()?;
            parameter.refuse_own_edit()?;
        }
        self.iter().try_for_each(|parameter| parameter.reset_ctx(contexts))
    }
}
