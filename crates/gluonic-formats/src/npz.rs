//! NumPy's `.npz`: a zip file of `.npy` files.
//!
//! The member `fc.weight.npy` is the tensor `fc.weight`; members without that suffix are ignored.
//! A name may have any `/` in it, as it is a key: no path is ever opened. What NumPy's `savez` and
//! `savez_compressed` write is read; [`write()`] makes files without compression whose tensors are
//! aligned, so that a reader can borrow them.
//!
//! DIFFERENCE to NumPy: a name that occurs twice is refused (there the last one counts), and so is
//! one that would lead out of the folder if it were unpacked; so is a zip file whose headers
//! contradict each other.

use std::{borrow::Cow, io::Write};

use indexmap::IndexMap;

use crate::{
    Archive, Crc32, Error, Format, Header, Limits, RawTensor, Storage, TensorSpec,
    archive::refuse_duplicates,
    limits::Budget,
    npy,
    spec::{Data, data_of, put_data, specs_of},
    zip::{Member, Plan, Zip, unsafe_name},
};

const FORMAT: Format = Format::Npz;
const SUFFIX: &str = ".npy";

/// Reads a file; its tensors come in the order of the zip file's list.
///
/// # Memory
/// Names, and elements that are not compressed, little-endian and row-major, borrow from `bytes`;
/// all else is made within [`Limits`].
///
/// # Errors
/// * [`Error::Zip`] if the zip file is malformed, encrypted, or contradicts itself.
/// * [`Error::Checksum`] if the bytes of a tensor are not those that were written.
/// * [`Error::Duplicate`] if two members have one name.
/// * [`Error::Limit`] if it has more members, or takes more memory, than `limits` allow.
/// * For each array, those of [`npy::read`].
///
/// # Panics
/// Never, whatever the bytes.
///
/// # Examples
/// ```
/// use gluonic_formats::{DType, Limits, RawTensor, npz};
/// let bias = RawTensor::new("fc.bias", DType::F32, vec![2], vec![0; 8])?;
/// let bytes = npz::write(&[bias.clone()])?;
/// assert_eq!(npz::read(&bytes, &Limits::default())?.tensors, [bias]);
/// # Ok::<(), gluonic_formats::Error>(())
/// ```
pub fn read<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Archive<'a>, Error> {
    let mut budget = Budget::new(FORMAT, limits, bytes.len());
    let zip = Zip::open(FORMAT, bytes, limits, &mut budget)?;
    let mut tensors = Vec::with_capacity(check_count(&zip, limits, &mut budget)?);
    for (member, name) in arrays(&zip) {
        let array = zip.bytes(member, &mut budget)?;
        tensors.push(npy::array(FORMAT, name.into(), array, limits, &mut budget)?);
    }
    let (metadata, ties) = (IndexMap::new(), Vec::new());
    Ok(Archive { tensors, metadata, ties, named: true, format: FORMAT })
}

/// Reads some tensors, one after the other: see [`read_each`](crate::read_each).
pub(crate) fn read_each(
    bytes: &[u8],
    limits: &Limits,
    wanted: &dyn Fn(usize) -> bool,
    each: &mut dyn FnMut(usize, RawTensor<'_>),
) -> Result<(), Error> {
    let mut budget = Budget::new(FORMAT, limits, bytes.len());
    let zip = Zip::open(FORMAT, bytes, limits, &mut budget)?;
    check_count(&zip, limits, &mut budget)?;
    for (index, (member, name)) in arrays(&zip).enumerate().filter(|(index, _)| wanted(*index)) {
        let array = zip.bytes(member, &mut budget)?;
        each(index, npy::array(FORMAT, name.into(), array, limits, &mut budget)?);
    }
    Ok(())
}

/// Reads what a file says about its tensors. Of a compressed member, the entry's range is that of
/// the compressed bytes, of which only the beginning is inflated.
///
/// # Errors
/// As [`read`], but for what only the data can tell.
///
/// # Panics
/// Never, whatever the bytes.
pub fn read_header<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Header<'a>, Error> {
    let mut budget = Budget::new(FORMAT, limits, bytes.len());
    let zip = Zip::open(FORMAT, bytes, limits, &mut budget)?;
    let mut entries = Vec::with_capacity(check_count(&zip, limits, &mut budget)?);
    for (member, name) in arrays(&zip) {
        let prefix = zip.head(member, npy::PREFIX, &mut budget)?;
        let head_len = npy::head_len(FORMAT, &prefix, limits)?;
        // What was inflated is not given back to the budget, which so bounds the time as well.
        let head = zip.head(member, head_len, &mut budget)?;
        let (start, len) = (member.range.start, member.len);
        let name = Cow::Borrowed(name);
        // Offsets within a member that is not compressed are offsets within the file.
        let start = if member.deflated { 0 } else { start };
        let mut entry = npy::entry(FORMAT, name, &head, start, len, limits, &mut budget)?;
        if member.deflated {
            (entry.range, entry.storage) = (member.range.clone(), Storage::Encoded);
        }
        entries.push(entry);
    }
    let (metadata, ties, checksums) = (IndexMap::new(), Vec::new(), zip.checksums(&mut budget)?);
    Ok(Header { entries, metadata, ties, checksums, named: true, format: FORMAT })
}

