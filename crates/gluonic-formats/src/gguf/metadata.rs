//! The typed values that a file holds under keys.
//!
//! The main types are [`Metadata`] and [`Value`]. Strings and arrays borrow from the file, so
//! that a vocabulary of a hundred thousand words costs nothing until it is looked at.

use std::fmt;

use indexmap::IndexMap;

use super::FORMAT;
use crate::{Error, Limits, cursor::Cursor};

/// Arrays inside arrays are read to this depth; no writer we know of nests them at all.
const MAX_DEPTH: usize = 8;

/// What a file says beside its tensors.
///
/// # Examples
/// ```
/// use gluonic_formats::{Limits, gguf::{self, Value}};
/// let mut bytes = b"GGUF\x03\0\0\0".to_vec();
/// bytes.extend([0_u64, 1, 5].map(u64::to_le_bytes).concat()); // no tensors, one pair, its key's length
/// bytes.extend(b"count\x04\0\0\0\x07\0\0\0"); // a `u32`
/// let metadata = gguf::read_metadata(&bytes, &Limits::default())?;
/// assert_eq!(metadata.pairs["count"], Value::U32(7));
/// # Ok::<(), gluonic_formats::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Metadata<'a> {
    /// The version of the format: 2 or 3.
    pub version: u32,
    /// What the places of tensors are multiples of, in bytes.
    pub alignment: u64,
    /// The values by key, in the file's order.
    pub pairs: IndexMap<&'a str, Value<'a>>,
}

/// A value under a key.
///
/// `Display` gives strings as they are, `true` or `false`, numbers in the fewest digits that
/// lead back to them, and arrays as JSON (where floats may also be `NaN` and `inf`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// An unsigned 8-bit integer.
    U8(u8),
    /// A signed 8-bit integer.
    I8(i8),
    /// An unsigned 16-bit integer.
    U16(u16),
    /// A signed 16-bit integer.
    I16(i16),
    /// An unsigned 32-bit integer.
    U32(u32),
    /// A signed 32-bit integer.
    I32(i32),
    /// A single-precision float.
    F32(f32),
    /// A truth value.
    Bool(bool),
    /// A text.
    String(&'a str),
    /// Values of one kind.
    Array(Array<'a>),
    /// An unsigned 64-bit integer.
    U64(u64),
    /// A signed 64-bit integer.
    I64(i64),
    /// A double-precision float.
    F64(f64),
}

/// Values of one kind, which are decoded when they are asked for.
#[derive(Clone, Copy, PartialEq)]
pub struct Array<'a> {
    kind: Kind,
    len: u64,
    bytes: &'a [u8],
}

impl<'a> Array<'a> {
    /// How many values it has.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Its values.
    pub fn iter(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        let (kind, mut left) = (self.kind, self.len);
        let mut cursor = Cursor::new(FORMAT, self.bytes);
        std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            // `read` has seen these bytes before, at the greatest depth that is allowed.
            value(&mut cursor, kind, 0).ok()
        })
    }

    /// How many bytes its values take in the file.
    pub(super) fn byte_len(&self) -> usize {
        self.bytes.len()
    }
}

/// Shows kind and length, as the values may be many.
impl fmt::Debug for Array<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{:?}; {}]", self.kind, self.len)
    }
}

impl fmt::Display for Array<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (place, value) in self.iter().enumerate() {
            f.write_str(if place == 0 { "" } else { "," })?;
            match value {
                Value::String(text) => {
                    f.write_str(&serde_json::to_string(text).map_err(|_| fmt::Error)?)?;
                }
                other => write!(f, "{other}")?,
            }
        }
        f.write_str("]")
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::U8(number) => write!(f, "{number}"),
            Self::I8(number) => write!(f, "{number}"),
            Self::U16(number) => write!(f, "{number}"),
            Self::I16(number) => write!(f, "{number}"),
            Self::U32(number) => write!(f, "{number}"),
            Self::I32(number) => write!(f, "{number}"),
            // Unlike `Display`, `Debug` writes the smallest float in six letters, not in fifty.
            Self::F32(number) => write!(f, "{number:?}"),
            Self::Bool(truth) => write!(f, "{truth}"),
            Self::String(text) => f.write_str(text),
            Self::Array(array) => write!(f, "{array}"),
            Self::U64(number) => write!(f, "{number}"),
            Self::I64(number) => write!(f, "{number}"),
            Self::F64(number) => write!(f, "{number:?}"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    F32,
    Bool,
    String,
    Array,
    U64,
    I64,
    F64,
}

