//! What a trainer remembers, in a file: so that training goes on as if it had not stopped.
//!
//! The file is a `.safetensors` file. Its tensors are the arrays of the states,
//! `0.weight.momentum`; its metadata holds, under `gluonic.optimizer`, everything else as JSON.

use std::collections::BTreeMap;
use std::path::Path;

use indexmap::IndexMap;

use super::Trainer;
use super::saved::{Saved, SavedState};
use crate::array::{DType, NdArray};
use crate::checkpoint::{Checkpoint, save_arrays};
use crate::error::{Error, Mismatch, Result, StatesProblem, UnknownShape};
use crate::optim::{State, set, settings};
use crate::param::Parameter;
use crate::shape::{Dims, Shape};

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
        let mut tensors: Vec<(Box<str>, NdArray)> = Vec::new();
        let mut parameters = IndexMap::new();
        for ((key, parameter), state) in self.keys.iter().zip(&self.parameters).zip(&self.states) {
            let mut arrays = Vec::new();
            for (name, array) in state.arrays() {
                tensors.push((format!("{key}.{name}").into(), array.clone()));
                arrays.push(name.to_owned());
            }
            let master = state.master();
            tensors.extend(master.map(|master| (format!("{key}.{MASTER}").into(), master.clone())));
            let saved = SavedState {
                updates: state.updates(),
                shape: parameter.memory().map(|ready| ready.dims.to_vec()),
                arrays: state.has_begun().then_some(arrays),
                master: master.is_some(),
            };
            parameters.insert(key.to_string(), saved);
        }
        let settings = settings(&*self.optimizer).into_iter();
        let saved = Saved {
            name: self.optimizer.name().to_owned(),
            settings: settings.map(|(name, value)| (name.to_owned(), value)).collect(),
            rescale_grad: self.rescale,
            num_update: self.num_update,
            last_lr: self.last_lr,
            parameters,
        };
        let metadata = IndexMap::from([(OPTIMIZER.to_owned(), saved.text())]);
        save_arrays(file.as_ref(), &tensors, &metadata)
    }

    /// Takes everything over that [`Trainer::save_states`] has written: all of it, or nothing. So
    /// training goes on as if it had not stopped, once the parameters have their values too. A
    /// schedule is not in the file: it goes on by the number of updates. The shapes of parameters
    /// that were updated must be known: run a batch or `infer_shapes` first, or load the parameters.
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
        let checkpoint = Checkpoint::open(file)?;
        let fail = |problem| Error::States {
            path: checkpoint.file().to_owned(),
            problem: Box::new(problem),
        };
        let text = checkpoint.metadata().get(OPTIMIZER).ok_or(StatesProblem::None).map_err(fail)?;
        let saved = Saved::parse(text).map_err(|text| fail(StatesProblem::Text(text.into())))?;
        self.compare(&saved).map_err(fail)?;
        let before = settings(&*self.optimizer);
        let staged = self.stage(&saved, &checkpoint);
        let staged = match staged {
            Ok(staged) => staged,
            Err(error) => {
                for (name, value) in before {
                    // It had this value.
                    set(&mut *self.optimizer, name, value).ok();
                }
                return Err(match error {
                    Problem::Of(problem) => fail(problem),
                    Problem::Error(error) => error,
                });
            }
        };
        self.states = staged;
        self.rescale = saved.rescale_grad;
        (self.num_update, self.last_lr) = (saved.num_update, saved.last_lr);
        Ok(())
    }

    /// Whether the states are of this optimizer and of these parameters.
    fn compare(&self, saved: &Saved) -> Result<(), StatesProblem> {
        if saved.name != self.optimizer.name() {
            let (expected, found) = (self.optimizer.name().into(), saved.name.as_str().into());
            return Err(StatesProblem::Optimizer(Mismatch { expected, found }));
        }
        let own: BTreeMap<&str, &Parameter> =
            self.keys.iter().map(|key| &**key).zip(&self.parameters).collect();
        let missing = own.keys().filter(|key| !saved.parameters.contains_key(**key));
        let missing: Box<[Box<str>]> = missing.map(|key| (*key).into()).collect();
        let extra = saved.parameters.keys().filter(|key| !own.contains_key(key.as_str()));
        let extra: Box<[Box<str>]> = extra.map(|key| key.as_str().into()).collect();
        if !missing.is_empty() || !extra.is_empty() {
            return Err(StatesProblem::Parameters { missing, extra });
        }
        for (key, state) in &saved.parameters {
            let Some(dims) = &state.shape else { continue };
            let found = Shape::from(&Dims::from(dims.clone()));
            // A shape that is not known yet could turn out to be another one.
            let shape = own[key.as_str()].shape();
            if shape.as_ref() != Some(&found) {
                let expected = UnknownShape(shape).to_string().into();
                let found = found.to_string().into();
                let (name, mismatch) = (key.as_str().into(), Mismatch { expected, found });
                return Err(StatesProblem::Shape { name, mismatch });
            }
        }
        Ok(())
    }

    /// The states of all parameters, in their order. Changes the settings of the optimizer, which
    /// decide about the arrays that there must be.
    fn stage(&mut self, saved: &Saved, checkpoint: &Checkpoint) -> Result<Vec<State>, Problem> {
        for (name, value) in &saved.settings {
            set(&mut *self.optimizer, name, *value).map_err(Problem::Error)?;
        }
        let tensors = checkpoint.to_arrays().map_err(Problem::Error)?;
        let states = self.keys.iter().map(|key| {
            let state = &saved.parameters[&**key];
            let (Some(names), Some(dims)) = (&state.arrays, &state.shape) else {
                return Ok(State::default());
            };
            let dims = Dims::from(dims.clone());
            let mut expected = Vec::new();
            for (name, dims) in self.optimizer.arrays(&dims) {
                expected.push((Box::from(name), dims));
            }
            if state.master {
                expected.push((MASTER.into(), dims));
            }
            let names = names.iter().map(String::as_str).chain(state.master.then_some(MASTER));
            let found = names.map(|name| (name, tensors.get(&*format!("{key}.{name}"))));
            let found: Vec<(&str, Option<&NdArray>)> = found.collect();
            arrays(key, &expected, &found, state.updates).map_err(Problem::Of)
        });
        states.collect()
    }
}

/// What is wrong with a file of states, or with reading it.
enum Problem {
    Of(StatesProblem),
    Error(Error),
}

/// The state of one parameter, if the arrays found are those expected, of one computing type.
fn arrays(
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
