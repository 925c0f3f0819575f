//! `cargo +nightly fuzz run gguf`; the checks are those of `cargo xtask fuzz --target gguf`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gluonic_fuzz::run("gguf", bytes));
