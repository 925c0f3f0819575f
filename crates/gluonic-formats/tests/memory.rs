//! However a file lies, a reader allocates at most twice its length and 16 MiB.
//!
//! A binary of its own, since it counts every allocation of the process.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "memory/counting.rs"]
mod counting;

use gluonic_formats::{Limits, ShardIndex, read, read_header};

use crate::counting::peak_of;

const FILE_LEN: usize = 12 << 20;

#[track_caller]
fn check(what: &str, bytes: &[u8]) {
    check_above(16 << 20, what, bytes);
}

/// Checks with another floor than the default one.
#[track_caller]
fn check_above(memory_floor: usize, what: &str, bytes: &[u8]) {
    let allowed = 2 * bytes.len() + memory_floor;
    let limits = Limits { max_name_bytes: usize::MAX, memory_floor, ..Limits::default() };
    let (result, peak) = peak_of(|| match read(bytes, &limits) {
        Ok(archive) => format!("{} tensors", archive.tensors.len()),
        Err(error) => error.to_string(),
    });
    assert!(peak <= allowed, "{what}: {peak} of {allowed} bytes, {result}");
    let (_, peak) = peak_of(|| read_header(bytes, &limits).is_ok().to_string());
    assert!(peak <= allowed, "{what}: {peak} of {allowed} bytes in reading the header");
}

fn safetensors(header: &str) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes
}

/// A header of entries `entry(0)`, `entry(1)`, and so on, up to `len` bytes.
fn header_of(len: usize, entry: impl Fn(usize) -> String) -> String {
    let mut header = String::from("{");
    for index in 0.. {
        header += &entry(index);
        if header.len() >= len {
            break;
        }
        header.push(',');
    }
    header + "}"
}

/// A GGUF file of as many `parts` as fit into `len` bytes, as pairs or as tensors.
fn gguf(len: usize, pairs: bool, part: impl Fn(usize) -> Vec<u8>) -> Vec<u8> {
    let (mut body, mut count) = (Vec::new(), 0);
    while body.len() < len {
        let part = part(count);
        body.extend((count.to_string().len() as u64).to_le_bytes());
        body.extend(count.to_string().as_bytes());
        body.extend(part);
        count += 1;
    }
    let counts = if pairs { [0, count as u64] } else { [count as u64, 0] };
    [b"GGUF\x03\0\0\0".as_slice(), &counts.map(u64::to_le_bytes).concat(), &body].concat()
}

#[track_caller]
fn check_index(what: &str, text: &str) {
    let allowed = 2 * text.len() + (16 << 20);
    let limits = Limits { max_name_bytes: usize::MAX, ..Limits::default() };
    let (result, peak) = peak_of(|| match ShardIndex::read(text.as_bytes(), &limits) {
        Ok(index) => format!("{} tensors", index.weight_map.len()),
        Err(error) => error.to_string(),
    });
    assert!(peak <= allowed, "{what}: {peak} of {allowed} bytes, {result}");
}

fn params(record: &[u8], len: usize) -> Vec<u8> {
    let count = len / (record.len() + 16);
    let mut bytes = [0x112, 0, count as u64].map(u64::to_le_bytes).concat();
    for _ in 0..count {
        bytes.extend(record);
    }
    bytes.extend((count as u64).to_le_bytes());
    for index in 0..count {
        let name = index.to_string();
        bytes.extend((name.len() as u64).to_le_bytes());
        bytes.extend(name.as_bytes());
    }
    bytes
}

/// A PyTorch file of the older layout, whose object is this pickle.
fn torch(object: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.".to_vec();
    bytes.extend(b"\x80\x02M\xe9\x03.\x80\x02}.");
    bytes.extend(object);
    let has_storage = object.windows(11).any(|window| window == b"ByteStorage");
    bytes.extend(if has_storage {
        b".]X\x01\0\0\0ka.\x04\0\0\0\0\0\0\0\x01\x02\x03\x04".as_slice()
    } else {
        b".]."
    });
    bytes
}

/// A pickle that begins with `head`, then repeats, up to `len` bytes, then ends with `tail`.
fn repeated(len: usize, head: &[u8], unit: &[u8], tail: &[u8]) -> Vec<u8> {
    torch(&[head, &unit.repeat(len / unit.len()), tail].concat())
}

