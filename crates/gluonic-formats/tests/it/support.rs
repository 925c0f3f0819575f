//! Fixtures, element decoding, and a builder of hand-made `.params` files.

use std::path::PathBuf;

use gluonic_formats::{DType, RawTensor};
use serde_json::Value;

pub(crate) fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/params"))
}

#[allow(clippy::disallowed_methods)] // Tests may read files.
pub(crate) fn bytes_of(file: &str) -> Vec<u8> {
    let path = folder().join(file);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A file that NumPy or PyTorch wrote.
#[allow(clippy::disallowed_methods)] // Tests may read files.
pub(crate) fn fixture(file: &str) -> Vec<u8> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures")).join(file);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names of all files that NumPy or PyTorch wrote, sorted.
pub(crate) fn fixtures() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
    let names = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| [".npy", ".npz", ".pt"].iter().any(|ending| name.ends_with(ending)))
        .collect();
    names.sort();
    assert!(names.len() >= 30, "only {} fixtures", names.len());
    names
}

/// The stems of all fixtures, sorted.
pub(crate) fn stems() -> Vec<String> {
    let mut stems: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .filter_map(|entry| {
            entry.unwrap().file_name().to_str()?.strip_suffix(".params").map(str::to_owned)
        })
        .collect();
    stems.sort();
    assert!(stems.len() >= 23, "only {} fixtures", stems.len());
    stems
}

/// What a fixture's `.json` says; Python writes numbers there that JSON does not have.
pub(crate) fn description(stem: &str) -> Value {
    let text = String::from_utf8(bytes_of(&format!("{stem}.json"))).unwrap();
    let text = text.replace("-Infinity", r#""-inf""#).replace("Infinity", r#""inf""#);
    serde_json::from_str(&text.replace("NaN", r#""nan""#)).unwrap()
}

pub(crate) fn number(value: &Value) -> f64 {
    match value {
        Value::String(text) => text.parse().unwrap(),
        other => other.as_f64().unwrap(),
    }
}

/// The elements as `f64`.
pub(crate) fn elements(tensor: &RawTensor<'_>) -> Vec<f64> {
    let size = tensor.dtype().size_in_bytes().unwrap();
    tensor.data().chunks_exact(size).map(|bytes| element(tensor.dtype(), bytes)).collect()
}

fn element(dtype: DType, bytes: &[u8]) -> f64 {
    macro_rules! as_f64 {
        ($type:ty) => {
            <$type>::from_le_bytes(bytes.try_into().unwrap()) as f64
        };
    }
    match dtype {
        DType::Bool | DType::U8 => as_f64!(u8),
        DType::I8 => as_f64!(i8),
        DType::U16 => as_f64!(u16),
        DType::I16 => as_f64!(i16),
        DType::U32 => as_f64!(u32),
        DType::I32 => as_f64!(i32),
        DType::U64 => as_f64!(u64),
        DType::I64 => as_f64!(i64),
        DType::F32 => as_f64!(f32),
        DType::F64 => as_f64!(f64),
        DType::BF16 => f32::from_le_bytes([0, 0, bytes[0], bytes[1]]).into(),
        DType::F16 => half(u16::from_le_bytes(bytes.try_into().unwrap())),
        other => panic!("{other}"),
    }
}

fn half(bits: u16) -> f64 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, mantissa) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    match exponent {
        0 => sign * mantissa * 2_f64.powi(-24),
        31 => panic!("no fixture has infinite halves"),
        _ => sign * (1.0 + mantissa / 1024.0) * 2_f64.powi(exponent - 15),
    }
}

/// A `.params` file under construction: numbers in the order of the format.
#[derive(Clone, Default)]
pub(crate) struct Params(pub(crate) Vec<u8>);

impl Params {
    pub(crate) fn with_arrays(count: u64) -> Self {
        Self::default().u64(0x112).u64(0).u64(count)
    }

    pub(crate) fn u32(mut self, number: u32) -> Self {
        self.0.extend(number.to_le_bytes());
        self
    }

    pub(crate) fn i32(self, number: i32) -> Self {
        self.u32(number as u32)
    }

    pub(crate) fn u64(mut self, number: u64) -> Self {
        self.0.extend(number.to_le_bytes());
        self
    }

    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    pub(crate) fn shape(self, dims: &[i64]) -> Self {
        let start = self.i32(dims.len() as i32);
        dims.iter().fold(start, |params, &dim| params.u64(dim as u64))
    }

    /// Context `cpu(0)`, then an element type.
    pub(crate) fn on_cpu(self, type_flag: i32) -> Self {
        self.i32(1).i32(0).i32(type_flag)
    }

    pub(crate) fn name(self, name: &[u8]) -> Self {
        self.u64(name.len() as u64).bytes(name)
    }
}

pub(crate) const V1: u32 = 0xF993_FAC8;
pub(crate) const V2: u32 = 0xF993_FAC9;
pub(crate) const V3: u32 = 0xF993_FACA;
