//! `cargo +nightly fuzz run npz`; the checks are those of `cargo xtask fuzz --target npz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gluonic_fuzz::run("npz", bytes));
