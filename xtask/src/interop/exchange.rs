//! One peer: what is written here and described there, and the other way round.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use gluonic_formats::{DType, Limits, RawTensor, mxnet_params, npy, npz, read, safetensors};
use indexmap::IndexMap;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{files, nets, samples, verdict};
use crate::Answer;

/// Tells Python that it is to write nothing beside the scripts, and to speak UTF-8.
const ENVIRONMENT: [(&str, &str); 2] = [("PYTHONDONTWRITEBYTECODE", "1"), ("PYTHONUTF8", "1")];

/// What is known of each file: a line for each tensor.
type Descriptions = BTreeMap<String, Vec<String>>;

pub(super) fn run(peer: &str, python: &Path) -> Answer {
    let folder = tempfile::tempdir().map_err(|err| format!("no temporary folder: {err}"))?;
    let folder = folder.path();
    for inside in ["ours", "theirs"] {
        fs::create_dir(folder.join(inside)).map_err(|err| format!("no folder: {err}"))?;
    }
    let ours = write_ours(peer, folder)?;
    let net = if peer == "mxnet" { Some(nets::write(folder)?) } else { None };

    let script = format!("xtask/src/interop/{peer}_peer.py");
    let mut command = Command::new(python);
    command.arg(&script).arg(folder).envs(ENVIRONMENT).stdin(Stdio::null());
    let status = command.status().map_err(|err| format!("cannot run `{script}`: {err}"))?;
    if !status.success() {
        return Err(format!("`{script}` failed: {status}"));
    }

    let mut differences = Vec::new();
    compare("ours", &ours, &described(folder, "ours")?, &mut differences);
    let theirs = described(folder, "theirs")?;
    compare("theirs", &theirs, &read_theirs(folder, &theirs)?, &mut differences);
    if let Some(net) = net {
        differences.extend(net.compare(folder)?);
    }
    Ok(verdict(peer, ours.len() + theirs.len(), &differences))
}

/// Writes what the peer is to read, and describes it.
fn write_ours(peer: &str, folder: &Path) -> Result<Descriptions, String> {
    let mut ours = Descriptions::new();
    let mut put = |name: &str, bytes: Vec<u8>, tensors: &[RawTensor<'_>]| {
        ours.insert(name.to_owned(), tensors.iter().map(line).collect());
        files::write(&folder.join(name), &bytes)
    };
    let fail = |err: gluonic_formats::Error| err.to_string();
    let none = IndexMap::new();
    match peer {
        "numpy" => {
            let all: Vec<DType> =
                DType::ALL.into_iter().filter(|dtype| dtype.safetensors_name().is_some()).collect();
            let tensors = samples::samples(&all, false);
            let texts = IndexMap::from([("größe".to_owned(), "\"\n\u{1}".to_owned())]);
            let bytes = safetensors::write(&tensors, &texts).map_err(fail)?;
            put("ours/all.safetensors", bytes, &tensors)?;
            let tensors = samples::samples(&samples::NUMPY, false);
            let known: Vec<_> =
                tensors.iter().filter(|one| one.dtype() != DType::C128).cloned().collect();
            put(
                "ours/numpy.safetensors",
                safetensors::write(&known, &none).map_err(fail)?,
                &known,
            )?;
            put("ours/none.safetensors", safetensors::write(&[], &none).map_err(fail)?, &[])?;
            put("ours/all.npz", npz::write(&tensors).map_err(fail)?, &tensors)?;
            put("ours/none.npz", npz::write(&[]).map_err(fail)?, &[])?;
            let tensors = samples::samples(&[DType::BF16], false);
            put("ours/bfloat16.npz", npz::write(&tensors).map_err(fail)?, &tensors)?;
            let (bytes, tensors) = nets::tied(folder)?;
            put("ours/tied.safetensors", bytes, &tensors)?;
            for (n, tensor) in samples::samples(&samples::NUMPY, false).into_iter().enumerate() {
                let tensor = tensor.with_name("0");
                put(&format!("ours/{n}.npy"), npy::write(&tensor).map_err(fail)?, &[tensor])?;
            }
        }
        "mxnet" => {
            for (name, plain) in [("ours/plain.params", true), ("ours/numpy.params", false)] {
                let tensors = samples::samples(&samples::MXNET, plain);
                put(name, mxnet_params::write(&tensors).map_err(fail)?, &tensors)?;
            }
            let tensors: Vec<_> = samples::samples(&samples::MXNET, true)
                .into_iter()
                .enumerate()
                .map(|(n, tensor)| tensor.with_name(n.to_string()))
                .collect();
            let list = mxnet_params::Params::of(tensors.iter().cloned(), false);
            let mut bytes = Vec::new();
            list.write_to(&mut bytes).map_err(fail)?;
            put("ours/list.params", bytes, &tensors)?;
        }
        _ => {} // Files of PyTorch are read only.
    }
    Ok(ours)
}

