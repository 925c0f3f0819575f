//! Behavior seen from outside: files that others wrote, attacks, identities.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::doc_markdown)]

mod fixtures;
mod hostile_bytes;
mod mxnet_params_attacks;
mod numpy_files;
mod round_trips;
mod support;
mod torch_attacks;
mod torch_files;
mod zip_attacks;
