//! The arguments of an initializer that is made from a text.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::text::{scalar, shown, string};
use super::{Initializer, registry};
use crate::array::{NdArray, Operand, Scalar};
use crate::error::{ArgumentProblem, Error, Result};
use crate::suggest::nearest;

/// Arguments by name. What makes an initializer takes those that it knows, each once; any that is
/// left is an error.
///
/// A null counts as not given.
#[derive(Debug)]
pub struct Args {
    init: Box<str>,
    left: Map<String, Value>,
    known: Vec<Box<str>>,
}

impl Args {
    pub(super) fn new(init: &str, args: Map<String, Value>) -> Self {
        Args { init: init.into(), left: args, known: Vec::new() }
    }

    fn take(&mut self, argument: &str) -> Option<Value> {
        self.known.push(argument.into());
        self.left.shift_remove(argument).filter(|value| !value.is_null())
    }

    fn error(&self, problem: ArgumentProblem) -> Error {
        Error::InitArgument { init: self.init.clone(), problem: Box::new(problem) }
    }

    fn wrong_type(&self, argument: &str, expected: &'static str, found: &Value) -> Error {
        let (argument, found) = (argument.into(), shown(found).into());
        self.error(ArgumentProblem::Type { argument, expected, found })
    }

    /// Takes an argument that `read` understands.
    fn take_as<T>(
        &mut self,
        argument: &str,
        expected: &'static str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(value) = self.take(argument) else { return Ok(None) };
        read(&value).map(Some).ok_or_else(|| self.wrong_type(argument, expected, &value))
    }

    /// A number, an integer or a float as it was written.
    ///
    /// # Errors
    /// [`Error::InitArgument`] if it is something else.
    pub fn number(&mut self, argument: &str) -> Result<Option<Scalar>> {
        self.take_as(argument, "a number", scalar)
    }

    /// A whole number that is not negative.
    ///
    /// # Errors
    /// [`Error::InitArgument`] if it is something else.
    pub fn count(&mut self, argument: &str) -> Result<Option<usize>> {
        let read = |value: &Value| usize::try_from(value.as_u64()?).ok();
        self.take_as(argument, "a whole number", read)
    }

    /// What one of some words stands for.
    ///
    /// # Errors
    /// [`Error::InitArgument`] if it is not a word, [`Error::UnknownWord`] if it is another one.
    pub fn choice<T: Copy>(
        &mut self,
        argument: &'static str,
        words: &[(&str, T)],
    ) -> Result<Option<T>> {
        let read = |value: &Value| string(value).map(str::to_owned);
        let Some(word) = self.take_as(argument, "a word", read)? else { return Ok(None) };
        if let Some((_, meaning)) = words.iter().find(|(known, _)| *known == word) {
            return Ok(Some(*meaning));
        }
        let known = || words.iter().map(|(known, _)| *known);
        let mut near = nearest(&word, known());
        if near.is_empty() {
            // They are few.
            near = known().map(Into::into).collect();
        }
        Err(Error::UnknownWord { kind: argument, nearest: near, word: word.into() })
    }

    /// A number, or nested lists of numbers as an array.
    ///
    /// # Errors
    /// [`Error::InitArgument`] if it is something else or not given.
    pub(super) fn operand(&mut self, argument: &str) -> Result<Operand> {
        self.take_as(argument, "a number or nested lists of numbers of one length", operand)?
            .ok_or_else(|| self.missing(argument))
    }

    /// A list of texts.
    ///
    /// # Errors
    /// [`Error::InitArgument`] if it is something else or not given.
    pub(super) fn words(&mut self, argument: &str) -> Result<Vec<String>> {
        let word = |value: &Value| string(value).map(str::to_owned);
        let read = |value: &Value| value.as_array()?.iter().map(word).collect();
        self.take_as(argument, "a list of texts", read)?.ok_or_else(|| self.missing(argument))
    }

    /// A list of initializers, each a name or a list as `dumps` writes it.
    ///
    /// # Errors
    /// [`Error::InitArgument`] if it is something else or not given; as
    /// [`loads`](super::loads) for each.
    pub(super) fn initializers(&mut self, argument: &str) -> Result<Vec<Arc<dyn Initializer>>> {
        let read = |value: &Value| value.as_array().cloned();
        let list = self.take_as(argument, "a list of initializers", read)?;
        list.ok_or_else(|| self.missing(argument))?.into_iter().map(registry::make).collect()
    }

    pub(super) fn missing(&self, argument: &str) -> Error {
        self.error(ArgumentProblem::Missing { argument: argument.into() })
    }

    pub(super) fn invalid(
        &self,
        argument: &str,
        expected: &'static str,
        found: impl ToString,
    ) -> Error {
        let (argument, found) = (argument.into(), found.to_string().into());
        self.error(ArgumentProblem::Type { argument, expected, found })
    }

    /// Refuses what is left.
    pub(super) fn finish(mut self) -> Result<()> {
        let Some(argument) = self.left.keys().next().map(|argument| argument.as_str().into())
        else {
            return Ok(());
        };
        let known = std::mem::take(&mut self.known).into();
        Err(self.error(ArgumentProblem::Unknown { argument, known }))
    }
}

/// A number, a boolean, or nested lists of one of them.
fn operand(value: &Value) -> Option<Operand> {
    let single = |value: &Value| value.as_bool().map(Scalar::from).or_else(|| scalar(value));
    if let Some(value) = single(value) {
        return Some(Operand::Scalar(value));
    }
    let mut dims = Vec::new();
    let mut level = value;
    while let Value::Array(items) = level {
        dims.push(items.len());
        level = items.first().unwrap_or(&Value::Null);
    }
    let mut values = Vec::new();
    flatten(value, &dims, &mut |value| {
        values.push(single(value)?);
        Some(())
    })?;
    array(&values, dims).map(Operand::Array)
}

/// Visits the leaves of nested lists that have the sizes `dims` everywhere.
fn flatten(
    value: &Value,
    dims: &[usize],
    leaf: &mut impl FnMut(&Value) -> Option<()>,
) -> Option<()> {
    let Some((&n, rest)) = dims.split_first() else { return leaf(value) };
    let items = value.as_array().filter(|items| items.len() == n)?;
    items.iter().try_for_each(|item| flatten(item, rest, leaf))
}

/// An array of the narrowest kind that holds the values: booleans, integers, floats.
fn array(values: &[Scalar], dims: Vec<usize>) -> Option<NdArray> {
    let boolean = |value: &Scalar| match value {
        Scalar::Bool(value) => Some(*value),
        _ => None,
    };
    // Empty lists are floats, as in NumPy.
    if values.is_empty() {
        return NdArray::from_vec(Vec::<f64>::new(), dims).ok();
    }
    if let Some(values) = values.iter().map(boolean).collect::<Option<Vec<_>>>() {
        return NdArray::from_vec(values, dims).ok();
    }
    if let Some(values) = integers::<i64>(values) {
        return NdArray::from_vec(values, dims).ok();
    }
    if let Some(values) = integers::<u64>(values) {
        return NdArray::from_vec(values, dims).ok();
    }
    NdArray::from_vec(values.iter().map(|value| value.to_f64()).collect::<Vec<_>>(), dims).ok()
}

/// The values, if all are integers of the type.
fn integers<T: TryFrom<i128>>(values: &[Scalar]) -> Option<Vec<T>> {
    let integer = |value: &Scalar| match value {
        Scalar::Int(value) => T::try_from(*value).ok(),
        _ => None,
    };
    values.iter().map(integer).collect()
}
