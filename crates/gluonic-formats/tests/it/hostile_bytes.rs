//! Whatever the bytes, readers return; and what two readers accept, they agree on.

use gluonic_formats::{Limits, Storage, detect, mxnet_params, read, read_header, safetensors};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::support::{V1, V2, V3, bytes_of, stems};

/// Reads in every way; panics only where readers disagree.
pub(crate) fn read_all(bytes: &[u8]) {
    let limits = Limits { memory_floor: 1 << 16, ..Limits::default() };
    let _ = detect(bytes);
    let header = read_header(bytes, &limits);
    let archive = read(bytes, &limits);
    if let Ok(archive) = &archive {
        let header = header.as_ref().expect("the header of a file that can be read");
        assert_eq!(header.entries.len(), archive.tensors.len());
        for (entry, tensor) in header.entries.iter().zip(&archive.tensors) {
            assert_eq!((&*entry.name, &*entry.shape), (tensor.name(), tensor.shape()));
            if entry.storage == Storage::Dense {
                assert_eq!(&bytes[entry.range.clone()], tensor.data());
            }
        }
    }
    if let Err(error) = &archive {
        assert!(error.to_string().len() < 2000);
        let _ = (error.hint(), error.offset());
    }
    let _ = safetensors::read(bytes, &limits);
    if let Ok(params) = mxnet_params::read(bytes, &limits) {
        let mut out = Vec::new();
        params.write_to(&mut out).expect("what was read can be written");
        let mut again = mxnet_params::read(&out, &limits).expect("what was written can be read");
        again.trailing_bytes = params.trailing_bytes;
        assert_eq!(again.arrays, params.arrays);
    }
}

#[test]
fn files_with_one_wrong_byte_are_read_or_refused() {
    for stem in stems() {
        let mut bytes = bytes_of(&format!("{stem}.params"));
        if bytes.len() > 3000 {
            continue;
        }
        let as_safetensors = {
            let archive = read(&bytes, &Limits::default()).unwrap();
            safetensors::write(&archive.tensors, &archive.metadata).unwrap()
        };
        for file in [&mut bytes, &mut as_safetensors.clone()] {
            for place in 0..file.len() {
                let old = file[place];
                for new in [0, 1, 0x7f, 0x80, 0xff, b'"', b'0', b'}', old ^ 1, old.wrapping_add(1)]
                {
                    file[place] = new;
                    read_all(file);
                }
                file[place] = old;
            }
        }
    }
}

#[test]
fn params_cut_short_are_refused_unless_only_ignored_bytes_are_missing() {
    for stem in stems() {
        let bytes = bytes_of(&format!("{stem}.params"));
        let whole = mxnet_params::read(&bytes, &Limits::default()).unwrap();
        let end = bytes.len() - whole.trailing_bytes;
        let step = 1 + bytes.len() / 2000;
        for len in (0..bytes.len()).step_by(step) {
            let cut = mxnet_params::read(&bytes[..len], &Limits::default());
            assert_eq!(cut.is_ok(), len >= end, "{stem} at {len}");
        }
    }
}

fn word() -> impl Strategy<Value = Vec<u8>> {
    let number = |n: u32| n.to_le_bytes().to_vec();
    prop_oneof![
        4 => select(vec![0, 1, 2, 3, 4, 6, 7, 12]).prop_map(number),
        2 => select(vec![V1, V2, V3]).prop_map(number),
        1 => select(vec![u32::MAX, 0x7fff_ffff, 0x8000_0000, 32, 33]).prop_map(number),
        4 => select(vec![0_u64, 1, 2, 3, u64::MAX, 1 << 62]).prop_map(|n| n.to_le_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..5),
    ]
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
        "\"__metadata__\"",
        "\"dtype\"",
        "\"shape\"",
        "\"data_offsets\"",
        "\"F32\"",
        "\"U8\"",
        "\"F4\"",
        "0",
        "1",
        "4",
        "-1",
        "1e9",
        "18446744073709551615",
        "null",
        " ",
        "\"\\u0061\"",
        "\"x\\ud800\"",
        "{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}",
        "{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[1,5]}",
        "\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn arbitrary_bytes_are_refused_or_read(bytes in vec(any::<u8>(), 0..300)) {
        read_all(&bytes);
    }

    #[test]
    fn arbitrary_params_are_refused_or_read(n in 0_u64..4, words in vec(word(), 0..60)) {
        let mut bytes = [0x112_u64, 0, n].map(u64::to_le_bytes).concat();
        bytes.extend(words.concat());
        read_all(&bytes);
    }

    #[test]
    fn arbitrary_headers_are_refused_or_read(
        tokens in vec(token(), 0..30),
        slack in -2_i64..3,
        data in vec(any::<u8>(), 0..9),
    ) {
        let text = format!("{{{}}}", tokens.concat());
        let mut bytes = (text.len() as i64 + slack).to_le_bytes().to_vec();
        bytes.extend(text.as_bytes());
        bytes.extend(data);
        read_all(&bytes);
    }
}
