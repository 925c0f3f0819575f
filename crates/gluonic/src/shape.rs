//! Sizes: [`Dims`] of an array, all known, and [`Shape`] of a parameter, where a size may still
//! be unknown. Nothing here knows about memory.

use std::fmt;
use std::ops::Deref;

/// A short list held in place, or on the heap when it is longer than five.
#[derive(Clone, Debug)]
pub(crate) enum Short<T> {
    Inline(u8, [T; 5]),
    Heap(Box<[T]>),
}

impl<T: Copy + Default> Short<T> {
    pub(crate) fn from_slice(items: &[T]) -> Self {
        match items.len() {
            n @ 0..=5 => {
                let mut inline = [T::default(); 5];
                inline[..n].copy_from_slice(items);
                Short::Inline(n as u8, inline)
            }
            _ => Short::Heap(items.into()),
        }
    }

    pub(crate) fn filled(n: usize, value: T) -> Self {
        if n <= 5 { Short::Inline(n as u8, [value; 5]) } else { Short::Heap(vec![value; n].into()) }
    }
}

impl<T> Deref for Short<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        match self {
            Short::Inline(n, items) => &items[..*n as usize],
            Short::Heap(items) => items,
        }
    }
}

impl<T> Short<T> {
    #[inline]
    pub(crate) fn as_mut(&mut self) -> &mut [T] {
        match self {
            Short::Inline(n, items) => &mut items[..*n as usize],
            Short::Heap(items) => items,
        }
    }
}

impl<T: PartialEq> PartialEq for Short<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

/// The sizes of an array, outermost first. `()` is a scalar; a size may be 0.
///
/// # Examples
/// ```
/// use gluonic::Dims;
/// let dims = Dims::from((2, 20));
/// assert_eq!(dims.elem_count(), 40);
/// assert_eq!(dims.to_string(), "(2, 20)");
/// assert_eq!(Dims::from(7).to_string(), "(7,)");
/// assert_eq!(Dims::from(()).to_string(), "()");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Dims(pub(crate) Short<usize>);

impl Dims {
    /// The number of elements: the product of all sizes, 1 for a scalar.
    #[inline]
    pub fn elem_count(&self) -> usize {
        // A 0 makes it 0, however large the other sizes are.
        self.iter().fold(1, |n, d| n.wrapping_mul(*d))
    }

    /// The number of sizes.
    #[inline]
    pub fn rank(&self) -> usize {
        self.len()
    }

    pub(crate) fn as_mut(&mut self) -> &mut [usize] {
        self.0.as_mut()
    }

    /// The element count, or `None` when it does not fit the address space.
    pub(crate) fn checked_count(&self) -> Option<usize> {
        // A 0 anywhere makes the array empty, however large the other sizes are.
        if self.contains(&0) {
            return Some(0);
        }
        self.iter()
            .try_fold(1usize, |n, d| n.checked_mul(*d))
            .filter(|n| n.checked_mul(16).is_some_and(|bytes| isize::try_from(bytes).is_ok()))
    }
}

impl Eq for Dims {}

impl Deref for Dims {
    type Target = [usize];

    #[inline]
    fn deref(&self) -> &[usize] {
        &self.0
    }
}

impl fmt::Display for Dims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_tuple(f, self.iter())
    }
}

/// Writes a Python tuple: `(2, 3)`, `(2,)`, `()`.
fn write_tuple<D: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    items: impl ExactSizeIterator<Item = D>,
) -> fmt::Result {
    let n = items.len();
    f.write_str("(")?;
    for (i, item) in items.enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        write!(f, "{item}")?;
    }
    f.write_str(if n == 1 { ",)" } else { ")" })
}

impl From<&[usize]> for Dims {
    fn from(sizes: &[usize]) -> Self {
        Dims(Short::from_slice(sizes))
    }
}

impl From<&Dims> for Dims {
    fn from(dims: &Dims) -> Self {
        dims.clone()
    }
}

impl From<Vec<usize>> for Dims {
    fn from(sizes: Vec<usize>) -> Self {
        Dims::from(sizes.as_slice())
    }
}

impl From<&Vec<usize>> for Dims {
    fn from(sizes: &Vec<usize>) -> Self {
        Dims::from(sizes.as_slice())
    }
}

impl<const N: usize> From<[usize; N]> for Dims {
    fn from(sizes: [usize; N]) -> Self {
        Dims::from(&sizes[..])
    }
}

impl<const N: usize> From<&[usize; N]> for Dims {
    fn from(sizes: &[usize; N]) -> Self {
        Dims::from(&sizes[..])
    }
}

impl From<usize> for Dims {
    fn from(size: usize) -> Self {
        Dims::from([size])
    }
}

impl From<()> for Dims {
    fn from((): ()) -> Self {
        Dims::from(&[][..])
    }
}

