//! The JSON header, read strictly.
//!
//! [`parse`] visits the JSON as it comes, without building a tree, so that a key that occurs
//! twice is seen and memory stays within the budget. Offsets are not compared here.

use std::{borrow::Cow, fmt, ops::Range};

use indexmap::{IndexMap, map::Entry};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::METADATA;
use crate::{
    DType, Error, Format, Limits, Storage, TensorEntry,
    json::{
        Integer, OffsetsSeed, Text, longest_escaped_string, misplaced_string, place_of, reason_of,
    },
    limits::Budget,
};

type Parsed<'a> = (Vec<TensorEntry<'a>>, IndexMap<String, String>);

/// Reads entries, in the header's order and with ranges that count from the start of the data,
/// and metadata.
pub(super) fn parse<'a>(
    text: &'a str,
    limits: &Limits,
    budget: &mut Budget,
) -> Result<Parsed<'a>, Error> {
    let format = Format::Safetensors;
    if !text.starts_with('{') {
        let reason = "it must begin with `{`".into();
        return Err(Error::Header { format, key: None, offset: 8, reason });
    }
    // JSON strings with escapes pass through a buffer that doubles, and are copied out of it.
    budget.spend(longest_escaped_string(text).saturating_mul(3))?;
    let mut state =
        State { limits, budget, failure: None, key: None, entries: Vec::new(), metadata: None };
    let mut json = serde_json::Deserializer::from_str(text);
    let result = json.deserialize_map(HeaderVisitor(&mut state)).and_then(|()| json.end());
    match (state.failure.take(), result) {
        (Some(failure), _) => Err(failure),
        (None, Ok(())) => Ok((state.entries, state.metadata.unwrap_or_default())),
        (None, Err(error)) => Err(Error::Header {
            format,
            key: state.key.map(|key| key.as_ref().into()),
            offset: 8 + place_of(&error, text),
            reason: reason_of(&error),
        }),
    }
}

/// serde's errors carry text only, so ours waits here while serde's travels up.
struct State<'s, 'a> {
    limits: &'s Limits,
    budget: &'s mut Budget,
    failure: Option<Error>,
    key: Option<Cow<'a, str>>,
    entries: Vec<TensorEntry<'a>>,
    metadata: Option<IndexMap<String, String>>,
}

impl State<'_, '_> {
    fn fail<T, E: serde::de::Error>(&mut self, failure: Error) -> Result<T, E> {
        self.failure.get_or_insert(failure);
        Err(E::custom(""))
    }

    fn keep<T, E: serde::de::Error>(&mut self, result: Result<T, Error>) -> Result<T, E> {
        result.or_else(|failure| self.fail(failure))
    }

    fn key(&self) -> Box<str> {
        self.key.as_deref().unwrap_or_default().into()
    }
}

struct HeaderVisitor<'v, 's, 'a>(&'v mut State<'s, 'a>);

impl<'a> Visitor<'a> for HeaderVisitor<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        let state = self.0;
        let format = Format::Safetensors;
        while let Some(key) = map.next_key_seed(Text::new())? {
            state.key = Some(key);
            if state.key.as_deref() == Some(METADATA) {
                if state.metadata.is_some() {
                    let place = "the keys of the header";
                    return state.fail(Error::Duplicate { key: METADATA.into(), place });
                }
                state.metadata = Some(IndexMap::new());
                map.next_value_seed(MetadataSeed(state))?;
                continue;
            }
            let (what, limit) = ("the number of tensors", state.limits.max_tensors);
            let found = state.entries.len() as u64 + 1;
            state.keep(Limits::check(format, what, limit, found))?;
            let (what, limit) = ("the length of a name", state.limits.max_name_bytes);
            let name_len = state.key.as_ref().map_or(0, |key| key.len());
            state.keep(Limits::check(format, what, limit, name_len as u64))?;
            let owned = matches!(state.key, Some(Cow::Owned(_)));
            let cost = Budget::TENSOR + if owned { name_len } else { 0 };
            let spent = state.budget.spend(cost);
            state.keep(spent)?;
            let entry = map.next_value_seed(EntrySeed(state))?;
            state.entries.push(entry);
            state.key = None;
        }
        Ok(())
    }
}

struct MetadataSeed<'v, 's, 'a>(&'v mut State<'s, 'a>);

impl<'a> DeserializeSeed<'a> for MetadataSeed<'_, '_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for MetadataSeed<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings")
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<(), E> {
        misplaced_string()
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        let state = self.0;
        while let Some(key) = map.next_key_seed(Text::new())? {
            let value = map.next_value_seed(Text::new())?;
            let spent = state.budget.spend(Budget::PAIR + key.len() + value.len());
            state.keep(spent)?;
            match state.metadata.get_or_insert_default().entry(key.into_owned()) {
                Entry::Occupied(pair) => {
                    let key = pair.key().as_str().into();
                    return state.fail(Error::Duplicate { key, place: "the metadata" });
                }
                Entry::Vacant(place) => place.insert(value.into_owned()),
            };
        }
        Ok(())
    }
}

