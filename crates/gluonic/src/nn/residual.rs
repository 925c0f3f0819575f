//! A block around a sum.

use std::fmt;
use std::sync::Arc;

use super::Forward;
use super::block::{Block, BlockExt};
use super::core::BlockCore;
use crate::array::NdArray;
use crate::error::{Error, Result};

/// A block whose input is added to its output: `x + body(x)`.
///
/// # Shapes
/// The output of the body has the sizes of its input; nothing broadcasts.
///
/// # Errors
/// What the body returns; [`Error::OperandShape`], with the block's name, if its output has other
/// sizes.
///
/// # Examples
/// ```
/// use gluonic::nn::Residual;
/// use gluonic::prelude::*;
/// let layer = Residual::new(sequential![LayerNorm::new(), Dense::new(3).flatten(false)]);
/// assert_eq!(layer.infer_shapes(&[(2, 4, 3)])?.to_string(), "(2, 4, 3)");
/// assert!(layer.find_param("body.1.weight").is_ok());
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// He et al. (2016), "Deep residual learning for image recognition", eq. 1. Gluon has it for
/// recurrent cells only: [`rnn::ResidualCell`](super::rnn::ResidualCell).
#[derive(Clone, gluonic_derive::Block)]
pub struct Residual {
    core: BlockCore,
    body: Arc<dyn Block>,
}

impl Residual {
    /// Around a block.
    pub fn new(body: impl Block) -> Self {
        Residual { core: BlockCore::new("Residual"), body: Arc::new(body) }
    }
}

impl Forward for Residual {
    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        let y = self.body.call(x)?;
        if y.dims() != x.dims() {
            let (expected, found) = (x.dims().into(), y.dims().into());
            let error = Error::OperandShape { op: "residual", expected, found };
            return Err(error.in_block(self.core.name()));
        }
        x.add(&y)
    }
}

impl fmt::Debug for Residual {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Residual").field("core", &self.core).field("body", &self.body).finish()
    }
}
