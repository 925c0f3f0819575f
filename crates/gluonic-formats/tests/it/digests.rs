//! Digests: what they are of, what they do not depend on, and that they find damage.

use std::collections::BTreeMap;

use gluonic_formats::{
    Archive, DType, Digest, Error, Format, Limits, QuantType, RawTensor,
    digest::{self, Damage, ROOT_KEY, TENSORS_KEY, TensorHasher, digests, record, root, verify},
    mxnet_params, read, safetensors,
};
use indexmap::IndexMap;
use proptest::{collection::vec, prelude::*};

use crate::support::{Params, V2, V3};

fn tensor(name: &str, dtype: DType, shape: &[usize], data: Vec<u8>) -> RawTensor<'static> {
    RawTensor::new(name.to_owned(), dtype, shape.to_vec(), data).unwrap()
}

/// Computed once from the description in the module's documentation, by a few lines of Python over
/// the package `blake3`.
#[test]
fn digests_are_those_that_another_program_computes() {
    let tensors = [
        tensor("ü.weight", DType::F32, &[2, 3], (0..24).collect()),
        tensor("b", DType::Bool, &[], vec![1]),
        tensor("c", DType::Quantized(QuantType::Q4_0), &[32], (0..18).collect()),
    ];
    let found: Vec<String> = tensors.iter().map(|tensor| digest::of(tensor).to_string()).collect();
    assert_eq!(
        found,
        [
            "a82aed0557083ddbf7cc1287a923248521efb0f1d996a522572811f1a66ee706",
            "99de26949bf9399a21dec74aa346737c088ce75013a6b697c9d6fce88daa0ab8",
            "c46ffe786c376c5ce2f5b1bc51c4ef1d7b457d8357470ea678404d9a9b5911ab",
        ]
    );
    assert_eq!(
        root(&digests(&tensors).unwrap()).to_string(),
        "e69bb3fbdff016093faf39eb4ef41fdbdebb4354230ce756a5cbbbe15181958e"
    );
    assert_eq!(
        root(&BTreeMap::<&str, Digest>::new()).to_string(),
        "ff86cdf74ae2ade81d346a6fdd5dff11d32d5a6910c5d8e672df64fdbe9551c0"
    );
}

#[test]
fn one_content_has_one_root_in_every_format_order_and_division() {
    let a = tensor("a", DType::F32, &[2], vec![0, 0, 128, 63, 0, 0, 0, 64]);
    let b = tensor("b", DType::U8, &[1, 3], vec![7, 8, 9]);
    let expected = root(&digests(&[a.clone(), b.clone()]).unwrap());
    let v2 = Params::with_arrays(2)
        .u32(V2)
        .i32(0)
        .shape(&[2])
        .on_cpu(0)
        .bytes(a.data())
        .u32(V2)
        .i32(0)
        .shape(&[1, 3])
        .on_cpu(3)
        .bytes(b.data())
        .u64(2)
        .name(b"a")
        .name(b"b")
        .0;
    let v3 = Params::with_arrays(2)
        .u32(V3)
        .i32(0)
        .shape(&[1, 3])
        .on_cpu(3)
        .bytes(b.data())
        .u32(V3)
        .i32(0)
        .shape(&[2])
        .on_cpu(0)
        .bytes(a.data())
        .u64(2)
        .name(b"b")
        .name(b"a")
        .0;
    let written = mxnet_params::write(&[b.clone(), a.clone()]).unwrap();
    let metadata = IndexMap::from([("x".to_owned(), "y".to_owned())]);
    let stock = safetensors::write(&[a.clone(), b.clone()], &metadata).unwrap();
    for bytes in [v2, v3, written, stock] {
        let archive = read(&bytes, &Limits::default()).unwrap();
        assert_eq!(root(&digests(&archive.tensors).unwrap()), expected, "{:?}", archive.format);
    }
    // Two files: each gives its digests, the root is of all.
    let mut all = digests(std::slice::from_ref(&b)).unwrap();
    let first = [a];
    all.extend(digests(&first).unwrap());
    assert_eq!(root(&all), expected);
}

