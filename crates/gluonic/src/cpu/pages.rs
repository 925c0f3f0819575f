//! Fresh memory, in large pages where the system has them.
//!
//! What a fresh block costs is its pages: the system is entered once for each, when it is first
//! touched, and clears it. Measured on two cores with Linux 6.18: touching 512 MiB takes 270 ms in
//! pages of 4 KiB and 54 ms in pages of 2 MiB; giving them back 35 ms and 2 ms.
#![allow(unsafe_code, reason = "the only call that advises the system; see the proof there")]

use std::alloc::{Layout, handle_alloc_error};

use bytemuck::Zeroable;

/// The size of a large page of x86-64, and of ARM where a small one is 4 KiB.
#[cfg(target_os = "linux")]
const LARGE: usize = 2 << 20;

/// A vector of `n` zeros, which the system makes when they are first touched; none if there is not
/// so much memory.
pub(crate) fn try_zeroed<T: Zeroable>(n: usize) -> Option<Vec<T>> {
    let mut block = bytemuck::allocation::try_zeroed_slice_box(n).ok()?;
    advise(&mut block);
    Some(block.into_vec())
}

/// A vector of `n` zeros. Without memory for it the process ends, as with `vec!`.
pub(crate) fn zeroed<T: Zeroable>(n: usize) -> Vec<T> {
    try_zeroed(n).unwrap_or_else(|| {
        handle_alloc_error(Layout::array::<T>(n).unwrap_or_else(|_| Layout::new::<T>()))
    })
}

/// Asks for large pages inside of a block that nobody has touched yet. The small pages at its ends
/// stay, so that no memory is taken that is not the block's.
#[cfg(target_os = "linux")]
fn advise<T>(block: &mut [T]) {
    use rustix::mm::{Advice, madvise};

    let bytes = size_of_val(block);
    let start = block.as_mut_ptr().cast::<u8>();
    let skipped = start.align_offset(LARGE);
    let Some(len) = bytes.checked_sub(skipped).map(|rest| rest - rest % LARGE) else { return };
    if len == 0 {
        return;
    }
    // SAFETY: `skipped + len <= bytes`, so the range lies inside of `block`, which is borrowed
    // mutably and so belongs to nobody else; and this advice changes how the range is paged, never
    // what is in it. If it is refused, as on a system without large pages, nothing has changed.
    let _ = unsafe { madvise(start.add(skipped).cast(), len, Advice::LinuxHugepage) };
}

#[cfg(not(target_os = "linux"))]
fn advise<T>(_block: &mut [T]) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_all_sizes_are_zeros_that_can_be_written() {
        for n in [0, 1, 4096, (2 << 20) - 1, 2 << 20, (4 << 20) + 1, 9 << 20] {
            let mut block = zeroed::<u8>(n);
            assert_eq!((block.len(), block.iter().any(|byte| *byte != 0)), (n, false));
            block.fill(7);
            assert!(block.iter().all(|byte| *byte == 7));
        }
        assert_eq!(zeroed::<half::bf16>(3 << 20).len(), 3 << 20);
    }

    #[test]
    fn more_than_there_can_be_is_refused() {
        assert!(try_zeroed::<f64>(usize::MAX / 4).is_none());
    }
}
