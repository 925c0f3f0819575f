//! Element types: [`DType`] at run time, [`Element`] at compile time, and the exact conversion
//! between any two of them.

use std::fmt;
use std::str::FromStr;

use half::{bf16, f16};

use super::buffer::Data;
use crate::error::{Error, Result};
use crate::suggest::nearest;

/// A number on its way from one element type to another, without loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar {
    /// From a floating-point type.
    Float(f64),
    /// From an integer type.
    Int(i128),
    /// From a boolean.
    Bool(bool),
}

macro_rules! scalar_from {
    ($($t:ty => $variant:ident as $wide:ty),*) => {$(
        impl From<$t> for Scalar {
            #[inline]
            fn from(value: $t) -> Self {
                Scalar::$variant(value as $wide)
            }
        }
    )*};
}
scalar_from! {
    f32 => Float as f64, f64 => Float as f64, bool => Bool as bool,
    u8 => Int as i128, i8 => Int as i128, u16 => Int as i128, i16 => Int as i128,
    u32 => Int as i128, i32 => Int as i128, u64 => Int as i128, i64 => Int as i128
}
impl From<f16> for Scalar {
    #[inline]
    fn from(value: f16) -> Self {
        Scalar::Float(value.to_f64())
    }
}
impl From<bf16> for Scalar {
    #[inline]
    fn from(value: bf16) -> Self {
        Scalar::Float(value.to_f64())
    }
}

impl Scalar {
    /// The value as an `f64`, rounded if it is an integer beyond 2⁵³.
    #[inline]
    pub fn to_f64(self) -> f64 {
        match self {
            Scalar::Float(value) => value,
            Scalar::Int(value) => value as f64,
            Scalar::Bool(value) => f64::from(u8::from(value)),
        }
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scalar::Float(value) => value.fmt(f),
            Scalar::Int(value) => value.fmt(f),
            Scalar::Bool(value) => value.fmt(f),
        }
    }
}

mod sealed {
    /// Keeps the set of element types closed: buffers are an enum over it. Zero is one of them all.
    pub trait Sealed: bytemuck::Zeroable {}
}

/// A type that an array can hold.
///
/// Conversions follow Rust's `as`: floats to integers truncate and saturate, NaN becomes 0;
/// any number other than 0 becomes `true`; a narrower float is rounded to nearest even.
pub trait Element:
    sealed::Sealed
    + Copy
    + Default
    + PartialEq
    + PartialOrd
    + fmt::Debug
    + fmt::Display
    + Into<Scalar>
    + Send
    + Sync
    + 'static
{
    /// The run-time name of the type.
    const DTYPE: DType;

    /// Converts from any element type.
    fn from_scalar(value: Scalar) -> Self;

    #[doc(hidden)]
    fn vec(data: &Data) -> Option<&Vec<Self>>;
    #[doc(hidden)]
    fn vec_mut(data: &mut Data) -> Option<&mut Vec<Self>>;
    #[doc(hidden)]
    fn wrap(vec: Vec<Self>) -> Data;
    /// The elements that bytes are, if they lie as elements must.
    #[doc(hidden)]
    fn of_bytes(bytes: &[u8]) -> Option<&[Self]>;
}

