//! Where initial values came from, as a file's metadata tells it: a JSON object by key.
//!
//! ```json
//! {"0.weight": {"key": "0x2a", "initializer": "[\"xavier\", {…}]"}}
//! ```
//! `path` stands beside `key` where the address has another path than the tensor. Only values that
//! are still the initial ones are listed: for a trained one it would be a lie.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::param::{Parameter, Provenance};
use crate::random::Address;

/// The metadata entry.
pub(super) const PROVENANCE: &str = "gluonic.provenance";

/// Provenance by key.
pub(super) type ByKey = HashMap<Box<str>, Provenance, foldhash::fast::RandomState>;

/// Adds a parameter to the entry, if its value is its initial one.
pub(super) fn add(entry: &mut Map<String, Value>, key: &str, parameter: &Parameter) {
    let Some(origin) = parameter.origin().filter(|origin| origin.initial) else { return };
    let Provenance { address, initializer } = origin.provenance;
    // As text, since numbers of JSON are exact to 53 bits only.
    let mut about = Map::from_iter([("key".to_owned(), format!("{:#x}", address.key()).into())]);
    if address.path() != key {
        about.insert("path".to_owned(), address.path().into());
    }
    about.insert("initializer".to_owned(), initializer.into());
    entry.insert(key.to_owned(), about.into());
}

/// What an entry says. What another writer has put there is not ours to judge: it says nothing.
pub(super) fn parse(text: &str) -> ByKey {
    let Ok(Value::Object(entry)) = serde_json::from_str(text) else { return ByKey::default() };
    let one = |(key, about): (String, Value)| {
        let number = about.get("key")?.as_str()?.strip_prefix("0x")?;
        let number = u64::from_str_radix(number, 16).ok()?;
        let path = about.get("path").and_then(Value::as_str).unwrap_or(&key);
        let initializer = about.get("initializer")?.as_str()?.to_owned();
        let provenance = Provenance { address: Address::new(number, path), initializer };
        Some((key.into(), provenance))
    };
    entry.into_iter().filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nonsense_says_nothing() {
        let parameter = Parameter::new("w", 2);
        parameter.initialize().unwrap();
        let mut entry = Map::new();
        add(&mut entry, "a.w", &parameter);
        add(&mut entry, "w", &parameter);
        let text = Value::Object(entry).to_string();
        let parsed = parse(&text);
        assert_eq!(parsed["a.w"], parameter.provenance().unwrap());
        assert_eq!(parsed["w"], parsed["a.w"]);
        for text in ["", "[]", "{\"w\": 1}", "{\"w\": {\"key\": \"0xzz\", \"initializer\": \"\"}}"]
        {
            assert!(parse(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn an_edited_value_claims_nothing() {
        let parameter = Parameter::new("w", 2);
        parameter.initialize().unwrap();
        parameter.data().unwrap().add_assign(1.0).unwrap();
        let mut entry = Map::new();
        add(&mut entry, "w", &parameter);
        assert!(entry.is_empty());
    }
}
