//! Reuse of blocks, thread by thread.
//!
//! From a certain size on the system allocator returns blocks to the kernel, and touching fresh
//! pages then costs more than most kernels. So all but the smallest blocks are kept here, in size
//! classes, up to a cap: a step of training finds those of the step before. It saves memory and
//! page faults, not arithmetic: nothing depends on a hit.

use std::cell::RefCell;

use super::buffer::Data;
use super::dtype::Element;
use crate::cpu::pages::zeroed;

/// Blocks below this are the allocator's business.
const SMALLEST_BYTES: usize = 1 << 10;
/// What one thread keeps at most.
const CAP_BYTES: usize = 256 << 20;

struct Pool {
    /// Free blocks by dtype and size class.
    free: Vec<Vec<Data>>,
    bytes: usize,
}

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { free: Vec::new(), bytes: 0 }) };
}

/// The class of a length and the length of its blocks: four classes per power of two, so at most
/// a quarter of a block is unused.
fn class_of(n: usize) -> (usize, usize) {
    let exponent = n.ilog2() as usize;
    let quarter = (1usize << exponent) / 4;
    let steps = (n - (1 << exponent)).div_ceil(quarter);
    (exponent * 4 + steps, (1 << exponent) + steps * quarter)
}

/// A vector of at least `n` elements, with arbitrary values.
pub(crate) fn take<T: Element>(n: usize) -> Vec<T> {
    if n * size_of::<T>() < SMALLEST_BYTES {
        return vec![T::default(); n];
    }
    let (class, len) = class_of(n);
    let slot = class * 16 + T::DTYPE as usize;
    // A thread that is ending has no pool any more.
    let found = POOL.try_with(|pool| {
        let pool = &mut *pool.borrow_mut();
        let data = pool.free.get_mut(slot)?.pop()?;
        pool.bytes -= len * size_of::<T>();
        Some(data)
    });
    let reused =
        found.ok().flatten().and_then(|mut data| T::vec_mut(&mut data).map(std::mem::take));
    reused.unwrap_or_else(|| zeroed(len))
}

/// Takes a block back, if it is of a size that [`take`] deals in.
pub(crate) fn give(data: Data) {
    fn keep<T: Element>(vec: Vec<T>) {
        let bytes = vec.len() * size_of::<T>();
        if bytes < SMALLEST_BYTES {
            return;
        }
        let (class, len) = class_of(vec.len());
        if len != vec.len() {
            return;
        }
        let slot = class * 16 + T::DTYPE as usize;
        let _ = POOL.try_with(|pool| {
            let pool = &mut *pool.borrow_mut();
            if pool.bytes + bytes > CAP_BYTES {
                return;
            }
            if pool.free.len() <= slot {
                pool.free.resize_with(slot + 1, Vec::new);
            }
            pool.bytes += bytes;
            pool.free[slot].push(T::wrap(vec));
        });
    }
    match data {
        Data::Bool(vec) => keep(vec),
        Data::U8(vec) => keep(vec),
        Data::I8(vec) => keep(vec),
        Data::U16(vec) => keep(vec),
        Data::I16(vec) => keep(vec),
        Data::U32(vec) => keep(vec),
        Data::I32(vec) => keep(vec),
        Data::U64(vec) => keep(vec),
        Data::I64(vec) => keep(vec),
        Data::F16(vec) => keep(vec),
        Data::BF16(vec) => keep(vec),
        Data::F32(vec) => keep(vec),
        Data::F64(vec) => keep(vec),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_block_comes_back_at_the_same_address() {
        let vec = take::<f64>(100_000);
        let address = vec.as_ptr();
        give(f64::wrap(vec));
        let again = take::<f64>(99_000);
        assert_eq!(again.as_ptr(), address);
    }

    #[test]
    fn a_class_wastes_at_most_a_quarter() {
        for n in [4, 5, 7, 1000, 1025, 1 << 20, (1 << 20) + 1] {
            let (class, len) = class_of(n);
            assert!(len >= n && len - n <= n / 4 + 1, "{n} in {len}");
            assert_eq!(class_of(len), (class_of(len).0, len), "class {class} is stable");
        }
    }

    #[test]
    fn the_pool_keeps_no_more_than_its_cap() {
        for _ in 0..40 {
            give(u8::wrap(vec![0; 16 << 20]));
        }
        POOL.with(|pool| assert!(pool.borrow().bytes <= CAP_BYTES));
    }
}