macro_rules! dims_from_tuple {
    ($(($($name:ident),+))*) => {$(
        impl From<($(dims_from_tuple!(@usize $name),)+)> for Dims {
            fn from(($($name,)+): ($(dims_from_tuple!(@usize $name),)+)) -> Self {
                Dims::from([$($name),+])
            }
        }
    )*};
    (@usize $name:ident) => { usize };
}
dims_from_tuple! { (a) (a, b) (a, b, c) (a, b, c, d) (a, b, c, d, e) (a, b, c, d, e, g) }

/// The shape of a parameter: each size known, or `None` until the first forward, a file or
/// [`infer_shapes`](crate::nn::BlockExt) tells it.
///
/// # Examples
/// ```
/// use gluonic::Shape;
/// let shape = Shape::from([Some(64), None]);
/// assert_eq!(shape.to_string(), "(64, ?)");
/// assert!(!shape.is_known());
/// let known = shape.merge(&Shape::from([Some(64), Some(100)])).unwrap();
/// assert_eq!(known.to_string(), "(64, 100)");
/// assert!(shape.merge(&Shape::from([Some(32), None])).is_none());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape(Box<[Option<usize>]>);

impl Shape {
    /// Whether every size is known.
    pub fn is_known(&self) -> bool {
        self.0.iter().all(Option::is_some)
    }

    /// The sizes, if all of them are known.
    pub fn dims(&self) -> Option<Dims> {
        self.0.iter().copied().collect::<Option<Vec<_>>>().map(Dims::from)
    }

    /// The shape that knows what either of the two knows, or `None` if they contradict each
    /// other in rank or in a size.
    #[must_use]
    pub fn merge(&self, other: &Shape) -> Option<Shape> {
        if self.len() != other.len() {
            return None;
        }
        let merged = self.iter().zip(other.iter()).map(|pair| match pair {
            (Some(a), Some(b)) if a != b => Err(()),
            (a, b) => Ok(a.or(*b)),
        });
        merged.collect::<Result<Box<[_]>, ()>>().ok().map(Shape)
    }

    /// Whether this shape says at least what `other` says: the rule of assigning a shape, where a
    /// known size may not become unknown again.
    pub(crate) fn refines(&self, other: &Shape) -> bool {
        self.len() == other.len()
            && self.iter().zip(other.iter()).all(|(new, old)| old.is_none() || new == old)
    }

    /// Writes it as Gluon does, with 0 for a size that is not known.
    pub(crate) fn gluon(&self) -> impl fmt::Display + '_ {
        struct Gluon<'a>(&'a Shape);
        impl fmt::Display for Gluon<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_tuple(f, self.0.iter().map(|size| size.unwrap_or(0)))
            }
        }
        Gluon(self)
    }
}

impl Deref for Shape {
    type Target = [Option<usize>];

    fn deref(&self) -> &[Option<usize>] {
        &self.0
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_tuple(
            f,
            self.iter().map(|size| size.map_or_else(|| "?".to_owned(), |n| n.to_string())),
        )
    }
}

impl<const N: usize> From<[Option<usize>; N]> for Shape {
    fn from(sizes: [Option<usize>; N]) -> Self {
        Shape(sizes.into())
    }
}

impl From<Vec<Option<usize>>> for Shape {
    fn from(sizes: Vec<Option<usize>>) -> Self {
        Shape(sizes.into())
    }
}

impl<T: Into<Dims>> From<T> for Shape {
    fn from(sizes: T) -> Self {
        Shape(sizes.into().iter().copied().map(Some).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_prints_unknown_sizes_as_a_question_mark_and_gluon_as_zero() {
        let shape = Shape::from([Some(256), None]);
        assert_eq!(shape.to_string(), "(256, ?)");
        assert_eq!(shape.gluon().to_string(), "(256, 0)");
        assert_eq!(Shape::from(5).gluon().to_string(), "(5,)");
    }

    #[test]
    fn ranks_beyond_the_inline_size_work_alike() {
        let long = Dims::from([1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(long.elem_count(), 5040);
        assert_eq!(long, long.clone());
        assert_eq!(long.to_string(), "(1, 2, 3, 4, 5, 6, 7)");
    }

    #[test]
    fn a_count_that_overflows_is_refused_unless_a_size_is_zero() {
        assert_eq!(Dims::from([usize::MAX, 2]).checked_count(), None);
        assert_eq!(Dims::from([usize::MAX, 2, 0]).checked_count(), Some(0));
    }

    #[test]
    fn a_known_size_never_becomes_unknown_again() {
        let old = Shape::from((256, 20));
        assert!(!Shape::from([Some(256), None]).refines(&old));
        assert!(Shape::from((256, 20)).refines(&Shape::from([Some(256), None])));
    }
}
