//! The tests of `gluonic` through its public API, by behavior.

mod bounds;
mod chains;
mod deferred;
mod gradient_rules;
mod gradients;
mod handles;
mod names;
mod snapshots;
mod support;
mod threads;
