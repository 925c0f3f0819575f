//! `cargo xtask fuzz`: breaks files and selectors for a while and reports what does not hold.
//!
//! The loop is a program of the workspace `fuzz/`, so that nothing of it is built for other
//! chores; this builds and starts it. Findings are saved under `target/fuzz/<target>/`.

use std::process::{Command, Stdio};

use crate::steps::cargo;
use crate::{Answer, Verdict};

pub(crate) fn run(args: &[String]) -> Answer {
    let status = command(args)
        .stdin(Stdio::null())
        .status()
        .map_err(|err| format!("cannot run the loop of `fuzz/`: {err}"))?;
    match status.code() {
        Some(0) => Ok(Verdict::Clean),
        Some(1) => Ok(Verdict::Findings),
        _ => Err(format!("the loop of `fuzz/` could not do its work: {status}")),
    }
}

fn command(args: &[String]) -> Command {
    let mut command = cargo(["run", "--quiet", "--release", "--manifest-path", "fuzz/Cargo.toml"]);
    command.args(["--no-default-features", "--bin", "loop", "--"]).args(args);
    command
}
