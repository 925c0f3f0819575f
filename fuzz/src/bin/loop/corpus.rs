//! The seeds of a target: read, and made again from the fixtures and the writers.

use std::{
    fs,
    path::{Path, PathBuf},
};

use gluonic_formats::{
    DType, Format, Limits, RawTensor, byte_len, detect, mxnet_params, npy, npz, safetensors,
};
use gluonic_fuzz::Target;
use indexmap::IndexMap;

use crate::seeds;

/// Longer files make slow inputs whose changes seldom hit what matters.
const MAX_LEN: usize = 4096;

fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let fail = |error| format!("cannot list `{}`: {error}", folder.display());
    let entries = fs::read_dir(folder).map_err(fail)?;
    let files = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut files: Vec<PathBuf> = files.collect::<Result<_, _>>().map_err(fail)?;
    files.sort();
    Ok(files)
}

fn bytes_of(file: &Path) -> Result<Vec<u8>, String> {
    fs::read(file).map_err(|error| format!("cannot read `{}`: {error}", file.display()))
}

/// The seeds of a target, in the order of their names.
pub(crate) fn read(target: &Target) -> Result<Vec<Vec<u8>>, String> {
    let files = files(&folder(target.name))?;
    let seeds = files.iter().map(|file| bytes_of(file)).collect::<Result<Vec<_>, _>>()?;
    if seeds.is_empty() {
        return Err(format!("there are no seeds for `{}`", target.name));
    }
    Ok(seeds)
}

/// Makes the seeds of every target.
pub(crate) fn write() -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    let foreign = files(&root.join("crates/gluonic-formats/tests/fixtures"))?;
    let mxnet = files(&root.join("fixtures/params"))?;
    for file in foreign.iter().chain(&mxnet) {
        let bytes = bytes_of(file)?;
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let ending = file.extension().unwrap_or_default();
        if ["json", "md", "py"].iter().any(|other| ending == *other) {
            continue;
        }
        let target = match detect(&bytes) {
            _ if ending == "bin" => "mxnet_params",
            Ok(Format::MxnetParams) => "mxnet_params",
            Ok(Format::Npy) => "npy",
            Ok(Format::Npz) => "npz",
            Ok(Format::TorchZip) => "torch_zip",
            Ok(Format::TorchLegacy) => "torch_legacy",
            _ => continue,
        };
        put(target, &name, &bytes)?;
        // What MXNet wrote is a safetensors file too.
        let archive = gluonic_formats::read(&bytes, &Limits::default());
        if let Some(archive) = archive.ok().filter(|_| target == "mxnet_params") {
            let written = safetensors::write(&archive.tensors, &archive.metadata);
            if let (Ok(bytes), Some(stem)) = (written, file.file_stem()) {
                put("safetensors", &format!("{}.safetensors", stem.to_string_lossy()), &bytes)?;
            }
        }
    }
    made()
        .map_err(|error| format!("cannot write a seed: {error}"))?
        .into_iter()
        .try_for_each(|(target, name, bytes)| put(target, &format!("made_{name}"), &bytes))?;
    let texts = [
        ("selector", seeds::SELECTORS, "txt"),
        ("shard_index", seeds::INDEXES, "json"),
        ("rename_rules", seeds::RENAME_RULES, "toml"),
    ];
    for (target, texts, ending) in texts {
        for (n, text) in texts.iter().enumerate() {
            put(target, &format!("{n}.{ending}"), text.as_bytes())?;
        }
    }
    Ok(())
}

type Seed = (&'static str, String, Vec<u8>);

/// Files of every element type and some shapes, by each writer.
fn made() -> Result<Vec<Seed>, gluonic_formats::Error> {
    let shapes: [&[usize]; 5] = [&[], &[0], &[3], &[2, 3], &[2, 1, 4]];
    let mut tensors = Vec::new();
    for (dtype, shape) in DType::ALL.into_iter().zip(shapes.iter().cycle()) {
        let shape = if dtype.size_in_bytes().is_none() { [2, 1, 4].as_slice() } else { shape };
        let data = vec![1; byte_len(dtype, shape).unwrap_or(0)];
        tensors.push(RawTensor::new(format!("{}.é", dtype.name()), dtype, shape.to_vec(), data)?);
    }
    let writable = |write: &dyn Fn(&RawTensor<'_>) -> bool| -> Vec<RawTensor<'_>> {
        tensors.iter().filter(|tensor| write(tensor)).map(RawTensor::to_borrowed).collect()
    };
    let none = IndexMap::new();
    let texts =
        IndexMap::from([("format".to_owned(), "pt".to_owned()), (String::new(), "\n\"".into())]);
    let plain = writable(&|tensor| tensor.dtype().safetensors_name().is_some());
    let numpy = writable(&|tensor| npy::write(tensor).is_ok());
    let mxnet = writable(&|tensor| mxnet_params::write(&[tensor.to_borrowed()]).is_ok());
    let escaped = [plain[1].to_borrowed().with_name("a\"\\\u{1}\u{1F600}")];
    let two = &numpy[..2];
    let mut made: Vec<Seed> = vec![
        ("safetensors", "all.safetensors".into(), safetensors::write(&plain, &none)?),
        ("safetensors", "texts.safetensors".into(), safetensors::write(&escaped, &texts)?),
        ("safetensors", "one.safetensors".into(), safetensors::write(&plain[2..3], &none)?),
        ("npz", "all.npz".into(), npz::write(&numpy[..12.min(numpy.len())])?),
        ("npz", "two.npz".into(), npz::write(two)?),
        ("npz", "empty.npz".into(), npz::write(&[])?),
        ("mxnet_params", "all.params".into(), mxnet_params::write(&mxnet)?),
        ("mxnet_params", "one.params".into(), mxnet_params::write(&mxnet[2..3])?),
    ];
    let plain = [(0, 6, 24), (1, 0, 0), (24, 5, 5), (30, 3, 6)];
    // Of the K types, whose blocks are large, some; one of a type that no code turns into floats.
    let quantized =
        [(2, 32, 18), (6, 64, 44), (8, 32, 34), (10, 256, 84), (14, 256, 210), (16, 256, 66)];
    for (name, version, types) in
        [("none", 3, &[][..]), ("plain", 2, &plain), ("quantized", 3, &quantized)]
    {
        made.push(("gguf", format!("{name}.gguf"), seeds::gguf(version, types)));
    }
    for tensor in &numpy {
        let name = format!("{}.npy", tensor.dtype().name());
        made.push(("npy", name, npy::write(tensor)?));
    }
    Ok(made)
}

fn put(target: &str, name: &str, bytes: &[u8]) -> Result<(), String> {
    if bytes.len() > MAX_LEN {
        return Ok(());
    }
    let folder = folder(target);
    let file = folder.join(name);
    fs::create_dir_all(&folder)
        .and_then(|()| fs::write(&file, bytes))
        .map_err(|error| format!("cannot write `{}`: {error}", file.display()))
}
