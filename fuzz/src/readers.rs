//! What every reader of files promises, whatever the bytes.

use gluonic_formats::{
    Archive, DType, Error, Format, Header, Limits, RawTensor, Storage, byte_len, detect, gguf,
    mxnet_params, read, write_to,
};
use indexmap::IndexMap;

use crate::memory::peak_of;

type Read = for<'a> fn(&'a [u8], &Limits) -> Result<Archive<'a>, Error>;
type ReadHeader = for<'a> fn(&'a [u8], &Limits) -> Result<Header<'a>, Error>;

/// The two ways to read a format.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader {
    pub(crate) read: Read,
    pub(crate) read_header: ReadHeader,
}

impl Reader {
    pub(crate) fn check(self, bytes: &[u8]) {
        let _ = detect(bytes);
        let limits = limits_for(bytes);
        let allowed = limits.memory_floor + limits.memory_ratio * bytes.len();
        let (header, peak) = peak_of(|| (self.read_header)(bytes, &limits));
        assert!(peak <= allowed, "read_header: {peak} bytes allocated, {allowed} are allowed");
        let (archive, peak) = peak_of(|| (self.read)(bytes, &limits));
        assert!(peak <= allowed, "read: {peak} bytes allocated, {allowed} are allowed");
        if let Err(error) = &header {
            show(error);
        }
        match &archive {
            Err(error) => show(error),
            Ok(archive) => {
                let header = header.expect("the header of a file that can be read");
                check_header(bytes, &header, archive);
                check_written(archive);
                archive.tensors.iter().for_each(check_floats);
            }
        }
        if let Ok(params) = mxnet_params::read(bytes, &limits) {
            let mut out = Vec::new();
            params.write_to(&mut out).expect("what was read can be written");
            let mut again =
                mxnet_params::read(&out, &Limits::default()).expect("what was written can be read");
            again.trailing_bytes = params.trailing_bytes;
            assert_eq!(again, params, "written and read again");
        }
    }
}

/// The default limits for some, and for most a low floor: files of a few KiB seldom reach 16 MiB,
/// and what a floor promises must hold for any.
pub(crate) fn limits_for(bytes: &[u8]) -> Limits {
    let sum = bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    let memory_floor = if sum < 8 { 16 << 20 } else { 256 << 10 };
    Limits { memory_floor, ..Limits::default() }
}

/// An error must print, and not repeat the whole file.
pub(crate) fn show(error: &Error) {
    let len = error.to_string().len();
    assert!(0 < len && len < 2000, "an error of {len} bytes");
    let _ = (error.hint(), error.offset());
}

fn check_header(bytes: &[u8], header: &Header<'_>, archive: &Archive<'_>) {
    assert_eq!(header.entries.len(), archive.tensors.len(), "tensors of header and file");
    assert_eq!(header.metadata, archive.metadata, "metadata of header and file");
    assert_eq!(header.ties, archive.ties, "ties of header and file");
    assert_eq!((header.named, header.format), (archive.named, archive.format));
    for (entry, tensor) in header.entries.iter().zip(&archive.tensors) {
        assert_eq!(
            (&*entry.name, entry.dtype, &*entry.shape),
            (tensor.name(), tensor.dtype(), tensor.shape()),
            "header and tensor"
        );
        let stored = bytes.get(entry.range.clone()).expect("the range of an entry is in the file");
        if entry.storage == Storage::Dense {
            assert!(stored == tensor.data(), "the bytes of `{}`", tensor.name());
        }
    }
}

/// A quantized tensor is floats of its shape, or of a type that is not known.
fn check_floats(tensor: &RawTensor<'_>) {
    if !matches!(tensor.dtype(), DType::Quantized(_)) {
        return;
    }
    match gguf::dequantize(tensor) {
        Ok(floats) => {
            assert_eq!(floats.shape(), tensor.shape(), "floats of `{}`", tensor.name());
            assert_eq!(Some(floats.data().len()), byte_len(DType::F32, tensor.shape()));
        }
        Err(error) => show(&error),
    }
}

/// Beyond this, writing says nothing that smaller files do not.
const MAX_WRITTEN: usize = 1 << 20;

/// Writes the tensors in their own format, and as safetensors, and reads them back.
fn check_written(archive: &Archive<'_>) {
    let data: usize = archive.tensors.iter().map(|tensor| tensor.data().len()).sum();
    if data > MAX_WRITTEN {
        return;
    }
    for format in [archive.format, Format::Safetensors] {
        let own = format == archive.format;
        let none = IndexMap::new();
        let metadata = if format == Format::Safetensors { &archive.metadata } else { &none };
        let mut bytes = Vec::new();
        match write_to(&mut bytes, format, &archive.tensors, metadata) {
            Ok(()) => {}
            Err(Error::Unsupported { .. }) => continue,
            Err(Error::NotRepresentable { .. }) if !own => continue,
            Err(error) => panic!("a file of {format} that was read cannot be written: {error}"),
        }
        let again = read(&bytes, &Limits::default())
            .unwrap_or_else(|error| panic!("written as {format}, it cannot be read: {error}"));
        assert_eq!(&again.metadata, metadata, "metadata written as {format}");
        // A safetensors file is sorted by element type.
        assert!(
            sorted(&again.tensors) == sorted(&archive.tensors),
            "written as {format}, tensors have changed"
        );
    }
}

fn sorted<'t, 'a>(tensors: &'t [RawTensor<'a>]) -> Vec<&'t RawTensor<'a>> {
    let mut sorted: Vec<_> = tensors.iter().collect();
    sorted.sort_by(|one, two| one.name().cmp(two.name()));
    sorted
}
