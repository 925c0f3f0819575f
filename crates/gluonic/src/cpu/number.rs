//! Arithmetic on every element type, as C and MXNet do it: integers wrap, an integer divided by 0
//! is 0, half types are computed in `f32`. What has a gradient does not come here, but in place
//! edits and integers do.

use half::{bf16, f16};

/// A function of two numbers of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arith {
    Add,
    Sub,
    Mul,
    /// Of integers, towards zero.
    Div,
    /// Towards minus infinity.
    FloorDivide,
    /// With the sign of the divisor; 0 if that is 0.
    Remainder,
    Pow,
    Maximum,
    Minimum,
}

/// A type that is computed with.
pub(crate) trait Number: Copy + PartialOrd + Send + Sync + 'static {
    fn add(self, y: Self) -> Self;
    fn sub(self, y: Self) -> Self;
    fn mul(self, y: Self) -> Self;
    fn div(self, y: Self) -> Self;
    fn floor_divide(self, y: Self) -> Self;
    fn remainder(self, y: Self) -> Self;
    fn pow(self, y: Self) -> Self;

    /// The larger; of a NaN and a number, the NaN.
    #[inline(always)]
    fn maximum(self, y: Self) -> Self {
        if self > y || self.partial_cmp(&self).is_none() { self } else { y }
    }

    /// The smaller; of a NaN and a number, the NaN.
    #[inline(always)]
    fn minimum(self, y: Self) -> Self {
        if self < y || self.partial_cmp(&self).is_none() { self } else { y }
    }
}

/// A type with bits that mean something.
pub(crate) trait Integer: Number {
    fn neg(self) -> Self;
    fn abs(self) -> Self;
    fn sign(self) -> Self;
    fn and(self, y: Self) -> Self;
    fn or(self, y: Self) -> Self;
    fn xor(self, y: Self) -> Self;
    fn not(self) -> Self;
}

macro_rules! integers {
    ($($t:ty, |$x:ident| $abs:expr, $sign:expr;)*) => {$(
        impl Number for $t {
            #[inline(always)]
            fn add(self, y: $t) -> $t { self.wrapping_add(y) }
            #[inline(always)]
            fn sub(self, y: $t) -> $t { self.wrapping_sub(y) }
            #[inline(always)]
            fn mul(self, y: $t) -> $t { self.wrapping_mul(y) }
            #[inline(always)]
            fn div(self, y: $t) -> $t { if y == 0 { 0 } else { self.wrapping_div(y) } }
            #[inline(always)]
            #[allow(unused_comparisons, reason = "some of the types have no sign")]
            fn floor_divide(self, y: $t) -> $t {
                if y == 0 {
                    return 0;
                }
                let (quotient, rest) = (self.wrapping_div(y), self.wrapping_rem(y));
                if rest != 0 && (rest < 0) != (y < 0) { quotient - 1 } else { quotient }
            }
            #[inline(always)]
            #[allow(unused_comparisons, reason = "some of the types have no sign")]
            fn remainder(self, y: $t) -> $t {
                if y == 0 {
                    return 0;
                }
                let rest = self.wrapping_rem(y);
                if rest != 0 && (rest < 0) != (y < 0) { rest.wrapping_add(y) } else { rest }
            }
            #[inline(always)]
            #[allow(unused_comparisons, reason = "some of the types have no sign")]
            fn pow(self, y: $t) -> $t {
                if y < 0 {
                    // What is left of a fraction: only ±1 has one that is whole.
                    return match (self, self.wrapping_add(1)) {
                        (1, _) => 1,
                        (_, 0) => if y % 2 == 0 { 1 } else { self },
                        _ => 0,
                    };
                }
                self.wrapping_pow(u32::try_from(y).unwrap_or(u32::MAX))
            }
        }

        impl Integer for $t {
            #[inline(always)]
            fn neg(self) -> $t { self.wrapping_neg() }
            #[inline(always)]
            fn abs(self) -> $t { let $x = self; $abs }
            #[inline(always)]
            fn sign(self) -> $t { let $x = self; $sign }
            #[inline(always)]
            fn and(self, y: $t) -> $t { self & y }
            #[inline(always)]
            fn or(self, y: $t) -> $t { self | y }
            #[inline(always)]
            fn xor(self, y: $t) -> $t { self ^ y }
            #[inline(always)]
            fn not(self) -> $t { !self }
        }
    )*};
}
integers! {
    u8, |x| x, x.min(1);
    u16, |x| x, x.min(1);
    u32, |x| x, x.min(1);
    u64, |x| x, x.min(1);
    i8, |x| x.wrapping_abs(), x.signum();
    i16, |x| x.wrapping_abs(), x.signum();
    i32, |x| x.wrapping_abs(), x.signum();
    i64, |x| x.wrapping_abs(), x.signum();
}

