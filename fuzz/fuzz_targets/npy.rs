//! `cargo +nightly fuzz run npy`; the checks are those of `cargo xtask fuzz --target npy`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gluonic_fuzz::run("npy", bytes));
