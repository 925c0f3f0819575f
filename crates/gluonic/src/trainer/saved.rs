//! What a file of states or of averages says beside its tensors, as JSON.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use crate::error::{Mismatch, Names, StatesProblem, UnknownShape};
use crate::optim::Setting;
use crate::param::Parameter;
use crate::shape::{Dims, Shape};

/// Everything but the tensors.
pub(crate) struct Saved {
    /// Of the optimizer, or of the kind of average.
    pub(crate) name: String,
    pub(crate) settings: IndexMap<String, Setting>,
    pub(crate) num_update: u64,
    /// Of a trainer alone.
    pub(crate) rates: Option<Rates>,
    pub(crate) parameters: IndexMap<String, SavedState>,
}

/// What a trainer multiplies by.
#[derive(Clone, Copy)]
pub(crate) struct Rates {
    pub(crate) rescale_grad: f64,
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
        let settings = self.settings.iter().map(|(name, value)| (name.clone(), setting(*value)));
        let parameters = self.parameters.iter().map(|(key, state)| {
            let SavedState { updates, shape, arrays, master } = state;
            let state =
                json!({"updates": updates, "shape": shape, "arrays": arrays, "master": master});
            (key.clone(), state)
        });
        let mut text = json!({
            "name": self.name,
            "settings": settings.collect::<Map<_, _>>(),
            "num_update": self.num_update,
            "parameters": parameters.collect::<Map<_, _>>(),
        });
        if let Some(Rates { rescale_grad, last_lr }) = self.rates {
            text["rescale_grad"] = rescale_grad.into();
            text["last_lr"] = last_lr.into();
        }
        text.to_string()
    }

    /// Reads what [`Saved::text`] has written; else tells what is wrong.
    pub(crate) fn parse(text: &str) -> Result<Saved, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let field = |name: &str| value.get(name).ok_or_else(|| format!("`{name}` is missing"));
        let settings = entries(field("settings")?, "settings")?.iter();
        let settings = settings.map(|(name, value)| {
            let wrong = || format!("the setting `{name}` is {value}");
            Ok((name.clone(), setting_of(value).ok_or_else(wrong)?))
        });
        let parameters = entries(field("parameters")?, "parameters")?.iter();
        let parameters = parameters.map(|(key, value)| Ok((key.clone(), SavedState::of(value)?)));
        let rates = value.get("rescale_grad").map(|rescale_grad| {
            let rescale_grad = rescale_grad.as_f64().ok_or("`rescale_grad` is no number")?;
            Ok::<_, String>(Rates { rescale_grad, last_lr: field("last_lr")?.as_f64() })
        });
        Ok(Saved {
            name: field("name")?.as_str().ok_or("`name` is no text")?.to_owned(),
            settings: settings.collect::<Result<_, String>>()?,
            num_update: field("num_update")?.as_u64().ok_or("`num_update` is no number")?,
            rates: rates.transpose()?,
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