/// One tensor's entry; fields that we do not know are skipped, as stock readers do.
struct EntrySeed<'v, 's, 'a>(&'v mut State<'s, 'a>);

impl<'a> DeserializeSeed<'a> for EntrySeed<'_, '_, 'a> {
    type Value = TensorEntry<'a>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for EntrySeed<'_, '_, 'a> {
    type Value = TensorEntry<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `dtype`, `shape` and `data_offsets`")
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Self::Value, E> {
        misplaced_string()
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let state = self.0;
        let (mut dtype, mut shape, mut offsets) = (None, None, None);
        while let Some(field) = map.next_key_seed(Text::new())? {
            let seen = match &*field {
                "dtype" => dtype.replace(map.next_value_seed(Text::new())?).is_some(),
                "shape" => shape.replace(map.next_value_seed(ShapeSeed(state))?).is_some(),
                "data_offsets" => offsets.replace(map.next_value_seed(OffsetsSeed)?).is_some(),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    false
                }
            };
            if seen {
                let key = format!("{}.{field}", state.key()).into();
                return state.fail(Error::Duplicate { key, place: "the keys of the header" });
            }
        }
        let missing = |field| Error::MissingField { name: state.key(), field };
        let (dtype, shape, offsets) = match (dtype, shape, offsets) {
            (Some(dtype), Some(shape), Some(offsets)) => (dtype, shape, offsets),
            (None, ..) => return state.fail(missing("dtype")),
            (_, None, _) => return state.fail(missing("shape")),
            (.., None) => return state.fail(missing("data_offsets")),
        };
        let Some(dtype) = DType::from_safetensors_name(&dtype) else {
            return state.fail(Error::UnknownDType { name: state.key(), found: (*dtype).into() });
        };
        let range = state.keep(range_of(state, offsets))?;
        let name = state.key.clone().unwrap_or_default();
        Ok(TensorEntry { name, dtype, shape, range, storage: Storage::Dense })
    }
}

fn range_of(state: &State<'_, '_>, [start, end]: [u64; 2]) -> Result<Range<usize>, Error> {
    if end < start {
        return Err(Error::OffsetsReversed { name: state.key(), start, end });
    }
    let what = "an offset";
    let limit = |offset| Limits::check(Format::Safetensors, what, usize::MAX, offset);
    Ok(limit(start)?..limit(end)?)
}

struct ShapeSeed<'v, 's, 'a>(&'v mut State<'s, 'a>);

