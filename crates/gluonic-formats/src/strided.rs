//! Elements in any order of memory, made row-major.
//!
//! Private: NumPy's Fortran order and PyTorch's views come through here.

/// A view: where its elements stand in a buffer, counted in elements.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'v> {
    pub(crate) offset: usize,
    pub(crate) shape: &'v [usize],
    pub(crate) strides: &'v [usize],
}

impl View<'_> {
    /// Whether its elements stand side by side in row-major order.
    pub(crate) fn is_contiguous(&self) -> bool {
        let mut expected = 1_usize;
        self.shape.contains(&0)
            || self.shape.iter().zip(self.strides).rev().all(|(&dim, &stride)| {
                let fits = dim == 1 || stride == expected;
                expected = expected.saturating_mul(dim);
                fits
            })
    }

    /// How many elements the buffer must have: one more than the place of the last. `None` if
    /// that is no number.
    pub(crate) fn end(&self) -> Option<usize> {
        if self.shape.contains(&0) {
            return Some(0);
        }
        let dims = self.shape.iter().zip(self.strides);
        let last = dims.map(|(&dim, &stride)| (dim - 1).checked_mul(stride));
        last.into_iter().try_fold(self.offset, |sum, part| sum.checked_add(part?))?.checked_add(1)
    }

    /// Copies the elements, each of `size` bytes, in row-major order. The view must lie within
    /// `data`; `len` is the number of bytes it takes.
    pub(crate) fn gather(&self, data: &[u8], size: usize, len: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(len);
        // The last dim is the inner loop, the others count like the digits of a number.
        let split = self.shape.len().saturating_sub(1);
        let (outer, inner) = self.shape.split_at(split);
        let (outer_strides, inner_stride) = self.strides.split_at(split.min(self.strides.len()));
        let n_inner = inner.first().copied().unwrap_or(1);
        let inner_stride = inner_stride.first().copied().unwrap_or(1);
        let mut index = vec![0_usize; outer.len()];
        let mut start = self.offset;
        while out.len() < len {
            if inner_stride == 1 {
                let row = start * size..(start + n_inner) * size;
                out.extend_from_slice(data.get(row).unwrap_or_default());
            } else {
                for step in 0..n_inner {
                    let place = (start + step * inner_stride) * size;
                    out.extend_from_slice(data.get(place..place + size).unwrap_or_default());
                }
            }
            let digits = index.iter_mut().zip(outer.iter().zip(outer_strides)).rev();
            let mut carried = true;
            for (digit, (&dim, &stride)) in digits {
                *digit += 1;
                start = start.wrapping_add(stride); // A dim of 1 may have any stride.
                if *digit < dim {
                    carried = false;
                    break;
                }
                start = start.wrapping_sub(dim.wrapping_mul(stride));
                *digit = 0;
            }
            if carried {
                break;
            }
        }
        out
    }
}

/// The strides of Fortran order, in which the first dim is innermost; `None` if too large.
pub(crate) fn fortran_strides(shape: &[usize]) -> Option<Vec<usize>> {
    let mut next = 1_usize;
    let strides = shape.iter().map(|&dim| {
        let stride = next;
        next = next.checked_mul(dim.max(1))?;
        Some(stride)
    });
    strides.collect()
}

/// Turns big-endian numbers of `size` bytes into little-endian ones.
pub(crate) fn swap_bytes(data: &mut [u8], size: usize) {
    if size > 1 {
        data.chunks_exact_mut(size).for_each(<[u8]>::reverse);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(offset: usize, shape: &[usize], strides: &[usize], expected: &[u8]) {
        let data: Vec<u8> = (0..24).collect();
        let view = View { offset, shape, strides };
        assert!(view.end().unwrap() <= 24);
        assert_eq!(view.gather(&data, 1, shape.iter().product()), expected);
        let wide: Vec<u8> = data.iter().flat_map(|&byte| [byte, !byte, 0]).collect();
        let wide_expected: Vec<u8> = expected.iter().flat_map(|&byte| [byte, !byte, 0]).collect();
        assert_eq!(view.gather(&wide, 3, expected.len() * 3), wide_expected);
    }

    #[test]
    fn views_are_gathered_in_row_major_order() {
        check(0, &[2, 3], &[1, 2], &[0, 2, 4, 1, 3, 5]);
        check(5, &[], &[], &[5]);
        check(1, &[3], &[7], &[1, 8, 15]);
        check(2, &[2, 2], &[0, 1], &[2, 3, 2, 3]);
        check(2, &[2, 2], &[1, 0], &[2, 2, 3, 3]);
        check(0, &[2, 1, 2], &[12, 99, 3], &[0, 3, 12, 15]);
        check(0, &[2, 0], &[1, 1], &[]);
        check(23, &[1, 1], &[1, 1], &[23]);
    }

    #[test]
    fn strides_of_dims_of_one_do_not_matter() {
        let contiguous = |shape, strides| View { offset: 3, shape, strides }.is_contiguous();
        assert!(contiguous(&[2, 1, 3], &[3, 77, 1]));
        assert!(contiguous(&[], &[]));
        assert!(contiguous(&[0, 5], &[1, 1]));
        assert!(!contiguous(&[2, 3], &[1, 2]));
        assert!(!contiguous(&[2], &[0]));
    }

    #[test]
    fn ends_that_are_no_number_are_none() {
        let end = |offset, shape, strides| View { offset, shape, strides }.end();
        assert_eq!(end(usize::MAX, &[1], &[1]), None);
        assert_eq!(end(0, &[3], &[usize::MAX]), None);
        assert_eq!(end(9, &[0], &[usize::MAX]), Some(0));
        assert_eq!(end(2, &[2, 3], &[10, 2]), Some(17));
    }
}
