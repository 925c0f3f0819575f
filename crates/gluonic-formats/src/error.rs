//! What can be wrong with a file, as facts.
//!
//! The main type is [`Error`]: one variant for each way in which bytes break a format's rules,
//! with the place (a byte offset or a key), what was expected and what was found. Words are made
//! from the facts by `Display`; what to do about it is said by [`Error::hint`].

use std::{borrow::Cow, fmt, io};

use crate::{DType, FileKind, Format, ShardReport};

/// Why bytes could not be read, or tensors not be written.
///
/// # Examples
/// ```
/// use gluonic_formats::{Error, FileKind, Limits, read};
/// let error = read(b"version https://git-lfs.github.com/spec/v1\noid ...", &Limits::default());
/// assert!(matches!(error, Err(Error::WrongKind { kind: FileKind::GitLfsPointer })));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There are no bytes at all.
    #[error("the file is empty")]
    Empty,

    /// The bytes are of a kind that holds no tensors.
    #[error("the file holds no parameters: it is {kind}")]
    WrongKind {
        /// What the bytes are.
        kind: FileKind,
    },

    /// The first bytes are those of no format known here.
    #[error("unknown format: the file begins with the bytes {}", Hex(head))]
    UnknownFormat {
        /// The first bytes, at most eight.
        head: Box<[u8]>,
    },

    /// The format can be read but not written.
    #[error("{format} files cannot be written")]
    Unsupported {
        /// The format.
        format: Format,
    },

    /// The format has several versions, and this is not one that can be read.
    #[error("{format} file is of version {found}; readable are {expected}")]
    Version {
        /// The format being read.
        format: Format,
        /// The version the file states.
        found: Box<str>,
        /// The versions that can be read.
        expected: &'static str,
    },

    /// The file is the index of a sharded model, and its tensors stand in other files.
    #[error("the file is an index; its tensors stand in other files")]
    Index,

    /// An index names a file that could lie outside its folder, or that not every system can open.
    #[error("the index names the file `{}`, which {reason}", Shown(file))]
    FileName {
        /// The file.
        file: Box<str>,
        /// What is wrong with it.
        reason: &'static str,
    },

    /// The shards of a model do not hold what its index says.
    #[error("the shards do not fit their index: {report}")]
    Shards {
        /// All that does not fit.
        report: Box<ShardReport>,
    },

    /// A digest, or the record of them in a file, is malformed.
    #[error("malformed digest, `{}`: {reason}", Shown(place))]
    Digest {
        /// The key of the metadata, or the text that should be a digest.
        place: Box<str>,
        /// What is wrong.
        reason: Box<str>,
    },

    /// The tensor is not of a type that can be dequantized.
    #[error("tensor `{}` of {dtype} cannot be dequantized", Shown(name))]
    NotDequantizable {
        /// The tensor.
        name: Box<str>,
        /// Its element type.
        dtype: DType,
    },

    /// The file ends in the middle of something.
    #[error(
        "{format} file ends too early: {what} at byte {offset} needs {expected} bytes, \
         found {found}"
    )]
    Truncated {
        /// The format being read.
        format: Format,
        /// What was to be read.
        what: &'static str,
        /// Where it starts.
        offset: u64,
        /// How many bytes it takes.
        expected: u64,
        /// How many are left.
        found: u64,
    },

    /// A claim exceeds a field of [`Limits`](crate::Limits).
    #[error("{format} file exceeds a limit: {what} is {found}, the limit {limit}")]
    Limit {
        /// The format being read.
        format: Format,
        /// What is limited.
        what: &'static str,
        /// The limit.
        limit: u64,
        /// What the file asks for.
        found: u64,
    },

    /// A mark that must stand at this place does not.
    #[error("{format} file has a wrong {what} at byte {offset}: found {found:#x}")]
    Magic {
        /// The format being read.
        format: Format,
        /// Which mark.
        what: &'static str,
        /// Where it should be.
        offset: u64,
        /// What is there.
        found: u64,
    },

    /// A text is not UTF-8.
    #[error("{format} file has a {what} that is not UTF-8, from byte {offset}")]
    NotUtf8 {
        /// The format being read.
        format: Format,
        /// Which text.
        what: &'static str,
        /// The first byte that is wrong.
        offset: u64,
    },

    /// The header (JSON, in `.npy` a Python dict, in GGUF binary) is not of the form that the format
    /// demands.
    #[error(
        "malformed {format} header at byte {offset}{}: {reason}",
        key.as_ref().map(|key| format!(", entry `{}`", Shown(key))).unwrap_or_default()
    )]
    Header {
        /// The format being read.
        format: Format,
        /// The entry in which it happened.
        key: Option<Box<str>>,
        /// About where in the file.
        offset: u64,
        /// What is wrong.
        reason: Box<str>,
    },

    /// A name or key occurs twice, so that it is unclear which one counts.
    #[error("`{}` occurs twice among {place}", Shown(key))]
    Duplicate {
        /// The name or key.
        key: Box<str>,
        /// Where it occurs twice.
        place: &'static str,
    },

    /// An entry lacks a field.
    #[error("tensor `{}` has no field `{field}`", Shown(name))]
    MissingField {
        /// The tensor.
        name: Box<str>,
        /// The field.
        field: &'static str,
    },

    /// The element type is not one the format defines.
    #[error("tensor `{}` has the unknown element type `{}`", Shown(name), Shown(found))]
    UnknownDType {
        /// The tensor, by name or as `array 3` where names come later in the file.
        name: Box<str>,
        /// What the file says.
        found: Box<str>,
    },

    /// No tensor of this shape can exist: it exceeds the address space, or its elements do not
    /// fill whole bytes.
    #[error(
        "tensor `{}` cannot exist: shape {} of {dtype} has no byte length",
        Shown(name),
        Dims(shape)
    )]
    ShapeSize {
        /// The tensor.
        name: Box<str>,
        /// Its element type.
        dtype: DType,
        /// Its shape.
        shape: Box<[usize]>,
    },

    /// The number of bytes is not what shape and element type demand.
    #[error(
        "tensor `{}` with shape {} of {dtype} takes {expected} bytes, found {found}",
        Shown(name),
        Dims(shape)
    )]
    ByteLength {
        /// The tensor.
        name: Box<str>,
        /// Its element type.
        dtype: DType,
        /// Its shape.
        shape: Box<[usize]>,
        /// Bytes that shape and element type demand.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },

    /// A tensor's end lies before its start.
    #[error("tensor `{}` ends at byte {end}, before its start at byte {start}", Shown(name))]
    OffsetsReversed {
        /// The tensor.
        name: Box<str>,
        /// Its first byte, counted as the format counts.
        start: u64,
        /// The byte after its last.
        end: u64,
    },

    /// Some bytes belong to no tensor.
    #[error("bytes {start} to {end} of the data belong to no tensor")]
    Hole {
        /// The first such byte, counted from the start of the data.
        start: u64,
        /// The byte after the last such.
        end: u64,
    },

    /// Some bytes belong to two tensors.
    #[error(
        "tensor `{}` starts at byte {start} of the data, which ends at byte {end} of the tensor before",
        Shown(name)
    )]
    Overlap {
        /// The tensor that starts too early.
        name: Box<str>,
        /// Where it starts, counted from the start of the data.
        start: u64,
        /// Where the tensor before it ends.
        end: u64,
    },

    /// A dim or a number of dims is negative.
    #[error("array {index} has a negative {what}, {found}, at byte {offset}")]
    Negative {
        /// The array's place in the file, from 0.
        index: u64,
        /// What is negative.
        what: &'static str,
        /// Where it stands.
        offset: u64,
        /// Its value.
        found: i64,
    },

    /// An array of the list holds nothing.
    #[error("array {index}, at byte {offset}, holds no data (its shape is unknown)")]
    NoneArray {
        /// The array's place in the file, from 0.
        index: u64,
        /// Where its record starts.
        offset: u64,
    },

    /// There are neither no names nor as many as arrays.
    #[error("the table at byte {offset} has {names} names for {arrays} arrays")]
    NamesMismatch {
        /// Where the table starts.
        offset: u64,
        /// How many arrays there are.
        arrays: u64,
        /// How many names there are.
        names: u64,
    },

    /// A sparse array breaks the rules of its storage type.
    #[error("sparse array `{}` is malformed: {reason}", Shown(name))]
    Sparse {
        /// The array, by name or as `array 3` where names come later in the file.
        name: Box<str>,
        /// Which rule.
        reason: &'static str,
    },

    /// The elements of an array are no numbers.
    #[error("tensor `{}` holds {kind} (`{}`), not numbers", Shown(name), Shown(found))]
    NotNumbers {
        /// The tensor.
        name: Box<str>,
        /// What its elements are.
        kind: &'static str,
        /// What the file says.
        found: Box<str>,
    },

    /// A zip file breaks the rules of its kind, or does what no honest writer does.
    #[error(
        "{format} file is a malformed zip at byte {offset}{}: {reason}",
        member.as_ref().map(|name| format!(", member `{}`", Shown(name))).unwrap_or_default()
    )]
    Zip {
        /// The format being read.
        format: Format,
        /// The member in which it happened.
        member: Option<Box<str>>,
        /// Where in the file.
        offset: u64,
        /// What is wrong.
        reason: &'static str,
    },

    /// The bytes of a zip file's member are not those that were written.
    #[error(
        "member `{}` at byte {offset} is corrupt: its checksum should be {expected:08x}, \
         found {found:08x}",
        Shown(member)
    )]
    Checksum {
        /// The member.
        member: Box<str>,
        /// Where it starts.
        offset: u64,
        /// The checksum (CRC-32) that the file states.
        expected: u32,
        /// That of the bytes there are.
        found: u32,
    },

    /// A zip file lacks a member that its format demands.
    #[error("{format} file has no member `{}`", Shown(member))]
    MissingMember {
        /// The format being read.
        format: Format,
        /// The member.
        member: Box<str>,
    },

    /// A pickle breaks the rules, or uses one that no parameter file needs.
    #[error("malformed pickle at byte {offset}: {reason}")]
    Pickle {
        /// Where in the pickle.
        offset: u64,
        /// What is wrong.
        reason: Box<str>,
    },

    /// A pickle asks for a Python object that is not known here, where it matters. Nothing was run.
    #[error(
        "the pickle needs the Python object `{}`, which is not known and was not run",
        Shown(global)
    )]
    Foreign {
        /// Its module and name.
        global: Box<str>,
    },

    /// A tensor is of a kind that has no plain elements.
    #[error("tensor `{}` is {kind}, which cannot be read", Shown(name))]
    TensorKind {
        /// The tensor.
        name: Box<str>,
        /// Which kind.
        kind: &'static str,
    },

    /// A tensor is a view that reaches beyond its storage.
    #[error(
        "tensor `{}` reaches to byte {end} of storage `{}`, which has {len} bytes",
        Shown(name),
        Shown(storage)
    )]
    OutOfStorage {
        /// The tensor.
        name: Box<str>,
        /// The storage's key.
        storage: Box<str>,
        /// The byte after the tensor's last; `u64::MAX` if no file is that long.
        end: u64,
        /// How many bytes the storage has.
        len: u64,
    },

    /// A storage is not as long as the pickle says.
    #[error("storage `{}` should have {expected} bytes, found {found}", Shown(storage))]
    StorageLength {
        /// The storage's key.
        storage: Box<str>,
        /// What the pickle says; `u64::MAX` if no file is that long.
        expected: u64,
        /// How many bytes there are.
        found: u64,
    },

    /// The format to be written has no place for this.
    #[error("{format} cannot hold {what} `{}`", Shown(name))]
    NotRepresentable {
        /// The format to be written.
        format: Format,
        /// What it has no place for.
        what: &'static str,
        /// The tensor, key or element type concerned.
        name: Box<str>,
    },

    /// The sink refused bytes.
    #[error("cannot write the {format} file")]
    Write {
        /// The format being written.
        format: Format,
        /// Why the sink refused.
        source: io::Error,
    },
}

