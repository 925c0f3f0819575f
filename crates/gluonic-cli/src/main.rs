//! The command line of gluonic.
// Not `forbid`: the index macro `s!` brings an `allow` of its own, which that would refuse.
#![deny(unsafe_code)]

mod args;
mod cmd;
mod error;
mod output;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Command};
use crate::output::ExitStatus;

fn main() -> ExitCode {
    let status = match Args::try_parse() {
        Ok(args) => run(args.command),
        Err(error) => output::usage(&error),
    };
    status.into()
}

fn run(command: Command) -> ExitStatus {
    let done = match command {
        Command::Show(args) => cmd::show::run(&args),
        Command::Check(args) => cmd::check::run(&args),
        Command::Convert(args) => cmd::convert::run(&args),
        Command::Tour(args) => cmd::tour::run(&args),
        Command::TourPredict(args) => cmd::tour::predict(&args),
    };
    done.unwrap_or_else(|error| output::error(&error))
}
