//! `gluonic check`: whether a file is whole, is what it says it is, and holds numbers.

use gluonic::checkpoint::{Checkpoint, NotFinite};
use serde_json::{Value, json};

use crate::args::CheckArgs;
use crate::error::Result;
use crate::output::{ExitStatus, to_stdout};

/// Something amiss with a tensor.
struct Finding {
    tensor: Box<str>,
    what: String,
}

pub(crate) fn run(args: &CheckArgs) -> Result<ExitStatus> {
    let checkpoint = Checkpoint::open(&args.file)?;
    let report = checkpoint.check()?;
    let mut findings = Vec::new();
    for damage in report.damage.iter().flatten() {
        let what = match (&damage.expected, &damage.found) {
            (None, _) => "is not in the file's record".to_owned(),
            (_, None) => "is in the file's record, but not in the file".to_owned(),
            (Some(expected), Some(found)) => {
                format!("is damaged: its digest is {found}, the record says {expected}")
            }
        };
        findings.push(Finding { tensor: damage.name.as_str().into(), what });
    }
    for NotFinite { name, count, first } in report.not_finite {
        let what = format!("NaN or infinite values: {count}, the first at {first}");
        findings.push(Finding { tensor: name, what });
    }
    let (root, is_recorded) = (report.root, report.damage.is_some());
    to_stdout(|out| {
        if args.json {
            let of = |finding: &Finding| json!({"tensor": finding.tensor, "what": finding.what});
            let findings: Vec<Value> = findings.iter().map(of).collect();
            let report = json!({
                "file": args.file.display().to_string(),
                "root": root.to_string(),
                "recorded": is_recorded,
                "findings": findings,
            });
            return writeln!(out, "{report:#}");
        }
        writeln!(out, "{checkpoint}")?;
        let record = if is_recorded { "recorded in the file" } else { "not recorded" };
        writeln!(out, "root {root}, digests {record}")?;
        for Finding { tensor, what } in &findings {
            writeln!(out, "{tensor}: {what}")?;
        }
        match findings.len() {
            0 => writeln!(out, "nothing amiss"),
            n => writeln!(out, "findings: {n}"),
        }
    })?;
    Ok(if findings.is_empty() { ExitStatus::Done } else { ExitStatus::Findings })
}
