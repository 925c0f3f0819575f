//! Tells a file's format from its first bytes.
//!
//! [`detect()`] never looks at a file's name. It also names what is often found in place of a
//! parameter file ([`FileKind`]): the stub that Git LFS leaves, the page of a failed download.
//! It does not check that the rest of the file is sound.

use std::fmt;

use crate::{Error, zip::member_names};

/// A format of parameter files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// safetensors: a JSON header, then the bytes.
    Safetensors,
    /// MXNet's list of arrays, usually named `.params` or `.nd`.
    MxnetParams,
    /// One NumPy array.
    Npy,
    /// A zip of NumPy arrays.
    Npz,
    /// PyTorch since 1.6: a zip with a pickle.
    TorchZip,
    /// PyTorch before 1.6: a chain of pickles.
    TorchLegacy,
    /// llama.cpp's format.
    Gguf,
    /// The index of a model whose tensors stand in several files.
    ShardIndex,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Safetensors => "safetensors",
            Self::MxnetParams => "MXNet params",
            Self::Npy => "npy",
            Self::Npz => "npz",
            Self::TorchZip => "PyTorch",
            Self::TorchLegacy => "PyTorch (before 1.6)",
            Self::Gguf => "GGUF",
            Self::ShardIndex => "shard index",
        })
    }
}

/// What a file is that holds no parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileKind {
    /// The text that Git LFS leaves where it did not fetch the file.
    GitLfsPointer,
    /// A web page.
    Html,
    /// An XML document, such as the error message of an object store.
    Xml,
    /// A JSON document, such as a configuration.
    Json,
    /// A gzip file or a `.tar.gz`.
    Gzip,
    /// A file compressed by zstd.
    Zstd,
    /// A file compressed by xz.
    Xz,
    /// A tar archive.
    Tar,
    /// A zip file without arrays that we know.
    Zip,
    /// A pickle that is not PyTorch's.
    Pickle,
    /// An HDF5 file, such as Keras writes.
    Hdf5,
    /// Nothing but zero bytes.
    Zeros,
}

impl FileKind {
    pub(crate) fn hint(self) -> &'static str {
        match self {
            Self::GitLfsPointer => "run `git lfs pull` to fetch the file itself",
            Self::Html | Self::Xml => {
                "the download got a message instead of the file; check the address and your access"
            }
            Self::Json => "name the file that holds the tensors, not its configuration",
            Self::Gzip | Self::Zstd | Self::Xz | Self::Tar | Self::Zip => "unpack it first",
            Self::Pickle => "pickles can run code and are not read; save it as safetensors",
            Self::Hdf5 => "convert it to safetensors with the library that wrote it",
            Self::Zeros => "the save or the copy was interrupted; fetch or write it again",
        }
    }
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::GitLfsPointer => "a Git LFS pointer",
            Self::Html => "an HTML page",
            Self::Xml => "an XML document",
            Self::Json => "a JSON document",
            Self::Gzip => "a gzip file",
            Self::Zstd => "a zstd file",
            Self::Xz => "an xz file",
            Self::Tar => "a tar archive",
            Self::Zip => "a zip file without arrays",
            Self::Pickle => "a Python pickle",
            Self::Hdf5 => "an HDF5 file",
            Self::Zeros => "nothing but zero bytes",
        })
    }
}

/// Tells the format from the bytes, of which the first few thousand are enough for everything
/// but zip files, whose list of members stands at the end, and indexes with long metadata.
///
/// # Errors
/// * [`Error::Empty`] for no bytes.
/// * [`Error::WrongKind`] for files of another kind, which it names.
/// * [`Error::UnknownFormat`] for all else.
///
/// # Examples
/// ```
/// use gluonic_formats::{Format, detect};
/// assert_eq!(detect(b"\x93NUMPY\x01\x00")?, Format::Npy);
/// # Ok::<(), gluonic_formats::Error>(())
/// ```
pub fn detect(bytes: &[u8]) -> Result<Format, Error> {
    if bytes.is_empty() {
        return Err(Error::Empty);
    }
    if let Some(format) = binary_format(bytes).or_else(|| zip_format(bytes)) {
        return Ok(format);
    }
    match file_kind(bytes) {
        Some(FileKind::Json) if is_shard_index(bytes) => Ok(Format::ShardIndex),
        Some(kind) => Err(Error::WrongKind { kind }),
        None => Err(Error::UnknownFormat { head: bytes.get(..8).unwrap_or(bytes).into() }),
    }
}

