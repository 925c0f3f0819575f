//! The list of members at the end of a zip file, checked against the headers of the members.

use std::ops::Range;

use super::{CENTRAL, DESCRIPTOR, END, END_64, EXTRA_64, LOCAL, LOCATOR_64, Member};
use crate::{Error, Format, Limits, cursor::Cursor, limits::Budget};

const END_LEN: usize = 22;
const LOCATOR_LEN: usize = 20;
/// The most that deflate can shrink: 258 bytes into two bits, and some for the header of a block.
const BEST_RATIO: u64 = 1032;

/// Where the list is and how many members it has.
struct End {
    n_members: u64,
    list: Range<usize>,
}

/// Reads the list and checks every member's own header.
pub(super) fn read<'a>(
    format: Format,
    bytes: &'a [u8],
    limits: &Limits,
    budget: &mut Budget,
) -> Result<Vec<Member<'a>>, Error> {
    let end = find_end(format, bytes)?;
    // A PyTorch file has a few members beside its tensors.
    let most = limits.max_tensors.saturating_add(1024);
    Limits::check(format, "the number of members", most, end.n_members)?;
    let fail = |offset, reason| Error::Zip { format, member: None, offset, reason };
    // At least 46 bytes a member, so that `with_capacity` below believes nothing.
    if end.n_members > (end.list.len() / 46) as u64 {
        return Err(fail(end.list.start as u64, "its list is too short for its members"));
    }
    let n_members = end.n_members as usize;
    budget.spend(n_members.saturating_mul(Budget::MEMBER))?;
    let list = bytes.get(..end.list.end).unwrap_or_default();
    let mut cursor = Cursor::at(format, list, end.list.start);
    let (mut members, mut extents) = (Vec::with_capacity(n_members), Vec::with_capacity(n_members));
    for _ in 0..n_members {
        let entry = Entry::read(format, &mut cursor, limits)?;
        let (member, extent) = entry.locate(format, bytes, end.list.start)?;
        members.push(member);
        extents.push(extent);
    }
    if cursor.left() > 0 {
        return Err(fail(cursor.offset(), "bytes follow the last member of its list"));
    }
    extents.sort_unstable();
    if let Some(pair) =
        extents.windows(2).find(|pair| matches!(pair, [this, next] if this.1 > next.0))
    {
        let offset = pair.last().map_or(0, |next| next.0) as u64;
        return Err(fail(offset, "two members share bytes"));
    }
    let mut seen = std::collections::HashSet::with_capacity(members.len());
    match members.iter().find(|member| !seen.insert(member.name)) {
        Some(twice) => {
            Err(Error::Duplicate { key: twice.name.into(), place: "the members of the zip file" })
        }
        None => Ok(members),
    }
}

/// The names in the list, as far as they can be read, without any check.
pub(crate) fn member_names(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let end = find_end(Format::Npz, bytes).ok();
    let (list, left) = end.map_or((0..0, 0), |end| (end.list, end.n_members));
    let mut cursor = Cursor::at(Format::Npz, bytes.get(..list.end).unwrap_or_default(), list.start);
    (0..left).map_while(move |_| {
        cursor.take(28, "").ok()?;
        let lens = [cursor.u16("").ok()?, cursor.u16("").ok()?, cursor.u16("").ok()?];
        cursor.take(12, "").ok()?;
        let name = cursor.take(lens[0].into(), "").ok()?;
        cursor.take(u64::from(lens[1]) + u64::from(lens[2]), "").ok()?;
        Some(name)
    })
}

/// Finds the list by the record at the file's end, and the record of 64 bits if there is one.
fn find_end(format: Format, bytes: &[u8]) -> Result<End, Error> {
    let fail =
        |offset: usize, reason| Error::Zip { format, member: None, offset: offset as u64, reason };
    let first = bytes.len().saturating_sub(END_LEN + usize::from(u16::MAX));
    // The last mark from which record, comment and file end together.
    let ends_here = |place: usize| {
        let tail = bytes.get(place..)?;
        let comment = tail.get(END_LEN - 2..)?.first_chunk::<2>()?;
        let len = END_LEN + usize::from(u16::from_le_bytes(*comment));
        (tail.starts_with(&END.to_le_bytes()) && tail.len() == len).then_some(place)
    };
    let place = (first..bytes.len()).rev().find_map(ends_here);
    let place = place.ok_or_else(|| fail(bytes.len(), "its list of members is missing"))?;
    let mut cursor = Cursor::at(format, bytes, place + 4);
    let what = "the end of the list";
    let disks = [cursor.u16(what)?, cursor.u16(what)?];
    let counts = [cursor.u16(what)?, cursor.u16(what)?];
    let (len, start) = (cursor.u32(what)?, cursor.u32(what)?);
    let locator = place.checked_sub(LOCATOR_LEN);
    let has_64 = |&at: &usize| {
        bytes.get(at..).is_some_and(|rest| rest.starts_with(&LOCATOR_64.to_le_bytes()))
    };
    let (n_members, len, start, list_end) = match locator.filter(has_64) {
        None => {
            if disks != [0, 0] || counts[0] != counts[1] {
                return Err(fail(place, "it is one part of several"));
            }
            (counts[0].into(), len.into(), start.into(), place)
        }
        Some(locator) => {
            let (list_end, [n_members, len_64, start_64]) = read_end_64(format, bytes, locator)?;
            let agree = |short: u64, most: u64, long: u64| short == most || short == long;
            if !(agree(counts[1].into(), u16::MAX.into(), n_members)
                && agree(len.into(), u32::MAX.into(), len_64)
                && agree(start.into(), u32::MAX.into(), start_64))
            {
                return Err(fail(place, "its two records of the end disagree"));
            }
            (n_members, len_64, start_64, list_end)
        }
    };
    if u64::checked_add(start, len) != Some(list_end as u64) {
        return Err(fail(place, "its list of members is not where it says"));
    }
    Ok(End { n_members, list: start as usize..list_end })
}

