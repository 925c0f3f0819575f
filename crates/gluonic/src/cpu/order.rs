//! Positions of the best elements, and the order of all.
//!
//! A NaN counts as larger than every number; of equal elements the first comes first.

use std::cmp::Ordering;

/// The order in which a NaN is the largest of all.
fn compare<T: PartialOrd>(x: &T, y: &T) -> Ordering {
    #[expect(clippy::eq_op, reason = "the element type has no `is_nan`")]
    let is_nan = |value: &T| value != value;
    x.partial_cmp(y).unwrap_or_else(|| is_nan(x).cmp(&is_nan(y)))
}

/// The positions along the middle axis of an `(outer, n, inner)` array of the elements that are
/// largest, or smallest. A NaN is the best either way, as in NumPy.
pub(crate) fn arg_best<T: PartialOrd + Copy>(
    out: &mut [i64],
    x: &[T],
    (n, inner): (usize, usize),
    largest: bool,
) {
    let (better, size) = (if largest { Ordering::Greater } else { Ordering::Less }, n * inner);
    #[expect(clippy::eq_op, reason = "the element type has no `is_nan`")]
    let is_nan = |value: T| value != value;
    for (out, x) in out.chunks_exact_mut(inner.max(1)).zip(x.chunks_exact(size.max(1))) {
        out.fill(0);
        for (i, row) in x.chunks_exact(inner).enumerate().skip(1) {
            for (column, (out, value)) in out.iter_mut().zip(row).enumerate() {
                let best = x[*out as usize * inner + column];
                let wins = is_nan(*value) || compare(value, &best) == better;
                if wins && !is_nan(best) {
                    *out = i as i64;
                }
            }
        }
    }
}

/// The positions along the middle axis of an `(outer, n, inner)` array in the order of its
/// elements, of which the first `out / (outer · inner)` are kept.
pub(crate) fn arg_sort<T: PartialOrd + Copy>(
    out: &mut [i64],
    x: &[T],
    (n, inner, kept): (usize, usize, usize),
    descending: bool,
) {
    let mut order: Vec<usize> = Vec::with_capacity(n);
    let planes =
        out.chunks_exact_mut((kept * inner).max(1)).zip(x.chunks_exact((n * inner).max(1)));
    for (out, x) in planes {
        for column in 0..inner {
            order.clear();
            order.extend(0..n);
            let by = |a: &usize, b: &usize| {
                let order = compare(&x[a * inner + column], &x[b * inner + column]);
                if descending { order.reverse() } else { order }
            };
            order.sort_by(by);
            for (i, place) in order.iter().take(kept).enumerate() {
                out[i * inner + column] = *place as i64;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nan_is_the_best_and_the_largest_and_ties_keep_their_order() {
        let x = [2.0, f64::NAN, 1.0, 2.0];
        let mut best = [9];
        for largest in [true, false] {
            arg_best(&mut best, &x, (4, 1), largest);
            assert_eq!(best, [1]);
        }
        let mut order = [9; 4];
        arg_sort(&mut order, &x, (4, 1, 4), false);
        assert_eq!(order, [2, 0, 3, 1]);
        arg_sort(&mut order, &x, (4, 1, 4), true);
        assert_eq!(order, [1, 0, 3, 2]);
    }
}
