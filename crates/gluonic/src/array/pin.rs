//! Memory lent to code outside: NumPy, DLPack, C.
//!
//! A pinned buffer never moves. It is written in place, never snapshotted (a reader who must keep
//! it gets a private copy), so what foreign code writes cannot reach a recorded gradient; and
//! exporting first moves the cell off any snapshot taken before. When the last [`Pin`] is gone the
//! cell is ordinary again, at the same address.
#![allow(unsafe_code, reason = "shares one buffer between a cell and foreign code; proof below")]

use std::cell::UnsafeCell;
use std::sync::Arc;

use super::buffer::Buf;
use super::dtype::DType;

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
