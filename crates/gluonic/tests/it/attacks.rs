//! Files made to do harm, opened as a user opens them. Every one is refused, quickly, and leaves
//! nothing behind; what is harmless is read.
//!
//! | attack, and where it was seen | test |
//! | --- | --- |
//! | code in a pickle: `torch.load`, CVE-2025-32434; MXNet's `.states` | `code_in_a_pickle_is_never_run` |
//! | `SETITEM` on what is no dict: PyTorch, CVE-2026-24747 | `an_item_set_on_a_list_is_refused` |
//! | a storage that is shorter than it claims: PyTorch, CVE-2026-24747 | `a_storage_shorter_than_it_claims_is_refused` |
//! | a length in a pickle that is believed: candle, 4.28 GB from 969 bytes | `a_length_in_a_pickle_is_not_believed` |
//! | dims of GGUF whose product wraps: llama.cpp, CVE-2024-21802, CVE-2025-53630, CVE-2026-33298 | `dims_of_gguf_whose_product_wraps_are_refused` |
//! | place and size of GGUF whose sum wraps: CVE-2026-27940 | `a_place_in_gguf_beyond_all_numbers_is_refused` |
//! | paths in a shard index: transformers 46097, diffusers 14175 | `an_index_that_leads_elsewhere_is_refused_before_any_file_is_opened` |
//! | a shard that is a link to elsewhere | `a_shard_that_is_a_link_out_of_the_folder_is_refused` |
//! | header bomb of safetensors: 57 MiB, 11.8 s, 1.5 GiB | `a_header_bomb_is_refused_in_time`; memory: `tests/memory.rs` of `gluonic-formats` |
//! | JSON as deep as it is long | `a_header_as_deep_as_it_is_long_is_refused` |
//! | a header longer than the file, or than any file | `a_header_longer_than_its_file_is_refused` |
//! | bytes that belong to no tensor, or to two: polyglot files | `holes_overlaps_and_trailing_bytes_are_refused` |
//! | one name twice: the last wins in safetensors and NumPy | `one_name_twice_is_refused_in_every_format` |
//! | a shape that asks for 8e17 bytes: candle's `.npy` | `a_shape_larger_than_the_file_takes_no_memory` |
//! | sizes of which one is 0 and the others wrap | `a_shape_with_a_zero_and_sizes_that_wrap_is_empty` |
//! | counts and dims of `.params`: MXNet aborts or hangs on 19 of 400 mutants | `counts_of_params_are_not_believed` |
//! | a zip bomb in `.npz`: 1 MB becomes 1 GiB | `a_zip_bomb_is_refused_before_it_is_inflated` of `gluonic-formats` |
//! | a member of `.npz` that is to be extracted elsewhere | `a_member_of_npz_that_leads_elsewhere_is_neither_read_nor_written` |
//! | control characters in names that write over a terminal | `names_that_move_the_cursor_are_shown_harmless` |
//! | a pipe that never ends, a device | `reading_a_pipe_or_a_device_is_refused_at_once` in `durability.rs` |
#![allow(clippy::disallowed_methods, reason = "tests write harmful files on purpose")]

use std::time::{Duration, Instant};

use gluonic::checkpoint::ExportOptions;
use gluonic::prelude::*;
use gluonic_formats::{DType as Raw, RawTensor, npz, safetensors};
use indexmap::IndexMap;

use crate::support::{error, write};

/// What stands against bytes, told by opening and reading them. The refusal takes no long.
#[track_caller]
fn refused(bytes: &[u8]) -> String {
    let start = Instant::now();
    let opened = Checkpoint::from_bytes(bytes.to_vec());
    let read = opened.and_then(|checkpoint| checkpoint.to_arrays().map(|_| ()));
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    let error = error(read);
    assert!(matches!(error, Error::Format { .. }), "{error:?}");
    let source = std::error::Error::source(&error).map(ToString::to_string);
    source.unwrap_or_default()
}

/// A safetensors file of this header and so many bytes of data.
fn with_header(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data, 7);
    bytes
}

/// A file of PyTorch's older layout: this object, and one storage of that many bytes.
fn legacy(object: &[u8], storage: usize) -> Vec<u8> {
    let mut bytes = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.".to_vec();
    bytes.extend(b"\x80\x02M\xe9\x03.\x80\x02}.\x80\x02");
    bytes.extend(object);
    bytes.extend(b".\x80\x02](X\x01\0\0\0ke.");
    bytes.extend((storage as u64).to_le_bytes());
    bytes.resize(bytes.len() + storage, 7);
    bytes
}

