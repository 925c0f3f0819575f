//! `gluonic tour`: parameter management, step by step, on real data.
//!
//! Each step shows code and what it gives, and checks what it claims. The code shown is the code
//! that runs: the macros of [`check`] print it from the source.
//!
//! # Source
//! The steps follow the chapter "Parameter Management" of the Gluon edition of "Dive into Deep
//! Learning" (Zhang, Lipton, Li and Smola).

mod access;
mod check;
mod defer;
mod digit_net;
mod digits;
mod edit;
mod file;
mod initialize;
mod my_init;
mod nested;
mod numbers;
mod text;
mod tie;
mod train;

use std::io::{self, Write};
use std::time::Instant;

use gluonic::{name, random};
use serde_json::json;

use crate::args::{PredictArgs, TourArgs};
use crate::error::{Error, Result};
use crate::output::ExitStatus;
use check::Tour;
use digits::Digits;

/// Leads through all steps.
pub(crate) fn run(args: &TourArgs) -> Result<ExitStatus> {
    let start = Instant::now();
    let mut tour = if args.json { Tour::silent() } else { Tour::aloud() };
    let digits = Digits::load()?;
    tour.title("gluonic tour: parameter management, on real data");
    tour.text(&format!("{} handwritten digits of 8 × 8 pixels:", digits.len()));
    tour.value(&digits.draw(&[0, 1, 2, 3])?);
    tour.text(digits::CITATION);
    tour.text(&format!("Lines with > are code, the rest is what it gives. Seed {}.", args.seed));

    random::seed(args.seed);
    for step in [
        access::ways,
        access::gradients,
        access::patterns,
        nested::blocks,
        initialize::built_in,
        initialize::custom,
        edit::directly,
        edit::while_recording,
        tie::layers,
        defer::shapes,
    ] {
        // Each step counts its layers from 0.
        name::manager(|| step(&mut tour, &digits))?;
    }
    let trained = name::manager(|| train::train(&mut tour, &digits, args.seed))?;
    let folder = tempfile::Builder::new().prefix("gluonic-tour-").tempdir();
    let folder =
        folder.map_err(|source| Error::Io { action: "make a temporary folder", source })?;
    name::manager(|| file::other_process(&mut tour, &trained, args.seed, folder.path()))?;
    name::manager(|| file::other_net(&mut tour, &trained, folder.path()))?;
    folder.close().map_err(|source| Error::Io { action: "remove a temporary folder", source })?;

    let (correct, total) = (trained.correct, trained.held_out.len());
    let accuracy = trained.accuracy();
    if args.json {
        let accuracy = json!({
            "correct": correct, "total": total, "value": accuracy, "seed": args.seed
        });
        let report = json!({ "checks": tour.to_json(), "accuracy": accuracy });
        tour.print(&format!("{report:#}"));
    } else {
        let seconds = start.elapsed().as_secs_f64();
        tour.summary(&format!("{correct} of {total} digits right ({accuracy:.4}), {seconds:.2} s"));
    }
    let status = if tour.n_failed() == 0 { ExitStatus::Done } else { ExitStatus::Findings };
    tour.close()?;
    Ok(status)
}

/// What the second process does: computes with the parameters of a file.
pub(crate) fn predict(args: &PredictArgs) -> Result<ExitStatus> {
    let outputs = file::outputs(&args.file, args.seed)?;
    let written = io::stdout().write_all(&outputs);
    written.map_err(|source| Error::Io { action: "write to stdout", source })?;
    Ok(ExitStatus::Done)
}

/// The part of a source file that is worth showing: what follows the imports.
fn source(file: &str) -> String {
    let code = file.rsplit_once("\nuse ").and_then(|(_, rest)| rest.split_once(";\n"));
    code.map_or(file, |(_, code)| code).trim().replace("pub(super) ", "")
}
