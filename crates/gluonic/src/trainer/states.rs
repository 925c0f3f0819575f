//! What a trainer remembers, in a file: so that training goes on as if it had not stopped.
//!
//! The file is a `.safetensors` file. Its tensors are the arrays of the states,
//! `0.weight.momentum`; its metadata holds, under `gluonic.optimizer`, everything else as JSON.

use std::collections::HashSet;
use std::path::Path;

use indexmap::IndexMap;

use super::saved::{Saved, SavedArrays, SavedGroup, SavedState};
use super::{Group, Trainer, mxnet};
use crate::array::{DType, NdArray};
use crate::checkpoint::Checkpoint;
use crate::error::{Error, Mismatch, Names, Result, StatesProblem};
use crate::optim::{State, set, settings};
use crate::shape::Dims;

/// The key of the metadata.
const OPTIMIZER: &str = "gluonic.optimizer";
/// What the tensor of a full-precision copy is called, after the key of its parameter.
const MASTER: &str = "master";

impl Trainer {
    /// Writes everything that the trainer remembers to a file: of each parameter the number of
    /// updates and the arrays of the optimizer, and the optimizer's settings, but for a schedule.
    /// The file is a `.safetensors` file, whatever its suffix.
    ///
    /// # Errors
    /// [`Error::BeingEdited`] inside an edit of one of the arrays by the same thread; [`Error::Io`]
    /// if the file cannot be written. Then the old file is as before.
    ///
    /// # Examples
    /// ```
    /// use gluonic::prelude::*;
    /// # let folder = tempfile::tempdir()?; let file = folder.path().join("net.states");
    /// let weight = Parameter::new("weight", 2);
    /// weight.initialize()?;
    /// let mut trainer = Trainer::of([&weight], Adam::new(0.5)?)?;
    /// autograd::record(|| weight.data()?.square())?.backward()?;
    /// trainer.step(1)?;
    /// trainer.save_states(&file)?;
    ///
    /// let mut again = Trainer::of([&weight], Adam::default())?;
    /// again.load_states(&file)?;
    /// assert_eq!((again.num_update(), again.learning_rate()?), (1, 0.5));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Source
    /// MXNet 1.9.1, `gluon/trainer.py`, `Trainer.save_states`. DIFFERENCE: MXNet writes a pickle.
    pub fn save_states(&self, file: impl AsRef<Path>) -> Result<()> {
        self.states()?.save(file)
    }

    /// Everything that the trainer remembers, as it is now: to be saved later, or on another
    /// thread, while training goes on.
    ///
    /// # Memory
    /// None of its own until a step changes the arrays: then it changes copies.
    ///
    /// # Errors
    /// [`Error::BeingEdited`] inside an edit of one of the arrays by the same thread.
    pub fn states(&self) -> Result<TrainerStates> {
        let mut tensors: Vec<(Box<str>, NdArray)> = Vec::new();
        let mut parameters = IndexMap::new();
        for ((key, parameter), state) in self.keys.iter().zip(&self.parameters).zip(&self.states) {
            let mut arrays = Vec::new();
            for (name, array) in state.arrays() {
                tensors.push((format!("{key}.{name}").into(), kept(array)?));
                arrays.push(name.to_owned());
            }
            if let Some(master) = state.master() {
                tensors.push((format!("{key}.{MASTER}").into(), kept(master)?));
            }
            let saved = SavedState {
                updates: state.updates(),
                shape: parameter.memory().map(|ready| ready.dims.to_vec()),
                arrays: state.has_begun().then_some(arrays),
                master: state.master().is_some(),
            };
            parameters.insert(key.to_string(), saved);
        }
        let groups = self.groups.iter().map(|group| {
            let settings = settings(group.optimizer()).into_iter();
            let saved = SavedGroup {
                rule: group.optimizer().name().to_owned(),
                settings: settings.map(|(name, value)| (name.to_owned(), value)).collect(),
                last_lr: group.last_lr,
            };
            (group.name().to_owned(), saved)
        });
        let saved = Saved {
            groups: groups.collect(),
            rescale_grad: self.rescale,
            num_update: self.num_update,
            parameters,
        };
        Ok(TrainerStates(SavedArrays { tensors, metadata: (OPTIMIZER, saved.text()) }))
    }

    /// Takes everything over that [`Trainer::save_states`] has written: all of it, or nothing. So
    /// training goes on as if it had not stopped, once the parameters have their values too. A
    /// schedule is not in the file: it goes on by the number of updates. The shapes of parameters
    /// that were updated must be known: run a batch or `infer_shapes` first, or load the parameters.
    ///
    /// Files that MXNet's trainer has written are read too, if there is one group: by the order of
    /// the parameters, since they hold no names. They are pickles, of which nothing is run.
    ///
    /// # Errors
    /// [`Error::States`] if the file holds no states, or those of another optimizer, of other
    /// parameters or of other shapes; [`Error::Setting`] or [`Error::UnknownWord`] if it holds
    /// settings that the optimizer does not have; [`Error::Io`] if it cannot be read;
    /// [`Error::Format`] if it breaks its format's rules. Then nothing has changed.
    ///
    /// # Source
    /// MXNet 1.9.1, `gluon/trainer.py`, `Trainer.load_states`.
    pub fn load_states(&mut self, file: impl AsRef<Path>) -> Result<()> {
        self.load_states_of(file.as_ref(), false)
    }

