//! Parameter files that MXNet wrote, from `params/`: read, written again, and refused.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use gluonic_formats::mxnet_params::{self, Params};
use gluonic_formats::{DType, Limits, RawTensor, read, read_header};
use half::{bf16, f16};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::compare::{close, same};
use super::json::number;
use super::net::{dims, list};
use super::{Check, Problem, Tally, case_bytes, json_of, saved_net};

/// What an `f64` may lose, relative, when its decimals are read.
const DECIMALS: f64 = f64::EPSILON;

pub(super) fn run(folder: &Path, tally: &mut Tally) -> Result<(), String> {
    let folder = folder.join("params");
    for stem in stems(&folder)? {
        let about = json_of(&folder.join(format!("{stem}.json")))?;
        let file = folder.join(format!("{stem}.params"));
        tally.case(&stem, || check_file(&about, &file));
        saved_net::cases(tally, &stem, &about, &file);
    }
    let bad = json_of(&folder.join("bad.json"))?;
    for stem in bad.as_object().into_iter().flatten().map(|(stem, _)| stem) {
        let file = folder.join(format!("bad_{stem}.bin"));
        tally.case(&format!("bad_{stem}"), || check_refused(&file));
    }
    Ok(())
}

/// The names of the `.params` files without their endings, sorted.
fn stems(folder: &Path) -> Result<BTreeSet<String>, String> {
    if !folder.is_dir() {
        return Ok(BTreeSet::new());
    }
    let fail = |error| format!("cannot read `{}`: {error}", folder.display());
    let mut stems = BTreeSet::new();
    for entry in fs::read_dir(folder).map_err(fail)? {
        let name = entry.map_err(fail)?.file_name();
        stems
            .extend(name.to_str().and_then(|name| name.strip_suffix(".params")).map(str::to_owned));
    }
    Ok(stems)
}

fn check_file(about: &Value, file: &Path) -> Check {
    let bytes = case_bytes(file)?;
    same("sha256 of the file", &about["sha256"], &json!(sha256(&bytes)))?;
    let params = mxnet_params::read(&bytes, &Limits::default())?;
    let archive = read(&bytes, &Limits::default())?;
    same("named", &about["named"], &json!(archive.named))?;
    let arrays: Vec<&Value> = list(&about["arrays"]).collect();
    same("number of arrays", &json!(arrays.len()), &json!(archive.tensors.len()))?;
    for (i, (tensor, array)) in archive.tensors.iter().zip(&arrays).enumerate() {
        check_tensor(array, i, tensor)?;
        check_sparse(array, &params.arrays[i].value)?;
    }
    if about["rewrite_identical"] == true {
        check_rewritten(&bytes, &params)?;
    }
    Ok(())
}

fn check_rewritten(bytes: &[u8], params: &Params<'_>) -> Check {
    let mut again = Vec::new();
    params.write_to(&mut again)?;
    same_bytes("written again", bytes, &again)
}

/// Compares two files byte for byte.
pub(super) fn same_bytes(what: &str, expected: &[u8], found: &[u8]) -> Check {
    if expected == found {
        return Ok(());
    }
    let shared = expected.iter().zip(found).take_while(|(a, b)| a == b).count();
    let (expected, found) = (expected.len(), found.len());
    Err(Problem::Differs(format!(
        "{what}: expected {expected} bytes, found {found}; they differ from byte {shared} on"
    )))
}

fn check_tensor(about: &Value, i: usize, tensor: &RawTensor<'_>) -> Check {
    let name = about["name"].as_str().map_or_else(|| i.to_string(), str::to_owned);
    same("name", &json!(name), &json!(tensor.name()))?;
    same(&format!("dtype of `{name}`"), &about["dtype"], &json!(tensor.dtype().name()))?;
    same(&format!("shape of `{name}`"), &json!(dims(&about["shape"])?), &json!(tensor.shape()))?;
    let digest = sha256(tensor.data());
    same(&format!("sha256 of `{name}`"), &about["data_sha256"], &json!(digest))?;
    let values = elements(tensor)?;
    let first = list(&about["first"]).map(number);
    for (k, expected) in first.enumerate() {
        let expected = expected.unwrap_or(f64::NAN);
        let found = values.get(k).copied().unwrap_or(f64::NAN);
        check_number(&format!("`{name}`[{k}]"), expected, found, DECIMALS * expected.abs())?;
        if expected.is_sign_negative() != found.is_sign_negative() && !expected.is_nan() {
            return Err(Problem::Differs(format!(
                "`{name}`[{k}]: expected {expected}, found {found}"
            )));
        }
    }
    let expected = number(&about["sum"]).unwrap_or(f64::NAN);
    let tolerance = 1e-9 * (1.0 + expected.abs());
    check_number(&format!("sum of `{name}`"), expected, values.iter().sum(), tolerance)
}

