//! The two names of a parameter, as two types: [`ParamName`] `dense0_weight`, fixed when the block
//! is built, and [`ParamPath`] `0.weight`, its place in the tree; and patterns on names.
//!
//! Neither is parsed to get the other.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::error::{Error, Result};

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                &*self.0 == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                &*self.0 == *other
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }
    };
}

text_type! {
    /// Gluon's global name of a parameter, such as `dense0_weight`: the key of
    /// [`collect_params`](crate::nn::BlockExt::collect_params), of patterns and of messages.
    ParamName
}
text_type! {
    /// The position of a parameter in a tree of blocks, such as `encoder.1.ffn.0.bias`: the key in
    /// files and the address of its random numbers. A tied parameter has several.
    #[doc(alias = "fqn")]
    ParamPath
}

impl ParamPath {
    /// The path of the child `key` of this path.
    #[must_use]
    pub fn join(&self, key: &str) -> ParamPath {
        if self.is_empty() { key.into() } else { format!("{self}.{key}").into() }
    }
}

/// A pattern on global names with the meaning of Python's `re.match`: it must match from the
/// first letter on, but not up to the last. Look-around is included.
///
/// # Errors
/// [`Error::Pattern`] if it is not a regular expression.
///
/// # Examples
/// ```
/// use gluonic::name::Pattern;
/// let pattern = Pattern::new("dense1")?;
/// assert!(pattern.matches("dense1_weight")? && pattern.matches("dense10_bias")?);
/// assert!(!pattern.matches("net0_dense1_weight")?);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `gluon/block.py`, `Block.collect_params`; expressions by the crate `fancy-regex`.
#[derive(Clone, Debug)]
pub struct Pattern {
    regex: fancy_regex::Regex,
    text: Box<str>,
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// [`Error::Pattern`] if it is not a regular expression.
    pub fn new(pattern: &str) -> Result<Self> {
        let fail = |error: fancy_regex::Error| Error::Pattern {
            pattern: pattern.into(),
            message: error.to_string().into(),
        };
        // The pattern alone first: `a)(b` must not become valid by the parentheses around it.
        fancy_regex::Expr::parse_tree(pattern).map_err(fail)?;
        let regex = fancy_regex::Regex::new(&format!("^(?:{pattern})")).map_err(fail)?;
        Ok(Pattern { regex, text: pattern.into() })
    }

    /// Whether the pattern matches a name from its first letter on.
    ///
    /// # Errors
    /// [`Error::Pattern`] if the expression backtracks beyond its limit on this name.
    pub fn matches(&self, name: &str) -> Result<bool> {
        self.regex.is_match(name).map_err(|error| Error::Pattern {
            pattern: self.text.clone(),
            message: error.to_string().into(),
        })
    }
}

/// How many blocks of each kind have been named.
#[derive(Clone, Debug, Default)]
pub struct Counters(HashMap<Box<str>, usize>);

thread_local! {
    /// Those of this thread.
    static COUNTERS: RefCell<Counters> = RefCell::default();
}

/// Makes counters those of this thread, and returns the ones before: for a language whose scopes
/// are no closures. [`manager`] cannot be left half way.
pub fn set_counters(counters: Counters) -> Counters {
    COUNTERS.replace(counters)
}

/// Runs `f` with fresh counters: the first dense layer in it is `dense0` again. The old counters
/// go on afterwards.
///
/// # Examples
/// ```
/// use gluonic::{name, nn::{BlockExt, Dense}};
/// let first = name::manager(|| Dense::new(1));
/// let second = name::manager(|| Dense::new(1));
/// assert_eq!((first.name(), second.name()), ("dense0".into(), "dense0".into()));
/// ```
///
/// # Source
/// MXNet 1.9.1, `name.py`, class `NameManager`.
pub fn manager<R>(f: impl FnOnce() -> R) -> R {
    struct Restore(Counters);
    impl Drop for Restore {
        fn drop(&mut self) {
            set_counters(std::mem::take(&mut self.0));
        }
    }
    let _restore = Restore(COUNTERS.take());
    f()
}

/// The next name of a kind of block: `dense0`, `dense1`, …
pub(crate) fn next_of(hint: &str) -> String {
    COUNTERS.with_borrow_mut(|counters| {
        let count = counters.0.entry(hint.into()).or_default();
        *count += 1;
        format!("{hint}{}", *count - 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_anchored_at_the_start_only_alternatives_included() {
        let pattern = Pattern::new("b|dense0_w").unwrap();
        assert!(pattern.matches("dense0_weight").unwrap());
        assert!(!pattern.matches("a_dense0_weight").unwrap());
    }

    #[test]
    fn look_behind_works_as_in_python() {
        let pattern = Pattern::new(".*(?<!bias)$").unwrap();
        assert!(pattern.matches("dense0_weight").unwrap());
        assert!(!pattern.matches("dense0_bias").unwrap());
    }

    #[test]
    fn a_pattern_that_closes_our_own_group_is_refused() {
        assert!(matches!(Pattern::new("a)(b"), Err(Error::Pattern { .. })));
    }

    #[test]
    fn paths_join_with_dots() {
        assert_eq!(ParamPath::from("").join("0").join("weight"), "0.weight");
    }
}
