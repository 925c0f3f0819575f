//! The arguments of a layer, loss, optimizer or initializer. Whatever the library does not offer
//! makes a case one for later.

use gluonic::Dims;
use serde_json::Value;

use super::json::number;
use super::{Check, Problem};

/// Named arguments, of which those that are understood are taken one by one.
#[derive(Debug)]
pub(super) struct Args<'a> {
    of: String,
    left: Vec<(&'a str, &'a Value)>,
}

impl<'a> Args<'a> {
    /// The arguments of the thing that `of` describes. Null is none.
    pub(super) fn new(of: impl Into<String>, args: &'a Value) -> Self {
        let args = args.as_object().into_iter().flatten();
        Args { of: of.into(), left: args.map(|(key, value)| (key.as_str(), value)).collect() }
    }

    /// Takes an argument, if it is there and not null.
    pub(super) fn take(&mut self, key: &str) -> Option<&'a Value> {
        let place = self.left.iter().position(|(known, _)| *known == key)?;
        Some(self.left.remove(place).1).filter(|value| !value.is_null())
    }

    fn take_as<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Check<Option<T>> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let fail = || Problem::Differs(format!("argument `{key}` of {} is {value}", self.of));
        read(value).map(Some).ok_or_else(fail)
    }

    pub(super) fn number(&mut self, key: &str) -> Check<Option<f64>> {
        self.take_as(key, number)
    }

    pub(super) fn integer(&mut self, key: &str) -> Check<Option<i64>> {
        self.take_as(key, Value::as_i64)
    }

    pub(super) fn count(&mut self, key: &str) -> Check<Option<usize>> {
        self.take_as(key, |value| usize::try_from(value.as_u64()?).ok())
    }

    pub(super) fn flag(&mut self, key: &str) -> Check<Option<bool>> {
        self.take_as(key, Value::as_bool)
    }

    pub(super) fn word(&mut self, key: &str) -> Check<Option<&'a str>> {
        self.take_as(key, Value::as_str)
    }

    /// A size, or one for each axis.
    pub(super) fn dims(&mut self, key: &str) -> Check<Option<Dims>> {
        let size = |value: &Value| usize::try_from(value.as_u64()?).ok();
        self.take_as(key, |value| match value.as_array() {
            Some(sizes) => sizes.iter().map(size).collect::<Option<Vec<_>>>().map(Dims::from),
            None => size(value).map(Dims::from),
        })
    }

    /// Takes all that are left, but for nulls.
    pub(super) fn rest(self) -> impl Iterator<Item = (&'a str, &'a Value)> {
        self.left.into_iter().filter(|(_, value)| !value.is_null())
    }

    /// All must have been taken: what is left the library does not offer.
    pub(super) fn finish(self) -> Check {
        match self.left.first() {
            None => Ok(()),
            Some((key, _)) => Err(Problem::Later(format!("argument `{key}` of {}", self.of))),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn arguments_that_are_left_come_later() {
        let value = json!({"units": 3, "activation": null, "groups": 2});
        let mut args = Args::new("layer `dense`", &value);
        assert_eq!(args.count("units"), Ok(Some(3)));
        assert_eq!(args.word("activation"), Ok(None));
        let later = Problem::Later("argument `groups` of layer `dense`".into());
        assert_eq!(args.finish(), Err(later));
    }

    #[test]
    fn an_argument_of_another_type_is_a_difference() {
        let value = json!({"units": -3});
        let error = Args::new("layer `dense`", &value).count("units").unwrap_err();
        assert_eq!(error, Problem::differs("argument `units` of layer `dense` is -3"));
    }
}
