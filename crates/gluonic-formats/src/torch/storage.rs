//! From storages to the elements of tensors.

use std::{borrow::Cow, collections::HashMap, ops::Range};

use super::value::{Storage, Tensor};
use crate::{
    Error, Format,
    limits::{Budget, byte_len},
    npy::number_size,
    strided::{View, swap_bytes},
    zip::{Member, Zip},
};

/// The storages of a file, by key.
pub(super) struct Storages<'s, 'a> {
    format: Format,
    bytes: &'a [u8],
    zip: Option<&'s Zip<'a>>,
    big_endian: bool,
    by_key: HashMap<&'s str, Stored<'s, 'a>>,
}

struct Stored<'s, 'a> {
    range: Range<usize>,
    len: usize,
    member: Option<&'s Member<'a>>,
    /// How many tensors have yet to look at it.
    uses: usize,
    /// Its bytes, once they were needed.
    data: Option<Cow<'a, [u8]>>,
}

impl<'s, 'a> Storages<'s, 'a> {
    /// What a storage costs: a place in the table, while it grows.
    const COST: usize = 3 * (size_of::<Stored<'static, 'static>>() + 17);

    pub(super) fn new(
        format: Format,
        bytes: &'a [u8],
        zip: Option<&'s Zip<'a>>,
        big_endian: bool,
    ) -> Self {
        Self { format, bytes, zip, big_endian, by_key: HashMap::new() }
    }

    pub(super) fn add(
        &mut self,
        key: &'s str,
        range: Range<usize>,
        member: Option<&'s Member<'a>>,
        budget: &mut Budget,
    ) -> Result<(), Error> {
        budget.spend(Self::COST)?;
        let len = member.map_or(range.len(), |member| member.len);
        let stored = Stored { range, len, member, uses: 0, data: None };
        match self.by_key.insert(key, stored) {
            Some(_) => Err(Error::Duplicate { key: key.into(), place: "the storages" }),
            None => Ok(()),
        }
    }

    pub(super) fn count_use(&mut self, key: &str) {
        if let Some(stored) = self.by_key.get_mut(key) {
            stored.uses += 1;
        }
    }

    /// Where in the file a tensor stands, and whether it does so element by element; else where
    /// its storage stands.
    pub(super) fn place(
        &self,
        name: &str,
        tensor: &Tensor,
        storage: &Storage<'_>,
    ) -> Result<(Range<usize>, bool), Error> {
        let stored = self.stored(storage.key)?;
        let range = check(name, tensor, storage, stored.len)?;
        let deflated = stored.member.is_some_and(|member| member.deflated);
        if view_of(tensor).is_contiguous() && !deflated && !self.swaps(tensor) {
            let start = stored.range.start;
            Ok((start + range.start..start + range.end, true))
        } else {
            Ok((stored.range.clone(), false))
        }
    }

    /// A tensor's elements, row-major.
    pub(super) fn elements(
        &mut self,
        name: &str,
        tensor: &Tensor,
        storage: &Storage<'_>,
        budget: &mut Budget,
    ) -> Result<Cow<'a, [u8]>, Error> {
        let range = check(name, tensor, storage, self.stored(storage.key)?.len)?;
        let swaps = self.swaps(tensor);
        let missing = self.missing(storage.key);
        let Some(stored) = self.by_key.get_mut(storage.key) else { return Err(missing) };
        if stored.data.is_none() {
            stored.data = Some(match self.zip.zip(stored.member) {
                Some((zip, member)) => zip.bytes(member, budget)?,
                None => self.bytes.get(stored.range.clone()).unwrap_or_default().into(),
            });
        }
        stored.uses = stored.uses.saturating_sub(1);
        let (view, len) = (view_of(tensor), range.len());
        let size = tensor.dtype.size_in_bytes().unwrap_or(1);
        let whole = view.is_contiguous() && len == stored.len;
        let mut elements = match &mut stored.data {
            Some(Cow::Borrowed(data)) if view.is_contiguous() => {
                Cow::Borrowed(data.get(range).unwrap_or_default())
            }
            // Compressed, and of no more use to others.
            Some(Cow::Owned(data)) if whole && stored.uses == 0 => Cow::Owned(std::mem::take(data)),
            Some(data) => {
                budget.spend(len)?;
                let base = range.start.checked_div(size).unwrap_or(0);
                Cow::Owned(View { offset: base, ..view }.gather(data, size, len))
            }
            None => Cow::default(), // Loaded above.
        };
        if stored.uses == 0 {
            // Not given back to the budget, which so bounds the time of inflating as well.
            stored.data = None;
        }
        if swaps {
            if let Cow::Borrowed(_) = elements {
                budget.spend(len)?;
            }
            swap_bytes(elements.to_mut(), number_size(tensor.dtype, size));
        }
        Ok(elements)
    }

    fn swaps(&self, tensor: &Tensor) -> bool {
        self.big_endian && tensor.dtype.size_in_bytes() != Some(1)
    }

    fn stored(&self, key: &str) -> Result<&Stored<'s, 'a>, Error> {
        self.by_key.get(key).ok_or_else(|| self.missing(key))
    }

    fn missing(&self, key: &str) -> Error {
        Error::MissingMember { format: self.format, member: format!("data/{key}").into() }
    }
}

fn view_of(tensor: &Tensor) -> View<'_> {
    View { offset: tensor.offset, shape: &tensor.shape, strides: &tensor.strides }
}

/// Checks that a tensor lies within its storage of `len` bytes. Gives where it starts in it, and
/// as many bytes from there as it has.
fn check(
    name: &str,
    tensor: &Tensor,
    storage: &Storage<'_>,
    len: usize,
) -> Result<Range<usize>, Error> {
    let times = |n: u64, size: Option<usize>| n.checked_mul(size.unwrap_or(1) as u64);
    let claimed = times(storage.n_elems, storage.dtype.size_in_bytes());
    if claimed != Some(len as u64) {
        let (storage, found) = (storage.key.into(), len as u64);
        return Err(Error::StorageLength { storage, expected: claimed.unwrap_or(u64::MAX), found });
    }
    let dtype = tensor.dtype;
    let Some(tensor_len) = byte_len(dtype, &tensor.shape) else {
        let shape = tensor.shape.clone();
        return Err(Error::ShapeSize { name: name.into(), dtype, shape });
    };
    if tensor_len == 0 {
        return Ok(0..0);
    }
    let size = dtype.size_in_bytes().unwrap_or(1);
    // A view of the storage starts at elements of the storage's type, a tensor at its own.
    let base = storage.start.checked_mul(storage.dtype.size_in_bytes().unwrap_or(1));
    let start = base.and_then(|base| base.checked_add(tensor.offset.checked_mul(size)?));
    let view = View { offset: 0, ..view_of(tensor) };
    let end = start.and_then(|start| start.checked_add(view.end()?.checked_mul(size)?));
    match (start, end) {
        (Some(start), Some(end)) if end <= len => Ok(start..start.saturating_add(tensor_len)),
        _ => Err(Error::OutOfStorage {
            name: name.into(),
            storage: storage.key.into(),
            end: end.map_or(u64::MAX, |end| end as u64),
            len: len as u64,
        }),
    }
}
