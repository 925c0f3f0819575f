//! `cargo +nightly fuzz run torch_zip`; the checks are those of `cargo xtask fuzz --target torch_zip`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gluonic_fuzz::run("torch_zip", bytes));
