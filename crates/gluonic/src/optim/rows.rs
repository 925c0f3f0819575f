//! Updates of those rows of a parameter that its gradient has, and of no other.

use crate::array::{Buf, NdArray, Rows};
use crate::error::Result;

/// Runs an update of single elements on the rows alone: `update` gets the weight's, in the compute
/// type, the gradient's and those of the optimizer's memory, which `states` hold all of.
///
/// # Errors
/// [`Error::BeingEdited`](crate::Error::BeingEdited) inside an edit of the weight by the same
/// thread.
pub(super) fn update_rows(
    weight: &NdArray,
    gradient: &Rows,
    states: &mut [&mut Buf],
    update: impl FnOnce(&mut Buf, &Buf, &mut [Buf]),
) -> Result<()> {
    let dtype = weight.dtype();
    let compute = dtype.compute().unwrap_or(dtype);
    let mut lock = weight.cell.edit()?;
    let own = lock.buf();
    let mut w = gradient.gather(own).convert(compute);
    let g = gradient.values().convert(compute);
    let mut lent: Vec<Buf> = states.iter().map(|state| gradient.gather(state)).collect();
    update(&mut w, &g, &mut lent);
    gradient.scatter(&w.convert(dtype), own);
    for (state, values) in states.iter_mut().zip(&lent) {
        gradient.scatter(values, state);
    }
    Ok(())
}
