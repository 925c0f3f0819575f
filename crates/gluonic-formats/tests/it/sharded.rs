//! Models in several files: their index, its checks, and how they are divided.

use gluonic_formats::{
    DType, Error, Format, Header, Limits, RawTensor, ShardIndex, ShardReport, detect, read,
    read_header, safetensors,
    sharded::{check_contained, plan_shards},
};
use indexmap::IndexMap;
use proptest::{collection::vec, prelude::*, sample::select};

/// As `huggingface_hub` writes it.
const INDEX: &str = r#"{
  "metadata": {
    "total_size": 28
  },
  "weight_map": {
    "a.weight": "model-00001-of-00002.safetensors",
    "b.weight": "model-00002-of-00002.safetensors",
    "c.weight": "model-00002-of-00002.safetensors"
  }
}
"#;

fn index(text: &str) -> Result<ShardIndex<'_>, Error> {
    ShardIndex::read(text.as_bytes(), &Limits::default())
}

#[test]
fn an_index_is_told_by_content_and_written_back_byte_for_byte() {
    assert_eq!(detect(INDEX.as_bytes()).unwrap(), Format::ShardIndex);
    let error = read(INDEX.as_bytes(), &Limits::default()).unwrap_err();
    assert!(matches!(error, Error::Index));
    assert!(error.hint().is_some());
    assert!(read_header(INDEX.as_bytes(), &Limits::default()).is_err());
    let index = index(INDEX).unwrap();
    assert_eq!(index.total_size(), Some(28));
    let names: Vec<_> = index.weight_map.keys().collect();
    assert_eq!(names, ["a.weight", "b.weight", "c.weight"]);
    assert_eq!(index.to_json().unwrap(), INDEX);
}

#[test]
fn the_order_of_the_index_is_kept_and_its_text_sorted() {
    let text = r#"{"weight_map":{"b":"2.bin","a":"1.bin"},"metadata":{"z":"1","total_size":5}}"#;
    let index = index(text).unwrap();
    assert_eq!(index.weight_map.keys().collect::<Vec<_>>(), ["b", "a"]);
    assert_eq!(index.files().collect::<Vec<_>>(), ["2.bin", "1.bin"]);
    assert_eq!(
        index.to_json().unwrap(),
        "{\n  \"metadata\": {\n    \"total_size\": 5,\n    \"z\": \"1\"\n  },\n  \
         \"weight_map\": {\n    \"a\": \"1.bin\",\n    \"b\": \"2.bin\"\n  }\n}\n"
    );
}

#[test]
fn pytorch_has_the_same_form_and_metadata_may_be_anything() {
    let text = r#"{"metadata": {"total_size": 13.5, "format": "pt", "tied": true, "x": [1, {"y": 2}],
        "n": null, "m": -1}, "unknown": {"a": [1]}, "weight_map": {"a\"": "pytorch_model-00001-of-00001.bin"}}"#;
    let found = index(text).unwrap();
    assert_eq!(found.total_size(), Some(14));
    assert_eq!(found.metadata["format"], "pt");
    assert_eq!(found.metadata["tied"], "true");
    assert_eq!(found.metadata["m"], "-1");
    assert_eq!(found.metadata.len(), 4);
    assert!(found.weight_map.contains_key("a\""));
    for text in [r#"{"weight_map":{}}"#, r#"{"metadata":null,"weight_map":{}}"#] {
        let index = index(text).unwrap();
        assert_eq!((index.total_size(), index.files().count()), (None, 0));
    }
    let bad = r#"{"metadata":{"total_size":-3},"weight_map":{}}"#;
    assert_eq!(index(bad).unwrap().total_size(), None);
}

