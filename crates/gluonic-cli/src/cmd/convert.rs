//! `gluonic convert`: a file to another format, element type or number of files.

use gluonic::DType;
use gluonic::checkpoint::{Checkpoint, ExportOptions, RenameRules};
use serde_json::json;

use crate::args::ConvertArgs;
use crate::error::Result;
use crate::output::{ExitStatus, to_stdout};

pub(crate) fn run(args: &ConvertArgs) -> Result<ExitStatus> {
    let cast = args.cast.as_deref().map(str::parse::<DType>).transpose()?;
    let options = ExportOptions {
        cast,
        rename: args.rename.as_ref().map(RenameRules::open).transpose()?,
        max_shard_bytes: args.shard,
        digests: args.digests,
        memory: args.memory,
        ..ExportOptions::default()
    };
    let report = Checkpoint::open(&args.from)?.export(&args.to, &options)?;
    if args.json {
        let files: Vec<String> =
            report.files.iter().map(|file| file.display().to_string()).collect();
        let value = json!({
            "files": files,
            "tensors": report.tensors,
            "cast": report.cast,
            "dropped": report.dropped,
            "idle_rules": report.idle_rules.iter().map(|rule| &rule.text).collect::<Vec<_>>(),
            "root": report.root.to_string(),
        });
        to_stdout(|out| writeln!(out, "{value:#}"))?;
    } else {
        to_stdout(|out| writeln!(out, "{report}"))?;
    }
    Ok(ExitStatus::Done)
}