/// A tensor of `n` bytes in a pickle, in a storage that claims to have them.
fn pickled(n: u8) -> Vec<u8> {
    let storage = [
        b"((X\x07\0\0\0storagectorch\nByteStorage\nX\x01\0\0\0kX\x03\0\0\0cpuK".as_slice(),
        &[n],
        b"NtQ",
    ]
    .concat();
    // `_rebuild_tensor_v2(storage, 0, (n,), (1,), False, {})`
    let after = [b"K\0(K".as_slice(), &[n], b"t(K\x01t\x89}tR"].concat();
    let head = b"}X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n".as_slice();
    [head, &storage, &after, b"s"].concat()
}

#[test]
fn code_in_a_pickle_is_never_run() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("run");
    let command = format!("touch {}", mark.display());
    let call = |global: &str| {
        let text = [b"X", &(command.len() as u32).to_le_bytes()[..], command.as_bytes()].concat();
        [b"c".as_slice(), global.as_bytes(), b"\n", &text, b"\x85R"].concat()
    };
    for global in ["os\nsystem", "posix\nsystem", "builtins\neval", "subprocess\nPopen"] {
        let told = refused(&legacy(&call(global), 0));
        assert!(told.contains(&global.replace('\n', ".")), "{told}");
        // The same as MXNet's trainer would read it, without the marks of PyTorch.
        let states = [b"\x80\x02".as_slice(), &call(global), b"."].concat();
        assert!(refused(&states).contains("pickle"), "{}", refused(&states));
    }
    assert!(!mark.exists());
}

#[test]
fn an_item_set_on_a_list_is_refused() {
    assert!(refused(&legacy(b"]K\0K\x01s", 0)).contains("dict"));
    assert!(refused(&legacy(b"](K\0K\x01u", 0)).contains("dict"));
}

#[test]
fn a_storage_shorter_than_it_claims_is_refused() {
    let honest = legacy(&pickled(4), 4);
    assert_eq!(Checkpoint::from_bytes(honest).unwrap().tensors()[0].to_string(), "w (4,) uint8");
    for (claimed, there) in [(200, 4), (5, 4), (4, 200), (1, 0)] {
        let told = refused(&legacy(&pickled(claimed), there));
        assert!(told.contains("storage") || told.contains("ends"), "{told}");
    }
}

#[test]
fn a_length_in_a_pickle_is_not_believed() {
    for object in [b"X\xff\xff\xff\xff".as_slice(), b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7f"] {
        assert!(refused(&legacy(object, 0)).contains("ends"), "{}", refused(&legacy(object, 0)));
    }
}

fn gguf(dims: &[u64], offset: u64) -> Vec<u8> {
    let mut bytes = b"GGUF\x03\0\0\0".to_vec();
    bytes.extend([1_u64, 0, 1].map(u64::to_le_bytes).concat());
    bytes.push(b'w');
    bytes.extend((dims.len() as u32).to_le_bytes());
    for dim in dims {
        bytes.extend(dim.to_le_bytes());
    }
    bytes.extend(0_u32.to_le_bytes()); // F32
    bytes.extend(offset.to_le_bytes());
    bytes.resize(bytes.len().next_multiple_of(32) + 64, 0);
    bytes
}

#[test]
fn dims_of_gguf_whose_product_wraps_are_refused() {
    assert!(Checkpoint::from_bytes(gguf(&[4, 4], 0)).is_ok());
    for dims in [
        vec![1 << 32, 1 << 32],
        vec![1 << 62, 4],
        vec![u64::MAX],
        vec![(1 << 32) + 1, 1 << 32, 1],
        vec![0x4000_0000_0000_0010, 4],
    ] {
        refused(&gguf(&dims, 0));
    }
}

#[test]
fn a_place_in_gguf_beyond_all_numbers_is_refused() {
    for offset in [u64::MAX - 31, u64::MAX << 5, 1 << 63, 64] {
        refused(&gguf(&[4, 4], offset));
    }
}

#[test]
fn an_index_that_leads_elsewhere_is_refused_before_any_file_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("model");
    std::fs::create_dir_all(inside.join("a")).unwrap();
    let tensor = RawTensor::new("w", Raw::U8, vec![1], vec![1]).unwrap();
    let bytes = safetensors::write(&[tensor], &IndexMap::default()).unwrap();
    write(folder.path().join("x"), &bytes);
    write(inside.join("a/x"), &bytes);
    let index = inside.join("model.safetensors.index.json");
    let absolute = folder.path().join("x").display().to_string();
    for name in [
        "",
        ".",
        "..",
        "../x",
        "a/../../x",
        "a/x",
        "./x",
        "..\\x",
        "a\\..\\..\\x",
        &absolute,
        "/etc/passwd",
        "C:\\x",
        "C:x",
        "\\\\server\\x",
        "\\\\?\\C:\\x",
        "file:///etc/passwd",
        "https://host/x",
        "x\0",
        "\0",
        "CON",
        "nul.safetensors",
        "COM1",
        "x\n",
        "x ",
        "x.",
    ] {
        // The first file is not there: if it were looked for, the error would be another one.
        let map = serde_json::json!({"weight_map": {"a": "not-there.safetensors", "w": name}});
        write(&index, map.to_string());
        match Checkpoint::open(&index) {
            Err(Error::Format { source, .. }) => assert!(
                matches!(*source, gluonic_formats::Error::FileName { .. }),
                "{name:?}: {source}"
            ),
            other => panic!("{name:?}: {other:?}"),
        }
    }
}

