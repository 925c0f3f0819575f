//! Products and sums of arrays with named axes.

use std::fmt;

use crate::array::NdArray;
use crate::error::{Error, Result};
use crate::excerpt;

/// What is wrong with an expression of [`einsum`], and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EinsumError {
    /// The expression.
    pub text: Box<str>,
    /// The character that it is about, counted from 0, if it is about one.
    pub at: Option<usize>,
    /// What is wrong.
    pub problem: Box<str>,
}

impl fmt::Display for EinsumError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "einsum: {}", self.problem)?;
        excerpt::write(f, &self.text, self.at)
    }
}

/// The axes of one operand or of the result, each with its place in the text.
type Axes = Vec<(char, usize)>;

struct Expression<'a> {
    text: &'a str,
    operands: Vec<Axes>,
    /// Without it, what occurs once.
    result: Option<Axes>,
}

/// Stands for `...` until the operands tell how many axes it is.
const ELLIPSIS: char = '.';

/// The name of an axis of `...`, counted from its last: no letter.
fn unnamed(i: usize) -> Option<char> {
    char::from_u32(0xE000 + u32::try_from(i).ok()?)
}

fn fail<T>(text: &str, at: Option<usize>, problem: impl Into<Box<str>>) -> Result<T> {
    Err(Error::Einsum(Box::new(EinsumError { text: text.into(), at, problem: problem.into() })))
}

fn parse(text: &str) -> Result<Expression<'_>> {
    let mut operands: Vec<Axes> = vec![Vec::new()];
    let mut result: Option<Axes> = None;
    let mut chars = text.chars().enumerate().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            'a'..='z' | 'A'..='Z' => {
                let last = operands.len() - 1;
                result.as_mut().unwrap_or(&mut operands[last]).push((c, at));
            }
            ' ' => {}
            ',' if result.is_none() => operands.push(Vec::new()),
            '-' if result.is_none() && chars.next_if(|next| next.1 == '>').is_some() => {
                result = Some(Vec::new());
            }
            ELLIPSIS => {
                for _ in 0..2 {
                    if chars.next_if(|next| next.1 == ELLIPSIS).is_none() {
                        return fail(text, Some(at), "expected `...`, three of them");
                    }
                }
                let last = operands.len() - 1;
                let axes = result.as_mut().unwrap_or(&mut operands[last]);
                if axes.iter().any(|axis| axis.0 == ELLIPSIS) {
                    return fail(text, Some(at), "`...` stands twice for the same array");
                }
                axes.push((ELLIPSIS, at));
            }
            _ => {
                let expected = if result.is_none() {
                    "a letter, `...`, `,` or `->`"
                } else {
                    "a letter or `...`"
                };
                return fail(text, Some(at), format!("expected {expected}, found `{c}`"));
            }
        }
    }
    let all = || operands.iter().flatten();
    if let Some(result) = &result {
        for (i, &(c, at)) in result.iter().enumerate() {
            if all().all(|axis| axis.0 != c) {
                let problem = match c {
                    ELLIPSIS => "no operand has `...`".to_owned(),
                    _ => format!("no operand has the axis `{c}`"),
                };
                return fail(text, Some(at), problem);
            }
            if result[..i].iter().any(|axis| axis.0 == c) {
                return fail(text, Some(at), format!("the result has the axis `{c}` twice"));
            }
        }
    }
    Ok(Expression { text, operands, result })
}

/// The axes of the result where the expression does not name them: `...`, then each letter that
/// occurs once, in the alphabet's order.
fn implied(operands: &[Axes], unnamed: Axes) -> Axes {
    let all = || operands.iter().flatten();
    let once = |axis: &&(char, usize)| {
        axis.0.is_ascii_alphabetic() && all().filter(|other| other.0 == axis.0).count() == 1
    };
    let mut letters: Axes = all().filter(once).copied().collect();
    letters.sort_unstable();
    [unnamed, letters].concat()
}

