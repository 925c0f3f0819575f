//! `cargo +nightly fuzz run selector`; the checks are those of `cargo xtask fuzz --target selector`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gluonic_fuzz::run("selector", bytes));