#[cfg(unix)]
#[test]
fn a_shard_that_is_a_link_out_of_the_folder_is_refused() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let tensor = RawTensor::new("w", Raw::U8, vec![1], vec![1]).unwrap();
    let bytes = safetensors::write(&[tensor], &IndexMap::default()).unwrap();
    let map = "{\"weight_map\": {\"w\": \"w.safetensors\"}}";
    for name in ["model", "blobs", "snapshot", "elsewhere"] {
        std::fs::create_dir(at(name)).unwrap();
    }
    write(at("elsewhere/secret"), &bytes);
    write(at("model/index.json"), map);
    symlink("../elsewhere/secret", at("model/w.safetensors")).unwrap();
    let told = error(Checkpoint::open(at("model/index.json")));
    let source = std::error::Error::source(&told).unwrap().to_string();
    assert_eq!(
        source,
        "the index names the file `w.safetensors`, which is a link that leads out of its folder"
    );
    // Within the folder, or as a cache of downloads links to where it keeps all files.
    std::fs::remove_file(at("model/w.safetensors")).unwrap();
    write(at("model/real"), &bytes);
    symlink("real", at("model/w.safetensors")).unwrap();
    assert!(Checkpoint::open(at("model/index.json")).is_ok());
    write(at("blobs/1f"), map);
    write(at("blobs/2e"), &bytes);
    symlink("../blobs/1f", at("snapshot/index.json")).unwrap();
    symlink("../blobs/2e", at("snapshot/w.safetensors")).unwrap();
    assert!(Checkpoint::open(at("snapshot/index.json")).is_ok());
    std::fs::remove_file(at("snapshot/w.safetensors")).unwrap();
    symlink("../elsewhere/secret", at("snapshot/w.safetensors")).unwrap();
    assert!(Checkpoint::open(at("snapshot/index.json")).is_err());
}

#[test]
fn a_header_bomb_is_refused_in_time() {
    let bomb = |n: usize| {
        let entry =
            |i: usize| format!(r#""{i}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#);
        let entries: Vec<String> = (0..n).map(entry).collect();
        with_header(&format!("{{{}}}", entries.join(",")), 0)
    };
    // Fifty thousand are many, but fit.
    let start = Instant::now();
    let many = Checkpoint::from_bytes(bomb(50_000)).unwrap();
    assert_eq!(many.tensors().len(), 50_000);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    let told = refused(&bomb(1_000_001));
    assert!(told.contains("1000001") || told.contains("memory"), "{told}");
}

#[test]
fn a_header_as_deep_as_it_is_long_is_refused() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = open.repeat(100_000) + "1" + &close.repeat(100_000);
        refused(&with_header(&format!("{{\"w\":{deep}}}"), 0));
        refused(&with_header(&deep, 0));
    }
}

#[test]
fn a_header_longer_than_its_file_is_refused() {
    for len in [9_u64, 100_000_001, 1 << 32, 1 << 63, u64::MAX, u64::MAX - 7] {
        let bytes = [&len.to_le_bytes()[..], b"{}      "].concat();
        refused(&bytes);
    }
}

#[test]
fn holes_overlaps_and_trailing_bytes_are_refused() {
    let file = |one: &str, two: &str, data: usize| {
        let entry = |offsets: &str| {
            format!("{{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[{offsets}]}}")
        };
        with_header(&format!("{{\"a\":{},\"b\":{}}}", entry(one), entry(two)), data)
    };
    assert!(Checkpoint::from_bytes(file("0,2", "2,4", 4)).is_ok());
    for (one, two, data) in [
        ("0,2", "3,5", 5),
        ("1,3", "3,5", 5),
        ("0,2", "1,3", 3),
        ("0,2", "0,2", 2),
        ("0,2", "2,4", 5),
        ("0,2", "2,4", 3),
        ("2,0", "2,4", 4),
        ("0,18446744073709551615", "2,4", 4),
    ] {
        refused(&file(one, two, data));
    }
}