#[test]
fn an_index_is_read_strictly() {
    let reason = |text: &str| match index(text) {
        Err(error @ Error::Header { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    };
    assert!(reason("{}").ends_with("it has no `weight_map`"));
    assert!(reason("[]").contains("expected an object with `weight_map`"));
    assert!(reason(r#"{"weight_map":{"a":1}}"#).contains("expected a string"));
    assert!(reason(r#"{"weight_map":["a"]}"#).contains("expected an object of strings"));
    assert!(reason(r#"{"weight_map":"a"}"#).contains("a string stands where none may"));
    assert!(reason(r#"{"weight_map":{}} x"#).contains("trailing characters"));
    assert!(reason(r#"{"weight_map":{}"#).contains("EOF"));
    assert!(matches!(
        ShardIndex::read(b"{\"\xff", &Limits::default()),
        Err(Error::NotUtf8 { offset: 2, .. })
    ));
}

#[test]
fn keys_that_occur_twice_are_refused() {
    for (text, key) in [
        (r#"{"weight_map":{"a":"x","a":"y"}}"#, "a"),
        (r#"{"weight_map":{"a":"x","\u0061":"x"}}"#, "a"),
        (r#"{"weight_map":{},"weight_map":{}}"#, "weight_map"),
        (r#"{"metadata":{},"metadata":{},"weight_map":{}}"#, "metadata"),
        (r#"{"metadata":{"k":1,"k":1},"weight_map":{}}"#, "k"),
    ] {
        match index(text) {
            Err(Error::Duplicate { key: found, .. }) => assert_eq!(&*found, key),
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn limits_hold_for_an_index_too() {
    let none = Limits { max_tensors: 0, ..Limits::default() };
    assert!(matches!(ShardIndex::read(INDEX.as_bytes(), &none), Err(Error::Limit { .. })));
    let short = Limits { max_name_bytes: 3, ..Limits::default() };
    assert!(matches!(ShardIndex::read(INDEX.as_bytes(), &short), Err(Error::Limit { .. })));
    let small = Limits { max_header_bytes: 10, ..Limits::default() };
    assert!(matches!(ShardIndex::read(INDEX.as_bytes(), &small), Err(Error::Limit { .. })));
    let deep = format!(r#"{{"x":{},"weight_map":{{}}}}"#, "[".repeat(100_000));
    assert!(index(&deep).is_err());
}

#[test]
fn no_file_of_an_index_lies_outside_its_folder() {
    let long = "x".repeat(256);
    let refused = [
        // The name is empty, or a folder.
        "",
        ".",
        "..",
        // Above or below the folder.
        "../x",
        "a/../../x",
        "a/..",
        "./x",
        "a/x",
        "a/",
        "..\\x",
        "a\\x",
        "\\",
        "/",
        // Absolute.
        "/etc/passwd",
        "\\\\server\\share\\x",
        "\\\\?\\C:\\x",
        "//server/x",
        // Drives and streams of Windows.
        "C:",
        "C:x",
        "c:/x",
        "C:\\x",
        "x:stream",
        "file:///etc/passwd",
        // What ends a text or a line.
        "\0",
        "x\0.safetensors",
        "x\n",
        "\u{1b}[2J",
        "x\u{7f}",
        "x\u{85}",
        // What Windows drops at the end.
        "x.",
        "x ",
        "...",
        ".. ",
        " ",
        // Devices of Windows.
        "CON",
        "con",
        "PRN",
        "AUX.txt",
        "NUL",
        "nul.safetensors",
        "nul .x",
        "COM1",
        "com0.bin",
        "LPT9",
        "lpt1.a.b",
        "COM¹",
        "LPT³.x",
        "CONIN$",
        "conout$",
        &long,
    ];
    for file in refused {
        match check_contained(file) {
            Err(Error::FileName { file: found, .. }) => assert_eq!(&*found, file),
            other => panic!("{file:?}: {other:?}"),
        }
        let text = serde_json::json!({"weight_map": {"a": file}}).to_string();
        assert!(matches!(index(&text), Err(Error::FileName { .. })), "{file:?}");
    }
}

#[test]
fn a_refused_file_is_named_with_the_reason() {
    let error = check_contained("../\u{1b}x").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the index names the file `../\\u{1b}x`, which is in another folder"
    );
    assert_eq!(error.hint().unwrap(), "an index may name files of its own folder only");
}

#[test]
fn plain_names_are_let_through_whatever_their_letters() {
    for file in [
        "model-00001-of-00002.safetensors",
        "..x",
        "...x",
        ".hidden",
        "a b",
        "~root",
        "-rf",
        "%2e%2e%2fx",
        "Übung.bin",
        "．．／x", // Full-width letters that look like `../`.
        "‥∕x",
        "console",
        "COM10",
        "COM",
        "nulls.bin",
        "x.nul",
        &"x".repeat(255),
    ] {
        check_contained(file).unwrap();
    }
}

/// Shards of tensors of one byte each.
fn shard(names: &[&str]) -> Vec<u8> {
    let tensors: Vec<_> = names
        .iter()
        .map(|&name| RawTensor::new(name, DType::U8, vec![1], vec![1]).unwrap())
        .collect();
    safetensors::write(&tensors, &IndexMap::new()).unwrap()
}

fn report_of(map: &[(&str, &str)], shards: &[(&str, &[&str])]) -> Option<ShardReport> {
    let index = ShardIndex {
        weight_map: map.iter().map(|&(name, file)| (name.into(), file.into())).collect(),
        ..Default::default()
    };
    let files: Vec<_> = shards.iter().map(|(_, names)| shard(names)).collect();
    let headers: Vec<Header<'_>> =
        files.iter().map(|bytes| read_header(bytes, &Limits::default()).unwrap()).collect();
    let shards: Vec<_> = shards.iter().map(|(file, _)| *file).zip(&headers).collect();
    match index.check(&shards) {
        Ok(()) => None,
        Err(Error::Shards { report }) => Some(*report),
        other => panic!("{other:?}"),
    }
}

#[test]
fn shards_that_hold_what_the_index_says_pass() {
    let map = [("a", "1"), ("b", "2"), ("c", "1")];
    assert_eq!(report_of(&map, &[("1", &["a", "c"]), ("2", &["b"])]), None);
    assert_eq!(report_of(&[], &[]), None);
}

#[test]
fn all_that_does_not_fit_is_reported_at_once() {
    let map = [("a", "1"), ("b", "1"), ("c", "2"), ("d", "3"), ("e", "2")];
    // `b` is missing, `c` stands in the wrong file, `a` in two, `x` in one without the index.
    let report = report_of(&map, &[("1", &["a", "c", "x"]), ("2", &["a", "e"])]).unwrap();
    let pair = |name: &str, file: &str| (name.to_owned(), file.to_owned());
    assert_eq!(report.missing_files, ["3"]);
    assert_eq!(report.missing, [pair("b", "1"), pair("c", "2")]);
    assert_eq!(report.extra, [pair("c", "1"), pair("x", "1")]);
    assert_eq!(report.duplicates, [("a".to_owned(), vec!["1".to_owned(), "2".to_owned()])]);
    assert_eq!(
        Error::Shards { report: Box::new(report) }.to_string(),
        "the shards do not fit their index: missing files `3`; missing tensors `b` in `1`, `c` in \
         `2`; extra tensors `c` in `1`, `x` in `1`; tensors in several files `a` in `1` and `2`"
    );
}

#[test]
fn a_long_report_shows_ten() {
    let names: Vec<String> = (0..25).map(|n| format!("w{n:02}")).collect();
    let map: Vec<_> = names.iter().map(|name| (name.as_str(), "1")).collect();
    let text = report_of(&map, &[("1", &[])]).unwrap().to_string();
    assert!(text.ends_with("`w09` in `1` and 15 more"), "{text}");
}

#[test]
fn shards_are_numbered_as_hugging_face_does() {
    let plan = plan_shards(&[("a", 12), ("b", 8), ("c", 8)], 16, "model.safetensors").unwrap();
    let shards: Vec<_> =
        plan.shards.iter().map(|s| (s.file.as_str(), s.tensors.as_slice(), s.bytes)).collect();
    assert_eq!(
        shards,
        [
            ("model-00001-of-00002.safetensors", &[0][..], 12),
            ("model-00002-of-00002.safetensors", &[1, 2], 16),
        ]
    );
    let expected = INDEX.replace(".weight", "");
    assert_eq!(plan.index.to_json().unwrap(), expected);
    assert_eq!(plan.index, index(&expected).unwrap());
}

#[test]
fn one_file_keeps_its_name_and_a_plan_of_nothing_is_one_file() {
    let plan = plan_shards(&[("a", 12)], 12, "model.safetensors").unwrap();
    assert_eq!(plan.shards[0].file, "model.safetensors");
    let plan = plan_shards(&[], 12, "model").unwrap();
    assert_eq!((plan.shards.len(), &*plan.shards[0].file), (1, "model"));
    assert!(matches!(plan_shards(&[], 12, "../model"), Err(Error::FileName { .. })));
    assert!(matches!(plan_shards(&[("a", 1), ("a", 1)], 1, "m"), Err(Error::Duplicate { .. })));
    let huge = plan_shards(&[("a", u64::MAX), ("b", u64::MAX)], u64::MAX, "m").unwrap();
    assert_eq!(huge.shards.len(), 2);
}

fn token() -> impl Strategy<Value = &'static str> {
    select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"a\"",
        "\"b\"",
        "\"weight_map\"",
        "\"metadata\"",
        "\"total_size\"",
        "1",
        "-1",
        "1.5",
        "null",
        "true",
        "\"x.bin\"",
        "\"../x\"",
        "\"\\u0061\"",
        "\"metadata\":{\"total_size\":1},",
        "\"weight_map\":{\"a\":\"x\"}",
    ])
}

proptest! {
    #[test]
    fn a_plan_holds_every_tensor_once_and_within_the_bound(
        sizes in vec(0_u64..20, 0..30),
        most in 0_u64..25,
    ) {
        let names: Vec<String> = (0..sizes.len()).map(|n| n.to_string()).collect();
        let tensors: Vec<_> = names.iter().map(String::as_str).zip(sizes.iter().copied()).collect();
        let plan = plan_shards(&tensors, most, "model.bin").unwrap();
        let mut seen = vec![0; sizes.len()];
        for shard in &plan.shards {
            let sum: u64 = shard.tensors.iter().map(|&place| sizes[place]).sum();
            prop_assert_eq!(sum, shard.bytes);
            prop_assert!(sum <= most || shard.tensors.len() == 1);
            for &place in &shard.tensors {
                seen[place] += 1;
                prop_assert_eq!(&plan.index.weight_map[&*names[place]], &shard.file);
            }
        }
        prop_assert!(seen.iter().all(|&count| count == 1));
        let text = plan.index.to_json().unwrap();
        let back = index(&text).unwrap();
        prop_assert_eq!(back.to_json().unwrap(), text.clone());
        prop_assert_eq!(back.weight_map.len(), sizes.len());
    }

    #[test]
    fn any_index_comes_back_as_written(
        map in vec((".{0,8}", "[^/\\\\:\\p{Cc}. ]{1,20}\\.bin"), 0..8),
        metadata in vec(("[a-z]{0,8}", ".{0,8}"), 0..4),
    ) {
        let given = ShardIndex {
            weight_map: map.iter().map(|(name, file)| (name.into(), file.into())).collect(),
            metadata: metadata.into_iter().collect(),
        };
        if given.files().all(|file| check_contained(file).is_ok()) {
            let text = given.to_json().unwrap();
            let back = index(&text).unwrap();
            // Equality of maps does not see order.
            prop_assert_eq!(back, given);
        }
    }

    #[test]
    fn arbitrary_indexes_are_refused_or_read(tokens in vec(token(), 0..30), cut in 0_usize..9) {
        let mut text = format!("{{{}}}", tokens.concat());
        text.truncate(text.len().saturating_sub(cut));
        let _ = index(&text);
    }
}

#[test]
fn an_index_with_one_wrong_byte_is_read_or_refused_and_a_prefix_is_refused() {
    let mut bytes = INDEX.as_bytes().to_vec();
    for place in 0..bytes.len() {
        let old = bytes[place];
        for new in 0..=255 {
            bytes[place] = new;
            if let Ok(index) = ShardIndex::read(&bytes, &Limits::default()) {
                index.to_json().unwrap();
                assert!(index.files().all(|file| check_contained(file).is_ok()));
            }
        }
        bytes[place] = old;
    }
    for len in 0..bytes.len() - 1 {
        assert!(ShardIndex::read(&bytes[..len], &Limits::default()).is_err(), "{len}");
    }
}
