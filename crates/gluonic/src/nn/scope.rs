//! How blocks get their names.
//!
//! A block built with no scope around it takes the next number of its kind on this thread. Inside
//! [`name_scope`](super::BlockExt::name_scope) of a parent it takes the next number of its kind
//! within that parent, and the parent's prefix stands in front.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::core::BlockCore;
use crate::name::next_of;
use crate::param::ParameterDict;

/// The numbers that a parent has given to its children.
#[derive(Debug, Default)]
pub(crate) struct Counters(Mutex<HashMap<Box<str>, usize>>);

impl Counters {
    fn next(&self, hint: &str) -> usize {
        let mut counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counters.entry(hint.into()).or_default();
        *count += 1;
        *count - 1
    }
}

thread_local! {
    static CURRENT: RefCell<Option<BlockCore>> = const { RefCell::new(None) };
}

/// Runs `f` inside the scope of a block. A block with an explicit empty prefix has none.
pub(crate) fn with_scope<R>(core: &BlockCore, f: impl FnOnce() -> R) -> R {
    struct Restore(Option<BlockCore>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CURRENT.replace(self.0.take());
        }
    }
    if core.has_empty_prefix() {
        return f();
    }
    let _restore = Restore(CURRENT.replace(Some(core.clone())));
    f()
}

/// Makes the scope of a block, or none, that of this thread, and returns the one before: for a
/// language whose scopes are no closures. [`name_scope`](super::BlockExt::name_scope) cannot be left
/// half way. A block with an explicit empty prefix has no scope: it leaves the present one.
///
/// # Examples
/// ```
/// use gluonic::nn::{BlockCore, BlockExt, Dense, set_scope};
/// let parent = BlockCore::with_prefix("Net", "net_");
/// let before = set_scope(Some(parent));
/// let child = Dense::new(1);
/// set_scope(before);
/// assert_eq!(child.name(), "net_dense0");
/// ```
pub fn set_scope(core: Option<BlockCore>) -> Option<BlockCore> {
    CURRENT.with_borrow_mut(|current| match core {
        Some(core) if core.has_empty_prefix() => current.clone(),
        core => std::mem::replace(current, core),
    })
}

/// The prefix of a new block, and the empty set of its parameters.
///
/// # Source
/// MXNet 1.9.1, `gluon/block.py`, `_BlockScope.create`.
pub(crate) fn create(
    hint: &str,
    prefix: Option<&str>,
    params: Option<&ParameterDict>,
) -> (Box<str>, ParameterDict) {
    CURRENT.with_borrow(|current| {
        let shared = |params: &ParameterDict| {
            ParameterDict::sharing(params.prefix(), Some(Arc::new(params.clone())))
        };
        let Some(parent) = current else {
            let prefix = prefix.map_or_else(|| format!("{}_", next_of(hint)), str::to_owned);
            let params = params.map_or_else(|| ParameterDict::new(&prefix), shared);
            return (prefix.into(), params);
        };
        let local = prefix
            .map_or_else(|| format!("{hint}{}_", parent.counters().next(hint)), str::to_owned);
        let params = params.map_or_else(
            || {
                let of_parent = parent.params();
                let prefix = format!("{}{local}", of_parent.prefix());
                ParameterDict::sharing(&prefix, of_parent.shared().cloned())
            },
            shared,
        );
        (format!("{}{local}", parent.prefix()).into(), params)
    })
}
