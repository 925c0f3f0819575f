//! Running averages of parameters.

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use rayon::prelude::*;

use super::super::elementwise::PIECE;
use super::super::{Float, kernel, threads};
use super::pieces::BLOCK;

kernel! {
    /// `a += rate·(x - a)`: exactly `a` where both are equal.
    fn follow_run[T: Float](average: &mut [T], value: &[T], rate: T) {
        for (a, x) in average.iter_mut().zip(value) {
            *a += rate * (*x - *a);
        }
    }
}

/// A type in which values are stored that are averaged in `T`.
pub(crate) trait AveragedIn<T>: Send + Sync + Sized {
    fn follow_piece(average: &mut [T], value: &[Self], rate: T);
}

macro_rules! averaged_as_stored {
    ($($t:ty),*) => {$(
        impl AveragedIn<$t> for $t {
            fn follow_piece(average: &mut [$t], value: &[$t], rate: $t) {
                follow_run(average, value, rate);
            }
        }
    )*};
}
averaged_as_stored!(f32, f64);

macro_rules! averaged_half {
    ($($t:ty),*) => {$(
        impl AveragedIn<f32> for $t {
            fn follow_piece(average: &mut [f32], value: &[$t], rate: f32) {
                let mut wide = [0.0; BLOCK];
                for (average, value) in average.chunks_mut(BLOCK).zip(value.chunks(BLOCK)) {
                    let wide = &mut wide[..value.len()];
                    value.convert_to_f32_slice(wide);
                    follow_run(average, wide, rate);
                }
            }
        }
    )*};
}
averaged_half!(f16, bf16);

/// `a += rate·(x - a)` over all elements, in parallel if they are many.
pub(crate) fn follow<W: AveragedIn<T>, T: Float>(average: &mut [T], value: &[W], rate: T) {
    if average.len() < 2 * PIECE || threads() == 1 {
        return W::follow_piece(average, value, rate);
    }
    let pieces = average.par_chunks_mut(PIECE).zip(value.par_chunks(PIECE));
    pieces.for_each(|(average, value)| W::follow_piece(average, value, rate));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_follows_once_whatever_the_length() {
        for n in [0, 1, BLOCK - 1, BLOCK + 1, 2 * PIECE, 3 * PIECE + 77] {
            let value: Vec<f16> = (0..n).map(|i| f16::from_f32((i % 1000) as f32)).collect();
            let mut average = vec![1.0_f32; n];
            follow(&mut average, &value, 0.5);
            let expected = |i: usize| f32::midpoint(1.0, (i % 1000) as f32);
            assert!(average.iter().enumerate().all(|(i, a)| *a == expected(i)));
        }
    }

    #[test]
    fn an_average_of_equal_values_is_that_value() {
        let mut average = [0.1_f32; 33];
        follow(&mut average, &[0.1_f32; 33], 1.0 / 3.0);
        assert_eq!(average, [0.1; 33]);
    }
}
