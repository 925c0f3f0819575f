//! Between the raw tensors of a file and arrays.

use std::borrow::Cow;
use std::sync::Arc;

use gluonic_formats::{DType as RawDType, RawTensor};
use half::{bf16, f16};

use super::problem::Distance;
use crate::array::{Buf, DType, NdArray, Scalar, for_dtype};
use crate::cpu::difference::difference;
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

/// An array of a file's bytes, whose number the reader has checked.
pub(super) fn to_array(dtype: DType, dims: Dims, bytes: &[u8]) -> NdArray {
    macro_rules! decode {
        ($($variant:ident $t:ty),*) => {
            match dtype {
                DType::Bool => Buf::from_vec(bytes.iter().map(|byte| *byte != 0).collect::<Vec<_>>()),
                $(DType::$variant => Buf::new::<$t>(dims.elem_count(), |out| {
                    for (out, bytes) in out.iter_mut().zip(bytes.chunks_exact(size_of::<$t>())) {
                        *out = <$t>::from_le_bytes(bytes.try_into().expect("exact chunks"));
                    }
                }),)*
            }
        };
    }
    let buf = decode!(
        U8 u8, I8 i8, U16 u16, I16 i16, U32 u32, I32 i32, U64 u64, I64 i64,
        F16 f16, BF16 bf16, F32 f32, F64 f64
    );
    NdArray::from_buf(buf, dims)
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

    /// The tensor of that name, borrowing the value's own memory.
    pub(super) fn raw<'a>(&'a self, name: &'a str) -> Result<RawTensor<'a>> {
        let bytes: Cow<'a, [u8]> = for_dtype!(self.buf.dtype(), T => {
            Cow::Borrowed(bytemuck::cast_slice(self.buf.slice::<T>()))
        });
        RawTensor::new(name, raw_dtype(self.buf.dtype()), self.dims.to_vec(), bytes)
            .map_err(|error| Error::user(format!("tensor `{name}`"), error))
    }
}
