//! What a load did, or why it did nothing: every misfit at once.

use std::fmt;
use std::path::PathBuf;

use crate::array::DType;
use crate::shape::Shape;

/// One way in which a file does not fit a model.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// In the model but not in the file.
    Missing {
        /// The parameter's key.
        key: Box<str>,
        /// The file's keys most like it.
        nearest: Box<[Box<str>]>,
    },
    /// In the file but not in the model.
    Extra {
        /// The file's key.
        key: Box<str>,
        /// The model's keys most like it.
        nearest: Box<[Box<str>]>,
    },
    /// In both, with shapes that contradict each other.
    Shape {
        /// The parameter's key.
        key: Box<str>,
        /// The model's shape.
        expected: Shape,
        /// The file's.
        found: Shape,
    },
    /// In both, with different element types.
    DType {
        /// The parameter's key.
        key: Box<str>,
        /// The model's element type.
        expected: DType,
        /// The file's.
        found: Box<str>,
    },
    /// Two keys of the file stand for one tied parameter and differ.
    Conflict {
        /// The one key.
        key: Box<str>,
        /// The other.
        other: Box<str>,
    },
}

impl Problem {
    fn key(&self) -> &str {
        match self {
            Problem::Missing { key, .. }
            | Problem::Extra { key, .. }
            | Problem::Shape { key, .. }
            | Problem::DType { key, .. }
            | Problem::Conflict { key, .. } => key,
        }
    }

    fn hint(&self) -> String {
        let nearest = |nearest: &[Box<str>], otherwise: &str| match nearest.first() {
            Some(name) => format!("did you mean `{name}`? else {otherwise}"),
            None => otherwise.to_owned(),
        };
        match self {
            Problem::Missing { nearest: names, .. } => {
                nearest(names, "set `allow_missing` to leave it as it is")
            }
            Problem::Extra { nearest: names, .. } => {
                nearest(names, "set `ignore_extra` to leave it out")
            }
            Problem::Shape { .. } => "build the model with the file's sizes".to_owned(),
            Problem::DType { .. } => "set `cast_dtype` to convert it".to_owned(),
            Problem::Conflict { .. } => "untie the two, or save the file again".to_owned(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Missing { key, .. } => write!(f, "`{key}` is missing in the file"),
            Problem::Extra { key, .. } => write!(f, "`{key}` is not in the model"),
            Problem::Shape { key, expected, found } => {
                write!(f, "`{key}` has shape {expected}, found {found}")
            }
            Problem::DType { key, expected, found } => {
                write!(f, "`{key}` has type {expected}, found {found}")
            }
            Problem::Conflict { key, other } => {
                write!(f, "`{key}` and `{other}` are one parameter, but differ in the file")
            }
        }
    }
}

/// What a load did or, inside an error, why it did nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// The file.
    pub file: PathBuf,
    /// The keys that were loaded, in the order of the model.
    pub loaded: Vec<Box<str>>,
    /// The model's keys that the file does not have, which `allow_missing` let pass.
    pub missing: Vec<Box<str>>,
    /// The file's keys that the model does not have, which `ignore_extra` let pass.
    pub extra: Vec<Box<str>>,
    /// The keys whose element type was converted.
    pub cast: Vec<Box<str>>,
    /// What does not fit, sorted by key. Empty unless the load failed.
    pub problems: Vec<Problem>,
}

impl LoadReport {
    pub(super) fn sort(&mut self) {
        self.problems.sort_by(|a, b| a.key().cmp(b.key()));
    }

    /// The way out of the first problem.
    pub fn hint(&self) -> Option<String> {
        self.problems.first().map(Problem::hint)
    }
}

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 10;
        if self.problems.is_empty() {
            write!(f, "loaded {} tensors from `{}`", self.loaded.len(), self.file.display())?;
            for (what, keys) in
                [("missing", &self.missing), ("extra", &self.extra), ("cast", &self.cast)]
            {
                if !keys.is_empty() {
                    write!(f, ", {what} {}", keys.len())?;
                }
            }
            return Ok(());
        }
        write!(f, "`{}` does not fit the model, nothing was loaded", self.file.display())?;
        for problem in self.problems.iter().take(SHOWN) {
            write!(f, "\n  {problem}")?;
        }
        if self.problems.len() > SHOWN {
            write!(f, "\n  and {} more", self.problems.len() - SHOWN)?;
        }
        Ok(())
    }
}
