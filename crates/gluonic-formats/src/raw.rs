//! One tensor as a file holds it.
//!
//! The main type is [`RawTensor`]: a name, an element type, a shape and the bytes, borrowed from
//! the file's bytes where they can be. It knows nothing of arithmetic.

use std::{borrow::Cow, fmt};

use crate::{DType, Error, byte_len, elem_count};

/// A named tensor: little-endian elements in row-major order.
///
/// # Examples
/// ```
/// use gluonic_formats::{DType, RawTensor};
/// let bias = RawTensor::new("fc.bias", DType::F32, vec![2], [0_u8; 8].as_slice())?;
/// assert_eq!(bias.elem_count(), 2);
/// assert!(RawTensor::new("fc.bias", DType::F32, vec![3], [0_u8; 8].as_slice()).is_err());
/// # Ok::<(), gluonic_formats::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct RawTensor<'a> {
    name: Cow<'a, str>,
    dtype: DType,
    shape: Vec<usize>,
    data: Cow<'a, [u8]>,
}

impl<'a> RawTensor<'a> {
    /// Makes a tensor of these bytes, without copying them.
    ///
    /// # Errors
    /// * [`Error::ShapeSize`] if no tensor of this shape and element type can exist.
    /// * [`Error::ByteLength`] if `data` is not as long as shape and element type demand.
    pub fn new(
        name: impl Into<Cow<'a, str>>,
        dtype: DType,
        shape: Vec<usize>,
        data: impl Into<Cow<'a, [u8]>>,
    ) -> Result<Self, Error> {
        let (name, data) = (name.into(), data.into());
        check_len(&name, dtype, &shape, data.len())?;
        Ok(Self { name, dtype, shape, data })
    }

    /// The tensor's name in the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The type of its elements.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Its dims, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Its elements, little-endian, in row-major order.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// How many elements it has.
    pub fn elem_count(&self) -> usize {
        elem_count(&self.shape).unwrap_or(0) // `new` has refused shapes without a count.
    }

    /// The same tensor under another name.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<Cow<'a, str>>) -> Self {
        self.name = name.into();
        self
    }

    /// The same tensor, lending its name and bytes.
    #[must_use]
    pub fn to_borrowed(&self) -> RawTensor<'_> {
        RawTensor {
            name: Cow::Borrowed(&self.name),
            dtype: self.dtype,
            shape: self.shape.clone(),
            data: Cow::Borrowed(&self.data),
        }
    }

    /// The same tensor, owning its name and bytes.
    ///
    /// # Memory
    /// Copies what is borrowed.
    #[must_use]
    pub fn into_owned(self) -> RawTensor<'static> {
        RawTensor {
            name: Cow::Owned(self.name.into_owned()),
            dtype: self.dtype,
            shape: self.shape,
            data: Cow::Owned(self.data.into_owned()),
        }
    }

    /// Takes the tensor apart: name, element type, shape, bytes.
    pub fn into_parts(self) -> (Cow<'a, str>, DType, Vec<usize>, Cow<'a, [u8]>) {
        (self.name, self.dtype, self.shape, self.data)
    }
}

/// Shows everything but the bytes, of which it gives the number.
impl fmt::Debug for RawTensor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawTensor")
            .field("name", &self.name)
            .field("dtype", &self.dtype)
            .field("shape", &self.shape)
            .field("bytes", &self.data.len())
            .finish()
    }
}

/// Checks that `found` bytes are what shape and element type demand.
pub(crate) fn check_len(
    name: &str,
    dtype: DType,
    shape: &[usize],
    found: usize,
) -> Result<(), Error> {
    let Some(expected) = byte_len(dtype, shape) else {
        return Err(Error::ShapeSize { name: name.into(), dtype, shape: shape.into() });
    };
    if expected == found {
        Ok(())
    } else {
        Err(Error::ByteLength {
            name: name.into(),
            dtype,
            shape: shape.into(),
            expected: expected as u64,
            found: found as u64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scalar_has_one_element_and_an_empty_tensor_none() {
        let scalar = RawTensor::new("s", DType::F64, vec![], vec![0; 8]).unwrap();
        assert_eq!(scalar.elem_count(), 1);
        let empty = RawTensor::new("e", DType::F64, vec![3, 0], vec![]).unwrap();
        assert_eq!(empty.elem_count(), 0);
    }

    #[test]
    fn a_shape_beyond_the_address_space_is_refused() {
        let error = RawTensor::new("w", DType::F32, vec![usize::MAX, 2], vec![]).unwrap_err();
        assert!(matches!(&error, Error::ShapeSize { name, .. } if &**name == "w"), "{error}");
    }

    #[test]
    fn lending_and_owning_keep_the_content() {
        let bytes = [1, 2, 3];
        let tensor = RawTensor::new("w", DType::U8, vec![3], bytes.as_slice()).unwrap();
        assert_eq!(tensor.to_borrowed(), tensor);
        assert!(matches!(tensor.to_borrowed().into_parts().3, Cow::Borrowed(_)));
        assert_eq!(tensor.clone().into_owned(), tensor);
        assert_eq!(format!("{tensor:?}").matches("bytes: 3").count(), 1);
    }
}
