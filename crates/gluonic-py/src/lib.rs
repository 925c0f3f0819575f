//! The extension module `gluonic._gluonic`: gluonic's types and verbs for Python.
//!
//! It converts and decides nothing: what it offers, Rust users have. The words of Gluon, with their
//! defaults and their dialects, are in `python/gluonic`, on top of it.
#![deny(unsafe_code)]
#![allow(clippy::result_large_err, reason = "the size of a PyErr is PyO3's")]
#![allow(clippy::elidable_lifetime_names, reason = "`'py` says whose lifetime it is")]
#![allow(clippy::items_after_statements, reason = "what is looked up once stands where it is used")]
#![allow(clippy::unused_self, reason = "a method of Python has one")]
#![allow(clippy::doc_link_with_quotes, reason = "docstrings are Python")]
#![allow(clippy::unnecessary_wraps, reason = "PyO3 asks for a signature, not for a failure")]

mod array;
mod autograd;
mod block;
mod callback;
mod checkpoint;
mod context;
mod data;
mod detach;
mod dict;
mod dtype;
mod errors;
mod files;
mod initializer;
mod layers;
mod loss;
mod metric;
mod modes;
mod ops;
mod optimizer;
mod parameter;
mod selection;
mod snapshot;
mod trainer;
mod waiting;
mod warnings;

use pyo3::prelude::*;

#[pymodule]
fn _gluonic(module: &Bound<'_, PyModule>) -> PyResult<()> {
    warnings::install();
    errors::register(module)?;
    array::register(module)?;
    modes::register(module)?;
    parameter::register(module)?;
    dict::register(module)?;
    initializer::register(module)?;
    block::register(module)?;
    layers::register(module)?;
    loss::register(module)?;
    ops::register(module)?;
    autograd::register(module)?;
    optimizer::register(module)?;
    trainer::register(module)?;
    metric::register(module)?;
    data::register(module)?;
    snapshot::register(module)?;
    selection::register(module)?;
    checkpoint::register(module)?;
    waiting::register(module)?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))
}
