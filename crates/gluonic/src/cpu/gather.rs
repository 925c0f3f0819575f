//! Kernels that move elements: runs copied out of an array, and added back for the gradient.
//!
//! An array is seen as `(outer, n, inner)` around the axis that is indexed; what moves as one piece
//! is a run of `inner` elements.

use super::Float;
use super::elementwise::add_into;

/// Copies `width` elements of each row of `total`, from `start` on.
pub(crate) fn copy_columns<T: Copy>(
    out: &mut [T],
    rows: &[T],
    start: usize,
    width: usize,
    total: usize,
) {
    for (out, row) in out.chunks_exact_mut(width.max(1)).zip(rows.chunks_exact(total.max(1))) {
        out.copy_from_slice(&row[start..start + width]);
    }
}

/// As [`copy_columns`], but adds to what is there.
pub(crate) fn add_columns<T: Float>(
    out: &mut [T],
    rows: &[T],
    start: usize,
    width: usize,
    total: usize,
) {
    for (out, row) in out.chunks_exact_mut(width.max(1)).zip(rows.chunks_exact(total.max(1))) {
        add_into(out, &row[start..start + width]);
    }
}

/// Writes rows of `width` elements into the columns of `out` from `start` on.
pub(crate) fn write_columns<T: Copy>(
    out: &mut [T],
    rows: &[T],
    start: usize,
    width: usize,
    total: usize,
) {
    for (out, row) in out.chunks_exact_mut(total.max(1)).zip(rows.chunks_exact(width.max(1))) {
        out[start..start + width].copy_from_slice(row);
    }
}

/// `out[o, j, …] = x[o, positions[j], …]`.
pub(crate) fn take<T: Copy>(out: &mut [T], x: &[T], positions: &[usize], n: usize, inner: usize) {
    let size = positions.len() * inner;
    for (out, x) in out.chunks_exact_mut(size.max(1)).zip(x.chunks_exact((n * inner).max(1))) {
        if inner == 1 {
            for (out, position) in out.iter_mut().zip(positions) {
                *out = x[*position];
            }
            continue;
        }
        for (out, position) in out.chunks_exact_mut(inner).zip(positions) {
            out.copy_from_slice(&x[position * inner..][..inner]);
        }
    }
}

/// `out[o, positions[j], …] += g[o, j, …]`, in the order of `j`.
pub(crate) fn add_taken<T: Float>(
    out: &mut [T],
    g: &[T],
    positions: &[usize],
    n: usize,
    inner: usize,
) {
    let size = positions.len() * inner;
    for (out, g) in out.chunks_exact_mut((n * inner).max(1)).zip(g.chunks_exact(size.max(1))) {
        if inner == 1 {
            for (g, position) in g.iter().zip(positions) {
                out[*position] += *g;
            }
            continue;
        }
        for (g, position) in g.chunks_exact(inner).zip(positions) {
            add_into(&mut out[position * inner..][..inner], g);
        }
    }
}

/// Calls `each(place in the indices, place in the array)` for an index array of sizes
/// `(outer, m, inner)` into an array of sizes `(outer, n, inner)`.
pub(crate) fn along(
    positions: &[usize],
    (n, m, inner): (usize, usize, usize),
    mut each: impl FnMut(usize, usize),
) {
    let plane = m * inner;
    for (at, position) in positions.iter().enumerate() {
        let (outer, column) = (at / plane, at % inner);
        each(at, (outer * n + position) * inner + column);
    }
}

/// `out = condition ? x : y`.
pub(crate) fn select<T: Copy>(out: &mut [T], condition: &[bool], x: &[T], y: &[T]) {
    for (((out, condition), x), y) in out.iter_mut().zip(condition).zip(x).zip(y) {
        *out = if *condition { *x } else { *y };
    }
}

/// `out (+)= g` where the condition is `side`, 0 elsewhere.
pub(crate) fn select_grad<T: Float>(
    out: &mut [T],
    add: bool,
    g: &[T],
    condition: &[bool],
    side: bool,
) {
    for ((out, g), condition) in out.iter_mut().zip(g).zip(condition) {
        let value = if *condition == side { *g } else { T::ZERO };
        *out = if add { *out + value } else { value };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_twice_gets_both_gradients() {
        let positions = [2, 0, 2];
        let mut taken = [0; 12];
        take(&mut taken, &(0..12).collect::<Vec<_>>(), &positions, 3, 2);
        assert_eq!(taken, [4, 5, 0, 1, 4, 5, 10, 11, 6, 7, 10, 11]);
        let mut back = [0.0; 12];
        add_taken(&mut back, &[1.0; 12], &positions, 3, 2);
        assert_eq!(back, [1.0, 1.0, 0.0, 0.0, 2.0, 2.0, 1.0, 1.0, 0.0, 0.0, 2.0, 2.0]);
    }

    #[test]
    fn columns_of_no_width_move_nothing() {
        let mut out = [7.0; 4];
        copy_columns(&mut out[..0], &[1.0; 4], 1, 0, 2);
        write_columns(&mut out, &[], 1, 0, 2);
        assert_eq!(out, [7.0; 4]);
    }
}
