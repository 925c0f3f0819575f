//! The types of which only a block of elements can be decoded.

use std::fmt;

/// A quantized element type of GGUF: blocks of elements that share scales.
///
/// # Examples
/// ```
/// use gluonic_formats::QuantType;
/// assert_eq!(QuantType::Q4K.name(), "Q4_K");
/// assert_eq!(QuantType::Q4K.block(), (256, 144)); // 4.5 bits an element
/// assert_eq!(QuantType::from_name("Q4_K"), Some(QuantType::Q4K));
/// ```
///
/// # Source
/// Names, numbers and sizes as ggml, `ggml.h` (`enum ggml_type`) and `ggml-common.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum QuantType {
    /// 4 bits and a scale for 32 elements.
    Q4_0,
    /// 4 bits, a scale and a minimum for 32 elements.
    Q4_1,
    /// 5 bits and a scale for 32 elements.
    Q5_0,
    /// 5 bits, a scale and a minimum for 32 elements.
    Q5_1,
    /// 8 bits and a scale for 32 elements.
    Q8_0,
    /// 8 bits, a scale and a sum for 32 elements; made while computing, not for files.
    Q8_1,
    /// 2 bits; 4-bit scales and minima for 16 elements.
    Q2K,
    /// 3 bits; 6-bit scales for 16 elements.
    Q3K,
    /// 4 bits; 6-bit scales and minima for 32 elements.
    Q4K,
    /// 5 bits; 6-bit scales and minima for 32 elements.
    Q5K,
    /// 6 bits; 8-bit scales for 16 elements.
    Q6K,
    /// 8 bits and sums; made while computing, not for files.
    Q8K,
    /// About 2 bits: entries of a codebook.
    Iq2Xxs,
    /// About 2 bits: entries of a codebook.
    Iq2Xs,
    /// About 3 bits: entries of a codebook.
    Iq3Xxs,
    /// About 1.5 bits: entries of a codebook.
    Iq1S,
    /// 4 bits: entries of a table of 16 values.
    Iq4Nl,
    /// About 3 bits: entries of a codebook.
    Iq3S,
    /// About 2.5 bits: entries of a codebook.
    Iq2S,
    /// 4 bits: entries of a table of 16 values, with 6-bit scales.
    Iq4Xs,
    /// About 1.75 bits: entries of a codebook.
    Iq1M,
    /// Three values, five of them in a byte.
    Tq1_0,
    /// Three values, four of them in a byte.
    Tq2_0,
    /// 4-bit floats and an 8-bit exponent for 32 elements.
    Mxfp4,
    /// 4-bit floats and 8-bit scales for 16 elements.
    Nvfp4,
    /// 1 bit and a scale for 128 elements.
    Q1_0,
}

impl QuantType {
    /// Every quantized type, in the order of their numbers in a file.
    pub const ALL: [Self; 26] = [
        Self::Q4_0,
        Self::Q4_1,
        Self::Q5_0,
        Self::Q5_1,
        Self::Q8_0,
        Self::Q8_1,
        Self::Q2K,
        Self::Q3K,
        Self::Q4K,
        Self::Q5K,
        Self::Q6K,
        Self::Q8K,
        Self::Iq2Xxs,
        Self::Iq2Xs,
        Self::Iq3Xxs,
        Self::Iq1S,
        Self::Iq4Nl,
        Self::Iq3S,
        Self::Iq2S,
        Self::Iq4Xs,
        Self::Iq1M,
        Self::Tq1_0,
        Self::Tq2_0,
        Self::Mxfp4,
        Self::Nvfp4,
        Self::Q1_0,
    ];

    /// Its name in the GGUF format, such as `Q4_K`.
    pub const fn name(self) -> &'static str {
        self.facts().1
    }

    /// The type of that [`name`](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|quant| quant.name() == name)
    }

    /// How many elements a block has, and how many bytes it takes.
    pub const fn block(self) -> (usize, usize) {
        self.facts().2
    }

    /// Its number in a GGUF file.
    pub const fn number(self) -> u32 {
        self.facts().0
    }

    /// Number, name, and the elements and bytes of a block.
    const fn facts(self) -> (u32, &'static str, (usize, usize)) {
        match self {
            Self::Q4_0 => (2, "Q4_0", (32, 18)),
            Self::Q4_1 => (3, "Q4_1", (32, 20)),
            Self::Q5_0 => (6, "Q5_0", (32, 22)),
            Self::Q5_1 => (7, "Q5_1", (32, 24)),
            Self::Q8_0 => (8, "Q8_0", (32, 34)),
            // Two half floats and 32 bytes; the package `gguf` still counts two floats.
            Self::Q8_1 => (9, "Q8_1", (32, 36)),
            Self::Q2K => (10, "Q2_K", (256, 84)),
            Self::Q3K => (11, "Q3_K", (256, 110)),
            Self::Q4K => (12, "Q4_K", (256, 144)),
            Self::Q5K => (13, "Q5_K", (256, 176)),
            Self::Q6K => (14, "Q6_K", (256, 210)),
            Self::Q8K => (15, "Q8_K", (256, 292)),
            Self::Iq2Xxs => (16, "IQ2_XXS", (256, 66)),
            Self::Iq2Xs => (17, "IQ2_XS", (256, 74)),
            Self::Iq3Xxs => (18, "IQ3_XXS", (256, 98)),
            Self::Iq1S => (19, "IQ1_S", (256, 50)),
            Self::Iq4Nl => (20, "IQ4_NL", (32, 18)),
            Self::Iq3S => (21, "IQ3_S", (256, 110)),
            Self::Iq2S => (22, "IQ2_S", (256, 82)),
            Self::Iq4Xs => (23, "IQ4_XS", (256, 136)),
            Self::Iq1M => (29, "IQ1_M", (256, 56)),
            Self::Tq1_0 => (34, "TQ1_0", (256, 54)),
            Self::Tq2_0 => (35, "TQ2_0", (256, 66)),
            Self::Mxfp4 => (39, "MXFP4", (32, 17)),
            Self::Nvfp4 => (40, "NVFP4", (64, 36)),
            Self::Q1_0 => (41, "Q1_0", (128, 18)),
        }
    }
}

impl fmt::Display for QuantType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
