//! Changes of headers, pickles and expressions, with the lengths before them made right again.

use super::bytes;
use crate::Rng;

/// Replaces, inserts or doubles a token of a text.
fn token(rng: &mut Rng, text: &mut Vec<u8>, tokens: &[&[u8]]) {
    let len = text.len() as u64;
    let new = match rng.below(4) {
        0 => bytes::interesting(rng, len).to_string().into_bytes(),
        _ => rng.pick(tokens).to_vec(),
    };
    let place = rng.below(text.len() + 1);
    // Where a word or a number begins, the whole of it is replaced.
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric();
    let range = match rng.below(3) {
        0 => place..place,
        1 => {
            let start =
                text[..place].iter().rposition(|byte| !is_word(byte)).map_or(0, |at| at + 1);
            let end = text[place..].iter().position(|byte| !is_word(byte));
            start..end.map_or(text.len(), |at| at + place)
        }
        _ => place..text.len().min(place + new.len()),
    };
    text.splice(range, new);
}

fn change(rng: &mut Rng, text: &mut Vec<u8>, tokens: &[&[u8]]) {
    if rng.one_in(4) { bytes::change(rng, text) } else { token(rng, text, tokens) }
}

/// Changes the data, so that its length may fit another header.
fn resize(rng: &mut Rng, bytes: &mut Vec<u8>, from: usize) {
    let len = bytes.len().saturating_sub(from);
    let new = (bytes::interesting(rng, len as u64) as usize).min(4096);
    bytes.resize(from + new, 7);
}

const JSON: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\"\"",
    b"\"a\"",
    b"\"__metadata__\":{\"a\":\"b\"},",
    b"\"dtype\"",
    b"\"shape\"",
    b"\"data_offsets\"",
    b"F32",
    b"F16",
    b"BF16",
    b"U8",
    b"I64",
    b"F4",
    b"F6_E2M3",
    b"F8_E4M3",
    b"C64",
    b"BOOL",
    b"-1",
    b"-0",
    b"1e9",
    b"0.5",
    b"18446744073709551615",
    b"18446744073709551616",
    b"null",
    b"true",
    b" ",
    b"\n",
    b"\\u0061",
    b"\\ud800",
    b"\\ud83d\\ude00",
    b"\\n",
    b"\xff",
    b"\0",
    b"\"b\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},",
    b"\"c\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},",
];

/// Changes the JSON of a safetensors file, or its data.
pub(super) fn safetensors(rng: &mut Rng, bytes: &mut Vec<u8>) {
    let Some(head) = bytes.first_chunk::<8>() else { return bytes::change(rng, bytes) };
    let len = usize::try_from(u64::from_le_bytes(*head)).unwrap_or(0).min(bytes.len() - 8);
    if rng.one_in(8) {
        return resize(rng, bytes, 8 + len);
    }
    let mut text = bytes[8..8 + len].to_vec();
    change(rng, &mut text, JSON);
    let start = (text.len() as u64).to_le_bytes();
    bytes.splice(..8 + len, start.into_iter().chain(text));
}

const PYTHON: &[&[u8]] = &[
    b"{",
    b"}",
    b"(",
    b")",
    b",",
    b":",
    b"'",
    b"\"",
    b"'descr'",
    b"'fortran_order'",
    b"'shape'",
    b"True",
    b"False",
    b"<f4",
    b">f8",
    b"|b1",
    b"|u1",
    b"=i2",
    b"<c16",
    b">c8",
    b"<V2",
    b"|V1",
    b"<f2",
    b"|O",
    b"<U3",
    b"bfloat16",
    b"[('a', '<f4')]",
    b"(0,)",
    b"()",
    b"(2, 3)",
    b"(1, 1, 1, 1)",
    b"-1",
    b"18446744073709551615",
    b"\\x00",
    b" ",
    b"\n",
    b"L",
    b"\xff",
];

/// Changes the dict of a NumPy file, its version, or its data.
pub(super) fn npy(rng: &mut Rng, bytes: &mut Vec<u8>) {
    if bytes.len() < 12 {
        return bytes::change(rng, bytes);
    }
    let wide = bytes[6] > 1;
    let start = if wide { 12 } else { 10 };
    let len = if wide {
        u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]) as usize
    } else {
        u16::from_le_bytes([bytes[8], bytes[9]]).into()
    };
    let end = (start + len).min(bytes.len());
    if rng.one_in(8) {
        return resize(rng, bytes, end);
    }
    let mut text = bytes[start..end].to_vec();
    change(rng, &mut text, PYTHON);
    let version = if rng.one_in(8) { *rng.pick(&[1, 2, 3]) } else { bytes[6] };
    let mut head = bytes[..6].to_vec();
    head.extend([version, 0]);
    if version > 1 {
        head.extend((text.len() as u32).to_le_bytes());
    } else {
        head.extend((text.len() as u16).to_le_bytes());
    }
    head.extend(text);
    bytes.splice(..end, head);
}

