//! Computing with shapes alone: no element is read, written or allocated.
//!
//! While [`with_shapes_only`] runs, operations stop after their shape rule and give arrays that
//! have sizes and an element type but no values. Asking such an array for a value is an error, and
//! an edit does nothing. The mode belongs to the thread.

use std::cell::Cell as ThreadCell;
use std::sync::Arc;

use super::{Cell, DType, NdArray, View};
use crate::autograd::Track;
use crate::error::{Error, Result};
use crate::shape::Dims;

thread_local! {
    static SHAPES_ONLY: ThreadCell<bool> = const { ThreadCell::new(false) };
}

/// Whether operations on this thread stop after their shape rule.
#[inline]
pub(crate) fn shapes_only() -> bool {
    SHAPES_ONLY.get()
}

/// Runs `f` with operations that stop after their shape rule.
pub(crate) fn with_shapes_only<R>(f: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            SHAPES_ONLY.set(self.0);
        }
    }
    let _restore = Restore(SHAPES_ONLY.replace(true));
    f()
}

/// From this size on, memory is asked for before an operation computes: it costs some microseconds,
/// which is nothing beside the filling of so many pages.
const LARGE_BYTES: usize = 1 << 27;

/// Whether there is a block of so many bytes. It is given back at once, untouched.
#[cold]
fn is_to_be_had(bytes: usize) -> bool {
    let mut block = Vec::<u8>::new();
    let found = block.try_reserve_exact(bytes).is_ok();
    std::hint::black_box(block.as_mut_ptr()); // or the compiler would answer without asking
    found
}

impl NdArray {
    /// What an operation gives after its shape rule if only shapes are wanted; nothing if it is to
    /// compute, for which there is memory then.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if the element count does not fit the address space, [`Error::NoMemory`]
    /// if there is not so much memory.
    #[inline]
    pub(crate) fn planned(dims: &Dims, dtype: DType) -> Result<Option<NdArray>> {
        if shapes_only() {
            return NdArray::shape_only(dims, dtype).map(Some);
        }
        let n = dims.checked_count().ok_or_else(|| Error::TooLarge { shape: dims.into() })?;
        let bytes = n * dtype.size();
        if bytes >= LARGE_BYTES && !is_to_be_had(bytes) {
            return Err(Error::NoMemory { shape: dims.into(), bytes: bytes as u64 });
        }
        Ok(None)
    }

    /// An array without values.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if the element count does not fit the address space.
    pub(crate) fn shape_only(dims: impl Into<Dims>, dtype: DType) -> Result<NdArray> {
        let dims = dims.into();
        let n = dims.checked_count().ok_or_else(|| Error::TooLarge { shape: (&dims).into() })?;
        Ok(NdArray::on(Arc::new(Cell::shape_only(dtype, n)), View::new(dims), Track::None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s;

    #[test]
    fn views_and_operations_keep_shapes_and_values_are_refused() {
        let x = NdArray::shape_only((1 << 30, 1 << 20), DType::F32).unwrap();
        let y = with_shapes_only(|| {
            let part = x.slice(s![0..5])?.transpose()?;
            (&part * 2.0)?.softmax(0)?.reshape((1 << 10, 1 << 10, 5))?.sum_axes(&[0], true)
        });
        let y = y.unwrap();
        assert_eq!(y.dims().to_string(), "(1, 1024, 5)");
        assert!(matches!(y.to_vec::<f32>(), Err(Error::ShapeOnly)));
        assert!(matches!(y.pin(), Err(Error::ShapeOnly)));
        assert!(matches!(y.add(&y), Err(Error::ShapeOnly)));
    }

    #[test]
    fn an_edit_changes_nothing_while_shapes_are_inferred() {
        let x = NdArray::ones(2, DType::F32).unwrap();
        with_shapes_only(|| {
            x.fill(5.0).unwrap();
            x.add_assign(1.0).unwrap();
            x.set(s![0], 7.0).unwrap();
            assert!(matches!(x.edit::<f32, _>(|mut view| view[0] = 9.0), Err(Error::ShapeOnly)));
            assert!(matches!(
                x.assign(&NdArray::ones(3, DType::F32)?),
                Err(Error::Broadcast { .. })
            ));
            Ok::<_, Error>(())
        })
        .unwrap();
        assert_eq!(x.to_vec::<f32>().unwrap(), [1.0, 1.0]);
    }

    #[test]
    fn the_mode_ends_with_a_panic() {
        let panicked = std::panic::catch_unwind(|| with_shapes_only(|| panic!("inside")));
        assert!(panicked.is_err() && !shapes_only());
    }
}
