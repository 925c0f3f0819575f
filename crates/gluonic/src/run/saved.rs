//! What a run has to remember beside its arrays, as JSON.

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use crate::data::Position;
use crate::error::list;
use crate::random::{Draws, DrawsState, StreamState};

pub(super) struct SavedRun {
    pub(super) step: u64,
    pub(super) stream: StreamState,
    /// Of every block that draws, by path.
    pub(super) draws: IndexMap<Box<str>, DrawsState>,
    /// Of the order of batches on the thread that saved.
    pub(super) order: DrawsState,
    pub(super) data: Option<Position>,
    /// How many averages there are.
    pub(super) averages: usize,
    /// What a loop has to remember.
    pub(super) fit: Option<Value>,
}

impl SavedRun {
    pub(super) fn text(&self) -> String {
        let draws = self.draws.iter().map(|(path, state)| (path.to_string(), of_draws(*state)));
        json!({
            "step": self.step,
            "stream": {"key": hex(self.stream.key), "next": hex(self.stream.next)},
            "draws": draws.collect::<Map<_, _>>(),
            "order": of_draws(self.order),
            "data": self.data.as_ref().map(ToString::to_string),
            "averages": self.averages,
            "fit": self.fit,
        })
        .to_string()
    }

    /// Reads what [`SavedRun::text`] has written; else tells what is wrong.
    pub(super) fn parse(text: &[u8]) -> Result<SavedRun, String> {
        let value: Value = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        let number = |name: &str| {
            let number = value.get(name).and_then(Value::as_u64);
            number.ok_or_else(|| format!("`{name}` is missing, or no number"))
        };
        let stream = value.get("stream").ok_or("`stream` is missing")?;
        let draws = value.get("draws").and_then(Value::as_object).ok_or("`draws` is missing")?;
        let draws = draws.iter();
        let draws = draws.map(|(path, state)| Ok((path.as_str().into(), draws_of(state)?)));
        let data = match value.get("data") {
            Some(Value::String(text)) => Some(text.parse().map_err(|error| format!("{error}"))?),
            _ => None,
        };
        Ok(SavedRun {
            step: number("step")?,
            stream: StreamState { key: key_of(stream, "key")?, next: key_of(stream, "next")? },
            draws: draws.collect::<Result<_, String>>()?,
            order: draws_of(value.get("order").ok_or("`order` is missing")?)?,
            data,
            averages: usize::try_from(number("averages")?).map_err(|error| error.to_string())?,
            fit: value.get("fit").filter(|fit| !fit.is_null()).cloned(),
        })
    }

    /// Whether it is of a run that draws at the same places and has as many averages.
    pub(super) fn check(&self, own: &[(Box<str>, Draws)], averages: usize) -> Result<(), String> {
        let missing = own.iter().filter(|(path, _)| !self.draws.contains_key(path));
        let missing: Vec<Box<str>> = missing.map(|(path, _)| path.clone()).collect();
        let extra = self.draws.keys().filter(|path| own.iter().all(|(known, _)| known != *path));
        let extra: Vec<Box<str>> = extra.cloned().collect();
        if !missing.is_empty() {
            return Err(format!("it has no random draws of {}", list(&missing)));
        }
        if !extra.is_empty() {
            return Err(format!("the model has no random draws at {}", list(&extra)));
        }
        if self.averages != averages {
            return Err(format!("it has {} averages, the run {averages}", self.averages));
        }
        Ok(())
    }
}

fn hex(key: u64) -> String {
    // As text, since numbers of JSON are exact to 53 bits only.
    format!("{key:#x}")
}

fn key_of(value: &Value, name: &str) -> Result<u64, String> {
    let digits = value.get(name).and_then(Value::as_str).and_then(|text| text.strip_prefix("0x"));
    let key = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
    key.ok_or_else(|| format!("`{name}` is missing, or not as `0x2a`"))
}

fn of_draws(state: DrawsState) -> Value {
    json!({"key": hex(state.key), "count": state.count})
}

fn draws_of(value: &Value) -> Result<DrawsState, String> {
    let count = value.get("count").and_then(Value::as_u64);
    let count = count.and_then(|count| u32::try_from(count).ok());
    let count = count.ok_or("`count` is missing, or no number of draws")?;
    Ok(DrawsState { key: key_of(value, "key")?, count })
}