macro_rules! floats {
    ($($t:ty)*) => {$(
        impl Number for $t {
            #[inline(always)]
            fn add(self, y: $t) -> $t { self + y }
            #[inline(always)]
            fn sub(self, y: $t) -> $t { self - y }
            #[inline(always)]
            fn mul(self, y: $t) -> $t { self * y }
            #[inline(always)]
            fn div(self, y: $t) -> $t { self / y }
            #[inline(always)]
            fn floor_divide(self, y: $t) -> $t { super::floor_divide(self, y) }
            #[inline(always)]
            fn remainder(self, y: $t) -> $t { super::remainder(self, y) }
            #[inline(always)]
            fn pow(self, y: $t) -> $t { self.powf(y) }
        }
    )*};
}
floats! { f32 f64 }

macro_rules! halves {
    ($($t:ty)*) => {$(
        impl Number for $t {
            #[inline(always)]
            fn add(self, y: $t) -> $t { <$t>::from_f32(self.to_f32() + y.to_f32()) }
            #[inline(always)]
            fn sub(self, y: $t) -> $t { <$t>::from_f32(self.to_f32() - y.to_f32()) }
            #[inline(always)]
            fn mul(self, y: $t) -> $t { <$t>::from_f32(self.to_f32() * y.to_f32()) }
            #[inline(always)]
            fn div(self, y: $t) -> $t { <$t>::from_f32(self.to_f32() / y.to_f32()) }
            #[inline(always)]
            fn floor_divide(self, y: $t) -> $t {
                <$t>::from_f32(super::floor_divide(self.to_f32(), y.to_f32()))
            }
            #[inline(always)]
            fn remainder(self, y: $t) -> $t {
                <$t>::from_f32(super::remainder(self.to_f32(), y.to_f32()))
            }
            #[inline(always)]
            fn pow(self, y: $t) -> $t { <$t>::from_f32(self.to_f32().powf(y.to_f32())) }
        }
    )*};
}
halves! { f16 bf16 }

impl Number for bool {
    #[inline(always)]
    fn add(self, y: bool) -> bool {
        self | y
    }
    #[inline(always)]
    fn sub(self, y: bool) -> bool {
        self ^ y
    }
    #[inline(always)]
    fn mul(self, y: bool) -> bool {
        self & y
    }
    #[inline(always)]
    fn div(self, y: bool) -> bool {
        self & y
    }
    #[inline(always)]
    fn floor_divide(self, y: bool) -> bool {
        self & y
    }
    #[inline(always)]
    fn remainder(self, _: bool) -> bool {
        false
    }
    #[inline(always)]
    fn pow(self, y: bool) -> bool {
        self || !y
    }
}

impl Integer for bool {
    #[inline(always)]
    fn neg(self) -> bool {
        self
    }
    #[inline(always)]
    fn abs(self) -> bool {
        self
    }
    #[inline(always)]
    fn sign(self) -> bool {
        self
    }
    #[inline(always)]
    fn and(self, y: bool) -> bool {
        self & y
    }
    #[inline(always)]
    fn or(self, y: bool) -> bool {
        self | y
    }
    #[inline(always)]
    fn xor(self, y: bool) -> bool {
        self ^ y
    }
    #[inline(always)]
    fn not(self) -> bool {
        !self
    }
}

/// Runs the body with `$f` standing for the function that `$arith` names on the type `$T`. Those
/// that are slow in any case share one body, by a pointer.
macro_rules! with_arith {
    ($arith:expr, $T:ty, $f:ident => $body:expr) => {{
        use $crate::cpu::number::{Arith, Number};
        let slow: fn($T, $T) -> $T = match $arith {
            Arith::Add => {
                let $f = <$T as Number>::add;
                return $body;
            }
            Arith::Sub => {
                let $f = <$T as Number>::sub;
                return $body;
            }
            Arith::Mul => {
                let $f = <$T as Number>::mul;
                return $body;
            }
            Arith::Maximum => {
                let $f = <$T as Number>::maximum;
                return $body;
            }
            Arith::Minimum => {
                let $f = <$T as Number>::minimum;
                return $body;
            }
            Arith::Div => <$T as Number>::div,
            Arith::FloorDivide => <$T as Number>::floor_divide,
            Arith::Remainder => <$T as Number>::remainder,
            Arith::Pow => <$T as Number>::pow,
        };
        let $f = slow;
        $body
    }};
}

