//! GGUF, the format of llama.cpp: typed metadata, a list of tensors, aligned data. Read only.
//!
//! [`read`] and [`read_header`] give the tensors, with metadata as texts; [`read_metadata`] gives
//! the metadata with its types and arrays. Versions 2 and 3 are read, little-endian; version 1 and
//! big-endian files are refused by name. [`dequantize`] turns a quantized tensor into floats;
//! nothing does so unasked, so that a file's tensors pass through as they are.
//!
//! A file lists dims innermost first, and [`RawTensor::shape`] outermost first: what llama.cpp
//! shows as `[4096, 32000]` has the shape `(32000, 4096)` here. The bytes are the same. Tensors come
//! in the order of their bytes.
//!
//! In [`Archive::metadata`], values are the texts that [`Value`] displays. An array that takes more
//! than 1,024 bytes, such as a vocabulary, is left out there: a tokenizer is not a parameter, and
//! as text it would take many times its size.
//!
//! DIFFERENCE to ggml: a key or name that occurs twice is refused; so are bytes after the data,
//! beyond the padding of the last tensor.

mod dequantize;
mod metadata;
mod quant;

use indexmap::{IndexMap, map::Entry};

pub use self::{
    dequantize::dequantize,
    metadata::{Array, Metadata, Value},
    quant::QuantType,
};
use crate::{
    Archive, DType, Error, Format, Header, Limits, RawTensor, Storage, TensorEntry,
    archive::{collect, refuse_duplicates},
    cursor::Cursor,
    limits::{Budget, byte_len},
};

const FORMAT: Format = Format::Gguf;
const MAGIC: u32 = u32::from_le_bytes(*b"GGUF");
const ALIGNMENT_KEY: &str = "general.alignment";
const DEFAULT_ALIGNMENT: u64 = 32;
/// The longest array that becomes a text in an archive's metadata, in bytes of the file.
const LONGEST_ARRAY: usize = 1024;

/// Reads a file.
///
/// # Memory
/// Tensors and their names borrow from `bytes`; quantized ones stay as they are.
///
/// # Errors
/// * [`Error::Magic`] if the file begins with a wrong mark, or a value is of no known kind.
/// * [`Error::Version`] for version 1, for versions to come, and for big-endian files.
/// * [`Error::Truncated`] if the file ends too early, or a length in it is too large.
/// * [`Error::Limit`] if it claims more than `limits` allow.
/// * [`Error::NotUtf8`], [`Error::Duplicate`] if a key, name or text is.
/// * [`Error::Header`] if the alignment is no power of two, a tensor's place is no multiple of it,
///   or arrays are nested too deep.
/// * [`Error::UnknownDType`], [`Error::ShapeSize`] if no such tensor can exist.
/// * [`Error::Hole`], [`Error::Overlap`] if the tensors do not cover the data, padding apart.
///
/// # Panics
/// Never, whatever the bytes.
///
/// # Source
/// The format description in ggml's repository, `docs/gguf.md`; `ggml/src/gguf.cpp`.
pub fn read<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Archive<'a>, Error> {
    let Header { entries, metadata, ties, named, format, .. } =
        read_header(bytes, bytes.len() as u64, limits)?;
    let tensors = entries.into_iter().map(|entry| {
        let data = bytes.get(entry.range).unwrap_or_default();
        RawTensor::new(entry.name, entry.dtype, entry.shape, data)
    });
    Ok(Archive { tensors: collect(tensors)?, metadata, ties, named, format })
}

/// Reads what a file says about its tensors, from its beginning and its length.
///
/// `head` needs to hold the bytes up to the data. How many these are the format does not say
/// beforehand; [`Error::Truncated`] means that `head` was too short.
///
/// # Errors
/// As [`read`].
///
/// # Panics
/// Never, whatever the bytes.
pub fn read_header<'a>(
    head: &'a [u8],
    file_len: u64,
    limits: &Limits,
) -> Result<Header<'a>, Error> {
    let mut reader = Reader::new(head, file_len, limits);
    let (n_tensors, metadata) = reader.metadata()?;
    let entries = reader.entries(n_tensors, metadata.alignment, file_len)?;
    let metadata = reader.texts(&metadata)?;
    let (ties, checksums) = (Vec::new(), Vec::new());
    Ok(Header { entries, metadata, ties, checksums, named: true, format: FORMAT })
}

/// Reads the metadata, with its types.
///
/// # Memory
/// Strings and arrays borrow from `bytes`.
///
/// # Errors
/// Those of [`read`] that do not concern tensors.
///
/// # Panics
/// Never, whatever the bytes.
pub fn read_metadata<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Metadata<'a>, Error> {
    Ok(Reader::new(bytes, bytes.len() as u64, limits).metadata()?.1)
}

