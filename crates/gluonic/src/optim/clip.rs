//! Gradients of many parameters, made shorter together.

use std::sync::Arc;

use rayon::prelude::*;

use super::setting::{Positive, check};
use crate::array::{Buf, Cell, DType, NdArray, for_float};
use crate::checkpoint::HasParameters;
use crate::cpu::elementwise::PIECE;
use crate::cpu::update::{scale, squares};
use crate::error::{Error, Result};
use crate::param::{Parameter, Training};

/// Makes the gradients of a block, a [`ParameterDict`](crate::ParameterDict) or a
/// [`Selection`](crate::Selection) shorter, all by one factor, if the norm of all together is
/// larger than `max_norm`. Returns that norm as it was.
///
/// With `n = √(Σ g²)` over all elements, each gradient is multiplied by
/// `min(1, max_norm/(n + 1e-8))`. Parameters that are frozen or have no gradient do not count; a
/// tied one counts once.
///
/// # Errors
/// [`Error::NotSummed`] if a gradient is on several contexts and has not been summed by
/// [`Trainer::allreduce_grads`](crate::Trainer::allreduce_grads) since a backward wrote it;
/// [`Error::NotFinite`], naming the parameters, if a gradient holds an infinity or a NaN;
/// [`Error::Setting`] if `max_norm` is not greater than 0; as
/// [`Parameter::data`](crate::Parameter::data) if a parameter has no value. Then nothing has
/// changed.
///
/// # Examples
/// ```
/// use gluonic::optim::clip_global_norm;
/// use gluonic::prelude::*;
/// let weight = Parameter::new("weight", 2);
/// weight.initialize()?;
/// let mut params = ParameterDict::new("");
/// params.insert(&weight)?;
/// let head = NdArray::from_slice(&[3.0_f32, 4.0], 2)?;
/// autograd::record(|| &weight.data()? * &head)?.backward()?;
/// assert_eq!(clip_global_norm(&params, 1.0)?, 5.0);
/// assert!((weight.grad()?.square()?.sum()?.to_scalar::<f32>()? - 1.0).abs() < 1e-6);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `gluon/utils.py`, function `clip_global_norm`. DIFFERENCE: MXNet warns of what is
/// not finite, and spreads it over all gradients.
#[doc(alias = "clip_grad_norm_")]
pub fn clip_global_norm(params: &(impl HasParameters + ?Sized), max_norm: f64) -> Result<f64> {
    let max_norm = check::<Positive, _>("max_norm", max_norm)?;
    let mut trained: Vec<(Parameter, Training)> = Vec::new();
    let (mut seen, mut open) = (std::collections::HashSet::new(), Vec::new());
    for (_, parameter) in params.chosen() {
        if seen.insert(parameter.id())
            && let Some(training) = parameter.training()?
        {
            if training.is_open() {
                open.push((&**parameter.name()).into());
            }
            trained.push((parameter, training));
        }
    }
    if !open.is_empty() {
        return Err(Error::NotSummed { names: open.into() });
    }
    let norm = norm(trained.par_iter().map(|(parameter, training)| (parameter, training)))?;
    let factor = max_norm / (norm + 1e-8);
    if factor < 1.0 {
        trained.par_iter().try_for_each(|(parameter, training)| {
            let shortened = training.slots().try_for_each(|slot| shorten(&slot.cell, factor));
            shortened.map_err(|error| error.at(parameter.name()))
        })?;
    }
    Ok(norm)
}

/// As [`clip_global_norm`], of arrays that are no gradients of parameters. Nothing changes if the
/// norm is not finite.
///
/// # Errors
/// [`Error::Setting`] if `max_norm` is not greater than 0; as [`NdArray::edit`] if an array cannot
/// be edited.
///
/// # Examples
/// ```
/// use gluonic::{NdArray, optim::clip_arrays};
/// let arrays = [NdArray::from_slice(&[3.0_f32], 1)?, NdArray::from_slice(&[4.0_f32], 1)?];
/// assert_eq!(clip_arrays(&arrays, 1.0)?, 5.0);
/// assert!((arrays[1].to_vec::<f32>()?[0] - 0.8).abs() < 1e-6);
/// # Ok::<(), gluonic::Error>(())
/// ```
pub fn clip_arrays(arrays: &[NdArray], max_norm: f64) -> Result<f64> {
    let max_norm = check::<Positive, _>("max_norm", max_norm)?;
    let squares = arrays.par_iter().map(|array| {
        let whole = if array.is_whole() { array.detach() } else { array.detach().deep_clone()? };
        Ok(sum_of_squares(&whole.cell.snapshot()?))
    });
    let norm = squares.collect::<Result<Vec<f64>>>()?.iter().sum::<f64>().sqrt();
    let factor = max_norm / (norm + 1e-8);
    if norm.is_finite() && factor < 1.0 {
        arrays.iter().try_for_each(|array| array.mul_assign(factor))?;
    }
    Ok(norm)
}

/// The norm of all gradients together.
///
/// # Errors
/// [`Error::NotFinite`], naming the parameters.
pub(crate) fn norm<'a>(
    trained: impl ParallelIterator<Item = (&'a Parameter, &'a Training)>,
) -> Result<f64> {
    // Side by side, but summed in their order.
    let squares = trained.map(|(parameter, training)| {
        let squares = match training.slot.cell.rows()? {
            Some(rows) => sum_of_squares(rows.values()),
            None => sum_of_squares(&training.slot.cell.snapshot()?),
        };
        Ok((parameter, squares))
    });
    let squares = squares.collect::<Result<Vec<(&Parameter, f64)>>>()?;
    let bad = squares.iter().filter(|(_, squares)| !squares.is_finite());
    let names: Vec<Box<str>> = bad.map(|(parameter, _)| Box::from(&**parameter.name())).collect();
    if !names.is_empty() {
        return Err(Error::NotFinite { names: names.into() });
    }
    Ok(squares.iter().map(|(_, squares)| squares).sum::<f64>().sqrt())
}

fn shorten(cell: &Cell, factor: f64) -> Result<()> {
    let mut lock = cell.edit()?;
    let buf = lock.buf();
    let stored = buf.dtype();
    if stored.compute() != Some(stored) {
        let mut wide = buf.convert(DType::F32);
        scale(wide.slice_mut::<f32>(), factor as f32);
        lock.replace(Arc::new(wide.convert(stored)));
        return Ok(());
    }
    for_float!(stored, T => {
        let pieces = buf.slice_mut::<T>().par_chunks_mut(PIECE);
        pieces.for_each(|piece| scale(piece, factor as T));
    });
    Ok(())
}

/// Cut by the length alone, so that it is the same on any number of threads.
fn sum_of_squares(buf: &Arc<Buf>) -> f64 {
    if !matches!(buf.dtype(), DType::F32 | DType::F64) {
        let wide = Arc::new(buf.convert(DType::F32));
        return sum_of_squares(&wide);
    }
    for_float!(buf.dtype(), T => {
        let sums: Vec<f64> = buf.slice::<T>().par_chunks(PIECE).map(squares).collect();
        sums.iter().sum()
    })
}
