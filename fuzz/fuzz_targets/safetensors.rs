//! `cargo +nightly fuzz run safetensors`; the checks are those of `cargo xtask fuzz --target safetensors`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gluonic_fuzz::run("safetensors", bytes));
