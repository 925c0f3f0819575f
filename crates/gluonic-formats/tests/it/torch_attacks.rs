//! Hand-made pickles that lie, loop, or want to run something.

use gluonic_formats::{Archive, Error, Limits, read, read_header};

/// A file of the older layout: this object and these storages.
fn legacy(object: &[u8], storages: &[(&str, u64, &[u8])]) -> Vec<u8> {
    let mut bytes = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.".to_vec();
    bytes.extend(b"\x80\x02M\xe9\x03.\x80\x02}.\x80\x02");
    bytes.extend(object);
    bytes.extend(b".\x80\x02](");
    for (key, ..) in storages {
        bytes.extend(text(key));
    }
    bytes.extend(b"e.");
    for (_, len, data) in storages {
        bytes.extend(len.to_le_bytes());
        bytes.extend(*data);
    }
    bytes
}

fn text(text: &str) -> Vec<u8> {
    [b"X".as_slice(), &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat()
}

fn int(n: u64) -> Vec<u8> {
    [b"\x8a\x09".as_slice(), &n.to_le_bytes(), &[0]].concat()
}

fn tuple(items: &[Vec<u8>]) -> Vec<u8> {
    [b"(".as_slice(), &items.concat(), b"t"].concat()
}

fn ints(items: &[u64]) -> Vec<u8> {
    tuple(&items.iter().map(|&n| int(n)).collect::<Vec<_>>())
}

fn storage(class: &str, key: &str, n_elems: u64) -> Vec<u8> {
    let class = format!("ctorch\n{class}\n").into_bytes();
    [tuple(&[text("storage"), class, text(key), text("cpu"), int(n_elems)]), b"Q".to_vec()].concat()
}

fn tensor(storage: Vec<u8>, offset: u64, shape: &[u64], strides: &[u64]) -> Vec<u8> {
    let args =
        tuple(&[storage, int(offset), ints(shape), ints(strides), b"\x89".into(), b"N".into()]);
    [b"ctorch._utils\n_rebuild_tensor_v2\n".as_slice(), &args, b"R"].concat()
}

fn dict(pairs: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let pairs = pairs.iter().flat_map(|(key, value)| [text(key), value.clone()]);
    [b"}(".as_slice(), &pairs.collect::<Vec<_>>().concat(), b"u"].concat()
}

const FOUR: &[u8] = &[1, 2, 3, 4];

#[track_caller]
fn refused(bytes: &[u8]) -> Error {
    let error = read(bytes, &Limits::default()).unwrap_err();
    assert!(read_header(bytes, &Limits::default()).is_err(), "{error}");
    error
}

#[track_caller]
fn refused_view(offset: u64, shape: &[u64], strides: &[u64]) -> Error {
    let object = dict(&[("w", tensor(storage("ByteStorage", "k", 4), offset, shape, strides))]);
    refused(&legacy(&object, &[("k", 4, FOUR)]))
}

#[track_caller]
fn check(object: &[u8], reason: &str) {
    match refused(&legacy(object, &[])) {
        Error::Pickle { reason: found, .. } => assert_eq!(&*found, reason),
        other => panic!("{other}"),
    }
}

fn accepted(bytes: &[u8]) -> Archive<'_> {
    read_header(bytes, &Limits::default()).unwrap();
    read(bytes, &Limits::default()).unwrap()
}

#[test]
fn nothing_is_run_and_the_error_names_it() {
    let calls: [&[u8]; 5] = [
        b"cos\nsystem\nX\x04\0\0\0true\x85R",
        b"X\x02\0\0\0osX\x06\0\0\0system\x93X\x04\0\0\0true\x85R",
        b"cos\nsystem\nX\x04\0\0\0true\x85\x81",
        b"cos\nsystem\nX\x04\0\0\0true\x85}\x92",
        b"cos\nsystem\n",
    ];
    for object in calls {
        let error = refused(&legacy(object, &[]));
        assert!(matches!(&error, Error::Foreign { global } if &**global == "os.system"), "{error}");
        assert!(error.to_string().contains("`os.system`"));
    }
    // Within a dict too, even through a call of what a call gave; the tensor beside it is read.
    let object = dict(&[
        ("evil", b"cbuiltins\neval\nX\x01\0\0\0x\x85R)R}b".to_vec()),
        ("w", tensor(storage("ByteStorage", "k", 4), 0, &[4], &[1])),
    ]);
    let bytes = legacy(&object, &[("k", 4, FOUR)]);
    let archive = accepted(&bytes);
    assert_eq!(archive.metadata["evil"], "<builtins.eval>");
    assert_eq!(archive.get("w").unwrap().data(), FOUR);
}

