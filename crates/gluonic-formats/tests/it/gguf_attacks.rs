//! GGUF files that lie. The first four are the shapes of known vulnerabilities of other readers.

use gluonic_formats::{Error, Limits, gguf, read, read_header};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::{
    gguf_builder::{ARRAY, BOOL, F32, Gguf, I8, Q4_0, STRING, U8, U32, small},
    gguf_files::peer,
    hostile_bytes::read_all,
};

#[track_caller]
fn refused(file: &Gguf) -> Error {
    let error = read(&file.0, &Limits::default()).unwrap_err();
    assert_eq!(
        read_header(&file.0, &Limits::default()).unwrap_err().to_string(),
        error.to_string()
    );
    error
}

/// A file of one tensor with 32 bytes of data.
fn one_tensor(dims: &[u64], number: u32, offset: u64) -> Gguf {
    Gguf::new(3, 1, 0).tensor("w", dims, number, offset).pad().bytes(&[7; 32])
}

#[test]
fn a_product_of_dims_that_overflows_is_refused() {
    for dims in [
        &[1 << 32, 1 << 32][..],
        &[1 << 63, 2],
        &[u64::MAX],
        &[0, 1 << 62, 8],
        &[1 << 62, 1, 1, 1],
        // The product wraps to 8 elements.
        &[(1 << 61) + 1, 8],
    ] {
        assert!(matches!(refused(&one_tensor(dims, F32, 0)), Error::ShapeSize { .. }), "{dims:?}");
    }
}

#[test]
fn a_place_and_size_that_overflow_are_refused() {
    let last = u64::MAX - 31;
    for offset in [last, 1 << 63, 1 << 40, 32] {
        let error = refused(&one_tensor(&[8], F32, offset));
        assert!(matches!(error, Error::Hole { start: 0, .. }), "{error}");
    }
    let file = Gguf::new(3, 2, 0).tensor("a", &[1 << 62], I8, 0).tensor("b", &[8], F32, 1 << 62);
    let error = refused(&file.pad().bytes(&[7; 32]));
    assert!(matches!(error, Error::Truncated { found: 32, .. }), "{error}");
}

#[test]
fn counts_are_not_believed() {
    let error = refused(&Gguf::new(3, u64::MAX, 0));
    assert!(matches!(error, Error::Limit { found: u64::MAX, .. }), "{error}");
    let error = refused(&Gguf::new(3, 1_000_000, 0));
    assert!(matches!(error, Error::Truncated { .. }), "{error}");
    let error = refused(&Gguf::new(3, 0, u64::MAX));
    assert!(matches!(error, Error::Truncated { .. }), "{error}");
    let error = refused(&Gguf::new(3, 1, 0).text(b"w").u32(u32::MAX));
    assert!(matches!(error, Error::Limit { what: "the number of dims", .. }), "{error}");
}

#[test]
fn lengths_of_texts_are_not_believed() {
    let error = refused(&Gguf::new(3, 0, 1).u64(u64::MAX));
    assert!(matches!(error, Error::Limit { what: "the length of a name", .. }), "{error}");
    let error = refused(&Gguf::new(3, 0, 1).u64(60_000));
    assert!(matches!(error, Error::Truncated { what: "a key", .. }), "{error}");
    for len in [u64::MAX, 1 << 62, 1 << 20] {
        let error = refused(&Gguf::new(3, 0, 1).key("k", STRING).u64(len));
        assert!(matches!(error, Error::Truncated { what: "a text", .. }), "{error}");
        let error = refused(&Gguf::new(3, 1, 0).u64(len));
        assert!(matches!(error, Error::Limit { .. }), "{error}");
    }
}

#[test]
fn lengths_of_arrays_are_not_believed() {
    for kind in [U8, U32, BOOL, STRING, ARRAY] {
        for len in [u64::MAX, 1 << 61, 1 << 40] {
            let error = refused(&Gguf::new(3, 0, 1).key("k", ARRAY).u32(kind).u64(len));
            assert!(matches!(error, Error::Truncated { .. }), "{error}");
        }
    }
}

#[test]
fn arrays_are_nested_to_a_bounded_depth() {
    let nested = |depth: usize| {
        let start = Gguf::new(3, 0, 1).key("k", ARRAY);
        let inner = (1..depth).fold(start, |file, _| file.u32(ARRAY).u64(1));
        inner.u32(U8).u64(2).bytes(&[1, 2])
    };
    let archive = nested(8);
    let archive = read(&archive.0, &Limits::default()).unwrap();
    assert_eq!(archive.metadata["k"], "[[[[[[[[1,2]]]]]]]]");
    for depth in [9, 100_000] {
        let error = refused(&nested(depth));
        assert!(error.to_string().contains("nested deeper than 8"), "{error}");
    }
}

