//! Reading numbers and slices from a byte slice, with an error that says where it ended.
//!
//! Private: every binary format reads through a [`Cursor`], so that none indexes by hand.

use std::ops::Range;

use crate::{Error, Format};

/// A place in a byte slice that only moves forward.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    format: Format,
    bytes: &'a [u8],
    place: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(format: Format, bytes: &'a [u8]) -> Self {
        Self::at(format, bytes, 0)
    }

    pub(crate) fn at(format: Format, bytes: &'a [u8], place: usize) -> Self {
        Self { format, bytes, place }
    }

    pub(crate) fn offset(&self) -> u64 {
        self.place as u64
    }

    pub(crate) fn left(&self) -> usize {
        self.bytes.len().saturating_sub(self.place)
    }

    /// Steps over `len` bytes and says which they are.
    pub(crate) fn range(&mut self, len: u64, what: &'static str) -> Result<Range<usize>, Error> {
        let end = usize::try_from(len).ok().and_then(|len| self.place.checked_add(len));
        match end {
            Some(end) if end <= self.bytes.len() => {
                let range = self.place..end;
                self.place = end;
                Ok(range)
            }
            _ => Err(self.truncated(len, what)),
        }
    }

    pub(crate) fn take(&mut self, len: u64, what: &'static str) -> Result<&'a [u8], Error> {
        let range = self.range(len, what)?;
        Ok(self.bytes.get(range).unwrap_or_default()) // `range` lies within the slice.
    }

    /// Steps over a line and its end; gives the line.
    pub(crate) fn line(&mut self, what: &'static str) -> Result<&'a [u8], Error> {
        let rest = self.bytes.get(self.place..).unwrap_or_default();
        match rest.iter().position(|&byte| byte == b'\n') {
            Some(len) => {
                self.place += len + 1;
                Ok(rest.get(..len).unwrap_or_default())
            }
            None => Err(self.truncated(rest.len() as u64 + 1, what)),
        }
    }

    pub(crate) fn u8(&mut self, what: &'static str) -> Result<u8, Error> {
        self.number(what).map(u8::from_le_bytes)
    }

    pub(crate) fn u16(&mut self, what: &'static str) -> Result<u16, Error> {
        self.number(what).map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self, what: &'static str) -> Result<u32, Error> {
        self.number(what).map(u32::from_le_bytes)
    }

    pub(crate) fn i32(&mut self, what: &'static str) -> Result<i32, Error> {
        self.number(what).map(i32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self, what: &'static str) -> Result<u64, Error> {
        self.number(what).map(u64::from_le_bytes)
    }

    pub(crate) fn i64(&mut self, what: &'static str) -> Result<i64, Error> {
        self.number(what).map(i64::from_le_bytes)
    }

    /// The bytes from an earlier place up to here.
    pub(crate) fn since(&self, start: u64) -> &'a [u8] {
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        self.bytes.get(start..self.place).unwrap_or_default()
    }

    pub(crate) fn number<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Error> {
        match self.bytes.get(self.place..).and_then(|rest| rest.first_chunk::<N>()) {
            Some(bytes) => {
                self.place += N;
                Ok(*bytes)
            }
            None => Err(self.truncated(N as u64, what)),
        }
    }

    fn truncated(&self, expected: u64, what: &'static str) -> Error {
        Error::Truncated {
            format: self.format,
            what,
            offset: self.offset(),
            expected,
            found: self.left() as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_past_the_end_says_where_and_how_much_is_missing() {
        let mut cursor = Cursor::new(Format::MxnetParams, &[1, 0, 0, 0, 9]);
        assert_eq!(cursor.u32("a count").unwrap(), 1);
        match cursor.u64("a length") {
            Err(Error::Truncated {
                what: "a length", offset: 4, expected: 8, found: 1, ..
            }) => {}
            other => panic!("{other:?}"),
        }
        assert!(cursor.range(u64::MAX, "data").is_err());
        assert_eq!(cursor.take(1, "data").unwrap(), [9]);
        assert_eq!(cursor.left(), 0);
    }
}