#[test]
fn name_type_shape_and_bytes_all_count() {
    let base = tensor("w", DType::U8, &[2, 2], vec![1, 2, 3, 4]);
    let root_of = |tensor: RawTensor<'_>| root(&digests(&[tensor]).unwrap());
    let others = [
        base.clone().with_name("v"),
        tensor("w", DType::I8, &[2, 2], vec![1, 2, 3, 4]),
        tensor("w", DType::U8, &[4], vec![1, 2, 3, 4]),
        tensor("w", DType::U8, &[4, 1], vec![1, 2, 3, 4]),
        tensor("w", DType::U8, &[1, 4], vec![1, 2, 3, 4]),
        tensor("w", DType::U8, &[2, 2], vec![1, 2, 4, 3]),
        tensor("w", DType::F4, &[4, 2], vec![1, 2, 3, 4]),
    ];
    let mut roots: Vec<Digest> = others.into_iter().map(root_of).collect();
    roots.push(root_of(base.clone()));
    roots.sort_unstable();
    roots.dedup();
    assert_eq!(roots.len(), 8);
    let empty = |shape: &[usize]| digest::of(&tensor("e", DType::F32, shape, vec![]));
    assert_ne!(empty(&[0, 3]), empty(&[3, 0]));
    let (plus, minus) = (0.0_f32.to_le_bytes().to_vec(), (-0.0_f32).to_le_bytes().to_vec());
    let of = |data| digest::of(&tensor("z", DType::F32, &[], data));
    assert_ne!(of(plus), of(minus));
}

#[test]
fn every_type_has_a_digest_of_its_own() {
    let quantized = QuantType::ALL.into_iter().map(DType::Quantized);
    let mut all: Vec<Digest> = DType::ALL
        .into_iter()
        .chain(quantized)
        .map(|dtype| digest::of(&tensor("w", dtype, &[0], vec![])))
        .collect();
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), count);
}

#[test]
fn a_text_of_a_digest_is_read_strictly() {
    let digest = digest::of(&tensor("w", DType::U8, &[0], vec![]));
    let text = digest.to_string();
    assert_eq!(text.parse::<Digest>().unwrap(), digest);
    assert_eq!(Digest::from_bytes(*digest.as_bytes()), digest);
    assert_eq!(format!("{digest:?}"), format!("Digest({text})"));
    for wrong in [
        text.to_uppercase(),
        text[1..].to_owned(),
        format!("{text}0"),
        format!("g{}", &text[1..]),
        String::new(),
        "ü".repeat(32),
    ] {
        assert!(matches!(wrong.parse::<Digest>(), Err(Error::Digest { .. })), "{wrong}");
    }
}

#[test]
fn a_hasher_notices_bytes_that_are_missing_or_too_many() {
    let mut hasher = TensorHasher::new("w", DType::F32, &[2]).unwrap();
    hasher.update(&[0; 7]);
    let error = hasher.clone().finish().unwrap_err();
    assert!(matches!(error, Error::ByteLength { expected: 8, found: 7, .. }), "{error}");
    hasher.update(&[0; 2]);
    assert!(hasher.finish().is_err());
    assert!(matches!(TensorHasher::new("w", DType::F4, &[3]), Err(Error::ShapeSize { .. })));
}

/// A file with its record.
fn recorded() -> Vec<u8> {
    let tensors = [
        tensor("a", DType::F32, &[2], (1..9).collect()),
        tensor("b.\"ü\"", DType::Bool, &[3], vec![0, 1, 1]),
        tensor("c", DType::F4, &[2, 1], vec![0x21]),
        tensor("d", DType::F64, &[], vec![0; 8]),
    ];
    let metadata = record(&digests(&tensors).unwrap());
    safetensors::write(&tensors, &metadata).unwrap()
}

fn archive(bytes: &[u8]) -> Archive<'_> {
    read(bytes, &Limits::default()).unwrap()
}

#[test]
fn a_sound_file_verifies_and_one_without_a_record_says_so() {
    assert_eq!(verify(&archive(&recorded())).unwrap(), Some(vec![]));
    let plain = safetensors::write(&[], &IndexMap::new()).unwrap();
    assert_eq!(verify(&archive(&plain)).unwrap(), None);
}

#[test]
fn the_record_does_not_depend_on_order() {
    let (a, b) = (tensor("a", DType::U8, &[1], vec![1]), tensor("b", DType::U8, &[1], vec![2]));
    let one = record(&digests(&[a.clone(), b.clone()]).unwrap());
    let two = record(&digests(&[b, a]).unwrap());
    assert_eq!(one, two);
    assert_eq!(one.keys().collect::<Vec<_>>(), [ROOT_KEY, TENSORS_KEY]);
}

