//! Host memory: a typed vector and the number of its elements that count, or bytes that somebody
//! else holds.

use std::sync::Arc;

use half::slice::HalfFloatSliceExt;

use super::dtype::{DType, Element, Scalar, convert, for_dtype};
use super::pin::Foreign;
use super::pool;
use crate::cpu::difference::{Difference, difference};
use crate::cpu::pages::zeroed;
use crate::cpu::statistics::Summary;

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

/// Bytes that somebody holds and nobody changes: a map of a file.
pub(crate) type Bytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

enum Memory {
    Own(Data),
    /// From this byte on. Read only: an edit writes to a copy.
    Lent(Bytes, usize),
    /// Of code outside; only ever under a pin.
    Foreign(Foreign),
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Memory::Own(data) => data.fmt(f),
            Memory::Lent(_, start) => f.debug_tuple("Lent").field(start).finish(),
            Memory::Foreign(_) => f.write_str("Foreign"),
        }
    }
}

/// What a cell, a graph or a running operation points at. Always inside an `Arc`; written only
/// while that `Arc` has one owner, or under a pin.
#[derive(Debug)]
pub(crate) struct Buf {
    memory: Memory,
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
        Buf { memory: Memory::Own(T::wrap(vec)), len: n, dtype: T::DTYPE }
    }

    pub(crate) fn zeros(dtype: DType, n: usize) -> Buf {
        // The allocator hands out zeroed pages lazily, so this beats filling a pooled vector.
        for_dtype!(dtype, T => Buf::from_vec(zeroed::<T>(n)))
    }

    /// Zeros in a block that was used before, if there is one: for sums that live for a step.
    pub(crate) fn blank<T: Element>(n: usize) -> Buf {
        Buf::new::<T>(n, |elements| elements.fill(T::default()))
    }

    pub(crate) fn from_vec<T: Element>(vec: Vec<T>) -> Buf {
        Buf { len: vec.len(), memory: Memory::Own(T::wrap(vec)), dtype: T::DTYPE }
    }

    /// `n` elements that stay where they are, from byte `start` on; `None` if they are not there,
    /// do not lie as elements must, or if not every byte pattern is an element.
    pub(crate) fn lent(dtype: DType, n: usize, bytes: Bytes, start: usize) -> Option<Buf> {
        let len = n.checked_mul(dtype.size())?;
        let lent = (*bytes).as_ref().get(start..start.checked_add(len)?)?;
        let fits = dtype != DType::Bool && for_dtype!(dtype, T => T::of_bytes(lent).is_some());
        fits.then_some(Buf { memory: Memory::Lent(bytes, start), len: n, dtype })
    }

    pub(super) fn foreign(memory: Foreign, len: usize, dtype: DType) -> Buf {
        Buf { memory: Memory::Foreign(memory), len, dtype }
    }

    pub(super) fn is_foreign(&self) -> bool {
        matches!(self.memory, Memory::Foreign(_))
    }

    /// Whether it may be written to by its only owner.
    #[inline]
    pub(crate) fn is_own(&self) -> bool {
        matches!(self.memory, Memory::Own(_))
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
        match &self.memory {
            Memory::Own(data) => {
                &T::vec(data).expect("callers match on the buffer's dtype")[..self.len]
            }
            Memory::Lent(bytes, start) => {
                let bytes = &(**bytes).as_ref()[*start..][..self.len * size_of::<T>()];
                T::of_bytes(bytes).expect("checked by `Buf::lent`")
            }
            Memory::Foreign(memory) => {
                assert_eq!(T::DTYPE, self.dtype, "callers match on the buffer's dtype");
                memory.slice(self.len)
            }
        }
    }

    #[inline]
    pub(crate) fn slice_mut<T: Element>(&mut self) -> &mut [T] {
        let len = self.len;
        match &mut self.memory {
            Memory::Own(data) => {
                &mut T::vec_mut(data).expect("callers match on the buffer's dtype")[..len]
            }
            Memory::Lent(..) => unreachable!("`unique` copies what is lent"),
            Memory::Foreign(memory) => {
                assert_eq!(T::DTYPE, self.dtype, "callers match on the buffer's dtype");
                memory.slice_mut(len)
            }
        }
    }

    #[inline]
    fn own(&mut self) -> &mut Data {
        match &mut self.memory {
            Memory::Own(data) => data,
            _ => unreachable!("`unique` copies what is lent, and what is foreign has a pin"),
        }
    }

    /// The address of the first element, which stays the same as long as the buffer lives.
    pub(crate) fn address(&mut self) -> *mut u8 {
        for_dtype!(self.dtype, T => {
            T::vec_mut(self.own()).expect("matched just now").as_mut_ptr().cast()
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
            // A detour by f64 would lose digits, and would not wrap.
            (from, to) if from.is_int() && to.is_int() => self.convert_by_i64(to),
            (_, to) => self.convert_by_f64(to),
        }
    }

    /// Converts integers piece by piece through `i64`, which keeps all bits that another type may
    /// take: those of `u64` too.
    fn convert_by_i64(&self, to: DType) -> Buf {
        const PIECE: usize = 512;
        let mut wide = [0_i64; PIECE];
        for_dtype!(to, T => Buf::new::<T>(self.len, |out| {
            for (i, out) in out.chunks_mut(PIECE).enumerate() {
                let (wide, start) = (&mut wide[..out.len()], i * PIECE);
                for_dtype!(self.dtype, S => convert(&self.slice::<S>()[start..][..out.len()], wide));
                convert(wide, out);
            }
        }))
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

    /// Reads elements as `f64`, from the one of the given number on.
    pub(crate) fn read_f64(&self, start: usize, out: &mut [f64]) {
        let part = start..start + out.len();
        match self.dtype {
            DType::F16 => self.slice::<half::f16>()[part].convert_to_f64_slice(out),
            DType::BF16 => self.slice::<half::bf16>()[part].convert_to_f64_slice(out),
            dtype => for_dtype!(dtype, S => convert(&self.slice::<S>()[part], out)),
        }
    }

    /// Numbers about the elements.
    pub(crate) fn summary(&self) -> Summary {
        Summary::of(self.len, &|start, out| self.read_f64(start, out))
    }

    /// How far the elements are from those of another buffer of the same type and length.
    pub(crate) fn difference(&self, other: &Buf) -> Difference {
        for_dtype!(self.dtype, T => {
            difference(self.slice::<T>(), other.slice(), |x| Into::<Scalar>::into(x).to_f64())
        })
    }
}

impl Drop for Buf {
    fn drop(&mut self) {
        if let Memory::Own(data) = &mut self.memory {
            pool::give(std::mem::replace(data, Data::U8(Vec::new())));
        }
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
    fn integers_convert_by_their_bits() {
        let from = |values: &[i32]| Buf::from_vec(values.to_vec());
        assert_eq!(from(&[-7, 300, 5]).convert(DType::U8).slice::<u8>(), [249, 44, 5]);
        assert_eq!(from(&[-1]).convert(DType::U64).slice::<u64>(), [u64::MAX]);
        let large = Buf::from_vec(vec![u64::MAX - 1]);
        assert_eq!(large.convert(DType::I64).slice::<i64>(), [-2]);
        assert_eq!(large.convert(DType::I16).slice::<i16>(), [-2]);
    }

    /// Aligned to 8, whatever the allocator does.
    struct Words(Vec<u64>);

    impl AsRef<[u8]> for Words {
        fn as_ref(&self) -> &[u8] {
            bytemuck::cast_slice(&self.0)
        }
    }

    #[test]
    fn lent_bytes_are_elements_where_they_lie_as_such() {
        let bytes: Bytes = Arc::new(Words(vec![0x3F80_0000_4000_0000, 0]));
        let lent = |dtype, n, start| Buf::lent(dtype, n, bytes.clone(), start);
        let mut buf = Arc::new(lent(DType::F32, 2, 0).unwrap());
        assert_eq!(buf.slice::<f32>(), [2.0, 1.0]);
        assert!(lent(DType::F32, 0, 16).unwrap().slice::<f32>().is_empty());
        assert!(lent(DType::F32, 1, 2).is_none());
        assert!(lent(DType::F64, 1, 4).is_none());
        assert!(lent(DType::U8, 3, 14).is_none());
        assert!(lent(DType::Bool, 1, 8).is_none());
        assert!(lent(DType::F64, usize::MAX / 4, 8).is_none());
        // An edit leaves them as they are, also by the only owner.
        super::super::cell::unique(&mut buf).slice_mut::<f32>()[0] = 9.0;
        assert_eq!(buf.slice::<f32>(), [9.0, 1.0]);
        assert_eq!((*bytes).as_ref()[..4], 2.0_f32.to_le_bytes());
    }

    #[test]
    fn an_empty_buffer_is_fine() {
        assert_eq!(Buf::zeros(DType::F16, 0).convert(DType::F32).len(), 0);
    }
}
