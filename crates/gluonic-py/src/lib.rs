//! The extension module `gluonic._gluonic`: gluonic's types and verbs for Python.
//!
//! It converts and decides nothing: what it offers, Rust users have. The words of Gluon, with their
//! defaults and their dialects, are in `python/gluonic`, on top of it.

mod array;
mod autograd;
mod block;
mod callback;
mod context;
mod data;
mod dict;
mod dtype;
mod errors;
mod initializer;
mod layers;
mod metric;
mod modes;
mod ops;
mod optimizer;
mod parameter;
mod trainer;

use pyo3::prelude::*;

#[pymodule]
fn _gluonic(module: &Bound<'_, PyModule>) -> PyResult<()> {
    errors::register(module)?;
    array::register(module)?;
    modes::register(module)?;
    parameter::register(module)?;
    dict::register(module)?;
    initializer::register(module)?;
    block::register(module)?;
    layers::register(module)?;
    ops::register(module)?;
    autograd::register(module)?;
    optimizer::register(module)?;
    trainer::register(module)?;
    metric::register(module)?;
    data::register(module)?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))
}
