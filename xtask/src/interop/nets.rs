//! Networks saved here and loaded by MXNet's Gluon, and the other way round, compared by what
//! their forward gives.

use std::path::Path;

use gluonic::prelude::*;
use gluonic_formats::{Limits, RawTensor, npy, read};

use super::files;

/// Both sides add the same few numbers, perhaps in another order.
const TOLERANCE: f32 = 1e-6;

/// The files of a network by their endings: by path, by name, and tied parameters on all their
/// paths and once.
const FILES: [&str; 4] = ["path", "name", "tied", "tied_once"];

/// What came out here for the files written here.
pub(super) struct Outputs {
    input: NdArray,
    values: Vec<Vec<f32>>,
}

/// Saves networks in every way, and their common input.
pub(super) fn write(folder: &Path) -> Result<Outputs, String> {
    let written = || -> Result<Outputs> {
        random::seed(3);
        let input = ops::uniform(-1.0, 1.0, (5, 4))?;
        let mut values = Vec::new();
        for kind in FILES {
            let net = net(kind)?;
            net.initialize_with(&init::Xavier::default(), Reinit::Keep)?;
            values.push(net.call(&input)?.to_vec::<f32>()?);
            let file = folder.join(format!("ours_{kind}.params"));
            if kind == "name" {
                net.collect_params()?.save(&file, "model_")?;
            } else {
                let deduplicate = kind == "tied_once";
                let options = SaveOptions { deduplicate, ..SaveOptions::default() };
                net.save_parameters_with(&file, &options)?;
            }
        }
        Ok(Outputs { input, values })
    };
    let outputs = written().map_err(|err| err.to_string())?;
    let values = outputs.input.to_vec::<f32>().map_err(|err| err.to_string())?;
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let input = RawTensor::new("x", gluonic_formats::DType::F32, vec![5, 4], bytes);
    let bytes = input.and_then(|input| npy::write(&input)).map_err(|err| err.to_string())?;
    files::write(&folder.join("input.npy"), &bytes)?;
    Ok(outputs)
}

/// A tied network as it is saved with digests, and every tensor that it has by every path.
pub(super) fn tied(folder: &Path) -> Result<(Vec<u8>, Vec<RawTensor<'static>>), String> {
    let file = folder.join("tied.safetensors");
    let written = || -> Result<Vec<(String, NdArray)>> {
        let net = net("tied")?;
        net.initialize()?;
        net.infer_shapes(&[(5, 4)])?;
        let options = SaveOptions { digests: true, ..SaveOptions::default() };
        net.save_parameters_with(&file, &options)?;
        let mut arrays = Vec::new();
        for i in 0..net.len() {
            arrays.push((format!("{i}.weight"), net[i].weight()?.data()?));
            arrays.push((format!("{i}.bias"), net[i].bias()?.data()?));
        }
        Ok(arrays)
    };
    let arrays = written().map_err(|err| err.to_string())?;
    let tensors = arrays.into_iter().map(|(name, array)| {
        let values = array.to_vec::<f32>().map_err(|err| err.to_string())?;
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        RawTensor::new(name, gluonic_formats::DType::F32, array.dims().to_vec(), bytes)
            .map_err(|err| err.to_string())
    });
    Ok((files::read(&file)?, tensors.collect::<Result<_, _>>()?))
}

/// The network of a file: two layers, or three of which the middle two are one.
fn net(kind: &str) -> Result<Sequential> {
    name::manager(|| {
        let net = Sequential::with_prefix("model_");
        net.name_scope(|| {
            net.add(Dense::new(6).activation(Activation::Relu));
            if kind.starts_with("tied") {
                let shared = Dense::new(6).activation(Activation::Relu);
                let again = Dense::sharing(6, &shared.params())?;
                net.add(shared);
                net.add(again);
            }
            net.add(Dense::new(3));
            Ok(())
        })?;
        Ok(net)
    })
}

impl Outputs {
    /// Compares with what MXNet computed from these files, and with what it wrote itself.
    pub(super) fn compare(&self, folder: &Path) -> Result<Vec<String>, String> {
        let mut differences = Vec::new();
        for (kind, expected) in FILES.iter().zip(&self.values) {
            let found = floats(&folder.join(format!("ours_{kind}.npy")))?;
            check(&format!("ours, {kind}"), expected, &found, &mut differences);
            let file = folder.join(format!("theirs_{kind}.params"));
            let expected = floats(&folder.join(format!("theirs_{kind}.npy")))?;
            let loaded = || -> Result<Vec<f32>> {
                let net = net(kind)?;
                let _report = net.load_parameters(&file, &LoadOptions::default())?;
                net.call(&self.input)?.to_vec::<f32>()
            };
            match loaded() {
                Ok(found) => check(&format!("theirs, {kind}"), &expected, &found, &mut differences),
                Err(err) => differences.push(format!("theirs, {kind}: refused: {err}")),
            }
        }
        Ok(differences)
    }
}

fn check(what: &str, expected: &[f32], found: &[f32], out: &mut Vec<String>) {
    let largest = expected.iter().zip(found).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max);
    let finite = expected.iter().chain(found).all(|value| value.is_finite());
    if expected.len() != found.len() || !finite || largest > TOLERANCE {
        out.push(format!("network, {what}: outputs differ by {largest:e}"));
    }
}

fn floats(file: &Path) -> Result<Vec<f32>, String> {
    let bytes = files::read(file)?;
    let archive = read(&bytes, &Limits::default()).map_err(|err| err.to_string())?;
    let data = archive.tensors.first().map(RawTensor::data).unwrap_or_default();
    Ok(data.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}
