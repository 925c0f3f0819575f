//! The file system: the only user of `std::fs` in this crate. Every error names the file.

mod atomic;
mod file;

pub(crate) use atomic::write_atomically;
pub(crate) use file::read;
