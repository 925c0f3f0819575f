//! GGUF files taken apart and put together again, so that what is changed inside has the right
//! lengths before it and its data behind it.

use super::bytes;
use crate::Rng;

/// Where data begin and tensors start, unless the file says something else.
const ALIGNMENT: usize = 32;

/// Types of tensors: number, elements and bytes of a block.
const TYPES: [(u32, u64, u64); 18] = [
    (0, 1, 4),
    (1, 1, 2),
    (2, 32, 18),
    (3, 32, 20),
    (6, 32, 22),
    (7, 32, 24),
    (8, 32, 34),
    (10, 256, 84),
    (11, 256, 110),
    (12, 256, 144),
    (13, 256, 176),
    (14, 256, 210),
    (24, 1, 1),
    (25, 1, 2),
    (26, 1, 4),
    (27, 1, 8),
    (28, 1, 8),
    (30, 1, 2),
];

/// Values with the number of their kind before them.
const VALUES: &[&[u8]] = &[
    b"\0\0\0\0\x07",
    b"\x04\0\0\0\x20\0\0\0",
    b"\x04\0\0\0\x01\0\0\0",
    b"\x06\0\0\0\0\0\xc0\x7f",
    b"\x07\0\0\0\x01",
    b"\x07\0\0\0\x02",
    b"\x08\0\0\0\x01\0\0\0\0\0\0\0a",
    b"\x08\0\0\0\x01\0\0\0\0\0\0\0\xff",
    b"\x09\0\0\0\x08\0\0\0\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\"",
    b"\x09\0\0\0\x09\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    b"\x09\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x0c\0\0\0\0\0\0\0\0\0\xf0\x7f",
    b"\x0d\0\0\0",
];

#[derive(Clone)]
struct Tensor {
    name: Vec<u8>,
    dims: Vec<u64>,
    number: u32,
    offset: u64,
}

struct Gguf {
    /// The mark and the version.
    head: [u8; 8],
    /// Key and value, each with what stands before it.
    pairs: Vec<(Vec<u8>, Vec<u8>)>,
    tensors: Vec<Tensor>,
    data: Vec<u8>,
}

/// Changes pairs, tensors or data; changes bytes if it is not as expected.
pub(super) fn rebuild(rng: &mut Rng, file: &mut Vec<u8>) {
    let Some(mut gguf) = unpack(file) else { return bytes::change(rng, file) };
    match rng.below(3) {
        0 => change_pairs(rng, &mut gguf.pairs),
        1 => change_tensors(rng, &mut gguf.tensors),
        _ => {
            change_tensors(rng, &mut gguf.tensors);
            lay_out(&mut gguf);
        }
    }
    *file = pack(&gguf);
}

fn change_pairs(rng: &mut Rng, pairs: &mut Vec<(Vec<u8>, Vec<u8>)>) {
    if pairs.is_empty() || rng.one_in(4) {
        let key = *rng.pick(&[b"general.alignment".as_slice(), b"a", b"general.architecture"]);
        let place = rng.below(pairs.len() + 1);
        pairs.insert(place, (key.to_vec(), rng.pick(VALUES).to_vec()));
        return;
    }
    let place = rng.below(pairs.len());
    match rng.below(5) {
        0 => {
            pairs.remove(place);
        }
        1 => {
            let pair = pairs[place].clone();
            pairs.insert(place, pair);
        }
        2 => bytes::change(rng, &mut pairs[place].0),
        3 => bytes::change(rng, &mut pairs[place].1),
        _ => pairs[place].1 = rng.pick(VALUES).to_vec(),
    }
}

fn change_tensors(rng: &mut Rng, tensors: &mut Vec<Tensor>) {
    if tensors.is_empty() {
        tensors.push(Tensor { name: b"a".to_vec(), dims: vec![32], number: 0, offset: 0 });
    }
    let place = rng.below(tensors.len());
    let tensor = &mut tensors[place];
    match rng.below(9) {
        0 => {
            tensors.remove(place);
        }
        1 => {
            let copy = tensor.clone();
            tensors.insert(place, copy);
        }
        2 => {
            let mut copy = tensor.clone();
            copy.name.push(b'2');
            tensors.push(copy);
        }
        3 => bytes::change(rng, &mut tensor.name),
        4 | 5 => tensor.number = rng.pick(&TYPES).0,
        6 => tensor.offset = bytes::interesting(rng, tensor.offset),
        7 => {
            let place = rng.below(tensor.dims.len() + 1);
            let dim = *rng.pick(&[0, 1, 2, 32, 256, 1 << 32]);
            if rng.one_in(2) || place == tensor.dims.len() {
                tensor.dims.insert(place, dim);
            } else {
                tensor.dims[place] = dim;
            }
        }
        _ => {
            tensor.dims.pop();
        }
    }
}

