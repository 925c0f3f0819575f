//! PyTorch's `.pt` and `.pth`, read without running anything.
//!
//! Both layouts are read: the zip file of PyTorch since 1.6 and the older stream of pickles. A
//! pickle is a program that may name any Python function; here it is followed by a machine that
//! has nothing to call. What it knows are the functions that make dense tensors. Any other object,
//! such as a user's class, is left out and named in the metadata, so that the tensors beside it
//! are read all the same.
//!
//! Nested dicts, lists and tuples are flattened: `{"model": {"fc": {"weight": t}}}` gives the tensor
//! `model.fc.weight`. Texts, numbers, booleans and element types become metadata under their key, as
//! `epoch` = `3`; an object that is left out is `<module.Class>`. `None`, bytes, and the texts and
//! numbers of dicts and lists of more than a thousand entries are left out. A file of one tensor, or
//! of a list of tensors, names none.
//!
//! Tensors that are the same view of one storage are [`Archive::ties`]. Contiguous ones borrow the
//! file; others (transposed, expanded, of a file that is compressed or big-endian) are copied.
//!
//! Sparse, quantized, nested and meta tensors are refused by name, as are element types that
//! [`DType`](crate::DType) lacks. Whole modules (`torch.save(model)`) are refused too: what they
//! hold only their own code knows.
//!
//! DIFFERENCE to PyTorch: keys that become one name are refused; an unknown object is no error as
//! long as no tensor depends on it.
//!
//! # Source
//! PyTorch 2.15, `torch/serialization.py` and `torch/_utils.py`.

mod flatten;
mod legacy;
mod machine;
pub mod mxnet_states;
mod storage;
mod value;
mod zipped;

use self::{
    flatten::Flat,
    storage::Storages,
    value::{Tensor, Value},
};
use crate::{
    Archive, Error, Format, Header, Limits, RawTensor, Storage, TensorEntry,
    archive::{collect, refuse_duplicates},
    limits::Budget,
};

/// Reads a file of either layout.
///
/// # Memory
/// Contiguous tensors borrow from `bytes`; names, copies and the pickle's objects are made within
/// [`Limits`].
///
/// # Errors
/// * [`Error::Pickle`], [`Error::NotUtf8`], [`Error::Truncated`] if a pickle is malformed.
/// * [`Error::Foreign`] if the file as a whole, or a tensor, needs a Python object that is not known.
/// * [`Error::TensorKind`] for tensors that are not dense.
/// * [`Error::OutOfStorage`], [`Error::StorageLength`], [`Error::ShapeSize`] if a tensor and its
///   storage contradict each other; [`Error::MissingMember`] if there is no such storage.
/// * [`Error::Duplicate`] if two keys become one name.
/// * [`Error::Zip`], [`Error::Checksum`] if the zip file is malformed or damaged.
/// * [`Error::Limit`] if it claims more than `limits` allow.
/// * [`Error::Magic`] if `bytes` are neither layout.
///
/// # Panics
/// Never, whatever the bytes.
///
/// # Examples
/// ```
/// use gluonic_formats::{Error, Limits, torch};
/// // What `torch.save(os.system, …)` would begin with, in the older layout.
/// let mut bytes = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.".to_vec();
/// bytes.extend(b"\x80\x02M\xe9\x03.\x80\x02}.\x80\x02cos\nsystem\nX\x04\0\0\0true\x85R.\x80\x02].");
/// match torch::read(&bytes, &Limits::default()) {
///     Err(Error::Foreign { global }) => assert_eq!(&*global, "os.system"), // and nothing was run
///     other => panic!("{other:?}"),
/// }
/// ```
pub fn read<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Archive<'a>, Error> {
    let format = layout(bytes)?;
    let mut budget = Budget::new(format, limits, bytes.len());
    match format {
        Format::TorchZip => zipped::read(bytes, limits, &mut budget),
        _ => legacy::read(bytes, limits, &mut budget),
    }
}

/// Reads what a file says about its tensors. Of one that is copied, the entry's range is that of
/// its storage's bytes.
///
/// # Errors
/// As [`read`], but for what only the data can tell.
///
/// # Panics
/// Never, whatever the bytes.
pub fn read_header<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Header<'a>, Error> {
    let format = layout(bytes)?;
    let mut budget = Budget::new(format, limits, bytes.len());
    match format {
        Format::TorchZip => zipped::read_header(bytes, limits, &mut budget),
        _ => legacy::read_header(bytes, limits, &mut budget),
    }
}

