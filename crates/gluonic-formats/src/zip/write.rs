//! Where everything goes in a zip file to be written.
//!
//! Members are stored as they are, each so that its bytes begin at a multiple of 64; every date
//! is the first that the format knows. So the same content gives the same bytes.

use super::{CENTRAL, END, END_64, EXTRA_64, LOCAL, LOCATOR_64};

/// Members begin at multiples of this, so that a file mapped into memory has aligned tensors.
const ALIGNMENT: u64 = 64;
/// The extra field that Android's `zipalign` made known for padding; its first number is the
/// alignment.
const EXTRA_ALIGN: u16 = 0xD935;
/// The first of January 1980, as NumPy writes.
const DATE: u16 = 0x21;
/// The version that a reader needs: 2.0, or 4.5 where sizes are of 64 bits.
const PLAIN: u16 = 20;
const WIDE: u16 = 45;
/// Names are UTF-8.
const UTF_8: u16 = 1 << 11;

/// The headers of a zip file whose members are added in turn.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    offset: u64,
    n_members: u64,
    list: Vec<u8>,
}

impl Plan {
    /// Gives the bytes that stand before the bytes of the next member.
    pub(crate) fn add(&mut self, name: &str, len: u64, crc: u32) -> Vec<u8> {
        let start = self.offset;
        let wide_len = len >= u32::MAX.into();
        let long = |wide, n: u64| if wide { n.to_le_bytes().to_vec() } else { Vec::new() };
        let mut extra = field(EXTRA_64, &[long(wide_len, len), long(wide_len, len)].concat());
        let before = start + 30 + name.len() as u64 + extra.len() as u64;
        extra.extend(padding(before));
        let version = if wide_len { WIDE } else { PLAIN };
        let mut header = LOCAL.to_le_bytes().to_vec();
        header.extend(common(version, name, len, crc, extra.len()));
        header.extend(name.as_bytes());
        header.extend(extra);
        self.offset = start + header.len() as u64 + len;

        let wide_start = start >= u32::MAX.into();
        let longs = [long(wide_len, len), long(wide_len, len), long(wide_start, start)].concat();
        let extra = field(EXTRA_64, &longs);
        let version = if extra.is_empty() { PLAIN } else { WIDE };
        self.list.extend(CENTRAL.to_le_bytes());
        self.list.extend(version.to_le_bytes()); // Made by.
        self.list.extend(common(version, name, len, crc, extra.len()));
        self.list.extend([0; 10]); // Comment, disk, attributes.
        self.list.extend(short(start).to_le_bytes());
        self.list.extend(name.as_bytes());
        self.list.extend(extra);
        self.n_members += 1;
        header
    }

    /// Gives the bytes that stand after the last member.
    pub(crate) fn finish(self) -> Vec<u8> {
        let (start, len, count) = (self.offset, self.list.len() as u64, self.n_members);
        let mut end = self.list;
        let short_count = u16::try_from(count).unwrap_or(u16::MAX);
        if short_count == u16::MAX || short(start) == u32::MAX || short(len) == u32::MAX {
            end.extend(END_64.to_le_bytes());
            end.extend(44_u64.to_le_bytes()); // What follows of this record.
            end.extend([WIDE, WIDE].map(u16::to_le_bytes).concat());
            end.extend([0; 8]); // Disks.
            end.extend([count, count, len, start].map(u64::to_le_bytes).concat());
            end.extend(LOCATOR_64.to_le_bytes());
            end.extend(0_u32.to_le_bytes());
            end.extend((start + len).to_le_bytes());
            end.extend(1_u32.to_le_bytes());
        }
        end.extend(END.to_le_bytes());
        end.extend([0; 4]); // Disks.
        end.extend([short_count; 2].map(u16::to_le_bytes).concat());
        end.extend([short(len), short(start)].map(u32::to_le_bytes).concat());
        end.extend([0; 2]); // Comment.
        end
    }
}

