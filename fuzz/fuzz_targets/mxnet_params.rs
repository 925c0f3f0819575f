//! `cargo +nightly fuzz run mxnet_params`; the checks are those of `cargo xtask fuzz --target mxnet_params`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gluonic_fuzz::run("mxnet_params", bytes));
