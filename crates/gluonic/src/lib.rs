//! Parameter management for neural networks.
#![deny(unsafe_code)]

extern crate self as gluonic;

pub mod array;
pub mod autograd;
pub mod checkpoint;
mod cpu;
pub mod data;
pub mod error;
pub mod init;
pub mod loss;
pub mod name;
pub mod nn;
pub mod ops;
pub mod optim;
pub mod param;
pub mod random;
mod shape;
mod storage;
mod suggest;
mod trainer;

pub use array::{DType, Element, NdArray};
pub use error::{Error, Result};
pub use gluonic_derive::Block;
pub use init::Reinit;
pub use ndarray::s;
pub use nn::{Block, BlockExt};
pub use param::{ParamSpec, Parameter, ParameterDict};
pub use shape::{Dims, Shape};
pub use trainer::Trainer;

/// What most programs use.
pub mod prelude {
    pub use crate::autograd::{self, GradReq};
    pub use crate::checkpoint::{Checkpoint, LoadOptions, SaveOptions};
    pub use crate::init::{self, Initializer};
    pub use crate::loss::{L2Loss, SoftmaxCrossEntropyLoss};
    pub use crate::nn::{
        Activation, ActivationLayer, BlockCore, BlockExt, Dense, DenseConfig, Dropout,
        Flatten, Forward, Identity, Sequential,
    };
    pub use crate::optim::{Optimizer, Sgd};
    pub use crate::{
        Block, DType, Dims, Error, NdArray, ParamSpec, Parameter, ParameterDict, Reinit, Result,
        Shape, Trainer, name, ops, random, s, sequential,
    };
}
