//! `cargo xtask lint`: formatting, tidy and clippy; all three run even if one complains.

use crate::steps::{cargo, typed};
use crate::{Answer, Verdict, no_arguments, tidy};

const FORMAT: &[&str] = &["fmt", "--all", "--check"];
const CLIPPY: &[&str] = &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];

pub(crate) fn run(args: &[String]) -> Answer {
    no_arguments(args)?;
    let answers = [command(FORMAT)?, tidy::run(&[])?, command(CLIPPY)?];
    let clean = answers.iter().all(|&answer| answer == Verdict::Clean);
    Ok(if clean { Verdict::Clean } else { Verdict::Findings })
}

fn command(args: &[&str]) -> Answer {
    let mut command = cargo(args);
    println!("==> {}", typed(&command));
    let status =
        command.status().map_err(|err| format!("cannot run `{}`: {err}", typed(&command)))?;
    Ok(if status.success() { Verdict::Clean } else { Verdict::Findings })
}
