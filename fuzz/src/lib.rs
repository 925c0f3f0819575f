//! What must hold whatever the bytes: one [`Target`] for each reader of files, and for each
//! language.
//!
//! Two drivers share it: `cargo xtask fuzz`, a loop on the stable toolchain (`src/bin/loop`) that
//! knows nothing of the code it runs, and `cargo fuzz` (`fuzz_targets/`), which follows coverage.
//! Both start from `corpus/<target>/`, whose committed files have an ending; those that libFuzzer
//! adds have none.
//!
//! A new target is a line in [`TARGETS`] and a folder of seeds; for `cargo fuzz`, also a file in
//! `fuzz_targets/` and its `[[bin]]`.

mod index;
pub mod memory;
pub mod mutate;
mod readers;
mod rename;
mod rng;
mod selector;

use gluonic_formats::{gguf, mxnet_params, npy, npz, safetensors, torch};

pub use crate::rng::Rng;
use crate::{mutate::Structure, readers::Reader};

/// One thing to try with any bytes.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, which is also that of its folder of seeds.
    pub name: &'static str,
    /// How its inputs are built, so that a change inside gets past lengths and checksums.
    pub structure: Structure,
    check: Check,
}

#[derive(Clone, Copy, Debug)]
enum Check {
    Reader(Reader),
    ShardIndex,
    Selector,
    RenameRules,
}

/// Every target.
pub const TARGETS: &[Target] = &[
    reader("safetensors", Structure::Safetensors, safetensors_reader()),
    reader("mxnet_params", Structure::Params, mxnet_reader()),
    reader("npy", Structure::Npy, Reader { read: npy::read, read_header: npy::read_header }),
    reader("npz", Structure::Zip, Reader { read: npz::read, read_header: npz::read_header }),
    reader("torch_zip", Structure::Zip, torch_reader()),
    reader("torch_legacy", Structure::Pickle, torch_reader()),
    reader("gguf", Structure::Gguf, gguf_reader()),
    Target { name: "shard_index", structure: Structure::ShardIndex, check: Check::ShardIndex },
    Target { name: "selector", structure: Structure::Selector, check: Check::Selector },
    Target { name: "rename_rules", structure: Structure::RenameRules, check: Check::RenameRules },
];

const fn reader(name: &'static str, structure: Structure, reader: Reader) -> Target {
    Target { name, structure, check: Check::Reader(reader) }
}

const fn safetensors_reader() -> Reader {
    Reader {
        read: safetensors::read,
        read_header: |bytes, limits| safetensors::read_header(bytes, bytes.len() as u64, limits),
    }
}

const fn mxnet_reader() -> Reader {
    Reader { read: mxnet_params::read_dense, read_header: mxnet_params::read_header }
}

const fn torch_reader() -> Reader {
    Reader { read: torch::read, read_header: torch::read_header }
}

const fn gguf_reader() -> Reader {
    Reader {
        read: gguf::read,
        read_header: |bytes, limits| gguf::read_header(bytes, bytes.len() as u64, limits),
    }
}

impl Target {
    /// The target of that name.
    pub fn find(name: &str) -> Option<&'static Target> {
        TARGETS.iter().find(|target| target.name == name)
    }

    /// Tries the bytes.
    ///
    /// # Panics
    /// If something does not hold: this is how a finding is reported.
    pub fn check(&self, bytes: &[u8]) {
        match self.check {
            Check::Reader(reader) => reader.check(bytes),
            Check::ShardIndex => index::check(bytes),
            Check::Selector => selector::check(&String::from_utf8_lossy(bytes)),
            Check::RenameRules => rename::check(&String::from_utf8_lossy(bytes)),
        }
    }
}

/// Tries the bytes with the target of that name.
///
/// # Panics
/// If something does not hold, or there is no such target.
pub fn run(name: &str, bytes: &[u8]) {
    Target::find(name).expect("a target of that name").check(bytes);
}
