//! Matrix products, by the crate `gemm`: the only kernel that needs pointers.
#![allow(unsafe_code, reason = "`gemm` takes pointers and strides; both are checked here")]

use super::{Float, threads};

/// Below this many operations a product runs on one thread: waking another costs more.
const PARALLEL_FLOP: usize = 2_000_000;

/// A matrix in a slice: element (i, j) is `data[start + i * row + j * col]`. Strides may be negative.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a, T> {
    pub(crate) data: &'a [T],
    pub(crate) start: usize,
    pub(crate) row: isize,
    pub(crate) col: isize,
}

impl<'a, T> Matrix<'a, T> {
    /// A row-major matrix of `cols` columns.
    pub(crate) fn rows(data: &'a [T], cols: usize) -> Self {
        Matrix { data, start: 0, row: cols as isize, col: 1 }
    }

    pub(crate) fn transposed(self) -> Self {
        Matrix { row: self.col, col: self.row, ..self }
    }

    /// Where element (i, j) is.
    #[inline(always)]
    pub(crate) fn place(&self, i: usize, j: usize) -> usize {
        (self.start as isize + i as isize * self.row + j as isize * self.col) as usize
    }

    /// Whether every element of an `m` by `n` matrix lies inside the slice.
    fn contains(&self, m: usize, n: usize) -> bool {
        if m == 0 || n == 0 {
            return true;
        }
        let (mut low, mut high) = (self.start as isize, self.start as isize);
        for (size, stride) in [(m, self.row), (n, self.col)] {
            let Some(reach) = isize::try_from(size - 1).ok().and_then(|n| n.checked_mul(stride))
            else {
                return false;
            };
            if reach < 0 { low += reach } else { high += reach }
        }
        low >= 0 && (high as usize) < self.data.len()
    }
}

/// `out = a · b`, or `out += a · b` when `add`; `out` is `m` by `n`, row-major; `a` is `m` by `k`.
pub(crate) fn product<T: Float>(
    (m, n, k): (usize, usize, usize),
    out: &mut [T],
    add: bool,
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
) {
    product_into((m, n, k), (out, n), add, a, b, true);
}

/// As [`product`], into rows that lie `row` elements apart, and on this thread alone unless it
/// `may_split`.
pub(crate) fn product_into<T: Float>(
    (m, n, k): (usize, usize, usize),
    (out, row): (&mut [T], usize),
    add: bool,
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    may_split: bool,
) {
    if m == 0 || n == 0 {
        return;
    }
    let end = (m - 1).checked_mul(row).and_then(|start| start.checked_add(n));
    let fits = row >= n && end.is_some_and(|end| end <= out.len());
    assert!(fits && a.contains(m, k) && b.contains(k, n), "checked by the caller");
    if k == 0 {
        if !add {
            out.chunks_mut(row).take(m).for_each(|row| row[..n].fill(T::ZERO));
        }
        return;
    }
    // The size first: a small product must not wake, or even start, the pool.
    let parallel = if may_split && 2 * m * n * k >= PARALLEL_FLOP && threads() > 1 {
        gemm::Parallelism::Rayon(threads())
    } else {
        gemm::Parallelism::None
    };
    // SAFETY: the assertion above proves that every element that the sizes and strides reach lies
    // in its slice, and that no two rows of `out` overlap; `out` is borrowed mutably, so it overlaps neither `a` nor `b`; `T` is `f32` or
    // `f64`, the only implementors of `Float`, which `gemm` supports.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            row as isize,
            add,
            a.data.as_ptr().wrapping_add(a.start),
            a.col,
            a.row,
            b.data.as_ptr().wrapping_add(b.start),
            b.col,
            b.row,
            T::ONE,
            T::ONE,
            false,
            false,
            false,
            parallel,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slow(m: usize, n: usize, k: usize, a: &[f64], b: &[f64]) -> Vec<f64> {
        let sum = |i: usize, j: usize| (0..k).map(|l| a[i * k + l] * b[l * n + j]).sum();
        (0..m * n).map(|ij| sum(ij / n, ij % n)).collect()
    }

    #[test]
    fn a_product_equals_the_definition_transposed_and_added_too() {
        let (m, n, k) = (3, 4, 5);
        let a: Vec<f64> = (0..m * k).map(|i| i as f64 * 0.5 - 3.0).collect();
        let b: Vec<f64> = (0..k * n).map(|i| 2.0 - i as f64 * 0.25).collect();
        let expected = slow(m, n, k, &a, &b);
        let mut out = vec![0.0; m * n];
        product((m, n, k), &mut out, false, Matrix::rows(&a, k), Matrix::rows(&b, n));
        assert_eq!(out, expected);
        let bt: Vec<f64> = (0..n * k).map(|i| b[(i % k) * n + i / k]).collect();
        product((m, n, k), &mut out, true, Matrix::rows(&a, k), Matrix::rows(&bt, k).transposed());
        assert!(out.iter().zip(&expected).all(|(x, y)| (x - 2.0 * y).abs() < 1e-12));
    }

    #[test]
    fn an_empty_inner_size_gives_zeros_or_leaves_what_is_added_to() {
        let mut out = [1.0f32; 4];
        product((2, 2, 0), &mut out, true, Matrix::rows(&[], 0), Matrix::rows(&[], 2));
        assert_eq!(out, [1.0; 4]);
        product((2, 2, 0), &mut out, false, Matrix::rows(&[], 0), Matrix::rows(&[], 2));
        assert_eq!(out, [0.0; 4]);
    }

    #[test]
    #[should_panic(expected = "checked by the caller")]
    fn a_matrix_that_leaves_its_slice_never_reaches_the_pointer_code() {
        let mut out = [0.0f32; 4];
        product((2, 2, 2), &mut out, false, Matrix::rows(&[0.0; 3], 2), Matrix::rows(&[0.0; 4], 2));
    }
}
