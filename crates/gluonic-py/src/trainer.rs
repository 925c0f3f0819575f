//! `Trainer`: gluonic's trainer on Python's parameters.
//!
//! The rule is one of gluonic, or one that a user wrote in Python: then gluonic finds out which
//! parameters are to be updated, and Python updates them, one after another on its own thread.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};

use gluonic::error::StatesProblem;
use gluonic::optim::{self, Common, Optimizer, Schedule, Step};
use gluonic::{Error, Parameter, Result};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::array::{Dialect, wrap};
use crate::errors::{OrRaise, to_py};
use crate::optimizer::{SettingArg, setting_to_py};
use crate::parameter::Parameter as PyParameter;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Trainer>()
}

/// What Python and the rule of a trainer tell each other.
#[derive(Default)]
struct Link {
    /// Python's schedule of the learning rate, if there is one.
    scheduler: Mutex<Option<Py<PyAny>>>,
    /// What it has raised.
    raised: Mutex<Option<PyErr>>,
    /// The parameters that a rule written in Python has still to update.
    pending: Mutex<Vec<Parameter>>,
}

impl Link {
    fn scheduler(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        lock(&self.scheduler).as_ref().map(|scheduler| scheduler.clone_ref(py))
    }
}

/// Python's schedule by call-back; without one, the optimizer's own learning rate.
struct LinkedSchedule(Arc<Link>);

impl Schedule for LinkedSchedule {
    fn learning_rate(&self, base: f64, num_update: u64) -> f64 {
        Python::attach(|py| {
            // Called without the lock, which another thread may want that has the GIL.
            let Some(scheduler) = self.0.scheduler(py) else { return base };
            let rate = scheduler.bind(py).call1((num_update,)).and_then(|rate| rate.extract());
            rate.unwrap_or_else(|error| {
                *lock(&self.0.raised) = Some(error);
                f64::NAN // refused by the step, whose error is replaced by the one above
            })
        })
    }
}

/// A rule that is written in Python. It only notes what is to be updated.
struct PyRule {
    name: String,
    common: Common,
    link: Arc<Link>,
}

impl Optimizer for PyRule {
    fn name(&self) -> &str {
        &self.name
    }

    fn common(&self) -> &Common {
        &self.common
    }

    fn common_mut(&mut self) -> &mut Common {
        &mut self.common
    }

    fn update(&self, step: &mut Step<'_>) -> Result<()> {
        lock(&self.link.pending).push(step.parameter().clone());
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The part of a trainer that is gluonic's. `gluonic.gluon.Trainer` is built on it.
#[pyclass(subclass, frozen, weakref, name = "Trainer", module = "gluonic._gluonic")]
pub(crate) struct Trainer {
    inner: OnceLock<Mutex<gluonic::Trainer>>,
    link: Arc<Link>,
}

impl Trainer {
    /// The trainer, for this call alone: one that is called from its own schedule is refused.
    fn get(&self) -> PyResult<MutexGuard<'_, gluonic::Trainer>> {
        let inner = self.inner.get().ok_or_else(|| {
            PyRuntimeError::new_err("super().__init__() was not called for this Trainer")
        })?;
        match inner.try_lock() {
            Ok(trainer) => Ok(trainer),
            Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => Err(PyRuntimeError::new_err(
                "this Trainer is in the middle of a step\ncall it from one thread, and not from \
                 its own schedule",
            )),
        }
    }

    /// What a verb has returned, or what a schedule has raised inside.
    fn told<T>(&self, py: Python<'_>, result: Result<T>) -> PyResult<T> {
        match (result, lock(&self.link.raised).take()) {
            (Ok(value), _) => Ok(value),
            (Err(_), Some(raised)) => Err(raised),
            (Err(error), None) => Err(to_py(py, error)),
        }
    }
}

#[pymethods]
impl Trainer {
    #[new]
    #[pyo3(signature = (*args, **kwargs))]
    fn new(args: &Bound<'_, PyTuple>, kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        let _ = (args, kwargs); // are those of the subclass's __init__
        Trainer { inner: OnceLock::new(), link: Arc::default() }
    }

    /// Makes the trainer of these parameters, in this order. `settings` are those of a rule of
    /// gluonic; without them the rule is Python's.
    fn _begin(
        &self,
        py: Python<'_>,
        params: Vec<Bound<'_, PyParameter>>,
        rule: &str,
        settings: Option<Vec<(String, SettingArg)>>,
        begin_num_update: u64,
    ) -> PyResult<()> {
        let params = params
            .iter()
            .map(|parameter| parameter.get().get().cloned())
            .collect::<PyResult<Vec<Parameter>>>()?;
        let optimizer: Box<dyn Optimizer> = match settings {
            Some(settings) => {
                let settings: Vec<_> =
                    settings.iter().map(|(name, value)| (&**name, value.0)).collect();
                let mut optimizer = optim::create(rule, &settings).or_raise(py)?;
                let common = optimizer.common_mut();
                *common = common.clone().schedule(LinkedSchedule(self.link.clone()));
                optimizer
            }
            None => Box::new(PyRule {
                name: rule.to_owned(),
                common: Common::new(0.0).or_raise(py)?,
                link: self.link.clone(),
            }),
        };
        let trainer = gluonic::Trainer::of(&params, optimizer).or_raise(py)?;
        let trainer = trainer.starting_at(begin_num_update);
        self.inner
            .set(Mutex::new(trainer))
            .map_err(|_| PyRuntimeError::new_err("this Trainer is made already"))
    }