/// Gives where the record stands; the number of members, the list's length and start.
fn read_end_64(format: Format, bytes: &[u8], locator: usize) -> Result<(usize, [u64; 3]), Error> {
    let fail = |reason| Error::Zip { format, member: None, offset: locator as u64, reason };
    let what = "the end of the list (64 bit)";
    let mut cursor = Cursor::at(format, bytes, locator + 4);
    let (disk, place, n_disks) = (cursor.u32(what)?, cursor.u64(what)?, cursor.u32(what)?);
    if disk != 0 || n_disks > 1 {
        return Err(fail("it is one part of several"));
    }
    let place = usize::try_from(place).ok().filter(|&place| place < locator);
    let place = place.ok_or_else(|| fail("its record of the end is not where it says"))?;
    let mut cursor = Cursor::at(format, bytes, place);
    let (mark, len) = (cursor.u32(what)?, cursor.u64(what)?);
    if mark != END_64 || (place as u64 + 12).checked_add(len) != Some(locator as u64) {
        return Err(fail("its record of the end is not where it says"));
    }
    cursor.take(4, what)?; // Versions.
    let disks = [cursor.u32(what)?, cursor.u32(what)?];
    let counts = [cursor.u64(what)?, cursor.u64(what)?];
    if disks != [0, 0] || counts[0] != counts[1] {
        return Err(fail("it is one part of several"));
    }
    Ok((place, [counts[0], cursor.u64(what)?, cursor.u64(what)?]))
}

/// A member as the list has it.
struct Entry<'a> {
    /// Where it stands in the list.
    offset: u64,
    flags: u16,
    method: u16,
    crc: u32,
    stored_len: u64,
    len: u64,
    start: u64,
    name: &'a str,
}

impl<'a> Entry<'a> {
    fn read(format: Format, cursor: &mut Cursor<'a>, limits: &Limits) -> Result<Self, Error> {
        let offset = cursor.offset();
        let what = "a member's entry in the list";
        let fail = |reason| Error::Zip { format, member: None, offset, reason };
        if cursor.u32(what)? != CENTRAL {
            return Err(fail("a member's entry in the list has no mark"));
        }
        cursor.take(4, what)?; // Versions.
        let (flags, method) = (cursor.u16(what)?, cursor.u16(what)?);
        cursor.take(4, what)?; // Time and date.
        let crc = cursor.u32(what)?;
        let (stored_len, len) = (cursor.u32(what)?, cursor.u32(what)?);
        let (name_len, extra_len) = (cursor.u16(what)?, cursor.u16(what)?);
        let (comment_len, disk) = (cursor.u16(what)?, cursor.u16(what)?);
        cursor.take(6, what)?; // Attributes.
        let start = cursor.u32(what)?;
        let (name_offset, name_len) = (cursor.offset(), name_len.into());
        // The suffix `.npy` is not part of a tensor's name.
        let most = limits.max_name_bytes.saturating_add(64);
        Limits::check(format, "the length of a name", most, name_len)?;
        let name = std::str::from_utf8(cursor.take(name_len, what)?).map_err(|error| {
            let offset = name_offset + error.valid_up_to() as u64;
            Error::NotUtf8 { format, what: "name", offset }
        })?;
        let extra = cursor.take(extra_len.into(), what)?;
        cursor.take(comment_len.into(), what)?;
        let fail = |reason| Error::Zip { format, member: Some(name.into()), offset, reason };
        let mut longs = longs(extra);
        let mut widen = |n: u32| match n {
            u32::MAX => longs.next().ok_or_else(|| fail("its sizes are missing")),
            n => Ok(n.into()),
        };
        // In this order, and only those that do not fit.
        let (len, stored_len, start) = (widen(len)?, widen(stored_len)?, widen(start)?);
        if disk != 0 {
            return Err(fail("it stands in another part of the file"));
        }
        if flags & 0b10_0000_0100_0001 != 0 {
            return Err(fail("it is encrypted"));
        }
        if method != 0 && method != 8 {
            return Err(fail("it is compressed by a method other than deflate"));
        }
        if method == 0 && stored_len != len {
            return Err(fail("it is not compressed, but its two lengths differ"));
        }
        if len > stored_len.saturating_mul(BEST_RATIO).saturating_add(BEST_RATIO) {
            return Err(fail("it claims to be longer than its compressed bytes can say"));
        }
        if let Some(reason) = unsafe_name(name) {
            return Err(fail(reason));
        }
        Ok(Self { offset, flags, method, crc, stored_len, len, start, name })
    }

