//! Steps of training: gradients in, changed parameters out.

mod collective;
mod replicas;
mod saved;
mod states;

pub use collective::{Collective, LocalCollective, Reduction};
use replicas::{Gather, note_stale};

use crate::autograd::GradReq;
use crate::checkpoint::HasParameters;
use crate::error::{Error, Result};
use crate::optim::{self, Job, Optimizer, State};
use crate::param::Parameter;
use crate::suggest::nearest;

/// Applies an optimizer to a set of parameters, and keeps what it remembers of them.
///
/// # Examples
/// ```
/// use gluonic::prelude::*;
/// let net = Dense::new(1);
/// net.initialize()?;
/// let x = NdArray::ones((4, 3), DType::F32)?;
/// let mut trainer = Trainer::new(&net, Sgd::new(0.1)?)?;
/// let loss = autograd::record(|| net.call(&x)?.square())?;
/// loss.backward()?;
/// trainer.step(4)?;
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Memory
/// Of each parameter a [`State`], made at its first update. It stays while the parameter is frozen.
///
/// # Source
/// MXNet 1.9.1, `gluon/trainer.py`. DIFFERENCE: stale gradients are found before any parameter
/// moves, all of them, and their error changes nothing.
pub struct Trainer {
    parameters: Vec<Parameter>,
    /// What files of states call them: paths where they are known, else names.
    keys: Vec<Box<str>>,
    states: Vec<State>,
    optimizer: Box<dyn Optimizer>,
    rescale: f64,
    /// The largest number of updates that a parameter has had.
    num_update: u64,
    /// The learning rate of the last step.
    last_lr: Option<f64>,
    /// What sums gradients over replicas, if not the local one.
    collective: Option<Box<dyn Collective>>,
    /// Kept for its memory.
    jobs: Vec<Option<Job>>,
}

impl Trainer {
    /// Trains the parameters of a block, of a [`ParameterDict`](crate::ParameterDict) or of a
    /// [`Selection`](crate::Selection), sorted by name as in Gluon. In files of states, those of a
    /// block and of a selection are called by their paths, those of a set by their names.
    ///
    /// # Errors
    /// As [`Trainer::of`].
    pub fn new(
        params: &(impl HasParameters + ?Sized),
        optimizer: impl Optimizer + 'static,
    ) -> Result<Self> {
        let mut named = params.chosen();
        // A stable sort, so that a tied parameter keeps its first path.
        named.sort_by(|(_, a), (_, b)| a.name().cmp(b.name()));
        Self::of_named(named, optimizer)
    }