/// Pieces of pickles, as PyTorch writes them.
const OPCODES: &[&[u8]] = &[
    b"(X\x07\0\0\0storagectorch\nByteStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x04tQ",
    b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x01tQ",
    b"ctorch._utils\n_rebuild_tensor_v2\n",
    b"ctorch._utils\n_rebuild_parameter\n",
    b"ctorch._tensor\n_rebuild_from_type_v2\n",
    b"ccollections\nOrderedDict\n)R",
    b"cbuiltins\nset\n",
    b"cos\nsystem\n",
    b"X\x01\0\0\0a",
    b"X\xff\xff\xff\xff",
    b"\x8c\x01a",
    b"K\x01",
    b"K\x02",
    b"M\xff\xff",
    b"J\xff\xff\xff\xff",
    b"J\0\0\0\x80",
    b"\x8a\x01\xff",
    b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"\x8a\x09\xff\xff\xff\xff\xff\xff\xff\xff\0",
    b"G\x7f\xf0\0\0\0\0\0\0",
    b"q\0",
    b"h\0",
    b"q\x01",
    b"h\x01",
    b"r\0\0\0\0",
    b"j\xff\xff\xff\xff",
    b"\x80\x05",
    b"\x95\xff\0\0\0\0\0\0\0",
    b"K\0K\x01\x85K\x01\x85",
    b"(K\x02K\x03t",
    b"(K\0K\0t",
];

/// Opcodes of one byte.
const SINGLE: &[u8] = b"()]}tRsuaeblNd.\x85\x86\x87\x81\x88\x89\x8f\x90\x93\x940120Q";

/// Inserts, replaces or repeats opcodes.
pub(super) fn pickle(rng: &mut Rng, bytes: &mut Vec<u8>) {
    let place = rng.below(bytes.len() + 1);
    let new = if rng.one_in(2) {
        rng.pick(OPCODES).to_vec()
    } else {
        vec![*rng.pick(SINGLE); *rng.pick(&[1, 1, 1, 2, 3, 200])]
    };
    let end = if rng.one_in(3) { bytes.len().min(place + new.len()) } else { place };
    bytes.splice(place..end, new);
}

const SELECTOR: &[&[u8]] = &[
    b"*",
    b"**",
    b"?",
    b"[a-z]",
    b"[!a]",
    b"{a,b}",
    b"\\",
    b"'",
    b"\"",
    b"/",
    b"(",
    b")",
    b"!",
    b"&",
    b"|",
    b"-",
    b",",
    b" ",
    b".",
    b"..",
    b"weight",
    b"encoder",
    b"0",
    b"and",
    b"or",
    b"not",
    b"all",
    b"none",
    b"name:",
    b"path:",
    b"tag:",
    b"kind:",
    b"dtype:",
    b"shape:",
    b"rank:",
    b"re:",
    b"frozen",
    b"trainable",
    b"float32",
    b">=",
    b"<",
    b"=",
    b"\xc3\xa9",
    b"(?=a)",
    b"(a*)*",
    b"\\1",
];

/// Changes an expression by its words.
pub(super) fn selector(rng: &mut Rng, bytes: &mut Vec<u8>) {
    change(rng, bytes, SELECTOR);
}

const INDEX: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\"\"",
    b"\"a\"",
    b"\"metadata\"",
    b"\"weight_map\"",
    b"\"total_size\"",
    b"\"weight_map\":{},",
    b"\"metadata\":{\"total_size\":1},",
    b"\"b\":\"1.bin\",",
    b"model-00001-of-00002.safetensors",
    b"../",
    b"/",
    b"\\\\",
    b"..",
    b"C:",
    b"aux.bin",
    b"13.5",
    b"1e300",
    b"-1",
    b"18446744073709551616",
    b"null",
    b"true",
    b" ",
    b"\n",
    b"\\u0061",
    b"\\u002f",
    b"\\u0000",
    b"\\ud800",
    b"\\n",
    b"\xff",
    b"\0",
];

/// Changes the JSON of an index.
pub(super) fn shard_index(rng: &mut Rng, bytes: &mut Vec<u8>) {
    change(rng, bytes, INDEX);
}

const RULES: &[&[u8]] = &[
    b"[[rule]]\n",
    b"[[then]]\n",
    b"[[then.rule]]\n",
    b"from = ",
    b"to = ",
    b"split = ",
    b"concat = ",
    b"drop = ",
    b"tie = ",
    b"axis = 1\n",
    b"axis = -1\n",
    b"sizes = [2, 4]\n",
    b"transpose = true\n",
    b"permute = [1, 0]\n",
    b"permute = [0, 2, 3, 1]\n",
    b"rest = \"error\"\n",
    b"unused = \"error\"\n",
    b"[\"q\", \"k\", \"v\"]",
    b"[\"{i}.a\", \"{i}.b\"]",
    b"\"a.{p}\"",
    b"'{rest**}'",
    b"\"*.{a,b}\"",
    b"{i}",
    b"{p:q,k*}",
    b"{rest**}",
    b"**",
    b"?",
    b"*",
    b"\\",
    b"\\\\",
    b"\\u0061",
    b"\"",
    b"'",
    b"\"\"\"",
    b"=",
    b"[",
    b"]",
    b"{",
    b"}",
    b",",
    b".",
    b"#",
    b"\n",
    b"-1",
    b"0x7fffffffffffffff",
    b"1e9",
    b"true",
    b"1979-05-27",
    b"\xc3\xa9",
    b"\0",
    b"[[rule]]\nfrom = \"a.{p}\"\nto = \"b.{p}\"\n",
    b"[[rule]]\ntie = [\"a.{p}\", \"c.{p}\"]\n",
];

/// Changes rename rules by their words, or turns their lines around.
pub(super) fn rename_rules(rng: &mut Rng, bytes: &mut Vec<u8>) {
    if rng.one_in(4) {
        let mut lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
        let len = lines.len();
        if len > 1 {
            let (one, other) = (rng.below(len), rng.below(len));
            lines.swap(one, other);
            *bytes = lines.concat();
            return;
        }
    }
    change(rng, bytes, RULES);
}
