//! `cargo xtask peers`: files exchanged with the libraries whose formats they are.
//!
//! For each peer, [`exchange`] writes files, has the peer's script (`*.py`) describe them and write
//! its own, and compares: names, element types, shapes and the SHA-256 of the bytes, in both
//! directions. [`nets`] does the same with whole networks of MXNet, by what their forward gives.
//!
//! NumPy, safetensors and MXNet live in virtual environments under `target/`. PyTorch is too large
//! to install for a test: its files are among the fixtures of `gluonic-formats`, and an
//! interpreter that has it can be named in `GLUONIC_TORCH_PYTHON`.

use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::python::{MXNET, NUMPY};
use crate::steps::{Counting, Steps, cargo};
use crate::{Answer, Verdict};

mod exchange;
mod files;
mod nets;
mod samples;

/// An exchange takes seconds; importing MXNet on a busy machine takes most of them.
const LIMIT: Duration = Duration::from_secs(120);

const TORCH: &str = "GLUONIC_TORCH_PYTHON";

/// The libraries, by the name of their script.
const PEERS: [&str; 3] = ["numpy", "mxnet", "torch"];

pub(crate) fn run(args: &[String]) -> Answer {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        [] => {
            let mut steps = Steps::new();
            add(&mut steps);
            Ok(steps.finish())
        }
        [peer, python] if PEERS.contains(&peer) => exchange::run(peer, Path::new(python)),
        _ => Err(format!("usage: cargo xtask peers [{} PYTHON]", PEERS.join("|"))),
    }
}

/// Adds a step for each peer.
pub(crate) fn add(steps: &mut Steps) {
    for peer in PEERS {
        let title = format!("peers {peer}");
        let python = if steps.has_failed() { None } else { interpreter(peer) };
        let tool = if peer == "numpy" { "python" } else { peer };
        if steps.has_tool(&title, tool, python.is_some()) {
            let mut command = cargo(["xtask", "peers", peer]);
            command.arg(python.unwrap_or_default());
            steps.run(&title, Counting::One, LIMIT, &mut command);
        }
    }
}

fn interpreter(peer: &str) -> Option<PathBuf> {
    match peer {
        "numpy" => NUMPY.python(),
        "mxnet" => MXNET.python(),
        _ => env::var_os(TORCH).map(PathBuf::from),
    }
}

/// Prints what differs, and how many files were compared.
fn verdict(peer: &str, n_files: usize, differences: &[String]) -> Verdict {
    for difference in differences {
        println!("{difference}");
    }
    println!("{peer}: {n_files} files, {} differences", differences.len());
    if differences.is_empty() { Verdict::Clean } else { Verdict::Findings }
}
