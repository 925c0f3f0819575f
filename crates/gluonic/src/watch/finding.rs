//! What goes wrong with a parameter.

use std::fmt;

use super::history::DEAD_STEPS;
use crate::cpu::statistics::Summary;
use crate::name::ParamPath;

/// Where something was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Place {
    /// In the value, before a step.
    Value,
    /// In the gradient.
    Gradient,
    /// In the value after a step that began with a finite one and a finite gradient.
    Update,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Place::Value => "value",
            Place::Gradient => "gradient",
            Place::Update => "update",
        })
    }
}

/// What is wrong: see [`Watch`](super::Watch) for the rules.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Trouble {
    /// Elements are NaN.
    NaN {
        /// How many.
        count: usize,
        /// Of how many.
        of: usize,
    },
    /// Elements are infinite, and none is NaN.
    Infinite {
        /// How many.
        count: usize,
        /// Of how many.
        of: usize,
    },
    /// The norm is far larger than before.
    Exploding {
        /// The norm.
        norm: f64,
        /// The median of the norms before.
        median: f64,
    },
    /// All elements of the gradient were 0 at several measured steps in a row.
    Dead,
}

impl Trouble {
    /// What is not finite.
    pub(super) fn of(summary: &Summary) -> Option<Trouble> {
        let of = summary.count;
        match (summary.nans, summary.infinities) {
            (0, 0) => None,
            (0, count) => Some(Trouble::Infinite { count, of }),
            (count, _) => Some(Trouble::NaN { count, of }),
        }
    }

    /// Causes are in front of effects.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Trouble::NaN { .. } | Trouble::Infinite { .. } => 0,
            Trouble::Exploding { .. } => 1,
            Trouble::Dead => 2,
        }
    }

    /// Whether both are the same but for their numbers.
    pub(super) fn is_like(&self, other: &Trouble) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

/// Something that has gone wrong with a parameter. Prints as a sentence.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The number of the step, 1 for the first that was made through the watch.
    pub step: u64,
    /// The parameter, by its first path.
    pub path: ParamPath,
    /// Where.
    pub place: Place,
    /// What.
    pub trouble: Trouble,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { step, path, place, trouble } = self;
        write!(f, "step {step}: ")?;
        match trouble {
            Trouble::NaN { count, of } | Trouble::Infinite { count, of } => {
                let what = if matches!(trouble, Trouble::NaN { .. }) { "NaN" } else { "infinite" };
                match place {
                    Place::Update => {
                        write!(f, "the update has made {count} of {of} elements of `{path}` {what}")
                    }
                    place => {
                        write!(f, "{count} of {of} elements of the {place} of `{path}` are {what}")
                    }
                }
            }
            Trouble::Exploding { norm, median } => {
                let times = norm / median;
                write!(f, "the norm of the {place} of `{path}` is {norm:.3e}, ")?;
                write!(f, "{times:.0} times its median before, {median:.3e}")
            }
            Trouble::Dead => {
                let n = DEAD_STEPS;
                write!(f, "the {place} of `{path}` was 0 at the last {n} measured steps")
            }
        }
    }
}
