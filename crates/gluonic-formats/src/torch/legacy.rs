//! The layout before PyTorch 1.6: five pickles, then the storages.
//!
//! The pickles are a mark, the version 1001, facts about the writing machine, the object, and the
//! list of storages; each storage is its number of elements in eight bytes, then its elements.

use std::collections::HashMap;

use super::{
    Found,
    machine::{self, Pickle},
    storage::Storages,
    value::Value,
};
use crate::{Archive, Error, Format, Header, Limits, RawTensor, cursor::Cursor, limits::Budget};

const FORMAT: Format = Format::TorchLegacy;
const VERSION: i64 = 1001;

pub(super) fn read<'a>(
    bytes: &'a [u8],
    limits: &Limits,
    budget: &mut Budget,
) -> Result<Archive<'a>, Error> {
    let parts = Parts::read(bytes, limits, budget)?;
    let found = Found::new(FORMAT, &parts.object, limits, budget)?;
    let mut storages = parts.storages(bytes, budget)?;
    found.archive(&mut storages, budget)
}

pub(super) fn read_each(
    bytes: &[u8],
    limits: &Limits,
    budget: &mut Budget,
    wanted: &dyn Fn(usize) -> bool,
    each: &mut dyn FnMut(usize, RawTensor<'_>),
) -> Result<(), Error> {
    let parts = Parts::read(bytes, limits, budget)?;
    let found = Found::new(FORMAT, &parts.object, limits, budget)?;
    let mut storages = parts.storages(bytes, budget)?;
    found.each(&mut storages, budget, wanted, &mut |index, tensor| each(index, tensor))
}

pub(super) fn read_header<'a>(
    bytes: &'a [u8],
    limits: &Limits,
    budget: &mut Budget,
) -> Result<Header<'a>, Error> {
    let parts = Parts::read(bytes, limits, budget)?;
    let found = Found::new(FORMAT, &parts.object, limits, budget)?;
    found.header(&parts.storages(bytes, budget)?)
}

/// The pickles that matter, and where the storages begin.
struct Parts<'a> {
    big_endian: bool,
    object: Pickle<'a>,
    keys: Pickle<'a>,
    data: Cursor<'a>,
}

impl<'a> Parts<'a> {
    fn read(bytes: &'a [u8], limits: &Limits, budget: &mut Budget) -> Result<Self, Error> {
        let mut cursor = Cursor::new(FORMAT, bytes);
        let mut next = |cursor: &mut Cursor<'a>| machine::run(FORMAT, cursor, limits, budget);
        next(&mut cursor)?; // The mark, by which the file was told.
        let offset = cursor.offset();
        let version = next(&mut cursor)?;
        let version = version.values.int(version.root);
        if version != Some(VERSION) {
            let (what, found) = ("version", version.unwrap_or(0).cast_unsigned());
            return Err(Error::Magic { format: FORMAT, what, offset, found });
        }
        let system = next(&mut cursor)?;
        let big_endian = is_big_endian(&system);
        let object = next(&mut cursor)?;
        let keys = next(&mut cursor)?;
        Ok(Self { big_endian, object, keys, data: cursor })
    }

    fn storages<'s>(
        &'s self,
        bytes: &'a [u8],
        budget: &mut Budget,
    ) -> Result<Storages<'s, 'a>, Error> {
        let mut cursor = self.data.clone();
        let mut storages = Storages::new(FORMAT, bytes, None, self.big_endian);
        // Only the object tells how long an element of a storage is.
        let mut sizes = HashMap::new();
        for storage in self.object.values.storages() {
            if sizes.insert(storage.key, storage.dtype.size_in_bytes().unwrap_or(1)).is_none() {
                budget.spend(3 * (size_of::<(&str, usize)>() + 1))?;
            }
        }
        let keys = self.keys.values.items(self.keys.root).ok_or_else(|| Error::Pickle {
            offset: self.data.offset(),
            reason: "the keys of the storages are no list".into(),
        })?;
        for &id in keys {
            let offset = cursor.offset();
            let fail = |reason: &str| Error::Pickle { offset, reason: reason.into() };
            let key = self.keys.values.text(id);
            let key = key.ok_or_else(|| fail("the key of a storage is no text"))?;
            let size = sizes.get(key).ok_or_else(|| fail("a storage has no known type"))?;
            let len = cursor.take(8, "the length of a storage")?;
            let len = len.first_chunk::<8>().copied().unwrap_or_default();
            let len =
                if self.big_endian { u64::from_be_bytes(len) } else { u64::from_le_bytes(len) };
            // Too large a number is more than is left, too.
            let range = cursor.range(len.saturating_mul(*size as u64), "a storage")?;
            storages.add(key, range, None, budget)?;
        }
        Ok(storages)
    }
}

fn is_big_endian(system: &Pickle<'_>) -> bool {
    let Value::Dict(pairs) = system.values.get(system.root) else { return false };
    let little = pairs.iter().find(|pair| system.values.text(pair.0) == Some("little_endian"));
    little.is_some_and(|pair| matches!(system.values.get(pair.1), Value::Bool(false)))
}
