//! The idx format, in which MNIST is given.

use std::path::Path;

use super::file::DataFile;
use crate::array::{DType, Element, NdArray};
use crate::error::Result;
use crate::shape::Dims;

/// Reads an array from an idx file, packed by gzip or not: two bytes 0, one for the element type
/// (`uint8`, `int8`, `int16`, `int32`, `float32`, `float64`), one for the number of axes, their sizes
/// as 32 bits each, and the elements, everything with the highest byte first.
///
/// # Memory
/// The file and the array; of a packed file 64 times its length at most, or 64 MiB.
///
/// # Errors
/// [`Error::Io`](crate::Error::Io) if it cannot be read; [`Error::DataFile`](crate::Error::DataFile)
/// if it is no idx file, too short or too long, with the place. What it says of its size is checked
/// before memory is taken for it.
///
/// # Source
/// Y. LeCun, C. Cortes and C. Burges, "The MNIST database of handwritten digits".
pub fn read_idx(file: impl AsRef<Path>) -> Result<NdArray> {
    parse(&DataFile::open(file.as_ref())?)
}

/// The array of an idx file.
pub(super) fn parse(file: &DataFile) -> Result<NdArray> {
    let [zero, nought, code, rank] = file.array(0, "magic number")?;
    if (zero, nought) != (0, 0) {
        let found = format!("{zero:#04x} {nought:#04x}");
        return Err(file.fail(0, "magic number", "two bytes 0", found));
    }
    let (dtype, size) = match code {
        0x08 => (DType::U8, 1),
        0x09 => (DType::I8, 1),
        0x0B => (DType::I16, 2),
        0x0C => (DType::I32, 4),
        0x0D => (DType::F32, 4),
        0x0E => (DType::F64, 8),
        other => {
            let known = "one of 0x08, 0x09, 0x0b, 0x0c, 0x0d, 0x0e";
            return Err(file.fail(2, "element type", known, format!("{other:#04x}")));
        }
    };
    let sizes = (0..usize::from(rank))
        .map(|axis| file.array(4 + 4 * axis, "size of an axis").map(u32::from_be_bytes))
        .map(|size| size.map(|size| size as usize));
    let dims = Dims::from(sizes.collect::<Result<Vec<_>>>()?);
    let start = 4 + 4 * dims.len();
    let Some(len) = dims.checked_count().and_then(|n| n.checked_mul(size)) else {
        return Err(file.fail(4, "sizes", "an array that fits into memory", dims));
    };
    let bytes = file.rest(start, len, "elements")?;
    match dtype {
        DType::I8 => elements(bytes, dims, i8::from_be_bytes),
        DType::I16 => elements(bytes, dims, i16::from_be_bytes),
        DType::I32 => elements(bytes, dims, i32::from_be_bytes),
        DType::F32 => elements(bytes, dims, f32::from_be_bytes),
        DType::F64 => elements(bytes, dims, f64::from_be_bytes),
        _ => NdArray::from_slice(bytes, dims),
    }
}

fn elements<const N: usize, T: Element>(
    bytes: &[u8],
    dims: Dims,
    read: fn([u8; N]) -> T,
) -> Result<NdArray> {
    NdArray::from_vec(bytes.as_chunks().0.iter().map(|bytes| read(*bytes)).collect(), dims)
}