#[test]
fn damaged_added_and_missing_tensors_are_named() {
    let bytes = recorded();
    let mut archive = archive(&bytes);
    let place = archive.tensors.iter().position(|tensor| tensor.name() == "a").unwrap();
    let old = digest::of(&archive.tensors[place]);
    archive.tensors[place] = tensor("a", DType::F32, &[2], vec![0; 8]);
    archive.tensors.retain(|tensor| tensor.name() != "d");
    archive.tensors.push(tensor("x", DType::U8, &[0], vec![]));
    let damage = verify(&archive).unwrap().unwrap();
    let new = digest::of(archive.get("a").unwrap());
    assert_eq!(damage[0], Damage { name: "a".into(), expected: Some(old), found: Some(new) });
    assert_eq!((&*damage[1].name, damage[1].found), ("d", None));
    assert_eq!((&*damage[2].name, damage[2].expected), ("x", None));
    assert_eq!(damage.len(), 3);
}

#[test]
fn a_broken_record_is_an_error_of_its_own() {
    let bytes = recorded();
    let broken = |edit: &dyn Fn(&mut IndexMap<String, String>)| {
        let mut archive = archive(&bytes);
        edit(&mut archive.metadata);
        match verify(&archive) {
            Err(error @ (Error::Digest { .. } | Error::Duplicate { .. })) => error.to_string(),
            other => panic!("{other:?}"),
        }
    };
    let set = |key: &'static str, value: &'static str| {
        move |metadata: &mut IndexMap<String, String>| {
            metadata.insert(key.into(), value.into());
        }
    };
    assert!(
        broken(&|m| drop(m.shift_remove(ROOT_KEY))).contains("`gluonic.digest`: it is missing")
    );
    assert!(broken(&|m| drop(m.shift_remove(TENSORS_KEY))).contains("digests`: it is missing"));
    assert!(broken(&set(ROOT_KEY, "00")).contains("it is no digest"));
    assert!(broken(&set(TENSORS_KEY, "{}")).contains("not that of the digests recorded"));
    assert!(broken(&set(TENSORS_KEY, "[]")).contains("expected an object of strings"));
    assert!(broken(&set(TENSORS_KEY, r#"{"a":"0"}"#)).contains("no digest of 64 digits"));
    assert!(broken(&set(TENSORS_KEY, r#"{"a":"0","a":"0"}"#)).contains("occurs twice"));
}

#[test]
fn every_bit_flip_of_a_file_is_found() {
    let mut bytes = recorded();
    let (mut damaged, mut refused) = (0, 0);
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        match read(&bytes, &Limits::default()).and_then(|archive| verify(&archive)) {
            Err(_) => refused += 1,
            Ok(Some(damage)) => {
                assert!(!damage.is_empty(), "bit {bit}");
                damaged += 1;
            }
            Ok(None) => panic!("bit {bit} hides the record"),
        }
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
    assert!(damaged >= 20 * 8, "{damaged} {refused}");
}

proptest! {
    #[test]
    fn pieces_of_any_length_give_the_digest_of_the_whole(
        data in vec(any::<u8>(), 0..5000),
        cuts in vec(0_usize..700, 0..20),
    ) {
        let whole = tensor("w", DType::U8, &[data.len()], data.clone());
        let mut hasher = TensorHasher::new("w", DType::U8, &[data.len()]).unwrap();
        let mut rest = data.as_slice();
        for cut in cuts {
            let (piece, after) = rest.split_at(cut.min(rest.len()));
            hasher.update(piece);
            rest = after;
        }
        hasher.update(rest);
        prop_assert_eq!(hasher.finish().unwrap(), digest::of(&whole));
    }

    #[test]
    fn any_changed_byte_changes_the_root(
        data in vec(any::<u8>(), 1..3000),
        place in any::<prop::sample::Index>(),
        change in 1_u8..,
    ) {
        let one = tensor("w", DType::U8, &[data.len()], data.clone());
        let mut data = data;
        *place.get_mut::<u8>(&mut data) ^= change;
        let two = tensor("w", DType::U8, &[data.len()], data);
        prop_assert_ne!(root(&digests(&[one]).unwrap()), root(&digests(&[two]).unwrap()));
    }

    #[test]
    fn arbitrary_records_are_refused_or_compared(
        root_text in ".{0,70}",
        json in r#"[{}":,a-f0-9\\]{0,60}"#,
    ) {
        let metadata = IndexMap::from([
            (ROOT_KEY.to_owned(), root_text), (TENSORS_KEY.to_owned(), json),
        ]);
        let archive = Archive {
            tensors: vec![], metadata, ties: vec![], named: true, format: Format::Safetensors,
        };
        let _ = verify(&archive);
    }
}
