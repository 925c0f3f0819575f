//! Gradients of tables by their rows.

use super::parameter::Parameter;
use super::state::Ready;
use crate::array::{NdArray, shapes_only};
use crate::error::{Error, Result};

/// The rows of a gradient that a backward has written; all others are 0.
///
/// A parameter whose [`ParamSpec::sparse_grad`](super::ParamSpec::sparse_grad) is set keeps its
/// gradient so where every use of it looks rows up. Then a backward costs what the rows cost, not
/// what the table costs, and [`Sgd`](crate::optim::Sgd) changes these rows alone. The numbers are
/// those of a whole gradient, bit for bit. Another use, such as a decoder with the same weight,
/// makes the gradient whole.
///
/// # Examples
/// ```
/// use gluonic::prelude::*;
/// let config = EmbeddingConfig { input_dim: 1000, output_dim: 2, ..Default::default() };
/// let layer = Embedding::with(EmbeddingConfig { sparse_grad: true, ..config })?;
/// layer.initialize()?;
/// let ids = NdArray::from_slice(&[7, 3, 7], 3)?;
/// autograd::record(|| layer.call(&ids))?.backward()?;
/// let rows = layer.weight()?.grad_rows()?.expect("nothing else uses the weight");
/// assert_eq!(rows.indices, [3, 7]);
/// assert_eq!(rows.values.to_vec::<f32>()?, [1.0, 1.0, 2.0, 2.0]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `ndarray/sparse.py`, class `RowSparseNDArray`.
#[doc(alias = "RowSparseNDArray")]
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GradRows {
    /// Which rows: ascending, each once.
    pub indices: Vec<usize>,
    /// Their values, `(indices.len(), …)`: a copy, also where it shares memory until an edit.
    pub values: NdArray,
}

impl Parameter {
    /// The rows of the gradient that a backward has written, if it is kept by rows; none while it
    /// is whole. [`Parameter::grad`] reads either.
    ///
    /// # Errors
    /// As [`Parameter::grad`]; [`Error::BeingEdited`] inside an edit of the gradient by the same
    /// thread.
    pub fn grad_rows(&self) -> Result<Option<GradRows>> {
        let (slot, dims) = self.own_slot(Ready::here)?;
        if shapes_only() {
            return Err(Error::ShapeOnly);
        }
        let rows = slot.cell.rows().map_err(|error| error.at(self.name()))?;
        Ok(rows.map(|rows| {
            let indices = rows.numbers().to_vec();
            let row = dims.get(1..).unwrap_or_default();
            let dims = [&[indices.len()], row].concat();
            let values = rows.values().clone();
            let values = NdArray::from_buf_on(slot.cell.context(), values, dims.into());
            GradRows { indices, values }
        }))
    }
}