/// The eight bytes that every list of MXNet arrays begins with.
pub(crate) const MXNET_LIST_MAGIC: u64 = 0x112;

/// PyTorch's legacy files begin with a pickle of this integer: its opcode, its length of ten bytes.
const TORCH_LEGACY: &[u8] = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";

/// Whether the bytes begin as PyTorch's legacy files: the mark of the protocol, since protocol 4
/// perhaps that of a frame, then the integer.
pub(crate) fn is_torch_legacy(bytes: &[u8]) -> bool {
    const FRAME: usize = 9;
    match bytes {
        [0x80, 2..=5, 0x95, rest @ ..] => {
            rest.get(FRAME - 1..).is_some_and(|rest| rest.starts_with(TORCH_LEGACY))
        }
        [0x80, 2..=5, rest @ ..] => rest.starts_with(TORCH_LEGACY),
        _ => false,
    }
}

fn binary_format(bytes: &[u8]) -> Option<Format> {
    if bytes.starts_with(b"\x93NUMPY") {
        return Some(Format::Npy);
    }
    if bytes.starts_with(b"GGUF") {
        return Some(Format::Gguf);
    }
    if is_torch_legacy(bytes) {
        return Some(Format::TorchLegacy);
    }
    let (head, rest) = bytes.split_first_chunk::<8>()?;
    // Safetensors first: a header of 0x112 bytes would look like MXNet's mark, but MXNet's next
    // eight bytes are zero where a header has its brace.
    let after_space = rest.iter().take(64).find(|byte| !byte.is_ascii_whitespace());
    let header_len = u64::from_le_bytes(*head);
    // Eight bytes of text make a number beyond any length.
    if after_space == Some(&b'{') && (2..1 << 56).contains(&header_len) {
        return Some(Format::Safetensors);
    }
    (header_len == MXNET_LIST_MAGIC).then_some(Format::MxnetParams)
}

fn zip_format(bytes: &[u8]) -> Option<Format> {
    const EMPTY_ZIP: &[u8] = b"PK\x05\x06";
    const LOCAL_HEADER: &[u8] = b"PK\x03\x04";
    const NAME_LEN: usize = 26;
    const NAME: usize = 30;
    if bytes.len() == 22 && bytes.starts_with(EMPTY_ZIP) {
        return Some(Format::Npz);
    }
    if !bytes.starts_with(LOCAL_HEADER) {
        return None;
    }
    let len = bytes.get(NAME_LEN..)?.first_chunk::<2>().map(|len| u16::from_le_bytes(*len))?;
    let first = bytes.get(NAME..NAME + usize::from(len)).unwrap_or_default();
    // The first member's name tells it even where the list at the end is missing.
    let has = |suffix: &[u8]| {
        first.ends_with(suffix) || member_names(bytes).any(|name| name.ends_with(suffix))
    };
    if has(b"/data.pkl") {
        return Some(Format::TorchZip);
    }
    has(b".npy").then_some(Format::Npz)
}

fn file_kind(bytes: &[u8]) -> Option<FileKind> {
    const TAR_MARK: usize = 257;
    let starts: [(&[u8], FileKind); 8] = [
        (b"version https://git-lfs.github.com/spec/", FileKind::GitLfsPointer),
        (b"\x1f\x8b", FileKind::Gzip),
        (b"\x28\xb5\x2f\xfd", FileKind::Zstd),
        (b"\xfd7zXZ\0", FileKind::Xz),
        (b"\x89HDF\r\n\x1a\n", FileKind::Hdf5),
        (b"PK\x03\x04", FileKind::Zip),
        (b"PK\x05\x06", FileKind::Zip),
        (b"PK\x07\x08", FileKind::Zip),
    ];
    if let Some((_, kind)) = starts.iter().find(|(start, _)| bytes.starts_with(start)) {
        return Some(*kind);
    }
    if bytes.get(TAR_MARK..).is_some_and(|rest| rest.starts_with(b"ustar")) {
        return Some(FileKind::Tar);
    }
    if matches!(bytes, [0x80, 2..=5, ..]) && bytes.last() == Some(&b'.') {
        return Some(FileKind::Pickle);
    }
    let head = bytes.get(..4096).unwrap_or(bytes);
    if head.iter().all(|&byte| byte == 0) {
        return Some(FileKind::Zeros);
    }
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let begins = |start: &[u8]| {
        text.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start))
    };
    if begins(b"<!doctype html") || begins(b"<html") || begins(b"<head") {
        Some(FileKind::Html)
    } else if begins(b"<?xml") {
        Some(FileKind::Xml)
    } else if matches!(text, [b'{' | b'[', ..])
        && text.iter().all(|&b| b >= b' ' || b.is_ascii_whitespace())
    {
        Some(FileKind::Json)
    } else {
        None
    }
}

