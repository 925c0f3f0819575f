//! `gluonic check`: whether a file is whole, is what it says it is, and holds numbers.

use gluonic::checkpoint::Checkpoint;
use gluonic::{DType, NdArray};
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
    let recorded = checkpoint.verify()?;
    let root = checkpoint.root()?;
    let mut findings = Vec::new();
    for damage in recorded.iter().flatten() {
        let what = match (&damage.expected, &damage.found) {
            (None, _) => "is not in the file's record".to_owned(),
            (_, None) => "is in the file's record, but not in the file".to_owned(),
            (Some(expected), Some(found)) => {
                format!("is damaged: its digest is {found}, the record says {expected}")
            }
        };
        findings.push(Finding { tensor: damage.name.as_str().into(), what });
    }
    for tensor in checkpoint.tensors() {
        let float = DType::from_name(tensor.dtype.name()).filter(|dtype| dtype.is_float());
        if float.is_some() {
            let (count, first) = not_finite(&checkpoint.get(&tensor.name)?)?;
            if let Some(first) = first {
                let what = format!("NaN or infinite values: {count}, the first at {first}");
                findings.push(Finding { tensor: tensor.name.clone(), what });
            }
        }
    }
    to_stdout(|out| {
        if args.json {
            let of = |finding: &Finding| json!({"tensor": finding.tensor, "what": finding.what});
            let findings: Vec<Value> = findings.iter().map(of).collect();
            let report = json!({
                "file": args.file.display().to_string(),
                "root": root.to_string(),
                "recorded": recorded.is_some(),
                "findings": findings,
            });
            return writeln!(out, "{report:#}");
        }
        writeln!(out, "{checkpoint}")?;
        let record = if recorded.is_some() { "recorded in the file" } else { "not recorded" };
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

/// How many values are no numbers, and the index of the first.
fn not_finite(array: &NdArray) -> Result<(usize, Option<usize>)> {
    let values = array.to_f64_vec()?;
    let mut places = values.iter().enumerate().filter(|(_, value)| !value.is_finite());
    let first = places.next().map(|(i, _)| i);
    Ok((places.count() + usize::from(first.is_some()), first))
}
