//! Between the raw tensors of a file and arrays.

use std::io::{Error as IoError, ErrorKind};
use std::path::Path;
use std::sync::Arc;

use gluonic_formats::{DType as RawDType, RawTensor};
use half::{bf16, f16};

use super::problem::Distance;
use crate::array::{Buf, DType, NdArray, Scalar, for_dtype};
use crate::cpu::difference::difference;
use crate::cpu::pages::try_zeroed;
use crate::error::{Error, Result};
use crate::shape::Dims;

#[cfg(target_endian = "big")]
compile_error!("tensors are written as they lie in memory, which must be little-endian");

/// The element type of a file's tensor, if arrays can hold it.
pub(super) fn dtype_of(raw: RawDType) -> Option<DType> {
    DType::from_name(raw.name())
}

/// The raw type of the same name.
pub(super) fn raw_dtype(dtype: DType) -> RawDType {
    RawDType::from_name(dtype.name()).expect("every element type can be written")
}

/// The element type that arrays have for a tensor's.
pub(crate) fn array_type(name: &str, raw: RawDType) -> Result<DType> {
    let refused = || Error::TensorDType { key: name.into(), dtype: raw.name().into() };
    dtype_of(raw).ok_or_else(refused)
}

/// An array of a file's bytes, whose number the reader has checked.
pub(crate) fn to_array(dtype: DType, dims: Dims, bytes: &[u8]) -> Result<NdArray> {
    filled(dtype, dims, Path::new("<bytes>"), &mut |out| {
        out.copy_from_slice(bytes);
        Ok(())
    })
}

/// An array whose bytes `fill` writes, in the place where they stay. Before, they are pages of
/// zeros that the system hands out when they are first touched.
pub(super) fn filled(
    dtype: DType,
    dims: Dims,
    file: &Path,
    fill: &mut dyn FnMut(&mut [u8]) -> Result<()>,
) -> Result<NdArray> {
    macro_rules! fill {
        ($($variant:ident $t:ty),*) => {
            match dtype {
                // Not every byte is a boolean.
                DType::Bool => {
                    let mut bytes = zeroed::<u8>(dims.elem_count(), file)?;
                    fill(&mut bytes)?;
                    Buf::from_vec(bytes.iter().map(|byte| *byte != 0).collect::<Vec<_>>())
                }
                $(DType::$variant => {
                    let mut elements = zeroed::<$t>(dims.elem_count(), file)?;
                    fill(bytemuck::cast_slice_mut(&mut elements))?;
                    Buf::from_vec(elements)
                })*
            }
        };
    }
    let buf = fill!(
        U8 u8, I8 i8, U16 u16, I16 i16, U32 u32, I32 i32, U64 u64, I64 i64,
        F16 f16, BF16 bf16, F32 f32, F64 f64
    );
    Ok(NdArray::from_buf(buf, dims))
}

/// Memory for what a file claims to hold, which may be more than there is.
pub(super) fn zeroed<T: bytemuck::Zeroable>(n: usize, file: &Path) -> Result<Vec<T>> {
    let too_large = || {
        let error = IoError::new(ErrorKind::OutOfMemory, "it does not fit into memory");
        Error::io("read", file, error)
    };
    try_zeroed(n).ok_or_else(too_large)
}

/// Elements in the bytes of one floating-point type, converted to another.
pub(super) fn cast_bytes(from: DType, to: DType, bytes: &[u8]) -> Buf {
    macro_rules! decode {
        ($($variant:ident $t:ty),*) => {
            match from {
                $(DType::$variant => Buf::new::<$t>(bytes.len() / size_of::<$t>(), |elements| {
                    bytemuck::cast_slice_mut(elements).copy_from_slice(bytes);
                }),)*
                _ => unreachable!("only floating-point tensors are cast"),
            }
        };
    }
    decode!(F16 f16, BF16 bf16, F32 f32, F64 f64).convert(to)
}

/// How far two arrays of one shape and element type are apart; `None` if they are equal.
pub(super) fn distance(one: &NdArray, two: &NdArray) -> Result<Option<Distance>> {
    let (one, two) = (one.cell.snapshot()?, two.cell.snapshot()?);
    if Arc::ptr_eq(&one, &two) {
        return Ok(None);
    }
    let difference = for_dtype!(one.dtype(), T => {
        difference(one.slice::<T>(), two.slice(), |x| Into::<Scalar>::into(x).to_f64())
    });
    Ok(Distance::of(difference, one.len()))
}

/// The value of a parameter, on its way into a file.
pub(super) struct Outgoing {
    buf: Arc<Buf>,
    dims: Dims,
}

impl Outgoing {
    pub(super) fn new(array: &NdArray) -> Result<Outgoing> {
        let whole = if array.is_whole() { array.clone() } else { array.deep_clone()? };
        Ok(Outgoing { buf: whole.cell.snapshot()?, dims: whole.dims().clone() })
    }

    /// The value's own memory.
    pub(super) fn bytes(&self) -> &[u8] {
        self.buf.bytes()
    }

    /// The tensor of that name, borrowing the value's own memory.
    pub(super) fn raw<'a>(&'a self, name: &'a str) -> Result<RawTensor<'a>> {
        RawTensor::new(name, raw_dtype(self.buf.dtype()), self.dims.to_vec(), self.bytes())
            .map_err(|error| Error::user(format!("tensor `{name}`"), error))
    }
}
