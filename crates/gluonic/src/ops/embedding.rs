//! Rows of a table, looked up by their numbers.

use std::sync::Arc;

use super::{Flat, edges, output};
use crate::array::{Buf, Element, NdArray, Scalar, for_dtype, for_float};
use crate::autograd::{Op, RowsOf, Sinks};
use crate::error::{Error, Result};
use crate::shape::Dims;

struct EmbeddingNode {
    rows: Vec<usize>,
    width: usize,
    n: usize,
}

impl Op for EmbeddingNode {
    fn backward(&self, grad: Arc<Buf>, sinks: &mut Sinks<'_>) -> Result<()> {
        for_float!(grad.dtype(), T => {
            let (numbers, grad, width) = (&*self.rows, grad.slice::<T>(), self.width);
            sinks.write_rows(0, self.n, &RowsOf { numbers, grad, width })
        })
    }
}

/// The ids as row numbers.
fn row_numbers(ids: &NdArray, rows: usize) -> Result<Vec<usize>> {
    fn convert<T: Element>(ids: &[T], rows: usize) -> Result<Vec<usize>> {
        let number = |(index, id): (usize, &T)| {
            let id: Scalar = (*id).into();
            // A fraction truncates, as for class numbers; below 0 or NaN is no row.
            let number = id.to_f64();
            if number >= 0.0 && number < rows as f64 {
                return Ok(number as usize);
            }
            Err(Error::Id { index, id: id.to_string().into(), rows })
        };
        ids.iter().enumerate().map(number).collect()
    }
    let flat = Flat::new(ids)?;
    let compute = ids.dtype().compute().unwrap_or(ids.dtype());
    for_dtype!(compute, T => convert::<T>(flat.slice(), rows))
}

/// The rows of `weight` that `ids` name.
///
/// # Shapes
/// `ids` has any shape and any numeric type; `weight` is `(rows, width)`; the result is `(*ids,
/// width)`, of the type of `weight`.
///
/// # Errors
/// [`Error::Id`] if an id is not a row number below `rows`, a fraction being cut off; [`Error::Misfit`] if `weight` is no
/// matrix; [`Error::NoArithmetic`] if it is not floating-point.
///
/// # Examples
/// ```
/// use gluonic::{NdArray, ops};
/// let weight = NdArray::arange::<f32>(6).reshape((3, 2))?;
/// let ids = NdArray::from_slice(&[2, 0], 2)?;
/// assert_eq!(ops::embedding(&ids, &weight)?.to_vec::<f32>()?, [4.0, 5.0, 0.0, 1.0]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `Embedding`. DIFFERENCE: it takes the first row for a negative id, the last one for
/// an id that is too large.
pub fn embedding(ids: &NdArray, weight: &NdArray) -> Result<NdArray> {
    let [rows, width] = **weight.dims() else {
        let needs = format!("weight {} is no matrix", weight.dims()).into();
        return Err(Error::Misfit { op: "embedding", input: ids.dims().into(), needs });
    };
    let dtype = weight.dtype();
    let compute = dtype.compute().ok_or(Error::NoArithmetic { op: "embedding", dtype })?;
    let dims = Dims::from([&**ids.dims(), &[width]].concat());
    if let Some(shape) = NdArray::planned(&dims, dtype)? {
        return Ok(shape);
    }
    let numbers = row_numbers(ids, rows)?;
    let edges = edges(&[weight])?.beside(ids)?;
    let table = Flat::new(weight)?;
    let buf = for_float!(compute, T => Buf::new::<T>(numbers.len() * width, |out| {
        let table = table.slice::<T>();
        for (out, row) in out.chunks_exact_mut(width.max(1)).zip(&numbers) {
            out.copy_from_slice(&table[row * width..][..width]);
        }
    }));
    Ok(output(Arc::new(buf), dtype, dims, edges, || {
        Box::new(EmbeddingNode { rows: numbers, width, n: weight.elem_count() })
    }))
}
