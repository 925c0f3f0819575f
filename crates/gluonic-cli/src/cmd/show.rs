//! `gluonic show`: what a file holds.

use gluonic::checkpoint::{Checkpoint, TensorInfo};
use serde_json::{Map, Value, json};

use crate::args::ShowArgs;
use crate::error::Result;
use crate::output::{ExitStatus, to_stdout};

pub(crate) fn run(args: &ShowArgs) -> Result<ExitStatus> {
    let checkpoint = Checkpoint::open(&args.file)?;
    to_stdout(|out| match (args.json, args.all) {
        (true, _) => writeln!(out, "{:#}", of(&checkpoint)),
        (false, true) => writeln!(out, "{:#}", checkpoint.tree()),
        (false, false) => writeln!(out, "{}", checkpoint.tree()),
    })?;
    Ok(ExitStatus::Done)
}

fn of(checkpoint: &Checkpoint) -> Value {
    let tensor = |tensor: &TensorInfo| {
        json!({
            "name": tensor.name,
            "dtype": tensor.dtype.name(),
            "shape": tensor.shape.to_vec(),
            "elements": tensor.elem_count(),
            "bytes": tensor.bytes(),
            "aliases": tensor.aliases,
        })
    };
    let metadata = checkpoint.metadata().iter().map(|(key, text)| (key.clone(), json!(text)));
    json!({
        "file": checkpoint.file().display().to_string(),
        "format": checkpoint.format().map(|format| format.to_string()),
        "tensors": checkpoint.tensors().iter().map(tensor).collect::<Vec<_>>(),
        "metadata": metadata.collect::<Map<_, _>>(),
    })
}