struct Reader<'r, 'a> {
    cursor: Cursor<'a>,
    limits: &'r Limits,
    budget: Budget,
}

impl<'r, 'a> Reader<'r, 'a> {
    fn new(head: &'a [u8], file_len: u64, limits: &'r Limits) -> Self {
        let input_len = usize::try_from(file_len).unwrap_or(usize::MAX);
        let budget = Budget::new(FORMAT, limits, input_len);
        Self { cursor: Cursor::new(FORMAT, head), limits, budget }
    }

    /// Reads up to the list of tensors, and how many that lists.
    fn metadata(&mut self) -> Result<(u64, Metadata<'a>), Error> {
        let magic = self.cursor.u32("the file's mark")?;
        if magic != MAGIC {
            let (what, found) = ("mark", magic.into());
            return Err(Error::Magic { format: FORMAT, what, offset: 0, found });
        }
        let version = version(self.cursor.u32("the version")?)?;
        let what = "the number of tensors";
        let n_tensors = self.cursor.u64(what)?;
        Limits::check(FORMAT, what, self.limits.max_tensors, n_tensors)?;
        let n_pairs = self.cursor.u64("the number of metadata pairs")?;
        let mut metadata =
            Metadata { version, alignment: DEFAULT_ALIGNMENT, pairs: IndexMap::new() };
        for _ in 0..n_pairs {
            let key = metadata::string(&mut self.cursor, self.limits.max_name_bytes, "a key")?;
            // Once for the value and once for its text.
            self.budget.spend(2 * Budget::PAIR)?;
            let offset = self.cursor.offset();
            let value = metadata::kind_and_value(&mut self.cursor)?;
            if key == ALIGNMENT_KEY {
                metadata.alignment = alignment(value, offset)?;
            }
            match metadata.pairs.entry(key) {
                Entry::Occupied(_) => {
                    return Err(Error::Duplicate { key: key.into(), place: "the metadata" });
                }
                Entry::Vacant(place) => place.insert(value),
            };
        }
        Ok((n_tensors, metadata))
    }

    /// Reads the list of tensors and gives them in the order of their bytes.
    fn entries(
        &mut self,
        n_tensors: u64,
        alignment: u64,
        file_len: u64,
    ) -> Result<Vec<TensorEntry<'a>>, Error> {
        let mut entries = Vec::new(); // Not `with_capacity`: the count is only a claim.
        for _ in 0..n_tensors {
            self.budget.spend(Budget::TENSOR)?;
            entries.push(self.entry(alignment)?);
        }
        refuse_duplicates(entries.iter().map(|entry| &*entry.name))?;
        // Stable, so that empty tensors at one place keep the file's order.
        entries.sort_by_key(|entry| (entry.range.start, entry.range.end));
        let data_start = padded(self.cursor.offset(), alignment);
        check_cover(&entries, alignment, data_start, file_len)?;
        for TensorEntry { range, .. } in &mut entries {
            // In bounds, as `check_cover` has found every range within the file, except that an
            // empty tensor may stand where padding is missing at its end.
            let place = |offset: usize| offset.saturating_add(data_start as usize);
            let empty = range.start == range.end;
            *range = if empty { 0..0 } else { place(range.start)..place(range.end) };
        }
        Ok(entries)
    }

    /// Reads one tensor's entry; its range counts from the start of the data.
    fn entry(&mut self, alignment: u64) -> Result<TensorEntry<'a>, Error> {
        let cursor = &mut self.cursor;
        let name = metadata::string(cursor, self.limits.max_name_bytes, "a tensor's name")?;
        let what = "the number of dims";
        let n_dims = cursor.u32(what)?;
        let n_dims = Limits::check(FORMAT, what, self.limits.max_rank, n_dims.into())?;
        let mut shape = Vec::with_capacity(n_dims);
        self.budget.spend(n_dims * size_of::<usize>())?;
        for _ in 0..n_dims {
            shape.push(Limits::check(FORMAT, "a dim", usize::MAX, cursor.u64("a dim")?)?);
        }
        shape.reverse();
        let dtype = dtype_of(cursor.u32("an element type")?)
            .map_err(|found| Error::UnknownDType { name: name.into(), found })?;
        let place = cursor.offset();
        let offset = cursor.u64("a tensor's place")?;
        let Some(len) = byte_len(dtype, &shape) else {
            return Err(Error::ShapeSize { name: name.into(), dtype, shape: shape.into() });
        };
        if !offset.is_multiple_of(alignment) {
            let key = Some(name.into());
            let reason = format!(
                "its data starts at byte {offset} of the data, no multiple of the alignment, \
                 {alignment}"
            );
            let reason = reason.into();
            return Err(Error::Header { format: FORMAT, key, offset: place, reason });
        }
        let start = Limits::check(FORMAT, "a tensor's place", usize::MAX, offset)?;
        let range = start..start.saturating_add(len);
        let storage = Storage::Dense;
        Ok(TensorEntry { name: name.into(), dtype, shape, range, storage })
    }

    fn texts(&mut self, metadata: &Metadata<'_>) -> Result<IndexMap<String, String>, Error> {
        let mut texts = IndexMap::new();
        for (key, value) in &metadata.pairs {
            let text = match value {
                Value::Array(array) if array.byte_len() > LONGEST_ARRAY => continue,
                Value::String(text) => {
                    self.budget.spend(text.len())?;
                    (*text).to_owned()
                }
                other => {
                    let text = other.to_string();
                    self.budget.spend(text.capacity())?;
                    text
                }
            };
            self.budget.spend(key.len())?;
            texts.insert((*key).to_owned(), text);
        }
        Ok(texts)
    }
}

