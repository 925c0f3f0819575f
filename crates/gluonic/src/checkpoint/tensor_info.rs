//! What is known of a tensor without its values: [`TensorInfo`].

use std::fmt;

use gluonic_formats::{DType as RawDType, RawTensor, TensorEntry, byte_len};

use crate::shape::Dims;

/// A tensor as the header of a file tells it.
///
/// # Examples
/// ```
/// use gluonic::checkpoint::TensorInfo;
/// use gluonic_formats::DType;
/// let info = TensorInfo::new("fc.weight", (2, 3), DType::F16);
/// assert_eq!(info.to_string(), "fc.weight (2, 3) float16");
/// assert_eq!(info.bytes(), 12);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TensorInfo {
    /// Its name in the file.
    pub name: Box<str>,
    /// Its element type, which arrays may not be able to hold.
    pub dtype: RawDType,
    /// Its sizes.
    pub shape: Dims,
    /// The other names that the file gives it.
    pub aliases: Box<[Box<str>]>,
}

impl TensorInfo {
    /// A tensor without aliases.
    pub fn new(name: impl Into<Box<str>>, shape: impl Into<Dims>, dtype: RawDType) -> Self {
        TensorInfo { name: name.into(), dtype, shape: shape.into(), aliases: Box::default() }
    }

    /// Its name, then its aliases.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        [&self.name].into_iter().chain(&self.aliases).map(|name| &**name)
    }

    /// The number of elements.
    pub fn elem_count(&self) -> usize {
        self.shape.elem_count()
    }

    /// The number of bytes that the elements take.
    pub fn bytes(&self) -> usize {
        byte_len(self.dtype, &self.shape).unwrap_or(0) // Readers have refused the others.
    }
}

impl From<&RawTensor<'_>> for TensorInfo {
    fn from(tensor: &RawTensor<'_>) -> Self {
        TensorInfo::new(tensor.name(), tensor.shape(), tensor.dtype())
    }
}

impl From<&TensorEntry<'_>> for TensorInfo {
    fn from(entry: &TensorEntry<'_>) -> Self {
        TensorInfo::new(&*entry.name, entry.shape.as_slice(), entry.dtype)
    }
}

impl fmt::Display for TensorInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.name, self.shape, self.dtype)
    }
}