    /// As [`Trainer::load_states`], but by the order of the parameters, not by their names: for a
    /// model that was built again and has others.
    ///
    /// # Errors
    /// As [`Trainer::load_states`]. Then nothing has changed.
    ///
    /// # Examples
    /// ```
    /// use gluonic::prelude::*;
    /// # let folder = tempfile::tempdir()?; let file = folder.path().join("net.states");
    /// let (old, new) = (Parameter::new("dense0_weight", 2), Parameter::new("dense1_weight", 2));
    /// old.initialize()?;
    /// new.initialize()?;
    /// let mut trainer = Trainer::of([&old], Adam::new(0.5)?)?;
    /// autograd::record(|| old.data()?.square())?.backward()?;
    /// trainer.step(1)?;
    /// trainer.save_states(&file)?;
    ///
    /// let mut again = Trainer::of([&new], Adam::default())?;
    /// assert!(again.load_states(&file).is_err());
    /// again.load_states_in_order(&file)?;
    /// assert_eq!(again.state("dense1_weight")?.updates(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Source
    /// MXNet 1.9.1, `gluon/trainer.py`, `Trainer.load_states`, which knows no names.
    pub fn load_states_in_order(&mut self, file: impl AsRef<Path>) -> Result<()> {
        self.load_states_of(file.as_ref(), true)
    }

    fn load_states_of(&mut self, file: &Path, in_order: bool) -> Result<()> {
        if let Some(bytes) = mxnet::bytes_of(file)? {
            return self.load_mxnet(file, &bytes);
        }
        let read = self.read_states_of(file, in_order)?;
        self.take_states(read)
    }

    /// Everything of loading states that can fail. Changes nothing.
    pub(crate) fn read_states(&mut self, file: &Path) -> Result<ReadStates> {
        self.read_states_of(file, false)
    }

    fn read_states_of(&mut self, file: &Path, in_order: bool) -> Result<ReadStates> {
        let checkpoint = Checkpoint::open(file)?;
        let fail = |problem| Error::States {
            path: checkpoint.file().to_owned(),
            problem: Box::new(problem),
        };
        let mut saved = Saved::of(&checkpoint, OPTIMIZER).map_err(fail)?;
        // The names of the tensors in the file, in the order of the parameters.
        let mut keys: Vec<String> = self.keys.iter().map(ToString::to_string).collect();
        if in_order && saved.parameters.len() == keys.len() {
            let found: Vec<String> = saved.parameters.keys().cloned().collect();
            saved.parameters = keys.into_iter().zip(saved.parameters.into_values()).collect();
            keys = found;
        }
        self.compare(&saved).map_err(fail)?;
        // The settings decide about the arrays that there must be.
        let before: Vec<_> = self.groups.iter().map(|group| settings(group.optimizer())).collect();
        let states = self.set_all(&saved).map_err(Problem::Error);
        let states = states.and_then(|()| self.stage(&saved, &checkpoint, &keys));
        for (group, settings) in self.groups.iter_mut().zip(before) {
            for (name, value) in settings {
                // It had this value.
                set(&mut *group.optimizer, name, value).ok();
            }
        }
        match states {
            Ok(states) => Ok(ReadStates { saved, states }),
            Err(Problem::Of(problem)) => Err(fail(problem)),
            Err(Problem::Error(error)) => Err(error),
        }
    }

    /// Takes states over that [`Trainer::read_states`] has found right.
    pub(crate) fn take_states(&mut self, ReadStates { saved, states }: ReadStates) -> Result<()> {
        self.set_all(&saved)?;
        self.states = states;
        self.rescale = saved.rescale_grad;
        self.num_update = saved.num_update;
        for group in &mut self.groups {
            group.last_lr = saved.groups[group.name()].last_lr;
        }
        Ok(())
    }

    fn set_all(&mut self, saved: &Saved) -> Result<()> {
        for group in &mut self.groups {
            for (name, value) in &saved.groups[group.name()].settings {
                set(&mut *group.optimizer, name, *value)?;
            }
        }
        Ok(())
    }

    /// Whether the states are of this optimizer and of these parameters.
    fn compare(&self, saved: &Saved) -> Result<(), StatesProblem> {
        // One that has no groups says by its optimizer best what it is.
        let only = match (self.groups.as_slice(), saved.groups.len()) {
            ([group], 1) => saved.groups.first().map(|(_, saved)| (group, saved)),
            _ => None,
        };
        let same = self.groups.iter();
        let same = same.filter_map(|group| Some((group, saved.groups.get(group.name())?)));
        for (group, saved) in only.into_iter().chain(same) {
            if saved.rule != group.optimizer().name() {
                let expected = group.optimizer().name().into();
                let found = saved.rule.as_str().into();
                return Err(StatesProblem::Optimizer(Mismatch { expected, found }));
            }
        }
        if let Some((missing, extra)) =
            differ(self.groups.iter().map(Group::name), saved.groups.keys())
        {
            return Err(StatesProblem::Groups { missing, extra });
        }
        saved.compare(self.keys.iter().map(|key| &**key).zip(&self.parameters))
    }

