//! What gluonic warns of, as Python's warnings.
//!
//! gluonic speaks to the crate `log`, perhaps while it holds locks: there nothing of Python may run.
//! So texts wait on their thread until the verb that caused them is done.

use std::cell::RefCell;

use log::{Level, LevelFilter, Log, Metadata, Record};
use pyo3::exceptions::PyUserWarning;
use pyo3::prelude::*;

thread_local! {
    static WAITING: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

struct Collect;

impl Log for Collect {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Warn && metadata.target().starts_with("gluonic")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            WAITING.with_borrow_mut(|waiting| waiting.push(record.args().to_string()));
        }
    }

    fn flush(&self) {}
}

/// Lets warnings be collected, unless another module of the process has taken the crate `log`.
pub(crate) fn install() {
    if log::set_logger(&Collect).is_ok() {
        log::set_max_level(LevelFilter::Warn);
    }
}

/// Forgets what waits: the caller has said it in Gluon's words.
pub(crate) fn forget() {
    WAITING.with_borrow_mut(Vec::clear);
}

/// Takes what waits on this thread.
pub(crate) fn take() -> Vec<String> {
    WAITING.with_borrow_mut(std::mem::take)
}

/// Lets texts of another thread wait on this one.
pub(crate) fn put(texts: Vec<String>) {
    WAITING.with_borrow_mut(|waiting| waiting.extend(texts));
}

/// Warns of what waits.
///
/// # Errors
/// The first warning that a filter of Python's turns into an exception.
pub(crate) fn issue(py: Python<'_>) -> PyResult<()> {
    let waiting = take();
    if waiting.is_empty() {
        return Ok(());
    }
    let warn = py.import("warnings")?.getattr("warn")?;
    waiting.into_iter().try_for_each(|text| {
        warn.call1((text, py.get_type::<PyUserWarning>()))?;
        Ok(())
    })
}
