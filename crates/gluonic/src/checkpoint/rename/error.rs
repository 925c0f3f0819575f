//! Why a text is no set of rules, and why rules do not fit the tensors of a file.

use std::fmt;

use crate::error::Names;
use crate::excerpt;

/// What stands where something else should, in characters from the start of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) expected: Box<str>,
}

impl Fault {
    pub(super) fn new(at: usize, expected: impl Into<Box<str>>) -> Fault {
        Fault { at, expected: expected.into() }
    }
}

/// Where a text is no set of rename rules, and what was expected there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenameTextError {
    /// The line, from 1; 0 if the rules do not come from a text of lines.
    pub line: usize,
    /// The character of the line, from 1; 0 if there is no line.
    pub column: usize,
    /// That line, or the pattern if there is no line.
    pub text: Box<str>,
    /// What is wrong: `expected …`, or the words of the TOML reader.
    pub problem: Box<str>,
    /// The known words most like what was found.
    pub nearest: Names,
}

impl fmt::Display for RenameTextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RenameTextError { line, column, text, problem, .. } = self;
        f.write_str("cannot read the rename rules")?;
        if *line > 0 {
            write!(f, ", line {line}, column {column}")?;
        }
        write!(f, ": {problem}")?;
        excerpt::write(f, text, column.checked_sub(1))
    }
}

/// What kind of problem a rule has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RenameProblemKind {
    /// The rule contradicts itself, whatever the tensors are.
    Rule,
    /// Two tensors would get one key.
    Collision,
    /// A key is empty.
    EmptyKey,
    /// A rule matches no key.
    Unused,
    /// No rule takes a key.
    Untaken,
    /// A member of a concatenation, or the owner of a tie, is not there.
    Missing,
    /// An axis or a number of axes does not fit.
    Rank,
    /// Sizes do not fit.
    Size,
    /// Element types differ.
    DType,
    /// A part of a tensor would start inside a byte.
    Bits,
    /// A pattern needs too many steps for a key.
    Costly,
    /// Tensors that are to be one differ in type, shape or values.
    Tie,
    /// A rule, or what it does to a tensor, cannot be undone.
    NotInvertible,
    /// A tensor is not the one that was planned with.
    Changed,
}

/// One way in which rules do not fit the tensors of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenameProblem {
    /// Which of the sets of a sequence the rule is in, from 0: see
    /// [`RenameRules::then`](super::RenameRules::then).
    pub step: usize,
    /// The rule's number in its set, from 1; 0 if it is not about a rule.
    pub rule: usize,
    /// The tensor's key; empty if it is not about one.
    pub key: Box<str>,
    /// What kind of problem it is.
    pub kind: RenameProblemKind,
    /// What was expected.
    pub expected: Box<str>,
    /// What was found.
    pub found: Box<str>,
    /// The keys most like the one that was expected.
    pub nearest: Names,
}

impl RenameProblem {
    /// The way out, if there is one to tell.
    pub fn hint(&self) -> Option<String> {
        if let Some(hint) = crate::error::did_you_mean(&self.nearest) {
            return Some(hint);
        }
        let text = match self.kind {
            RenameProblemKind::Collision => "drop one of the two first, or give it another key",
            RenameProblemKind::Unused => "take the rule out, or set `unused = \"warn\"`",
            RenameProblemKind::Untaken => {
                "add a rule for it, or set `rest = \"keep\"` to let such keys stay as they are"
            }
            RenameProblemKind::Size => "give `sizes` if the parts are not equally long",
            RenameProblemKind::DType => "cast the tensors to one type first",
            RenameProblemKind::Bits => "convert the tensor to a type of whole bytes first",
            RenameProblemKind::Costly => "write the pattern with fewer wildcards",
            RenameProblemKind::NotInvertible => {
                "keep the original file: these rules lose something"
            }
            RenameProblemKind::Changed => "plan again with the tensors as they are now",
            _ => return None,
        };
        Some(text.to_owned())
    }
}

impl fmt::Display for RenameProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RenameProblem { step, rule, key, expected, found, .. } = self;
        if *rule > 0 {
            write!(f, "rule {rule}")?;
            if *step > 0 {
                write!(f, " of step {}", step + 1)?;
            }
        }
        if !key.is_empty() {
            write!(f, "{}`{key}`", if *rule > 0 { ", " } else { "" })?;
        }
        if *rule > 0 || !key.is_empty() {
            f.write_str(": ")?;
        }
        write!(f, "expected {expected}, found {found}")
    }
}

/// Everything that stands against a set of rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RenameReport {
    /// The problems, by step, rule and key.
    pub problems: Vec<RenameProblem>,
}

impl RenameReport {
    /// The way out of the first problem that has one.
    pub fn hint(&self) -> Option<String> {
        self.problems.iter().find_map(RenameProblem::hint)
    }
}

impl fmt::Display for RenameReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 10;
        f.write_str("the rename rules do not fit, nothing was renamed")?;
        for problem in self.problems.iter().take(SHOWN) {
            write!(f, "\n  {problem}")?;
        }
        if self.problems.len() > SHOWN {
            write!(f, "\n  and {} more", self.problems.len() - SHOWN)?;
        }
        Ok(())
    }
}