    /// Checks the header before the member's bytes; gives the member and all the bytes it takes.
    fn locate(
        &self,
        format: Format,
        bytes: &[u8],
        list_start: usize,
    ) -> Result<(Member<'a>, (usize, usize)), Error> {
        const DISAGREE: &str = "its own header and the list disagree";
        let what = "a member's header";
        let fail =
            |offset, reason| Error::Zip { format, member: Some(self.name.into()), offset, reason };
        let start = usize::try_from(self.start).ok().filter(|&start| start < list_start);
        let start = start.ok_or_else(|| fail(self.offset, "it starts after the list"))?;
        let mut cursor = Cursor::at(format, bytes.get(..list_start).unwrap_or_default(), start);
        if cursor.u32(what)? != LOCAL {
            return Err(fail(self.start, "its own header has no mark"));
        }
        cursor.take(2, what)?; // Version.
        let (flags, method) = (cursor.u16(what)?, cursor.u16(what)?);
        cursor.take(4, what)?; // Time and date.
        let (crc, stored_len, len) = (cursor.u32(what)?, cursor.u32(what)?, cursor.u32(what)?);
        let (name_len, extra_len) = (cursor.u16(what)?, cursor.u16(what)?);
        let name = cursor.take(name_len.into(), what)?;
        let mut longs = longs(cursor.take(extra_len.into(), what)?);
        let mut widen = |n: u32| match n {
            u32::MAX => longs.next().unwrap_or(n.into()),
            n => n.into(),
        };
        let (len, stored_len): (u64, u64) = (widen(len), widen(stored_len));
        let streamed = flags & 8 != 0;
        let agree = |own, listed| own == listed || (streamed && own == 0);
        if name != self.name.as_bytes()
            || flags != self.flags
            || method != self.method
            || !agree(crc.into(), u64::from(self.crc))
            || !agree(stored_len, self.stored_len)
            || !agree(len, self.len)
        {
            return Err(fail(self.start, DISAGREE));
        }
        let range = cursor.range(self.stored_len, "a member")?;
        let mut end = range.end;
        if streamed {
            let len = self.descriptor_len(bytes.get(end..list_start).unwrap_or_default());
            end +=
                len.ok_or_else(|| fail(end as u64, "the sizes after it and the list disagree"))?;
        }
        let len = usize::try_from(self.len).unwrap_or(usize::MAX);
        let deflated = self.method == 8;
        Ok((Member { name: self.name, range, len, deflated, crc: self.crc }, (start, end)))
    }

    /// How long the record is that follows a streamed member: its mark is optional, its sizes
    /// are of 32 or 64 bits, and nothing says which; so the one that agrees with the list.
    fn descriptor_len(&self, rest: &[u8]) -> Option<usize> {
        let (crc, mark) = (self.crc.to_le_bytes(), DESCRIPTOR.to_le_bytes());
        let long = [self.stored_len.to_le_bytes(), self.len.to_le_bytes()].concat();
        let short = [self.stored_len as u32, self.len as u32].map(u32::to_le_bytes).concat();
        let mut forms = [&long, &short]
            .into_iter()
            .flat_map(|sizes| [[&mark, &crc, &**sizes].concat(), [&crc, &**sizes].concat()]);
        forms.find(|form| rest.starts_with(form)).map(|form| form.len())
    }
}

/// The numbers of the extra field for what does not fit into 32 bits.
fn longs(extra: &[u8]) -> impl Iterator<Item = u64> {
    let mut rest = extra;
    let mut field: &[u8] = &[];
    while let Some((head, after)) = rest.split_first_chunk::<4>() {
        let [id_low, id_high, len_low, len_high] = *head;
        let len = u16::from_le_bytes([len_low, len_high]).into();
        let (this, next) = after.split_at_checked(len).unwrap_or((after, &[]));
        if u16::from_le_bytes([id_low, id_high]) == EXTRA_64 {
            field = this;
            break;
        }
        rest = next;
    }
    field.chunks_exact(8).filter_map(|long| Some(u64::from_le_bytes(*long.first_chunk()?)))
}

/// Why a name could name a file outside the folder where the zip were unpacked, if it could.
///
/// Nothing is unpacked here; such a file was made to hurt somebody.
pub(crate) fn unsafe_name(name: &str) -> Option<&'static str> {
    let mut parts = name.split(['/', '\\']);
    let drive = |part: &str| {
        part.len() == 2
            && part.ends_with(':')
            && part.starts_with(|c: char| c.is_ascii_alphabetic())
    };
    if name.contains('\0') {
        Some("its name has a zero byte")
    } else if name.starts_with(['/', '\\'])
        || (name.len() > 2 && parts.clone().next().is_some_and(drive))
    {
        Some("its name is an absolute path")
    } else if parts.any(|part| part == "..") {
        Some("its name leads out of the folder")
    } else {
        None
    }
}
