//! Every mistake in a derived block is one error, at its place, with its remedy: the snapshots in
//! `ui/`. After a change of a message, `TRYBUILD=overwrite cargo test --test ui` writes them anew.

use std::process::Command;

/// The compiler that wrote the snapshots. Others word and wrap errors in their own way.
const WRITTEN_BY: &str = "rustc 1.95.";

#[test]
fn every_mistake_has_one_error_at_its_place() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output();
    let version = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    match version {
        Ok(version) if version.starts_with(WRITTEN_BY) => {
            trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
        }
        Ok(version) => eprintln!("skipped: the snapshots are by {WRITTEN_BY}x, this is {version}"),
        Err(error) => eprintln!("skipped: no rustc to ask for its version: {error}"),
    }
}
