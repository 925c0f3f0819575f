//! Host memory: a typed vector and the number of its elements that count.

use half::slice::HalfFloatSliceExt;

use super::dtype::{DType, Element, convert, for_dtype};
use super::pool;
use crate::cpu::pages::zeroed;

/// A vector of one of the element types.
#[derive(Clone, Debug)]
#[doc(hidden)]
pub enum Data {
    Bool(Vec<bool>),
    U8(Vec<u8>),
    I8(Vec<i8>),
    U16(Vec<u16>),
    I16(Vec<i16>),
    U32(Vec<u32>),
    I32(Vec<i32>),
    U64(Vec<u64>),
    I64(Vec<i64>),
    F16(Vec<half::f16>),
    BF16(Vec<half::bf16>),
    F32(Vec<f32>),
    F64(Vec<f64>),
}

/// What a cell, a graph or a running operation points at. Always inside an `Arc`; written only
/// while that `Arc` has one owner, or under a pin.
#[derive(Debug)]
pub(crate) struct Buf {
    data: Data,
    /// The vector may be longer: the pool deals in size classes.
    len: usize,
    dtype: DType,
}

impl Buf {
    /// A buffer whose `n` elements `fill` writes, every one of them: what it finds there is left
    /// over from earlier use.
    pub(crate) fn new<T: Element>(n: usize, fill: impl FnOnce(&mut [T])) -> Buf {
        let mut vec = pool::take::<T>(n);
        fill(&mut vec[..n]);
        Buf { data: T::wrap(vec), len: n, dtype: T::DTYPE }
    }

    pub(crate) fn zeros(dtype: DType, n: usize) -> Buf {
        // The allocator hands out zeroed pages lazily, so this beats filling a pooled vector.
        for_dtype!(dtype, T => Buf::from_vec(zeroed::<T>(n)))
    }

    pub(crate) fn from_vec<T: Element>(vec: Vec<T>) -> Buf {
        Buf { len: vec.len(), data: T::wrap(vec), dtype: T::DTYPE }
    }

    #[inline]
    pub(crate) fn dtype(&self) -> DType {
        self.dtype
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The elements. `T` must be the buffer's type: callers come from a match on [`Buf::dtype`].
    #[inline]
    pub(crate) fn slice<T: Element>(&self) -> &[T] {
        &T::vec(&self.data).expect("callers match on the buffer's dtype")[..self.len]
    }

    #[inline]
    pub(crate) fn slice_mut<T: Element>(&mut self) -> &mut [T] {
        &mut T::vec_mut(&mut self.data).expect("callers match on the buffer's dtype")[..self.len]
    }

    /// The address of the first element, which stays the same as long as the buffer lives.
    pub(crate) fn address(&mut self) -> *mut u8 {
        for_dtype!(self.dtype, T => {
            T::vec_mut(&mut self.data).expect("matched just now").as_mut_ptr().cast()
        })
    }

    pub(crate) fn copy(&self) -> Buf {
        for_dtype!(self.dtype, T => Buf::new::<T>(self.len, |out| {
            out.copy_from_slice(self.slice());
        }))
    }

    /// The elements as they lie in memory.
    pub(crate) fn bytes(&self) -> &[u8] {
        for_dtype!(self.dtype, T => bytemuck::cast_slice(self.slice::<T>()))
    }

    /// Whether another buffer has the same bits.
    pub(crate) fn has_bits_of(&self, other: &Buf) -> bool {
        self.dtype == other.dtype && self.bytes() == other.bytes()
    }

    /// The buffer in another type.
    pub(crate) fn convert(&self, dtype: DType) -> Buf {
        match (self.dtype, dtype) {
            (from, to) if from == to => self.copy(),
            (DType::F16, DType::F32) => Buf::new::<f32>(self.len, |out| {
                self.slice::<half::f16>().convert_to_f32_slice(out);
            }),
            (DType::BF16, DType::F32) => Buf::new::<f32>(self.len, |out| {
                self.slice::<half::bf16>().convert_to_f32_slice(out);
            }),
            (DType::F32, DType::F16) => Buf::new::<half::f16>(self.len, |out| {
                out.convert_from_f32_slice(self.slice());
            }),
            (DType::F32, DType::BF16) => Buf::new::<half::bf16>(self.len, |out| {
                out.convert_from_f32_slice(self.slice());
            }),
            // Only here would a detour by f64 lose digits.
            (DType::I64, to) if to.is_int() => self.convert_int::<i64>(to),
            (DType::U64, to) if to.is_int() => self.convert_int::<u64>(to),
            (_, to) => self.convert_by_f64(to),
        }
    }

    fn convert_int<S: Element>(&self, to: DType) -> Buf {
        for_dtype!(to, T => Buf::new::<T>(self.len, |out| convert(self.slice::<S>(), out)))
    }

    /// Converts piece by piece through `f64`, which holds every other type exactly: so two loops
    /// for each type suffice, not one for each pair.
    fn convert_by_f64(&self, to: DType) -> Buf {
        const PIECE: usize = 512;
        let mut wide = [0.0_f64; PIECE];
        for_dtype!(to, T => Buf::new::<T>(self.len, |out| {
            for (i, out) in out.chunks_mut(PIECE).enumerate() {
                let wide = &mut wide[..out.len()];
                self.read_f64(i * PIECE, wide);
                convert(wide, out);
            }
        }))
    }

    fn read_f64(&self, start: usize, out: &mut [f64]) {
        for_dtype!(self.dtype, S => convert(&self.slice::<S>()[start..][..out.len()], out));
    }
}

impl Drop for Buf {
    fn drop(&mut self) {
        pool::give(std::mem::replace(&mut self.data, Data::U8(Vec::new())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dtype_converts_to_every_other_and_back() {
        for &from in DType::ALL {
            for &to in DType::ALL {
                let ones = for_dtype!(from, T => {
                    Buf::new::<T>(3, |out| out.fill(T::from_scalar(1.0.into())))
                });
                let back = ones.convert(to).convert(from);
                for_dtype!(from, T => assert_eq!(back.slice::<T>(), ones.slice::<T>()));
            }
        }
    }

    #[test]
    fn an_empty_buffer_is_fine() {
        assert_eq!(Buf::zeros(DType::F16, 0).convert(DType::F32).len(), 0);
    }
}
