//! `cargo xtask crash [--runs N]`: saves a file, a step of a run and a model in several files
//! again and again while the system fails, and looks at what is left.
//!
//! First, at least N times (1,000 if not said), with faults injected into the calls of a real
//! process ([`injected`]), where `strace` is installed; then on a simulated disk, where every state
//! that a power failure may leave is looked at. Prints what was run, and every violation.

use gluonic::storage::simulated::{every_crash, scenarios};

use crate::{Answer, Verdict, help};

mod injected;
mod saves;

const RUNS: usize = 1000;

/// The states looked at for each moment of a simulated run; few moments have more.
const STATES: u64 = 1_000_000;

pub(crate) fn run(args: &[String]) -> Answer {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let runs = match args.as_slice() {
        [] => RUNS,
        ["--runs", runs] => {
            runs.parse().map_err(|_| format!("`--runs` takes a number, found `{runs}`"))?
        }
        [injected::CHILD, save, folder] => return injected::child(save, folder),
        _ => return Err(format!("unexpected arguments `{}`\n\n{}", args.join(" "), help())),
    };
    let mut violations = injected::run(runs)?;
    for scenario in scenarios() {
        let tally = every_crash(&scenario, STATES);
        let extent = if tally.is_exhaustive { "all" } else { "a part" };
        println!(
            "simulated, {}: {} runs, {} states ({extent}), {} violations",
            scenario.name,
            tally.runs,
            tally.states,
            tally.violations.len()
        );
        violations.extend(tally.violations);
    }
    for violation in violations.iter().take(20) {
        println!("violation: {violation}");
    }
    println!("{} violations", violations.len());
    Ok(if violations.is_empty() { Verdict::Clean } else { Verdict::Findings })
}