    /// The states of all parameters, in their order; `keys` are their names in the file.
    fn stage(
        &self,
        saved: &Saved,
        checkpoint: &Checkpoint,
        keys: &[String],
    ) -> Result<Vec<State>, Problem> {
        let tensors = checkpoint.to_arrays().map_err(Problem::Error)?;
        let states = self.keys.iter().zip(&self.places).zip(keys).map(|((key, place), there)| {
            let state = &saved.parameters[&**key];
            let (Some(names), Some(dims), Some(place)) = (&state.arrays, &state.shape, place)
            else {
                return Ok(State::default());
            };
            let dims = Dims::from(dims.clone());
            let mut expected = Vec::new();
            for (name, dims) in self.groups[*place].optimizer.arrays(&dims) {
                expected.push((Box::from(name), dims));
            }
            if state.master {
                expected.push((MASTER.into(), dims));
            }
            let names = names.iter().map(String::as_str).chain(state.master.then_some(MASTER));
            let found = names.map(|name| (name, tensors.get(&*format!("{there}.{name}"))));
            let found: Vec<(&str, Option<&NdArray>)> = found.collect();
            arrays(key, &expected, &found, state.updates).map_err(Problem::Of)
        });
        states.collect()
    }
}

/// Everything that a trainer remembered at one moment: see [`Trainer::states`].
#[derive(Clone, Debug)]
pub struct TrainerStates(SavedArrays);

impl TrainerStates {
    /// Writes it to a file, for [`Trainer::load_states`].
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be written. Then the old file is as before.
    pub fn save(&self, file: impl AsRef<Path>) -> Result<()> {
        self.0.save(file.as_ref())
    }

    pub(crate) fn into_arrays(self) -> SavedArrays {
        self.0
    }
}

/// States that fit a trainer.
pub(crate) struct ReadStates {
    saved: Saved,
    states: Vec<State>,
}

/// An array that keeps the present value.
fn kept(array: &NdArray) -> Result<NdArray> {
    Ok(NdArray::from_buf(array.cell.snapshot()?, array.dims().clone()))
}

/// What only one of two sets has.
fn differ<'a>(
    own: impl Iterator<Item = &'a str> + Clone,
    found: impl Iterator<Item = &'a String> + Clone,
) -> Option<(Names, Names)> {
    let known: HashSet<&str> = own.clone().collect();
    let there: HashSet<&str> = found.clone().map(String::as_str).collect();
    let missing: Names = own.filter(|name| !there.contains(name)).map(Box::from).collect();
    let extra = found.filter(|name| !known.contains(name.as_str()));
    let extra: Names = extra.map(|name| name.as_str().into()).collect();
    (!missing.is_empty() || !extra.is_empty()).then_some((missing, extra))
}

/// What is wrong with a file of states, or with reading it.
enum Problem {
    Of(StatesProblem),
    Error(Error),
}

/// The state of one parameter, if the arrays found are those expected, of one computing type.
pub(super) fn arrays(
    key: &str,
    expected: &[(Box<str>, Dims)],
    found: &[(&str, Option<&NdArray>)],
    updates: u64,
) -> Result<State, StatesProblem> {
    let dtype = found.iter().find_map(|(_, array)| Some(array.as_ref()?.dtype()));
    let dtype = dtype.unwrap_or(DType::F32);
    let fits = |i: usize| {
        let ((name, dims), (found_name, array)) = (&expected[i], &found[i]);
        **name == **found_name
            && array.is_some_and(|array| array.dims() == dims && array.dtype() == dtype)
    };
    let computed = matches!(dtype, DType::F32 | DType::F64);
    if expected.len() != found.len() || !computed || !(0..found.len()).all(fits) {
        let text = |parts: Vec<String>| -> Box<str> {
            if parts.is_empty() { "none".into() } else { parts.join(", ").into() }
        };
        let wanted = expected.iter().map(|(name, dims)| format!("`{name}` {dims}")).collect();
        let there = found.iter().map(|(name, array)| match array {
            Some(array) => format!("`{name}` {} {}", array.dims(), array.dtype()),
            None => format!("no `{name}`"),
        });
        let mismatch = Mismatch { expected: text(wanted), found: text(there.collect()) };
        return Err(StatesProblem::Arrays { name: key.into(), mismatch });
    }
    let mut kept = Vec::new();
    let mut master = None;
    for (name, array) in found {
        let Some(array) = array.cloned() else { continue };
        if *name == MASTER {
            master = Some(array);
        } else {
            kept.push(((*name).into(), array));
        }
    }
    Ok(State::saved(updates, dtype, kept, master))
}
