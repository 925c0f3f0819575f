//! The loop behind `cargo xtask fuzz`: breaks the seeds of each target, on every core, and reports
//! what does not hold.
//!
//! The inputs run in processes of their own, so that an abort or an exhausted stack is found as a
//! panic is. Which input is the n-th depends on the seed only.
#![forbid(unsafe_code)]
#![allow(clippy::disallowed_methods, reason = "a program for developers reads its own files")]

use std::{env, path::PathBuf, process::ExitCode, str::FromStr, time::Duration};

use gluonic_fuzz::{TARGETS, Target};

mod boss;
mod corpus;
mod one;
mod seeds;
mod shrink;
mod worker;

const USAGE: &str = "\
Usage: cargo xtask fuzz [--seconds N] [--executions N] [--target T] [--seed N]
       cargo xtask fuzz --target T --file FILE
       cargo xtask fuzz --write-corpus

  --seconds N     how long each target is tried (default: 10)
  --executions N  try so many inputs of each target, and fail if the time is too short for them
                  (default of --seconds then: 600)
  --target T      this target only
  --seed N        other inputs; the same number gives the same ones
  --file FILE     try this file only, with the target given
  --write-corpus  make the seeds again from the fixtures and writers";

/// Where the seed of a run that names none begins.
const SEED: u64 = 1;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    match run(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
    }
}

/// How long each target is tried, in seconds: unless a number of inputs is asked for, and then.
const SECONDS: [u64; 2] = [10, 600];

/// Does what the arguments say; `false` if there are findings.
fn run(args: &[String]) -> Result<bool, String> {
    if let Some((worker::COMMAND, rest)) = args.split_first().map(|(one, rest)| (&**one, rest)) {
        return worker::run(rest).map(|()| true);
    }
    let (mut seconds, mut executions, mut seed) = (None, None, SEED);
    let (mut target, mut file) = (None, None);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match &**arg {
            "--seconds" => seconds = Some(number(arg, args.next())?),
            "--executions" => executions = Some(number(arg, args.next())?),
            "--seed" => seed = number(arg, args.next())?,
            "--target" => target = Some(find(args.next().ok_or("`--target` needs a name")?)?),
            "--file" => file = Some(PathBuf::from(args.next().ok_or("`--file` needs a path")?)),
            "--write-corpus" => return corpus::write().map(|()| true),
            "-h" | "--help" => {
                println!("{USAGE}");
                return Ok(true);
            }
            other => return Err(format!("unexpected argument `{other}`\n\n{USAGE}")),
        }
    }
    match (file, target) {
        (Some(file), Some(target)) => one::run(target, &file),
        (Some(_), None) => Err("`--file` needs `--target` too".to_owned()),
        (None, target) => {
            let targets = target.map_or(TARGETS, std::slice::from_ref);
            let seconds = seconds.unwrap_or(SECONDS[usize::from(executions.is_some())]);
            boss::run(targets, Duration::from_secs(seconds), executions, seed)
        }
    }
}

fn find(name: &str) -> Result<&'static Target, String> {
    Target::find(name).ok_or_else(|| {
        let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
        format!("there is no target `{name}`; there are {}", names.join(", "))
    })
}

fn number<T: FromStr>(arg: &str, value: Option<&String>) -> Result<T, String> {
    let value = value.ok_or_else(|| format!("`{arg}` needs a number"))?;
    value.parse().map_err(|_| format!("`{arg}` needs a number, found `{value}`"))
}
