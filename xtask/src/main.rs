//! The chores of this repository, run as `cargo xtask <chore>`.
//!
//! A chore is one file here and one line in [`CHORES`]. Commands that a contributor would type
//! (`cargo fmt`, `cargo clippy`, …) are run as they would be typed; nothing is a shell script.
#![allow(clippy::print_stdout, reason = "a chore talks to a person on a terminal")]
#![forbid(unsafe_code)]

use std::path::Path;
use std::process::ExitCode;
use std::{env, io};

mod conform;
mod crash;
mod deep;
mod fuzz;
mod gradcheck;
mod interop;
mod lint;
mod minilm;
mod python;
mod steps;
mod test;
mod tidy;
mod wheel;
mod workspace;

/// How a chore ended when it could do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing to complain about.
    Clean,
    /// The chore has printed what is wrong.
    Findings,
}

/// What a chore answers; the error is for a chore that could not do its work.
pub(crate) type Answer = Result<Verdict, String>;

struct Chore {
    name: &'static str,
    about: &'static str,
    run: fn(&[String]) -> Answer,
}

/// Every chore, in the order `--help` shows them.
const CHORES: &[Chore] = &[
    Chore {
        name: "tidy",
        about: "read the sources as text and check the house rules",
        run: tidy::run,
    },
    Chore { name: "lint", about: "formatting, tidy and clippy", run: lint::run },
    Chore { name: "test", about: "every test, doc test, example and the tour", run: test::run },
    Chore {
        name: "conform",
        about: "run the values that MXNet computed, from fixtures/ or another folder",
        run: conform::run,
    },
    Chore {
        name: "gradcheck",
        about: "every gradient against central differences, as a table",
        run: gradcheck::run,
    },
    Chore {
        name: "crash",
        about: "save while the system fails, [--runs N] times, and look at what is left",
        run: crash::run,
    },
    Chore {
        name: "peers",
        about: "exchange files with NumPy, safetensors, MXNet and PyTorch",
        run: interop::run,
    },
    Chore {
        name: "wheel",
        about: "install the Python package into a venv, and run its tests and golden cases",
        run: wheel::run,
    },
    Chore {
        name: "minilm",
        about: "a published model of 90 MB through every format, and rename rules",
        run: minilm::run,
    },
    Chore { name: "fuzz", about: "break files and selectors for a while", run: fuzz::run },
    Chore { name: "deep", about: "the slow checks, before an issue is resolved", run: deep::run },
];

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let answer = match args.split_first() {
        None => Err(format!("no chore given\n\n{}", help())),
        Some((first, _)) if matches!(first.as_str(), "-h" | "--help" | "help") => {
            println!("{}", help());
            Ok(Verdict::Clean)
        }
        Some((first, rest)) => match find(first) {
            Some(chore) => enter_root().and_then(|()| (chore.run)(rest)),
            None => Err(format!("there is no chore `{first}`\n\n{}", help())),
        },
    };
    match answer {
        Ok(Verdict::Clean) => ExitCode::SUCCESS,
        Ok(Verdict::Findings) => ExitCode::from(1),
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
    }
}

fn find(name: &str) -> Option<&'static Chore> {
    CHORES.iter().find(|chore| chore.name == name)
}

/// Tells whether `cargo xtask <name>` exists.
pub(crate) fn is_chore(name: &str) -> bool {
    find(name).is_some()
}

/// Refuses arguments, for the chores that take none.
pub(crate) fn no_arguments(args: &[String]) -> Result<(), String> {
    match args.first() {
        None => Ok(()),
        Some(arg) => Err(format!("unexpected argument `{arg}`\n\n{}", help())),
    }
}

fn help() -> String {
    let width = CHORES.iter().map(|chore| chore.name.len()).max().unwrap_or(0);
    let line = |chore: &Chore| format!("  {:width$}  {}", chore.name, chore.about);
    let chores: Vec<_> = CHORES.iter().map(line).collect();
    format!(
        "Usage: cargo xtask <chore>\n\nChores:\n{}\n\n\
         GLUONIC_REQUIRE=a,b makes a step fail, not skip, when tool `a` or `b` is missing.",
        chores.join("\n")
    )
}

/// Makes the workspace root the working directory, wherever `cargo xtask` was typed.
fn enter_root() -> Result<(), String> {
    let manifest_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = manifest_dir.parent().unwrap_or(manifest_dir);
    env::set_current_dir(root)
        .map_err(|err: io::Error| format!("cannot enter `{}`: {err}", root.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_names_every_chore() {
        let text = help();
        for chore in CHORES {
            assert!(text.contains(chore.name), "{text}");
        }
    }

    #[test]
    fn chores_without_arguments_refuse_one() {
        assert_eq!(no_arguments(&[]), Ok(()));
        assert!(no_arguments(&["--fast".to_owned()]).unwrap_err().contains("`--fast`"));
    }
}
