//! Readers and writers of parameter files: bytes in, [`RawTensor`]s out.
//!
//! ```
//! use gluonic_formats::{DType, Limits, RawTensor, mxnet_params, read, safetensors};
//!
//! let weight = RawTensor::new("fc.weight", DType::F32, vec![1, 2], vec![0; 8])?;
//! let bytes = safetensors::write(&[weight], &Default::default())?;
//!
//! // The format is told from the bytes; the tensors borrow them.
//! let archive = read(&bytes, &Limits::default())?;
//! assert_eq!(archive.tensors[0].shape(), [1, 2]);
//!
//! let params = mxnet_params::write(&archive.tensors)?;
//! assert_eq!(read(&params, &Limits::default())?.tensors, archive.tensors);
//! # Ok::<(), gluonic_formats::Error>(())
//! ```
//!
//! | format | read | written |
//! | --- | --- | --- |
//! | safetensors | yes | yes |
//! | MXNet `.params` | yes: V0 to V3, sparse arrays made dense | yes: V2, V3 where needed |
//! | NumPy `.npy` | yes: 1.0 to 3.0, any byte order, C and Fortran order | yes, as NumPy does |
//! | NumPy `.npz` | yes, compressed or not | yes, not compressed, aligned |
//! | PyTorch `.pt`, `.pth` | yes: zip files and the older streams; no code is run | no |
//! | GGUF | yes: 2 and 3, little-endian; [`gguf::dequantize`] is asked for | no |
//! | index of shards | yes: [`ShardIndex`] | yes |
//!
//! This crate opens no file, knows no arithmetic and has no `unsafe` code. Whatever the bytes, a
//! reader neither panics nor hangs, and allocates within [`Limits`]: a length in a file is a
//! claim, checked before it is used.
//!
//! * [`read`], [`read_header`], [`write_to`]: any format; [`detect()`] tells which.
//! * [`read_each`], [`write_from`]: the same for tensors that do not fit into memory together.
//! * [`safetensors`], [`mxnet_params`], [`npy`], [`npz`], [`torch`], [`gguf`]: one format each,
//!   with what only it can say.
//! * [`sharded`]: the index of a model in several files.
//! * [`digest`]: what tells whether two files hold the same, and whether one is damaged.
//! * [`RawTensor`], [`DType`], [`Archive`], [`Header`]: what goes in and out.
//! * [`Error`]: what is wrong, as facts.
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing)]
#![allow(clippy::doc_markdown)] // `MXNet`, `NumPy` and `PyTorch` are words here, not code.
#![cfg_attr(test, allow(clippy::indexing_slicing))]

mod archive;
mod checksum;
mod cursor;
mod detect;
pub mod digest;
mod dtype;
mod error;
pub mod gguf;
mod json;
mod limits;
pub mod mxnet_params;
pub mod npy;
pub mod npz;
mod raw;
pub mod safetensors;
pub mod sharded;
mod spec;
mod strided;
pub mod torch;
mod zip;

pub use crate::{
    archive::{
        Archive, Header, Storage, TensorEntry, read, read_each, read_header, write_from, write_to,
    },
    checksum::{Checksum, Crc32},
    detect::{FileKind, Format, detect},
    digest::Digest,
    dtype::DType,
    error::Error,
    gguf::QuantType,
    limits::{Limits, byte_len, elem_count},
    raw::RawTensor,
    sharded::{ShardIndex, ShardReport},
    spec::{Data, TensorSpec},
    torch::mxnet_states,
};
