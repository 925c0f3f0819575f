//! Zip files, read strictly and without copying what is stored uncompressed.
//!
//! Private: `.npz` and PyTorch files are zip files. [`Zip::open`] checks all headers against each
//! other before it gives anything out, so that no two readers could see different content in one
//! file; [`Zip::bytes`] gives a member's bytes. No member's name is ever used as a path.
//!
//! # Source
//! APPNOTE.TXT 6.3.10 of PKWARE, sections 4.3 to 4.5.

mod directory;
mod write;

use std::{borrow::Cow, ops::Range};

use flate2::{Decompress, FlushDecompress, Status};

pub(crate) use self::{
    directory::{member_names, unsafe_name},
    write::Plan,
};
use crate::{Checksum, Crc32, Error, Format, Limits, limits::Budget};

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const END_64: u32 = 0x0606_4b50;
const LOCATOR_64: u32 = 0x0706_4b50;
const DESCRIPTOR: u32 = 0x0807_4b50;
/// The extra field that holds what does not fit into 32 bits.
const EXTRA_64: u16 = 1;

/// A zip file of which every header was checked.
#[derive(Debug)]
pub(crate) struct Zip<'a> {
    format: Format,
    bytes: &'a [u8],
    members: Vec<Member<'a>>,
}

/// What decompressing takes beside its result: 43 KiB, of which 32 are the window.
const INFLATER: usize = 48 << 10;

/// One member of a zip file.
#[derive(Debug)]
pub(crate) struct Member<'a> {
    pub(crate) name: &'a str,
    /// Where its bytes stand in the file, compressed or not.
    pub(crate) range: Range<usize>,
    /// How long it is when it is not compressed.
    pub(crate) len: usize,
    pub(crate) deflated: bool,
    crc: u32,
}

impl<'a> Zip<'a> {
    pub(crate) fn open(
        format: Format,
        bytes: &'a [u8],
        limits: &Limits,
        budget: &mut Budget,
    ) -> Result<Self, Error> {
        let members = directory::read(format, bytes, limits, budget)?;
        Ok(Self { format, bytes, members })
    }

    /// The members, in the order of the list at the file's end.
    pub(crate) fn members(&self) -> &[Member<'a>] {
        &self.members
    }

    /// The member's bytes: borrowed if they are stored as they are.
    pub(crate) fn bytes(
        &self,
        member: &Member<'a>,
        budget: &mut Budget,
    ) -> Result<Cow<'a, [u8]>, Error> {
        let stored = self.stored(member);
        let bytes = if member.deflated {
            Cow::Owned(self.inflate(member, stored, member.len, budget)?)
        } else {
            Cow::Borrowed(stored)
        };
        if let Some(checksum) = self.checksum(member) {
            let mut crc = Crc32::new();
            crc.update(&bytes);
            checksum.check(&crc)?;
        }
        Ok(bytes)
    }

    /// What the file says about the bytes of members that are not compressed, in their order.
    pub(crate) fn checksums(&self, budget: &mut Budget) -> Result<Vec<Checksum<'a>>, Error> {
        budget.spend(self.members.len().saturating_mul(size_of::<Checksum<'static>>()))?;
        let mut checksums = Vec::with_capacity(self.members.len());
        let stored = self.members.iter().filter(|member| !member.deflated);
        checksums.extend(stored.filter_map(|member| self.checksum(member)));
        checksums.sort_unstable_by_key(|checksum: &Checksum<'_>| checksum.range.start);
        Ok(checksums)
    }

    /// What the file says about the member's bytes, once they are not compressed.
    fn checksum(&self, member: &Member<'a>) -> Option<Checksum<'a>> {
        // PyTorch writes zero if told not to compute checksums (`set_crc32_options(False)`).
        let not_computed = self.format == Format::TorchZip && member.crc == 0;
        let (range, crc32) = (member.range.clone(), member.crc);
        (!not_computed).then_some(Checksum { member: member.name.into(), range, crc32 })
    }

    /// At least the first `len` bytes of the member, or all if it is shorter. Nothing is said
    /// about the others.
    pub(crate) fn head(
        &self,
        member: &Member<'a>,
        len: usize,
        budget: &mut Budget,
    ) -> Result<Cow<'a, [u8]>, Error> {
        let stored = self.stored(member);
        if !member.deflated {
            return Ok(Cow::Borrowed(stored));
        }
        let len = len.min(member.len);
        self.inflate(member, stored, len, budget).map(Cow::Owned)
    }

    fn stored(&self, member: &Member<'a>) -> &'a [u8] {
        self.bytes.get(member.range.clone()).unwrap_or_default() // Checked by `directory::read`.
    }

    /// The first `len` bytes of a compressed member; all must be there and, if `len` is the
    /// member's, no more.
    fn inflate(
        &self,
        member: &Member<'a>,
        stored: &[u8],
        len: usize,
        budget: &mut Budget,
    ) -> Result<Vec<u8>, Error> {
        budget.spend(len)?;
        budget.spend(INFLATER)?;
        let whole = len == member.len;
        let fail = |reason| self.fail(member, reason);
        // One byte more, so that a member longer than it says is found.
        let mut out = Vec::with_capacity(len.saturating_add(usize::from(whole)));
        let mut inflater = Decompress::new(false);
        let status = inflater
            .decompress_vec(stored, &mut out, FlushDecompress::Finish)
            .map_err(|_| fail("its compressed bytes are damaged"))?;
        if out.len() < len {
            return Err(fail("its compressed bytes end before its length"));
        }
        if whole && (out.len() > len || status != Status::StreamEnd) {
            return Err(fail("its compressed bytes hold more than its length"));
        }
        if whole && inflater.total_in() != stored.len() as u64 {
            return Err(fail("bytes follow its compressed bytes"));
        }
        budget.give_back(INFLATER);
        Ok(out)
    }

    fn fail(&self, member: &Member<'a>, reason: &'static str) -> Error {
        let (format, offset) = (self.format, member.range.start as u64);
        Error::Zip { format, member: Some(member.name.into()), offset, reason }
    }
}
