//! Counts allocations.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

struct Counting;

static COUNT: AtomicU64 = AtomicU64::new(0);
/// Those of more than 1 KiB.
static LARGE: AtomicU64 = AtomicU64::new(0);

fn count(layout: Layout) {
    COUNT.fetch_add(1, Relaxed);
    if layout.size() > 1024 {
        LARGE.fetch_add(1, Relaxed);
    }
}

// SAFETY: hands everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout);
        // SAFETY: the caller's contract is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout);
        // SAFETY: the caller's contract is the same.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract is the same.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What `f` returns, and how often it allocated, at all and more than 1 KiB.
pub fn during<R>(f: impl FnOnce() -> R) -> (R, [u64; 2]) {
    let counts = || [COUNT.load(Relaxed), LARGE.load(Relaxed)];
    let before = counts();
    let result = f();
    let after = counts();
    (result, [after[0] - before[0], after[1] - before[1]])
}
