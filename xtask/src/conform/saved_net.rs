//! Parameter files by way of the library: loaded into a set of parameters and into a network that
//! fits, then saved again.

use std::path::{Path, PathBuf};

use gluonic::checkpoint::{LoadOptions, SaveLoad, SaveOptions};
use gluonic::{BlockExt, DType, ParamSpec, Parameter, ParameterDict};
use gluonic_formats::mxnet_params::strip_arg_aux;
use gluonic_formats::{Limits, RawTensor, Storage, read, read_header};
use serde_json::Value;

use super::derived::{Net, split};
use super::net::Builder;
use super::params::same_bytes;
use super::{Check, Problem, Tally, bytes_of, case_bytes};

/// Adds the cases of a file: one if it names its arrays, another if those are a network's.
pub(super) fn cases(tally: &mut Tally, stem: &str, about: &Value, file: &Path) {
    let Ok(bytes) = bytes_of(file) else { return };
    // A file that cannot be read has failed already.
    let Ok(archive) = read(&bytes, &Limits::default()) else { return };
    let tensors = &archive.tensors;
    if archive.named {
        tally.case(&format!("{stem} in a set"), || check_set(about, tensors, file));
    }
    if tensors.iter().all(|tensor| split(tensor.name()).is_some()) {
        tally.case(&format!("{stem} in a net"), || check_net(about, tensors, file));
    }
}

/// Whether a set of parameters accepts a file; an error if it changes when it does not.
pub(super) fn loads(file: &Path) -> Check<bool> {
    let parameter = Parameter::new("w", 2);
    parameter.initialize()?;
    let before = parameter.data()?.to_vec::<f32>()?;
    let mut params = ParameterDict::new("");
    params.insert(&parameter)?;
    let options = LoadOptions { ignore_extra: true, allow_missing: true, ..LoadOptions::default() };
    let loaded = params.load(file, "", &options).is_ok();
    if parameter.data()?.to_vec::<f32>()? == before {
        return Ok(loaded);
    }
    Err(Problem::differs("a parameter changed though the file was refused"))
}

fn check_set(about: &Value, tensors: &[RawTensor<'_>], file: &Path) -> Check {
    let mut params = ParameterDict::new("");
    for tensor in tensors {
        let dtype = DType::from_name(tensor.dtype().name());
        let later = || Problem::Later(format!("element type `{}`", tensor.dtype()));
        let spec = ParamSpec::new(tensor.shape()).dtype(dtype.ok_or_else(later)?);
        params.insert(&Parameter::with_spec(strip_arg_aux(tensor.name()), &spec))?;
    }
    let again = Again::new()?;
    check_loaded(params.load(file, "", &LoadOptions::default())?.loaded.len(), tensors.len())?;
    params.save(&again.file, "")?;
    again.check(about, tensors, file)
}

fn check_net(about: &Value, tensors: &[RawTensor<'_>], file: &Path) -> Check {
    let (mut net, options) = (Net::derive(tensors)?, LoadOptions::default());
    let again = Again::new()?;
    if net.by_path {
        let block = gluonic::name::manager(|| Builder::case(&net.case("")?))?;
        let save = SaveOptions { deduplicate: net.deduplicated, ..SaveOptions::default() };
        // Into parameters that were never initialized, then into those that have values.
        for _ in 0..2 {
            let report = block.load_parameters(file, &options)?;
            check_loaded(report.loaded.len(), block.collect_params()?.len())?;
            block.save_parameters_with(&again.file, &save)?;
            again.check(about, tensors, file)?;
        }
        return Ok(());
    }
    for outer in ["", "outer_"] {
        let block = gluonic::name::manager(|| Builder::case(&net.case(outer)?))?;
        let params = block.collect_params()?;
        let report = params.load(file, outer, &options)?;
        check_loaded(report.loaded.len(), tensors.len())?;
        params.save(&again.file, outer)?;
        again.check(about, tensors, file)?;
    }
    Ok(())
}

fn check_loaded(found: usize, expected: usize) -> Check {
    if found == expected {
        return Ok(());
    }
    Err(Problem::Differs(format!("loaded: expected {expected} arrays, found {found}")))
}

/// A file in a folder of its own, which goes with it.
struct Again {
    file: PathBuf,
    _folder: tempfile::TempDir,
}

impl Again {
    fn new() -> Check<Again> {
        let fail = |error| Problem::Differs(format!("no temporary folder: {error}"));
        let folder = tempfile::tempdir().map_err(fail)?;
        Ok(Again { file: folder.path().join("again.params"), _folder: folder })
    }

    /// The same bytes as `file` where MXNet's writer gives them, else the same arrays.
    fn check(&self, about: &Value, tensors: &[RawTensor<'_>], file: &Path) -> Check {
        let (before, after) = (case_bytes(file)?, case_bytes(&self.file)?);
        let header = read_header(&before, &Limits::default())?;
        let plain = header.entries.iter().all(|entry| {
            entry.storage == Storage::Dense && strip_arg_aux(&entry.name) == entry.name
        });
        if plain && about["rewrite_identical"] == true {
            return same_bytes("saved again", &before, &after);
        }
        let archive = read(&after, &Limits::default())?;
        for tensor in tensors {
            let name = strip_arg_aux(tensor.name());
            if archive.get(name) != Some(&tensor.to_borrowed().with_name(name)) {
                return Err(Problem::Differs(format!("`{name}` changed on the way")));
            }
        }
        check_loaded(archive.tensors.len(), tensors.len())
    }
}
