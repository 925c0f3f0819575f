//! Arrays of which most elements are zero, and how they are made dense.
//!
//! [`RowSparse`] keeps some rows, [`Csr`] some elements of a matrix. Both hold their parts as
//! the file has them; [`RowSparse::to_dense`] and [`Csr::to_dense`] check the indices.

use crate::{
    DType, Error, Limits, RawTensor,
    limits::{Budget, byte_len},
};

use super::FORMAT;

/// Some rows of an array; the others are zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowSparse<'a> {
    /// The shape of the whole, `(rows, *rest)`.
    pub shape: Vec<usize>,
    /// The rows kept, `(n, *rest)`, under the array's name.
    pub values: RawTensor<'a>,
    /// Which rows they are, ascending, `(n,)`.
    pub indices: RawTensor<'a>,
}

/// Some elements of a matrix, row by row; the others are zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Csr<'a> {
    /// The shape of the whole, `(rows, columns)`.
    pub shape: Vec<usize>,
    /// The elements kept, `(n,)`, under the array's name.
    pub values: RawTensor<'a>,
    /// Where in `values` each row starts, and where the last one ends, `(rows + 1,)`; may be
    /// empty if `values` is.
    pub indptr: RawTensor<'a>,
    /// In which column each value stands, ascending in each row, `(n,)`.
    pub indices: RawTensor<'a>,
}

impl RowSparse<'_> {
    /// Fills in the zeros.
    ///
    /// # Errors
    /// * [`Error::Sparse`] if shapes do not fit or indices are not ascending or out of bounds.
    /// * [`Error::ShapeSize`] if no tensor of this shape can exist.
    /// * [`Error::Limit`] if it takes more memory than `limits` allow for the stored parts.
    pub fn to_dense(&self, limits: &Limits) -> Result<RawTensor<'static>, Error> {
        let stored = self.values.data().len().saturating_add(self.indices.data().len());
        self.densify(&mut Budget::new(FORMAT, limits, stored))
    }

    pub(super) fn densify(&self, budget: &mut Budget) -> Result<RawTensor<'static>, Error> {
        let fail = |reason| sparse_error(&self.values, reason);
        self.check().map_err(fail)?;
        let mut dense = zeros(&self.values, &self.shape, budget)?;
        let rest = self.shape.get(1..).unwrap_or_default();
        let row_len = byte_len(self.values.dtype(), rest).unwrap_or(0);
        let mut next = 0;
        for (place, row) in numbers(&self.indices).map_err(fail)?.enumerate() {
            let row = row.filter(|&row| row >= next).ok_or_else(|| fail(ASCENDING))?;
            copy_item(&mut dense, row, self.values.data(), place, row_len)
                .filter(|()| Some(&row) < self.shape.first())
                .ok_or_else(|| fail("a row index is out of bounds"))?;
            next = row.saturating_add(1);
        }
        RawTensor::new(
            self.values.name().to_owned(),
            self.values.dtype(),
            self.shape.clone(),
            dense,
        )
    }

    pub(super) fn check(&self) -> Result<(), &'static str> {
        check_shapes(&self.shape, self.values.shape(), [self.indices.shape()].into_iter())
    }
}