fn check_pickles(len: usize) {
    for unit in [")", "(", "]", "}", "N", "2", "](", "]q\0", "}q\x01", "K\x01", "cos\nx\n"] {
        check(unit, &repeated(len, b"N", unit.as_bytes(), b""));
    }
    check("tuples of tuples", &repeated(len, b")", b"\x85", b""));
    check("marks in a tuple", &repeated(len, b"(", b"N", b"t"));
    check("a list", &repeated(len, b"](", b"N", b"e"));
    check("a list, one by one", &repeated(len, b"]", b"Na", b""));
    check("a dict of one key", &repeated(len, b"}", b"NNs", b""));
    check("a list of lists", &repeated(len, b"](", b"]Na", b"e"));
    check("a list of dicts", &repeated(len, b"](", b"}NNs", b"e"));
    check("a list of sets", &repeated(len, b"](", b"cbuiltins\nset\n)R", b"e"));
    check("names of globals", &repeated(len, b"](", b"ca\nb\n", b"e"));
    check("memo", &repeated(len, b"N", b"\x94", b""));
    let sparse: Vec<u8> = (0..len as u32 / 5)
        .flat_map(|n| {
            let key = n.wrapping_mul(0x9E37_79B1).to_le_bytes();
            [b'r', key[0], key[1], key[2], key[3]]
        })
        .collect();
    check("a sparse memo", &torch(&[b"N", &*sparse].concat()));
    check("depth", &torch(&[b"]".repeat(len / 2), b"a".repeat(len / 2 - 1)].concat()));
    let text = [b"X".as_slice(), &(len as u32).to_le_bytes(), &b"x".repeat(len)].concat();
    check("a long key", &torch(&[b"}", &*text, b"Ns"].concat()));
    check(
        "a long text, many times",
        &torch(&[b"](", &*text, b"q\0", &b"h\0".repeat(900), b"e"].concat()),
    );
    // Texts of a dict, few at a time.
    let pairs = |n: usize| format!("X\x08\0\0\0{n:08}N").into_bytes();
    let part = |from: usize| -> Vec<u8> {
        [b"}(".to_vec(), (from..from + 900).flat_map(pairs).collect(), b"u".to_vec()].concat()
    };
    let parts: Vec<u8> = (0..len / 14 / 900).flat_map(|n| part(n * 900)).collect();
    check("many short texts", &torch(&[b"](", &*parts, b"e"].concat()));
    // Tensors by the memo: each of a few bytes.
    let storage = b"(X\x07\0\0\0storagectorch\nByteStorage\nX\x01\0\0\0kX\x03\0\0\0cpuK\x04tQq\0";
    let dims = [b"(".as_slice(), &b"K\x01".repeat(32), b"tq\x01"].concat();
    let head =
        [storage.as_slice(), b"0", &dims, b"0ctorch._utils\n_rebuild_tensor_v2\nq\x02]("].concat();
    check("tensors of many dims", &repeated(len, &head, b"h\x02(h\0K\0h\x01h\x01tR", b"e"));
    let head = [storage.as_slice(), b"0)q\x01ctorch._utils\n_rebuild_tensor_v2\nq\x02]("].concat();
    check("scalars", &repeated(len, &head, b"h\x02(h\0K\0h\x01h\x01tR", b"e"));
    let one = [
        storage.as_slice(),
        b"0)q\x01ctorch._utils\n_rebuild_tensor_v2\n(h\0K\0h\x01h\x01tRq\x02](",
    ]
    .concat();
    check("one scalar many times", &repeated(len, &one, b"h\x02", b"e"));
    // Expanded from one byte to 64 KiB each.
    let head = [
        storage.as_slice(),
        b"0J\0\0\x01\0\x85q\x01K\0\x85q\x03ctorch._utils\n_rebuild_tensor_v2\nq\x02](",
    ]
    .concat();
    check("expanded tensors", &repeated(len, &head, b"h\x02(h\0K\0h\x01h\x03tR", b"e"));
}