fn version(found: u32) -> Result<u32, Error> {
    const NEWEST: u32 = 3;
    let found = match found {
        2..=NEWEST => return Ok(found),
        _ if (1..=NEWEST).contains(&found.swap_bytes()) => {
            format!("{} and big-endian", found.swap_bytes())
        }
        _ => found.to_string(),
    };
    let expected = "2 and 3, little-endian";
    Err(Error::Version { format: FORMAT, found: found.into(), expected })
}

fn alignment(value: Value<'_>, offset: u64) -> Result<u64, Error> {
    let reason = match value {
        Value::U32(number) if number.is_power_of_two() => return Ok(number.into()),
        Value::U32(number) => format!("the alignment must be a power of two, found {number}"),
        other => format!("the alignment must be a `u32`, found {other:?}"),
    };
    let (key, reason) = (Some(ALIGNMENT_KEY.into()), reason.into());
    Err(Error::Header { format: FORMAT, key, offset, reason })
}

/// The element type of that number, or what to call one that is none.
fn dtype_of(number: u32) -> Result<DType, Box<str>> {
    const REMOVED: [(u32, &str); 8] = [
        (4, "Q4_2"),
        (5, "Q4_3"),
        (31, "Q4_0_4_4"),
        (32, "Q4_0_4_8"),
        (33, "Q4_0_8_8"),
        (36, "IQ4_NL_4_4"),
        (37, "IQ4_NL_4_8"),
        (38, "IQ4_NL_8_8"),
    ];
    Ok(match number {
        0 => DType::F32,
        1 => DType::F16,
        24 => DType::I8,
        25 => DType::I16,
        26 => DType::I32,
        27 => DType::I64,
        28 => DType::F64,
        30 => DType::BF16,
        _ => {
            let mut types = QuantType::ALL.into_iter();
            let removed = REMOVED.iter().find(|(other, _)| *other == number);
            return match (types.find(|quant| quant.number() == number), removed) {
                (Some(quant), _) => Ok(DType::Quantized(quant)),
                (None, Some((_, name))) => Err(format!("{name}, removed from the format").into()),
                (None, None) => Err(number.to_string().into()),
            };
        }
    })
}

/// Checks that sorted entries cover the data, each followed by less than `alignment` bytes of
/// padding. Ranges count from the start of the data here.
fn check_cover(
    entries: &[TensorEntry<'_>],
    alignment: u64,
    data_start: u64,
    file_len: u64,
) -> Result<(), Error> {
    let data_len = file_len.saturating_sub(data_start);
    let mut covered = 0;
    for TensorEntry { name, range, .. } in entries {
        let (start, end) = (range.start as u64, range.end as u64);
        if start > padded(covered, alignment) {
            return Err(Error::Hole { start: covered, end: start });
        }
        if start < covered {
            return Err(Error::Overlap { name: (**name).into(), start, end: covered });
        }
        if end > data_len && start < end {
            let what = "a tensor's data";
            let offset = data_start.saturating_add(start);
            let (expected, found) = (end - start, data_len.saturating_sub(start));
            return Err(Error::Truncated { format: FORMAT, what, offset, expected, found });
        }
        covered = end;
    }
    if padded(covered, alignment) < data_len {
        return Err(Error::Hole { start: covered, end: data_len });
    }
    Ok(())
}

/// The next multiple of the alignment, or the last number there is.
fn padded(place: u64, alignment: u64) -> u64 {
    place.checked_next_multiple_of(alignment).unwrap_or(u64::MAX)
}
