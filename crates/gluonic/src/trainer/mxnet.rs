//! States that MXNet's trainer has written.

use std::path::Path;

use gluonic_formats::mxnet_states::{self, Optimizer as Saved, Setting as Raw, States};
use gluonic_formats::{Limits, RawTensor};

use super::Trainer;
use super::states::arrays;
use crate::checkpoint::convert::{array_type, to_array};
use crate::error::{Error, Mismatch, Result, StatesProblem};
use crate::optim::{Setting, State, set, settings};
use crate::shape::Dims;
use crate::storage;

/// Larger than any file of states that fits into memory twice.
const MOST: u64 = 1 << 36;

/// The bytes of a file if it is a pickle.
pub(super) fn bytes_of(file: &Path) -> Result<Option<Vec<u8>>> {
    let opened = storage::Opened::open(file)?;
    let mut head = [0; 3];
    if opened.len() < 3 || opened.len() > MOST {
        return Ok(None);
    }
    opened.read_at(&mut head, 0)?;
    if !mxnet_states::is_states(&head) {
        return Ok(None);
    }
    storage::read(file).map(Some)
}

/// MXNet's names of settings that have others here.
fn setting_name<'n>(class: &str, name: &'n str) -> &'n str {
    match (class, name) {
        (_, "lr") => "learning_rate",
        ("adagrad", "float_stable_eps") | ("lars", "eps") => "epsilon",
        _ => name,
    }
}

impl Trainer {
    /// Takes over what the bytes of a pickle say: all of it, or nothing.
    pub(super) fn load_mxnet(&mut self, file: &Path, bytes: &[u8]) -> Result<()> {
        let read = mxnet_states::read(bytes, &Limits::default())
            .map_err(|source| Error::Format { path: file.to_owned(), source: Box::new(source) })?;
        let fail = |problem| Error::States { path: file.to_owned(), problem: Box::new(problem) };
        let rule = self.group()?.optimizer().name().to_owned();
        if let Some(saved) = &read.optimizer {
            let found = saved.class.to_lowercase().replace("ccsgd", "sgd");
            if found != rule {
                let (expected, found) = (rule.as_str().into(), found.into());
                return Err(fail(StatesProblem::Optimizer(Mismatch { expected, found })));
            }
        }
        let before = settings(self.group()?.optimizer());
        // The settings decide about the arrays that there must be.
        let staged = self.set_saved(&rule, read.optimizer.as_ref());
        let staged = staged.and_then(|()| self.stage_mxnet(&read, &fail));
        let staged = staged.inspect_err(|_| {
            for (name, value) in before {
                // It had this value.
                set(&mut *self.groups[0].optimizer, name, value).ok();
            }
        })?;
        self.num_update = staged.iter().map(State::updates).max().unwrap_or(0);
        self.states = staged;
        self.groups[0].last_lr = None;
        Ok(())
    }

    fn set_saved(&mut self, rule: &str, saved: Option<&Saved>) -> Result<()> {
        let Some(saved) = saved else { return Ok(()) };
        let known = settings(&*self.groups[0].optimizer);
        for (name, value) in &saved.settings {
            let name = setting_name(rule, name);
            let Some((_, own)) = known.iter().find(|(known, _)| *known == name) else { continue };
            let value = match (*value, own) {
                (Raw::Flag(value), _) => Setting::Flag(value),
                (Raw::Number(value), Setting::Flag(_)) => Setting::Flag(value != 0.0),
                (Raw::Number(value), _) => Setting::Number(value),
                // With a schedule MXNet's optimizer has no learning rate.
                _ if name == "learning_rate" => continue,
                _ => Setting::Off,
            };
            set(&mut *self.groups[0].optimizer, name, value)?;
        }
        Ok(())
    }

    fn stage_mxnet(
        &self,
        read: &States,
        fail: &dyn Fn(StatesProblem) -> Error,
    ) -> Result<Vec<State>> {
        let mut staged = Vec::new();
        staged.resize_with(self.parameters.len(), State::default);
        let counts = read.optimizer.iter().flat_map(|saved| &saved.updates);
        for (index, updates) in counts {
            if let Some(state) = staged.get_mut(*index) {
                state.set_updates(*updates);
            }
        }
        for (index, found) in &read.arrays {
            let Some(state) = staged.get_mut(*index) else {
                let extra = vec![format!("number {index}").into()];
                let missing = Vec::new();
                return Err(fail(StatesProblem::Parameters {
                    missing: missing.into(),
                    extra: extra.into(),
                }));
            };
            let key = &self.keys[*index];
            let Some(ready) = self.parameters[*index].memory() else {
                let (expected, found) = ("known".into(), "none".into());
                let mismatch = Mismatch { expected, found };
                return Err(fail(StatesProblem::Shape { name: key.clone(), mismatch }));
            };
            let dims = Dims::from(ready.dims.to_vec());
            let expected = self.groups[0].optimizer.arrays(&dims).into_iter();
            let expected: Vec<(Box<str>, Dims)> =
                expected.map(|(name, dims)| (Box::from(name), dims)).collect();
            let read: Vec<_> = found.iter().map(|raw| array_of(key, raw)).collect::<Result<_>>()?;
            let names = expected.iter().map(|(name, _)| &**name).chain(std::iter::repeat("more"));
            let found: Vec<_> = names.zip(&read).map(|(name, array)| (name, Some(array))).collect();
            *state = arrays(key, &expected, &found, state.updates()).map_err(fail)?;
        }
        Ok(staged)
    }
}

fn array_of(key: &str, raw: &RawTensor<'_>) -> Result<crate::array::NdArray> {
    let dims = Dims::from(raw.shape().to_vec());
    to_array(array_type(key, raw.dtype())?, dims, raw.data())
}
