//! One module for each command.

pub(crate) mod check;
pub(crate) mod convert;
pub(crate) mod show;
pub(crate) mod tour;