fn check_count(zip: &Zip<'_>, limits: &Limits, budget: &mut Budget) -> Result<usize, Error> {
    let count = arrays(zip).count();
    Limits::check(FORMAT, "the number of tensors", limits.max_tensors, count as u64)?;
    for (_, name) in arrays(zip) {
        let (what, limit) = ("the length of a name", limits.max_name_bytes);
        Limits::check(FORMAT, what, limit, name.len() as u64)?;
    }
    budget.spend(count.saturating_mul(Budget::TENSOR))?;
    Ok(count)
}

fn arrays<'z, 'a>(zip: &'z Zip<'a>) -> impl Iterator<Item = (&'z Member<'a>, &'a str)> {
    zip.members().iter().filter_map(|member| Some((member, member.name.strip_suffix(SUFFIX)?)))
}

/// Writes tensors into a new vector; see [`write_to`].
///
/// # Errors
/// As [`write_to`].
pub fn write(tensors: &[RawTensor<'_>]) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    write_to(&mut bytes, tensors)?;
    Ok(bytes)
}

/// Writes tensors in the order given, not compressed, their elements at multiples of 64 bytes. The
/// same tensors give the same bytes. There is no place for metadata.
///
/// # Memory
/// The headers; no tensor is copied. Each is passed over twice, as its checksum stands before it.
///
/// # Errors
/// * [`Error::NotRepresentable`] for an element type that NumPy lacks, and for a name that no zip
///   file should hold: an absolute path, one with `..` between slashes, one with a zero byte or of
///   more than 65,531 bytes.
/// * [`Error::Duplicate`] if two tensors have one name.
/// * [`Error::Write`] if `out` refuses bytes.
pub fn write_to(out: &mut dyn Write, tensors: &[RawTensor<'_>]) -> Result<(), Error> {
    write_from(out, &specs_of(tensors), &mut data_of(tensors))
}

/// As [`write_to`], of tensors whose bytes are asked for, **twice** for each: a member's checksum
/// stands before it. Both times must give the same bytes.
///
/// # Errors
/// Those of [`write_to`]; [`Error::ByteLength`] if `data` gives more or fewer bytes than a tensor
/// has, [`Error::Write`] with what it fails with; [`Error::Checksum`] if it gives other bytes the
/// second time.
pub fn write_from(
    out: &mut dyn Write,
    tensors: &[TensorSpec<'_>],
    data: &mut Data<'_>,
) -> Result<(), Error> {
    refuse_duplicates(tensors.iter().map(|spec| spec.name))?;
    // All that can be refused is refused before the first byte is out.
    let mut headers = Vec::with_capacity(tensors.len());
    for tensor in tensors {
        let name = format!("{}{SUFFIX}", tensor.name);
        if unsafe_name(&name).is_some() || name.len() > u16::MAX.into() {
            let (what, name) = ("a tensor with the name", tensor.name.into());
            return Err(Error::NotRepresentable { format: FORMAT, what, name });
        }
        headers.push((name, npy::header_of(FORMAT, tensor)?));
    }
    let put = |out: &mut dyn Write, bytes: &[u8]| {
        out.write_all(bytes).map_err(|source| Error::Write { format: FORMAT, source })
    };
    let mut plan = Plan::default();
    let mut offset = 0;
    for (index, (tensor, (name, header))) in tensors.iter().zip(&headers).enumerate() {
        let mut crc = Crc32::new();
        crc.update(header);
        put_data(&mut crc, FORMAT, index, tensor, data)?;
        let len = header.len() as u64 + tensor.byte_len()? as u64;
        let before = plan.add(name, len, crc.sum());
        put(out, &before)?;
        put(out, header)?;
        let mut again = Crc32::new();
        again.update(header);
        put_data(&mut Tee { out: &mut *out, crc: &mut again }, FORMAT, index, tensor, data)?;
        if again.sum() != crc.sum() {
            let (offset, expected, found) = (offset + before.len() as u64, crc.sum(), again.sum());
            return Err(Error::Checksum { member: name.as_str().into(), offset, expected, found });
        }
        offset += before.len() as u64 + len;
    }
    put(out, &plan.finish())
}

/// Passes bytes on and takes their checksum.
struct Tee<'w> {
    out: &'w mut dyn Write,
    crc: &'w mut Crc32,
}

impl Write for Tee<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.crc.update(bytes.get(..written).unwrap_or(bytes));
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}
