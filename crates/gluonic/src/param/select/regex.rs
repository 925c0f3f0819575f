//! Regular expressions on paths and names, which must match from the first character to the last.

use std::fmt;

use crate::error::{Error, Result};

/// The number of steps that an expression with look-around may need for one name.
const STEPS: usize = 100_000;

/// The number of instructions that an expression with look-around may become.
const INSTRUCTIONS: usize = 100_000;

/// The bytes that an expression without look-around may become.
const BYTES: usize = 4 << 20;

#[derive(Clone)]
pub(super) struct Regex {
    regex: fancy_regex::Regex,
    text: Box<str>,
}

impl Regex {
    pub(super) fn new(text: &str) -> Result<Regex, fancy_regex::Error> {
        // The text alone first: `a)(b` must not become valid by the parentheses around it.
        fancy_regex::Expr::parse_tree(text)?;
        let regex = fancy_regex::RegexBuilder::new(&format!(r"(?s)\A(?:{text})\z"))
            .backtrack_limit(STEPS)
            .max_prog_size(INSTRUCTIONS)
            .delegate_size_limit(BYTES)
            .build()?;
        Ok(Regex { regex, text: text.into() })
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn matches(&self, name: &str) -> Result<bool> {
        self.regex.is_match(name).map_err(|error| Error::Pattern {
            pattern: self.text.clone(),
            message: error.to_string().into(),
        })
    }
}

impl PartialEq for Regex {
    fn eq(&self, other: &Regex) -> bool {
        self.text == other.text
    }
}

impl Eq for Regex {}

impl fmt::Debug for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}
