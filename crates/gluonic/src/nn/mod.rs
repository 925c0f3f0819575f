//! Networks: the trait [`Block`], the layers, and how they get their names.
//!
//! ```
//! use gluonic::prelude::*;
//!
//! let net = sequential![Dense::new(256).activation(Activation::Relu), Dense::new(10)];
//! net.initialize()?;
//! let y = net.call(&ops::uniform(0.0, 1.0, (2, 20))?)?;
//! assert_eq!(y.dims().to_string(), "(2, 10)");
//! # Ok::<(), gluonic::Error>(())
//! ```

mod activation;
mod block;
mod core;
mod dense;
mod dropout;
pub mod rnn;
mod scope;
mod sequential;
mod shape;
mod walk;

pub use self::core::{BlockCore, HookHandle};
pub use activation::{Activation, ActivationLayer};
pub use block::{Block, BlockExt, Member};
pub use dense::{Dense, DenseConfig};
pub use dropout::Dropout;
pub use sequential::Sequential;
pub use shape::{Flatten, Identity};
pub use walk::Walk;
pub(crate) use walk::walk;

use crate::array::NdArray;
use crate::error::Result;

/// The forward of a block whose other half is derived: see
/// [`derive(Block)`](macro@crate::Block).
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no forward",
    note = "implement `Forward` for it, or put `#[block(no_forward)]` on the struct"
)]
pub trait Forward {
    /// Computes the output from the input.
    ///
    /// # Errors
    /// Whatever goes wrong.
    fn forward(&self, x: &NdArray) -> Result<NdArray>;
}