macro_rules! dtypes {
    ($($(#[$doc:meta])* $variant:ident $t:ty, $name:literal, $bytes:literal, $from:expr;)*) => {
        /// The type of an array's elements.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum DType {
            $($(#[$doc])* $variant,)*
        }

        impl DType {
            /// Every element type.
            pub const ALL: &[DType] = &[$(DType::$variant),*];

            /// NumPy's name: `float32`, `bfloat16`, `int64`, `bool`, …
            pub fn name(self) -> &'static str {
                match self {
                    $(DType::$variant => $name,)*
                }
            }

            /// The size of one element in bytes.
            pub fn size(self) -> usize {
                match self {
                    $(DType::$variant => $bytes,)*
                }
            }
        }

        $(
            impl sealed::Sealed for $t {}

            impl Element for $t {
                const DTYPE: DType = DType::$variant;

                #[inline]
                fn from_scalar(value: Scalar) -> Self {
                    let from: fn(Scalar) -> $t = $from;
                    from(value)
                }

                #[inline]
                fn vec(data: &Data) -> Option<&Vec<Self>> {
                    if let Data::$variant(vec) = data { Some(vec) } else { None }
                }

                #[inline]
                fn vec_mut(data: &mut Data) -> Option<&mut Vec<Self>> {
                    if let Data::$variant(vec) = data { Some(vec) } else { None }
                }

                #[inline]
                fn wrap(vec: Vec<Self>) -> Data {
                    Data::$variant(vec)
                }

                #[inline]
                fn of_bytes(bytes: &[u8]) -> Option<&[Self]> {
                    bytemuck::checked::try_cast_slice(bytes).ok()
                }
            }
        )*

        /// Runs the body with `$T` standing for the type that `$dtype` names.
        macro_rules! for_dtype {
            ($dtype:expr, $T:ident => $body:expr) => {
                match $dtype {
                    $($crate::array::DType::$variant => {
                        type $T = $t;
                        $body
                    })*
                }
            };
        }
    };
}

macro_rules! int {
    ($t:ty) => {
        |value| match value {
            Scalar::Float(value) => value as $t,
            Scalar::Int(value) => value as $t,
            Scalar::Bool(value) => value as $t,
        }
    };
}

// `half` is imported by path here because the macro is expanded in other modules too.
dtypes! {
    /// One byte, 0 or 1.
    Bool bool, "bool", 1, |value| match value {
        Scalar::Float(value) => value != 0.0,
        Scalar::Int(value) => value != 0,
        Scalar::Bool(value) => value,
    };
    /// Unsigned, 8 bits.
    U8 u8, "uint8", 1, int!(u8);
    /// Signed, 8 bits.
    I8 i8, "int8", 1, int!(i8);
    /// Unsigned, 16 bits.
    U16 u16, "uint16", 2, int!(u16);
    /// Signed, 16 bits.
    I16 i16, "int16", 2, int!(i16);
    /// Unsigned, 32 bits.
    U32 u32, "uint32", 4, int!(u32);
    /// Signed, 32 bits.
    I32 i32, "int32", 4, int!(i32);
    /// Unsigned, 64 bits.
    U64 u64, "uint64", 8, int!(u64);
    /// Signed, 64 bits.
    I64 i64, "int64", 8, int!(i64);
    /// IEEE half precision: stored; computed with in `f32`.
    F16 half::f16, "float16", 2, |value| half::f16::from_f64(value.to_f64());
    /// The upper half of an `f32`: stored; computed with in `f32`.
    BF16 half::bf16, "bfloat16", 2, |value| half::bf16::from_f64(value.to_f64());
    /// IEEE single precision: the default.
    F32 f32, "float32", 4, |value| value.to_f64() as f32;
    /// IEEE double precision.
    F64 f64, "float64", 8, |value| value.to_f64();
}
pub(crate) use for_dtype;

impl DType {
    /// Whether it is one of the four floating-point types, which alone have gradients.
    pub fn is_float(self) -> bool {
        matches!(self, DType::F16 | DType::BF16 | DType::F32 | DType::F64)
    }

    /// Whether it is one of the eight integer types.
    pub fn is_int(self) -> bool {
        !self.is_float() && self != DType::Bool
    }

    /// The type that arithmetic on this one is done in: `f32` for the half types, itself for
    /// `f32` and `f64`, nothing for the rest.
    pub(crate) fn compute(self) -> Option<DType> {
        match self {
            DType::F16 | DType::BF16 | DType::F32 => Some(DType::F32),
            DType::F64 => Some(DType::F64),
            _ => None,
        }
    }

    /// The type that arithmetic on arrays of two types gives in MXNet's `mx.np`: of two floats the
    /// wider one, of a float and another type the float, of two integers the wider one (signed and
    /// unsigned of one size: the next wider signed one, at least `int32`), of a boolean and
    /// another type the other.
    ///
    /// # Examples
    /// ```
    /// use gluonic::DType;
    /// assert_eq!(DType::F32.promote(DType::I64), DType::F32);
    /// assert_eq!(DType::U8.promote(DType::I8), DType::I32);
    /// ```
    #[must_use]
    pub fn promote(self, other: DType) -> DType {
        if self == other {
            return self;
        }
        match (self.is_float(), other.is_float()) {
            (true, false) => return self,
            (false, true) => return other,
            // The two half types hold different numbers.
            (true, true) if self.size() == other.size() => return DType::F32,
            _ => {}
        }
        match (self, other) {
            (DType::Bool, other) | (other, DType::Bool) => other,
            (one, other) if one.size() == other.size() => {
                if one.size() < 4 {
                    DType::I32
                } else {
                    DType::I64
                }
            }
            (one, other) if one.size() > other.size() => one,
            (_, other) => other,
        }
    }

    /// The type of that name, by NumPy's name or by Rust's (`f32`, `bf16`, `i64`).
    pub fn from_name(name: &str) -> Option<DType> {
        let dtype = DType::ALL.iter().find(|dtype| dtype.name() == name);
        dtype.copied().or_else(|| {
            let short = DType::ALL.iter();
            short.copied().find(|dtype| format!("{dtype:?}").eq_ignore_ascii_case(name))
        })
    }
}

impl FromStr for DType {
    type Err = Error;

    /// As [`DType::from_name`].
    fn from_str(word: &str) -> Result<Self> {
        DType::from_name(word).ok_or_else(|| Error::UnknownWord {
            kind: "element type",
            word: word.into(),
            nearest: nearest(word, DType::ALL.iter().map(|dtype| dtype.name())),
        })
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A type that kernels compute in: `f32` or `f64`.
pub(crate) trait Compute: Element + crate::cpu::Float {}
impl Compute for f32 {}
impl Compute for f64 {}

/// Runs the body with `$T` standing for the compute type that `$dtype` names.
macro_rules! for_float {
    ($dtype:expr, $T:ident => $body:expr) => {
        if $dtype == $crate::array::DType::F64 {
            type $T = f64;
            $body
        } else {
            type $T = f32;
            $body
        }
    };
}
pub(crate) use for_float;

/// Runs the body with `$T` standing for the integer or boolean type that `$dtype` names.
macro_rules! for_integer {
    ($dtype:expr, $T:ident => $body:expr) => {
        $crate::array::for_integer!(
            @ $dtype, $T => $body, Bool bool, U8 u8, I8 i8, U16 u16, I16 i16, U32 u32, I32 i32,
            U64 u64, I64 i64
        )
    };
    (@ $dtype:expr, $T:ident => $body:expr, $($variant:ident $t:ty),*) => {
        match $dtype {
            $($crate::array::DType::$variant => {
                type $T = $t;
                $body
            })*
            other => unreachable!("{other} has a compute type, which was asked for before"),
        }
    };
}
pub(crate) use for_integer;

/// Converts elements one by one; `from` and `to` have the same length.
pub(crate) fn convert<S: Element, T: Element>(from: &[S], to: &mut [T]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = T::from_scalar((*from).into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_convert_without_passing_through_a_float() {
        let big = i64::MAX - 1;
        assert_eq!(u64::from_scalar(big.into()), big as u64);
    }

    #[test]
    fn floats_round_once_to_the_half_types() {
        assert_eq!(bf16::from_scalar(1.003_906_3_f32.into()), bf16::from_f32(1.003_906_3));
        assert_eq!(f16::from_scalar(65504.0_f64.into()).to_f32(), 65504.0);
    }

    #[test]
    fn a_dtype_is_found_by_either_of_its_names() {
        assert_eq!(DType::from_name("float32"), Some(DType::F32));
        assert_eq!(DType::from_name("bf16"), Some(DType::BF16));
        assert_eq!(DType::from_name("float33"), None);
    }
}
