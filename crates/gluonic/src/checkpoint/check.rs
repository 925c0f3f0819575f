//! Whether a checkpoint is what its record says, and holds numbers.

use std::collections::BTreeMap;
use std::path::PathBuf;

use gluonic_formats::digest::{Damage, TensorHasher};
use gluonic_formats::{Digest, digest};
use half::{bf16, f16};

use super::convert::dtype_of;
use super::file::Checkpoint;
use super::pieces::{Maker, Output};
use super::source::FileBytes;
use super::tensor_info::TensorInfo;
use crate::array::DType;
use crate::error::{Error, Result};

/// What a check of all data has found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckReport {
    /// The digest of everything: see [`Checkpoint::root`].
    pub root: Digest,
    /// Which record of digests was used.
    pub record: Record,
    /// The tensors that are not what the record says; `None` if there is no record, or none that can
    /// be used.
    pub damage: Option<Vec<Damage>>,
    /// The floating-point tensors that hold NaN or infinite values.
    pub not_finite: Vec<NotFinite>,
}

impl CheckReport {
    /// Whether nothing was found.
    pub fn is_clean(&self) -> bool {
        self.not_finite.is_empty()
            && self.damage.as_ref().is_none_or(Vec::is_empty)
            && !matches!(self.record, Record::Unusable { .. })
    }
}

/// Where the digests of a file are recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Record {
    /// Nowhere.
    None,
    /// In its metadata.
    Metadata,
    /// In a file beside it.
    Sidecar(PathBuf),
    /// In a file beside it that says nothing about it.
    Unusable {
        /// That file.
        file: PathBuf,
        /// Whether it is of another state of the file; else it is broken.
        stale: bool,
        /// How that is known.
        reason: Box<str>,
    },
}

/// A tensor with values that are NaN or infinite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotFinite {
    /// Its name.
    pub name: Box<str>,
    /// How many values.
    pub count: usize,
    /// The first of them, in row-major order.
    pub first: usize,
}

/// Gets how many values of a tensor are NaN or infinite, and the first of them.
type Look<'l> = dyn FnMut(&TensorInfo, usize, Option<usize>) + 'l;

impl Checkpoint {
    /// Looks at all data: whether it is what the record says, and whether it holds numbers.
    ///
    /// # Memory
    /// A piece of a tensor at a time, however large the file; tensors that must be decoded, one
    /// after the other.
    ///
    /// # Errors
    /// As [`Checkpoint::verify`].
    ///
    /// # Examples
    /// ```
    /// use gluonic::prelude::*;
    /// let mut state = Snapshot::new();
    /// state.insert("w", &NdArray::from_slice(&[1.0_f32, f32::NAN], 2)?)?;
    /// let report = Checkpoint::from(&state).check()?;
    /// assert_eq!((report.not_finite[0].count, report.not_finite[0].first), (1, 1));
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    pub fn check(&self) -> Result<CheckReport> {
        let mut not_finite = Vec::new();
        let own = self.own_digests(&mut |info, count, first| {
            if let Some(first) = first {
                not_finite.push(NotFinite { name: info.name.clone(), count, first });
            }
        })?;
        let root = digest::root(&self.with_aliases(&own));
        let (record, damage) = match (self.compare(&own), self.sidecar()) {
            (Err(Error::Record { path, stale, reason }), _) => {
                (Record::Unusable { file: path, stale, reason }, None)
            }
            (damage, sidecar) => match (damage?, sidecar) {
                (None, _) => (Record::None, None),
                (damage, Some(sidecar)) => (Record::Sidecar(sidecar.path.clone()), damage),
                (damage, None) => (Record::Metadata, damage),
            },
        };
        Ok(CheckReport { root, record, damage, not_finite })
    }

    /// The digest of each tensor, by each of its names; they tell what it holds whatever the format.
    ///
    /// # Errors
    /// [`Error::Format`] if the data breaks the format's rules.
    pub fn digests(&self) -> Result<BTreeMap<Box<str>, Digest>> {
        let own = self.own_digests(&mut |_, _, _| {})?;
        Ok(self.with_aliases(&own).into_iter().map(|(name, d)| (name.into(), d)).collect())
    }