/// Gives the axes of `...` names, the same in all operands from the last on. An operand of size 1
/// there, where others are larger, goes without that axis.
fn named(
    expression: &Expression<'_>,
    operands: &[&NdArray],
) -> Result<(Vec<Axes>, Axes, Vec<NdArray>)> {
    let text = expression.text;
    let (expected, found) = (expression.operands.len(), operands.len());
    if expected != found {
        return fail(text, None, format!("expected {expected} operands, found {found}"));
    }
    // Sizes from the last axis of `...` on.
    let mut sizes: Vec<usize> = Vec::new();
    let mut ranks = Vec::with_capacity(found);
    for (axes, operand) in expression.operands.iter().zip(operands) {
        let Some(place) = axes.iter().position(|axis| axis.0 == ELLIPSIS) else {
            ranks.push(0);
            continue;
        };
        let (at, letters, dims) = (axes[place].1, axes.len() - 1, operand.dims());
        let Some(rank) = operand.rank().checked_sub(letters) else {
            let problem =
                format!("expected an operand of rank {letters} or more, found shape {dims}");
            return fail(text, Some(at), problem);
        };
        for (i, &size) in dims[place..place + rank].iter().rev().enumerate() {
            match sizes.get_mut(i) {
                None => sizes.push(size),
                Some(known) if *known == 1 => *known = size,
                Some(known) if *known == size || size == 1 => {}
                Some(known) => {
                    let problem = format!("axes of `...` have sizes {known} and {size}");
                    return fail(text, Some(at), problem);
                }
            }
        }
        ranks.push(rank);
    }
    let names = |n: usize, at: usize| -> Result<Axes> {
        let names = (0..n).rev().map(|i| Some((unnamed(i)?, at)));
        names
            .collect::<Option<_>>()
            .map_or_else(|| fail(text, Some(at), "`...` stands for too many axes"), Ok)
    };
    let mut all_axes = Vec::with_capacity(found);
    let mut arrays = Vec::with_capacity(found);
    for ((axes, &operand), rank) in expression.operands.iter().zip(operands).zip(ranks) {
        let mut array = operand.clone();
        let mut own = axes.clone();
        if let Some(place) = axes.iter().position(|axis| axis.0 == ELLIPSIS) {
            let mut names = names(rank, axes[place].1)?;
            for i in (0..rank).rev() {
                if array.dims()[place + i] == 1 && sizes[rank - 1 - i] != 1 {
                    array = array.squeeze((place + i) as isize)?;
                    names.remove(i);
                }
            }
            own.splice(place..=place, names);
        }
        all_axes.push(own);
        arrays.push(array);
    }
    let has_ellipsis = expression.operands.iter().flatten().any(|axis| axis.0 == ELLIPSIS);
    let result = match &expression.result {
        None if !has_ellipsis => implied(&expression.operands, Vec::new()),
        None => implied(&expression.operands, names(sizes.len(), 0)?),
        Some(result) => {
            let mut own = result.clone();
            match result.iter().position(|axis| axis.0 == ELLIPSIS) {
                Some(place) => {
                    own.splice(place..=place, names(sizes.len(), result[place].1)?);
                }
                None if sizes.is_empty() => {}
                None => {
                    let at = result.first().map(|axis| axis.1);
                    return fail(text, at, "the result lacks `...`");
                }
            }
            own
        }
    };
    Ok((all_axes, result, arrays))
}

/// An array and the letters of its axes, each once.
struct Named {
    array: NdArray,
    axes: Vec<char>,
}

impl Named {
    fn has(&self, axis: char) -> bool {
        self.axes.contains(&axis)
    }

    /// Without the axes that are not needed.
    fn summed(self, needed: impl Fn(char) -> bool) -> Result<Named> {
        let gone = |(i, axis): (usize, &char)| (!needed(*axis)).then_some(i as isize);
        let gone: Vec<isize> = self.axes.iter().enumerate().filter_map(gone).collect();
        if gone.is_empty() {
            return Ok(self);
        }
        let array = self.array.sum_axes(&gone, false)?;
        Ok(Named { array, axes: self.axes.into_iter().filter(|axis| needed(*axis)).collect() })
    }

    /// With the axes in the given order, each of size 1 where it has none.
    fn ordered(&self, order: &[char]) -> Result<NdArray> {
        let place = |axis: &char| self.axes.iter().position(|own| own == axis);
        let axes: Vec<isize> = order.iter().filter_map(place).map(|i| i as isize).collect();
        let array = self.array.permute(&axes)?;
        let size = |axis: &char| place(axis).map_or(1, |i| self.array.dims()[i]);
        array.reshape(order.iter().map(size).collect::<Vec<_>>())
    }

    /// The product of the sizes of some axes.
    fn size(&self, axes: &[char]) -> usize {
        let own = self.axes.iter().zip(self.array.dims().iter());
        own.filter(|(axis, _)| axes.contains(axis)).map(|(_, n)| n).product()
    }
}

/// An operand with each repeated letter as one axis, the diagonal.
fn diagonals(array: &NdArray, axes: &Axes) -> Result<Named> {
    let (mut array, mut axes) = (array.clone(), axes.iter().map(|axis| axis.0).collect::<Vec<_>>());
    while let Some((i, j)) = (0..axes.len())
        .find_map(|i| Some((i, i + 1 + axes[i + 1..].iter().position(|c| *c == axes[i])?)))
    {
        array = array.diagonal(i as isize, j as isize)?;
        let letter = axes.remove(j);
        axes.remove(i);
        axes.push(letter);
    }
    Ok(Named { array, axes })
}