/// What a member's own header and the list say alike.
fn common(version: u16, name: &str, len: u64, crc: u32, extra_len: usize) -> Vec<u8> {
    let flags = if name.is_ascii() { 0 } else { UTF_8 };
    let mut bytes = [version, flags, 0, 0, DATE].map(u16::to_le_bytes).concat();
    bytes.extend([crc, short(len), short(len)].map(u32::to_le_bytes).concat());
    // Names are checked by the caller; extra fields are shorter than 200 bytes.
    bytes.extend([name.len() as u16, extra_len as u16].map(u16::to_le_bytes).concat());
    bytes
}

fn field(id: u16, content: &[u8]) -> Vec<u8> {
    if content.is_empty() {
        return Vec::new();
    }
    [&id.to_le_bytes(), &(content.len() as u16).to_le_bytes(), content].concat()
}

/// The extra field after which a multiple of the alignment is reached.
fn padding(before: u64) -> Vec<u8> {
    let missing = before.next_multiple_of(ALIGNMENT) - before;
    // The field's own header and the alignment take six bytes.
    let len = match missing {
        0 => return Vec::new(),
        1..6 => missing + ALIGNMENT,
        _ => missing,
    };
    let mut content = (ALIGNMENT as u16).to_le_bytes().to_vec();
    content.resize(len as usize - 4, 0);
    field(EXTRA_ALIGN, &content)
}

/// A number of 32 bits, or the mark that it stands elsewhere.
fn short(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn u64_at(bytes: &[u8], place: usize) -> u64 {
        u64::from_le_bytes(bytes[place..place + 8].try_into().unwrap())
    }

    #[test]
    fn members_are_aligned_whatever_their_names() {
        let mut plan = Plan::default();
        for len in 0..200 {
            let before = plan.offset;
            let header = plan.add(&"n".repeat(len), 3, 0);
            assert!((before + header.len() as u64).is_multiple_of(ALIGNMENT), "{len}");
        }
    }

    #[test]
    fn sizes_beyond_32_bits_stand_in_the_wide_fields() {
        let mut plan = Plan::default();
        let five = 5_u64 << 30;
        let header = plan.add("a.npy", five, 7);
        assert_eq!(header[18..26], [0xff; 8]);
        assert_eq!(header[35..39], [1, 0, 16, 0]);
        assert_eq!([u64_at(&header, 39), u64_at(&header, 47)], [five, five]);
        let second = plan.add("b.npy", 1, 7);
        assert_eq!(second[18..26], [1, 0, 0, 0, 1, 0, 0, 0]);
        let start = header.len() as u64 + five;
        let list_start = plan.offset;
        assert_eq!(list_start, start + second.len() as u64 + 1);
        let end = plan.finish();
        // The first entry: 46 bytes, the name, both sizes; its start fits into 32 bits.
        assert_eq!([u64_at(&end, 55), u64_at(&end, 63)], [five, five]);
        assert_eq!(end[42..46], [0; 4]);
        // The second: its sizes fit, its start does not.
        let second = 46 + 5 + 20;
        assert_eq!(end[second + 42..second + 46], [0xff; 4]);
        assert_eq!(u64_at(&end, second + 55), start);
        let record = second + 46 + 5 + 12;
        assert_eq!(end[record..record + 4], END_64.to_le_bytes());
        assert_eq!(u64_at(&end, record + 24), 2);
        assert_eq!(u64_at(&end, record + 40), record as u64);
        assert_eq!(u64_at(&end, record + 48), list_start);
        let locator = record + 56;
        assert_eq!(u64_at(&end, locator + 8), list_start + record as u64);
        assert_eq!(end.len(), locator + 20 + 22);
    }

    #[test]
    fn the_largest_size_that_looks_like_the_mark_is_wide() {
        let header = Plan::default().add("a", u32::MAX.into(), 0);
        assert_eq!(u64_at(&header, 35), u64::from(u32::MAX));
        let header = Plan::default().add("a", u64::from(u32::MAX) - 1, 0);
        assert_eq!(header[18..22], (u32::MAX - 1).to_le_bytes());
    }
}
