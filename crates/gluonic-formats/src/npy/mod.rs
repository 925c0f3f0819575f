//! NumPy's `.npy`: one array without a name.
//!
//! [`read`] takes versions 1.0 to 3.0 of any byte order and either order of dims; [`write()`] makes
//! what NumPy's `save` makes, byte for byte. The header is a Python expression, of which a strict
//! parser reads the one form that NumPy writes.
//!
//! | NumPy | here |
//! | --- | --- |
//! | `b1`, `u1` to `u8`, `i1` to `i8`, `f2`, `f4`, `f8`, `c8`, `c16` | the same, read and written |
//! | `V2`, as the package `ml_dtypes` writes its bfloat16 | [`DType::BF16`] |
//! | objects, texts, dates, records, other raw bytes | refused by name |
//!
//! Of the 8-bit floats of `ml_dtypes` the file says only that they take a byte, so they are neither
//! read nor written. NumPy gives `V2` back as raw bytes: use `.view(ml_dtypes.bfloat16)`.
//!
//! # Source
//! NumPy 2.4, `numpy/lib/_format_impl.py`.

mod header;

use std::{borrow::Cow, io::Write};

use indexmap::IndexMap;

use self::header::ArrayHeader;
pub(crate) use self::header::{PREFIX, head_len};
use crate::{
    Archive, DType, Error, Format, Header, Limits, RawTensor, Storage, TensorEntry, TensorSpec,
    limits::{Budget, byte_len},
    raw::check_len,
    spec::{Data, data_of, put_data},
    strided::{View, fortran_strides, swap_bytes},
};

const MAGIC: &[u8] = b"\x93NUMPY";
/// The name of an array without one, as in all formats.
const NAME: &str = "0";

/// Reads a file: an archive of one tensor, called `0`.
///
/// # Memory
/// The elements borrow from `bytes` if they are little-endian and row-major; else they are
/// converted, within [`Limits`].
///
/// # Errors
/// * [`Error::Magic`] if the file does not begin as an array, or is of an unknown version.
/// * [`Error::Limit`], [`Error::Truncated`] if the header is longer than `limits` or the file allow.
/// * [`Error::Header`], [`Error::Duplicate`], [`Error::MissingField`] if the header is not as NumPy
///   writes it.
/// * [`Error::NotNumbers`], [`Error::UnknownDType`] for element types that are not read.
/// * [`Error::ShapeSize`], [`Error::ByteLength`] if the data are not as long as the shape demands.
///
/// # Panics
/// Never, whatever the bytes.
///
/// # Examples
/// ```
/// use gluonic_formats::{DType, Limits, RawTensor, npy};
/// let weight = RawTensor::new("0", DType::F32, vec![2, 1], vec![0; 8])?;
/// let bytes = npy::write(&weight)?;
/// assert_eq!(npy::read(&bytes, &Limits::default())?.tensors, [weight]);
/// # Ok::<(), gluonic_formats::Error>(())
/// ```
pub fn read<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Archive<'a>, Error> {
    let mut budget = Budget::new(Format::Npy, limits, bytes.len());
    let tensor = array(Format::Npy, NAME.into(), bytes.into(), limits, &mut budget)?;
    Ok(Archive {
        tensors: vec![tensor],
        metadata: IndexMap::new(),
        ties: Vec::new(),
        named: false,
        format: Format::Npy,
    })
}

/// Reads what a file says about its array.
///
/// # Errors
/// As [`read`].
///
/// # Panics
/// Never, whatever the bytes.
pub fn read_header<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Header<'a>, Error> {
    let mut budget = Budget::new(Format::Npy, limits, bytes.len());
    let (head, len) = (bytes, bytes.len());
    let entry = entry(Format::Npy, NAME.into(), head, 0, len, limits, &mut budget)?;
    Ok(Header {
        entries: vec![entry],
        metadata: IndexMap::new(),
        ties: Vec::new(),
        checksums: Vec::new(),
        named: false,
        format: Format::Npy,
    })
}

/// Writes a tensor into a new vector; see [`write_to`].
///
/// # Errors
/// As [`write_to`].
pub fn write(tensor: &RawTensor<'_>) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    write_to(&mut bytes, tensor)?;
    Ok(bytes)
}

/// Writes a tensor; the file has no place for its name.
///
/// # Memory
/// The header; the elements are not copied.
///
/// # Errors
/// * [`Error::NotRepresentable`] for an element type that NumPy lacks.
/// * [`Error::Write`] if `out` refuses bytes.
pub fn write_to(out: &mut dyn Write, tensor: &RawTensor<'_>) -> Result<(), Error> {
    let tensor = std::slice::from_ref(tensor);
    tensor.iter().try_for_each(|one| write_from(out, &one.into(), &mut data_of(tensor)))
}

