//! The value [`Selector`]: how it is made, joined and stored.

use std::ops::{BitAnd, BitOr, Not, Sub};
use std::str::FromStr;

use super::parse;
use super::term::{Compare, Term};
use crate::array::DType;
use crate::error::{Error, Result};
use crate::param::Kind;

/// One step of a selector in postfix order, which needs no recursion to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Term(Term),
    Not,
    And,
    Or,
}

impl Op {
    /// How strongly it binds its operands.
    pub(super) fn binds(&self) -> u8 {
        match self {
            Op::Or => 1,
            Op::And => 2,
            Op::Not => 3,
            Op::Term(_) => 4,
        }
    }
}

/// Says which parameters of a model are meant: see the [module](crate::param::select) for the
/// language.
///
/// What it prints is its text, which parses to the same selector; so it can be stored.
///
/// # Examples
/// ```
/// use gluonic::Selector;
/// use gluonic::param::{Compare, Kind};
/// let large: Selector = "encoder.** & kind:weight & size:>1e6".parse()?;
/// let by_hand = Selector::path("encoder.**")?
///     & Selector::kind(Kind::Weight)
///     & Selector::size(Compare::Greater, 1_000_000);
/// assert_eq!(large, by_hand);
/// assert_eq!((large - Selector::frozen()).to_string(), "encoder.** & kind:weight & size:>1e6 & !frozen");
/// # Ok::<(), gluonic::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    /// Never empty, and whole: every operator has its operands.
    ops: Vec<Op>,
}

impl Selector {
    /// The longest text that is parsed, in bytes. A selector built by hand may print a longer one.
    pub const MAX_LEN: usize = 1 << 20;

    pub(super) fn from_ops(ops: Vec<Op>) -> Selector {
        Selector { ops }
    }

    pub(super) fn ops(&self) -> &[Op] {
        &self.ops
    }

    pub(super) fn terms(&self) -> impl Iterator<Item = &Term> {
        self.ops.iter().filter_map(|op| match op {
            Op::Term(term) => Some(term),
            _ => None,
        })
    }

    fn term(term: Term) -> Selector {
        Selector { ops: vec![Op::Term(term)] }
    }

    /// Those with a path that a glob matches.
    ///
    /// # Errors
    /// [`Error::Selector`] if it is not a glob.
    pub fn path(glob: &str) -> Result<Selector> {
        parse::glob(glob).map(|glob| Self::term(Term::Path(glob)))
    }

    /// Those with a global name that a glob matches.
    ///
    /// # Errors
    /// [`Error::Selector`] if it is not a glob.
    pub fn name(glob: &str) -> Result<Selector> {
        parse::glob(glob).map(|glob| Self::term(Term::Name(glob)))
    }

    /// Those with a path or name that a regular expression matches as a whole. Look-around is
    /// included.
    ///
    /// # Errors
    /// [`Error::Selector`] if it is not a regular expression.
    pub fn regex(regex: &str) -> Result<Selector> {
        parse::regex(regex).map(|regex| Self::term(Term::Regex(regex)))
    }

    /// Those of a kind.
    pub fn kind(kind: Kind) -> Selector {
        Self::term(Term::Kind(kind))
    }

    /// Those of an element type.
    pub fn dtype(dtype: DType) -> Selector {
        Self::term(Term::DType(dtype))
    }

    /// Those with so many axes; none of which the rank is not known.
    pub fn rank(compare: Compare, rank: u64) -> Selector {
        Self::term(Term::Rank(compare, rank))
    }

    /// Those with so many elements; none of which the shape is not known.
    pub fn size(compare: Compare, elements: u64) -> Selector {
        Self::term(Term::Size(compare, elements))
    }

    /// Those with a tag.
    pub fn tag(tag: &str) -> Selector {
        Self::term(Term::Tag(tag.into()))
    }

    /// Those that are frozen.
    pub fn frozen() -> Selector {
        Self::term(Term::Frozen)
    }

    /// Those that stand on several paths.
    pub fn tied() -> Selector {
        Self::term(Term::Tied)
    }

    /// Those that have a gradient: not frozen, and of another `grad_req` than null.
    pub fn trained() -> Selector {
        Self::term(Term::Trained)
    }

    /// Those that weight decay is not for: biases, and vectors such as the gains of norms.
    ///
    /// # Examples
    /// ```
    /// use gluonic::Selector;
    /// assert_eq!(Selector::no_decay().to_string(), "kind:bias | rank:<=1");
    /// ```
    ///
    /// # Source
    /// `timm`, `optim/_param_groups.py`, function `param_groups_weight_decay`.
    pub fn no_decay() -> Selector {
        Self::kind(Kind::Bias) | Self::rank(Compare::LessOrEqual, 1)
    }

    fn join(mut self, other: Selector, op: Op) -> Selector {
        self.ops.extend(other.ops);
        self.ops.push(op);
        self
    }
}

impl BitAnd for Selector {
    type Output = Selector;

    fn bitand(self, other: Selector) -> Selector {
        self.join(other, Op::And)
    }
}

impl BitOr for Selector {
    type Output = Selector;

    fn bitor(self, other: Selector) -> Selector {
        self.join(other, Op::Or)
    }
}

impl Not for Selector {
    type Output = Selector;

    fn not(mut self) -> Selector {
        self.ops.push(Op::Not);
        self
    }
}

impl Sub for Selector {
    type Output = Selector;

    /// What this selects and the other does not: `self & !other`.
    fn sub(self, other: Selector) -> Selector {
        self & !other
    }
}

impl FromStr for Selector {
    type Err = Error;

    /// # Errors
    /// [`Error::Selector`], which points at the character that does not fit.
    fn from_str(text: &str) -> Result<Selector> {
        parse::selector(text)
    }
}

impl serde::Serialize for Selector {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Selector {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What a selector can be given as: its text, or the value.
pub trait IntoSelector {
    /// The selector.
    ///
    /// # Errors
    /// [`Error::Selector`] if it is a text that does not parse.
    fn into_selector(self) -> Result<Selector>;
}

impl IntoSelector for &str {
    fn into_selector(self) -> Result<Selector> {
        self.parse()
    }
}

impl IntoSelector for String {
    fn into_selector(self) -> Result<Selector> {
        self.parse()
    }
}

impl IntoSelector for &String {
    fn into_selector(self) -> Result<Selector> {
        self.parse()
    }
}

impl IntoSelector for Selector {
    fn into_selector(self) -> Result<Selector> {
        Ok(self)
    }
}

impl IntoSelector for &Selector {
    fn into_selector(self) -> Result<Selector> {
        Ok(self.clone())
    }
}
