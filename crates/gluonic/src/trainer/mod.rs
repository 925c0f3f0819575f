//! Steps of training: gradients in, changed parameters out.

mod collective;
mod group;
mod mxnet;
mod replicas;
pub(crate) mod saved;
mod states;

pub use collective::{Collective, LocalCollective, Reduction};
pub use group::Group;
use rayon::prelude::*;
use replicas::{Gather, note_stale};
pub(crate) use saved::SavedArrays;
use smallvec::SmallVec;
pub use states::TrainerStates;

use crate::autograd::GradReq;
use crate::checkpoint::HasParameters;
use crate::error::{Error, GroupingError, Result, one_or_more};
use crate::optim::{self, Job, OnUpdate, Optimizer, State};
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
    groups: Vec<Group>,
    /// Of each parameter the place of its group; none of those that are in no group, which are
    /// never trained.
    places: Vec<Option<usize>>,
    rescale: f64,
    /// The largest number of updates that a parameter has had.
    num_update: u64,
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
        Self::of_named(by_name(params), vec![Group::rest(optimizer)], |_| Some(0))
    }

    /// As [`Trainer::new`], with an optimizer for each group of parameters. Each parameter that can
    /// be trained is in exactly one group, also one that is frozen now.
    ///
    /// # Errors
    /// [`Error::Grouping`], naming all parameters that two groups take or none;
    /// [`Error::NothingSelected`] if a group's selector matches none; as [`Trainer::of`].
    ///
    /// # Examples
    /// ```
    /// use gluonic::prelude::*;
    /// let net = sequential![Dense::new(8), Dense::new(2)];
    /// net.initialize()?;
    /// let groups = [
    ///     Group::new("0.**", Sgd::new(0.01)?)?,
    ///     Group::new("1.weight", Adam::new(0.1)?)?,
    /// ];
    /// let refused = Trainer::grouped(&net, groups).unwrap_err();
    /// assert_eq!(refused.to_string(), "the groups do not fit: none takes `1.bias`");
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    pub fn grouped(
        params: &(impl HasParameters + ?Sized),
        groups: impl IntoIterator<Item = Group>,
    ) -> Result<Self> {
        let groups: Vec<Group> = groups.into_iter().collect();
        let places = group::assign(params, &groups)?;
        Self::of_named(by_name(params), groups, |parameter| places.get(&parameter.id()).copied())
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
        Self::of_named(named, vec![Group::rest(optimizer)], |_| Some(0))
    }

    fn of_named(
        named: impl IntoIterator<Item = (Box<str>, Parameter)>,
        groups: Vec<Group>,
        place: impl Fn(&Parameter) -> Option<usize>,
    ) -> Result<Self> {
        let (mut parameters, mut keys, mut places) = (Vec::new(), Vec::new(), Vec::new());
        let mut seen = std::collections::HashSet::new();
        for (key, parameter) in named {
            if !parameter.is_initialized() && !parameter.is_deferred() {
                return Err(Error::Uninitialized { name: parameter.name().clone() });
            }
            if seen.insert(parameter.id()) {
                places.push(place(&parameter));
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
            groups,
            places,
            rescale: 1.0,
            num_update: 0,
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

    /// Counts the updates of all parameters from a number on, where training goes on without its
    /// states: for schedules, and for rules that correct their first updates.
    ///
    /// # Examples
    /// ```
    /// use gluonic::prelude::*;
    /// let weight = Parameter::new("weight", 1);
    /// weight.initialize()?;
    /// let sgd = Sgd::new(0.1)?.schedule(|base: f64, n: u64| base / n as f64);
    /// let trainer = Trainer::of([&weight], sgd)?.starting_at(4);
    /// assert_eq!((trainer.num_update(), trainer.learning_rate()?), (4, 0.025));
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// MXNet 1.9.1, `optimizer.py`, `begin_num_update`.
    #[must_use]
    #[doc(alias = "begin_num_update")]
    pub fn starting_at(mut self, num_update: u64) -> Self {
        self.num_update = num_update;
        self.states.iter_mut().for_each(|state| state.set_updates(num_update));
        self
    }

    /// The parameters in the order in which they are updated.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The groups. Without any, all parameters are the rest.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The group of a name.
    ///
    /// # Errors
    /// [`Error::UnknownWord`], with the nearest names.
    pub fn group_mut(&mut self, name: &str) -> Result<&mut Group> {
        match self.groups.iter().position(|group| group.name() == name) {
            Some(place) => Ok(&mut self.groups[place]),
            None => Err(Error::UnknownWord {
                kind: "group",
                word: name.into(),
                nearest: nearest(name, self.groups.iter().map(Group::name)),
            }),
        }
    }

    /// The group of a parameter, by its path or name, as [`Trainer::new`] tells.
    ///
    /// # Errors
    /// [`Error::UnknownParameter`], with the nearest names; [`Error::Grouping`] if it is in none, as
    /// a statistic may be.
    pub fn group_of(&self, key: &str) -> Result<&Group> {
        let Some(place) = self.places[self.place(key)?] else {
            let left = vec![key.into()];
            return Err(Error::Grouping(Box::new(GroupingError { left, ..Default::default() })));
        };
        Ok(&self.groups[place])
    }

    /// The only group.
    fn group(&self) -> Result<&Group> {
        match self.groups.as_slice() {
            [group] => Ok(group),
            groups => Err(Error::SeveralGroups {
                groups: groups.iter().map(|group| group.name().into()).collect(),
            }),
        }
    }

    /// What is remembered of a parameter, by its path or name, as [`Trainer::new`] tells.
    ///
    /// # Errors
    /// [`Error::UnknownParameter`], with the nearest names.
    pub fn state(&self, key: &str) -> Result<&State> {
        Ok(&self.states[self.place(key)?])
    }

    fn place(&self, key: &str) -> Result<usize> {
        let place = self.keys.iter().position(|known| **known == *key);
        place.ok_or_else(|| Error::UnknownParameter {
            name: key.into(),
            nearest: nearest(key, self.keys.iter().map(|known| &**known)),
        })
    }

    /// The largest number of updates that a parameter has had: what a schedule goes by.
    pub fn num_update(&self) -> u64 {
        self.num_update
    }

    /// The optimizer.
    ///
    /// # Errors
    /// [`Error::SeveralGroups`] if each group has its own: see [`Trainer::groups`].
    pub fn optimizer(&self) -> Result<&dyn Optimizer> {
        self.group().map(Group::optimizer)
    }

    /// The learning rate at the present number of updates.
    ///
    /// # Errors
    /// [`Error::Setting`] if a schedule gives one that is negative or not finite;
    /// [`Error::SeveralGroups`] if each group has its own.
    pub fn learning_rate(&self) -> Result<f64> {
        self.optimizer()?.common().learning_rate(self.num_update)
    }

    /// Changes the learning rate.
    ///
    /// # Errors
    /// [`Error::Setting`] if it is negative or not finite; [`Error::Scheduled`] if the optimizer
    /// has a schedule; [`Error::SeveralGroups`] if each group has its own: see
    /// [`Trainer::group_mut`].
    pub fn set_learning_rate(&mut self, lr: f64) -> Result<()> {
        self.group()?;
        self.groups[0].set_learning_rate(lr)
    }

    /// Changes every parameter by its gradient, which is divided by the batch size. Those that are
    /// frozen stay as they are. Of a parameter on several contexts, the gradients are
    /// [summed](Trainer::allreduce_grads) first, and all replicas get the same new value.
    ///
    /// # Errors
    /// [`Error::Setting`] if the batch size is 0, or if a schedule gives a learning rate that is
    /// negative or not finite; [`Error::NotFinite`] if gradients are clipped by their norm and hold
    /// an infinity or a NaN; [`Error::Deferred`] or [`Error::Uninitialized`] if a parameter has
    /// no value; [`Error::StaleGradients`], naming all, if a gradient was not written since the
    /// last step. Then nothing has changed. What a [`Collective`] of the caller's returns.
    pub fn step(&mut self, batch_size: usize) -> Result<()> {
        self.step_with(batch_size, false, None)
    }

    /// As [`Trainer::step`], leaving those parameters as they are of which the gradient was not
    /// written since the last step. One that was written on some contexts only counts as 0 on the
    /// others.
    ///
    /// # Errors
    /// As [`Trainer::step`], but for stale gradients.
    #[doc(alias = "ignore_stale_grad")]
    pub fn step_ignoring_stale(&mut self, batch_size: usize) -> Result<()> {
        self.step_with(batch_size, true, None)
    }

    pub(crate) fn step_with(
        &mut self,
        batch_size: usize,
        ignore_stale: bool,
        on_update: Option<&OnUpdate<'_>>,
    ) -> Result<()> {
        self.advance(batch_size, ignore_stale, Trainer::sum_planned, on_update)
    }

    fn advance(
        &mut self,
        batch_size: usize,
        ignore_stale: bool,
        gather: Gather,
        on_update: Option<&OnUpdate<'_>>,
    ) -> Result<()> {
        one_or_more("batch_size", batch_size)?;
        // All checks first.
        self.jobs.clear();
        let done = self.plan(self.rescale / batch_size as f64, ignore_stale);
        let done = done.and_then(|num_update| {
            gather(self)?;
            self.clip_norms()?;
            for job in self.jobs.iter_mut().flatten() {
                job.prepared = self.groups[job.group].optimizer.prepare(job.updates);
            }
            self.num_update = num_update;
            self.groups.iter_mut().for_each(Group::finish);
            let optimizers: SmallVec<[&dyn Optimizer; 8]> =
                self.groups.iter().map(Group::optimizer).collect();
            let (parameters, states) = (&self.parameters, &mut self.states);
            optim::run(&optimizers, parameters, states, &self.jobs, on_update)
        });
        // The values are not to be held on to.
        self.jobs.clear();
        done
    }

    /// Makes the jobs of a step. Returns the number of updates after it.
    fn plan(&mut self, rescale: f64, ignore_stale: bool) -> Result<u64> {
        let (mut stale, mut waiting) = (Vec::new(), Vec::new());
        let mut num_update = self.num_update;
        self.groups.iter_mut().for_each(Group::begin);
        let states = self.states.iter().zip(&self.places);
        for (parameter, (state, place)) in self.parameters.iter().zip(states) {
            let Some(place) = *place else {
                self.jobs.push(None);
                continue;
            };
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
            num_update = num_update.max(updates);
            let group = &mut self.groups[place];
            let lr = group.learning_rate(num_update)?;
            let last = group.last_lr.unwrap_or(lr);
            self.jobs.push(Some(Job {
                group: place,
                lr: lr * training.lr_mult,
                lr_ratio: if last == 0.0 { 1.0 } else { lr / last },
                wd: group.optimizer.common().weight_decay() * training.wd_mult,
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
        Ok(num_update)
    }

    /// Makes the gradients of groups shorter of which the norm is bounded: by what they are
    /// multiplied with.
    fn clip_norms(&mut self) -> Result<()> {
        for (place, group) in self.groups.iter().enumerate() {
            let Some(bound) = group.optimizer.common().norm_bound() else { continue };
            let jobs = self.parameters.par_iter().zip(&self.jobs);
            let own = jobs.filter_map(|(parameter, job)| {
                let job = job.as_ref().filter(|job| job.group == place)?;
                Some((parameter, &job.training))
            });
            let norm = optim::norm(own)?;
            for job in self.jobs.iter_mut().flatten().filter(|job| job.group == place) {
                job.rescale *= (bound / (norm * job.rescale.abs() + 1e-8)).min(1.0);
            }
        }
        Ok(())
    }
}

/// The chosen parameters, sorted by name.
fn by_name(params: &(impl HasParameters + ?Sized)) -> Vec<(Box<str>, Parameter)> {
    let mut named = params.chosen();
    // A stable sort, so that a tied parameter keeps its first path.
    named.sort_by(|(_, a), (_, b)| a.name().cmp(b.name()));
    named
}

impl std::fmt::Debug for Trainer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trainer")
            .field("parameters", &self.parameters.len())
            .field("groups", &self.groups)
            .field("num_update", &self.num_update)
            .finish_non_exhaustive()
    }
}
