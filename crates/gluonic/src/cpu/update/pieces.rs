//! The runs of elements that an update walks over.
//!
//! A long tensor is cut in halves at multiples of [`PIECE`] until its parts are short, by its length
//! alone: so what formulas sum up is the same at any number of threads. Half types are widened block
//! by block into memory on the stack, so that they too are read and written once.

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

use super::super::elementwise::PIECE;
use super::super::{Float, threads};

/// Elements of a half type that are widened at once.
pub(super) const BLOCK: usize = 512;

/// What an update reads and writes, all of one length.
#[derive(Debug)]
pub(crate) struct Slices<'a, W, T, const N: usize> {
    /// The weight as it is stored.
    pub(crate) weight: &'a mut [W],
    /// The weight in full precision, of which `weight` is the rounding.
    pub(crate) master: Option<&'a mut [T]>,
    pub(crate) gradient: &'a [W],
    pub(crate) state: [&'a mut [T]; N],
}

impl<W, T, const N: usize> Slices<'_, W, T, N> {
    /// The part from `from` to `to`.
    fn part(&mut self, from: usize, to: usize) -> Slices<'_, W, T, N> {
        Slices {
            weight: &mut self.weight[from..to],
            master: self.master.as_mut().map(|master| &mut master[from..to]),
            gradient: &self.gradient[from..to],
            state: self.state.each_mut().map(|array| &mut array[from..to]),
        }
    }

    fn halves(self, middle: usize) -> (Self, Self) {
        let (weight, weight_end) = self.weight.split_at_mut(middle);
        let (gradient, gradient_end) = self.gradient.split_at(middle);
        let (master, master_end) = match self.master {
            Some(master) => {
                let (start, end) = master.split_at_mut(middle);
                (Some(start), Some(end))
            }
            None => (None, None),
        };
        let mut ends: [&mut [T]; N] = std::array::from_fn(|_| <&mut [T]>::default());
        let mut ends_left = ends.iter_mut();
        let state = self.state.map(|array| {
            let (start, end) = array.split_at_mut(middle);
            if let Some(place) = ends_left.next() {
                *place = end;
            }
            start
        });
        let end =
            Slices { weight: weight_end, master: master_end, gradient: gradient_end, state: ends };
        (Slices { weight, master, gradient, state }, end)
    }
}

/// Two numbers that a formula has summed up over its elements.
pub(crate) type Sums = [f64; 2];

/// A formula on a run of elements: the number of the first, weights, gradients, arrays.
pub(crate) type OnPiece<'f, T, const N: usize> =
    dyn Fn(usize, &mut [T], &[T], [&mut [T]; N]) -> Sums + Sync + 'f;

/// A type that weights of the compute type `T` are stored in.
pub(crate) trait Stored<T>: Send + Sync + Sized {
    fn run<const N: usize>(
        slices: Slices<'_, Self, T, N>,
        start: usize,
        on_piece: &OnPiece<'_, T, N>,
    ) -> Sums;
}

macro_rules! stored_as_computed {
    ($($t:ty),*) => {$(
        impl Stored<$t> for $t {
            fn run<const N: usize>(
                slices: Slices<'_, $t, $t, N>,
                start: usize,
                on_piece: &OnPiece<'_, $t, N>,
            ) -> Sums {
                on_piece(start, slices.weight, slices.gradient, slices.state)
            }
        }
    )*};
}
stored_as_computed!(f32, f64);

macro_rules! stored_half {
    ($($t:ty),*) => {$(
        impl Stored<f32> for $t {
            fn run<const N: usize>(
                mut slices: Slices<'_, $t, f32, N>,
                start: usize,
                on_piece: &OnPiece<'_, f32, N>,
            ) -> Sums {
                let n = slices.weight.len();
                let (mut weights, mut gradients) = ([0.0; BLOCK], [0.0; BLOCK]);
                let mut sums = [0.0; 2];
                for from in (0..n).step_by(BLOCK) {
                    let to = (from + BLOCK).min(n);
                    let Slices { weight, master, gradient, state } = slices.part(from, to);
                    let g = &mut gradients[..to - from];
                    gradient.convert_to_f32_slice(g);
                    let w = &mut weights[..to - from];
                    weight.convert_to_f32_slice(w);
                    let w = match master {
                        None => w,
                        Some(master) => {
                            // An edit of the weight since is seen by its elements, which are no
                            // longer the roundings of the master's.
                            for ((wide, stored), given) in master.iter_mut().zip(&*weight).zip(w) {
                                if <$t>::from_f32(*wide).to_bits() != stored.to_bits() {
                                    *wide = *given;
                                }
                            }
                            master
                        }
                    };
                    let [a, b] = on_piece(start + from, w, g, state);
                    sums = [sums[0] + a, sums[1] + b];
                    weight.convert_from_f32_slice(w);
                }
                sums
            }
        }
    )*};
}
stored_half!(f16, bf16);

/// Runs a formula over all elements, in parallel if they are many.
pub(crate) fn update<W: Stored<T>, T: Float, const N: usize>(
    slices: Slices<'_, W, T, N>,
    on_piece: &OnPiece<'_, T, N>,
) -> Sums {
    from(slices, 0, on_piece)
}

fn from<W: Stored<T>, T: Float, const N: usize>(
    slices: Slices<'_, W, T, N>,
    start: usize,
    on_piece: &OnPiece<'_, T, N>,
) -> Sums {
    let n = slices.weight.len();
    if n < 2 * PIECE {
        return W::run(slices, start, on_piece);
    }
    let middle = (n / 2).next_multiple_of(PIECE);
    let (left, right) = slices.halves(middle);
    let left = move || from(left, start, on_piece);
    let right = move || from(right, start + middle, on_piece);
    let (a, b) = if threads() == 1 { (left(), right()) } else { rayon::join(left, right) };
    [a[0] + b[0], a[1] + b[1]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_is_visited_once_by_its_number() {
        for n in [0, 1, BLOCK - 1, BLOCK + 1, 2 * PIECE - 1, 2 * PIECE, 5 * PIECE + 77] {
            let (mut weight, gradient) = (vec![f16::ZERO; n], vec![f16::ONE; n]);
            let mut seen = vec![0.0; n];
            let slices = Slices {
                weight: &mut weight,
                master: None,
                gradient: &gradient,
                state: [&mut seen],
            };
            let sums = update::<f16, f32, 1>(slices, &|start, w, g, [seen]| {
                for (i, seen) in seen.iter_mut().enumerate() {
                    *seen += (start + i) as f32 + 1.0;
                }
                w.copy_from_slice(g);
                [w.len() as f64, 1.0]
            });
            assert_eq!(sums[0], n as f64);
            assert!(weight.iter().all(|w| *w == f16::ONE));
            assert!(seen.iter().enumerate().all(|(i, seen)| *seen == i as f32 + 1.0));
        }
    }

    #[test]
    fn a_master_is_kept_where_the_weight_is_its_rounding_and_else_follows_the_weight() {
        let mut master = [1.0001_f32, 1.0001];
        let mut weight = [f16::from_f32(1.0001), f16::from_f32(3.0)];
        let gradient = [f16::ZERO; 2];
        let slices = Slices {
            weight: &mut weight,
            master: Some(&mut master),
            gradient: &gradient,
            state: [],
        };
        update::<f16, f32, 0>(slices, &|_, w, _, []| {
            w[0] += 1.0;
            [0.0; 2]
        });
        assert_eq!(master, [1.0001 + 1.0, 3.0]);
        assert_eq!(weight, [f16::from_f32(1.0001 + 1.0), f16::from_f32(3.0)]);
    }
}
