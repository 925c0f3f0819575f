//! Memory lent to code outside: NumPy, DLPack, C.
//!
//! A pinned buffer never moves. It is written in place, never snapshotted (a reader who must keep
//! it gets a private copy), so what foreign code writes cannot reach a recorded gradient; and
//! exporting first moves the cell off any snapshot taken before. When the last [`Pin`] is gone the
//! cell is ordinary again, at the same address.
//!
//! Memory of code outside is the same the other way round: a buffer that is pinned for ever, so it
//! is never snapshotted and never freed by Rust, but by the owner that is kept with it.
#![allow(unsafe_code, reason = "shares one buffer between a cell and foreign code; proof below")]

use std::any::Any;
use std::cell::UnsafeCell;
use std::sync::Arc;

use super::buffer::Buf;
use super::dtype::{DType, Element};
use super::view::View;
use super::{NdArray, for_dtype};
use crate::error::{Error, Result};
use crate::shape::{Dims, Short};

/// A buffer with a fixed address. The cell holds one count, every living [`Pin`] another.
pub(crate) struct Pinned {
    buf: UnsafeCell<Buf>,
    address: *mut u8,
}

// SAFETY: `buf` is reached only through `get` and `get_mut`, whose callers hold the lock of the one
// cell that owns it, so Rust code never races on it. `address` is a number to hand out: whoever
// writes through it does so in code outside Rust's rules and is bound by the contract of
// `Pin::as_mut_ptr`.
unsafe impl Send for Pinned {}
// SAFETY: as above.
unsafe impl Sync for Pinned {}

impl std::fmt::Debug for Pinned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pinned").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Pinned {
    pub(crate) fn new(mut buf: Buf) -> Pinned {
        Pinned { address: buf.address(), buf: UnsafeCell::new(buf) }
    }

    /// Memory of code outside.
    fn foreign(memory: Foreign, len: usize, dtype: DType) -> Pinned {
        let address = memory.address;
        Pinned { address, buf: UnsafeCell::new(Buf::foreign(memory, len, dtype)) }
    }

    /// Lends the buffer for reading. The caller holds the cell's lock, for reading or writing.
    pub(crate) fn get<R>(&self, read: impl FnOnce(&Buf) -> R) -> R {
        // SAFETY: `get_mut` runs only under the write lock, which excludes this.
        read(unsafe { &*self.buf.get() })
    }

    /// Lends the buffer for writing.
    ///
    /// # Safety
    /// The caller holds the cell's write lock.
    #[expect(clippy::mut_from_ref, reason = "the cell's write lock stands for the unique borrow")]
    pub(crate) unsafe fn get_mut(&self) -> &mut Buf {
        // SAFETY: the write lock excludes every other `get` and `get_mut`. Foreign pointers come
        // from the vector's own pointer and stay valid: nothing here moves or grows the vector.
        unsafe { &mut *self.buf.get() }
    }

    /// Whether the memory is somebody else's, so that it stays pinned for ever.
    pub(crate) fn is_foreign(&self) -> bool {
        self.get(Buf::is_foreign)
    }

    pub(crate) fn into_buf(self) -> Buf {
        self.buf.into_inner()
    }
}

/// A living alias of an array's memory, for code outside: its address does not change while the
/// pin lives, and edits by either side are seen by the other.
///
/// # Examples
/// ```
/// use gluonic::NdArray;
/// let x = NdArray::from_slice(&[1.0_f32, 2.0], 2)?;
/// let pin = x.pin()?;
/// x.fill(7.0)?;
/// assert_eq!(pin.as_mut_ptr(), x.pin()?.as_mut_ptr());
/// # Ok::<(), gluonic::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Pin {
    pub(crate) pinned: Arc<Pinned>,
    pub(crate) dtype: DType,
    pub(crate) len: usize,
}

impl Pin {
    /// The address of the first element of the array's buffer, for [`Pin::len`] elements of type
    /// [`Pin::dtype`].
    ///
    /// Reading or writing through it is `unsafe`: the caller must not do so while Rust code edits
    /// the same array on another thread, and must not use it after the pin is gone.
    pub fn as_mut_ptr(&self) -> *mut u8 {
        self.pinned.address
    }

    /// The number of elements of the buffer, not only of the view that was pinned.
    #[expect(clippy::len_without_is_empty, reason = "it is a size of memory, not a collection")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// The type of the elements.
    pub fn dtype(&self) -> DType {
        self.dtype
    }
}

