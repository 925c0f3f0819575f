//! The file system: the only user of `std::fs` in this crate. Every error names the file.
//!
//! Public for the tests and the chores of this repository; no promise is made about it.

mod atomic;
mod disk;
mod file;
mod folder;
mod links;
mod map;
pub mod simulated;
mod small;
mod temporary;
mod vfs;

pub use atomic::{write_atomically, write_atomically_on};
pub use disk::Disk;
pub use file::{Opened, read};
pub use folder::{publish_folder, retire_folder, sweep};
pub use links::leads_out;
pub use map::Map;
pub use small::{check_small, read_small, remove};
pub use temporary::is_temporary;
pub use vfs::{Handle, Kind, Lock, Metadata, Vfs};
