//! How reading and writing of files goes on, told to whoever wants to see it, and stopped by them.

use std::cell::RefCell;
use std::fmt;
use std::io::{Error as IoError, Result as IoResult, Write};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Sees how files are read and written while [`observe`] runs, and may stop it.
pub trait Observer: Send + Sync {
    /// So many more bytes were read or written, on any thread. A break stops the verb: it fails with
    /// [`Error::Io`](crate::Error::Io), and leaves everything as it was.
    fn advance(&self, bytes: u64) -> ControlFlow<()>;
}

/// The most bytes between two calls of an observer.
const STEP: usize = 8 << 20;

thread_local! {
    static CURRENT: RefCell<Option<Arc<dyn Observer>>> = const { RefCell::new(None) };
}

/// Runs `f` and tells an observer of what files it reads and writes, as bytes. Maps of files are not
/// seen: nobody reads them.
///
/// # Examples
/// ```
/// use std::ops::ControlFlow;
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use gluonic::prelude::*;
/// use gluonic::progress::{self, Observer};
///
/// #[derive(Default)]
/// struct Count(AtomicU64);
///
/// impl Observer for Count {
///     fn advance(&self, bytes: u64) -> ControlFlow<()> {
///         self.0.fetch_add(bytes, Ordering::Relaxed);
///         ControlFlow::Continue(())
///     }
/// }
///
/// # let folder = tempfile::tempdir()?; let file = folder.path().join("net.params");
/// let net = Dense::with(DenseConfig { units: 100, in_units: Some(100), ..Default::default() })?;
/// net.initialize()?;
/// let count = Arc::new(Count::default());
/// progress::observe(count.clone(), || net.save_parameters(&file))?;
/// assert_eq!(count.0.load(Ordering::Relaxed), std::fs::metadata(&file)?.len());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn observe<R>(observer: Arc<dyn Observer>, f: impl FnOnce() -> R) -> R {
    with(Some(observer), f)
}

/// As [`observe`], with the observer of another thread, if it has one.
pub(crate) fn with<R>(observer: Option<Arc<dyn Observer>>, f: impl FnOnce() -> R) -> R {
    struct Restore(Option<Arc<dyn Observer>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CURRENT.replace(self.0.take());
        }
    }
    let _restore = Restore(CURRENT.replace(observer));
    f()
}

/// The observer of this thread.
pub(crate) fn current() -> Option<Arc<dyn Observer>> {
    CURRENT.with_borrow(Clone::clone)
}

/// Tells an observer, and fails if it wants no more.
pub(crate) fn advance(observer: Option<&Arc<dyn Observer>>, bytes: usize) -> IoResult<()> {
    match observer.map(|observer| observer.advance(bytes as u64)) {
        Some(ControlFlow::Break(())) => Err(IoError::other(Stopped)),
        _ => Ok(()),
    }
}

#[derive(Debug)]
struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it was stopped")
    }
}

impl std::error::Error for Stopped {}

/// A writer of whose bytes the observer of the thread is told.
pub(crate) struct Watched<W> {
    to: W,
    observer: Option<Arc<dyn Observer>>,
}

impl<W: Write> Watched<W> {
    pub(crate) fn new(to: W) -> Self {
        Watched { to, observer: current() }
    }
}

impl<W: Write> Write for Watched<W> {
    fn write(&mut self, bytes: &[u8]) -> IoResult<usize> {
        if self.observer.is_none() {
            return self.to.write(bytes);
        }
        let written = self.to.write(&bytes[..bytes.len().min(STEP)])?;
        advance(self.observer.as_ref(), written)?;
        Ok(written)
    }

    fn flush(&mut self) -> IoResult<()> {
        self.to.flush()
    }
}
