//! Layers without parameters that leave the elements as they are.

use std::fmt;

use super::Forward;
use super::core::BlockCore;
use crate::array::NdArray;
use crate::error::Result;

/// All axes but the first as one.
///
/// # Source
/// MXNet 1.9.1, `gluon/nn/basic_layers.py`, class `Flatten`.
#[derive(Clone, Debug, gluonic_derive::Block)]
#[block(display = "fmt_flatten")]
pub struct Flatten {
    core: BlockCore,
}

impl Flatten {
    /// The layer.
    pub fn new() -> Self {
        Self { core: BlockCore::new("Flatten") }
    }
}

impl Default for Flatten {
    fn default() -> Self {
        Self::new()
    }
}

impl Forward for Flatten {
    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        x.flatten()
    }
}

fn fmt_flatten(layer: &Flatten, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(layer.core.class())
}

/// The input, unchanged.
///
/// # Source
/// MXNet 1.9.1, `gluon/contrib/nn/basic_layers.py`, class `Identity`.
#[derive(Clone, Debug, gluonic_derive::Block)]
pub struct Identity {
    core: BlockCore,
}

impl Identity {
    /// The layer.
    pub fn new() -> Self {
        Self { core: BlockCore::new("Identity") }
    }
}

impl Default for Identity {
    fn default() -> Self {
        Self::new()
    }
}

impl Forward for Identity {
    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        Ok(x.clone())
    }
}
