//! Behavior seen from outside: files that others wrote, attacks, identities.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::doc_markdown)]

mod dequantize;
mod digests;
mod fixtures;
mod gguf_attacks;
mod gguf_builder;
mod gguf_files;
mod hostile_bytes;
mod mxnet_params_attacks;
mod numpy_files;
mod round_trips;
mod sharded;
mod support;
mod torch_attacks;
mod torch_files;
mod zip_attacks;
