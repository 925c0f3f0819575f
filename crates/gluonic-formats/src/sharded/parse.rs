//! The JSON of an index, visited as it comes, so that a key that occurs twice is seen.

use std::{borrow::Cow, fmt};

use indexmap::IndexMap;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::{
    Error,
    json::{StringMap, Text, misplaced_string},
    limits::Budget,
};

pub(super) type Metadata = IndexMap<String, String>;
pub(super) type WeightMap<'a> = IndexMap<Cow<'a, str>, Cow<'a, str>>;

pub(super) struct IndexVisitor<'v> {
    pub(super) budget: &'v mut Budget,
    pub(super) failure: &'v mut Option<Error>,
}

impl<'a> DeserializeSeed<'a> for IndexVisitor<'_> {
    type Value = (Option<Metadata>, Option<WeightMap<'a>>);

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for IndexVisitor<'_> {
    type Value = (Option<Metadata>, Option<WeightMap<'a>>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `weight_map`")
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Self::Value, E> {
        misplaced_string()
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Self { budget, failure } = self;
        let (mut metadata, mut weight_map) = (None, None);
        while let Some(key) = map.next_key_seed(Text::new())? {
            let (budget, failure) = (&mut *budget, &mut *failure);
            let seen = match &*key {
                "metadata" => {
                    let value = map.next_value_seed(MetadataSeed { budget, failure })?;
                    metadata.replace(value).is_some()
                }
                "weight_map" => {
                    let place = "the tensors of the index";
                    let value = map.next_value_seed(StringMap { place, budget, failure })?;
                    weight_map.replace(value).is_some()
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    false
                }
            };
            if seen {
                let place = "the keys of the index";
                *failure = Some(Error::Duplicate { key: (*key).into(), place });
                return Err(serde::de::Error::custom(""));
            }
        }
        Ok((metadata, weight_map))
    }
}

struct MetadataSeed<'v> {
    budget: &'v mut Budget,
    failure: &'v mut Option<Error>,
}

impl<'a> DeserializeSeed<'a> for MetadataSeed<'_> {
    type Value = Metadata;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Metadata, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for MetadataSeed<'_> {
    type Value = Metadata;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Metadata, E> {
        misplaced_string()
    }

    /// `null`, which stands for no metadata.
    fn visit_unit<E>(self) -> Result<Metadata, E> {
        Ok(Metadata::new())
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Metadata, A::Error> {
        let mut metadata = Metadata::new();
        while let Some(key) = map.next_key_seed(Text::new())? {
            let Some(value) = map.next_value_seed(Scalar)? else { continue };
            let result = match self.budget.spend(Budget::PAIR + key.len() + value.len()) {
                Ok(()) if metadata.contains_key(&*key) => {
                    Err(Error::Duplicate { key: (*key).into(), place: "the metadata" })
                }
                other => other,
            };
            if let Err(failure) = result {
                *self.failure = Some(failure);
                return Err(serde::de::Error::custom(""));
            }
            metadata.insert(key.into_owned(), value.into_owned());
        }
        Ok(metadata)
    }
}

/// A text, number or truth value as text; `None` for all else.
struct Scalar;

impl<'a> DeserializeSeed<'a> for Scalar {
    type Value = Option<Cow<'a, str>>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Scalar {
    type Value = Option<Cow<'a, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(number.to_string().into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(number.to_string().into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Some(format!("{number:?}").into()))
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Self::Value, E> {
        Ok(Some(truth.to_string().into()))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}
