//! Python's hooks: run by a block's own call, or by gluonic's where that calls the block.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use gluonic::nn::HookHandle;
use gluonic::{Block as _, BlockExt, NdArray};
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyWeakrefMethods, PyWeakrefReference};

use super::Node;
use crate::array::wrap;
use crate::callback::call_python;
use crate::ops::current_dialect;

/// Whether a block has hooks in Python, and the bridge by which gluonic's calls run them.
#[derive(Default)]
pub(super) struct Hooks {
    are_there: AtomicBool,
    bridge: Mutex<Option<[HookHandle; 2]>>,
}

impl Hooks {
    pub(super) fn are_there(&self) -> bool {
        self.are_there.load(Ordering::Relaxed)
    }

    /// Lets calls of the node that come from gluonic run the hooks of its object, or no more.
    pub(super) fn set(
        &self,
        py: Python<'_>,
        node: &Node,
        this: &Py<PyWeakrefReference>,
        there: bool,
    ) {
        self.are_there.store(there, Ordering::Relaxed);
        let mut bridge = self.bridge.lock().unwrap_or_else(PoisonError::into_inner);
        if !there {
            bridge.take().into_iter().flatten().for_each(HookHandle::detach);
        } else if bridge.is_none() {
            let (pre, post) = (this.clone_ref(py), this.clone_ref(py));
            let id = node.id();
            let name: Arc<str> = node.core().name().into();
            let pre_name = name.clone();
            *bridge = Some([
                node.register_forward_pre_hook(move |_, x| bridged(id, &pre_name, &pre, x, None)),
                node.register_forward_hook(move |_, x, y| bridged(id, &name, &post, x, Some(y))),
            ]);
        }
    }
}

/// Runs the hooks of a node's object on the input, or the input and the output, of a call.
fn bridged(
    id: usize,
    name: &str,
    this: &Py<PyWeakrefReference>,
    x: &NdArray,
    y: Option<&NdArray>,
) -> gluonic::Result<()> {
    if Running::contains(id) {
        return Ok(());
    }
    call_python(name, |py| {
        let Some(this) = this.bind(py).upgrade() else { return Ok(()) };
        let dialect = current_dialect(py)?;
        let inputs = PyTuple::new(py, [wrap(py, x.clone(), dialect)?])?;
        match y {
            None => before(&this, &inputs),
            Some(y) => after(&this, &inputs, &wrap(py, y.clone(), dialect)?),
        }
    })
}

/// Runs the hooks of before a forward.
pub(super) fn before(this: &Bound<'_, PyAny>, args: &Bound<'_, PyTuple>) -> PyResult<()> {
    for hook in listed(this, "_forward_pre_hooks")? {
        hook.call1((this, args))?;
    }
    Ok(())
}

/// Runs the hooks of after a forward.
pub(super) fn after(
    this: &Bound<'_, PyAny>,
    args: &Bound<'_, PyTuple>,
    out: &Bound<'_, PyAny>,
) -> PyResult<()> {
    for hook in listed(this, "_forward_hooks")? {
        hook.call1((this, args, out))?;
    }
    Ok(())
}

/// The hooks as they are now: one that runs may add others or go.
fn listed<'py>(this: &Bound<'py, PyAny>, list: &str) -> PyResult<Vec<Bound<'py, PyAny>>> {
    this.getattr(list)?.call_method0("values")?.try_iter()?.collect()
}

thread_local! {
    static RUNNING: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// While it is there, a node's hooks are run by Python's call, not by the layer's inside.
pub(super) struct Running;

impl Running {
    pub(super) fn enter(id: usize) -> Running {
        RUNNING.with_borrow_mut(|running| running.push(id));
        Running
    }

    fn contains(id: usize) -> bool {
        RUNNING.with_borrow(|running| running.contains(&id))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.with_borrow_mut(Vec::pop);
    }
}