/// A zip file of members that are all these bytes, compressed or not.
fn zip(len: usize, content: &[u8], deflate: bool) -> Vec<u8> {
    use std::io::Write;
    let mut stored = content.to_vec();
    if deflate {
        let level = flate2::Compression::best();
        let mut deflater = flate2::write::DeflateEncoder::new(Vec::new(), level);
        deflater.write_all(content).unwrap();
        stored = deflater.finish().unwrap();
    }
    let mut crc = flate2::Crc::new();
    crc.update(content);
    let sizes = [crc.sum(), stored.len() as u32, content.len() as u32].map(u32::to_le_bytes);
    let method = if deflate { 8 } else { 0 };
    let common = |name: &str| {
        let head = [&[20, 0, 0, 0, method, 0, 0, 0, 0, 0], &*sizes.concat()].concat();
        [head, vec![name.len() as u8, 0, 0, 0]].concat()
    };
    let count = (len / (stored.len() + 100)).clamp(1, 65_534);
    let (mut bytes, mut list) = (Vec::new(), Vec::new());
    for index in 0..count {
        let (name, start) = (format!("{index}.npy"), bytes.len() as u32);
        bytes.extend([b"PK\x03\x04".as_slice(), &common(&name), name.as_bytes(), &stored].concat());
        list.extend([b"PK\x01\x02\0\0".as_slice(), &common(&name), &[0; 10]].concat());
        list.extend([start.to_le_bytes().as_slice(), name.as_bytes()].concat());
    }
    let (start, list_len) = (bytes.len() as u32, list.len() as u32);
    bytes.extend(list);
    bytes.extend(
        [b"PK\x05\x06\0\0\0\0".as_slice(), &[(count as u16).to_le_bytes(); 2].concat()].concat(),
    );
    bytes.extend([&list_len.to_le_bytes()[..], &start.to_le_bytes(), &[0, 0]].concat());
    bytes
}

fn npy(descr: &str, fortran: &str, shape: &str, len: usize) -> Vec<u8> {
    let text = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}}}");
    let head = [b"\x93NUMPY\x01\0".as_slice(), &(text.len() as u16).to_le_bytes()].concat();
    [&*head, text.as_bytes(), &vec![0; len]].concat()
}

fn check_arrays(len: usize) {
    check("long headers", &zip(len, &padded(1 << 20), true));
    for deflate in [false, true] {
        check("empty arrays", &zip(len, &npy("<f4", "False", "(0,)", 0), deflate));
        check("arrays of no bytes", &zip(len, b"", deflate));
        let dims = format!("({})", "1,".repeat(32));
        check("arrays of many dims", &zip(len, &npy("|u1", "False", &dims, 1), deflate));
        check("arrays in turn", &zip(len, &npy(">f8", "True", "(64, 64)", 32_768), deflate));
        let large = npy(">f8", "True", &format!("({}, 8)", len / 64), len / 64 * 64);
        check("one large array", &zip(len, &large, deflate));
        check("one large array alone", &large);
    }
}

/// An empty array whose header is padded by this many spaces, which shrink to almost nothing.
fn padded(len: usize) -> Vec<u8> {
    let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (0,)}";
    let head = ((text.len() + len) as u32).to_le_bytes();
    [b"\x93NUMPY\x02\0".as_slice(), &head, text.as_bytes(), &b" ".repeat(len)].concat()
}

fn check_gguf(len: usize) {
    check("tiny pairs", &gguf(len, true, |_| vec![0, 0, 0, 0, 7]));
    let text = |len: usize| [(len as u64).to_le_bytes().as_slice(), &vec![b'x'; len]].concat();
    let string = |len: usize| [8_u32.to_le_bytes().as_slice(), &text(len)].concat();
    check("long texts", &gguf(len, true, |_| string(1 << 16)));
    check("one long text", &gguf(len, true, |_| string(len)));
    let array = |kind: u32, count: u64, values: &[u8]| {
        [&[9, kind].map(u32::to_le_bytes).concat(), count.to_le_bytes().as_slice(), values].concat()
    };
    check("short arrays", &gguf(len, true, |_| array(0, 1024, &[255; 1024])));
    let controls = [1016_u64.to_le_bytes().as_slice(), &[1; 1016]].concat();
    check("short arrays of texts", &gguf(len, true, |_| array(8, 1, &controls)));
    let words = vec![0; len];
    check("a long vocabulary", &gguf(len, true, |_| array(8, len as u64 / 8, &words)));
    let nested = array(9, len as u64 / 12, &vec![0; len / 12 * 12]);
    check("arrays of arrays", &gguf(len, true, |_| nested.clone()));
    check("tiny tensors", &gguf(len, false, |_| vec![0; 16]));
    let many = [32_u32.to_le_bytes().as_slice(), &[0; 32 * 8 + 12]].concat();
    check("tensors of many dims", &gguf(len, false, |_| many.clone()));
}

