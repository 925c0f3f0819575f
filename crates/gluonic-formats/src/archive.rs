//! A whole file: its tensors and what is said about them.
//!
//! [`read`] gives an [`Archive`] whose tensors borrow the file's bytes; [`read_header`] gives
//! the same without touching the data, so that a load can be planned first. Both tell the format
//! from the bytes. What only one format has (MXNet's devices and sparse arrays) stands in that
//! format's module.

use std::{borrow::Cow, collections::HashSet, io::Write, ops::Range};

use indexmap::IndexMap;

use crate::{
    Checksum, DType, Error, Format, Limits, RawTensor, TensorSpec, detect, gguf, mxnet_params, npy,
    npz, safetensors,
    spec::{Data, data_of, specs_of},
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
    /// What the file says about some of its bytes, in the order of these. [`read`] and
    /// [`read_each`] check it; whoever reads an entry's range himself must do so too.
    pub checksums: Vec<Checksum<'a>>,
    /// Whether the file names its tensors. If not, they are called `0`, `1`, `2`, and so on.
    pub named: bool,
    /// The format it was read from.
    pub format: Format,
}

impl Header<'_> {
    /// The same, owning all names, so that the file's bytes can go.
    #[must_use]
    pub fn into_owned(self) -> Header<'static> {
        let Header { entries, metadata, ties, checksums, named, format } = self;
        let entries = entries.into_iter().map(|entry| TensorEntry {
            name: Cow::Owned(entry.name.into_owned()),
            dtype: entry.dtype,
            shape: entry.shape,
            range: entry.range,
            storage: entry.storage,
        });
        let entries = entries.collect();
        let checksums = checksums.into_iter().map(Checksum::into_owned).collect();
        Header { entries, metadata, ties, checksums, named, format }
    }
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

