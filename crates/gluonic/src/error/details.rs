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
    /// They are of other groups of parameters.
    #[error("{}", others("group", missing, extra))]
    Groups {
        /// Those of the trainer that the file does not have.
        missing: Names,
        /// Those of the file that the trainer does not have.
        extra: Names,
    },
    /// They are averages of another kind.
    #[error("they are averages by `{}`, expected `{}`", .0.found, .0.expected)]
    Average(Mismatch),
    /// They are of other parameters.
    #[error("{}", others("parameter", missing, extra))]
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

fn others(kind: &str, missing: &[Box<str>], extra: &[Box<str>]) -> String {
    let lacks = || format!("they lack the {kind} {}", list(missing));
    let has_no = || format!("there is no {kind} {} here", list(extra));
    match (missing.is_empty(), extra.is_empty()) {
        (true, _) => has_no(),
        (_, true) => lacks(),
        _ => format!("{}, and {}", lacks(), has_no()),
    }
}

/// Why groups of parameters are none: each that can be trained must be in exactly one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupingError {
    /// Names that several groups have.
    pub twice: Vec<Box<str>>,
    /// Parameters that two groups take.
    pub overlaps: Vec<Overlap>,
    /// Parameters that no group takes.
    pub left: Vec<Box<str>>,
}

/// A parameter that two groups take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// Its path or name.
    pub parameter: Box<str>,
    /// The names of the groups.
    pub groups: [Box<str>; 2],
}

impl GroupingError {
    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.twice.is_empty() && self.overlaps.is_empty() && self.left.is_empty()
    }
}

impl std::error::Error for GroupingError {}

impl std::fmt::Display for GroupingError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let GroupingError { twice, overlaps, left } = self;
        let mut said: Vec<String> = Vec::new();
        if !twice.is_empty() {
            said.push(format!("several are named {}", list(twice)));
        }
        if let [Overlap { groups: [one, other], .. }, ..] = overlaps.as_slice() {
            let names: Vec<Box<str>> = overlaps
                .iter()
                .filter(|overlap| overlap.groups == [one.clone(), other.clone()])
                .map(|overlap| overlap.parameter.clone())
                .collect();
            let more = match overlaps.len() - names.len() {
                0 => String::new(),
                n => format!(", and {n} more in others"),
            };
            said.push(format!("both `{one}` and `{other}` take {}{more}", list(&names)));
        }
        if !left.is_empty() {
            said.push(format!("none takes {}", list(left)));
        }
        write!(f, "the groups do not fit: {}", said.join("; "))
    }
}

/// A sample that cannot be put together with another one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "sample {sample} does not fit sample {first}: {}expected {expected}, found {found}",
    array.map(|array| format!("array {array}, ")).unwrap_or_default()
)]
pub struct RaggedError {
    /// The number of the sample.
    pub sample: usize,
    /// The number of the first sample of the batch.
    pub first: usize,
    /// The array that differs; `None` if the number of arrays does.
    pub array: Option<usize>,
    /// What the first sample has.
    pub expected: Box<str>,
    /// What this one has.
    pub found: Box<str>,
}

/// What is wrong with a file of a data set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {offset}: expected {expected}, found {found}")]
pub struct DataFileError {
    /// What stands there.
    pub what: &'static str,
    /// Where, in the unpacked bytes.
    pub offset: u64,
    /// What it must be.
    pub expected: Box<str>,
    /// What it is.
    pub found: Box<str>,
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
