//! Index expressions: the macro [`s!`](crate::s).

#[doc(hidden)]
pub use ndarray::{NewAxis, Slice, SliceInfoElem};

/// An index expression, as NumPy's: numbers (negative ones count from the end), ranges, ranges
/// with a step (`1..9;2`; a negative step walks the range from its end), `NewAxis`.
///
/// # Examples
/// ```
/// use gluonic::{NdArray, s};
/// let x = NdArray::arange::<f32>(6).reshape((2, 3))?;
/// assert_eq!(x.slice(s![0, 1..])?.to_vec::<f32>()?, [1.0, 2.0]);
/// assert_eq!(x.slice(s![-1, ..;-1])?.to_vec::<f32>()?, [5.0, 4.0, 3.0]);
/// # Ok::<(), gluonic::Error>(())
/// ```
#[macro_export]
macro_rules! s {
    (@ [$($done:expr,)*]) => { [$($done),*] };
    (@ [$($done:expr,)*] $range:expr; $step:expr $(, $($rest:tt)*)?) => {
        $crate::s!(@ [$($done,)* $crate::array::index::stepped($range, $step),] $($($rest)*)?)
    };
    (@ [$($done:expr,)*] $elem:expr $(, $($rest:tt)*)?) => {
        $crate::s!(@ [$($done,)* $crate::array::index::SliceInfoElem::from($elem),] $($($rest)*)?)
    };
    ($($elems:tt)*) => { $crate::s!(@ [] $($elems)*) };
}

#[doc(hidden)]
pub fn stepped(range: impl Into<Slice>, step: isize) -> SliceInfoElem {
    let Slice { start, end, step: inner } = range.into();
    SliceInfoElem::Slice { start, end, step: inner.saturating_mul(step) }
}
