//! How far two slices are apart.

/// What two slices of equal length differ by.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Difference {
    /// The number of elements that are not equal. Two NaNs are.
    pub(crate) changed: usize,
    /// The largest absolute difference; NaN if one is.
    pub(crate) max_abs: f64,
    /// The sum of the squared differences, and of the squares of the first slice.
    pub(crate) squares: f64,
    pub(crate) size_squares: f64,
}

pub(crate) fn difference<T: Copy + PartialEq>(
    one: &[T],
    two: &[T],
    to_f64: impl Fn(T) -> f64,
) -> Difference {
    let mut sum = Difference::default();
    for (&x, &y) in one.iter().zip(two) {
        let wide = to_f64(x);
        sum.size_squares += wide * wide;
        // What is not equal to itself is NaN.
        #[expect(clippy::eq_op, reason = "the element type has no `is_nan`")]
        if x == y || (x != x && y != y) {
            continue;
        }
        let distance = (wide - to_f64(y)).abs();
        sum.changed += 1;
        if distance.is_nan() || distance > sum.max_abs {
            sum.max_abs = distance;
        }
        sum.squares += distance * distance;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_nans_are_no_change_and_a_new_one_is() {
        let same = difference(&[f32::NAN, 1.0], &[f32::NAN, 1.0], f64::from);
        assert_eq!(same.changed, 0);
        let other = difference(&[2.0_f32, 1.0, 5.0], &[2.0, f32::NAN, 1.0], f64::from);
        assert_eq!(other.changed, 2);
        assert!(other.max_abs.is_nan());
    }
}