/// Whether a JSON document has the key of an index. The metadata before it may be long: with the
/// digests of all tensors, say.
fn is_shard_index(bytes: &[u8]) -> bool {
    const KEY: &[u8] = b"\"weight_map\"";
    bytes.windows(KEY.len()).any(|window| window == KEY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_kind(bytes: &[u8], expected: FileKind) {
        match detect(bytes) {
            Err(error @ Error::WrongKind { kind }) => {
                assert_eq!(kind, expected);
                assert!(error.hint().is_some());
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn formats_are_told_by_their_first_bytes() {
        let zip = |name: &str| {
            let mut bytes = b"PK\x03\x04".to_vec();
            bytes.resize(26, 0);
            bytes.extend((name.len() as u16).to_le_bytes());
            bytes.extend([0, 0]);
            bytes.extend(name.as_bytes());
            bytes
        };
        assert_eq!(detect(b"\x02\0\0\0\0\0\0\0{}").unwrap(), Format::Safetensors);
        assert_eq!(detect(b"\x12\x01\0\0\0\0\0\0\0\0").unwrap(), Format::MxnetParams);
        assert_eq!(detect(b"GGUF\x03\0\0\0").unwrap(), Format::Gguf);
        for start in [b"\x80\x02".as_slice(), b"\x80\x04\x95\x0d\0\0\0\0\0\0\0"] {
            let bytes = [start, TORCH_LEGACY].concat();
            assert_eq!(detect(&bytes).unwrap(), Format::TorchLegacy);
        }
        assert_eq!(detect(&zip("w.npy")).unwrap(), Format::Npz);
        assert_eq!(detect(&zip("model/data.pkl")).unwrap(), Format::TorchZip);
        check_kind(&zip("readme.txt"), FileKind::Zip);
    }

    #[test]
    fn a_header_as_long_as_the_mxnet_mark_is_still_safetensors() {
        assert_eq!(detect(b"\x12\x01\0\0\0\0\0\0{\"a\":").unwrap(), Format::Safetensors);
    }

    #[test]
    fn wrong_kinds_are_named() {
        check_kind(
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
            FileKind::GitLfsPointer,
        );
        check_kind(b"\xef\xbb\xbf\n <!DOCTYPE HTML><title>404</title>", FileKind::Html);
        check_kind(b"<?xml version='1.0'?><Error/>", FileKind::Xml);
        check_kind(b"{\"weight_maps\": {}}", FileKind::Json);
        check_kind(b"{\"abcd\":{\"a\":1}}", FileKind::Json);
        check_kind(b"\x1f\x8b\x08\0", FileKind::Gzip);
        check_kind(b"\x80\x04\x95\x05\0\0\0\0\0\0\0]\x94.", FileKind::Pickle);
        check_kind(&[0; 100], FileKind::Zeros);
    }

    #[test]
    fn an_index_is_told_by_its_key() {
        for text in [r#"{"weight_map": {}}"#, "{\n \"metadata\": {},\n \"weight_map\": {\"a"] {
            assert_eq!(detect(text.as_bytes()).unwrap(), Format::ShardIndex);
        }
    }

    #[test]
    fn empty_and_unknown_files_are_told_apart() {
        assert!(matches!(detect(b""), Err(Error::Empty)));
        match detect(b"hello") {
            Err(Error::UnknownFormat { head }) => assert_eq!(*head, *b"hello"),
            other => panic!("{other:?}"),
        }
    }
}
