//! The layout since PyTorch 1.6: a zip file of one folder.
//!
//! `data.pkl` is the pickle, `data/<key>` a storage, `byteorder` tells the order of its bytes.
//! The other members say nothing that a reader needs.

use super::{Found, machine, storage::Storages};
use crate::{
    Archive, Error, Format, Header, Limits, RawTensor,
    cursor::Cursor,
    limits::Budget,
    zip::{Member, Zip},
};

const FORMAT: Format = Format::TorchZip;

pub(super) fn read<'a>(
    bytes: &'a [u8],
    limits: &Limits,
    budget: &mut Budget,
) -> Result<Archive<'a>, Error> {
    let zip = Zip::open(FORMAT, bytes, limits, budget)?;
    let (folder, member) = find_pickle(&zip)?;
    let text = zip.bytes(member, budget)?;
    let pickle = machine::run(FORMAT, &mut Cursor::new(FORMAT, &text), limits, budget)?;
    let found = Found::new(FORMAT, &pickle, limits, budget)?;
    let mut storages = find_storages(bytes, &zip, folder, budget)?;
    found.archive(&mut storages, budget)
}

pub(super) fn read_each(
    bytes: &[u8],
    limits: &Limits,
    budget: &mut Budget,
    wanted: &dyn Fn(usize) -> bool,
    each: &mut dyn FnMut(usize, RawTensor<'_>),
) -> Result<(), Error> {
    let zip = Zip::open(FORMAT, bytes, limits, budget)?;
    let (folder, member) = find_pickle(&zip)?;
    let text = zip.bytes(member, budget)?;
    let pickle = machine::run(FORMAT, &mut Cursor::new(FORMAT, &text), limits, budget)?;
    let found = Found::new(FORMAT, &pickle, limits, budget)?;
    let mut storages = find_storages(bytes, &zip, folder, budget)?;
    found.each(&mut storages, budget, wanted, &mut |index, tensor| each(index, tensor))
}

pub(super) fn read_header<'a>(
    bytes: &'a [u8],
    limits: &Limits,
    budget: &mut Budget,
) -> Result<Header<'a>, Error> {
    let zip = Zip::open(FORMAT, bytes, limits, budget)?;
    let (folder, member) = find_pickle(&zip)?;
    let text = zip.bytes(member, budget)?;
    let pickle = machine::run(FORMAT, &mut Cursor::new(FORMAT, &text), limits, budget)?;
    let found = Found::new(FORMAT, &pickle, limits, budget)?;
    let header = found.header(&find_storages(bytes, &zip, folder, budget)?)?;
    Ok(Header { checksums: zip.checksums(budget)?, ..header })
}

/// The folder, with its `/`, and the pickle in it. The folder is named after the file.
fn find_pickle<'z, 'a>(zip: &'z Zip<'a>) -> Result<(&'a str, &'z Member<'a>), Error> {
    let in_folder = |member: &'z Member<'a>| {
        let folder = member.name.strip_suffix("data.pkl")?;
        (folder.find('/') == Some(folder.len().checked_sub(1)?)).then_some((folder, member))
    };
    let mut pickles = zip.members().iter().filter_map(in_folder);
    let first = pickles.next();
    if let Some((_, second)) = pickles.next() {
        let (key, place) = (second.name.into(), "the pickles of the file");
        return Err(Error::Duplicate { key, place });
    }
    first.ok_or_else(|| Error::MissingMember { format: FORMAT, member: "data.pkl".into() })
}

fn find_storages<'z, 'a>(
    bytes: &'a [u8],
    zip: &'z Zip<'a>,
    folder: &str,
    budget: &mut Budget,
) -> Result<Storages<'z, 'a>, Error> {
    let in_folder = |member: &'z Member<'a>| Some((member.name.strip_prefix(folder)?, member));
    let members = || zip.members().iter().filter_map(in_folder);
    let order = members().find(|(name, _)| *name == "byteorder");
    let big_endian = match order {
        Some((_, member)) => *zip.bytes(member, budget)? == *b"big",
        None => false,
    };
    let mut storages = Storages::new(FORMAT, bytes, Some(zip), big_endian);
    for (name, member) in members() {
        if let Some(key) = name.strip_prefix("data/") {
            storages.add(key, member.range.clone(), Some(member), budget)?;
        }
    }
    Ok(storages)
}
