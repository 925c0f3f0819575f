//! What an error says about its place: the values of fields that are more than a text.

use super::{Names, list};
use crate::shape::Shape;

/// What is wrong with an argument of an initializer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArgumentProblem {
    /// There is none of that name.
    #[error("has no argument `{argument}`")]
    Unknown {
        /// The argument.
        argument: Box<str>,
        /// The arguments that there are.
        known: Names,
    },
    /// It has no default.
    #[error("needs the argument `{argument}`")]
    Missing {
        /// The argument.
        argument: Box<str>,
    },
    /// It is something else.
    #[error("needs {expected} for the argument `{argument}`, found {found}")]
    Type {
        /// The argument.
        argument: Box<str>,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: Box<str>,
    },
}

/// What was asked for, and what there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// What was asked for.
    pub expected: Box<str>,
    /// What there is.
    pub found: Box<str>,
}

/// Why the states in a file are not those of a trainer, or averages not those of an [`Average`].
///
/// [`Average`]: crate::Average
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StatesProblem {
    /// The file holds something else.
    #[error("it holds none")]
    None,
    /// What is said about them cannot be understood.
    #[error("{0}")]
    Text(Box<str>),
    /// They are of another optimizer.
    #[error("they are of the optimizer `{}`, the trainer's is `{}`", .0.found, .0.expected)]
    Optimizer(Mismatch),
    /// They are averages of another kind.
    #[error("they are averages by `{}`, expected `{}`", .0.found, .0.expected)]
    Average(Mismatch),
    /// They are of other parameters.
    #[error("{}", others(missing, extra))]
    Parameters {
        /// Those that the file does not have.
        missing: Names,
        /// Those that only the file has.
        extra: Names,
    },
    /// A parameter has another shape.
    #[error("parameter `{name}` has shape {}, found {}", mismatch.expected, mismatch.found)]
    Shape {
        /// The parameter, by its path or name.
        name: Box<str>,
        /// Its shape, and that in the file.
        mismatch: Mismatch,
    },
    /// The arrays of a parameter are not those that there must be.
    #[error("parameter `{name}` needs the arrays {}, found {}", mismatch.expected, mismatch.found)]
    Arrays {
        /// The parameter, by its path or name.
        name: Box<str>,
        /// The arrays with their shapes.
        mismatch: Mismatch,
    },
}

fn others(missing: &[Box<str>], extra: &[Box<str>]) -> String {
    match (missing.is_empty(), extra.is_empty()) {
        (true, _) => format!("there is no parameter {} here", list(extra)),
        (_, true) => format!("they lack {}", list(missing)),
        _ => {
            format!("they lack {}, and there is no parameter {} here", list(missing), list(extra))
        }
    }
}

/// A window that is larger than the input that it is to move over.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "`{op}`: a window of {window} does not fit input {input}: axis {axis} has {}{}",
    input.get(*axis).copied().flatten().unwrap_or_default(),
    if *padding > 0 { format!(" and a padding of {padding} on both sides") } else { String::new() }
)]
pub struct WindowError {
    /// The operation.
    pub op: &'static str,
    /// The input's sizes.
    pub input: Shape,
    /// The axis on which it does not fit.
    pub axis: usize,
    /// The padding on each side of that axis.
    pub padding: usize,
    /// The size of the window on that axis, with its dilation.
    pub window: usize,
}

/// A shape that is not fully known, or of which nothing is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownShape(pub Option<Shape>);

impl std::fmt::Display for UnknownShape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Some(shape) => shape.fmt(f),
            None => f.write_str("(any rank)"),
        }
    }
}