/// Memory of code outside, with what keeps it alive.
pub(crate) struct Foreign {
    address: *mut u8,
    /// Dropped with the last array on the memory; never looked at.
    _owner: Box<dyn Any + Send + Sync>,
}

// SAFETY: the address is followed only by `slice` and `slice_mut`, through the borrow of the one
// buffer that holds it, which the cell's lock guards as it does any other buffer; the owner is
// `Send` and `Sync` itself. What code outside does to the memory is bound by the contract of
// `NdArray::from_foreign`.
unsafe impl Send for Foreign {}
// SAFETY: as above.
unsafe impl Sync for Foreign {}

impl Foreign {
    /// The elements; `T` and `len` are what `NdArray::from_foreign` was told.
    pub(crate) fn slice<T: Element>(&self, len: usize) -> &[T] {
        // SAFETY: `from_foreign`, the only maker, was promised `len` aligned and initialized
        // elements of this type for as long as the owner lives, which is as long as `self`; it
        // has checked the alignment. `Buf` asks with the type and length that it was made with.
        unsafe { std::slice::from_raw_parts(self.address.cast(), len) }
    }

    /// The elements to write to.
    pub(crate) fn slice_mut<T: Element>(&mut self, len: usize) -> &mut [T] {
        // SAFETY: as for `slice`, and the memory was promised to be writable; `&mut self` stands
        // for the cell's write lock.
        unsafe { std::slice::from_raw_parts_mut(self.address.cast(), len) }
    }
}

impl NdArray {
    /// An array on memory of code outside: NumPy, DLPack, C. No copy is made, and edits by either
    /// side are seen by the other; what a graph keeps is a private copy, so no write from outside
    /// reaches a recorded gradient.
    ///
    /// `address` is where the element of index 0 lies; strides count elements and may be negative.
    ///
    /// # Safety
    /// Until `owner` is dropped, each element that an index within `dims` leads to by `strides`,
    /// and all memory between the lowest and the highest of them, must be memory of initialized
    /// elements of type `dtype` (booleans: 0 or 1) that may be read and written; nobody else may
    /// write there while Rust code reads or writes the array, or read while it writes.
    ///
    /// # Errors
    /// [`Error::Foreign`] if the address is not aligned for the elements, if two indices lead to
    /// one element, or if there are not as many strides as dims; [`Error::TooLarge`].
    ///
    /// # Examples
    /// ```
    /// use gluonic::{DType, NdArray};
    /// let mut theirs = vec![1.0_f32, 2.0, 3.0, 4.0];
    /// let (address, owner) = (theirs.as_mut_ptr().cast(), Box::new(()));
    /// // SAFETY: `theirs` outlives the array and is not touched while that is in use.
    /// let x = unsafe { NdArray::from_foreign(address, DType::F32, (2, 2), &[1, 2], owner) }?;
    /// assert_eq!(x.to_vec::<f32>()?, [1.0, 3.0, 2.0, 4.0]);
    /// x.fill(7.0)?;
    /// drop(x);
    /// assert_eq!(theirs, [7.0; 4]);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    pub unsafe fn from_foreign(
        address: *mut u8,
        dtype: DType,
        dims: impl Into<Dims>,
        strides: &[isize],
        owner: Box<dyn Any + Send + Sync>,
    ) -> Result<NdArray> {
        let dims = dims.into();
        let n = dims.checked_count().ok_or_else(|| Error::TooLarge { shape: (&dims).into() })?;
        let fail = |reason| Error::Foreign { reason };
        if strides.len() != dims.len() {
            return Err(fail("there must be a stride for each size"));
        }
        if n == 0 {
            return NdArray::zeros(dims, dtype);
        }
        let align = for_dtype!(dtype, T => align_of::<T>());
        if address.is_null() || !address.addr().is_multiple_of(align) {
            return Err(fail("the address is not aligned for the elements"));
        }
        // How far the elements reach below and above the first one.
        let (mut below, mut above) = (0_usize, 1_usize);
        for (&size, &stride) in dims.iter().zip(strides) {
            let reach = (size - 1).checked_mul(stride.unsigned_abs());
            let reach = reach.ok_or_else(|| Error::TooLarge { shape: (&dims).into() })?;
            let side = if stride < 0 { &mut below } else { &mut above };
            let far = side.checked_add(reach);
            *side = far.ok_or_else(|| Error::TooLarge { shape: (&dims).into() })?;
        }
        let len = below.checked_add(above).filter(|len| *len <= isize::MAX as usize / dtype.size());
        let len = len.ok_or_else(|| Error::TooLarge { shape: (&dims).into() })?;
        let view = View { offset: below, dims: dims.clone(), strides: Short::from_slice(strides) };
        if overlaps(&view) {
            return Err(fail("two indices lead to one element"));
        }
        let memory = Foreign { address: address.wrapping_sub(below * dtype.size()), _owner: owner };
        let cell = super::Cell::pinned(Pinned::foreign(memory, len, dtype), dtype, len);
        Ok(NdArray::on(Arc::new(cell), view, crate::autograd::Track::None))
    }
}

