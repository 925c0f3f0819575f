//! Whether a checkpoint is what its record says, and holds numbers.

use std::collections::BTreeMap;

use gluonic_formats::digest::Damage;
use gluonic_formats::{Archive, Digest, Format, digest};

use super::convert::dtype_of;
use super::file::Checkpoint;
use super::source::{FileBytes, Values};
use crate::array::{Scalar, for_dtype};
use crate::error::Result;

/// What a check of all data has found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckReport {
    /// The digest of everything: see [`Checkpoint::root`].
    pub root: Digest,
    /// As [`Checkpoint::verify`] tells.
    pub damage: Option<Vec<Damage>>,
    /// The floating-point tensors that hold NaN or infinite values.
    pub not_finite: Vec<NotFinite>,
}

impl CheckReport {
    /// Whether nothing was found.
    pub fn is_clean(&self) -> bool {
        self.not_finite.is_empty() && self.damage.as_ref().is_none_or(Vec::is_empty)
    }
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
        Ok(CheckReport { root, damage: self.verify_with(&*values)?, not_finite })
    }

    /// The digest of each tensor, by each of its names; they tell what it holds whatever the format.
    ///
    /// # Errors
    /// [`Error::Format`](crate::Error::Format) if the data breaks the format's rules.
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

    /// The tensors that are not what the record in the metadata says; `None` if there is no record.
    ///
    /// # Errors
    /// [`Error::Format`](crate::Error::Format) if the record itself is damaged; else as
    /// [`Checkpoint::digests`].
    pub fn verify(&self) -> Result<Option<Vec<Damage>>> {
        self.verify_with(&*self.open_values()?)
    }

    fn verify_with(&self, values: &dyn Values) -> Result<Option<Vec<Damage>>> {
        let tensors = (0..self.tensors().len()).map(|i| values.raw(i));
        let archive = Archive {
            tensors: tensors.collect::<Result<_>>()?,
            metadata: self.metadata().clone(),
            named: true,
            format: self.format().unwrap_or(Format::Safetensors),
            ties: Vec::new(),
        };
        digest::verify(&archive).map_err(FileBytes::fail(self.file()))
    }
}
