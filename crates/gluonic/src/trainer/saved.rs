//! What a file of states says beside its tensors, as JSON.

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use crate::optim::Setting;

/// Everything but the tensors.
pub(super) struct Saved {
    pub(super) groups: IndexMap<String, SavedGroup>,
    pub(super) rescale_grad: f64,
    pub(super) num_update: u64,
    pub(super) parameters: IndexMap<String, SavedState>,
}

/// What is said of one group of parameters.
pub(super) struct SavedGroup {
    pub(super) optimizer: String,
    pub(super) settings: IndexMap<String, Setting>,
    pub(super) last_lr: Option<f64>,
}

/// What is said of one parameter.
pub(super) struct SavedState {
    pub(super) updates: u64,
    /// The sizes of the parameter, if it had a value.
    pub(super) shape: Option<Vec<usize>>,
    /// The names of the arrays; `None` before the first update.
    pub(super) arrays: Option<Vec<String>>,
    pub(super) master: bool,
}

impl Saved {
    pub(super) fn text(&self) -> String {
        let groups = self.groups.iter().map(|(name, group)| {
            let SavedGroup { optimizer, settings, last_lr } = group;
            let settings = settings.iter().map(|(name, value)| (name.clone(), setting(*value)));
            let settings = settings.collect::<Map<_, _>>();
            let group = json!({"optimizer": optimizer, "settings": settings, "last_lr": last_lr});
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

    /// Reads what [`Saved::text`] has written; else tells what is wrong.
    pub(super) fn parse(text: &str) -> Result<Saved, String> {
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
            optimizer: field("optimizer")?.as_str().ok_or("`optimizer` is no text")?.to_owned(),
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