impl Error {
    /// What the user can do about it, where that is known.
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        let text = match self {
            Self::Empty => "the download or the save was interrupted; fetch or write it again",
            Self::WrongKind { kind } => kind.hint(),
            Self::UnknownFormat { .. } => {
                "readable are safetensors, MXNet `.params`, NumPy, PyTorch and GGUF files, told by \
                 content, not by ending"
            }
            Self::Unsupported { .. } => "write safetensors, which holds the same tensors",
            Self::Truncated { .. } => "the file is incomplete; compare its size with the original",
            Self::Limit { .. } => "if you trust the file, raise that field of `Limits`",
            Self::Duplicate { .. } => "the file was not made by a stock writer; do not trust it",
            Self::Hole { .. } | Self::Overlap { .. } => {
                "offsets must cover the data exactly; write the file again with a stock writer"
            }
            Self::NotNumbers { .. } => "save it as an array of one numeric type",
            Self::Zip { .. } | Self::MissingMember { .. } => {
                "write the file again with the library that made it"
            }
            Self::Checksum { .. } => "the file was damaged after it was written; fetch it again",
            Self::Foreign { .. } => "save `model.state_dict()` alone, or convert it to safetensors",
            Self::TensorKind { .. } => "make it a dense tensor on the CPU before saving",
            Self::Version { .. } => "convert the model again with a current version of its tools",
            Self::Index => "read the index, then each of the files it names",
            Self::FileName { .. } => "an index may name files of its own folder only",
            Self::Shards { .. } => "fetch all files again, at one revision",
            Self::Digest { .. } => "the record is damaged or was edited; write the file again",
            Self::NotDequantizable { .. } => {
                "that is for Q4_0, Q4_1, Q5_0, Q5_1, Q8_0 and Q2_K to Q6_K; others pass through as \
                 they are"
            }
            Self::NoneArray { .. } => "initialize every parameter before saving",
            Self::NotRepresentable { .. } => "choose another format, or leave it out",
            _ => return None,
        };
        Some(Cow::Borrowed(text))
    }

    /// Where in the file it is, in bytes from the start, where one place is to blame.
    pub fn offset(&self) -> Option<u64> {
        match *self {
            Self::Truncated { offset, .. }
            | Self::Magic { offset, .. }
            | Self::NotUtf8 { offset, .. }
            | Self::Header { offset, .. }
            | Self::Negative { offset, .. }
            | Self::NoneArray { offset, .. }
            | Self::Zip { offset, .. }
            | Self::Checksum { offset, .. }
            | Self::NamesMismatch { offset, .. } => Some(offset),
            _ => None,
        }
    }
}

