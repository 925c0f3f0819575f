//! MXNet's `.params`: a list of arrays, then a table of names, or none.
//!
//! [`read`] gives a [`Params`], which keeps what only this format has: devices, sparse arrays,
//! lists without names. [`Params::write_to`] writes it back, byte for byte if MXNet 1.x wrote
//! it. [`read_dense`], [`read_header`] and [`write()`] speak in plain tensors. All record versions
//! are read: V0 (before 1.0), V1, V2, and V3 (NumPy shapes).
//!
//! DIFFERENCE to MXNet: an array without data ("none") is an error, as it has no shape that a
//! parameter could be checked against; so is a name that occurs twice, where MXNet keeps the last.

mod record;
mod sparse;
mod write;

use std::borrow::Cow;

use self::record::Record;
pub use self::{
    sparse::{Csr, RowSparse},
    write::{write, write_from, write_to},
};
use crate::{
    Archive, DType, Error, Format, Header, Limits, RawTensor, TensorEntry, archive::collect,
    limits::Budget,
};

const FORMAT: Format = Format::MxnetParams;
const NDARRAY_V1: u32 = 0xF993_FAC8;
const NDARRAY_V2: u32 = 0xF993_FAC9;
const NDARRAY_V3: u32 = 0xF993_FACA;

/// The content of a file.
///
/// # Examples
/// ```
/// use gluonic_formats::{DType, Limits, RawTensor, mxnet_params::{self, Params}};
/// let bias = RawTensor::new("bias", DType::F32, vec![2], vec![0; 8])?;
/// let bytes = mxnet_params::write(&[bias])?;
/// let params: Params = mxnet_params::read(&bytes, &Limits::default())?;
/// assert_eq!(params.arrays[0].name(), "bias");
/// let mut again = Vec::new();
/// params.write_to(&mut again)?;
/// assert_eq!(again, bytes);
/// # Ok::<(), gluonic_formats::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Params<'a> {
    /// The arrays, in the file's order.
    pub arrays: Vec<Array<'a>>,
    /// Whether the file names them. If not, they are called `0`, `1`, `2`, and so on.
    pub named: bool,
    /// How many bytes stand after the table of names; MXNet ignores them, and so do we.
    pub trailing_bytes: usize,
}

/// One array and the device it was on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Array<'a> {
    /// Where it was when it was saved.
    pub context: Context,
    /// Its name and elements.
    pub value: Value<'a>,
}

/// The elements of an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// All of them.
    Dense(RawTensor<'a>),
    /// Some rows.
    RowSparse(Box<RowSparse<'a>>),
    /// Some elements of a matrix.
    Csr(Box<Csr<'a>>),
}

/// MXNet's name for a device. Loading ignores it; it is kept so that a file can be rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Context {
    /// 1 for CPU, 2 for GPU, 3 for pinned and 5 for shared CPU memory.
    pub device_type: i32,
    /// Which of these, from 0.
    pub device_id: i32,
}

impl Default for Context {
    /// `cpu(0)`.
    fn default() -> Self {
        Self { device_type: 1, device_id: 0 }
    }
}

impl<'a> Array<'a> {
    /// The array's name.
    pub fn name(&self) -> &str {
        match &self.value {
            Value::Dense(tensor) => tensor.name(),
            Value::RowSparse(sparse) => sparse.values.name(),
            Value::Csr(sparse) => sparse.values.name(),
        }
    }

    fn into_dense(self, budget: &mut Budget) -> Result<RawTensor<'a>, Error> {
        match self.value {
            Value::Dense(tensor) => Ok(tensor),
            Value::RowSparse(sparse) => sparse.densify(budget),
            Value::Csr(sparse) => sparse.densify(budget),
        }
    }
}

/// A dense array on `cpu(0)`.
impl<'a> From<RawTensor<'a>> for Array<'a> {
    fn from(tensor: RawTensor<'a>) -> Self {
        Self { context: Context::default(), value: Value::Dense(tensor) }
    }
}

impl<'a> Params<'a> {
    /// A file of dense arrays on `cpu(0)`.
    pub fn of(tensors: impl IntoIterator<Item = RawTensor<'a>>, named: bool) -> Self {
        let arrays = tensors.into_iter().map(Array::from).collect();
        Self { arrays, named, trailing_bytes: 0 }
    }
}

/// Reads a file with all it holds.
///
/// # Memory
/// Elements and names borrow from `bytes`.
///
/// # Errors
/// * [`Error::Magic`] if the file or an array begins with a wrong mark.
/// * [`Error::Truncated`] if the file ends too early, or a length in it is too large.
/// * [`Error::Limit`] if it claims more than `limits` allow.
/// * [`Error::Negative`], [`Error::NoneArray`], [`Error::UnknownDType`], [`Error::ShapeSize`],
///   [`Error::Sparse`] if a record is malformed; the error has the array's place in the file.
/// * [`Error::NamesMismatch`], [`Error::NotUtf8`], [`Error::Duplicate`] if the table of names is.
///
/// # Panics
/// Never, whatever the bytes.
///
/// # Source
/// The layout as MXNet 1.9.1, `src/ndarray/ndarray.cc`, `NDArray::Load` and `NDArray::LegacyLoad`.
pub fn read<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Params<'a>, Error> {
    read_within(bytes, limits, &mut Budget::new(FORMAT, limits, bytes.len()))
}

