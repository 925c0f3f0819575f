//! `gluonic check`: whether a file is whole, is what it says it is, and holds numbers.

use gluonic::checkpoint::{CheckReport, Checkpoint, NotFinite, Record};
use serde_json::{Value, json};

use crate::args::CheckArgs;
use crate::error::Result;
use crate::output::{ExitStatus, to_stdout};

/// Something amiss with a tensor, or with the file if there is none.
struct Finding {
    tensor: Option<Box<str>>,
    what: String,
}

pub(crate) fn run(args: &CheckArgs) -> Result<ExitStatus> {
    let checkpoint = Checkpoint::open(&args.file)?;
    let report = checkpoint.check()?;
    let findings = findings(&report);
    let (root, record) = (report.root, record(&report.record));
    to_stdout(|out| {
        if args.json {
            let of = |finding: &Finding| json!({"tensor": finding.tensor, "what": finding.what});
            let findings: Vec<Value> = findings.iter().map(of).collect();
            let value = json!({
                "file": args.file.display().to_string(),
                "root": root.to_string(),
                "recorded": report.damage.is_some(),
                "record": record_file(&report.record),
                "findings": findings,
            });
            return writeln!(out, "{value:#}");
        }
        writeln!(out, "{checkpoint}")?;
        writeln!(out, "root {root}, digests {record}")?;
        for Finding { tensor, what } in &findings {
            match tensor {
                Some(tensor) => writeln!(out, "{tensor}: {what}")?,
                None => writeln!(out, "{what}")?,
            }
        }
        match findings.len() {
            0 => writeln!(out, "nothing amiss"),
            n => writeln!(out, "findings: {n}"),
        }
    })?;
    Ok(if findings.is_empty() { ExitStatus::Done } else { ExitStatus::Findings })
}

fn findings(report: &CheckReport) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Record::Unusable { file, stale, reason } = &report.record {
        let problem = if *stale { "is of another state of the file" } else { "cannot be used" };
        let what = format!("the record `{}` {problem}: {reason}", file.display());
        findings.push(Finding { tensor: None, what });
    }
    for damage in report.damage.iter().flatten() {
        let what = match (&damage.expected, &damage.found) {
            (None, _) => "is not in the record".to_owned(),
            (_, None) => "is in the record, but not in the file".to_owned(),
            (Some(expected), Some(found)) => {
                format!("is damaged: its digest is {found}, the record says {expected}")
            }
        };
        findings.push(Finding { tensor: Some(damage.name.as_str().into()), what });
    }
    for NotFinite { name, count, first, .. } in &report.not_finite {
        let what = format!("NaN or infinite values: {count}, the first at {first}");
        findings.push(Finding { tensor: Some(name.clone()), what });
    }
    findings
}

/// Where the digests are recorded, in words.
fn record(record: &Record) -> String {
    match record {
        Record::Metadata => "recorded in the file".to_owned(),
        Record::Sidecar(file) => format!("recorded in `{}`", file.display()),
        _ => "not recorded".to_owned(),
    }
}

/// The file that holds the record, if it is one of its own.
fn record_file(record: &Record) -> Option<String> {
    match record {
        Record::Sidecar(file) | Record::Unusable { file, .. } => Some(file.display().to_string()),
        _ => None,
    }
}