/// `out = f(x, y)`.
pub(crate) fn zip<T: Copy, R>(out: &mut [R], x: &[T], y: &[T], f: impl Fn(T, T) -> R) {
    for ((out, x), y) in out.iter_mut().zip(x).zip(y) {
        *out = f(*x, *y);
    }
}

/// `out = f(x)`.
pub(crate) fn map<T: Copy>(out: &mut [T], x: &[T], f: impl Fn(T) -> T) {
    for (out, x) in out.iter_mut().zip(x) {
        *out = f(*x);
    }
}

/// `out = x ∘ y`.
pub(crate) fn arith<T: Number>(arith: Arith, out: &mut [T], x: &[T], y: &[T]) {
    with_arith!(arith, T, f => zip(out, x, y, f));
}

/// `out = x ∘ y` with one number on the right.
pub(crate) fn arith_with<T: Number>(arith: Arith, out: &mut [T], x: &[T], y: T) {
    with_arith!(arith, T, f => map(out, x, |x| f(x, y)));
}

/// `out = x ∘ y` with one number on the left.
pub(crate) fn arith_after<T: Number>(arith: Arith, out: &mut [T], x: T, y: &[T]) {
    with_arith!(arith, T, f => map(out, y, |y| f(x, y)));
}

/// `x = x ∘ y` for `y.len()` elements of `x`, `stride` apart.
pub(crate) fn update<T: Number>(arith: Arith, x: &mut [T], stride: usize, y: &[T]) {
    with_arith!(arith, T, f => if stride == 1 {
        x.iter_mut().zip(y).for_each(|(x, y)| *x = f(*x, *y));
    } else {
        x.iter_mut().step_by(stride).zip(y).for_each(|(x, y)| *x = f(*x, *y));
    });
}

/// `x = x ∘ y` with one number, for `n` elements of `x`, `stride` apart.
pub(crate) fn update_with<T: Number>(arith: Arith, x: &mut [T], stride: usize, n: usize, y: T) {
    with_arith!(arith, T, f => if stride == 1 {
        x.iter_mut().take(n).for_each(|x| *x = f(*x, y));
    } else {
        x.iter_mut().step_by(stride).take(n).for_each(|x| *x = f(*x, y));
    });
}

/// Folds the middle axis of an `(outer, n, inner)` array, in order, from its first element on;
/// without one the output stays as it is.
pub(crate) fn fold_axis<T: Number>(arith: Arith, out: &mut [T], x: &[T], n: usize, inner: usize) {
    let size = (n * inner).max(1);
    for (out, x) in out.chunks_exact_mut(inner.max(1)).zip(x.chunks_exact(size)) {
        out.copy_from_slice(&x[..inner]);
        for row in x[inner..].chunks_exact(inner) {
            update(arith, out, 1, row);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_wrap_and_a_division_by_zero_gives_zero() {
        assert_eq!((250_u8.add(10), 3_u8.sub(5), Integer::abs(-128_i8)), (4, 254, -128));
        assert_eq!((i32::MIN.div(-1), 7_i32.div(0), 7_i32.remainder(0)), (i32::MIN, 0, 0));
        assert_eq!(((-7_i32).div(3), (-7_i32).floor_divide(3), 7_i32.remainder(-3)), (-2, -3, -2));
        assert_eq!((i8::MIN.floor_divide(-1), i8::MIN.remainder(-1)), (i8::MIN, 0));
    }

    #[test]
    fn powers_of_integers_are_whole() {
        let pow = |x: i32, y| Number::pow(x, y);
        assert_eq!((pow(2, -1), pow(-1, -3), pow(1, -9), pow(7, 2)), (0, -1, 1, 49));
        assert_eq!((Number::pow(5_i8, 5), Number::pow(0_u8, 0)), (53, 1));
    }

    #[test]
    fn a_remainder_has_the_sign_of_the_divisor() {
        assert_eq!((7.0_f32.remainder(-3.0), (-7.0_f64).remainder(3.0)), (-2.0, 2.0));
        assert_eq!((5.0_f32.remainder(0.0), 6.0_f32.remainder(-3.0)), (0.0, 0.0));
        assert_eq!(
            ((-7.0_f32).floor_divide(2.0), f16::ONE.floor_divide(f16::ONE)),
            (-4.0, f16::ONE)
        );
    }
}