    /// The digest of everything: two files have the same one if they hold tensors of the same names,
    /// those of tied tensors included, of the same element types, shapes and bytes, in whatever
    /// format, order and number of files.
    ///
    /// # Errors
    /// As [`Checkpoint::digests`].
    pub fn root(&self) -> Result<Digest> {
        Ok(digest::root(&self.digests()?))
    }

    /// The tensors that are not what the record says, in the metadata or beside the file; `None` if
    /// there is no record. Other metadata than the record are `__metadata__`, and bytes of a file
    /// that are in no tensor `__file__`.
    ///
    /// # Errors
    /// [`Error::Format`] if the record in the metadata is damaged; [`Error::Record`] if the one
    /// beside the file is, or is of another state of the file; else as [`Checkpoint::digests`].
    pub fn verify(&self) -> Result<Option<Vec<Damage>>> {
        self.compare(&self.own_digests(&mut |_, _, _| {})?)
    }

    /// The digest of each tensor by its own name.
    fn own_digests(&self, look: &mut Look<'_>) -> Result<BTreeMap<&str, Digest>> {
        let values = self.open_values()?;
        let maker = Maker::of(&*values, self.tensors(), u64::MAX);
        let mut digests = BTreeMap::new();
        for (position, info) in self.tensors().iter().enumerate() {
            let fail = FileBytes::fail(self.file());
            let mut hasher =
                TensorHasher::new(&info.name, info.dtype, &info.shape).map_err(&fail)?;
            let (mut seen, mut count, mut first) = (0, 0, None);
            maker.make(&Output::of(position, info), &mut |bytes| {
                hasher.update(bytes);
                if let Some(dtype) = dtype_of(info.dtype) {
                    let found = not_finite(dtype, bytes);
                    first = first.or(found.1.map(|place| seen + place));
                    count += found.0;
                    seen += bytes.len() / dtype.size();
                }
                Ok(())
            })?;
            digests.insert(&*info.name, hasher.finish().map_err(&fail)?);
            look(info, count, first);
        }
        Ok(digests)
    }

    fn with_aliases<'a>(&'a self, own: &BTreeMap<&'a str, Digest>) -> BTreeMap<&'a str, Digest> {
        let mut all = own.clone();
        for info in self.tensors() {
            all.extend(info.aliases.iter().map(|alias| (&**alias, own[&*info.name])));
        }
        all
    }

    fn compare(&self, own: &BTreeMap<&str, Digest>) -> Result<Option<Vec<Damage>>> {
        if let Some(sidecar) = self.sidecar() {
            return sidecar.judge(self.tensors(), own).damage(&sidecar.path).map(Some);
        }
        let found = digest::compare(self.metadata(), own);
        found.map_err(FileBytes::fail(self.file()))
    }
}

/// How many of these elements are NaN or infinite, and the first of them.
fn not_finite(dtype: DType, bytes: &[u8]) -> (usize, Option<usize>) {
    fn count<const N: usize>(
        bytes: &[u8],
        bad: impl Fn([u8; N]) -> bool,
    ) -> (usize, Option<usize>) {
        let elements = bytes.as_chunks::<N>().0;
        let count = elements.iter().filter(|element| bad(**element)).count();
        let first = (count > 0).then(|| elements.iter().position(|element| bad(*element)));
        (count, first.flatten())
    }
    match dtype {
        DType::F16 => count(bytes, |element| !f16::from_le_bytes(element).is_finite()),
        DType::BF16 => count(bytes, |element| !bf16::from_le_bytes(element).is_finite()),
        DType::F32 => count(bytes, |element| !f32::from_le_bytes(element).is_finite()),
        DType::F64 => count(bytes, |element| !f64::from_le_bytes(element).is_finite()),
        _ => (0, None),
    }
}
