//! Which parameters a selector takes.

use super::selector::{Op, Selector};
use super::source::{Item, Source};
use super::term::Term;
use crate::autograd::GradReq;
use crate::error::Result;
use crate::shape::Shape;

/// A set of positions.
#[derive(Clone, Debug)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    fn new(n: usize) -> Bits {
        Bits(vec![0; n.div_ceil(64)])
    }

    fn set(&mut self, i: usize) {
        self.0[i / 64] |= 1 << (i % 64);
    }

    pub(super) fn get(&self, i: usize) -> bool {
        self.0[i / 64] >> (i % 64) & 1 == 1
    }

    pub(super) fn count(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }
}

/// What each term matches alone, and what the whole selects.
#[derive(Clone, Debug)]
pub(super) struct Matches {
    /// In the order of the text.
    pub(super) terms: Vec<Bits>,
    pub(super) selected: Bits,
}

pub(super) fn evaluate(selector: &Selector, source: &Source) -> Result<Matches> {
    let n = source.items.len();
    let mut matches =
        Matches { terms: selector.terms().map(|_| Bits::new(n)).collect(), selected: Bits::new(n) };
    let mut stack = Vec::new();
    for (i, item) in source.items.iter().enumerate() {
        stack.clear();
        let mut columns = matches.terms.iter_mut();
        for op in selector.ops() {
            let value = match op {
                Op::Term(term) => {
                    let value = holds(term, item)?;
                    if let Some(column) = columns.next()
                        && value
                    {
                        column.set(i);
                    }
                    value
                }
                Op::Not => !pop(&mut stack),
                // Both operands come off the stack, whatever the first says.
                Op::And => pop(&mut stack) & pop(&mut stack),
                Op::Or => pop(&mut stack) | pop(&mut stack),
            };
            stack.push(value);
        }
        if pop(&mut stack) {
            matches.selected.set(i);
        }
    }
    Ok(matches)
}

fn pop(stack: &mut Vec<bool>) -> bool {
    stack.pop().expect("a selector is whole: every operator has its operands")
}

fn holds(term: &Term, item: &Item) -> Result<bool> {
    let parameter = &item.parameter;
    Ok(match term {
        Term::Path(glob) => any(item, |path| glob.matches(path))?,
        Term::Name(glob) => glob.matches(parameter.name())?,
        Term::Regex(regex) => {
            any(item, |path| regex.matches(path))? || regex.matches(parameter.name())?
        }
        Term::Kind(kind) => parameter.kind() == *kind,
        Term::DType(dtype) => parameter.dtype() == *dtype,
        Term::Rank(compare, rank) => parameter.with_shape(|shape| {
            shape.as_ref().is_some_and(|shape| compare.holds(shape.len() as u64, *rank))
        }),
        Term::Size(compare, size) => parameter
            .with_shape(|shape| shape.as_ref().and_then(elements))
            .is_some_and(|n| compare.holds(n, *size)),
        Term::Tag(tag) => parameter.has_tag(tag),
        Term::Frozen => parameter.is_frozen(),
        Term::Tied => item.paths.len() > 1,
        Term::Trained => parameter.grad_req() != GradReq::Null,
    })
}

fn any(item: &Item, matches: impl Fn(&str) -> Result<bool>) -> Result<bool> {
    for path in &item.paths {
        if matches(path)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The number of elements, the largest number there is if it is larger; `None` if it is not known.
fn elements(shape: &Shape) -> Option<u64> {
    if !shape.is_known() {
        return None;
    }
    if shape.contains(&Some(0)) {
        return Some(0);
    }
    Some(shape.iter().flatten().fold(1, |n: u64, size| n.saturating_mul(*size as u64)))
}