#[test]
fn a_tensor_that_depends_on_an_unknown_object_is_refused_by_its_name() {
    let stand_in = b"cmine\nStorage\n)R".to_vec();
    let error = refused(&legacy(&dict(&[("w", tensor(stand_in, 0, &[4], &[1]))]), &[]));
    assert!(matches!(&error, Error::Foreign { global } if &**global == "mine.Storage"), "{error}");
    let unknown = tensor(storage("QInt8Storage", "k", 4), 0, &[4], &[1]);
    let error = refused(&legacy(&dict(&[("w", unknown)]), &[]));
    assert!(
        matches!(&error, Error::Foreign { global } if &**global == "torch.QInt8Storage"),
        "{error}"
    );
}

#[test]
fn views_beyond_their_storage_are_refused() {
    assert!(matches!(refused_view(0, &[5], &[1]), Error::OutOfStorage { end: 5, len: 4, .. }));
    assert!(matches!(refused_view(1, &[4], &[1]), Error::OutOfStorage { end: 5, .. }));
    assert!(matches!(refused_view(0, &[2, 2], &[3, 1]), Error::OutOfStorage { end: 5, .. }));
    let far = refused_view(u64::MAX / 2, &[1], &[1]);
    assert!(matches!(far, Error::OutOfStorage { .. }), "{far}");
    let wide = refused_view(0, &[3], &[u64::MAX / 2]);
    assert!(matches!(wide, Error::OutOfStorage { end: u64::MAX, .. }), "{wide}");
    assert!(matches!(refused_view(0, &[1 << 40, 1 << 40], &[0, 0]), Error::ShapeSize { .. }));
    assert!(matches!(refused_view(u64::MAX, &[1], &[1]), Error::Pickle { .. }));
    assert!(matches!(refused_view(0, &[2], &[]), Error::Pickle { .. }));
}

#[test]
fn an_expanded_tensor_is_bounded_by_the_limits() {
    let object = |n| dict(&[("w", tensor(storage("ByteStorage", "k", 4), 1, &[n], &[0]))]);
    let bytes = legacy(&object(1000), &[("k", 4, FOUR)]);
    assert_eq!(accepted(&bytes).tensors[0].data(), [2; 1000]);
    let bytes = legacy(&object(1 << 40), &[("k", 4, FOUR)]);
    let error = read(&bytes, &Limits::default()).unwrap_err();
    assert!(matches!(error, Error::Limit { what: "memory for the reader", .. }), "{error}");
}

#[test]
fn storages_of_other_lengths_or_none_are_refused() {
    let object = |n| dict(&[("w", tensor(storage("FloatStorage", "k", n), 0, &[1], &[1]))]);
    // CVE-2026-24747: a length in the pickle that is not that of the bytes.
    let error = refused(&legacy(&object(2), &[("k", 1, FOUR)]));
    assert_eq!(error.to_string(), "storage `k` should have 8 bytes, found 4");
    let error = refused(&legacy(&object(u64::MAX >> 1), &[("k", 1, FOUR)]));
    assert!(matches!(error, Error::StorageLength { expected: u64::MAX, .. }), "{error}");
    let error = refused(&legacy(&object(1), &[]));
    assert!(matches!(error, Error::MissingMember { .. }), "{error}");
    let error = refused(&legacy(&object(1), &[("k", u64::MAX, FOUR)]));
    assert!(matches!(error, Error::Truncated { what: "a storage", found: 4, .. }), "{error}");
    let error = refused(&legacy(&object(1), &[("k", 1, FOUR), ("k", 1, FOUR)]));
    assert_eq!(error.to_string(), "`k` occurs twice among the storages");
    let error = refused(&legacy(&object(1), &[("k", 1, FOUR), ("other", 1, FOUR)]));
    assert!(error.to_string().ends_with("a storage has no known type"), "{error}");
}

#[test]
fn containers_are_what_they_are() {
    // CVE-2026-24747: SETITEM on what is no dict.
    check(b"]X\x01\0\0\0aK\x01s", "it sets an item of what is no dict");
    check(b"]q\0(K\x01K\x02u", "it sets an item of what is no dict");
    check(b"}K\x01a", "it appends to what is no list");
    check(b"}(K\x01K\x02K\x03u", "a key has no value");
    check(b"]}b", "it sets attributes of what can have none");
    check(b"K\x01)R", "it calls what is no function");
    check(b"cos\nsystem\nK\x01R", "the arguments of a call are no tuple");
    check(b"K\x01K\x02\x93", "the name of a Python object is no text");
    check(
        b"ctorch._utils\n_rebuild_tensor_v2\n)R",
        "the arguments of `torch._utils._rebuild_tensor_v2` are not those of PyTorch",
    );
    check(b"K\x01Q", "what it refers to outside of it is no storage");
}

