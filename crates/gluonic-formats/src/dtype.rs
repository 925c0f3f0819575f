//! The element types that parameter files name.
//!
//! The main type is [`DType`]. It says how many bits an element takes and what the libraries
//! call it; it converts no values. A type that `gluonic` cannot compute with is still listed,
//! so that its tensors pass through a file unharmed.

use std::fmt;

use crate::QuantType;

/// The type of a tensor's elements, as stored.
///
/// # Examples
/// ```
/// use gluonic_formats::DType;
/// assert_eq!(DType::BF16.name(), "bfloat16");
/// assert_eq!(DType::BF16.safetensors_name(), Some("BF16"));
/// assert_eq!(DType::BF16.size_in_bytes(), Some(2));
/// assert_eq!(DType::from_name("float32"), Some(DType::F32));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum DType {
    /// One byte, 0 or 1.
    Bool,
    /// Unsigned 8-bit integer.
    U8,
    /// Signed 8-bit integer.
    I8,
    /// Unsigned 16-bit integer.
    U16,
    /// Signed 16-bit integer.
    I16,
    /// Unsigned 32-bit integer.
    U32,
    /// Signed 32-bit integer.
    I32,
    /// Unsigned 64-bit integer.
    U64,
    /// Signed 64-bit integer.
    I64,
    /// IEEE 754 half precision.
    F16,
    /// The upper half of an `F32`.
    BF16,
    /// IEEE 754 single precision.
    F32,
    /// IEEE 754 double precision.
    F64,
    /// 4-bit float, two elements in a byte.
    F4,
    /// 6-bit float with 2 exponent bits.
    F6E2M3,
    /// 6-bit float with 3 exponent bits.
    F6E3M2,
    /// 8-bit float with 4 exponent bits, finite.
    F8E4M3,
    /// 8-bit float with 5 exponent bits.
    F8E5M2,
    /// 8-bit float with 4 exponent bits, finite, without a negative zero.
    F8E4M3Fnuz,
    /// 8-bit float with 5 exponent bits, finite, without a negative zero.
    F8E5M2Fnuz,
    /// 8-bit exponent without sign or mantissa: the scale of a block.
    F8E8M0,
    /// Two `F32`: real, then imaginary part.
    C64,
    /// Two `F64`: real, then imaginary part.
    C128,
    /// Elements that only a block of them can be decoded to, as GGUF files hold. The innermost
    /// dim of a tensor is a multiple of the block.
    Quantized(QuantType),
}

impl DType {
    /// Every element type, in the order of declaration, but for the quantized ones:
    /// [`QuantType::ALL`] has those.
    pub const ALL: [Self; 23] = [
        Self::Bool,
        Self::U8,
        Self::I8,
        Self::U16,
        Self::I16,
        Self::U32,
        Self::I32,
        Self::U64,
        Self::I64,
        Self::F16,
        Self::BF16,
        Self::F32,
        Self::F64,
        Self::F4,
        Self::F6E2M3,
        Self::F6E3M2,
        Self::F8E4M3,
        Self::F8E5M2,
        Self::F8E4M3Fnuz,
        Self::F8E5M2Fnuz,
        Self::F8E8M0,
        Self::C64,
        Self::C128,
    ];