/// As [`write_to`], of a tensor whose bytes are asked for: `data` is called with 0.
///
/// # Errors
/// Those of [`write_to`]; [`Error::ByteLength`] if `data` gives more or fewer bytes than the tensor
/// has, [`Error::Write`] with what it fails with.
pub fn write_from(
    out: &mut dyn Write,
    tensor: &TensorSpec<'_>,
    data: &mut Data<'_>,
) -> Result<(), Error> {
    let format = Format::Npy;
    let header = header_of(format, tensor)?;
    out.write_all(&header).map_err(|source| Error::Write { format, source })?;
    put_data(out, format, 0, tensor, data)
}

/// What stands before the tensor's elements.
pub(crate) fn header_of(format: Format, tensor: &TensorSpec<'_>) -> Result<Vec<u8>, Error> {
    header::write(tensor.dtype, tensor.shape).ok_or_else(|| {
        let (what, name) = ("the element type", tensor.dtype.name().into());
        Error::NotRepresentable { format, what, name }
    })
}

/// The array that is all of `bytes`, made little-endian and row-major.
pub(crate) fn array<'a>(
    format: Format,
    name: Cow<'a, str>,
    bytes: Cow<'a, [u8]>,
    limits: &Limits,
    budget: &mut Budget,
) -> Result<RawTensor<'a>, Error> {
    let header = header::parse(format, &name, &bytes, limits, budget)?;
    let len = data_len(&name, &header, bytes.len())?;
    let mut data = match bytes {
        Cow::Borrowed(bytes) => Cow::Borrowed(bytes.get(header.len..).unwrap_or_default()),
        Cow::Owned(mut bytes) => {
            bytes.drain(..header.len.min(bytes.len()));
            Cow::Owned(bytes)
        }
    };
    let size = header.dtype.size_in_bytes().unwrap_or(1);
    if let Some(strides) = reordered(&header) {
        budget.spend(len)?;
        let view = View { offset: 0, shape: &header.shape, strides: &strides };
        let row_major = view.gather(&data, size, len);
        if let Cow::Owned(_) = data {
            budget.give_back(len);
        }
        data = Cow::Owned(row_major);
    }
    if swapped(&header) {
        if let Cow::Borrowed(_) = data {
            budget.spend(len)?;
        }
        swap_bytes(data.to_mut(), number_size(header.dtype, size));
    }
    RawTensor::new(name, header.dtype, header.shape, data)
}

/// What the array says of which `head` is the beginning and `len` the length; it stands in the
/// file from `start`.
pub(crate) fn entry<'a>(
    format: Format,
    name: Cow<'a, str>,
    head: &[u8],
    start: usize,
    len: usize,
    limits: &Limits,
    budget: &mut Budget,
) -> Result<TensorEntry<'a>, Error> {
    let header = header::parse(format, &name, head, limits, budget)?;
    data_len(&name, &header, len)?;
    let as_it_is = reordered(&header).is_none() && !swapped(&header);
    let storage = if as_it_is { Storage::Dense } else { Storage::Encoded };
    let range = start + header.len..start + len;
    Ok(TensorEntry { name, dtype: header.dtype, shape: header.shape, range, storage })
}

/// Checks that as many bytes follow the header as the shape demands.
fn data_len(name: &str, header: &ArrayHeader, len: usize) -> Result<usize, Error> {
    let found = len.saturating_sub(header.len);
    check_len(name, header.dtype, &header.shape, found)?;
    Ok(byte_len(header.dtype, &header.shape).unwrap_or(found))
}

/// The strides of the elements, unless they are row-major already.
fn reordered(header: &ArrayHeader) -> Option<Vec<usize>> {
    let strides = fortran_strides(&header.shape).filter(|_| header.fortran_order)?;
    let view = View { offset: 0, shape: &header.shape, strides: &strides };
    (!view.is_contiguous()).then_some(strides)
}

fn swapped(header: &ArrayHeader) -> bool {
    header.big_endian && header.dtype.size_in_bytes() != Some(1)
}

/// How many bytes are to be swapped among each other: a complex number is two of them.
pub(crate) fn number_size(dtype: DType, size: usize) -> usize {
    if matches!(dtype, DType::C64 | DType::C128) { size / 2 } else { size }
}
