//! Whether a checkpoint is what its record says, and holds numbers.

use std::collections::BTreeMap;
use std::path::PathBuf;

use gluonic_formats::digest::Damage;
use gluonic_formats::{Archive, Digest, Format, digest};

use super::convert::dtype_of;
use super::file::Checkpoint;
use super::source::{FileBytes, Values};
use crate::array::{Scalar, for_dtype};
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

impl Checkpoint {
    /// Looks at all data: whether it is what the record says, and whether it holds numbers.
    ///
    /// # Memory
    /// One tensor at a time.
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
        let values = self.open_values()?;
        let mut not_finite = Vec::new();
        for (i, info) in self.tensors().iter().enumerate() {
            if !dtype_of(info.dtype).is_some_and(crate::DType::is_float) {
                continue;
            }
            let buf = values.array(i)?.cell.snapshot()?;
            let (count, first) = for_dtype!(buf.dtype(), T => {
                let finite = |value: &T| Into::<Scalar>::into(*value).to_f64().is_finite();
                let mut places = buf.slice::<T>().iter().enumerate().filter(|(_, x)| !finite(x));
                let first = places.next().map(|(place, _)| place);
                (places.count() + usize::from(first.is_some()), first)
            });
            if let Some(first) = first {
                not_finite.push(NotFinite { name: info.name.clone(), count, first });
            }
        }
        let root = digest::root(&self.digests_of(&*values)?);
        let (record, damage) = match (self.verify_with(&*values), self.sidecar()) {
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
        self.digests_of(&*self.open_values()?)
    }

    fn digests_of(&self, values: &dyn Values) -> Result<BTreeMap<Box<str>, Digest>> {
        let mut digests = BTreeMap::new();
        for (i, info) in self.tensors().iter().enumerate() {
            let digest = digest::of(&values.raw(i)?);
            digests.extend(info.names().map(|name| (name.into(), digest)));
        }
        Ok(digests)
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
        self.verify_with(&*self.open_values()?)
    }

    fn verify_with(&self, values: &dyn Values) -> Result<Option<Vec<Damage>>> {
        let tensors = (0..self.tensors().len()).map(|i| values.raw(i));
        let tensors = tensors.collect::<Result<_>>()?;
        let format = self.format().unwrap_or(Format::Safetensors);
        if let Some(sidecar) = self.sidecar() {
            return sidecar.judge(tensors, format).damage(&sidecar.path).map(Some);
        }
        let archive = Archive {
            tensors,
            metadata: self.metadata().clone(),
            named: true,
            format,
            ties: Vec::new(),
        };
        digest::verify(&archive).map_err(FileBytes::fail(self.file()))
    }
}
