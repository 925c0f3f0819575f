//! Where arrays are: a [`Context`] names a device, and every thread has a current one.
//!
//! New arrays are made on the current context, `cpu(0)` if nobody says otherwise; [`with`] changes
//! it for a closure. What an operation computes is where its inputs are, and inputs that are not
//! together are refused. All contexts share the memory of this machine, so that a context costs
//! nothing but a number: they are for parameters that hold a replica for each of several threads,
//! and for programs that were written for several devices.

use std::cell::Cell;
use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::suggest::nearest;

/// The place of an array: one of the devices of this machine.
///
/// # Examples
/// ```
/// use gluonic::{Context, DType, NdArray, context};
/// let second: Context = "cpu(1)".parse()?;
/// assert_eq!(second, Context::cpu(1));
/// let x = context::with(second, || NdArray::ones(3, DType::F32))?;
/// assert_eq!((&x * 2.0)?.context().to_string(), "cpu(1)");
/// assert_eq!("gpu(0)".parse::<Context>().unwrap_err().hint().unwrap(), "did you mean `cpu(0)`?");
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `context.py`, class `Context`.
#[doc(alias = "Device", alias = "ctx")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Context(u16);

impl Context {
    /// The processor, under a number: those of different numbers are different contexts.
    pub const fn cpu(number: u16) -> Context {
        Context(number)
    }

    /// Its number.
    pub const fn number(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("cpu({})", self.0))
    }
}

impl FromStr for Context {
    type Err = Error;

    /// Reads what `Display` writes.
    ///
    /// # Errors
    /// [`Error::UnknownWord`], with the nearest context.
    fn from_str(text: &str) -> Result<Context> {
        let number = |text: &str| text.strip_prefix("cpu(")?.strip_suffix(')')?.parse().ok();
        number(text).map(Context).ok_or_else(|| {
            let digits: String = text.chars().filter(char::is_ascii_digit).collect();
            let meant = Context(digits.parse().unwrap_or_default()).to_string();
            let nearest = nearest(text, [&*meant]);
            Error::UnknownWord { kind: "context", word: text.into(), nearest }
        })
    }
}

thread_local! {
    static CURRENT: Cell<Context> = const { Cell::new(Context::cpu(0)) };
}

/// The context on which this thread makes new arrays.
#[doc(alias = "current_context")]
#[inline]
pub fn current() -> Context {
    CURRENT.get()
}

/// Puts the context back when a closure is left, by return or by panic.
struct Restore(Context);

impl Drop for Restore {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

/// Runs `f` with another current context on this thread.
///
/// # Examples
/// ```
/// use gluonic::{Context, context};
/// assert_eq!(context::with(Context::cpu(2), context::current), Context::cpu(2));
/// assert_eq!(context::current(), Context::cpu(0));
/// ```
#[inline]
pub fn with<R>(context: Context, f: impl FnOnce() -> R) -> R {
    let _restore = Restore(CURRENT.replace(context));
    f()
}

/// Makes a context the current one of this thread, and returns the one before: for a language whose
/// scopes are no closures. [`with`] cannot be left half way.
pub fn set_current(context: Context) -> Context {
    CURRENT.replace(context)
}

/// A list of contexts that a parameter can be on: one or more, each once.
pub(crate) fn check_list(contexts: &[Context]) -> Result<()> {
    let repeated = |i: usize| contexts[..i].contains(&contexts[i]);
    if contexts.is_empty() || (0..contexts.len()).any(repeated) {
        let (setting, expected) = ("contexts", "one or more, each once");
        return Err(Error::Setting { setting, expected, found: in_brackets(contexts).into() });
    }
    Ok(())
}

/// `[cpu(0), cpu(1)]`.
pub(crate) fn in_brackets(contexts: &[Context]) -> String {
    let words: Vec<String> = contexts.iter().map(ToString::to_string).collect();
    format!("[{}]", words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_nest_and_unwind_with_a_panic() {
        with(Context::cpu(1), || {
            with(Context::cpu(2), || assert_eq!(current(), Context::cpu(2)));
            let _ = std::panic::catch_unwind(|| with(Context::cpu(3), || panic!("inside")));
            assert_eq!(current(), Context::cpu(1));
        });
        assert_eq!(current(), Context::cpu(0));
    }

    #[test]
    fn texts_are_read_as_they_are_written_and_others_are_refused() {
        for number in [0, 7, u16::MAX] {
            let context = Context::cpu(number);
            assert_eq!(context.to_string().parse::<Context>().unwrap(), context);
        }
        for text in ["cpu", "cpu()", "cpu(-1)", "cpu(65536)", "cpu(1", "", "cpu(1))", "CPU(1)"] {
            assert!(text.parse::<Context>().is_err(), "{text}");
        }
        assert_eq!(
            "cpu3".parse::<Context>().unwrap_err().hint().unwrap(),
            "did you mean `cpu(3)`?"
        );
    }

    #[test]
    fn a_list_has_each_context_once() {
        let (a, b) = (Context::cpu(0), Context::cpu(1));
        assert!(check_list(&[b, a]).is_ok());
        assert!(check_list(&[]).is_err());
        assert_eq!(
            check_list(&[a, b, a]).unwrap_err().to_string(),
            "`contexts` must be one or more, each once, found [cpu(0), cpu(1), cpu(0)]"
        );
    }
}
