//! What each term of a selector matched, for people.

use std::fmt;

use super::matching::Matches;
use super::selector::Selector;
use super::siblings::{Gap, gaps};
use super::source::Source;
use super::term::{Term, WORDS};
use crate::error::{Names, did_you_mean};
use crate::param::table;
use crate::suggest::nearest;

/// What one term of a selector matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TermMatches {
    /// The term.
    pub text: Box<str>,
    /// The number of parameters that it matches alone.
    pub matched: usize,
    /// If it matches none, the paths, names or tags most like it.
    pub nearest: Names,
}

/// How a selection came about. Prints as a table.
///
/// # Examples
/// ```
/// use gluonic::prelude::*;
/// let net = name::manager(|| sequential![Dense::new(4), Dense::new(2)]);
/// assert_eq!(
///     net.select("*.weight & kind:bias | 0.bais")?.explain().to_string(),
///     "selects 0 of the 4 parameters of `sequential0`\n\
///      *.weight   2\n\
///      kind:bias  2\n\
///      0.bais     0  did you mean `0.bias` or `1.bias`?"
/// );
/// # Ok::<(), gluonic::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What was selected from; empty if it has no name.
    pub source: Box<str>,
    /// The number of parameters there.
    pub total: usize,
    /// The number of those that are selected.
    pub selected: usize,
    /// Every term, in the order of the selector's text.
    pub terms: Vec<TermMatches>,
    /// The equal layers of which a pattern matches only some.
    pub gaps: Vec<Gap>,
}

impl Explanation {
    pub(super) fn of(selector: &Selector, source: &Source, matches: &Matches) -> Explanation {
        let terms = selector.terms().zip(&matches.terms).map(|(term, bits)| {
            let matched = bits.count();
            let text = term.to_string().into();
            let nearest = if matched == 0 { nearest_to(term, source) } else { Names::default() };
            TermMatches { text, matched, nearest }
        });
        Explanation {
            source: source.name.clone(),
            total: source.items.len(),
            selected: matches.selected.count(),
            terms: terms.collect(),
            gaps: gaps(selector, source, matches),
        }
    }
}

/// What a term that matches nothing may have meant.
fn nearest_to(term: &Term, source: &Source) -> Names {
    let paths = source.entries.iter().map(|(path, _)| &**path);
    let names = source.items.iter().map(|item| &**item.parameter.name());
    match term {
        Term::Path(glob) => {
            nearest(&glob.to_string(), paths.chain(WORDS.iter().map(|(word, _)| *word)))
        }
        Term::Name(glob) => nearest(&glob.to_string(), names),
        Term::Regex(regex) => nearest(&regex.text().replace('\\', ""), paths.chain(names)),
        Term::Tag(tag) => {
            let tags: std::collections::BTreeSet<Box<str>> =
                source.items.iter().flat_map(|item| item.parameter.tags()).collect();
            nearest(tag, tags.iter().map(|tag| &**tag))
        }
        _ => Names::default(),
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parameters = if self.total == 1 { "parameter" } else { "parameters" };
        write!(f, "selects {} of the {} {parameters}", self.selected, self.total)?;
        if !self.source.is_empty() {
            write!(f, " of `{}`", self.source)?;
        }
        f.write_str("\n")?;
        let rows = self.terms.iter().map(|term| {
            let mut row = vec![term.text.to_string(), term.matched.to_string()];
            row.extend(did_you_mean(&term.nearest));
            row
        });
        table::write(f, &rows.collect::<Vec<_>>())?;
        self.gaps.iter().try_for_each(|gap| write!(f, "\nwarning: {gap}"))
    }
}
