//! The terms of a selector: what can be said about one parameter.

use std::fmt;

use super::glob::Glob;
use super::parse::is_bare_regex;
use super::regex::Regex;
use crate::array::DType;
use crate::param::Kind;

/// How a rank or a number of elements is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compare {
    /// `256`.
    Equal,
    /// `<256`.
    Less,
    /// `<=256`.
    LessOrEqual,
    /// `>256`.
    Greater,
    /// `>=256`.
    GreaterOrEqual,
}

impl Compare {
    pub(super) fn holds(self, found: u64, value: u64) -> bool {
        match self {
            Compare::Equal => found == value,
            Compare::Less => found < value,
            Compare::LessOrEqual => found <= value,
            Compare::Greater => found > value,
            Compare::GreaterOrEqual => found >= value,
        }
    }
}

impl fmt::Display for Compare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Compare::Equal => "",
            Compare::Less => "<",
            Compare::LessOrEqual => "<=",
            Compare::Greater => ">",
            Compare::GreaterOrEqual => ">=",
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Term {
    Path(Glob),
    Name(Glob),
    Regex(Regex),
    Kind(Kind),
    DType(DType),
    Rank(Compare, u64),
    Size(Compare, u64),
    Tag(Box<str>),
    Frozen,
    Tied,
    Trained,
}

/// The terms that are one word.
pub(super) const WORDS: [(&str, Term); 3] =
    [("frozen", Term::Frozen), ("tied", Term::Tied), ("trained", Term::Trained)];

/// The words before a colon.
pub(super) const PREDICATES: [&str; 7] = ["dtype", "kind", "name", "rank", "re", "size", "tag"];

/// Every kind of parameter.
pub(super) const KINDS: [Kind; 4] = [Kind::Weight, Kind::Bias, Kind::Statistic, Kind::Constant];

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Term::Path(glob) => {
                let text = glob.to_string();
                let escape = if WORDS.iter().any(|(word, _)| *word == text) { "\\" } else { "" };
                write!(f, "{escape}{text}")
            }
            Term::Name(glob) => write!(f, "name:{glob}"),
            Term::Regex(regex) => write_value(f, "re", regex.text(), is_bare_regex(regex.text())),
            Term::Kind(kind) => write!(f, "kind:{kind}"),
            Term::DType(dtype) => write!(f, "dtype:{dtype}"),
            Term::Rank(compare, value) => write!(f, "rank:{compare}{value}"),
            Term::Size(compare, value) => write!(f, "size:{compare}{}", short(*value)),
            Term::Tag(tag) => write_value(f, "tag", tag, is_bare(tag)),
            Term::Frozen => f.write_str("frozen"),
            Term::Tied => f.write_str("tied"),
            Term::Trained => f.write_str("trained"),
        }
    }
}

/// Whether a tag needs no quotation marks.
fn is_bare(tag: &str) -> bool {
    !tag.is_empty() && !tag.chars().any(|c| c.is_whitespace() || "&|!()\"".contains(c))
}

fn write_value(f: &mut fmt::Formatter<'_>, word: &str, value: &str, bare: bool) -> fmt::Result {
    if bare {
        return write!(f, "{word}:{value}");
    }
    write!(f, "{word}:\"{}\"", value.replace('"', "\"\""))
}

/// A number with its zeros counted when they are many: `25e5`.
fn short(value: u64) -> String {
    let digits = value.to_string();
    let significant = digits.trim_end_matches('0');
    match digits.len() - significant.len() {
        zeros @ 4.. if !significant.is_empty() => format!("{significant}e{zeros}"),
        _ => digits,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_zeros_are_counted() {
        let shown = [0, 256, 1000, 10_000, 2_500_000, u64::MAX].map(short);
        assert_eq!(shown, ["0", "256", "1000", "1e4", "25e5", "18446744073709551615"]);
    }
}
