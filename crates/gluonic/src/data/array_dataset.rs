//! Arrays whose rows are the samples.

use std::sync::Arc;

use super::check_index;
use super::dataset::Dataset;
use super::sample::{Batch, Sample};
use crate::array::{Cell, NdArray};
use crate::autograd::Track;
use crate::error::{Error, Result};
use crate::shape::Dims;

/// Samples that are the rows of arrays: sample i is row i of each.
///
/// The values are those at construction: an edit of the arrays afterwards changes no sample.
///
/// # Shapes
/// Arrays of `(n, …)` with one n, of any element type; a sample has the sizes without the first.
///
/// # Memory
/// That of the arrays, not copied: an array that is edited later gets memory of its own then. An
/// array whose rows do not lie one after another, such as a transposed one, is copied once. A batch
/// is one copy of its rows for each array.
///
/// # Examples
/// ```
/// use gluonic::prelude::*;
/// let x = NdArray::arange::<f32>(6).reshape((3, 2))?;
/// let y = NdArray::from_slice(&[7_i64, 8, 9], 3)?;
/// let samples = ArrayDataset::new([&x, &y])?;
/// assert_eq!(samples.len(), 3);
/// assert_eq!(samples.get(1)?[0].to_vec::<f32>()?, [2.0, 3.0]);
/// assert_eq!(samples.batch(&[2, 0])?[1].to_vec::<i64>()?, [9, 7]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `gluon/data/dataset.py`, class `ArrayDataset`; PyTorch, `TensorDataset`.
#[doc(alias = "TensorDataset")]
#[derive(Clone, Debug)]
pub struct ArrayDataset {
    arrays: Sample,
    len: usize,
}

impl ArrayDataset {
    /// The rows of these arrays.
    ///
    /// # Errors
    /// [`Error::Misfit`] if an array is a scalar or has not as many rows as the first;
    /// [`Error::Setting`] if there is no array; [`Error::BeingEdited`] inside an edit of one.
    pub fn new<'a>(arrays: impl IntoIterator<Item = &'a NdArray>) -> Result<Self> {
        let arrays: Vec<&NdArray> = arrays.into_iter().collect();
        let Some(first) = arrays.first() else {
            let (setting, expected) = ("arrays", "one or more");
            return Err(Error::Setting { setting, expected, found: "none".into() });
        };
        for (i, array) in arrays.iter().enumerate() {
            let needs = match (array.dims().first(), first.dims().first()) {
                (None, _) => format!("array {i} is a scalar and has no samples"),
                (Some(found), Some(expected)) if found != expected => {
                    format!("array {i} has {found} samples, array 0 has {expected}")
                }
                _ => continue,
            };
            let (op, input) = ("ArrayDataset", array.dims().into());
            return Err(Error::Misfit { op, input, needs: needs.into() });
        }
        let len = first.dims()[0];
        let arrays = arrays.into_iter().map(snapshot).collect::<Result<_>>()?;
        Ok(Self { arrays, len })
    }

    /// The arrays with all samples, if there are just `N`. An edit of one is an edit of the samples.
    ///
    /// # Errors
    /// [`Error::ArrayCount`] if there are more or fewer.
    pub fn arrays<const N: usize>(&self) -> Result<&[NdArray; N]> {
        self.arrays.arrays()
    }
}

/// The value as it is now, its rows one after another.
fn snapshot(array: &NdArray) -> Result<NdArray> {
    if let Some(shape) = NdArray::planned(array.dims(), array.dtype())? {
        return Ok(shape);
    }
    if !array.is_contiguous() {
        return array.detach().deep_clone();
    }
    let cell = Cell::new(array.cell.snapshot()?);
    Ok(NdArray::on(Arc::new(cell), array.view.clone(), Track::None))
}

impl Dataset for ArrayDataset {
    fn len(&self) -> usize {
        self.len
    }

    fn get(&self, index: usize) -> Result<Sample> {
        check_index(index, self.len)?;
        // A copy: an edit of the sample must not be one of the data set.
        let row = |array: &NdArray| array.take(&[index])?.reshape(Dims::from(&array.dims()[1..]));
        self.arrays.iter().map(row).collect()
    }

    fn batch(&self, indices: &[usize]) -> Result<Batch> {
        indices.iter().try_for_each(|&index| check_index(index, self.len))?;
        let arrays = self.arrays.iter().map(|array| array.take(indices));
        Ok(Batch::new(arrays.collect::<Result<Sample>>()?, indices.len()))
    }
}
