//! What a load did, or why it did nothing: every misfit at once.

use std::fmt;
use std::path::PathBuf;

use super::policy::PrefixRule;
use super::problem::Problem;

/// The problems that are shown in full; the rest are counted.
pub(super) const SHOWN: usize = 10;

/// What a load did or, inside an error, why it did nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LoadReport {
    /// The file; `<state>` or `<bytes>` where there is none.
    pub file: PathBuf,
    /// The keys that were loaded, in the order of the model.
    pub loaded: Vec<Box<str>>,
    /// The model's keys that the file does not have, which the policy let pass.
    pub missing: Vec<Box<str>>,
    /// The file's keys that the model does not have, which the policy let pass.
    pub extra: Vec<Box<str>>,
    /// The keys of another shape or element type, which the policy let pass. They were not loaded.
    pub skipped: Vec<Box<str>>,
    /// The keys whose element type was converted.
    pub cast: Vec<Box<str>>,
    /// How the file's keys became the model's.
    pub prefix: PrefixRule,
    /// The one rule by which all keys would fit, if they do not and there is one.
    pub proposed: Option<PrefixRule>,
    /// What does not fit, sorted by key. Empty unless the load failed.
    pub problems: Vec<Problem>,
}

impl LoadReport {
    /// The way out: the rule that makes all keys fit, else that of the first problem.
    pub fn hint(&self) -> Option<String> {
        let first = self.problems.first()?;
        Some(match &self.proposed {
            Some(rule @ (PrefixRule::Strip(prefix) | PrefixRule::Add(prefix))) => {
                let verb = if matches!(rule, PrefixRule::Add(_)) { "add" } else { "strip" };
                format!(
                    "all keys fit with {rule}: set `LoadPolicy::prefix` to \
                     `PrefixRule::{verb}({prefix:?})`"
                )
            }
            _ => first.hint(),
        })
    }

    /// The lists of what was left out or changed, each with its word.
    pub(super) fn lists(&self) -> [(&'static str, &Vec<Box<str>>); 4] {
        [
            ("missing", &self.missing),
            ("extra", &self.extra),
            ("skipped", &self.skipped),
            ("cast", &self.cast),
        ]
    }

    pub(super) fn write_problems(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in self.problems.iter().take(SHOWN) {
            write!(f, "\n  {problem}")?;
        }
        if self.problems.len() > SHOWN {
            write!(f, "\n  and {} more", self.problems.len() - SHOWN)?;
        }
        Ok(())
    }
}

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        if !self.problems.is_empty() {
            write!(f, "`{file}` does not fit the model, nothing was loaded")?;
            return self.write_problems(f);
        }
        write!(f, "loaded {} tensors from `{file}`", self.loaded.len())?;
        if self.prefix != PrefixRule::Exact {
            write!(f, ", {}", self.prefix)?;
        }
        for (what, keys) in self.lists() {
            if !keys.is_empty() {
                write!(f, ", {what} {}", keys.len())?;
            }
        }
        if let Some(rule) = &self.proposed {
            write!(f, "; all keys would fit with {rule}")?;
        }
        Ok(())
    }
}
