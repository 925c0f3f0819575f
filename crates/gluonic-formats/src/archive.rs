//! A whole file: its tensors and what is said about them.
//!
//! [`read`] gives an [`Archive`] whose tensors borrow the file's bytes; [`read_header`] gives
//! the same without touching the data, so that a load can be planned first. Both tell the format
//! from the bytes. What only one format has (MXNet's devices and sparse arrays) stands in that
//! format's module.

use std::{borrow::Cow, collections::HashSet, io::Write, ops::Range};

use indexmap::IndexMap;

use crate::{
    DType, Error, Format, Limits, RawTensor, detect, gguf, mxnet_params, npy, npz, safetensors,
    torch,
};

/// The content of a parameter file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive<'a> {
    /// The tensors, in the file's order: that of its list if it has one, else of their bytes.
    pub tensors: Vec<RawTensor<'a>>,
    /// Texts that the file holds beside the tensors, in the file's order.
    pub metadata: IndexMap<String, String>,
    /// Tensors that are one tensor under several names, as places in `tensors`, ascending. Empty
    /// for formats that cannot say so; of those read here, PyTorch's can.
    pub ties: Vec<Vec<usize>>,
    /// Whether the file names its tensors. If not, they are called `0`, `1`, `2`, and so on.
    pub named: bool,
    /// The format it was read from.
    pub format: Format,
}

impl<'a> Archive<'a> {
    /// The tensor of that name.
    ///
    /// # Examples
    /// ```
    /// # use gluonic_formats::{Limits, read};
    /// let archive = read(b"\x02\0\0\0\0\0\0\0{}", &Limits::default())?;
    /// assert!(archive.get("fc.weight").is_none());
    /// # Ok::<(), gluonic_formats::Error>(())
    /// ```
    pub fn get(&self, name: &str) -> Option<&RawTensor<'a>> {
        self.tensors.iter().find(|tensor| tensor.name() == name)
    }
}

/// What a file says about its tensors, without their data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// One entry per tensor, in the order of [`Archive::tensors`].
    pub entries: Vec<TensorEntry<'a>>,
    /// Texts that the file holds beside the tensors, in the file's order.
    pub metadata: IndexMap<String, String>,
    /// As [`Archive::ties`], as places in `entries`.
    pub ties: Vec<Vec<usize>>,
    /// Whether the file names its tensors. If not, they are called `0`, `1`, `2`, and so on.
    pub named: bool,
    /// The format it was read from.
    pub format: Format,
}

/// What a file says about one tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorEntry<'a> {
    /// The tensor's name.
    pub name: Cow<'a, str>,
    /// The type of its elements.
    pub dtype: DType,
    /// Its dims, outermost first. Of a sparse tensor: those of the dense one it stands for.
    pub shape: Vec<usize>,
    /// Where its elements stand, in bytes from the start of the file.
    pub range: Range<usize>,
    /// Which elements stand there.
    pub storage: Storage,
}

/// Which elements of a tensor a file stores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Storage {
    /// All of them, in row-major order.
    #[default]
    Dense,
    /// Some rows; the others are zero.
    RowSparse,
    /// Some elements of a matrix, row by row; the others are zero.
    Csr,
    /// All of them, but compressed, big-endian, or in another order; only reading gives them.
    Encoded,
}

/// Reads a file of any format, which is told from the first bytes.
///
/// # Memory
/// Tensors borrow from `bytes` where the file has them little-endian, row-major and not compressed;
/// others, and sparse arrays, are made so within [`Limits`].
///
/// # Errors
/// Those of [`detect()`], [`Error::Index`] for the index of a sharded model (see [`sharded`](crate::sharded)), and all
/// that the format's own reader finds.
///
/// # Panics
/// Never, whatever the bytes.
///
/// # Examples
/// ```
/// use gluonic_formats::{DType, Limits, RawTensor, read, safetensors};
/// let bias = RawTensor::new("fc.bias", DType::F32, vec![2], vec![0; 8])?;
/// let bytes = safetensors::write(&[bias.clone()], &Default::default())?;
/// assert_eq!(read(&bytes, &Limits::default())?.tensors, [bias]);
/// # Ok::<(), gluonic_formats::Error>(())
/// ```
pub fn read<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Archive<'a>, Error> {
    match detect(bytes)? {
        Format::Safetensors => safetensors::read(bytes, limits),
        Format::MxnetParams => mxnet_params::read_dense(bytes, limits),
        Format::Npy => npy::read(bytes, limits),
        Format::Npz => npz::read(bytes, limits),
        Format::TorchZip | Format::TorchLegacy => torch::read(bytes, limits),
        Format::Gguf => gguf::read(bytes, limits),
        Format::ShardIndex => Err(Error::Index),
    }
}