impl Kind {
    /// In the order of their numbers in a file, from 0.
    const ALL: [Self; 13] = [
        Self::U8,
        Self::I8,
        Self::U16,
        Self::I16,
        Self::U32,
        Self::I32,
        Self::F32,
        Self::Bool,
        Self::String,
        Self::Array,
        Self::U64,
        Self::I64,
        Self::F64,
    ];

    fn read(cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        let offset = cursor.offset();
        let found = cursor.u32("the kind of a value")?;
        Self::ALL.get(found as usize).copied().ok_or(Error::Magic {
            format: FORMAT,
            what: "kind of value",
            offset,
            found: found.into(),
        })
    }

    /// How many bytes each value takes, if all take the same.
    fn size(self) -> Option<u64> {
        match self {
            Self::U8 | Self::I8 | Self::Bool => Some(1),
            Self::U16 | Self::I16 => Some(2),
            Self::U32 | Self::I32 | Self::F32 => Some(4),
            Self::U64 | Self::I64 | Self::F64 => Some(8),
            Self::String | Self::Array => None,
        }
    }
}

/// Reads a kind and a value of it.
pub(super) fn kind_and_value<'a>(cursor: &mut Cursor<'a>) -> Result<Value<'a>, Error> {
    let kind = Kind::read(cursor)?;
    value(cursor, kind, 0)
}

fn value<'a>(cursor: &mut Cursor<'a>, kind: Kind, depth: usize) -> Result<Value<'a>, Error> {
    const WHAT: &str = "a value";
    Ok(match kind {
        Kind::U8 => Value::U8(cursor.number(WHAT).map(u8::from_le_bytes)?),
        Kind::I8 => Value::I8(cursor.number(WHAT).map(i8::from_le_bytes)?),
        Kind::U16 => Value::U16(cursor.number(WHAT).map(u16::from_le_bytes)?),
        Kind::I16 => Value::I16(cursor.number(WHAT).map(i16::from_le_bytes)?),
        Kind::U32 => Value::U32(cursor.u32(WHAT)?),
        Kind::I32 => Value::I32(cursor.i32(WHAT)?),
        Kind::F32 => Value::F32(cursor.number(WHAT).map(f32::from_le_bytes)?),
        Kind::Bool => {
            let offset = cursor.offset();
            let [byte] = cursor.number(WHAT)?;
            Value::Bool(truth(byte, offset)?)
        }
        Kind::String => Value::String(string(cursor, usize::MAX, "a text")?),
        Kind::Array => Value::Array(array(cursor, depth)?),
        Kind::U64 => Value::U64(cursor.u64(WHAT)?),
        Kind::I64 => Value::I64(cursor.i64(WHAT)?),
        Kind::F64 => Value::F64(cursor.number(WHAT).map(f64::from_le_bytes)?),
    })
}

fn truth(byte: u8, offset: u64) -> Result<bool, Error> {
    match byte {
        0 => Ok(false),
        1 => Ok(true),
        _ => {
            let (what, found) = ("truth value", byte.into());
            Err(Error::Magic { format: FORMAT, what, offset, found })
        }
    }
}

/// Reads over an array and checks all that stands in it.
fn array<'a>(cursor: &mut Cursor<'a>, depth: usize) -> Result<Array<'a>, Error> {
    let offset = cursor.offset();
    if depth == MAX_DEPTH {
        let reason = format!("arrays are nested deeper than {MAX_DEPTH}").into();
        return Err(Error::Header { format: FORMAT, key: None, offset, reason });
    }
    let kind = Kind::read(cursor)?;
    let len = cursor.u64("the length of an array")?;
    let start = cursor.offset();
    match kind.size() {
        Some(size) => {
            let bytes = cursor.take(len.saturating_mul(size), "an array")?;
            if kind == Kind::Bool {
                for (byte, offset) in bytes.iter().zip(start..) {
                    truth(*byte, offset)?;
                }
            }
        }
        // Each takes eight bytes at least, so that a false length soon meets the end of the file.
        None => {
            for _ in 0..len {
                value(cursor, kind, depth + 1)?;
            }
        }
    }
    Ok(Array { kind, len, bytes: cursor.since(start) })
}

pub(super) fn string<'a>(
    cursor: &mut Cursor<'a>,
    limit: usize,
    what: &'static str,
) -> Result<&'a str, Error> {
    let len = cursor.u64("the length of a text")?;
    if limit < usize::MAX {
        Limits::check(FORMAT, "the length of a name", limit, len)?;
    }
    let offset = cursor.offset();
    std::str::from_utf8(cursor.take(len, what)?).map_err(|error| {
        let offset = offset + error.valid_up_to() as u64;
        Error::NotUtf8 { format: FORMAT, what: "text", offset }
    })
}
