//! The small parts of JSON that headers and indexes are made of, and what is said when they are
//! wrong.
//!
//! Nothing here knows what a header means.

use std::{borrow::Cow, fmt, marker::PhantomData};

use indexmap::{IndexMap, map::Entry};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::{Error, limits::Budget};

/// Start and end.
pub(crate) struct OffsetsSeed;

impl<'a> DeserializeSeed<'a> for OffsetsSeed {
    type Value = [u64; 2];

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for OffsetsSeed {
    type Value = [u64; 2];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("two offsets")
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Self::Value, E> {
        misplaced_string()
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let missing = |count| serde::de::Error::invalid_length(count, &self);
        let start = seq.next_element_seed(Integer)?.ok_or_else(|| missing(0))?;
        let end = seq.next_element_seed(Integer)?.ok_or_else(|| missing(1))?;
        // A third one is refused by the JSON reader, which wants the array's end here.
        Ok([start, end])
    }
}

/// A number that is neither negative nor a fraction.
pub(crate) struct Integer;

impl<'a> DeserializeSeed<'a> for Integer {
    type Value = u64;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<u64, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for Integer {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer from 0")
    }

    fn visit_u64<E>(self, number: u64) -> Result<u64, E> {
        Ok(number)
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<u64, E> {
        misplaced_string()
    }
}

/// serde's own message would quote the string, however long it is. This is why the seeds here
/// call `deserialize_any`: asked for a map, the JSON reader makes that message itself.
pub(crate) fn misplaced_string<T, E: serde::de::Error>() -> Result<T, E> {
    Err(E::custom("a string stands where none may"))
}

/// A string, borrowed from the header unless it has escapes.
pub(crate) struct Text<'a>(PhantomData<&'a str>);

impl Text<'_> {
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<'a> DeserializeSeed<'a> for Text<'a> {
    type Value = Cow<'a, str>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'a> for Text<'a> {
    type Value = Cow<'a, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

/// An object of strings, in the text's order; a key that occurs twice is refused.
pub(crate) struct StringMap<'s> {
    /// What the object's keys are, for the error about one that occurs twice.
    pub(crate) place: &'static str,
    pub(crate) budget: &'s mut Budget,
    /// serde's errors carry text only, so ours waits here while serde's travels up.
    pub(crate) failure: &'s mut Option<Error>,
}

impl<'a> DeserializeSeed<'a> for StringMap<'_> {
    type Value = IndexMap<Cow<'a, str>, Cow<'a, str>>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for StringMap<'_> {
    type Value = IndexMap<Cow<'a, str>, Cow<'a, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings")
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Self::Value, E> {
        misplaced_string()
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let owned = |text: &Cow<'_, str>| if let Cow::Owned(text) = text { text.len() } else { 0 };
        let mut pairs = IndexMap::new();
        while let Some(key) = map.next_key_seed(Text::new())? {
            let value = map.next_value_seed(Text::new())?;
            let spent = self.budget.spend(Budget::PAIR + owned(&key) + owned(&value));
            let result = match (spent, pairs.entry(key)) {
                (Err(failure), _) => Err(failure),
                (Ok(()), Entry::Occupied(pair)) => {
                    let key: &Cow<'_, str> = pair.key();
                    Err(Error::Duplicate { key: key.as_ref().into(), place: self.place })
                }
                (Ok(()), Entry::Vacant(place)) => {
                    place.insert(value);
                    Ok(())
                }
            };
            if let Err(failure) = result {
                *self.failure = Some(failure);
                return Err(serde::de::Error::custom(""));
            }
        }
        Ok(pairs)
    }
}

/// How long the longest string with escapes is; it tells how large a parser's buffer may grow.
pub(crate) fn longest_escaped_string(text: &str) -> usize {
    let (mut longest, mut start, mut escapes) = (0, None, false);
    let mut bytes = text.bytes().enumerate();
    while let Some((place, byte)) = bytes.next() {
        match (byte, start) {
            (b'"', None) => (start, escapes) = (Some(place), false),
            (b'"', Some(begin)) => {
                longest = if escapes { longest.max(place - begin) } else { longest };
                start = None;
            }
            (b'\\', Some(_)) => {
                escapes = true;
                bytes.next();
            }
            _ => {}
        }
    }
    match start {
        Some(begin) if escapes => longest.max(text.len() - begin),
        _ => longest,
    }
}

/// Where in the text it happened: serde gives line and column; a header has one line, but need not.
pub(crate) fn place_of(error: &serde_json::Error, text: &str) -> u64 {
    let lines = text.split_inclusive('\n').take(error.line().saturating_sub(1));
    let before: usize = lines.map(str::len).sum();
    before.saturating_add(error.column().saturating_sub(1)).min(text.len()) as u64
}

/// serde's message without its line and column.
pub(crate) fn reason_of(error: &serde_json::Error) -> Box<str> {
    let text = error.to_string();
    let end = text.rfind(" at line ").unwrap_or(text.len());
    text.get(..end).unwrap_or(&text).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_string_with_escapes_is_found() {
        assert_eq!(longest_escaped_string(r#"{"abc":"\"","d\\":"\u0061bc"}"#), 9);
        assert_eq!(longest_escaped_string(r#"{"abc":"d"}"#), 0);
        assert_eq!(longest_escaped_string(r#"{"ab\""#), 5);
    }

    #[test]
    fn places_count_from_the_start_of_the_text_over_all_lines() {
        let text = "[1,\n 2,\n x]";
        let error = serde_json::from_str::<Vec<u8>>(text).unwrap_err();
        assert_eq!(place_of(&error, text), text.find('x').unwrap() as u64);
        assert_eq!(&*reason_of(&error), "expected value");
    }
}
