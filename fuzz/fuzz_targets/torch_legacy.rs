//! `cargo +nightly fuzz run torch_legacy`; the checks are those of `cargo xtask fuzz --target torch_legacy`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gluonic_fuzz::run("torch_legacy", bytes));
