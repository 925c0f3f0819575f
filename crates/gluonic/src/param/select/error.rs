//! Why a text is no selector, and why a selector selects nothing.

use std::fmt;

use crate::error::Names;
use crate::excerpt;

/// Where a text is not a selector, and what was expected there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectorError {
    /// The text.
    pub text: Box<str>,
    /// The position, in characters from 0; the number of all characters if the text ended too
    /// early.
    pub at: usize,
    /// What was expected there.
    pub expected: Box<str>,
    /// The known words most like what was found.
    pub nearest: Names,
}

impl fmt::Display for SelectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot read the selector: expected {}", self.expected)?;
        excerpt::write(f, &self.text, Some(self.at))
    }
}

/// What a selector takes no parameter of, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NothingSelected {
    /// The selector.
    pub selector: Box<str>,
    /// What was selected from; empty if it has no name.
    pub source: Box<str>,
    /// The number of parameters there.
    pub total: usize,
    /// The first term that matches nothing; `None` if each matches something.
    pub term: Option<Box<str>>,
    /// The paths, names or tags most like that term.
    pub nearest: Names,
}

impl fmt::Display for NothingSelected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NothingSelected { selector, source, total, term, .. } = self;
        let parameters = if *total == 1 { "parameter" } else { "parameters" };
        write!(f, "`{selector}` selects none of the {total} {parameters}")?;
        if !source.is_empty() {
            write!(f, " of `{source}`")?;
        }
        match term {
            Some(term) if term == selector => Ok(()),
            Some(term) => write!(f, ": `{term}` matches nothing"),
            None => f.write_str(": each term matches some, but none fits them all"),
        }
    }
}
