//! Arrays to and from files without a model: a list of them, or some with names.

use std::io::Error as IoError;
use std::path::Path;

use gluonic_formats::Format;
use gluonic_formats::mxnet_params::Params;
use indexmap::IndexMap;

use super::convert::Outgoing;
use super::file::Checkpoint;
use super::write::{format_of, write};
use crate::array::NdArray;
use crate::error::{Error, Result};
use crate::storage;

/// Arrays as they are in a file: some have names, others only their order.
///
/// # Examples
/// ```
/// use gluonic::NdArray;
/// use gluonic::checkpoint::Arrays;
/// # let folder = tempfile::tempdir()?; let file = folder.path().join("two.params");
/// Arrays::from(vec![NdArray::arange::<f32>(3), NdArray::arange::<i64>(2)]).save(&file, None)?;
/// let Arrays::List(list) = Arrays::load(&file)? else { unreachable!("it was saved as a list") };
/// assert_eq!(list[1].to_vec::<i64>()?, [0, 1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub enum Arrays {
    /// Without names.
    List(Vec<NdArray>),
    /// By name, in the order of the file.
    Named(IndexMap<Box<str>, NdArray>),
}

impl From<Vec<NdArray>> for Arrays {
    fn from(arrays: Vec<NdArray>) -> Self {
        Arrays::List(arrays)
    }
}

impl<K: Into<Box<str>>> FromIterator<(K, NdArray)> for Arrays {
    fn from_iter<I: IntoIterator<Item = (K, NdArray)>>(arrays: I) -> Self {
        Arrays::Named(arrays.into_iter().map(|(name, array)| (name.into(), array)).collect())
    }
}

impl Arrays {
    /// Writes the arrays to a file, in their order: all of them, or nothing. Without a format, that
    /// of the suffix. Only `.params` knows arrays without names: elsewhere those of a list are
    /// called `0`, `1`, ….
    ///
    /// # Errors
    /// [`Error::Suffix`] if the suffix names no format; [`Error::Format`] if the format cannot hold
    /// an array; [`Error::Io`] if the file cannot be written. Then the old file is as before.
    ///
    /// # Source
    /// MXNet 1.9.1, `nd.save`.
    pub fn save(&self, file: impl AsRef<Path>, format: Option<Format>) -> Result<()> {
        let file = file.as_ref();
        let format = format.map_or_else(|| format_of(file), Ok)?;
        let named: Vec<(Box<str>, &NdArray)> = match self {
            Arrays::List(list) => {
                list.iter().enumerate().map(|(i, array)| (i.to_string().into(), array)).collect()
            }
            Arrays::Named(map) => map.iter().map(|(name, array)| (name.clone(), array)).collect(),
        };
        let values = named.iter().map(|(_, array)| Outgoing::new(array));
        let values = values.collect::<Result<Vec<_>>>()?;
        let tensors = named.iter().zip(&values).map(|((name, _), value)| value.raw(name));
        let tensors = tensors.collect::<Result<Vec<_>>>()?;
        if matches!(self, Arrays::Named(_)) || format != Format::MxnetParams {
            return write(file, format, &tensors, &IndexMap::new());
        }
        let params = Params::of(tensors, false);
        let mut refused = None;
        let written = storage::write_atomically(file, |out: &mut dyn std::io::Write| {
            params.write_to(out).map_err(|error| match error {
                gluonic_formats::Error::Write { source, .. } => source,
                error => {
                    refused = Some(error);
                    IoError::other("the format cannot hold this")
                }
            })
        });
        match refused {
            Some(error) => {
                Err(Error::Format { path: file.to_owned(), source: Box::new(error) })
            }
            None => written,
        }
    }

    /// Reads every array of a file of any format that can be read, told by its first bytes.
    ///
    /// # Errors
    /// As [`Checkpoint::open`] and [`Checkpoint::get`].
    ///
    /// # Source
    /// MXNet 1.9.1, `nd.load`.
    pub fn load(file: impl AsRef<Path>) -> Result<Arrays> {
        let checkpoint = Checkpoint::open(file)?;
        let arrays = checkpoint.to_arrays()?;
        Ok(if checkpoint.is_named() {
            Arrays::Named(arrays)
        } else {
            Arrays::List(arrays.into_values().collect())
        })
    }
}
