//! Changes that know nothing of the file.

use crate::Rng;

/// Flips, overwrites, cuts, repeats or moves something.
pub(super) fn change(rng: &mut Rng, bytes: &mut Vec<u8>) {
    if bytes.is_empty() {
        bytes.push(rng.next() as u8);
        return;
    }
    let len = bytes.len();
    let place = rng.below(len);
    match rng.below(11) {
        0 => bytes[place] ^= 1 << rng.below(8),
        1 => bytes[place] = rng.next() as u8,
        2 => bytes[place] = bytes[place].wrapping_add(*rng.pick(&[1, 0xff])),
        3 | 4 => number(rng, bytes),
        5 => {
            bytes.drain(rng.part(len));
        }
        6 => {
            let part = bytes[rng.part(len)].to_vec();
            bytes.splice(place..place, part);
        }
        7 => {
            let part = bytes[rng.part(len)].to_vec();
            let end = len.min(place + part.len());
            bytes.splice(place..end, part);
        }
        8 => {
            let part = bytes[rng.part(len)].repeat(*rng.pick(&[2, 16, 256]));
            bytes.splice(place..place, part);
        }
        9 => {
            let new: Vec<u8> = (0..rng.below(9)).map(|_| rng.next() as u8).collect();
            bytes.splice(place..place, new);
        }
        _ => bytes.truncate(place),
    }
}

/// Puts the end of another file behind the beginning of this one.
pub(super) fn cross(rng: &mut Rng, bytes: &mut Vec<u8>, other: &[u8]) {
    bytes.truncate(rng.below(bytes.len() + 1));
    bytes.extend(&other[rng.below(other.len() + 1)..]);
}

/// Overwrites a number of some width with one at which code is wrong, or near the old one.
fn number(rng: &mut Rng, bytes: &mut [u8]) {
    let width = *rng.pick(&[1, 2, 4, 8]);
    let Some(last) = bytes.len().checked_sub(width) else { return };
    let mut place = rng.below(last + 1);
    if rng.one_in(2) {
        place -= place % width;
    }
    let big_endian = rng.one_in(4);
    let slot = &mut bytes[place..place + width];
    let mut old = [0; 8];
    old[..width].copy_from_slice(slot);
    let after = (last - place) as u64;
    let new = if rng.one_in(3) {
        let near = *rng.pick(&[1, 2, 8, u64::MAX, u64::MAX - 1]);
        u64::from_le_bytes(old).wrapping_add(near)
    } else {
        interesting(rng, after)
    };
    let mut new = new.to_le_bytes();
    if big_endian {
        new[..width].reverse();
    }
    slot.copy_from_slice(&new[..width]);
}

/// A number at which code is wrong; `len` is what is left of the file.
pub(super) fn interesting(rng: &mut Rng, len: u64) -> u64 {
    let base = match rng.below(8) {
        0 | 1 => rng.below(4) as u64,
        2 | 3 => 1 << rng.below(64),
        4 => *rng.pick(&[u64::MAX, i64::MAX as u64, u32::MAX.into(), u16::MAX.into()]),
        5 => len,
        6 => len / *rng.pick(&[2, 4, 8]),
        _ => rng.below(300) as u64,
    };
    base.wrapping_add(*rng.pick(&[0, 0, 0, 1, u64::MAX]))
}

/// Overwrites or inserts a number that means something in `.params` files.
pub(super) fn word(rng: &mut Rng, bytes: &mut Vec<u8>) {
    let wide = rng.one_in(2);
    let number = match rng.below(4) {
        // The marks of the list and of the record versions, element types, devices, kinds.
        0 => *rng.pick(&[0x112, 0xF993_FAC8, 0xF993_FAC9, 0xF993_FACA, 0xFFFF_FFFF]),
        1 => rng.below(14) as u64,
        _ => interesting(rng, bytes.len() as u64),
    };
    let new = &number.to_le_bytes()[..if wide { 8 } else { 4 }];
    // Records begin at any place, but mostly at a multiple of four or one more.
    let mut place = rng.below(bytes.len() + 1);
    if !rng.one_in(4) {
        place -= place % 4;
    }
    let end = if rng.one_in(4) { place } else { bytes.len().min(place + new.len()) };
    bytes.splice(place..end, new.iter().copied());
}
