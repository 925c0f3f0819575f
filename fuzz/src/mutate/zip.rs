//! Zip files packed again, so that what is broken inside of a member has the right lengths and
//! checksum.

use std::cell::RefCell;

use flate2::{Compress, Compression, Crc, Decompress, FlushCompress, FlushDecompress, Status};

use super::{bytes, text};
use crate::Rng;

// To make them anew for each member takes longer than all the rest.
thread_local! {
    static DEFLATE: RefCell<Compress> = RefCell::new(Compress::new(Compression::fast(), false));
    static INFLATE: RefCell<Decompress> = RefCell::new(Decompress::new(false));
}

#[derive(Clone)]
struct Member {
    name: Vec<u8>,
    content: Vec<u8>,
    deflated: bool,
    /// The content as the file has it, if it was not changed.
    stored: Option<Vec<u8>>,
}

/// Unpacks, changes members or their list, and packs again; changes bytes if it is no zip file.
pub(super) fn repack(rng: &mut Rng, file: &mut Vec<u8>) {
    let Some(mut members) = unpack(file).filter(|members| !members.is_empty()) else {
        return bytes::change(rng, file);
    };
    let place = rng.below(members.len());
    match rng.below(12) {
        0 => {
            members.remove(place);
        }
        1 => {
            let copy = members[place].clone();
            members.insert(rng.below(members.len() + 1), copy);
        }
        2 => bytes::change(rng, &mut members[place].name),
        3 => {
            let member = &mut members[place];
            (member.deflated, member.stored) = (!member.deflated, None);
        }
        4 => {
            let other = rng.below(members.len());
            members.swap(place, other);
        }
        _ => {
            let Member { name, content, stored, .. } = &mut members[place];
            *stored = None;
            if rng.one_in(4) {
                bytes::change(rng, content);
            } else if name.ends_with(b".npy") {
                text::npy(rng, content);
            } else if name.ends_with(b".pkl") {
                text::pickle(rng, content);
            } else if name.ends_with(b"byteorder") {
                *content = rng.pick(&[b"big".as_slice(), b"little"]).to_vec();
            } else {
                bytes::change(rng, content);
            }
        }
    }
    for member in &mut members {
        member.name.truncate(u16::MAX.into());
        member.content.truncate(super::MAX_LEN);
    }
    *file = pack(rng, &members);
}

/// The members by the list at the end, or `None` where that is not as expected.
fn unpack(file: &[u8]) -> Option<Vec<Member>> {
    let u16_at = |place: usize| {
        let two = file.get(place..place + 2)?;
        Some(usize::from(u16::from_le_bytes([two[0], two[1]])))
    };
    let u32_at = |place: usize| Some(u16_at(place)? | u16_at(place + 2)? << 16);
    let end = file.windows(4).rposition(|mark| mark == b"PK\x05\x06")?;
    let (count, mut place) = (u16_at(end + 10)?, u32_at(end + 16)?);
    let mut members = Vec::new();
    for _ in 0..count.min(100) {
        if file.get(place..place + 4)? != b"PK\x01\x02" {
            return None;
        }
        let deflated = u16_at(place + 10)? == 8;
        let (len, name_len) = (u32_at(place + 20)?, u16_at(place + 28)?);
        let header = u32_at(place + 42)?;
        let name = file.get(place + 46..place + 46 + name_len)?.to_vec();
        place += 46 + name_len + u16_at(place + 30)? + u16_at(place + 32)?;
        let start = header + 30 + u16_at(header + 26)? + u16_at(header + 28)?;
        let stored = file.get(start..start.checked_add(len)?)?;
        let content = if deflated { inflate(stored)? } else { stored.to_vec() };
        // What is longer was cut.
        let stored = (content.len() < super::MAX_LEN).then(|| stored.to_vec());
        members.push(Member { name, content, deflated, stored });
    }
    Some(members)
}

fn pack(rng: &mut Rng, members: &[Member]) -> Vec<u8> {
    // Now and then as others write: sizes after the data, sizes of 64 bits, no checksums, and a
    // size that is a lie.
    let (descriptors, wide) = (rng.one_in(8), rng.one_in(8));
    let (no_crc, lie) = (rng.one_in(16), rng.one_in(16));
    let (mut file, mut list) = (Vec::new(), Vec::new());
    for Member { name, content, deflated, stored } in members {
        let stored = match stored {
            Some(stored) => stored.clone(),
            None if *deflated => deflate(content),
            None => content.clone(),
        };
        let mut crc = Crc::new();
        crc.update(content);
        let crc = if no_crc { 0 } else { crc.sum() };
        let mut len = content.len() as u32;
        if lie {
            len = bytes::interesting(rng, len.into()) as u32;
        }
        let numbers = [crc, stored.len() as u32, len];
        let longs = [len, stored.len() as u32].map(u64::from).map(u64::to_le_bytes).concat();
        let extra = if wide { [b"\x01\0\x10\0".as_slice(), &longs].concat() } else { Vec::new() };
        let sizes = if wide { [crc, u32::MAX, u32::MAX] } else { numbers };
        let head = |sizes: [u32; 3]| {
            let flags = u16::from(descriptors) << 3;
            let mut head =
                [20, flags, if *deflated { 8 } else { 0 }, 0, 0x21].map(u16::to_le_bytes).concat();
            head.extend(sizes.map(u32::to_le_bytes).concat());
            head.extend([name.len() as u16, extra.len() as u16].map(u16::to_le_bytes).concat());
            head
        };
        let start = file.len() as u32;
        let local = if descriptors && !wide { [0; 3] } else { sizes };
        file.extend([b"PK\x03\x04", &*head(local), name, &extra, &stored].concat());
        if descriptors {
            file.extend(b"PK\x07\x08");
            file.extend(crc.to_le_bytes());
            if wide {
                let sizes = [stored.len() as u64, len.into()];
                file.extend(sizes.map(u64::to_le_bytes).concat());
            } else {
                file.extend(numbers[1..].iter().flat_map(|number| number.to_le_bytes()));
            }
        }
        list.extend([b"PK\x01\x02\x14\0", &*head(sizes), &[0; 10]].concat());
        list.extend([&start.to_le_bytes(), &**name, &extra].concat());
    }
    let (start, len) = (file.len() as u32, list.len() as u32);
    file.extend(list);
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend([members.len() as u16; 2].map(u16::to_le_bytes).concat());
    file.extend([len, start].map(u32::to_le_bytes).concat());
    file.extend([0; 2]);
    file
}

/// `None` if it does not end, or is nothing of the kind.
fn inflate(stored: &[u8]) -> Option<Vec<u8>> {
    INFLATE.with_borrow_mut(|inflate| {
        inflate.reset(false);
        let mut content = Vec::with_capacity(super::MAX_LEN);
        let status = inflate.decompress_vec(stored, &mut content, FlushDecompress::Finish).ok()?;
        (status == Status::StreamEnd || content.len() == super::MAX_LEN).then_some(content)
    })
}

fn deflate(content: &[u8]) -> Vec<u8> {
    DEFLATE.with_borrow_mut(|deflate| {
        deflate.reset();
        // What does not shrink grows by a few bytes for each block.
        let mut stored = Vec::with_capacity(content.len() + content.len() / 8 + 64);
        let status = deflate.compress_vec(content, &mut stored, FlushCompress::Finish);
        assert!(matches!(status, Ok(Status::StreamEnd)), "there was room enough");
        stored
    })
}
