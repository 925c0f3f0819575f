//! safetensors: an eight-byte length, a JSON header of that length, the tensors' bytes.
//!
//! [`read`] and [`read_header`] check everything the format promises before they give anything
//! out; [`write()`], [`write_to`] and [`Layout`] make files that stock readers accept. Texts under
//! `__metadata__` pass through; what they mean is up to the caller.
//!
//! DIFFERENCE to the safetensors library: a key that occurs twice is refused (there the last one
//! counts), and so is a shape that no array library can hold, such as `(0, 2^62, 4)`.

mod header;
mod layout;

use std::{borrow::Cow, io::Write};

use indexmap::IndexMap;

pub use self::layout::{Layout, Order};
use crate::{
    Archive, Error, Format, Header, Limits, RawTensor, TensorEntry, TensorSpec,
    archive::{collect, refuse_duplicates},
    cursor::Cursor,
    limits::{Budget, byte_len},
    spec::Data,
};

/// The key of the header under which the metadata stands, so that no tensor can have it.
const METADATA: &str = "__metadata__";

/// Says how many bytes from the start of the file [`read_header`] needs, given the first eight.
///
/// # Errors
/// * [`Error::Truncated`] if there are fewer than eight bytes.
/// * [`Error::Limit`] if the header is longer than [`Limits::max_header_bytes`].
///
/// # Examples
/// ```
/// use gluonic_formats::{Limits, safetensors};
/// assert_eq!(safetensors::header_len(b"\x02\0\0\0\0\0\0\0{}", &Limits::default())?, 10);
/// # Ok::<(), gluonic_formats::Error>(())
/// ```
pub fn header_len(bytes: &[u8], limits: &Limits) -> Result<usize, Error> {
    let len = Cursor::new(Format::Safetensors, bytes).u64("the header's length")?;
    let what = "the header's length";
    let len = Limits::check(Format::Safetensors, what, limits.max_header_bytes, len)?;
    Ok(len.saturating_add(8))
}

/// Reads what a file says about its tensors, from its beginning and its length.
///
/// `head` needs to hold the header only (see [`header_len`]), so that a large file can be
/// planned for without reading it.
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
    let format = Format::Safetensors;
    let data_start = header_len(head, limits)?;
    let mut cursor = Cursor::new(format, head);
    cursor.take(8, "the header's length")?;
    let text = cursor.take((data_start - 8) as u64, "the header")?;
    let text = std::str::from_utf8(text).map_err(|error| Error::NotUtf8 {
        format,
        what: "header",
        offset: 8 + error.valid_up_to() as u64,
    })?;
    let Some(data_len) = file_len.checked_sub(data_start as u64) else {
        let (offset, expected) = (8, (data_start - 8) as u64);
        let found = file_len.saturating_sub(8);
        return Err(Error::Truncated { format, what: "the header", offset, expected, found });
    };
    let input_len = usize::try_from(file_len).unwrap_or(usize::MAX);
    let mut budget = Budget::new(format, limits, input_len);
    let (mut entries, metadata) = header::parse(text, limits, &mut budget)?;
    refuse_duplicates(entries.iter().map(|entry| &*entry.name))?;
    // Stable, so that empty tensors at one place keep the header's order.
    entries.sort_by_key(|entry| (entry.range.start, entry.range.end));
    check_cover(&entries, data_start, data_len)?;
    for entry in &mut entries {
        // In bounds, as `check_cover` has found every range within the file.
        entry.range.start = entry.range.start.saturating_add(data_start);
        entry.range.end = entry.range.end.saturating_add(data_start);
    }
    let (ties, checksums) = (Vec::new(), Vec::new());
    Ok(Header { entries, metadata, ties, checksums, named: true, format })
}

/// Reads a file.
///
/// # Memory
/// Tensors, and names without escapes, borrow from `bytes`.
///
/// # Errors
/// * [`Error::Truncated`] if the file ends before its header or its data do.
/// * [`Error::Limit`] if it claims more than `limits` allow.
/// * [`Error::NotUtf8`], [`Error::Header`], [`Error::MissingField`], [`Error::UnknownDType`] if
///   the header is malformed, with the place or the tensor.
/// * [`Error::Duplicate`] if a key occurs twice.
/// * [`Error::ShapeSize`], [`Error::ByteLength`], [`Error::OffsetsReversed`] if an entry
///   contradicts itself.
/// * [`Error::Hole`], [`Error::Overlap`] if the entries do not cover the data exactly.
///
/// # Panics
/// Never, whatever the bytes.
///
/// # Examples
/// ```
/// use gluonic_formats::{Limits, safetensors};
/// let mut bytes = vec![53, 0, 0, 0, 0, 0, 0, 0];
/// bytes.extend(br#"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}"#);
/// bytes.extend([7, 8]);
/// let archive = safetensors::read(&bytes, &Limits::default())?;
/// assert_eq!(archive.tensors[0].data(), [7, 8]);
/// # Ok::<(), gluonic_formats::Error>(())
/// ```
///
/// # Source
/// The format description in the README of huggingface/safetensors.
pub fn read<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Archive<'a>, Error> {
    let Header { entries, metadata, ties, named, format, .. } =
        read_header(bytes, bytes.len() as u64, limits)?;
    let tensors = entries.into_iter().map(|entry| {
        let data = bytes.get(entry.range).unwrap_or_default();
        RawTensor::new(entry.name, entry.dtype, entry.shape, data)
    });
    Ok(Archive { tensors: collect(tensors)?, metadata, ties, named, format })
}

