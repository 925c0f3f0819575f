//! Hand-made zip files that lie.

use gluonic_formats::{DType, Error, Limits, RawTensor, npz, read_header};

const LIST_ENTRY: &[u8] = b"PK\x01\x02";
const HEADER: &[u8] = b"PK\x03\x04";

/// Two arrays of four bytes.
fn honest() -> Vec<u8> {
    let tensor = |name| RawTensor::new(name, DType::U8, vec![4], vec![1, 2, 3, 4]).unwrap();
    npz::write(&[tensor("a"), tensor("b")]).unwrap()
}

fn places(bytes: &[u8], mark: &[u8]) -> Vec<usize> {
    (0..bytes.len()).filter(|&place| bytes[place..].starts_with(mark)).collect()
}

/// The error of a file changed by `edit`.
#[track_caller]
fn refused(edit: impl Fn(&mut Vec<u8>)) -> String {
    let mut bytes = honest();
    edit(&mut bytes);
    let error = npz::read(&bytes, &Limits::default()).unwrap_err();
    error.to_string()
}

/// Writes `new` at `place` from the start of a member's own header and of its entry in the list,
/// where each field of the header stands two bytes later.
fn in_both(bytes: &mut [u8], place: usize, new: &[u8]) {
    for (mark, shift) in [(HEADER, 0), (LIST_ENTRY, 2)] {
        let start = places(bytes, mark)[0] + place + shift;
        bytes[start..start + new.len()].copy_from_slice(new);
    }
}

#[track_caller]
fn check(edit: impl Fn(&mut Vec<u8>), reason: &str) {
    let message = refused(edit);
    assert!(message.ends_with(reason), "{message}");
    assert!(message.contains("at byte"), "{message}");
}

#[test]
fn encrypted_and_unknown_members_are_refused() {
    check(|bytes| in_both(bytes, 6, &[1, 0]), "it is encrypted");
    check(|bytes| in_both(bytes, 8, &[93, 0]), "it is compressed by a method other than deflate");
}

#[test]
fn files_in_several_parts_are_refused() {
    check(
        |bytes| {
            let end = bytes.len() - 22;
            bytes[end + 4] = 1;
        },
        "it is one part of several",
    );
    check(
        |bytes| {
            let entry = places(bytes, LIST_ENTRY)[0];
            bytes[entry + 34] = 1;
        },
        "it stands in another part of the file",
    );
}

#[test]
fn a_header_that_contradicts_the_list_is_refused() {
    for place in [6, 14, 18, 22, 30] {
        check(
            |bytes| bytes[place] ^= 2,
            if place == 30 { "its own header and the list disagree" } else { "disagree" },
        );
    }
}

#[test]
fn changed_bytes_are_noticed_by_their_checksum() {
    let message = refused(|bytes| {
        let data = places(bytes, &[1, 2, 3, 4])[1];
        bytes[data] = 9;
    });
    assert!(message.starts_with("member `b.npy` at byte "), "{message}");
    assert!(message.contains("is corrupt: its checksum should be"), "{message}");
}

#[test]
fn members_that_share_bytes_are_refused() {
    check(
        |bytes| {
            // The second entry becomes a copy of the first under another name, which its own
            // header must have too: let both point to one header.
            let entries = places(bytes, LIST_ENTRY);
            let first = bytes[entries[0]..entries[1]].to_vec();
            bytes[entries[1]..entries[1] + first.len()].copy_from_slice(&first);
        },
        "two members share bytes",
    );
}

#[test]
fn a_name_that_occurs_twice_is_refused() {
    let message = refused(|bytes| {
        for mark in [HEADER, LIST_ENTRY] {
            let start = places(bytes, mark)[1] + if mark == HEADER { 30 } else { 46 };
            bytes[start] = b'a';
        }
    });
    assert_eq!(message, "`a.npy` occurs twice among the members of the zip file");
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let named = |name: &str| {
        let name = name.to_owned();
        move |bytes: &mut Vec<u8>| {
            for (mark, place) in [(HEADER, 30), (LIST_ENTRY, 46)] {
                let start = places(bytes, mark)[0] + place;
                bytes[start..start + 5].copy_from_slice(name.as_bytes());
            }
        }
    };
    check(named("/anpy"), "its name is an absolute path");
    check(named("c:/py"), "its name is an absolute path");
    check(named("../py"), "its name leads out of the folder");
    check(named("a\\..\\"), "its name leads out of the folder");
    check(named("a\0npy"), "its name has a zero byte");
}

