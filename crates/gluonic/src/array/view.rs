//! Where the elements of an array lie in its buffer: offset, sizes and strides, and the arithmetic
//! of slicing, permuting, reshaping and broadcasting them. No memory is touched here.

use ndarray::SliceInfoElem;

use crate::error::{Error, Result};
use crate::shape::{Dims, Short};

/// The layout of an array. Strides count elements and may be negative (a reversed axis) or 0 (a
/// broadcast one).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct View {
    pub(crate) offset: usize,
    pub(crate) dims: Dims,
    pub(crate) strides: Short<isize>,
}

/// Row-major strides. Where there are no elements, the other sizes may be any, and strides that
/// nothing walks wrap.
pub(crate) fn row_major(dims: &[usize]) -> Short<isize> {
    let mut strides = Short::filled(dims.len(), 1isize);
    let out = strides.as_mut();
    for axis in (0..dims.len().saturating_sub(1)).rev() {
        out[axis] = out[axis + 1].wrapping_mul(dims[axis + 1].max(1) as isize);
    }
    strides
}

impl View {
    pub(crate) fn new(dims: Dims) -> View {
        View { offset: 0, strides: row_major(&dims), dims }
    }

    /// Whether the elements lie one after another in row-major order.
    #[inline]
    pub(crate) fn is_contiguous(&self) -> bool {
        let mut expected = 1;
        for (&size, &stride) in self.dims.iter().zip(self.strides.iter()).rev() {
            if size == 0 {
                return true;
            }
            if size != 1 && stride != expected {
                return false;
            }
            expected = expected.wrapping_mul(size as isize);
        }
        true
    }

    /// Whether two indices can mean one element: such a view can be read but not edited.
    pub(crate) fn repeats(&self) -> bool {
        self.dims.iter().zip(self.strides.iter()).any(|(&size, &stride)| size > 1 && stride == 0)
    }

    /// The part that NumPy's basic indexing selects; axes not named are taken whole.
    pub(crate) fn slice(&self, elems: &[SliceInfoElem]) -> Result<View> {
        let fail = || Error::Index {
            index: elems.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ").into(),
            shape: (&self.dims).into(),
        };
        let (mut dims, mut strides) = (Vec::new(), Vec::new());
        let (mut offset, mut axis) = (self.offset as isize, 0);
        for elem in elems {
            if matches!(elem, SliceInfoElem::NewAxis) {
                dims.push(1);
                strides.push(0);
                continue;
            }
            let (&size, &stride) =
                self.dims.get(axis).zip(self.strides.get(axis)).ok_or_else(fail)?;
            let n = size as isize;
            axis += 1;
            match *elem {
                SliceInfoElem::Index(i) => {
                    let i = if i < 0 { i + n } else { i };
                    if !(0..n).contains(&i) {
                        return Err(fail());
                    }
                    offset = offset.wrapping_add(i.wrapping_mul(stride));
                }
                SliceInfoElem::Slice { start, end, step } => {
                    if step == 0 {
                        return Err(fail());
                    }
                    let clip = |i: isize| (if i < 0 { i + n } else { i }).clamp(0, n);
                    let (start, end) = (clip(start), clip(end.unwrap_or(n)));
                    let span = (end - start).max(0);
                    let count = (span as usize).div_ceil(step.unsigned_abs());
                    // A negative step walks the same range from its end, as `ndarray` does.
                    let first = if step > 0 { start } else { end - 1 };
                    if count > 0 {
                        offset = offset.wrapping_add(first.wrapping_mul(stride));
                    }
                    dims.push(count);
                    // Beyond one element the step is smaller than the axis, and nothing wraps.
                    strides.push(stride.wrapping_mul(step));
                }
                SliceInfoElem::NewAxis => {}
            }
        }
        dims.extend(&self.dims[axis..]);
        strides.extend(&self.strides[axis..]);
        // A part without elements may start anywhere, so not beyond the end of its buffer.
        let offset = if dims.contains(&0) { 0 } else { offset };
        Ok(View {
            offset: offset as usize,
            dims: dims.into(),
            strides: Short::from_slice(&strides),
        })
    }

    /// The view whose axis `i` is axis `axes[i]` of this one; `axes` is a permutation.
    pub(crate) fn permute(&self, axes: &[usize]) -> View {
        let dims: Vec<usize> = axes.iter().map(|&axis| self.dims[axis]).collect();
        let strides: Vec<isize> = axes.iter().map(|&axis| self.strides[axis]).collect();
        View { offset: self.offset, dims: dims.into(), strides: Short::from_slice(&strides) }
    }

    /// The same elements in other sizes, if no element has to move for it.
    pub(crate) fn reshape(&self, dims: &Dims) -> Option<View> {
        if self.is_contiguous() {
            return Some(View {
                offset: self.offset,
                strides: row_major(dims),
                dims: dims.clone(),
            });
        }
        // Axes of size 1 come and go in any view.
        let kept = |dims: &[usize]| dims.iter().copied().filter(|&d| d != 1).collect::<Vec<_>>();
        if kept(&self.dims) != kept(dims) {
            return None;
        }
        let mut left =
            self.dims.iter().zip(self.strides.iter()).filter(|(size, _)| **size != 1).map(|p| *p.1);
        let strides: Vec<isize> =
            dims.iter().map(|&d| if d == 1 { 0 } else { left.next().unwrap_or(0) }).collect();
        Some(View { offset: self.offset, dims: dims.clone(), strides: Short::from_slice(&strides) })
    }

