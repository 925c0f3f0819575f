//! The tests of `gluonic` through its public API, by behavior.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test; helpers do it too")]

mod bounds;
mod chains;
mod checkpoint;
mod checkpointer;
mod deferred;
mod dict;
mod durability;
mod edits;
mod errors;
mod files;
mod freeze;
mod gradient_rules;
mod gradients;
mod gradients_of_parts;
mod handles;
mod hooks;
mod infer;
mod initializers;
mod load_mismatch;
mod load_policy;
mod moments;
mod mxnet_files;
mod names;
mod parameters;
mod random_arrays;
mod rename;
mod rename_suggest;
mod repeats;
mod select;
mod select_language;
mod select_model;
mod snapshots;
mod support;
mod threads;
mod training;
