//! What a file of states says beside its tensors, as JSON.

use std::collections::BTreeMap;
use std::path::Path;

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use crate::array::NdArray;
use crate::checkpoint::{Checkpoint, save_arrays};
use crate::error::{Mismatch, Names, Result, StatesProblem, UnknownShape};
use crate::optim::Setting;
use crate::param::Parameter;
use crate::shape::{Dims, Shape};

/// What is written to a file of states: of a trainer, or of averages.
#[derive(Clone, Debug)]
pub(crate) struct SavedArrays {
    pub(crate) tensors: Vec<(Box<str>, NdArray)>,
    /// The key of the metadata, and what is there: [`Saved::text`].
    pub(crate) metadata: (&'static str, String),
}

impl SavedArrays {
    pub(crate) fn save(&self, file: &Path) -> Result<()> {
        let (key, text) = &self.metadata;
        save_arrays(file, &self.tensors, &IndexMap::from([((*key).to_owned(), text.clone())]))
    }
}

/// Everything but the tensors.
pub(crate) struct Saved {
    pub(crate) groups: IndexMap<String, SavedGroup>,
    pub(crate) rescale_grad: f64,
    pub(crate) num_update: u64,
    pub(crate) parameters: IndexMap<String, SavedState>,
}

/// What is said of one group of parameters.
pub(crate) struct SavedGroup {
    /// The name of the optimizer, or of the kind of average.
    pub(crate) rule: String,
    pub(crate) settings: IndexMap<String, Setting>,
    pub(crate) last_lr: Option<f64>,
}

/// What is said of one parameter.
pub(crate) struct SavedState {
    pub(crate) updates: u64,
    /// The sizes of the parameter, if it had a value.
    pub(crate) shape: Option<Vec<usize>>,
    /// The names of the arrays; `None` before the first update.
    pub(crate) arrays: Option<Vec<String>>,
    pub(crate) master: bool,
}

impl Saved {
    pub(crate) fn text(&self) -> String {
        let groups = self.groups.iter().map(|(name, group)| {
            let SavedGroup { rule, settings, last_lr } = group;
            let settings = settings.iter().map(|(name, value)| (name.clone(), setting(*value)));
            let settings = settings.collect::<Map<_, _>>();
            let group = json!({"rule": rule, "settings": settings, "last_lr": last_lr});
            (name.clone(), group)
        });
        let parameters = self.parameters.iter().map(|(key, state)| {
            let SavedState { updates, shape, arrays, master } = state;
            let state =
                json!({"updates": updates, "shape": shape, "arrays": arrays, "master": master});
            (key.clone(), state)
        });
        json!({
            "groups": groups.collect::<Map<_, _>>(),
            "rescale_grad": self.rescale_grad,
            "num_update": self.num_update,
            "parameters": parameters.collect::<Map<_, _>>(),
        })
        .to_string()
    }

    /// What the metadata of a file says under a key.
    pub(crate) fn of(checkpoint: &Checkpoint, key: &str) -> Result<Saved, StatesProblem> {
        let text = checkpoint.metadata().get(key).ok_or(StatesProblem::None)?;
        Saved::parse(text).map_err(|text| StatesProblem::Text(text.into()))
    }

    /// Reads what [`Saved::text`] has written; else tells what is wrong.
    fn parse(text: &str) -> Result<Saved, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let field = |name: &str| value.get(name).ok_or_else(|| format!("`{name}` is missing"));
        let groups = entries(field("groups")?, "groups")?.iter();
        let groups = groups.map(|(name, value)| Ok((name.clone(), SavedGroup::of(value)?)));
        let parameters = entries(field("parameters")?, "parameters")?.iter();
        let parameters = parameters.map(|(key, value)| Ok((key.clone(), SavedState::of(value)?)));
        Ok(Saved {
            groups: groups.collect::<Result<_, String>>()?,
            rescale_grad: field("rescale_grad")?.as_f64().ok_or("`rescale_grad` is no number")?,
            num_update: field("num_update")?.as_u64().ok_or("`num_update` is no number")?,
            parameters: parameters.collect::<Result<_, String>>()?,
        })
    }

    /// Whether it is of these parameters.
    pub(crate) fn compare<'p>(
        &self,
        own: impl Iterator<Item = (&'p str, &'p Parameter)>,
    ) -> Result<(), StatesProblem> {
        let own: BTreeMap<&str, &Parameter> = own.collect();
        let missing = own.keys().filter(|key| !self.parameters.contains_key(**key));
        let missing: Names = missing.map(|key| (*key).into()).collect();
        let extra = self.parameters.keys().filter(|key| !own.contains_key(key.as_str()));
        let extra: Names = extra.map(|key| key.as_str().into()).collect();
        if !missing.is_empty() || !extra.is_empty() {
            return Err(StatesProblem::Parameters { missing, extra });
        }
        for (key, state) in &self.parameters {
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
}

impl SavedGroup {
    fn of(value: &Value) -> Result<SavedGroup, String> {
        let field = |name: &str| value.get(name).ok_or_else(|| format!("`{name}` is missing"));
        let settings = entries(field("settings")?, "settings")?.iter();
        let settings = settings.map(|(name, value)| {
            let wrong = || format!("the setting `{name}` is {value}");
            Ok((name.clone(), setting_of(value).ok_or_else(wrong)?))
        });
        Ok(SavedGroup {
            rule: field("rule")?.as_str().ok_or("`rule` is no text")?.to_owned(),
            settings: settings.collect::<Result<_, String>>()?,
            last_lr: field("last_lr")?.as_f64(),
        })
    }
}

impl SavedState {
    fn of(value: &Value) -> Result<SavedState, String> {
        let field = |name: &str| &value[name];
        let list = |name: &str| match field(name) {
            Value::Null => Ok(None),
            Value::Array(items) => Ok(Some(items)),
            other => Err(format!("`{name}` is {other}")),
        };
        let size = |value: &Value| value.as_u64().and_then(|size| usize::try_from(size).ok());
        let sizes = |items: &Vec<Value>| {
            let sizes = items.iter().map(size).collect::<Option<Vec<_>>>();
            sizes.ok_or("`shape` holds something else than sizes")
        };
        let word = |value: &Value| value.as_str().map(str::to_owned);
        let words = |items: &Vec<Value>| {
            let words = items.iter().map(word).collect::<Option<Vec<_>>>();
            words.ok_or("`arrays` holds something else than names")
        };
        Ok(SavedState {
            updates: field("updates").as_u64().ok_or("`updates` is no number")?,
            shape: list("shape")?.map(sizes).transpose()?,
            arrays: list("arrays")?.map(words).transpose()?,
            master: field("master").as_bool().ok_or("`master` is neither true nor false")?,
        })
    }
}

fn entries<'v>(value: &'v Value, name: &str) -> Result<&'v Map<String, Value>, String> {
    value.as_object().ok_or_else(|| format!("`{name}` is no object"))
}

/// A number has a point or an exponent, a key has neither.
fn setting(setting: Setting) -> Value {
    match setting {
        Setting::Number(value) => value.into(),
        Setting::Flag(value) => value.into(),
        Setting::Key(value) => value.into(),
        Setting::Off => Value::Null,
    }
}

fn setting_of(value: &Value) -> Option<Setting> {
    match value {
        Value::Null => Some(Setting::Off),
        Value::Bool(value) => Some(Setting::Flag(*value)),
        Value::Number(number) => match number.as_u64() {
            Some(key) => Some(Setting::Key(key)),
            None => number.as_f64().map(Setting::Number),
        },
        _ => None,
    }
}