/// A text from a file: control characters escaped, cut where it grows long, so that a hostile
/// name can neither flood a terminal nor steer it.
pub(crate) struct Shown<'a>(pub(crate) &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 120;
        for (count, character) in self.0.chars().enumerate() {
            if count == MOST {
                return f.write_str("…");
            }
            match character {
                '"' | '\'' | '\\' => fmt::Write::write_char(f, character)?,
                _ => write!(f, "{}", character.escape_debug())?,
            }
        }
        Ok(())
    }
}

/// A shape as `(64, 100)`.
struct Dims<'a>(&'a [usize]);

impl fmt::Display for Dims<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        for (axis, dim) in self.0.iter().enumerate() {
            write!(f, "{}{dim}", if axis == 0 { "" } else { ", " })?;
        }
        f.write_str(if self.0.len() == 1 { ",)" } else { ")" })
    }
}

/// Bytes as `80 02 8a`.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, byte) in self.0.iter().enumerate() {
            write!(f, "{}{byte:02x}", if place == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_stays_small() {
        assert!(size_of::<Error>() <= 64, "{}", size_of::<Error>());
    }

    #[test]
    fn the_error_can_cross_threads() {
        fn check<T: Send + Sync + 'static>() {}
        check::<Error>();
    }

    #[test]
    fn hostile_names_cannot_steer_a_terminal() {
        let error = Error::MissingField { name: "a\x1b[2J\0b`\u{202e}".into(), field: "shape" };
        let text = error.to_string();
        assert!(
            !text.contains('\x1b') && !text.contains('\0') && !text.contains('\u{202e}'),
            "{text}"
        );
        let long = Error::Duplicate { key: "x".repeat(10_000).into(), place: "the names" };
        assert!(long.to_string().len() < 200);
    }

    #[test]
    fn messages_give_the_facts() {
        let error = Error::ByteLength {
            name: "fc.weight".into(),
            dtype: DType::F32,
            shape: [64, 100].into(),
            expected: 25_600,
            found: 3,
        };
        assert_eq!(
            error.to_string(),
            "tensor `fc.weight` with shape (64, 100) of float32 takes 25600 bytes, found 3"
        );
        let error = Error::UnknownFormat { head: [0x80, 2].into() };
        assert_eq!(error.to_string(), "unknown format: the file begins with the bytes 80 02");
        assert_eq!(Dims(&[3]).to_string(), "(3,)");
        assert_eq!(Dims(&[]).to_string(), "()");
    }
}