/// Gives each tensor its place behind the one before, and the data their length.
fn lay_out(gguf: &mut Gguf) {
    let mut end = 0;
    for tensor in &mut gguf.tensors {
        let (_, elements, bytes) =
            *TYPES.iter().find(|(number, ..)| *number == tensor.number).unwrap_or(&(0, 1, 1));
        let count = tensor.dims.iter().fold(1_u64, |count, dim| count.saturating_mul(*dim));
        tensor.offset = end;
        let len = (count / elements).saturating_mul(bytes);
        end = end.saturating_add(len).min(super::MAX_LEN as u64);
        end = end.next_multiple_of(ALIGNMENT as u64);
    }
    gguf.data.resize(end as usize, 1);
}

fn pack(gguf: &Gguf) -> Vec<u8> {
    let text = |text: &[u8]| [&(text.len() as u64).to_le_bytes(), text].concat();
    let mut file = gguf.head.to_vec();
    file.extend(
        [gguf.tensors.len() as u64, gguf.pairs.len() as u64].map(u64::to_le_bytes).concat(),
    );
    for (key, value) in &gguf.pairs {
        file.extend([text(key), value.clone()].concat());
    }
    for Tensor { name, dims, number, offset } in &gguf.tensors {
        file.extend(text(name));
        file.extend((dims.len() as u32).to_le_bytes());
        file.extend(dims.iter().flat_map(|dim| dim.to_le_bytes()));
        file.extend(number.to_le_bytes());
        file.extend(offset.to_le_bytes());
    }
    file.resize(file.len().next_multiple_of(ALIGNMENT), 0);
    file.extend(&gguf.data);
    file
}

fn unpack(file: &[u8]) -> Option<Gguf> {
    let mut rest = file;
    let head = *take(&mut rest, 8)?.first_chunk()?;
    let (n_tensors, n_pairs) = (number(&mut rest)?, number(&mut rest)?);
    let mut pairs = Vec::new();
    for _ in 0..n_pairs.min(1000) {
        let key = text(&mut rest)?.to_vec();
        let before = rest;
        let kind = word(&mut rest)?;
        skip(&mut rest, kind)?;
        pairs.push((key, before[..before.len() - rest.len()].to_vec()));
    }
    let mut tensors = Vec::new();
    for _ in 0..n_tensors.min(1000) {
        let name = text(&mut rest)?.to_vec();
        let rank = word(&mut rest)?.min(100);
        let dims = (0..rank).map(|_| number(&mut rest)).collect::<Option<_>>()?;
        tensors.push(Tensor { name, dims, number: word(&mut rest)?, offset: number(&mut rest)? });
    }
    let start = (file.len() - rest.len()).next_multiple_of(ALIGNMENT);
    let data = file.get(start..).unwrap_or_default().to_vec();
    Some(Gguf { head, pairs, tensors, data })
}

/// Steps over a value of some kind.
fn skip(rest: &mut &[u8], kind: u32) -> Option<()> {
    let len = match kind {
        0 | 1 | 7 => 1,
        2 | 3 => 2,
        4..=6 => 4,
        8 => return text(rest).map(|_| ()),
        9 => {
            let (kind, count) = (word(rest)?, number(rest)?);
            // Arrays in arrays are for blind changes.
            return if kind == 9 { None } else { (0..count).try_for_each(|_| skip(rest, kind)) };
        }
        10..=12 => 8,
        _ => return None,
    };
    take(rest, len).map(|_| ())
}

fn take<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(len)?;
    *rest = left;
    Some(taken)
}

fn word(rest: &mut &[u8]) -> Option<u32> {
    Some(u32::from_le_bytes(*take(rest, 4)?.first_chunk()?))
}

fn number(rest: &mut &[u8]) -> Option<u64> {
    Some(u64::from_le_bytes(*take(rest, 8)?.first_chunk()?))
}

fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = number(rest)?;
    take(rest, usize::try_from(len).ok()?)
}
