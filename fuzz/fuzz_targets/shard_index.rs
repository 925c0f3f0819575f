//! `cargo +nightly fuzz run shard_index`; the checks are those of `cargo xtask fuzz --target shard_index`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gluonic_fuzz::run("shard_index", bytes));