#[test]
fn names_and_keys_that_occur_twice_are_refused() {
    let file = Gguf::new(3, 2, 0).tensor("w", &[32], I8, 0).tensor("w", &[32], I8, 32);
    let error = refused(&file.pad().bytes(&[0; 64]));
    assert_eq!(error.to_string(), "`w` occurs twice among the tensor names");
    let file = Gguf::new(3, 0, 2).key("k", U32).u32(1).key("k", U32).u32(1);
    assert_eq!(refused(&file).to_string(), "`k` occurs twice among the metadata");
    let twice = Gguf::new(3, 0, 2).key("general.alignment", U32).u32(32);
    let error = refused(&twice.key("general.alignment", U32).u32(64));
    assert!(matches!(error, Error::Duplicate { .. }), "{error}");
}

#[test]
fn an_alignment_that_is_no_power_of_two_is_refused() {
    for alignment in [0, 3, 24, u32::MAX] {
        let file = Gguf::new(3, 0, 1).key("general.alignment", U32).u32(alignment);
        let error = refused(&file);
        assert!(error.to_string().contains("must be a power of two"), "{error}");
    }
    let error = refused(&Gguf::new(3, 0, 1).key("general.alignment", STRING).text(b"32"));
    assert!(error.to_string().contains("must be a `u32`"), "{error}");
    // The greatest: the data would start at 2 GiB.
    let file = Gguf::new(3, 1, 1).key("general.alignment", U32).u32(1 << 31);
    let error = refused(&file.tensor("w", &[1], I8, 0).pad().bytes(&[1; 64]));
    assert!(matches!(error, Error::Truncated { offset: 0x8000_0000, .. }), "{error}");
    let file = Gguf::new(3, 1, 1).key("general.alignment", U32).u32(1);
    let file = file.tensor("w", &[1], I8, 0).bytes(&[9]);
    assert_eq!(read(&file.0, &Limits::default()).unwrap().tensors[0].data(), [9]);
}

#[test]
fn a_place_that_is_not_aligned_is_refused() {
    let error = refused(&one_tensor(&[8], F32, 4));
    assert_eq!(
        error.to_string(),
        "malformed GGUF header at byte 49, entry `w`: its data starts at byte 4 of the data, \
         no multiple of the alignment, 32"
    );
}

#[test]
fn overlapping_tensors_are_refused() {
    let file = Gguf::new(3, 2, 0).tensor("a", &[33], I8, 0).tensor("b", &[32], I8, 32);
    let error = refused(&file.pad().bytes(&[0; 64]));
    assert!(matches!(error, Error::Overlap { start: 32, end: 33, .. }), "{error}");
    let file = Gguf::new(3, 2, 0).tensor("a", &[32], I8, 0).tensor("b", &[32], I8, 0);
    let error = refused(&file.pad().bytes(&[0; 64]));
    assert!(matches!(error, Error::Overlap { start: 0, end: 32, .. }), "{error}");
}

#[test]
fn tensors_beyond_the_file_are_refused() {
    let error = refused(&one_tensor(&[9], F32, 0));
    assert!(
        matches!(error, Error::Truncated { offset: 64, expected: 36, found: 32, .. }),
        "{error}"
    );
    let file = Gguf::new(3, 1, 0).tensor("w", &[8], F32, 0);
    let error = refused(&file);
    assert!(matches!(error, Error::Truncated { expected: 32, found: 0, .. }), "{error}");
}

#[test]
fn bytes_of_no_tensor_are_refused() {
    let file = Gguf::new(3, 2, 0).tensor("a", &[32], I8, 0).tensor("b", &[32], I8, 64);
    let error = refused(&file.pad().bytes(&[0; 96]));
    assert!(matches!(error, Error::Hole { start: 32, end: 64 }), "{error}");
    let error = refused(&one_tensor(&[1], I8, 0).bytes(&[0]));
    assert!(matches!(error, Error::Hole { start: 1, end: 33 }), "{error}");
}