/// Writes tensors into a new vector; see [`write_to`].
///
/// # Errors
/// As [`write_to`].
pub fn write(
    tensors: &[RawTensor<'_>],
    metadata: &IndexMap<String, String>,
) -> Result<Vec<u8>, Error> {
    let layout = Layout::new(tensors, metadata, Order::Canonical)?;
    let mut bytes = Vec::with_capacity(usize::try_from(layout.file_len()).unwrap_or(0));
    layout.write_to(&mut bytes, tensors)?;
    Ok(bytes)
}

/// Writes tensors in [canonical order](Order::Canonical): the same content gives the same bytes,
/// and with at most one metadata key they are those that the safetensors library writes.
///
/// # Memory
/// The header; no tensor is copied. `out` gets one call per tensor, so a file wants no buffer
/// unless its tensors are tiny.
///
/// # Errors
/// * [`Error::NotRepresentable`] for an element type that the format lacks, or a tensor named
///   `__metadata__`.
/// * [`Error::Duplicate`] if two tensors have one name.
/// * [`Error::Write`] if `out` refuses bytes.
pub fn write_to(
    out: &mut dyn Write,
    tensors: &[RawTensor<'_>],
    metadata: &IndexMap<String, String>,
) -> Result<(), Error> {
    Layout::new(tensors, metadata, Order::Canonical)?.write_to(out, tensors)
}

/// As [`write_to`], of tensors whose bytes are asked for in the order of the file.
///
/// # Errors
/// Those of [`write_to`]; [`Error::ByteLength`] if `data` gives more or fewer bytes than a tensor
/// has, [`Error::Write`] with what it fails with.
pub fn write_from(
    out: &mut dyn Write,
    tensors: &[TensorSpec<'_>],
    metadata: &IndexMap<String, String>,
    data: &mut Data<'_>,
) -> Result<(), Error> {
    Layout::of_specs(tensors, metadata, Order::Canonical)?.write_from(out, tensors, data)
}

/// Checks that sorted entries cover the data without hole or overlap, each with the bytes that
/// its shape demands. Ranges count from the start of the data here.
fn check_cover(entries: &[TensorEntry<'_>], data_start: usize, data_len: u64) -> Result<(), Error> {
    let mut covered = 0_usize;
    for TensorEntry { name, dtype, shape, range, .. } in entries {
        let name = || Cow::as_ref(name).into();
        let (start, end) = (range.start as u64, range.end as u64);
        let Some(expected) = byte_len(*dtype, shape) else {
            let shape = shape.as_slice().into();
            return Err(Error::ShapeSize { name: name(), dtype: *dtype, shape });
        };
        if range.len() != expected {
            let (shape, expected) = (shape.as_slice().into(), expected as u64);
            let found = range.len() as u64;
            return Err(Error::ByteLength { name: name(), dtype: *dtype, shape, expected, found });
        }
        if range.start > covered {
            return Err(Error::Hole { start: covered as u64, end: start });
        }
        if range.start < covered {
            return Err(Error::Overlap { name: name(), start, end: covered as u64 });
        }
        if end > data_len {
            let (format, what) = (Format::Safetensors, "a tensor's data");
            let offset = (data_start as u64).saturating_add(start);
            let found = data_len.saturating_sub(start);
            return Err(Error::Truncated { format, what, offset, expected: end - start, found });
        }
        covered = range.end;
    }
    if (covered as u64) < data_len {
        return Err(Error::Hole { start: covered as u64, end: data_len });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header of these names, types, shapes and offsets.
    fn header_of(entries: &[(&str, &str, &str, &str)]) -> String {
        let entries = entries.iter().map(|(name, dtype, shape, offsets)| {
            format!(
                r#""{name}":{{"dtype":"{dtype}","shape":[{shape}],"data_offsets":[{offsets}]}}"#
            )
        });
        format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
    }

    /// A file of this header and that many data bytes.
    fn file(header: impl AsRef<str>, data_len: usize) -> Vec<u8> {
        let header = header.as_ref();
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.resize(bytes.len() + data_len, 7);
        bytes
    }

    #[track_caller]
    fn refused(header: impl AsRef<str>, data_len: usize) -> Error {
        read(&file(header, data_len), &Limits::default()).unwrap_err()
    }

    #[test]
    fn tensors_come_in_the_order_of_their_bytes_and_borrow_them() {
        let bytes = file(header_of(&[("b", "U8", "2", "4,6"), ("a", "F32", "1", "0,4")]), 6);
        let archive = read(&bytes, &Limits::default()).unwrap();
        let names: Vec<_> = archive.tensors.iter().map(RawTensor::name).collect();
        assert_eq!(names, ["a", "b"]);
        assert!(bytes.as_ptr_range().contains(&archive.tensors[0].data().as_ptr()));
        assert!(matches!(archive.tensors[0].clone().into_parts().0, Cow::Borrowed("a")));
    }

    #[test]
    fn the_header_alone_is_enough_to_plan() {
        let bytes = file(header_of(&[("a", "F32", "1", "0,4")]), 4);
        let len = header_len(&bytes[..8], &Limits::default()).unwrap();
        let header = read_header(&bytes[..len], bytes.len() as u64, &Limits::default()).unwrap();
        assert_eq!(header.entries[0].range, len..len + 4);
        assert!(matches!(
            read_header(&bytes[..len], bytes.len() as u64 - 1, &Limits::default()),
            Err(Error::Truncated { expected: 4, found: 3, .. })
        ));
        assert!(read_header(&bytes[..len], 3, &Limits::default()).is_err());
    }

    #[test]
    fn a_hole_is_refused() {
        let inner = header_of(&[("a", "U8", "1", "0,1"), ("b", "U8", "1", "2,3")]);
        assert!(matches!(refused(inner, 3), Error::Hole { start: 1, end: 2 }));
        let front = header_of(&[("a", "U8", "1", "1,2")]);
        assert!(matches!(refused(front, 2), Error::Hole { start: 0, end: 1 }));
        let trailing = header_of(&[("a", "U8", "1", "0,1")]);
        assert!(matches!(refused(trailing, 3), Error::Hole { start: 1, end: 3 }));
        assert!(matches!(refused("{}", 1), Error::Hole { start: 0, end: 1 }));
    }

    #[test]
    fn an_overlap_is_refused() {
        let partly = header_of(&[("a", "U8", "2", "0,2"), ("b", "U8", "2", "1,3")]);
        match refused(partly, 3) {
            Error::Overlap { name, start: 1, end: 2 } => assert_eq!(&*name, "b"),
            other => panic!("{other:?}"),
        }
        let same = header_of(&[("a", "U8", "2", "0,2"), ("b", "U8", "2", "0,2")]);
        assert!(matches!(refused(same, 2), Error::Overlap { .. }));
    }

    #[test]
    fn offsets_beyond_the_file_or_reversed_are_refused() {
        let huge = header_of(&[("a", "U8", "1", "18446744073709551614,18446744073709551615")]);
        assert!(matches!(refused(huge, 1), Error::Hole { .. }));
        let beyond = header_of(&[("a", "U8", "9", "0,9")]);
        assert!(matches!(refused(beyond, 8), Error::Truncated { expected: 9, found: 8, .. }));
        let reversed = header_of(&[("a", "U8", "1", "1,0")]);
        assert!(matches!(refused(reversed, 1), Error::OffsetsReversed { start: 1, end: 0, .. }));
    }

    #[test]
    fn a_shape_product_that_overflows_is_refused() {
        for shape in ["4294967296,4294967296", "0,4611686018427387904,4", "18446744073709551615,8"]
        {
            let header = header_of(&[("a", "F32", shape, "0,0")]);
            assert!(matches!(refused(header, 0), Error::ShapeSize { .. }), "{shape}");
        }
    }

    #[test]
    fn a_shape_that_contradicts_the_offsets_is_refused() {
        let header = header_of(&[("a", "F32", "2", "0,4")]);
        assert!(matches!(refused(header, 4), Error::ByteLength { expected: 8, found: 4, .. }));
    }

    #[test]
    fn the_length_of_the_header_is_not_believed() {
        let limits = Limits::default();
        assert!(matches!(read(b"\0\0\0", &limits), Err(Error::Truncated { offset: 0, .. })));
        let beyond = b"\xff\0\0\0\0\0\0\0{}";
        assert!(matches!(read(beyond, &limits), Err(Error::Truncated { expected: 255, .. })));
        let huge = b"\xff\xff\xff\xff\xff\xff\xff\xff{}";
        assert!(matches!(read(huge, &limits), Err(Error::Limit { limit: 100_000_000, .. })));
    }
}