/// Reads a file as plain tensors; sparse arrays are made dense.
///
/// # Memory
/// Dense elements borrow from `bytes`; the zeros of sparse arrays count against [`Limits`].
///
/// # Errors
/// Those of [`read`], and [`Error::Sparse`] if indices are not ascending or out of bounds.
///
/// # Panics
/// Never, whatever the bytes.
pub fn read_dense<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Archive<'a>, Error> {
    let mut budget = Budget::new(FORMAT, limits, bytes.len());
    let params = read_within(bytes, limits, &mut budget)?;
    let tensors = params.arrays.into_iter().map(|array| array.into_dense(&mut budget));
    Ok(Archive {
        tensors: collect(tensors)?,
        metadata: indexmap::IndexMap::default(),
        ties: Vec::new(),
        named: params.named,
        format: FORMAT,
    })
}

/// Reads some tensors, one after the other: see [`read_each`](crate::read_each).
pub(crate) fn read_each(
    bytes: &[u8],
    limits: &Limits,
    wanted: &dyn Fn(usize) -> bool,
    each: &mut dyn FnMut(usize, RawTensor<'_>),
) -> Result<(), Error> {
    let mut budget = Budget::new(FORMAT, limits, bytes.len());
    let list = record::read_list(bytes, limits, &mut budget)?;
    let records = list.records.into_iter().zip(list.names).enumerate();
    for (index, (record, name)) in records.filter(|(index, _)| wanted(*index)) {
        each(index, array_of(bytes, record, name)?.into_dense(&mut budget)?);
    }
    Ok(())
}

/// Reads what a file says about its arrays. Of a sparse one, the entry's range is that of the
/// stored values and its shape that of the whole.
///
/// # Errors
/// As [`read`].
///
/// # Panics
/// Never, whatever the bytes.
pub fn read_header<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Header<'a>, Error> {
    let mut budget = Budget::new(FORMAT, limits, bytes.len());
    let list = record::read_list(bytes, limits, &mut budget)?;
    let entries = list.records.into_iter().zip(list.names).map(|(record, name)| TensorEntry {
        name,
        dtype: record.dtype,
        shape: record.shape,
        range: record.range,
        storage: record.storage,
    });
    let metadata = indexmap::IndexMap::default();
    let (entries, ties, checksums) = (entries.collect(), Vec::new(), Vec::new());
    Ok(Header { entries, metadata, ties, checksums, named: list.named, format: FORMAT })
}

fn read_within<'a>(
    bytes: &'a [u8],
    limits: &Limits,
    budget: &mut Budget,
) -> Result<Params<'a>, Error> {
    let list = record::read_list(bytes, limits, budget)?;
    let arrays = list.records.into_iter().zip(list.names);
    Ok(Params {
        arrays: collect(arrays.map(|(record, name)| array_of(bytes, record, name)))?,
        named: list.named,
        trailing_bytes: list.trailing_bytes,
    })
}

fn array_of<'a>(bytes: &'a [u8], record: Record, name: Cow<'a, str>) -> Result<Array<'a>, Error> {
    let Record { dtype, shape, range, context, sparse, .. } = record;
    let data = |range| bytes.get(range).unwrap_or_default();
    let Some(parts) = sparse else {
        let value = Value::Dense(RawTensor::new(name, dtype, shape, data(range))?);
        return Ok(Array { context, value });
    };
    let values = RawTensor::new(name, dtype, parts.stored_shape, data(range))?;
    let aux = parts.aux.into_iter();
    let mut aux = aux.map(|aux| RawTensor::new("", aux.dtype, aux.shape, data(aux.range)));
    let value = match (aux.next().transpose()?, aux.next().transpose()?) {
        (Some(indices), None) => Value::RowSparse(Box::new(RowSparse { shape, values, indices })),
        (Some(indptr), Some(indices)) => {
            Value::Csr(Box::new(Csr { shape, values, indptr, indices }))
        }
        (None, _) => Value::Dense(values), // A sparse record has one or two of them.
    };
    Ok(Array { context, value })
}

/// Drops the `arg:` or `aux:` that MXNet's older files put before every name.
///
/// # Examples
/// ```
/// use gluonic_formats::mxnet_params::strip_arg_aux;
/// assert_eq!(strip_arg_aux("arg:fc_weight"), "fc_weight");
/// assert_eq!(strip_arg_aux("fc_weight"), "fc_weight");
/// ```
pub fn strip_arg_aux(name: &str) -> &str {
    name.strip_prefix("arg:").or_else(|| name.strip_prefix("aux:")).unwrap_or(name)
}

/// MXNet's numbers for the element types.
const TYPE_FLAGS: [(i32, DType); 13] = [
    (0, DType::F32),
    (1, DType::F64),
    (2, DType::F16),
    (3, DType::U8),
    (4, DType::I32),
    (5, DType::I8),
    (6, DType::I64),
    (7, DType::Bool),
    (8, DType::I16),
    (9, DType::U16),
    (10, DType::U32),
    (11, DType::U64),
    (12, DType::BF16),
];

fn dtype_of(flag: i32) -> Option<DType> {
    TYPE_FLAGS.iter().find(|(other, _)| *other == flag).map(|(_, dtype)| *dtype)
}

fn flag_of(dtype: DType) -> Option<i32> {
    TYPE_FLAGS.iter().find(|(_, other)| *other == dtype).map(|(flag, _)| *flag)
}