impl Csr<'_> {
    /// Fills in the zeros.
    ///
    /// # Errors
    /// As [`RowSparse::to_dense`].
    pub fn to_dense(&self, limits: &Limits) -> Result<RawTensor<'static>, Error> {
        let aux = self.indptr.data().len().saturating_add(self.indices.data().len());
        let stored = self.values.data().len().saturating_add(aux);
        self.densify(&mut Budget::new(FORMAT, limits, stored))
    }

    pub(super) fn densify(&self, budget: &mut Budget) -> Result<RawTensor<'static>, Error> {
        const ROWS: &str = "the row starts do not run from 0 to the number of values";
        let fail = |reason| sparse_error(&self.values, reason);
        self.check().map_err(fail)?;
        let mut dense = zeros(&self.values, &self.shape, budget)?;
        let size = byte_len(self.values.dtype(), &[]).unwrap_or(0);
        let columns = self.shape.get(1).copied().unwrap_or(0);
        let mut indices = numbers(&self.indices).map_err(fail)?;
        let mut starts = numbers(&self.indptr).map_err(fail)?;
        let mut place = 0;
        if starts.next().is_some_and(|start| start != Some(0)) {
            return Err(fail(ROWS));
        }
        for (row, end) in starts.enumerate() {
            let end = end.filter(|&end| end >= place).ok_or_else(|| fail(ROWS))?;
            let mut next = 0;
            while place < end {
                let column = indices.next().ok_or_else(|| fail(ROWS))?;
                let column = column.filter(|&c| c >= next).ok_or_else(|| fail(ASCENDING))?;
                // No overflow: `dense` has this many elements.
                let element = row.saturating_mul(columns).saturating_add(column);
                copy_item(&mut dense, element, self.values.data(), place, size)
                    .filter(|()| column < columns)
                    .ok_or_else(|| fail("a column index is out of bounds"))?;
                next = column.saturating_add(1);
                place += 1;
            }
        }
        if indices.next().is_some() {
            return Err(fail(ROWS));
        }
        RawTensor::new(
            self.values.name().to_owned(),
            self.values.dtype(),
            self.shape.clone(),
            dense,
        )
    }

    pub(super) fn check(&self) -> Result<(), &'static str> {
        let aux = [self.indptr.shape(), self.indices.shape()];
        check_shapes(&self.shape, self.values.shape(), aux.into_iter())
    }
}

const ASCENDING: &str = "the indices do not ascend from 0";

/// Checks the shapes of a sparse array's parts: with one index array they are rows, with two
/// they are CSR.
pub(super) fn check_shapes<'s>(
    shape: &[usize],
    stored: &[usize],
    mut aux: impl Iterator<Item = &'s [usize]>,
) -> Result<(), &'static str> {
    match (aux.next().unwrap_or_default(), aux.next()) {
        (indices, None) => {
            let (Some((rows, rest)), Some((kept, kept_rest))) =
                (shape.split_first(), stored.split_first())
            else {
                return Err("it has no rows");
            };
            if rest != kept_rest || kept > rows {
                return Err("the rows kept do not fit its shape");
            }
            if indices != [*kept] {
                return Err("there is not one index per row kept");
            }
        }
        (indptr, Some(indices)) => {
            let (&[rows, _], &[kept]) = (shape, stored) else {
                return Err("it is not a matrix with a list of values");
            };
            if indices != [kept] {
                return Err("there is not one index per value");
            }
            let all_zero = kept == 0 && indptr == [0];
            if !all_zero && (rows.checked_add(1).is_none_or(|starts| indptr != [starts])) {
                return Err("there is not one start per row and one end");
            }
        }
    }
    Ok(())
}

fn sparse_error(values: &RawTensor<'_>, reason: &'static str) -> Error {
    Error::Sparse { name: values.name().into(), reason }
}

fn zeros(values: &RawTensor<'_>, shape: &[usize], budget: &mut Budget) -> Result<Vec<u8>, Error> {
    let (name, dtype) = (values.name(), values.dtype());
    let Some(len) = byte_len(dtype, shape) else {
        return Err(Error::ShapeSize { name: name.into(), dtype, shape: shape.into() });
    };
    budget.spend(len)?;
    Ok(vec![0; len])
}

/// Copies the item at `from` in `items` over the one at `to` in `dense`, if both exist.
fn copy_item(dense: &mut [u8], to: usize, items: &[u8], from: usize, len: usize) -> Option<()> {
    let target = to.checked_mul(len)?;
    let source = from.checked_mul(len)?;
    let source = items.get(source..source.checked_add(len)?)?;
    dense.get_mut(target..target.checked_add(len)?)?.copy_from_slice(source);
    Some(())
}

/// The elements of an index array; a negative one is `None`.
fn numbers<'t>(
    tensor: &'t RawTensor<'_>,
) -> Result<impl Iterator<Item = Option<usize>> + use<'t>, &'static str> {
    let size = match tensor.dtype() {
        DType::I64 => 8,
        DType::I32 => 4,
        _ => return Err("the indices are neither int64 nor int32"),
    };
    Ok(tensor.data().chunks_exact(size).map(|bytes| {
        let wide = bytes.first_chunk().map(|bytes| i64::from_le_bytes(*bytes));
        let narrow = || bytes.first_chunk().map(|bytes| i32::from_le_bytes(*bytes).into());
        wide.or_else(narrow).and_then(|number| usize::try_from(number).ok())
    }))
}