#[test]
fn sizes_and_places_are_not_believed() {
    check(
        |bytes| {
            let entry = places(bytes, LIST_ENTRY)[0];
            bytes[entry + 42..entry + 46].copy_from_slice(&0x7fff_ffff_u32.to_le_bytes());
        },
        "it starts after the list",
    );
    let message = refused(|bytes| {
        in_both(bytes, 18, &0x7fff_ffff_u32.to_le_bytes());
        in_both(bytes, 22, &0x7fff_ffff_u32.to_le_bytes());
    });
    assert!(message.starts_with("npz file ends too early: a member at byte"), "{message}");
    check(
        |bytes| in_both(bytes, 22, &0x7fff_ffff_u32.to_le_bytes()),
        "it is not compressed, but its two lengths differ",
    );
    check(
        |bytes| {
            in_both(bytes, 8, &[8, 0]);
            in_both(bytes, 22, &0x7fff_ffff_u32.to_le_bytes());
        },
        "it claims to be longer than its compressed bytes can say",
    );
    check(
        |bytes| {
            let end = bytes.len() - 22;
            bytes[end + 8..end + 12].copy_from_slice(&[0xff; 4]);
        },
        "its list is too short for its members",
    );
    check(|bytes| bytes.truncate(bytes.len() - 1), "its list of members is missing");
    check(|bytes| bytes.splice(..0, *b"PK\x03\x04").for_each(drop), "not where it says");
}

#[test]
fn what_stands_in_the_files_comment_is_no_list() {
    let mut bytes = honest();
    let comment = b"PK\x05\x06 a comment".as_slice();
    let end = bytes.len() - 2;
    bytes[end] = comment.len() as u8;
    bytes.extend(comment);
    assert_eq!(npz::read(&bytes, &Limits::default()).unwrap().tensors.len(), 2);
    assert!(read_header(&bytes, &Limits::default()).is_ok());
}

/// A compressed array of `len` zeros.
fn bomb(len: usize) -> Vec<u8> {
    use std::io::Write;
    let header = npy_header(len);
    let mut deflater = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    deflater.write_all(&header).unwrap();
    deflater.write_all(&vec![0; len]).unwrap();
    let stored = deflater.finish().unwrap();
    let mut crc = flate2::Crc::new();
    crc.update(&header);
    crc.update(&vec![0; len]);
    let sizes = [crc.sum(), stored.len() as u32, (header.len() + len) as u32];
    let sizes = sizes.map(u32::to_le_bytes).concat();
    let common = [&[20, 0, 0, 0, 8, 0, 0, 0, 0, 0], &*sizes, &[5, 0, 0, 0]].concat();
    let mut bytes = [HEADER, &common, b"a.npy", &stored].concat();
    let start = bytes.len();
    bytes.extend([LIST_ENTRY, &[0, 0], &common, &[0; 14], b"a.npy"].concat());
    let list_len = (bytes.len() - start) as u32;
    bytes.extend([b"PK\x05\x06".as_slice(), &[0, 0, 0, 0, 1, 0, 1, 0]].concat());
    bytes.extend([list_len, start as u32].map(u32::to_le_bytes).concat());
    bytes.extend([0, 0]);
    bytes
}

fn npy_header(len: usize) -> Vec<u8> {
    let text = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({len},)}}");
    let head = [b"\x93NUMPY\x01\0".as_slice(), &(text.len() as u16).to_le_bytes()].concat();
    [&*head, text.as_bytes()].concat()
}

#[test]
fn a_zip_bomb_is_refused_before_it_is_inflated() {
    let small = bomb(1 << 20);
    let archive = npz::read(&small, &Limits::default()).unwrap();
    assert_eq!(archive.tensors[0].shape(), [1 << 20]);
    let large = bomb(64 << 20);
    assert!(large.len() < 1 << 20);
    let error = npz::read(&large, &Limits::default()).unwrap_err();
    assert!(matches!(error, Error::Limit { what: "memory for the reader", .. }), "{error}");
    // The header is read from the first bytes alone.
    let header = read_header(&large, &Limits::default()).unwrap();
    assert_eq!(header.entries[0].shape, [64 << 20]);
}