/// Whether two indices may lead to one element: axes, by growing stride, that do not step over
/// each other.
fn overlaps(view: &View) -> bool {
    let axes = view.dims.iter().zip(view.strides.iter()).filter(|(size, _)| **size > 1);
    let mut axes: Vec<(usize, usize)> =
        axes.map(|(size, stride)| (stride.unsigned_abs(), *size)).collect();
    axes.sort_unstable();
    let mut reach = 0;
    for (stride, size) in axes {
        if stride <= reach {
            return true;
        }
        reach += stride * (size - 1);
    }
    false
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    struct Owner(Vec<f32>, Arc<AtomicBool>);

    impl Drop for Owner {
        fn drop(&mut self) {
            self.1.store(true, Ordering::Relaxed);
        }
    }

    /// An array on a vector that lives with it, with what tells that both are gone.
    fn shared(values: &[f32], dims: usize) -> (NdArray, Arc<AtomicBool>) {
        let gone = Arc::new(AtomicBool::new(false));
        let mut owner = Box::new(Owner(values.to_vec(), gone.clone()));
        let address = owner.0.as_mut_ptr().cast();
        // SAFETY: the vector is the owner, and nobody else has it.
        let array = unsafe { NdArray::from_foreign(address, DType::F32, dims, &[1], owner) };
        (array.unwrap(), gone)
    }

    #[test]
    fn foreign_memory_is_edited_where_it_is_and_freed_with_its_last_handle() {
        let (x, gone) = shared(&[1.0, 2.0], 2);
        let address = x.pin().unwrap().as_mut_ptr();
        let part = x.slice([ndarray::SliceInfoElem::Index(1)]).unwrap();
        part.fill(5.0).unwrap();
        assert_eq!(x.to_vec::<f32>().unwrap(), [1.0, 5.0]);
        drop(x);
        assert!(!gone.load(Ordering::Relaxed));
        assert_eq!(part.pin().unwrap().as_mut_ptr(), address);
        drop(part);
        assert!(gone.load(Ordering::Relaxed));
    }

    #[test]
    fn a_snapshot_of_foreign_memory_is_a_copy_also_when_nobody_pins_it() {
        let (x, _) = shared(&[1.0, 2.0], 2);
        let before = x.cell.snapshot().unwrap();
        x.add_assign(1.0).unwrap();
        drop(x.pin().unwrap());
        x.add_assign(1.0).unwrap();
        assert_eq!(before.slice::<f32>(), [1.0, 2.0]);
        assert_eq!(x.to_vec::<f32>().unwrap(), [3.0, 4.0]);
        assert_eq!((&x + &x).unwrap().to_vec::<f32>().unwrap(), [6.0, 8.0]);
    }

    #[test]
    fn memory_that_does_not_lie_as_elements_must_is_refused() {
        let mut values = [0.0_f32; 4];
        let address = values.as_mut_ptr().cast::<u8>();
        let make = |address: *mut u8, dims: (usize, usize), strides: &[isize]| {
            // SAFETY: `values` outlives what is made, and holds all that the views reach.
            unsafe { NdArray::from_foreign(address, DType::F32, dims, strides, Box::new(())) }
        };
        assert!(matches!(
            make(address.wrapping_add(1), (1, 2), &[2, 1]),
            Err(Error::Foreign { .. })
        ));
        assert!(matches!(make(address, (2, 2), &[1, 1]), Err(Error::Foreign { .. })));
        assert!(matches!(make(address, (2, 2), &[0, 1]), Err(Error::Foreign { .. })));
        assert!(matches!(make(address, (2, 2), &[1]), Err(Error::Foreign { .. })));
        assert!(make(std::ptr::null_mut(), (0, 2), &[2, 1]).is_ok());
        let last = address.wrapping_add(12);
        let reversed = make(last, (2, 2), &[-2, -1]).unwrap();
        reversed.assign(&NdArray::arange::<f32>(4).reshape((2, 2)).unwrap()).unwrap();
        drop(reversed);
        assert_eq!(values, [3.0, 2.0, 1.0, 0.0]);
    }
}