impl<'a> DeserializeSeed<'a> for ShapeSeed<'_, '_, 'a> {
    type Value = Vec<usize>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for ShapeSeed<'_, '_, 'a> {
    type Value = Vec<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of dims")
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Self::Value, E> {
        misplaced_string()
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<Vec<usize>, A::Error> {
        let (state, format) = (self.0, Format::Safetensors);
        let mut shape = Vec::new();
        while let Some(dim) = seq.next_element_seed(Integer)? {
            let (what, limit) = ("the number of dims", state.limits.max_rank);
            state.keep(Limits::check(format, what, limit, shape.len() as u64 + 1))?;
            // Twice a dim's size, as a vector that grows may be half empty.
            let spent = state.budget.spend(2 * size_of::<usize>());
            state.keep(spent)?;
            shape.push(state.keep(Limits::check(format, "a dim", usize::MAX, dim))?);
        }
        Ok(shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_with(text: &str, limits: &Limits) -> Result<usize, Error> {
        let mut budget = Budget::new(Format::Safetensors, limits, text.len());
        parse(text, limits, &mut budget).map(|(entries, metadata)| entries.len() + metadata.len())
    }

    #[track_caller]
    fn refused(text: &str) -> Error {
        parse_with(text, &Limits::default()).unwrap_err()
    }

    const ENTRY: &str = r#"{"dtype":"U8","shape":[1],"data_offsets":[0,1]}"#;

    #[test]
    fn a_key_that_occurs_twice_is_refused() {
        let metadata = r#"{"__metadata__":{"k":"1","k":"2"}}"#;
        assert!(matches!(refused(metadata), Error::Duplicate { place: "the metadata", .. }));
        let twice = r#"{"__metadata__":{},"__metadata__":{}}"#;
        assert!(matches!(refused(twice), Error::Duplicate { .. }));
        let field = r#"{"w":{"dtype":"U8","shape":[1],"shape":[2],"data_offsets":[0,1]}}"#;
        match refused(field) {
            Error::Duplicate { key, .. } => assert_eq!(&*key, "w.shape"),
            other => panic!("{other:?}"),
        }
        // Names are compared by the caller, after escapes are resolved.
        let tensors = format!(r#"{{"a":{ENTRY},"\u0061":{ENTRY}}}"#);
        let mut bytes = (tensors.len() as u64).to_le_bytes().to_vec();
        bytes.extend(tensors.as_bytes());
        bytes.push(0);
        match super::super::read(&bytes, &Limits::default()) {
            Err(Error::Duplicate { key, .. }) => assert_eq!(&*key, "a"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn fields_that_we_do_not_know_are_skipped() {
        let text = r#"{"w":{"dtype":"U8","x":[{"y":null}],"shape":[1],"data_offsets":[0,1]}}"#;
        assert_eq!(parse_with(text, &Limits::default()).unwrap(), 1);
    }

    #[test]
    fn malformed_headers_are_refused_with_place_and_entry() {
        match refused(r#"{"w":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}"#) {
            Error::Header { key: Some(key), offset, .. } => {
                assert_eq!(&*key, "w");
                assert!((30..50).contains(&offset), "{offset}");
            }
            other => panic!("{other:?}"),
        }
        for text in [
            "",
            "[]",
            "{",
            " {}",
            "{}x",
            "{} {}",
            r#"{"w":1}"#,
            r#"{"w":[]}"#,
            r#"{"w":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}}"#,
            r#"{"w":{"dtype":"U8","shape":[18446744073709551616],"data_offsets":[0,1]}}"#,
            r#"{"w":{"dtype":"U8","shape":[1],"data_offsets":[0]}}"#,
            r#"{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}}"#,
            r#"{"w":{"dtype":8,"shape":[1],"data_offsets":[0,1]}}"#,
            r#"{"__metadata__":{"a":1}}"#,
            r#"{"__metadata__":null}"#,
            "{\"a\nb\":{}}",
            r#"{"\ud800":{}}"#,
        ] {
            assert!(matches!(refused(text), Error::Header { .. }), "{text}");
        }
    }

    #[test]
    fn a_missing_field_or_an_unknown_type_is_named() {
        let error = refused(r#"{"w":{"dtype":"U8","shape":[1]}}"#);
        assert_eq!(error.to_string(), "tensor `w` has no field `data_offsets`");
        let error = refused(r#"{"w":{"dtype":"Q8","shape":[1],"data_offsets":[0,1]}}"#);
        assert_eq!(error.to_string(), "tensor `w` has the unknown element type `Q8`");
    }

    #[test]
    fn a_misplaced_string_is_not_quoted_in_the_message() {
        let long = "\x7f".repeat(1_000);
        for text in [
            format!(r#"{{"w":"{long}"}}"#),
            format!(r#"{{"__metadata__":"{long}"}}"#),
            format!(r#"{{"w":{{"shape":"{long}"}}}}"#),
            format!(r#"{{"w":{{"shape":["{long}"]}}}}"#),
            format!(r#"{{"w":{{"data_offsets":"{long}"}}}}"#),
            format!(r#"{{"w":{{"data_offsets":["{long}"]}}}}"#),
        ] {
            match refused(&text) {
                Error::Header { reason, .. } => assert!(reason.len() < 100, "{}", reason.len()),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn deep_nesting_does_not_exhaust_the_stack() {
        let text = format!(r#"{{"w":{{"x":{}"#, "[".repeat(100_000));
        assert!(matches!(refused(&text), Error::Header { .. }));
    }

    #[test]
    fn a_header_bomb_is_refused_before_it_fills_the_memory() {
        let limits = Limits { memory_floor: 10_000, ..Limits::default() };
        let entry = r#""":{"dtype":"U8","shape":[],"data_offsets":[0,1]},"#;
        let text = format!("{{{}", entry.repeat(1_000));
        let error = parse_with(&text, &limits).unwrap_err();
        assert!(matches!(error, Error::Limit { what: "memory for the reader", .. }), "{error}");
        let pairs = format!(r#"{{"__metadata__":{{{}"#, r#""":"","#.repeat(2));
        assert!(matches!(refused(&pairs), Error::Duplicate { .. }));
        let dims = format!(r#"{{"w":{{"shape":[{}"#, "0,".repeat(1_000));
        assert!(matches!(refused(&dims), Error::Limit { what: "the number of dims", .. }));
        let few = Limits { max_tensors: 2, ..Limits::default() };
        assert!(matches!(parse_with(&text, &few), Err(Error::Limit { limit: 2, found: 3, .. })));
        let short = Limits { max_name_bytes: 2, ..Limits::default() };
        let named = format!(r#"{{"abc":{ENTRY}}}"#);
        assert!(matches!(parse_with(&named, &short), Err(Error::Limit { found: 3, .. })));
    }
}
