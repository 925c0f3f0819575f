//! `cargo +nightly fuzz run rename_rules`; the checks are those of `cargo xtask fuzz --target rename_rules`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gluonic_fuzz::run("rename_rules", bytes));