fn check_indexes(len: usize) {
    let map = header_of(len, |i| format!(r#""{i}":"a""#));
    check_index("a long map", &format!(r#"{{"weight_map":{map}}}"#));
    let map = header_of(len, |i| format!(r#""\t{i}":"\u0061""#));
    check_index("a map with escapes", &format!(r#"{{"weight_map":{map}}}"#));
    let pairs = header_of(len, |i| format!(r#""{i}":0"#));
    check_index("numbers", &format!(r#"{{"metadata":{pairs},"weight_map":{{}}}}"#));
    let text = "\\t".repeat(len / 2);
    check_index("an escaped file", &format!(r#"{{"weight_map":{{"a":"{text}"}}}}"#));
    check_index("an escaped text", &format!(r#"{{"metadata":{{"a":"{text}"}}}}"#));
    let zeros = format!("[{}0]", "0,".repeat(len / 2));
    check_index("an unknown key", &format!(r#"{{"x":{zeros},"weight_map":{{}}}}"#));
}

#[test]
fn no_file_makes_a_reader_take_more_than_twice_its_length() {
    // The small pickles before and after the object count as well.
    check_above(1 << 16, "tuples above a low floor", &repeated(1 << 16, b")", b"\x85", b""));
    for len in [1 << 20, 4 << 20, FILE_LEN] {
        if len != 4 << 20 {
            check_pickles(len);
            check_arrays(len);
            check_gguf(len);
            check_indexes(len);
        }
        let empty = r#""dtype":"U8","shape":[0],"data_offsets":[0,0]"#;
        check("empty tensors", &safetensors(&header_of(len, |i| format!(r#""{i}":{{{empty}}}"#))));
        check(
            "escaped names",
            &safetensors(&header_of(len, |i| format!(r#""\t{i}":{{{empty}}}"#))),
        );
        let dims = ["0"; 32].join(",");
        let many = format!(r#""dtype":"U8","shape":[{dims}],"data_offsets":[0,0]"#);
        check("many dims", &safetensors(&header_of(len, |i| format!(r#""{i}":{{{many}}}"#))));
        let pairs = header_of(len, |i| format!(r#""{i}":"""#));
        check("metadata pairs", &safetensors(&format!(r#"{{"__metadata__":{pairs}}}"#)));
        let text = "\x7f".repeat(len);
        check("a long name", &safetensors(&format!(r#"{{"{text}":{{{empty}}}}}"#)));
        check("a misplaced string", &safetensors(&format!(r#"{{"w":"{text}"}}"#)));
        check("a misplaced dim", &safetensors(&format!(r#"{{"w":{{"shape":["{text}"]}}}}"#)));
        check("a long type", &safetensors(&format!(r#"{{"w":{{"dtype":"{text}"}}}}"#)));
        let text = "\\t".repeat(len / 2);
        check("an escaped name", &safetensors(&format!(r#"{{"{text}":{{{empty}}}}}"#)));
        check("an escaped text", &safetensors(&format!(r#"{{"__metadata__":{{"a":"{text}"}}}}"#)));

        let one_byte = [1_u32, 1, 1, 0, 3].map(u32::to_le_bytes).concat();
        check("tiny arrays", &params(&[one_byte, vec![7]].concat(), len));
        let many = [[32].as_slice(), &[0; 32], &[1, 0, 3]].concat();
        check(
            "arrays of many dims",
            &params(&many.iter().flat_map(|n: &u32| n.to_le_bytes()).collect::<Vec<_>>(), len),
        );
        // A row-sparse array of no rows, which stands for 64 KiB of zeros.
        let sparse = [0xF993_FAC9, 1, 1, 0, 0, 1, 65_536, 0, 1, 0, 3, 6, 1, 0, 0];
        check("sparse arrays", &params(&sparse.map(u32::to_le_bytes).concat(), len));
        // The same of one zero.
        let sparse = [0xF993_FAC9, 1, 1, 0, 0, 1, 1, 0, 1, 0, 3, 6, 1, 0, 0];
        check("small sparse arrays", &params(&sparse.map(u32::to_le_bytes).concat(), len));
        let csr = [0xF993_FAC9, 2, 1, 0, 0, 2, 1, 0, 1, 0, 1, 0, 3, 6, 1, 0, 0, 6, 1, 0, 0];
        check("small matrices", &params(&csr.map(u32::to_le_bytes).concat(), len));
    }
}