    /// Trains parameters in the given order. One that is named twice counts once.
    ///
    /// # Errors
    /// [`Error::Uninitialized`] if a parameter is neither initialized nor waiting for its shape.
    pub fn of<'a>(
        parameters: impl IntoIterator<Item = &'a Parameter>,
        optimizer: impl Optimizer + 'static,
    ) -> Result<Self> {
        let named = parameters.into_iter().map(|p| (Box::from(&**p.name()), p.clone()));
        Self::of_named(named, optimizer)
    }

    fn of_named(
        named: impl IntoIterator<Item = (Box<str>, Parameter)>,
        optimizer: impl Optimizer + 'static,
    ) -> Result<Self> {
        let (mut parameters, mut keys) = (Vec::new(), Vec::new());
        let mut seen = std::collections::HashSet::new();
        for (key, parameter) in named {
            if !parameter.is_initialized() && !parameter.is_deferred() {
                return Err(Error::Uninitialized { name: parameter.name().clone() });
            }
            if seen.insert(parameter.id()) {
                parameters.push(parameter);
                keys.push(key);
            }
        }
        let mut states = Vec::new();
        states.resize_with(parameters.len(), State::default);
        Ok(Trainer {
            parameters,
            keys,
            states,
            optimizer: Box::new(optimizer),
            rescale: 1.0,
            num_update: 0,
            last_lr: None,
            collective: None,
            jobs: Vec::new(),
        })
    }

    /// Multiplies every gradient by a factor, besides dividing by the batch size.
    ///
    /// # Errors
    /// [`Error::Setting`] if it is not finite.
    pub fn set_rescale_grad(&mut self, rescale: f64) -> Result<()> {
        if !rescale.is_finite() {
            let found = rescale.to_string().into();
            return Err(Error::Setting { setting: "rescale_grad", expected: "finite", found });
        }
        self.rescale = rescale;
        Ok(())
    }

    /// The parameters in the order in which they are updated.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The optimizer.
    pub fn optimizer(&self) -> &dyn Optimizer {
        &*self.optimizer
    }

    /// What is remembered of a parameter, by its path or name, as [`Trainer::new`] tells.
    ///
    /// # Errors
    /// [`Error::UnknownParameter`], with the nearest names.
    pub fn state(&self, key: &str) -> Result<&State> {
        let place = self.keys.iter().position(|known| **known == *key);
        place.map(|place| &self.states[place]).ok_or_else(|| Error::UnknownParameter {
            name: key.into(),
            nearest: nearest(key, self.keys.iter().map(|known| &**known)),
        })
    }

    /// The largest number of updates that a parameter has had: what a schedule goes by.
    pub fn num_update(&self) -> u64 {
        self.num_update
    }

    /// The learning rate at the present number of updates.
    ///
    /// # Errors
    /// [`Error::Setting`] if a schedule gives one that is negative or not finite.
    pub fn learning_rate(&self) -> Result<f64> {
        self.optimizer.common().learning_rate(self.num_update)
    }

    /// Changes the learning rate.
    ///
    /// # Errors
    /// [`Error::Setting`] if it is negative or not finite; [`Error::Scheduled`] if the optimizer
    /// has a schedule.
    pub fn set_learning_rate(&mut self, lr: f64) -> Result<()> {
        self.optimizer.common_mut().set_learning_rate(lr)
    }

    /// Changes every parameter by its gradient, which is divided by the batch size. Those that are
    /// frozen stay as they are. Of a parameter on several contexts, the gradients are
    /// [summed](Trainer::allreduce_grads) first, and all replicas get the same new value.
    ///
    /// # Errors
    /// [`Error::Setting`] if the batch size is 0, or if a schedule gives a learning rate that is
    /// negative or not finite; [`Error::Deferred`] or [`Error::Uninitialized`] if a parameter has
    /// no value; [`Error::StaleGradients`], naming all, if a gradient was not written since the
    /// last step. Then nothing has changed. What a [`Collective`] of the caller's returns.
    pub fn step(&mut self, batch_size: usize) -> Result<()> {
        self.step_with(batch_size, false)
    }

    /// As [`Trainer::step`], leaving those parameters as they are of which the gradient was not
    /// written since the last step. One that was written on some contexts only counts as 0 on the
    /// others.
    ///
    /// # Errors
    /// As [`Trainer::step`], but for stale gradients.
    #[doc(alias = "ignore_stale_grad")]
    pub fn step_ignoring_stale(&mut self, batch_size: usize) -> Result<()> {
        self.step_with(batch_size, true)
    }

    fn step_with(&mut self, batch_size: usize, ignore_stale: bool) -> Result<()> {
        self.advance(batch_size, ignore_stale, Trainer::sum_planned)
    }

    fn advance(&mut self, batch_size: usize, ignore_stale: bool, gather: Gather) -> Result<()> {
        if batch_size == 0 {
            let (setting, expected) = ("batch_size", "1 or more");
            return Err(Error::Setting { setting, expected, found: "0".into() });
        }
        // All checks first.
        self.jobs.clear();
        let done = self.plan(self.rescale / batch_size as f64, ignore_stale);
        let done = done.and_then(|(num_update, lr)| {
            gather(self)?;
            for job in self.jobs.iter_mut().flatten() {
                job.prepared = self.optimizer.prepare(job.updates);
            }
            (self.num_update, self.last_lr) = (num_update, lr);
            optim::run(&*self.optimizer, &self.parameters, &mut self.states, &self.jobs)
        });
        // The values are not to be held on to.
        self.jobs.clear();
        done
    }

    /// Makes the jobs of a step. Returns the number of updates after it, and the learning rate.
    fn plan(&mut self, rescale: f64, ignore_stale: bool) -> Result<(u64, Option<f64>)> {
        let (mut stale, mut waiting) = (Vec::new(), Vec::new());
        let common = self.optimizer.common();
        let (mut num_update, mut lr) = (self.num_update, None);
        for (parameter, state) in self.parameters.iter().zip(&self.states) {
            let training = match parameter.training() {
                Ok(training) => training,
                Err(Error::Deferred { name, shape, ran, .. }) => {
                    waiting.push((parameter.pending_path(), name, shape, ran));
                    None
                }
                Err(error) => return Err(error),
            };
            let Some(training) = training.filter(|training| {
                let fresh = note_stale(parameter, training, &mut stale);
                fresh && training.slot.req() != GradReq::Null
            }) else {
                self.jobs.push(None);
                continue;
            };
            let updates = state.updates() + 1;
            if lr.is_none() || updates > num_update {
                num_update = num_update.max(updates);
                lr = Some(common.learning_rate(num_update)?);
            }
            let base = lr.unwrap_or_default();
            let last = self.last_lr.unwrap_or(base);
            self.jobs.push(Some(Job {
                lr: base * training.lr_mult,
                lr_ratio: if last == 0.0 { 1.0 } else { base / last },
                wd: common.weight_decay() * training.wd_mult,
                rescale,
                updates,
                prepared: 0.0,
                training,
            }));
        }
        if let Some((_, name, shape, ran)) = waiting.first().cloned() {
            let pending = waiting.into_iter().filter_map(|(path, ..)| path).collect();
            return Err(Error::Deferred { name, shape, pending, ran });
        }
        if !stale.is_empty() && !ignore_stale {
            return Err(Error::StaleGradients { names: stale.into() });
        }
        Ok((num_update, lr.or(self.last_lr)))
    }
}

impl std::fmt::Debug for Trainer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trainer")
            .field("parameters", &self.parameters.len())
            .field("optimizer", &self.optimizer.name())
            .field("num_update", &self.num_update)
            .finish_non_exhaustive()
    }
}