/// Reads some tensors, one after the other: see [`read_each`](crate::read_each).
pub(crate) fn read_each(
    bytes: &[u8],
    limits: &Limits,
    wanted: &dyn Fn(usize) -> bool,
    each: &mut dyn FnMut(usize, RawTensor<'_>),
) -> Result<(), Error> {
    let format = layout(bytes)?;
    let mut budget = Budget::new(format, limits, bytes.len());
    match format {
        Format::TorchZip => zipped::read_each(bytes, limits, &mut budget, wanted, each),
        _ => legacy::read_each(bytes, limits, &mut budget, wanted, each),
    }
}

fn layout(bytes: &[u8]) -> Result<Format, Error> {
    if bytes.starts_with(b"PK") {
        return Ok(Format::TorchZip);
    }
    if crate::detect::is_torch_legacy(bytes) {
        return Ok(Format::TorchLegacy);
    }
    let head = bytes.first_chunk::<8>().copied().unwrap_or_default();
    let (what, found) = ("first mark", u64::from_be_bytes(head));
    Err(Error::Magic { format: Format::TorchLegacy, what, offset: 0, found })
}

/// The tensors of a pickle whose storages have been found.
struct Found<'f, 'p> {
    format: Format,
    pickle: &'f machine::Pickle<'p>,
    flat: Flat,
    ties: Vec<Vec<usize>>,
}

impl<'f, 'p> Found<'f, 'p> {
    fn new(
        format: Format,
        pickle: &'f machine::Pickle<'p>,
        limits: &Limits,
        budget: &mut Budget,
    ) -> Result<Self, Error> {
        let flat = flatten::flatten(format, pickle, limits, budget)?;
        refuse_duplicates(flat.tensors.iter().map(|(name, _)| &**name))?;
        let mut found = Self { format, pickle, flat, ties: Vec::new() };
        found.ties = found.find_ties();
        Ok(found)
    }

    fn parts(&self) -> impl Iterator<Item = (&Tensor, &value::Storage<'p>)> {
        let values = &self.pickle.values;
        self.flat.tensors.iter().filter_map(|(_, id)| match values.get(*id) {
            Value::Tensor(tensor) => match values.get(tensor.storage) {
                Value::Storage(storage) => Some((&**tensor, &**storage)),
                _ => None,
            },
            _ => None, // `flatten` gives tensors only, and these look at storages only.
        })
    }

    /// Groups of tensors that look at the same elements in the same way.
    fn find_ties(&self) -> Vec<Vec<usize>> {
        let view = |(tensor, storage): (&'_ Tensor, &'_ value::Storage<'p>)| {
            (storage.key, storage.start.saturating_add(tensor.offset), tensor.dtype)
        };
        let parts: Vec<_> = self.parts().collect();
        let key = |place: &usize| {
            parts.get(*place).map(|&part| (view(part), &part.0.shape, &part.0.strides))
        };
        let mut order: Vec<usize> = (0..parts.len()).collect();
        order.sort_by(|one, two| key(one).cmp(&key(two)));
        let groups = order.chunk_by(|one, two| key(one) == key(two));
        let is_tie = |group: &&[usize]| {
            let shape = group.first().and_then(|place| parts.get(*place)).map(|part| &part.0.shape);
            group.len() > 1 && shape.is_some_and(|shape| !shape.contains(&0))
        };
        let mut ties: Vec<Vec<usize>> = groups.filter(is_tie).map(<[usize]>::to_vec).collect();
        ties.sort();
        ties
    }

    /// Makes some tensors, one after the other.
    fn each<'a>(
        &self,
        storages: &mut Storages<'_, 'a>,
        budget: &mut Budget,
        wanted: &dyn Fn(usize) -> bool,
        each: &mut dyn FnMut(usize, RawTensor<'a>),
    ) -> Result<(), Error> {
        let named = || self.flat.tensors.iter().zip(self.parts()).enumerate();
        for (_, (_, (_, storage))) in named().filter(|(index, _)| wanted(*index)) {
            storages.count_use(storage.key);
        }
        for (index, ((name, _), (tensor, storage))) in named().filter(|(index, _)| wanted(*index)) {
            let data = storages.elements(name, tensor, storage, budget)?;
            let shape = tensor.shape.to_vec();
            each(index, RawTensor::new(name.clone(), tensor.dtype, shape, data)?);
        }
        Ok(())
    }

    fn archive<'a>(
        self,
        storages: &mut Storages<'_, 'a>,
        budget: &mut Budget,
    ) -> Result<Archive<'a>, Error> {
        let mut tensors = Vec::with_capacity(self.flat.tensors.len());
        self.each(storages, budget, &|_| true, &mut |_, tensor| tensors.push(tensor))?;
        let Flat { metadata, named, .. } = self.flat;
        Ok(Archive { tensors, metadata, ties: self.ties, named, format: self.format })
    }

    fn header<'a>(self, storages: &Storages<'_, '_>) -> Result<Header<'a>, Error> {
        let named = self.flat.tensors.iter().zip(self.parts());
        let entries = named.map(|((name, _), (tensor, storage))| {
            let (range, as_it_is) = storages.place(name, tensor, storage)?;
            Ok(TensorEntry {
                name: name.clone().into(),
                dtype: tensor.dtype,
                shape: tensor.shape.to_vec(),
                range,
                storage: if as_it_is { Storage::Dense } else { Storage::Encoded },
            })
        });
        let entries = collect(entries)?;
        let Flat { metadata, named, .. } = self.flat;
        let (ties, checksums) = (self.ties, Vec::new());
        Ok(Header { entries, metadata, ties, checksums, named, format: self.format })
    }
}
