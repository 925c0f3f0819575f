//! Letting Python's other threads run while gluonic computes.

use pyo3::prelude::*;

/// As many elements as make other threads worth letting run.
const LARGE: usize = 1 << 14;

/// Runs an operation on about so many elements, without the GIL if it is a long one.
#[inline]
pub(crate) fn run<T: Send>(py: Python<'_>, elements: usize, f: impl FnOnce() -> T + Send) -> T {
    if elements >= LARGE { py.detach(f) } else { f() }
}