fn check_number(what: &str, expected: f64, found: f64, tolerance: f64) -> Check {
    if close(expected, found, tolerance) {
        return Ok(());
    }
    Err(Problem::Differs(format!("{what}: expected {expected}, found {found}")))
}

/// Compares the parts of a sparse array.
fn check_sparse(about: &Value, found: &mxnet_params::Value<'_>) -> Check {
    use mxnet_params::Value as Found;
    let (stype, values, indptr, indices) = match found {
        Found::Dense(_) => return same("stype", &about["stype"], &json!("default")),
        Found::RowSparse(rows) => ("row_sparse", &rows.values, None, &rows.indices),
        Found::Csr(csr) => ("csr", &csr.values, Some(&csr.indptr), &csr.indices),
    };
    same("stype", &about["stype"], &json!(stype))?;
    let parts = [("values", Some(values)), ("indptr", indptr), ("indices", Some(indices))];
    for (key, part) in parts {
        let Some(part) = part.filter(|_| !about[key].is_null()) else { continue };
        let (mut expected, found) = (Vec::new(), elements(part)?);
        numbers(&about[key], &mut expected);
        let what = format!("{key} of `{}`", values.name());
        same(&format!("number of {what}"), &json!(expected.len()), &json!(found.len()))?;
        for (k, (expected, found)) in expected.into_iter().zip(found).enumerate() {
            check_number(&format!("{what}, [{k}]"), expected, found, DECIMALS * expected.abs())?;
        }
    }
    Ok(())
}

fn numbers(value: &Value, out: &mut Vec<f64>) {
    out.extend(number(value));
    list(value).for_each(|item| numbers(item, out));
}

fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

/// The elements of a tensor as numbers.
fn elements(tensor: &RawTensor<'_>) -> Check<Vec<f64>> {
    macro_rules! of {
        ($type:ty) => {{
            let (items, _) = tensor.data().as_chunks::<{ size_of::<$type>() }>();
            items.iter().map(|&item| <$type>::from_le_bytes(item) as f64).collect()
        }};
    }
    Ok(match tensor.dtype() {
        DType::Bool | DType::U8 => of!(u8),
        DType::I8 => of!(i8),
        DType::U16 => of!(u16),
        DType::I16 => of!(i16),
        DType::U32 => of!(u32),
        DType::I32 => of!(i32),
        DType::U64 => of!(u64),
        DType::I64 => of!(i64),
        DType::F32 => of!(f32),
        DType::F64 => of!(f64),
        DType::F16 => {
            tensor.data().as_chunks().0.iter().map(|&i| f16::from_le_bytes(i).to_f64()).collect()
        }
        DType::BF16 => {
            tensor.data().as_chunks().0.iter().map(|&i| bf16::from_le_bytes(i).to_f64()).collect()
        }
        other => return Err(Problem::Later(format!("element type `{other}`"))),
    })
}

/// A corrupt file is an error for every reader, and for a parameter that it would change.
fn check_refused(file: &Path) -> Check {
    let bytes = case_bytes(file)?;
    let limits = Limits::default();
    let readers = [
        ("read", read(&bytes, &limits).is_ok()),
        ("read_header", read_header(&bytes, &limits).is_ok()),
        ("mxnet_params::read", mxnet_params::read(&bytes, &limits).is_ok()),
        ("ParameterDict::load", saved_net::loads(file)?),
    ];
    match readers.iter().find(|(_, accepted)| *accepted) {
        Some((reader, _)) => {
            Err(Problem::Differs(format!("{reader}: expected an error, found none")))
        }
        None => Ok(()),
    }
}
