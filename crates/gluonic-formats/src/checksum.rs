//! What a zip file says about the bytes of its members.

use std::{borrow::Cow, io, ops::Range};

use flate2::Crc;

use crate::Error;

/// A checksum that a file holds of some of its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Checksum<'a> {
    /// What the file calls these bytes.
    pub member: Cow<'a, str>,
    /// Where they stand, in bytes from the start of the file.
    pub range: Range<usize>,
    /// Their CRC-32.
    pub crc32: u32,
}

impl Checksum<'_> {
    /// Compares it with that of the bytes that were found.
    ///
    /// # Errors
    /// [`Error::Checksum`] if they differ.
    pub fn check(&self, found: &Crc32) -> Result<(), Error> {
        if found.sum() == self.crc32 {
            return Ok(());
        }
        Err(Error::Checksum {
            member: (*self.member).into(),
            offset: self.range.start as u64,
            expected: self.crc32,
            found: found.sum(),
        })
    }

    /// The same checksum, owning its name.
    #[must_use]
    pub fn into_owned(self) -> Checksum<'static> {
        let member = Cow::Owned(self.member.into_owned());
        Checksum { member, range: self.range, crc32: self.crc32 }
    }
}

/// The CRC-32 of bytes that come in pieces.
#[derive(Debug, Default)]
pub struct Crc32(Crc);

impl Crc32 {
    /// That of no bytes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// That of the bytes so far.
    pub fn sum(&self) -> u32 {
        self.0.sum()
    }
}

impl io::Write for Crc32 {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
