//! The tests of `gluonic` through its public API, by behavior.

mod bounds;
mod chains;
mod deferred;
mod files;
mod gradient_rules;
mod gradients;
mod handles;
mod load_mismatch;
mod names;
mod parameters;
mod snapshots;
mod support;
mod threads;
mod training;