/// Reads the files that a peer has described, and describes them in turn.
fn read_theirs(folder: &Path, theirs: &Descriptions) -> Result<Descriptions, String> {
    let mut found = Descriptions::new();
    for name in theirs.keys() {
        let bytes = files::read(&folder.join(name))?;
        let lines = match read(&bytes, &Limits::default()) {
            Ok(archive) => archive.tensors.iter().map(line).collect(),
            Err(err) => vec![format!("refused: {err}")],
        };
        found.insert(name.clone(), lines);
    }
    Ok(found)
}

/// What the script said about the files of a folder.
fn described(folder: &Path, side: &str) -> Result<Descriptions, String> {
    let bytes = files::read(&folder.join(format!("{side}.json")))?;
    let files: BTreeMap<String, Vec<Value>> = serde_json::from_slice(&bytes)
        .map_err(|err| format!("`{side}.json` of the script: {err}"))?;
    let lines = |tensors: Vec<Value>| tensors.iter().map(ToString::to_string).collect();
    Ok(files.into_iter().map(|(name, tensors)| (name, lines(tensors))).collect())
}

/// A tensor as the scripts describe one: name, element type, shape, digest.
fn line(tensor: &RawTensor<'_>) -> String {
    let digest = format!("{:x}", Sha256::digest(tensor.data()));
    json!([tensor.name(), tensor.dtype().name(), tensor.shape(), digest]).to_string()
}

/// Compares files tensor by tensor; their order is not part of any format but a list.
fn compare(side: &str, expected: &Descriptions, found: &Descriptions, out: &mut Vec<String>) {
    for name in found.keys().filter(|name| !expected.contains_key(*name)) {
        out.push(format!("{side}: nobody knows of `{name}`"));
    }
    for (name, expected) in expected {
        let Some(found) = found.get(name) else {
            out.push(format!("{side}: `{name}` was not read"));
            continue;
        };
        for line in expected.iter().filter(|line| !found.contains(line)) {
            out.push(format!("{name}: expected {line}"));
        }
        for line in found.iter().filter(|line| !expected.contains(line)) {
            out.push(format!("{name}: found {line}"));
        }
        if expected.len() != found.len() {
            let (expected, found) = (expected.len(), found.len());
            out.push(format!("{name}: expected {expected} tensors, found {found}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tensor_that_differs_is_shown_on_both_sides() {
        let file = |line: &str| Descriptions::from([("a.npy".to_owned(), vec![line.to_owned()])]);
        let mut differences = Vec::new();
        compare("ours", &file("x"), &file("x"), &mut differences);
        assert!(differences.is_empty());
        compare("ours", &file("x"), &file("y"), &mut differences);
        assert_eq!(differences, ["a.npy: expected x", "a.npy: found y"]);
        differences.clear();
        compare("ours", &file("x"), &Descriptions::new(), &mut differences);
        assert_eq!(differences, ["ours: `a.npy` was not read"]);
    }
}
