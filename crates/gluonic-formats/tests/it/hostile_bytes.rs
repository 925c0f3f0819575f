//! Whatever the bytes, readers return; and what two readers accept, they agree on.

use gluonic_formats::{
    Limits, Storage, detect, mxnet_params, npz, read, read_header, safetensors, torch,
};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::support::{V1, V2, V3, bytes_of, fixture, fixtures, stems};

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
    let _ = (npz::read(bytes, &limits), torch::read(bytes, &limits));
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

/// Every file that NumPy or PyTorch wrote, if it is not too long to try all its bytes.
fn small_fixtures() -> Vec<Vec<u8>> {
    let files = fixtures().into_iter().map(|name| fixture(&name));
    files.filter(|file| file.len() < 2500).collect()
}

#[test]
fn foreign_files_with_one_wrong_byte_are_read_or_refused() {
    for mut file in small_fixtures() {
        for place in 0..file.len() {
            let old = file[place];
            for new in [0, 0xff, b'(', b'.', old ^ 1, old ^ 0x80, old.wrapping_add(1)] {
                file[place] = new;
                read_all(&file);
            }
            file[place] = old;
        }
    }
}

#[test]
fn foreign_files_cut_short_are_refused() {
    for name in fixtures() {
        let file = fixture(&name);
        for len in 0..file.len() {
            assert!(read(&file[..len], &Limits::default()).is_err(), "{name} at {len}");
            read_all(&file[..len]);
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

fn opcode() -> impl Strategy<Value = &'static [u8]> {
    let whole: Vec<&[u8]> = vec![
        b"(X\x07\0\0\0storagectorch\nByteStorage\nX\x01\0\0\0kX\x03\0\0\0cpuK\x04tQ",
        b"ctorch._utils\n_rebuild_tensor_v2\n",
        b"ctorch._utils\n_rebuild_parameter\n",
        b"ctorch._tensor\n_rebuild_from_type_v2\n",
        b"ccollections\nOrderedDict\n)R",
        b"cbuiltins\nset\n",
        b"cos\nsystem\n",
        b"X\x01\0\0\0a",
        b"K\x01",
        b"K\x02",
        b"\x8a\x01\xff",
        b"q\0",
        b"h\0",
        b"q\x01",
        b"h\x01",
    ];
    let single = b"()]}tRsuaeblNd\x85\x86\x87\x81\x88\x8f\x90\x93\x94012Q".chunks(1);
    select(whole.into_iter().chain(single).collect::<Vec<_>>())
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
    fn foreign_files_with_many_wrong_bytes_are_read_or_refused(
        index in any::<prop::sample::Index>(),
        edits in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let files = fixtures();
        let mut file = fixture(&files[index.index(files.len())]);
        for (place, byte) in edits {
            *place.get_mut::<u8>(&mut file) = byte;
        }
        read_all(&file);
    }

    #[test]
    fn arbitrary_pickles_are_refused_or_read(units in vec(opcode(), 0..60)) {
        let mut bytes = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.".to_vec();
        bytes.extend(b"\x80\x02M\xe9\x03.\x80\x02}.");
        bytes.extend(units.concat());
        bytes.extend(b".](X\x01\0\0\0ke.\x04\0\0\0\0\0\0\0\x01\x02\x03\x04");
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
