//! The hot kernels, on slices: the only place that loops over elements for arithmetic.
//!
//! Kernels are generic over [`Float`] and run under `pulp`'s choice of the instruction set.
//! Multiplications and additions stay apart and sums have a fixed order, so every choice gives the
//! same bits; work is split by size, never by the number of threads, for the same reason.

pub(crate) mod attention;
pub(crate) mod conv;
pub(crate) mod ctc;
pub(crate) mod dense;
pub(crate) mod difference;
pub(crate) mod elementwise;
pub(crate) mod gather;
pub(crate) mod gemm;
pub(crate) mod norm;
pub(crate) mod number;
pub(crate) mod order;
pub(crate) mod pages;
pub(crate) mod pool;
pub(crate) mod reduce;
pub(crate) mod rnn;
pub(crate) mod softmax;
pub(crate) mod statistics;
pub(crate) mod update;
pub(crate) mod window;

use std::ops::{Add, AddAssign, Div, Mul, Neg, Rem, Sub};
use std::sync::OnceLock;

/// `f32` and `f64`, as far as kernels care.
pub(crate) trait Float:
    Copy
    + Default
    + PartialOrd
    + Send
    + Sync
    + 'static
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Rem<Output = Self>
    + Neg<Output = Self>
    + AddAssign
{
    const ZERO: Self;
    const ONE: Self;
    const MIN: Self;

    fn of(value: f64) -> Self;
    fn exp(self) -> Self;
    fn exp_m1(self) -> Self;
    fn ln(self) -> Self;
    fn ln_1p(self) -> Self;
    fn sqrt(self) -> Self;
    fn tanh(self) -> Self;
    fn sin(self) -> Self;
    fn cos(self) -> Self;
    fn erf(self) -> Self;
    fn powf(self, power: Self) -> Self;
    fn abs(self) -> Self;
    fn floor(self) -> Self;
    /// The larger of two; of a NaN and a number, the number.
    fn max(self, other: Self) -> Self;
    fn is_nan(self) -> bool;
}

macro_rules! float {
    ($($t:ty, $erf:path;)*) => {$(
        impl Float for $t {
            const ZERO: $t = 0.0;
            const ONE: $t = 1.0;
            const MIN: $t = <$t>::NEG_INFINITY;

            #[inline(always)]
            fn of(value: f64) -> $t { value as $t }
            #[inline(always)]
            fn exp(self) -> $t { self.exp() }
            #[inline(always)]
            fn exp_m1(self) -> $t { self.exp_m1() }
            #[inline(always)]
            fn ln(self) -> $t { self.ln() }
            #[inline(always)]
            fn ln_1p(self) -> $t { self.ln_1p() }
            #[inline(always)]
            fn sqrt(self) -> $t { self.sqrt() }
            #[inline(always)]
            fn tanh(self) -> $t { self.tanh() }
            #[inline(always)]
            fn sin(self) -> $t { self.sin() }
            #[inline(always)]
            fn cos(self) -> $t { self.cos() }
            #[inline(always)]
            fn erf(self) -> $t { $erf(self) }
            #[inline(always)]
            fn powf(self, power: $t) -> $t { self.powf(power) }
            #[inline(always)]
            fn abs(self) -> $t { self.abs() }
            #[inline(always)]
            fn floor(self) -> $t { self.floor() }
            #[inline(always)]
            fn max(self, other: $t) -> $t { self.max(other) }
            #[inline(always)]
            fn is_nan(self) -> bool { self.is_nan() }
        }
    )*};
}
float! {
    f32, libm::erff;
    f64, libm::erf;
}

/// What is left of `x` after a division by `y`, with the sign of `y`; 0 if `y` is 0, as in MXNet.
#[inline(always)]
pub(crate) fn remainder<T: Float>(x: T, y: T) -> T {
    if y == T::ZERO {
        return T::ZERO;
    }
    let rest = x % y;
    if rest != T::ZERO && (rest < T::ZERO) != (y < T::ZERO) { rest + y } else { rest }
}

/// `x / y` rounded towards minus infinity.
#[inline(always)]
pub(crate) fn floor_divide<T: Float>(x: T, y: T) -> T {
    if y == T::ZERO {
        return x / y;
    }
    // By the exact remainder: the quotient of the division may have been rounded up to a whole.
    let rest = remainder(x, y);
    let quotient = ((x - rest) / y).floor();
    // A half is enough to tell a whole number that was missed by a rounding.
    if (x - rest) / y - quotient > T::of(0.5) { quotient + T::ONE } else { quotient }
}

