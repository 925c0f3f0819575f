//! Parameter management for neural networks: reach any parameter of any model by index, field,
//! name, path or pattern; initialize, edit, tie, save, load and train it.
//!
//! ```
//! use gluonic::prelude::*;
//!
//! let net = sequential![Dense::new(256).activation(Activation::Relu), Dense::new(10)];
//! net.initialize()?;
//! net.call(&ops::uniform(0.0, 1.0, (2, 20))?)?;
//! assert_eq!(
//!     net[0].params().to_string(),
//!     "dense0_ (\n  \
//!        Parameter dense0_weight (shape=(256, 20), dtype=float32)\n  \
//!        Parameter dense0_bias (shape=(256,), dtype=float32)\n)"
//! );
//! let bias = net[1].bias()?;
//! assert!(bias.ptr_eq(&net.collect_params()?["dense1_bias"]));
//! assert_eq!(bias.grad()?.to_vec::<f32>()?, [0.0; 10]);
//! # Ok::<(), gluonic::Error>(())
//! ```
//!
//! # Words
//!
//! - A [`Parameter`] is a named tensor with a gradient and a rule for its initial value; a handle.
//! - A [`Block`] is anything with parameters, children and a forward: a layer, a network. What can
//!   be done with one is in [`BlockExt`] and [`SaveLoad`](checkpoint::SaveLoad).
//! - A *name* (`dense0_weight`) is given to a parameter once; a *path* (`0.weight`) is its place in
//!   a tree.
//! - A [`Selector`] such as `encoder.** & kind:weight` says which parameters are meant: see
//!   [`param::select`].
//! - An [`NdArray`] is a handle on shared memory; editing it is seen by all.
//!
//! # What is not here
//!
//! GPUs.
//!
//! # Features
//!
//! None yet: everything is on.
#![deny(unsafe_code)]

// The derive macro writes paths `::gluonic::…`, inside this crate too.
extern crate self as gluonic;

pub mod array;
pub mod autograd;
mod average;
pub mod checkpoint;
pub mod context;
mod cpu;
pub mod data;
pub mod error;
mod excerpt;
pub mod init;
pub mod loss;
pub mod metric;
pub mod name;
pub mod nn;
pub mod ops;
pub mod optim;
pub mod param;
pub mod progress;
pub mod random;
pub mod run;
mod shape;
#[doc(hidden)]
pub mod storage;
mod suggest;
mod trainer;
pub mod watch;

pub use array::{DType, Element, NdArray};
pub use average::Average;
pub use context::Context;
pub use error::{Error, Result};
pub use gluonic_derive::Block;
pub use init::Reinit;
pub use nn::{Block, BlockExt};
pub use param::{ParamSpec, Parameter, ParameterDict, Selection, Selector, Snapshot};
pub use run::Run;
pub use shape::{Dims, Shape};
pub use trainer::{Collective, Group, LocalCollective, Reduction, Trainer, TrainerStates};
pub use watch::Watch;

/// What most programs use.
pub mod prelude {
    pub use crate::autograd::{self, GradReq};
    pub use crate::checkpoint::{
        Checkpoint, Checkpointer, LoadOptions, LoadPolicy, SaveLoad, SaveOptions,
    };
    pub use crate::data::{ArrayDataset, DataLoader, Dataset, DatasetExt};
    pub use crate::init::{self, Initializer};
    pub use crate::loss::{L1Loss, L2Loss, SigmoidBinaryCrossEntropyLoss, SoftmaxCrossEntropyLoss};
    pub use crate::nn::{
        Activation, ActivationLayer, AvgPool1D, AvgPool2D, AvgPool3D, BatchNorm, BatchNormConfig,
        BlockCore, BlockExt, Concurrent, Conv1D, Conv1DTranspose, Conv2D, Conv2DTranspose, Conv3D,
        Conv3DTranspose, ConvConfig, DataLayout, Dense, DenseConfig, Dropout, ELU, Embedding,
        EmbeddingConfig, Flatten, Forward, GELU, GlobalAvgPool1D, GlobalAvgPool2D, GlobalAvgPool3D,
        GlobalMaxPool1D, GlobalMaxPool2D, GlobalMaxPool3D, GroupNorm, Identity, InstanceNorm,
        Lambda, LayerNorm, LeakyReLU, MaxPool1D, MaxPool2D, MaxPool3D, MultiHeadAttention,
        NormConfig, PReLU, PoolConfig, RMSNorm, Residual, SELU, Sequential, Swish,
        TransformerEncoder, TransformerEncoderLayer,
    };
    pub use crate::optim::{Adam, AdamW, Optimizer, Schedule, Sgd, clip_global_norm};
    pub use crate::param::InitOptions;
    pub use crate::{
        Block, Context, DType, Dims, Error, Group, NdArray, ParamSpec, Parameter, ParameterDict,
        Reinit, Result, Run, Selection, Selector, Shape, Snapshot, Trainer, context, data, name,
        ops, random, s, sequential,
    };
}

/// The long texts of the repository, so that their examples are tested.
#[cfg(doctest)]
mod texts {
    #[doc = include_str!("../../../README.md")]
    struct Readme;
}
