//! However a file lies, a reader allocates at most twice its length and 16 MiB.
//!
//! A binary of its own, since it counts every allocation of the process.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use gluonic_formats::{Limits, ShardIndex, read, read_header};

struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged; only sizes are counted.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(now, Relaxed);
        // SAFETY: the caller's promises are those that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const FILE_LEN: usize = 12 << 20;

/// Reads and gives the result's text and the most that was allocated beyond the input.
fn peak_of(read: impl Fn() -> String) -> (String, usize) {
    let before = NOW.load(Relaxed);
    PEAK.store(before, Relaxed);
    let result = read();
    (result, PEAK.load(Relaxed) - before)
}

#[track_caller]
fn check(what: &str, bytes: &[u8]) {
    let allowed = 2 * bytes.len() + (16 << 20);
    let limits = Limits { max_name_bytes: usize::MAX, ..Limits::default() };
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

#[test]
fn no_file_makes_a_reader_take_more_than_twice_its_length() {
    for len in [1 << 20, 4 << 20, FILE_LEN] {
        check("tiny pairs", &gguf(len, true, |_| vec![0, 0, 0, 0, 7]));
        let text = |len: usize| [(len as u64).to_le_bytes().as_slice(), &vec![b'x'; len]].concat();
        let string = |len: usize| [8_u32.to_le_bytes().as_slice(), &text(len)].concat();
        check("long texts", &gguf(len, true, |_| string(1 << 16)));
        check("one long text", &gguf(len, true, |_| string(len)));
        let array = |kind: u32, count: u64, values: &[u8]| {
            [&[9, kind].map(u32::to_le_bytes).concat(), count.to_le_bytes().as_slice(), values]
                .concat()
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
