//! A whole file: its tensors and what is said about them.
//!
//! [`read`] gives an [`Archive`] whose tensors borrow the file's bytes; [`read_header`] gives
//! the same without touching the data, so that a load can be planned first. Both tell the format
//! from the bytes. What only one format has (MXNet's devices and sparse arrays) stands in that
//! format's module.

use std::{borrow::Cow, collections::HashSet, io::Write, ops::Range};

use indexmap::IndexMap;

use crate::{DType, Error, Format, Limits, RawTensor, detect, gguf, mxnet_params, safetensors};

/// The content of a parameter file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive<'a> {
    /// The tensors, in the order of their bytes in the file.
    pub tensors: Vec<RawTensor<'a>>,
    /// Texts that the file holds beside the tensors, in the file's order.
    pub metadata: IndexMap<String, String>,
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
    /// One entry per tensor, in the order of their bytes in the file.
    pub entries: Vec<TensorEntry<'a>>,
    /// Texts that the file holds beside the tensors, in the file's order.
    pub metadata: IndexMap<String, String>,
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
}

/// Reads a file of any format, which is told from the first bytes.
///
/// # Memory
/// Tensors borrow from `bytes`. Sparse arrays are made dense, within [`Limits`].
///
/// # Errors
/// Those of [`detect()`], [`Error::Unsupported`] for a format that has no reader yet,
/// [`Error::Index`] for the index of a sharded model (see [`sharded`](crate::sharded)), and all
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
        Format::Gguf => gguf::read(bytes, limits),
        Format::ShardIndex => Err(Error::Index),
        format => Err(Error::Unsupported { format }),
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
        Format::Gguf => gguf::read_header(bytes, bytes.len() as u64, limits),
        Format::ShardIndex => Err(Error::Index),
        format => Err(Error::Unsupported { format }),
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
///   MXNet's.
/// * [`Error::Duplicate`] if two tensors have one name.
/// * [`Error::Write`] if `out` refuses bytes.
pub fn write_to(
    out: &mut dyn Write,
    format: Format,
    tensors: &[RawTensor<'_>],
    metadata: &IndexMap<String, String>,
) -> Result<(), Error> {
    match format {
        Format::Safetensors => safetensors::write_to(out, tensors, metadata),
        Format::MxnetParams => match metadata.keys().next() {
            Some(key) => {
                let name = key.as_str().into();
                Err(Error::NotRepresentable { format, what: "the metadata", name })
            }
            None => mxnet_params::write_to(out, tensors),
        },
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
    fn known_formats_without_a_reader_say_so() {
        let error = read(b"{\"weight_map\":{}}", &Limits::default()).unwrap_err();
        assert!(matches!(error, Error::Index));
        assert!(read_header(b"\x93NUMPY\x01\0", &Limits::default()).is_err());
        let error = write_to(&mut Vec::new(), Format::Gguf, &[], &IndexMap::new()).unwrap_err();
        assert_eq!(error.to_string(), "GGUF files are not supported");
    }

    #[test]
    fn metadata_is_not_dropped_silently() {
        let metadata = IndexMap::from([("author".to_owned(), "me".to_owned())]);
        let error = write_to(&mut Vec::new(), Format::MxnetParams, &[], &metadata).unwrap_err();
        assert_eq!(error.to_string(), "MXNet params cannot hold the metadata `author`");
    }
}
