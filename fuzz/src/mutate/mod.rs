//! Breaks files: blindly, and with knowledge of how they are built.
//!
//! [`input`] gives the bytes of one execution. They depend on the seeds and the random numbers
//! only, so an input is found again by its number.

mod bytes;
mod gguf;
mod text;
mod zip;

use crate::Rng;

/// Longer inputs are cut.
const MAX_LEN: usize = 16 << 10;

/// What a file is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Structure {
    /// A length of eight bytes, JSON of that length, bytes.
    Safetensors,
    /// Numbers of 32 and 64 bits.
    Params,
    /// A mark, a length, a Python dict of that length, bytes.
    Npy,
    /// Members, each with lengths and a checksum; arrays and pickles in them.
    Zip,
    /// Opcodes.
    Pickle,
    /// Pairs and tensors, each with lengths; data in their order.
    Gguf,
    /// JSON that maps tensors to files.
    ShardIndex,
    /// An expression of the language of selectors.
    Selector,
    /// TOML with patterns in it.
    RenameRules,
}

/// The bytes to try, made of one of the seeds.
///
/// # Panics
/// If there are no seeds.
pub fn input(rng: &mut Rng, seeds: &[Vec<u8>], structure: Structure) -> Vec<u8> {
    let mut bytes = rng.pick(seeds).clone();
    if rng.one_in(8) {
        let other = rng.pick(seeds);
        bytes::cross(rng, &mut bytes, other);
    }
    // One change gets deepest; many reach combinations.
    let n_changes = *rng.pick(&[1, 1, 1, 2, 2, 3, 4, 8, 16]);
    for _ in 0..n_changes {
        if rng.one_in(3) {
            bytes::change(rng, &mut bytes);
        } else {
            change(rng, &mut bytes, structure);
        }
        bytes.truncate(MAX_LEN);
    }
    bytes
}

/// One change that respects the structure around it.
fn change(rng: &mut Rng, bytes: &mut Vec<u8>, structure: Structure) {
    match structure {
        Structure::Safetensors => text::safetensors(rng, bytes),
        Structure::Params => bytes::word(rng, bytes),
        Structure::Npy => text::npy(rng, bytes),
        Structure::Zip => zip::repack(rng, bytes),
        Structure::Pickle => text::pickle(rng, bytes),
        Structure::Gguf => gguf::rebuild(rng, bytes),
        Structure::ShardIndex => text::shard_index(rng, bytes),
        Structure::Selector => text::selector(rng, bytes),
        Structure::RenameRules => text::rename_rules(rng, bytes),
    }
}
