//! Reads `.npz` files: NumPy arrays in a zip archive, stored or deflated.
//!
//! Little-endian arrays in C order of the types that golden cases use; no zip64, no encryption.

use std::io::Read;
use std::path::Path;

use flate2::Crc;
use flate2::read::DeflateDecoder;
use gluonic::{Element, NdArray};

use super::{Check, Problem, case_bytes};

/// The arrays of a file, in its order.
#[derive(Debug)]
pub(super) struct Npz(Vec<(String, NdArray)>);

impl Npz {
    pub(super) fn open(file: &Path) -> Check<Npz> {
        Npz::parse(&case_bytes(file)?)
            .map_err(|error| Problem::Differs(format!("`{}`: {error}", file.display())))
    }

    pub(super) fn find(&self, key: &str) -> Option<&NdArray> {
        self.iter().find(|(known, _)| *known == key).map(|(_, array)| array)
    }

    pub(super) fn get(&self, key: &str) -> Check<&NdArray> {
        self.find(key).ok_or_else(|| Problem::Differs(format!("the case has no array `{key}`")))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &NdArray)> {
        self.0.iter().map(|(key, array)| (key.as_str(), array))
    }

    fn parse(bytes: &[u8]) -> Result<Npz, String> {
        const END: &[u8] = b"PK\x05\x06";
        let end = bytes.windows(END.len()).rposition(|window| window == END);
        let end = end.ok_or("not a zip archive")?;
        let entries = u16_at(bytes, end + 10)?;
        let mut at = u32_at(bytes, end + 16)?;
        let mut arrays = Vec::new();
        for _ in 0..entries {
            let (entry, next) = Entry::parse(bytes, at)?;
            let name = entry.name.strip_suffix(".npy").unwrap_or(&entry.name).to_owned();
            let array = array(&entry.content(bytes)?);
            arrays.push((name, array.map_err(|error| format!("{}: {error}", entry.name))?));
            at = next;
        }
        Ok(Npz(arrays))
    }
}

/// What the directory of an archive says about one file.
struct Entry {
    name: String,
    method: usize,
    crc: usize,
    packed: usize,
    size: usize,
    at: usize,
}

impl Entry {
    /// The entry at a place of the directory, and the place of the next.
    fn parse(bytes: &[u8], at: usize) -> Result<(Entry, usize), String> {
        if part(bytes, at, 4)? != b"PK\x01\x02" {
            return Err(format!("no directory entry at byte {at}"));
        }
        let u16_of = |offset| u16_at(bytes, at + offset);
        let u32_of = |offset| u32_at(bytes, at + offset);
        let name = part(bytes, at + 46, u16_of(28)?)?;
        let entry = Entry {
            name: String::from_utf8_lossy(name).into_owned(),
            method: u16_of(10)?,
            crc: u32_of(16)?,
            packed: u32_of(20)?,
            size: u32_of(24)?,
            at: u32_of(42)?,
        };
        Ok((entry, at + 46 + u16_of(28)? + u16_of(30)? + u16_of(32)?))
    }

    fn content(&self, bytes: &[u8]) -> Result<Vec<u8>, String> {
        let start = self.at + 30 + u16_at(bytes, self.at + 26)? + u16_at(bytes, self.at + 28)?;
        let packed = part(bytes, start, self.packed)?;
        let mut content = Vec::new();
        match self.method {
            0 => content.extend(packed),
            8 => {
                let mut inflated = DeflateDecoder::new(packed).take(self.size as u64 + 1);
                inflated.read_to_end(&mut content).map_err(|error| error.to_string())?;
            }
            method => return Err(format!("{}: unknown compression {method}", self.name)),
        }
        let mut crc = Crc::new();
        crc.update(&content);
        if content.len() != self.size || crc.sum() as usize != self.crc {
            return Err(format!("{} is damaged", self.name));
        }
        Ok(content)
    }
}

fn part(bytes: &[u8], at: usize, n: usize) -> Result<&[u8], String> {
    let part = at.checked_add(n).and_then(|end| bytes.get(at..end));
    part.ok_or_else(|| format!("the file ends before byte {}", at.saturating_add(n)))
}

fn u16_at(bytes: &[u8], at: usize) -> Result<usize, String> {
    Ok(part(bytes, at, 2)?.iter().rev().fold(0, |n, &byte| n << 8 | usize::from(byte)))
}

fn u32_at(bytes: &[u8], at: usize) -> Result<usize, String> {
    Ok(part(bytes, at, 4)?.iter().rev().fold(0, |n, &byte| n << 8 | usize::from(byte)))
}

/// One `.npy` file.
fn array(bytes: &[u8]) -> Result<NdArray, String> {
    if part(bytes, 0, 6)? != b"\x93NUMPY" {
        return Err("not a NumPy array".into());
    }
    let (start, n) = match part(bytes, 6, 1)? {
        [1] => (10, u16_at(bytes, 8)?),
        _ => (12, u32_at(bytes, 8)?),
    };
    let header = String::from_utf8_lossy(part(bytes, start, n)?).into_owned();
    if field(&header, "fortran_order")?.starts_with("True") {
        return Err("in Fortran order".into());
    }
    let dims = field(&header, "shape")?.strip_prefix('(').and_then(|rest| rest.split(')').next());
    let dims = dims.ok_or("no shape")?.split(',').map(str::trim).filter(|dim| !dim.is_empty());
    let dims = dims.map(|dim| dim.parse().map_err(|_| format!("a size of `{dim}`")));
    let dims = dims.collect::<Result<Vec<usize>, _>>()?;
    let descr = field(&header, "descr")?.split('\'').nth(1).unwrap_or_default();
    let data = &bytes[start + n..];
    match descr {
        "<f4" => elements(data, &dims, f32::from_le_bytes),
        "<f8" => elements(data, &dims, f64::from_le_bytes),
        "<i4" => elements(data, &dims, i32::from_le_bytes),
        "<i8" => elements(data, &dims, i64::from_le_bytes),
        other => Err(format!("elements of type `{other}`")),
    }
}