/// Defines functions whose bodies are compiled for each instruction set, and run under the best one
/// of this machine. A body is the method of a type, not a closure: closures are compiled apart,
/// without the instruction set. What it calls must be `#[inline(always)]`.
macro_rules! kernel {
    ($($(#[$meta:meta])* $vis:vis fn $name:ident[$($generics:tt)*]($($arg:ident: $ty:ty),* $(,)?)
        $(-> $ret:ty)? $body:block)*) => {$(
        $(#[$meta])*
        #[allow(clippy::too_many_arguments, reason = "the arguments of a formula")]
        $vis fn $name<$($generics)*>($($arg: $ty),*) $(-> $ret)? {
            struct Kernel<A>(A);
            impl<$($generics)*> pulp::WithSimd for Kernel<($($ty,)*)> {
                type Output = kernel!(@ret $($ret)?);

                #[inline(always)]
                fn with_simd<S: pulp::Simd>(self, _: S) -> Self::Output {
                    let Kernel(($($arg,)*)) = self;
                    $body
                }
            }
            $crate::cpu::dispatch(Kernel(($($arg,)*)))
        }
    )*};
    (@ret) => { () };
    (@ret $ret:ty) => { $ret };
}
use kernel;

/// Runs a kernel under the best instruction set of this machine.
#[inline(always)]
fn dispatch<K: pulp::WithSimd>(kernel: K) -> K::Output {
    static ARCH: OnceLock<pulp::Arch> = OnceLock::new();
    ARCH.get_or_init(pulp::Arch::new).dispatch(kernel)
}

/// What is done with one piece of an output, given its number.
type OnPiece<'a, T> = dyn Fn(usize, &mut [T]) + Sync + 'a;

/// Below this many operations, pieces are worked off on one thread.
const PARALLEL_WORK: usize = 1 << 17;

/// Works off an output in pieces of `size` elements, in parallel if it is worth while. The
/// closure is behind a reference so that the machinery is compiled once.
fn in_chunks<T: Send>(out: &mut [T], size: usize, work: usize, on_piece: &OnPiece<'_, T>) {
    use rayon::prelude::*;
    if size == 0 {
        return;
    }
    if work < PARALLEL_WORK || out.len() <= size || threads() == 1 {
        return out.chunks_mut(size).enumerate().for_each(|(i, piece)| on_piece(i, piece));
    }
    out.par_chunks_mut(size).enumerate().for_each(|(i, piece)| on_piece(i, piece));
}

/// What is done with one piece of each of two outputs, given its number.
type OnTwoPieces<'a, S, T> = dyn Fn(usize, &mut [S], &mut [T]) + Sync + 'a;

/// As [`in_chunks`], for two outputs of which the pieces belong together.
fn in_two_chunks<S: Send, T: Send>(
    (a, a_size): (&mut [S], usize),
    (b, b_size): (&mut [T], usize),
    work: usize,
    on_piece: &OnTwoPieces<'_, S, T>,
) {
    use rayon::prelude::*;
    if a_size == 0 || b_size == 0 {
        return;
    }
    if work < PARALLEL_WORK || a.len() <= a_size || threads() == 1 {
        let pieces = a.chunks_mut(a_size).zip(b.chunks_mut(b_size)).enumerate();
        return pieces.for_each(|(i, (a, b))| on_piece(i, a, b));
    }
    let pieces = a.par_chunks_mut(a_size).zip(b.par_chunks_mut(b_size)).enumerate();
    pieces.for_each(|(i, (a, b))| on_piece(i, a, b));
}

/// How many of `items` arrays, of `elements` elements together, a thread is to be handed at once;
/// `None` if handing them out would cost more than they do.
pub(crate) fn share(items: usize, elements: usize) -> Option<usize> {
    if elements < 2 * elementwise::PIECE || threads() == 1 {
        return None;
    }
    let least = items * elementwise::PIECE / elements / 4;
    Some(least.clamp(1, items.div_ceil(4 * threads()).max(1)))
}

/// The number of threads that parallel kernels may use.
pub(crate) fn threads() -> usize {
    rayon::current_num_threads()
}
