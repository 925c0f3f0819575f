//! What a Python block holds, as walks of gluonic are lent it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;

use super::{Block, Node};
use crate::parameter::Parameter;

/// A member that is shown to a walk.
pub(super) enum Lent {
    Parameter(gluonic::Parameter),
    Block(Arc<Node>),
}

impl Lent {
    fn id(&self) -> usize {
        match self {
            Lent::Parameter(parameter) => parameter.id(),
            Lent::Block(node) => Arc::as_ptr(node).addr(),
        }
    }
}

/// Every member that a walk has been shown. It grows only, so that walks can be lent its elements:
/// by the number of members that are replaced.
#[derive(Default)]
pub(super) struct Members {
    lent: boxcar::Vec<Lent>,
    known: Mutex<HashMap<usize, usize>>,
}

impl Members {
    /// Keeps a member for as long as these live.
    pub(super) fn lend(&self, member: Lent) -> &Lent {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let at = *known.entry(member.id()).or_insert_with(|| self.lent.push(member));
        &self.lent[at]
    }
}

/// What a block's object holds now, by key: parameters, then children.
pub(super) fn held(this: &Bound<'_, PyAny>) -> PyResult<Vec<(String, Lent)>> {
    let mut members = Vec::new();
    each(this, "_reg_params", |key, value| {
        let parameter = value.cast::<Parameter>()?.get().get()?.clone();
        members.push((key.str()?.to_cow()?.into_owned(), Lent::Parameter(parameter)));
        Ok(())
    })?;
    each(this, "_children", |key, value| {
        // Sequential.add takes anything in MXNet; what is no block has no parameters.
        if let Ok(block) = value.cast::<Block>() {
            let node = block.get().node()?.clone();
            members.push((key.str()?.to_cow()?.into_owned(), Lent::Block(node)));
        }
        Ok(())
    })?;
    Ok(members)
}

/// Calls `f` with the keys and values of a dictionary that is an attribute.
fn each<'py>(
    this: &Bound<'py, PyAny>,
    dict: &str,
    mut f: impl FnMut(Bound<'py, PyAny>, Bound<'py, PyAny>) -> PyResult<()>,
) -> PyResult<()> {
    for item in this.getattr(dict)?.call_method0("items")?.try_iter()? {
        let (key, value) = item?.extract()?;
        f(key, value)?;
    }
    Ok(())
}