#[test]
fn types_that_are_unknown_or_removed_are_refused_by_name() {
    let refused = |number| refused(&one_tensor(&[32], number, 0)).to_string();
    assert_eq!(
        refused(4),
        "tensor `w` has the unknown element type `Q4_2, removed from the format`"
    );
    assert!(refused(31).contains("`Q4_0_4_4, removed"));
    assert_eq!(refused(u32::MAX), "tensor `w` has the unknown element type `4294967295`");
}

#[test]
fn rows_that_are_no_whole_blocks_are_refused() {
    for dims in [&[16, 2][..], &[33], &[]] {
        assert!(matches!(refused(&one_tensor(dims, Q4_0, 0)), Error::ShapeSize { .. }), "{dims:?}");
    }
}

#[test]
fn values_of_no_known_kind_are_refused() {
    let error = refused(&Gguf::new(3, 0, 1).key("k", 13));
    assert!(matches!(error, Error::Magic { what: "kind of value", found: 13, .. }), "{error}");
    let error = refused(&Gguf::new(3, 0, 1).key("k", ARRAY).u32(99).u64(0));
    assert!(matches!(error, Error::Magic { what: "kind of value", found: 99, .. }), "{error}");
    for file in [
        Gguf::new(3, 0, 1).key("k", BOOL).bytes(&[2]),
        Gguf::new(3, 0, 1).key("k", ARRAY).u32(BOOL).u64(2).bytes(&[1, 2]),
    ] {
        let error = refused(&file);
        assert!(matches!(error, Error::Magic { what: "truth value", found: 2, .. }), "{error}");
    }
}

#[test]
fn texts_that_are_not_utf8_are_refused() {
    let bad = b"a\xff";
    for file in [
        Gguf::new(3, 0, 1).text(bad),
        Gguf::new(3, 0, 1).key("k", STRING).text(bad),
        Gguf::new(3, 0, 1).key("k", ARRAY).u32(STRING).u64(1).text(bad),
        Gguf::new(3, 1, 0).text(bad),
    ] {
        let error = refused(&file);
        assert!(matches!(error, Error::NotUtf8 { .. }), "{error}");
        assert_eq!(file.0[error.offset().unwrap() as usize], 0xff);
    }
}

#[test]
fn every_prefix_of_a_file_is_refused_unless_only_padding_is_missing() {
    for bytes in [small(2), small(3)] {
        let end = bytes.len() - 14; // The padding after 18 bytes.
        for len in 0..=bytes.len() {
            assert_eq!(read(&bytes[..len], &Limits::default()).is_ok(), len >= end, "{len}");
            read_all(&bytes[..len]);
        }
    }
}

#[test]
fn files_with_one_wrong_byte_are_read_or_refused() {
    let mut bytes = small(3);
    for place in 0..bytes.len() {
        let old = bytes[place];
        for new in 0..=255 {
            bytes[place] = new;
            read_all(&bytes);
            if let Ok(metadata) = gguf::read_metadata(&bytes, &Limits::default()) {
                metadata.pairs.values().for_each(|value| drop(value.to_string()));
            }
        }
        bytes[place] = old;
    }
}

#[test]
fn the_peers_file_cut_short_is_refused() {
    let bytes = peer();
    for len in (0..bytes.len() - 32).step_by(11) {
        assert!(read(&bytes[..len], &Limits::default()).is_err(), "{len}");
    }
}

fn word() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => select(vec![0_u32, 1, 2, 3, 7, 8, 9, 12, 13, 24, u32::MAX])
            .prop_map(|n| n.to_le_bytes().to_vec()),
        4 => select(vec![0_u64, 1, 2, 3, 32, 64, 1 << 32, 1 << 62, u64::MAX])
            .prop_map(|n| n.to_le_bytes().to_vec()),
        2 => select(vec!["a", "b", "general.alignment"]).prop_map(|t| Gguf::default().text(t.as_bytes()).0),
        1 => vec(any::<u8>(), 0..9),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn arbitrary_headers_are_refused_or_read(
        counts in (0_u64..4, 0_u64..4),
        words in vec(word(), 0..40),
    ) {
        read_all(&Gguf::new(3, counts.0, counts.1).bytes(&words.concat()).0);
    }

    #[test]
    fn files_with_many_wrong_bytes_are_read_or_refused(
        edits in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        theirs: bool,
    ) {
        let mut bytes = if theirs { peer() } else { small(3) };
        // Of the peer's file the part before the data, where a byte matters.
        let head = bytes.len().min(4096);
        for (place, byte) in edits {
            *place.get_mut::<u8>(&mut bytes[..head]) = byte;
        }
        read_all(&bytes);
    }
}