/// Reads some tensors of a file, one after the other: those of which `wanted` says so, by their place
/// in [`Archive::tensors`].
///
/// # Memory
/// As [`read`], but for one tensor at a time: what `each` does not keep is gone after it.
///
/// # Errors
/// As [`read`]; what is wrong with the data of other tensors is not found.
///
/// # Panics
/// Never, whatever the bytes.
///
/// # Examples
/// ```
/// use gluonic_formats::{DType, Limits, RawTensor, npz, read_each};
/// let tensor = |name| RawTensor::new(name, DType::U8, vec![1], vec![7]);
/// let bytes = npz::write(&[tensor("a")?, tensor("b")?])?;
/// let mut names = Vec::new();
/// read_each(&bytes, &Limits::default(), &|place| place == 1, &mut |place, tensor| {
///     names.push((place, tensor.name().to_owned()));
/// })?;
/// assert_eq!(names, [(1, "b".to_owned())]);
/// # Ok::<(), gluonic_formats::Error>(())
/// ```
pub fn read_each(
    bytes: &[u8],
    limits: &Limits,
    wanted: &dyn Fn(usize) -> bool,
    each: &mut dyn FnMut(usize, RawTensor<'_>),
) -> Result<(), Error> {
    let archive = match detect(bytes)? {
        Format::MxnetParams => return mxnet_params::read_each(bytes, limits, wanted, each),
        Format::Npz => return npz::read_each(bytes, limits, wanted, each),
        Format::TorchZip | Format::TorchLegacy => {
            return torch::read_each(bytes, limits, wanted, each);
        }
        // These only lend what stands in the file, or have but one tensor.
        Format::Safetensors => safetensors::read(bytes, limits)?,
        Format::Npy => npy::read(bytes, limits)?,
        Format::Gguf => gguf::read(bytes, limits)?,
        Format::ShardIndex => return Err(Error::Index),
    };
    let tensors = archive.tensors.into_iter().enumerate();
    tensors.filter(|(place, _)| wanted(*place)).for_each(|(place, tensor)| each(place, tensor));
    Ok(())
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
    write_from(out, format, &specs_of(tensors), metadata, &mut data_of(tensors))
}

/// As [`write_to`], of tensors whose bytes are asked for when they are written: `data` gets a
/// tensor's place in the list, and a writer for its bytes.
///
/// The order in which it is asked is the format's own; for npz it is asked twice for each tensor (see
/// [`npz::write_from`]).
///
/// # Memory
/// The header, and what `data` needs.
///
/// # Errors
/// Those of [`write_to`]; [`Error::ByteLength`] if `data` gives more or fewer bytes than a tensor
/// has, [`Error::Write`] with what it fails with.
///
/// # Examples
/// ```
/// use gluonic_formats::{DType, Format, Limits, TensorSpec, read, write_from};
/// let ramp = TensorSpec { name: "ramp", dtype: DType::U8, shape: &[4] };
/// let mut bytes = Vec::new();
/// write_from(&mut bytes, Format::Npz, &[ramp], &Default::default(), &mut |_, out| {
///     (0..4_u8).try_for_each(|i| out.write_all(&[i]))
/// })?;
/// assert_eq!(read(&bytes, &Limits::default())?.tensors[0].data(), [0, 1, 2, 3]);
/// # Ok::<(), gluonic_formats::Error>(())
/// ```
pub fn write_from(
    out: &mut dyn Write,
    format: Format,
    tensors: &[TensorSpec<'_>],
    metadata: &IndexMap<String, String>,
    data: &mut Data<'_>,
) -> Result<(), Error> {
    if format == Format::Safetensors {
        return safetensors::write_from(out, tensors, metadata, data);
    }
    let refused = |what, name: &str| Error::NotRepresentable { format, what, name: name.into() };
    if let Some(key) = metadata.keys().next() {
        return Err(refused("the metadata", key));
    }
    match (format, tensors) {
        (Format::MxnetParams, _) => mxnet_params::write_from(out, tensors, data),
        (Format::Npz, _) => npz::write_from(out, tensors, data),
        (Format::Npy, [tensor]) => npy::write_from(out, tensor, data),
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

    fn some() -> Vec<RawTensor<'static>> {
        let tensor = |name: &'static str, dtype, shape: &[usize], data: &[u8]| {
            RawTensor::new(name, dtype, shape.to_vec(), data.to_vec()).unwrap()
        };
        vec![
            tensor("b", DType::U8, &[3], &[1, 2, 3]),
            tensor("a", DType::F32, &[2, 1], &[9; 8]),
            tensor("empty", DType::F16, &[0, 5], &[]),
            tensor("scalar", DType::I64, &[], &[7; 8]),
        ]
    }

    const WRITTEN: [Format; 3] = [Format::Safetensors, Format::MxnetParams, Format::Npz];

    #[test]
    fn bytes_that_are_asked_for_piece_by_piece_make_the_same_file() {
        let tensors = some();
        let specs = specs_of(&tensors);
        for format in WRITTEN {
            let (mut whole, mut pieces) = (Vec::new(), Vec::new());
            write_to(&mut whole, format, &tensors, &IndexMap::new()).unwrap();
            let mut data = |i: usize, out: &mut dyn Write| {
                tensors[i].data().chunks(3).try_for_each(|piece| out.write_all(piece))
            };
            write_from(&mut pieces, format, &specs, &IndexMap::new(), &mut data).unwrap();
            assert_eq!(whole, pieces, "{format}");
        }
    }

    #[test]
    fn too_few_and_too_many_bytes_are_errors_that_name_the_tensor() {
        let tensors = some();
        let specs = specs_of(&tensors);
        for format in WRITTEN {
            for (bytes, found) in [(&[9; 7][..], 7), (&[9; 9][..], 9)] {
                let mut data = |i: usize, out: &mut dyn Write| {
                    out.write_all(if i == 1 { bytes } else { tensors[i].data() })
                };
                let mut out = Vec::new();
                let written = write_from(&mut out, format, &specs, &IndexMap::new(), &mut data);
                let Err(Error::ByteLength { name, expected: 8, found: n, .. }) = written else {
                    panic!("{format}: {written:?}");
                };
                assert_eq!((&*name, n), ("a", found), "{format}");
            }
            let mut fails = |_: usize, _: &mut dyn Write| Err(std::io::Error::other("gone"));
            let written = write_from(&mut Vec::new(), format, &specs, &IndexMap::new(), &mut fails);
            assert!(matches!(written, Err(Error::Write { .. })), "{format}");
        }
    }

    #[test]
    fn npz_notices_that_it_gets_other_bytes_the_second_time() {
        let tensors = some();
        let mut calls = 0;
        let mut data = |i: usize, out: &mut dyn Write| {
            calls += 1;
            if calls == 2 { out.write_all(&[1, 2, 4]) } else { out.write_all(tensors[i].data()) }
        };
        let written = npz::write_from(&mut Vec::new(), &specs_of(&tensors), &mut data);
        let Err(Error::Checksum { member, offset: 64, .. }) = written else {
            panic!("{written:?}")
        };
        assert_eq!(&*member, "b.npy");
    }

    #[test]
    fn some_tensors_are_read_without_the_others() {
        let tensors = some();
        for format in WRITTEN {
            let mut bytes = Vec::new();
            write_to(&mut bytes, format, &tensors, &IndexMap::new()).unwrap();
            let all = read(&bytes, &Limits::default()).unwrap().tensors;
            let mut found = Vec::new();
            read_each(&bytes, &Limits::default(), &|i| i % 2 == 1, &mut |i, tensor| {
                found.push((i, tensor.into_owned()));
            })
            .unwrap();
            assert_eq!(found, [(1, all[1].clone()), (3, all[3].clone())], "{format}");
        }
    }

    #[test]
    fn metadata_is_not_dropped_silently() {
        let metadata = IndexMap::from([("author".to_owned(), "me".to_owned())]);
        let error = write_to(&mut Vec::new(), Format::MxnetParams, &[], &metadata).unwrap_err();
        assert_eq!(error.to_string(), "MXNet params cannot hold the metadata `author`");
    }
}