/// Puts one name in the place of another, equally long one, wherever it stands.
fn called(bytes: &[u8], old: &str, new: &str) -> Vec<u8> {
    assert_eq!(old.len(), new.len());
    let mut bytes = bytes.to_vec();
    let places: Vec<_> = bytes.windows(old.len()).enumerate().collect::<Vec<_>>();
    let places: Vec<usize> =
        places.into_iter().filter(|(_, found)| *found == old.as_bytes()).map(|(i, _)| i).collect();
    assert!(!places.is_empty());
    for place in places {
        bytes[place..place + new.len()].copy_from_slice(new.as_bytes());
    }
    bytes
}

#[test]
fn one_name_twice_is_refused_in_every_format() {
    let tensor =
        |name: &str| RawTensor::new(name.to_owned(), Raw::U8, vec![2], vec![1, 2]).unwrap();
    let two = [tensor("first"), tensor("other")];
    for bytes in [
        safetensors::write(&two, &IndexMap::default()).unwrap(),
        npz::write(&two).unwrap(),
        gluonic_formats::mxnet_params::write(&two).unwrap(),
    ] {
        let told = refused(&called(&bytes, "other", "first"));
        assert!(told.contains("first"), "{told}");
    }
}

#[test]
fn a_shape_larger_than_the_file_takes_no_memory() {
    for shape in ["(800000000000000000,)", "(34359738368,)", "(4294967296, 4294967296)"] {
        let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
        header += &" ".repeat(63 - (header.len() + 10) % 64);
        header.push('\n');
        let mut bytes = b"\x93NUMPY\x01\0".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        refused(&bytes);
    }
    refused(&with_header(
        "{\"w\":{\"dtype\":\"F32\",\"shape\":[4611686018427387905],\"data_offsets\":[0,4]}}",
        4,
    ));
}

#[test]
fn a_shape_with_a_zero_and_sizes_that_wrap_is_empty() {
    let header =
        "{\"w\":{\"dtype\":\"F32\",\"shape\":[0,4294967296,4294967296],\"data_offsets\":[0,0]}}";
    match Checkpoint::from_bytes(with_header(header, 0)) {
        Ok(checkpoint) => {
            assert_eq!(checkpoint.tensors()[0].elem_count(), 0);
            let _ = checkpoint.tree().to_string();
            let array = checkpoint.get("w").unwrap();
            assert_eq!(array.dims().elem_count(), 0);
            assert!(checkpoint.check().unwrap().is_clean());
        }
        Err(error) => assert!(matches!(error, Error::Format { .. }), "{error:?}"),
    }
}

#[test]
fn counts_of_params_are_not_believed() {
    let tensor = RawTensor::new("w", Raw::F32, vec![2], vec![0; 8]).unwrap();
    let honest = gluonic_formats::mxnet_params::write(&[tensor]).unwrap();
    // A mark and a reserved word, then the number of arrays.
    for claim in [u64::MAX, 1 << 60, 1 << 32, 2] {
        let mut bytes = honest.clone();
        bytes[16..24].copy_from_slice(&claim.to_le_bytes());
        refused(&bytes);
    }
    let mut dims = honest.clone();
    dims[32..36].copy_from_slice(&u32::MAX.to_le_bytes());
    refused(&dims);
    for len in 0..honest.len() {
        refused(&honest[..len]);
    }
}

#[test]
fn a_member_of_npz_that_leads_elsewhere_is_neither_read_nor_written() {
    let tensor = |name: &str| RawTensor::new(name.to_owned(), Raw::U8, vec![1], vec![1]).unwrap();
    let honest = npz::write(&[tensor("aaaaaaa")]).unwrap();
    for name in ["../../x", "/etc/xx", "a/../..", "a\\..\\.."] {
        refused(&called(&honest, "aaaaaaa", name));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.npz");
        let mut state = Snapshot::new();
        state.insert(name, &NdArray::ones(1, DType::F32).unwrap()).unwrap();
        let written = Checkpoint::from(&state).export(&file, &ExportOptions::default());
        assert!(written.is_err() || Checkpoint::open(&file).is_ok(), "{name}");
    }
}

#[test]
fn names_that_move_the_cursor_are_shown_harmless() {
    let name = "a\\u001b[2J\\u0007.w";
    let header =
        format!("{{\"{name}\":{{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}}}");
    let checkpoint = Checkpoint::from_bytes(with_header(&header, 1)).unwrap();
    let shown = checkpoint.tree().to_string();
    assert!(!shown.contains(|c: char| c.is_control() && c != '\n'), "{shown:?}");
}