    /// The view repeated to `dims` by NumPy's broadcasting rule, if it applies.
    pub(crate) fn broadcast(&self, dims: &Dims) -> Option<View> {
        let missing = dims.len().checked_sub(self.dims.len())?;
        let mut strides = Short::filled(dims.len(), 0isize);
        for (axis, &size) in dims.iter().enumerate().skip(missing) {
            match (self.dims[axis - missing], size) {
                (own, wanted) if own == wanted => {
                    strides.as_mut()[axis] = self.strides[axis - missing];
                }
                (1, _) => {}
                _ => return None,
            }
        }
        Some(View { offset: self.offset, dims: dims.clone(), strides })
    }

    /// The lowest and one past the highest position in the buffer that the view reaches.
    pub(crate) fn bounds(&self) -> (usize, usize) {
        if self.dims.contains(&0) {
            return (self.offset, self.offset);
        }
        let (mut low, mut high) = (self.offset as isize, self.offset as isize + 1);
        for (&size, &stride) in self.dims.iter().zip(self.strides.iter()) {
            let reach = (size as isize - 1) * stride;
            if reach < 0 { low += reach } else { high += reach }
        }
        (low as usize, high as usize)
    }
}

/// The sizes that two operands have together by NumPy's broadcasting rule: aligned at the last
/// axis, equal or 1.
pub(crate) fn broadcast_dims(a: &Dims, b: &Dims) -> Option<Dims> {
    if a == b {
        return Some(a.clone());
    }
    let rank = a.len().max(b.len());
    let mut out = Dims(Short::filled(rank, 1));
    for axis in 0..rank {
        let size = |d: &Dims| (axis + d.len()).checked_sub(rank).map_or(1, |i| d[i]);
        out.as_mut()[axis] = match (size(a), size(b)) {
            (x, y) if x == y => x,
            (1, y) => y,
            (x, 1) => x,
            _ => return None,
        };
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s;

    fn sliced(dims: &[usize], elems: impl AsRef<[SliceInfoElem]>) -> Result<View> {
        View::new(dims.into()).slice(elems.as_ref())
    }

    #[test]
    fn slices_count_from_the_end_step_and_clip_as_in_numpy() {
        let view = sliced(&[4, 6], s![-1, 1..100;2]).unwrap();
        assert_eq!((view.offset, &*view.dims, &*view.strides), (19, &[3][..], &[2][..]));
    }

    #[test]
    fn a_negative_step_starts_at_the_end() {
        let view = sliced(&[5], s![..;-2]).unwrap();
        assert_eq!((view.offset, &*view.dims, &*view.strides), (4, &[3][..], &[-2][..]));
        assert_eq!(view.bounds(), (0, 5));
    }

    #[test]
    fn a_step_of_any_size_takes_one_element() {
        for step in [isize::MAX, isize::MIN] {
            let slice = SliceInfoElem::Slice { start: 0, end: None, step };
            assert_eq!(sliced(&[3, 2], [slice]).unwrap().dims, Dims::from((1, 2)));
        }
    }

    #[test]
    fn an_index_outside_is_an_error_and_an_empty_range_is_not() {
        assert!(matches!(sliced(&[3], s![3]), Err(Error::Index { .. })));
        assert!(matches!(sliced(&[3], s![0, 0]), Err(Error::Index { .. })));
        assert_eq!(sliced(&[3], s![2..2]).unwrap().dims, Dims::from(0));
    }

    #[test]
    fn an_array_without_elements_may_have_axes_of_any_size() {
        let most = isize::MAX as usize;
        let view = sliced(&[0, most, most, 2], s![.., 5, -1..;-1]).unwrap();
        assert_eq!((view.offset, view.bounds(), view.is_contiguous()), (0, (0, 0), true));
        assert_eq!(view.dims, Dims::from((0, 1, 2)));
    }

    #[test]
    fn reshape_of_a_transposed_view_needs_a_copy_unless_only_ones_change() {
        let transposed = View::new((2, 3).into()).permute(&[1, 0]);
        assert!(transposed.reshape(&6.into()).is_none());
        assert_eq!(&*transposed.reshape(&(3, 1, 2).into()).unwrap().strides, &[1, 0, 3]);
    }

    #[test]
    fn broadcasting_aligns_the_last_axis() {
        assert_eq!(broadcast_dims(&(3, 1).into(), &4.into()), Some((3, 4).into()));
        assert_eq!(broadcast_dims(&(3, 2).into(), &4.into()), None);
        assert_eq!(broadcast_dims(&(1, 0).into(), &(5, 1).into()), Some((5, 0).into()));
    }
}
