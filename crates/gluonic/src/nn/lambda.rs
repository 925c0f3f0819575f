//! Functions as layers.

use std::fmt;
use std::sync::Arc;

use super::Forward;
use super::core::BlockCore;
use crate::array::NdArray;
use crate::error::Result;

type Function = dyn Fn(&NdArray) -> Result<NdArray> + Send + Sync;

/// A function as a layer.
///
/// # Examples
/// ```
/// use gluonic::prelude::*;
/// let layer = Lambda::new("twice", |x| x * 2.0);
/// assert_eq!(layer.to_string(), "Lambda(twice)");
/// assert_eq!(layer.call(&NdArray::scalar(3.0_f32))?.to_scalar::<f32>()?, 6.0);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `gluon/nn/basic_layers.py`, classes `Lambda` and `HybridLambda`.
#[doc(alias = "HybridLambda")]
#[derive(Clone, gluonic_derive::Block)]
#[block(display = "fmt_lambda")]
pub struct Lambda {
    core: BlockCore,
    function_name: String,
    #[block(skip)]
    function: Arc<Function>,
}

impl Lambda {
    /// The layer that applies `function`, printed by its name.
    pub fn new(
        name: &str,
        function: impl Fn(&NdArray) -> Result<NdArray> + Send + Sync + 'static,
    ) -> Self {
        let function = Arc::new(function);
        Lambda { core: BlockCore::new("Lambda"), function_name: name.to_owned(), function }
    }
}

impl Forward for Lambda {
    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        (self.function)(x).map_err(|error| error.in_block(self.core.name()))
    }
}

fn fmt_lambda(layer: &Lambda, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{}({})", layer.core.class(), layer.function_name)
}

impl fmt::Debug for Lambda {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lambda").field("name", &self.function_name).finish_non_exhaustive()
    }
}