    /// The name that Python libraries use, such as `float32`; for quantized types that of the GGUF
    /// format, such as `Q4_K`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::U8 => "uint8",
            Self::I8 => "int8",
            Self::U16 => "uint16",
            Self::I16 => "int16",
            Self::U32 => "uint32",
            Self::I32 => "int32",
            Self::U64 => "uint64",
            Self::I64 => "int64",
            Self::F16 => "float16",
            Self::BF16 => "bfloat16",
            Self::F32 => "float32",
            Self::F64 => "float64",
            Self::F4 => "float4_e2m1fn",
            Self::F6E2M3 => "float6_e2m3fn",
            Self::F6E3M2 => "float6_e3m2fn",
            Self::F8E4M3 => "float8_e4m3fn",
            Self::F8E5M2 => "float8_e5m2",
            Self::F8E4M3Fnuz => "float8_e4m3fnuz",
            Self::F8E5M2Fnuz => "float8_e5m2fnuz",
            Self::F8E8M0 => "float8_e8m0fnu",
            Self::C64 => "complex64",
            Self::C128 => "complex128",
            Self::Quantized(quant) => quant.name(),
        }
    }

    /// The element type of that [`name`](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        let quantized = || QuantType::from_name(name).map(Self::Quantized);
        Self::ALL.into_iter().find(|dtype| dtype.name() == name).or_else(quantized)
    }

    /// The name in a safetensors header, or `None` where that format has no such type.
    pub const fn safetensors_name(self) -> Option<&'static str> {
        Some(match self {
            Self::Bool => "BOOL",
            Self::U8 => "U8",
            Self::I8 => "I8",
            Self::U16 => "U16",
            Self::I16 => "I16",
            Self::U32 => "U32",
            Self::I32 => "I32",
            Self::U64 => "U64",
            Self::I64 => "I64",
            Self::F16 => "F16",
            Self::BF16 => "BF16",
            Self::F32 => "F32",
            Self::F64 => "F64",
            Self::F4 => "F4",
            Self::F6E2M3 => "F6_E2M3",
            Self::F6E3M2 => "F6_E3M2",
            Self::F8E4M3 => "F8_E4M3",
            Self::F8E5M2 => "F8_E5M2",
            Self::F8E4M3Fnuz => "F8_E4M3FNUZ",
            Self::F8E5M2Fnuz => "F8_E5M2FNUZ",
            Self::F8E8M0 => "F8_E8M0",
            Self::C64 => "C64",
            Self::C128 | Self::Quantized(_) => return None,
        })
    }

    /// The element type of that [`safetensors_name`](Self::safetensors_name).
    pub fn from_safetensors_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dtype| dtype.safetensors_name() == Some(name))
    }

    /// The fewest elements that fill whole bytes, and how many bytes these are: (1, 4) for `F32`,
    /// (2, 1) for `F4`.
    ///
    /// # Examples
    /// ```
    /// use gluonic_formats::{DType, QuantType};
    /// assert_eq!(DType::F64.block(), (1, 8));
    /// assert_eq!(DType::Quantized(QuantType::Q4_0).block(), (32, 18));
    /// ```
    pub const fn block(self) -> (usize, usize) {
        match self {
            Self::F4 => (2, 1),
            Self::F6E2M3 | Self::F6E3M2 => (4, 3),
            Self::Bool
            | Self::U8
            | Self::I8
            | Self::F8E4M3
            | Self::F8E5M2
            | Self::F8E4M3Fnuz
            | Self::F8E5M2Fnuz
            | Self::F8E8M0 => (1, 1),
            Self::U16 | Self::I16 | Self::F16 | Self::BF16 => (1, 2),
            Self::U32 | Self::I32 | Self::F32 => (1, 4),
            Self::U64 | Self::I64 | Self::F64 | Self::C64 => (1, 8),
            Self::C128 => (1, 16),
            Self::Quantized(quant) => quant.block(),
        }
    }

    /// How many bytes one element takes, or `None` if it shares a byte with others.
    pub const fn size_in_bytes(self) -> Option<usize> {
        match self.block() {
            (1, bytes) => Some(bytes),
            _ => None,
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_name_leads_back_to_its_type() {
        let names: HashSet<_> = DType::ALL.iter().map(|dtype| dtype.name()).collect();
        assert_eq!(names.len(), DType::ALL.len());
        for dtype in DType::ALL {
            assert_eq!(DType::from_name(dtype.name()), Some(dtype));
            if let Some(name) = dtype.safetensors_name() {
                assert_eq!(DType::from_safetensors_name(name), Some(dtype));
            }
        }
        for quant in QuantType::ALL {
            let dtype = DType::Quantized(quant);
            assert!(!names.contains(dtype.name()));
            assert_eq!(DType::from_name(dtype.name()), Some(dtype));
        }
    }

    #[test]
    fn names_tell_the_size_of_the_common_types() {
        for dtype in DType::ALL.into_iter().take(13).skip(1) {
            let digits: String = dtype.name().chars().filter(char::is_ascii_digit).collect();
            let bits = 8 * dtype.size_in_bytes().unwrap();
            assert_eq!(digits.parse(), Ok(bits), "{dtype}");
        }
        assert_eq!(DType::Bool.size_in_bytes(), Some(1));
        assert_eq!(DType::F6E3M2.size_in_bytes(), None);
    }
}
