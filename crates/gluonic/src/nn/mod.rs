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
mod activations;
mod attention;
mod batch_norm;
mod block;
mod concurrent;
mod conv;
mod conv_settings;
mod core;
mod dense;
mod dropout;
mod dyn_block;
mod embedding;
mod group_norm;
mod lambda;
mod layout;
mod norm;
mod pool;
mod rearrange;
mod residual;
pub mod rnn;
mod scope;
mod sequential;
mod shape;
mod summary;
mod transformer;
mod walk;

pub use self::core::{BlockCore, HookHandle};
pub use activation::{Activation, ActivationLayer};
pub use activations::{ELU, GELU, LeakyReLU, PReLU, SELU, Swish};
pub use attention::{MultiHeadAttention, MultiHeadAttentionConfig};
pub use batch_norm::{BatchNorm, BatchNormConfig};
pub use block::{Block, BlockExt, Member};
pub use concurrent::Concurrent;
pub use conv::{Conv1D, Conv1DTranspose, Conv2D, Conv2DTranspose, Conv3D, Conv3DTranspose};
pub use conv_settings::ConvConfig;
pub use dense::{Dense, DenseConfig};
pub use dropout::Dropout;
pub use embedding::{Embedding, EmbeddingConfig};
pub use group_norm::{GroupNorm, InstanceNorm};
pub use lambda::Lambda;
pub use layout::DataLayout;
pub use norm::{LayerNorm, NormConfig, RMSNorm};
pub use pool::{
    AvgPool1D, AvgPool2D, AvgPool3D, GlobalAvgPool1D, GlobalAvgPool2D, GlobalAvgPool3D,
    GlobalMaxPool1D, GlobalMaxPool2D, GlobalMaxPool3D, MaxPool1D, MaxPool2D, MaxPool3D, PoolConfig,
};
pub use rearrange::{PixelShuffle, ReflectionPad2D};
pub use residual::Residual;
pub use scope::set_scope;
pub use sequential::Sequential;
pub use shape::{Flatten, Identity};
pub use summary::{Summary, SummaryRow};
pub use transformer::{
    FeedForwardActivation, TransformerEncoder, TransformerEncoderConfig, TransformerEncoderLayer,
};
pub use walk::Walk;
pub(crate) use walk::{draws, walk};

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