/// Reads what a file says about its tensors; the format is told from the first bytes.
///
/// All that [`read`] checks is checked, but of the data only that it is there.
///
/// # Errors
/// As [`read`].
///
/// # Panics
/// Never, whatever the bytes.
pub fn read_header<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Header<'a>, Error> {
    match detect(bytes)? {
        Format::Safetensors => safetensors::read_header(bytes, bytes.len() as u64, limits),
        Format::MxnetParams => mxnet_params::read_header(bytes, limits),
        Format::Npy => npy::read_header(bytes, limits),
        Format::Npz => npz::read_header(bytes, limits),
        Format::TorchZip | Format::TorchLegacy => torch::read_header(bytes, limits),
        Format::Gguf => gguf::read_header(bytes, bytes.len() as u64, limits),
        Format::ShardIndex => Err(Error::Index),
    }
}

/// Writes tensors in a given format, header first, then each tensor's bytes.
///
/// # Memory
/// The header; no tensor is copied.
///
/// # Errors
/// * [`Error::Unsupported`] for a format that has no writer.
/// * [`Error::NotRepresentable`] if the format has no place for something, such as metadata in
///   MXNet's and NumPy's, or all but one tensor in `.npy`.
/// * [`Error::Duplicate`] if two tensors have one name.
/// * [`Error::Write`] if `out` refuses bytes.
pub fn write_to(
    out: &mut dyn Write,
    format: Format,
    tensors: &[RawTensor<'_>],
    metadata: &IndexMap<String, String>,
) -> Result<(), Error> {
    if format == Format::Safetensors {
        return safetensors::write_to(out, tensors, metadata);
    }
    let refused = |what, name: &str| Error::NotRepresentable { format, what, name: name.into() };
    if let Some(key) = metadata.keys().next() {
        return Err(refused("the metadata", key));
    }
    match (format, tensors) {
        (Format::MxnetParams, _) => mxnet_params::write_to(out, tensors),
        (Format::Npz, _) => npz::write_to(out, tensors),
        (Format::Npy, [tensor]) => npy::write_to(out, tensor),
        (Format::Npy, _) => {
            Err(refused("a number of tensors other than one, here", &tensors.len().to_string()))
        }
        _ => Err(Error::Unsupported { format }),
    }
}

/// Collects into a vector of the right size, which collecting `Result`s would not.
pub(crate) fn collect<T>(items: impl Iterator<Item = Result<T, Error>>) -> Result<Vec<T>, Error> {
    let mut all = Vec::with_capacity(items.size_hint().0);
    for item in items {
        all.push(item?);
    }
    Ok(all)
}

/// Refuses the first name that occurs twice.
pub(crate) fn refuse_duplicates<'n>(names: impl Iterator<Item = &'n str>) -> Result<(), Error> {
    let mut seen = HashSet::with_capacity(names.size_hint().0);
    for name in names {
        if !seen.insert(name) {
            return Err(Error::Duplicate { key: name.into(), place: "the tensor names" });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_not_a_file_of_tensors_and_gguf_is_not_written() {
        for bytes in [b"{\"weight_map\":{}}".as_slice(), b"{\n  \"weight_map\": {"] {
            assert!(matches!(read(bytes, &Limits::default()), Err(Error::Index)));
            assert!(matches!(read_header(bytes, &Limits::default()), Err(Error::Index)));
        }
        let error = write_to(&mut Vec::new(), Format::Gguf, &[], &IndexMap::new()).unwrap_err();
        assert_eq!(error.to_string(), "GGUF files cannot be written");
    }

    #[test]
    fn metadata_is_not_dropped_silently() {
        let metadata = IndexMap::from([("author".to_owned(), "me".to_owned())]);
        let error = write_to(&mut Vec::new(), Format::MxnetParams, &[], &metadata).unwrap_err();
        assert_eq!(error.to_string(), "MXNet params cannot hold the metadata `author`");
    }
}