/// The product of two, summed over the axes that nobody needs any more.
fn contract(left: Named, right: Named, needed: impl Fn(char) -> bool) -> Result<Named> {
    let left = {
        let other = |axis| right.has(axis);
        left.summed(|axis| needed(axis) || other(axis))?
    };
    let right = right.summed(|axis| needed(axis) || left.has(axis))?;
    let both = |needs: bool| {
        let axes = left.axes.iter().copied();
        axes.filter(|&axis| right.has(axis) && needed(axis) == needs).collect::<Vec<_>>()
    };
    let (stack, inner) = (both(true), both(false));
    let only = |one: &Named, other: &Named| {
        one.axes.iter().copied().filter(|&axis| !other.has(axis)).collect::<Vec<_>>()
    };
    let (rows, columns) = (only(&left, &right), only(&right, &left));
    let axes = [&stack[..], &rows, &columns].concat();
    if inner.is_empty() {
        return Ok(Named { array: (&left.ordered(&axes)? * &right.ordered(&axes)?)?, axes });
    }
    let (m, n, k) = (left.size(&rows), right.size(&columns), left.size(&inner));
    let batch = left.size(&stack);
    let a = left.ordered(&[&stack[..], &rows, &inner].concat())?.reshape((batch, m, k))?;
    let b = right.ordered(&[&stack[..], &inner, &columns].concat())?.reshape((batch, k, n))?;
    let size =
        |axis: &char| if left.has(*axis) { left.size(&[*axis]) } else { right.size(&[*axis]) };
    let dims: Vec<usize> = axes.iter().map(size).collect();
    Ok(Named { array: a.matmul(&b)?.reshape(dims)?, axes })
}

/// The sizes of the operands fit their letters, and each letter has one size.
fn check(text: &str, all_axes: &[Axes], operands: &[NdArray]) -> Result<()> {
    let mut sizes: Vec<(char, usize)> = Vec::new();
    for (axes, operand) in all_axes.iter().zip(operands) {
        if axes.len() != operand.rank() {
            let at = axes.first().map(|axis| axis.1);
            let (n, dims) = (axes.len(), operand.dims());
            return fail(text, at, format!("expected an operand of rank {n}, found shape {dims}"));
        }
        for (&(axis, at), &size) in axes.iter().zip(operand.dims().iter()) {
            match sizes.iter().find(|known| known.0 == axis) {
                None => sizes.push((axis, size)),
                Some(&(_, known)) if known == size => {}
                Some(&(_, known)) => {
                    let problem = format!("axis `{axis}` has size {known}, found {size}");
                    return fail(text, Some(at), problem);
                }
            }
        }
    }
    Ok(())
}

/// The sum of products that an expression names: each operand's axes by letters, then `->` and
/// those of the result. An axis that the result does not have is summed over. Without `->` the
/// result has the letters that occur once, in the alphabet's order.
///
/// `...` stands for any number of axes, those that no letter of the operand names; they broadcast
/// by NumPy's rule and are in the result where `...` is, or first without `->`.
///
/// `ij,jk->ik` is a matrix product, `bhqd,bhkd->bhqk` the scores of an attention, `ii->` a trace,
/// `ij->ji` a transpose, `i,j->ij` an outer product, `...i->...` a sum over the
/// last axis. Operands are taken from left to right, two at
/// a time; sums over axes that two operands share are matrix products.
///
/// # Errors
/// [`Error::Einsum`] with the place in the expression, if it has no meaning or does not fit the
/// sizes; else as [`NdArray::matmul`].
///
/// # Examples
/// ```
/// use gluonic::{NdArray, ops};
/// let x = NdArray::from_slice(&[1.0_f32, 2.0, 3.0, 4.0], (2, 2))?;
/// assert_eq!(ops::einsum("ij,kj->ik", &[&x, &x])?.to_vec::<f32>()?, [5.0, 11.0, 11.0, 25.0]);
/// assert_eq!(ops::einsum("ii->", &[&x])?.to_scalar::<f32>()?, 5.0);
/// let error = ops::einsum("ij,jk->il", &[&x, &x]).unwrap_err();
/// assert_eq!(error.to_string(), "einsum: no operand has the axis `l`\n  ij,jk->il\n          ^");
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// NumPy, `einsum`.
#[expect(clippy::missing_panics_doc, reason = "an expression has an operand")]
pub fn einsum(expression: &str, operands: &[&NdArray]) -> Result<NdArray> {
    let expression = parse(expression)?;
    let (all_axes, result, operands) = named(&expression, operands)?;
    check(expression.text, &all_axes, &operands)?;
    let mut left: Option<Named> = None;
    for (i, (axes, operand)) in all_axes.iter().zip(&operands).enumerate() {
        let later = all_axes[i + 1..].iter().flatten();
        let needed: Vec<char> = later.chain(&result).map(|axis| axis.0).collect();
        let needed = |axis: char| needed.contains(&axis);
        let right = diagonals(operand, axes)?;
        left = Some(match left {
            None => right.summed(needed)?,
            Some(left) => contract(left, right, needed)?,
        });
    }
    let product = left.expect("even an empty expression has one operand");
    product.ordered(&result.iter().map(|axis| axis.0).collect::<Vec<_>>())
}