/// What stands behind a key of the header, a Python dict.
fn field<'a>(header: &'a str, key: &str) -> Result<&'a str, String> {
    let field = header.split(&format!("'{key}':")).nth(1);
    field.map(str::trim_start).ok_or_else(|| format!("no `{key}` in the header"))
}

fn elements<T: Element, const N: usize>(
    data: &[u8],
    dims: &[usize],
    read: impl Fn([u8; N]) -> T,
) -> Result<NdArray, String> {
    let (items, rest) = data.as_chunks::<N>();
    if !rest.is_empty() {
        return Err("half an element at the end".into());
    }
    NdArray::from_vec(items.iter().map(|&item| read(item)).collect(), dims)
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::DeflateEncoder;

    use super::*;

    fn npy(header: &str, data: &[u8]) -> Vec<u8> {
        let mut out = b"\x93NUMPY\x01\x00".to_vec();
        out.extend((header.len() as u16).to_le_bytes());
        out.extend(header.as_bytes());
        out.extend(data);
        out
    }

    fn zip(files: &[(&str, Vec<u8>)], deflate: bool) -> Vec<u8> {
        let (mut out, mut directory) = (Vec::new(), Vec::new());
        for (name, content) in files {
            let mut packed = content.clone();
            if deflate {
                let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(content).unwrap();
                packed = encoder.finish().unwrap();
            }
            let mut crc = Crc::new();
            crc.update(content);
            // Method, time, date, checksum, sizes, length of the name, of the extra field.
            let mut common = vec![if deflate { 8 } else { 0 }, 0, 0, 0, 0, 0];
            common.extend(crc.sum().to_le_bytes());
            common.extend((packed.len() as u32).to_le_bytes());
            common.extend((content.len() as u32).to_le_bytes());
            common.extend((name.len() as u16).to_le_bytes());
            common.extend([0, 0]);
            let at = out.len() as u32;
            out.extend([&b"PK\x03\x04\x14\0\0\0"[..], &common, name.as_bytes(), &packed].concat());
            directory.extend([&b"PK\x01\x02\x14\0\x14\0\0\0"[..], &common, &[0; 10]].concat());
            directory.extend(at.to_le_bytes());
            directory.extend(name.as_bytes());
        }
        let at = out.len() as u32;
        out.extend(&directory);
        out.extend(b"PK\x05\x06\0\0\0\0");
        out.extend([files.len() as u16; 2].map(u16::to_le_bytes).concat());
        out.extend((directory.len() as u32).to_le_bytes());
        out.extend(at.to_le_bytes());
        out.extend([0, 0]);
        out
    }

    const F4: &str = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }\n";

    #[test]
    fn stored_and_deflated_arrays_are_the_same() {
        let floats = [1.5_f32, -2.0].map(f32::to_le_bytes).concat();
        let long = "{'descr': '<i8', 'fortran_order': False, 'shape': (), }";
        let files = [("x.npy", npy(F4, &floats)), ("g:a.npy", npy(long, &7_i64.to_le_bytes()))];
        for deflate in [false, true] {
            let npz = Npz::parse(&zip(&files, deflate)).unwrap();
            let keys: Vec<_> = npz.iter().map(|(key, _)| key).collect();
            assert_eq!(keys, ["x", "g:a"]);
            let x = npz.get("x").unwrap();
            assert_eq!((&x.dims()[..], x.to_vec::<f32>().unwrap()), (&[1, 2][..], vec![1.5, -2.0]));
            assert_eq!(npz.get("g:a").unwrap().to_scalar::<i64>().unwrap(), 7);
            assert!(npz.get("y").is_err());
        }
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let error = |header: &str, data: &[u8]| array(&npy(header, data)).unwrap_err();
        assert_eq!(error(F4, &[0; 7]), "half an element at the end");
        assert!(!error(F4, &[0; 4]).is_empty());
        assert_eq!(error(&F4.replace("False", "True"), &[0; 8]), "in Fortran order");
        assert_eq!(error(&F4.replace("<f4", ">f4"), &[0; 8]), "elements of type `>f4`");
        assert_eq!(error(&F4.replace("shape", "shap"), &[0; 8]), "no `shape` in the header");
        assert_eq!(Npz::parse(b"").unwrap_err(), "not a zip archive");
        let mut damaged = zip(&[("x.npy", npy(F4, &[0; 8]))], false);
        damaged[60] ^= 1;
        assert_eq!(Npz::parse(&damaged).unwrap_err(), "x.npy is damaged");
        let cut = damaged.split_off(40);
        assert!(Npz::parse(&cut).is_err());
    }
}
