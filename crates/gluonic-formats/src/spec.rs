//! A tensor whose bytes are made while they are written.
//!
//! The main type is [`TensorSpec`]: what a header says of a tensor. Writers ask for the bytes when
//! they need them, so that no more than a piece of one tensor has to be in memory.

use std::io::{Error as IoError, Result as IoResult, Write};

use crate::{DType, Error, Format, RawTensor, byte_len};

/// The name, element type and shape of a tensor whose bytes are asked for: see
/// [`write_from`](crate::write_from).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TensorSpec<'t> {
    /// The tensor's name.
    pub name: &'t str,
    /// The type of its elements.
    pub dtype: DType,
    /// Its dims, outermost first.
    pub shape: &'t [usize],
}

impl TensorSpec<'_> {
    /// How many bytes the tensor takes.
    ///
    /// # Errors
    /// [`Error::ShapeSize`] if no tensor of this shape and element type can exist.
    pub fn byte_len(&self) -> Result<usize, Error> {
        let TensorSpec { name, dtype, shape } = *self;
        byte_len(dtype, shape).ok_or_else(|| Error::ShapeSize {
            name: name.into(),
            dtype,
            shape: shape.into(),
        })
    }
}

impl<'t> From<&'t RawTensor<'_>> for TensorSpec<'t> {
    fn from(tensor: &'t RawTensor<'_>) -> Self {
        TensorSpec { name: tensor.name(), dtype: tensor.dtype(), shape: tensor.shape() }
    }
}

/// Writes the bytes of the tensor of that number, in as many pieces as it likes: little-endian
/// elements in row-major order.
pub type Data<'d> = dyn FnMut(usize, &mut dyn Write) -> IoResult<()> + 'd;

/// What tensors in memory say of themselves.
pub(crate) fn specs_of<'t>(tensors: &'t [RawTensor<'_>]) -> Vec<TensorSpec<'t>> {
    tensors.iter().map(TensorSpec::from).collect()
}

/// The bytes of tensors in memory.
pub(crate) fn data_of<'t>(
    tensors: &'t [RawTensor<'_>],
) -> impl FnMut(usize, &mut dyn Write) -> IoResult<()> + 't {
    |index, out| out.write_all(tensors.get(index).map_or(&[], RawTensor::data))
}

/// Writes the bytes of one tensor, which must be as many as its shape demands.
pub(crate) fn put_data(
    out: &mut dyn Write,
    format: Format,
    index: usize,
    spec: &TensorSpec<'_>,
    data: &mut Data<'_>,
) -> Result<(), Error> {
    let expected = spec.byte_len()? as u64;
    let mut counted = Counted { out, expected, found: 0 };
    let result = data(index, &mut counted);
    let found = counted.found;
    if found > expected || (found < expected && result.is_ok()) {
        let TensorSpec { name, dtype, shape } = *spec;
        return Err(Error::ByteLength {
            name: name.into(),
            dtype,
            shape: shape.into(),
            expected,
            found,
        });
    }
    result.map_err(|source| Error::Write { format, source })
}

/// Passes bytes on as long as there are not too many.
struct Counted<'w> {
    out: &'w mut dyn Write,
    expected: u64,
    found: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> IoResult<usize> {
        let len = bytes.len() as u64;
        if self.found.saturating_add(len) > self.expected {
            self.found = self.found.saturating_add(len);
            return Err(IoError::other("the tensor has fewer bytes"));
        }
        let written = self.out.write(bytes)?;
        self.found += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> IoResult<()> {
        self.out.flush()
    }
}