#[test]
fn stacks_and_memos_are_not_left() {
    check(b"0", "the stack is empty");
    check(b"K\x01(0", "the stack is empty");
    check(b"t", "there is no mark");
    check(b"K\x01(\x85", "the stack is empty");
    check(b"h\x05", "it asks for what it has not stored");
    check(b"\x82\x01", "it asks for an extension of Python (EXT)");
    check(b"\x97", "it asks for a buffer outside of it");
    check(b"\xff", "there is no opcode 0xff");
    check(b"\x80\x09", "there is no protocol 9");
    check(b"K\x01", "it holds neither tensors nor a dict or list of them");
}

#[test]
fn lengths_are_not_believed() {
    for object in [
        b"X\xff\xff\xff\xff".as_slice(),
        b"\x8b\xff\xff\xff\x7f",
        b"\x8d\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\x95\xff\xff\xff\xff\xff\xff\xff\xff",
        b"cos",
    ] {
        let error = refused(&legacy(object, &[]));
        assert!(matches!(error, Error::Truncated { .. }), "{error}");
    }
    // A pickle that never stops.
    let mut endless = legacy(b"}", &[]);
    endless.truncate(endless.len() - b".\x80\x02](e.".len());
    assert!(matches!(refused(&endless), Error::Truncated { what: "an opcode of the pickle", .. }));
}

#[test]
fn depth_takes_no_stack() {
    // A list in a list, 100,000 deep, ends by the length of its name; empty ones have no name.
    let deep = [b"]".repeat(100_000), b"a".repeat(99_999)].concat();
    let error = refused(&legacy(&deep, &[]));
    assert!(matches!(error, Error::Limit { what: "the length of a name", .. }), "{error}");
    let tuples = [b")".to_vec(), b"\x85".repeat(100_000)].concat();
    assert!(matches!(refused(&legacy(&tuples, &[])), Error::Limit { .. }));
    let limits = Limits { max_name_bytes: usize::MAX, ..Limits::default() };
    let bytes = legacy(&tuples, &[]);
    assert!(read(&bytes, &limits).is_ok_and(|archive| archive.tensors.is_empty()));
}

#[test]
fn what_holds_itself_ends() {
    for object in [b"]q\0h\0a".as_slice(), b"}q\0K\x01h\0s", b"]q\0(h\0h\0h\0h\0e"] {
        let error = refused(&legacy(object, &[]));
        assert!(matches!(error, Error::Limit { .. }), "{error}");
    }
}

#[test]
fn lists_of_lists_that_double_end_by_the_budget() {
    // Forty lists, each holding the one before twice: 2⁴⁰ leaves.
    let mut object = b"]q\0".to_vec();
    for level in 0..40_u8 {
        object.extend([b']', b'q', level + 1, b'(', b'h', level, b'h', level, b'e']);
    }
    let error = refused(&legacy(&object, &[]));
    assert!(matches!(error, Error::Limit { what: "memory for the reader", .. }), "{error}");
}

#[test]
fn keys_that_become_one_name_are_refused() {
    let one = || tensor(storage("ByteStorage", "k", 4), 0, &[4], &[1]);
    let object = dict(&[("a.b", one()), ("a", dict(&[("b", one())]))]);
    let error = refused(&legacy(&object, &[("k", 4, FOUR)]));
    assert_eq!(error.to_string(), "`a.b` occurs twice among the tensor names");
    let object = dict(&[("a", int(1)), ("a", int(2))]);
    let error = refused(&legacy(&object, &[]));
    assert_eq!(error.to_string(), "`a` occurs twice among the keys of the pickle");
}

#[test]
fn a_long_list_of_numbers_is_data_and_left_out() {
    let numbers = [b"](".to_vec(), b"K\x01".repeat(1001), b"e".to_vec()].concat();
    let bytes = legacy(&dict(&[("ids", numbers), ("epoch", int(3))]), &[]);
    let archive = accepted(&bytes);
    assert_eq!(archive.metadata.iter().collect::<Vec<_>>(), [(&"epoch".into(), &"3".into())]);
}

#[test]
fn big_endian_storages_are_turned() {
    let object = dict(&[("w", tensor(storage("ShortStorage", "k", 2), 0, &[2], &[1]))]);
    let mut bytes = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.".to_vec();
    bytes.extend(b"\x80\x02M\xe9\x03.\x80\x02}X\x0d\0\0\0little_endian\x89s.\x80\x02");
    bytes.extend([&object, b".\x80\x02](X\x01\0\0\0ke.".as_slice()].concat());
    bytes.extend(2_u64.to_be_bytes());
    bytes.extend([1, 2, 3, 4]);
    assert_eq!(accepted(&bytes).tensors[0].data(), [2, 1, 4, 3]);
}
