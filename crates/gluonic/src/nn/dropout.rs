//! Dropout.

use std::fmt;

use super::Forward;
use super::core::BlockCore;
use crate::array::NdArray;
use crate::error::{Error, Result};
use crate::ops::dropout;

/// In training, zeroes each element with probability `rate` and scales the others by
/// `1 / (1 - rate)`; otherwise lets everything through.
///
/// # Randomness
/// Each call takes the next key of the process: a program repeats, two calls differ.
///
/// # Examples
/// ```
/// use gluonic::prelude::*;
/// let layer = Dropout::new(0.5)?;
/// assert_eq!(layer.to_string(), "Dropout(p = 0.5, axes=())");
/// let x = NdArray::ones(4, DType::F32)?;
/// assert_eq!(layer.call(&x)?.to_vec::<f32>()?, [1.0; 4]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// Srivastava et al. (2014), "Dropout"; MXNet 1.9.1, `gluon/nn/basic_layers.py`, class `Dropout`.
#[derive(Clone, Debug, gluonic_derive::Block)]
#[block(display = "fmt_dropout")]
pub struct Dropout {
    core: BlockCore,
    rate: f64,
}

impl Dropout {
    /// The layer that zeroes with probability `rate`.
    ///
    /// # Errors
    /// [`Error::Setting`] if `rate` is not in `[0, 1]`.
    pub fn new(rate: f64) -> Result<Self> {
        if !(0.0..=1.0).contains(&rate) {
            let found = rate.to_string().into();
            return Err(Error::Setting { setting: "rate", expected: "between 0 and 1", found });
        }
        Ok(Dropout { core: BlockCore::new("Dropout"), rate })
    }
}

impl Forward for Dropout {
    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        dropout(x, self.rate)
    }
}

fn fmt_dropout(layer: &Dropout, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "Dropout(p = {}, axes=())", layer.rate)
}