    /// Changes settings of a rule of gluonic.
    fn _set(&self, py: Python<'_>, settings: Vec<(String, SettingArg)>) -> PyResult<()> {
        let mut trainer = self.get()?;
        let optimizer = trainer.group_mut("rest").or_raise(py)?.optimizer_mut();
        settings
            .iter()
            .try_for_each(|(name, value)| optim::set(optimizer, name, value.0))
            .or_raise(py)
    }

    /// The settings of the rule by name.
    fn _settings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let trainer = self.get()?;
        let found = PyDict::new(py);
        for (name, value) in optim::settings(trainer.optimizer().or_raise(py)?) {
            found.set_item(name, setting_to_py(py, value)?)?;
        }
        Ok(found)
    }

    /// What gives the learning rates: something to call with the number of the update, or nothing.
    fn _set_scheduler(&self, scheduler: Option<Py<PyAny>>) {
        let before = std::mem::replace(&mut *lock(&self.link.scheduler), scheduler);
        drop(before); // without the lock: it may run code of the user's when it goes
    }

    /// One step, or its second half. Returns which parameters are left for Python to update.
    #[pyo3(signature = (scale, batch_size, ignore_stale, summed = false))]
    fn _step(
        &self,
        py: Python<'_>,
        scale: f64,
        batch_size: BatchSize,
        ignore_stale: bool,
        summed: bool,
    ) -> PyResult<Vec<usize>> {
        let mut guard = self.get()?;
        let trainer = &mut *guard;
        let done = py.detach(|| {
            let size = match batch_size {
                BatchSize::Whole(size) => {
                    trainer.set_rescale_grad(scale)?;
                    size
                }
                BatchSize::Real(size) => {
                    trainer.set_rescale_grad(scale / size)?;
                    1
                }
            };
            match (ignore_stale, summed) {
                (false, false) => trainer.step(size),
                (true, false) => trainer.step_ignoring_stale(size),
                (false, true) => trainer.update(size),
                (true, true) => trainer.update_ignoring_stale(size),
            }
        });
        let pending = std::mem::take(&mut *lock(&self.link.pending));
        self.told(py, done)?;
        let place = |parameter: &Parameter| {
            trainer.parameters().iter().position(|known| known.id() == parameter.id())
        };
        let mut places: Vec<usize> = pending.iter().filter_map(place).collect();
        places.sort_unstable();
        Ok(places)
    }

    /// Sums the gradients of each parameter over its contexts.
    fn _allreduce_grads(&self, py: Python<'_>) -> PyResult<()> {
        let mut guard = self.get()?;
        let trainer = &mut *guard;
        py.detach(|| trainer.allreduce_grads()).or_raise(py)
    }

    /// The largest number of updates that a parameter has had.
    fn _num_update(&self) -> PyResult<u64> {
        Ok(self.get()?.num_update())
    }

    /// What is remembered of each parameter that was updated: name, updates, arrays.
    fn _states<'py>(&self, py: Python<'py>) -> PyResult<Vec<StateParts<'py>>> {
        let trainer = self.get()?;
        let mut states = Vec::new();
        for parameter in trainer.parameters() {
            let state = trainer.state(parameter.name()).or_raise(py)?;
            let arrays = state.arrays().chain(state.master().map(|array| ("master", array)));
            let arrays = arrays
                .map(|(name, array)| Ok((name.to_owned(), wrap(py, array.clone(), Dialect::Nd)?)))
                .collect::<PyResult<_>>()?;
            states.push((parameter.name().to_string(), state.updates(), arrays));
        }
        Ok(states)
    }

    /// Writes what is remembered to a file.
    fn _save_states(&self, py: Python<'_>, file: std::path::PathBuf) -> PyResult<()> {
        let guard = self.get()?;
        let trainer = &*guard;
        py.detach(|| trainer.save_states(file)).or_raise(py)
    }

    /// Reads what was remembered from a file: all of it or nothing.
    fn _load_states(&self, py: Python<'_>, file: std::path::PathBuf) -> PyResult<()> {
        let mut guard = self.get()?;
        let trainer = &mut *guard;
        let done = py.detach(|| match trainer.load_states(&file) {
            // A net that is built again has other names. MXNet goes by the order alone.
            Err(Error::States { problem, .. })
                if matches!(&*problem, StatesProblem::Parameters { missing, extra }
                    if missing.len() == extra.len()) =>
            {
                trainer.load_states_in_order(&file)
            }
            done => done,
        });
        done.or_raise(py)
    }
}

/// The name of a parameter, its number of updates and its arrays by name.
type StateParts<'py> = (String, u64, Vec<(String, Bound<'py, PyAny>)>);

/// Gluon divides by any number.
#[derive(FromPyObject)]
enum BatchSize {
    Whole(usize),
    Real(f64),
}
