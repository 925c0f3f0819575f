//! A batch in parts, one for each context.

use crate::array::NdArray;
use crate::context::{self, Context};
use crate::error::{Error, Result, one_or_more};
use crate::ops::resolve_axis;

/// A batch in `n_slices` parts along an axis, one after another (negative axes count from the end).
/// With `even_split` they are equally long; without, the first ones may be longer by one. They share
/// the memory.
///
/// # Errors
/// [`Error::Split`] if the axis does not divide into so many parts and they are to be equally long;
/// [`Error::Setting`] if there are to be none; [`Error::Axis`] if the axis does not exist.
///
/// # Examples
/// ```
/// use gluonic::{NdArray, data};
/// let x = NdArray::arange::<f32>(5);
/// let error = data::split_data(&x, 2, 0, true).unwrap_err();
/// assert_eq!(error.to_string(), "shape (5,) does not split into 2 equal parts along axis 0");
/// let parts = data::split_data(&x, 2, 0, false)?;
/// assert_eq!(parts[0].to_vec::<f32>()?, [0.0, 1.0, 2.0]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `gluon/utils.py`, function `split_data`.
pub fn split_data(
    data: &NdArray,
    n_slices: usize,
    batch_axis: isize,
    even_split: bool,
) -> Result<Vec<NdArray>> {
    let axis = resolve_axis("split_data", batch_axis, data.rank())?;
    one_or_more("n_slices", n_slices)?;
    let size = data.dims()[axis];
    let (each, extra) = (size / n_slices, size % n_slices);
    if even_split && extra != 0 {
        return Err(Error::Split { shape: data.dims().into(), axis, parts: n_slices });
    }
    let places: Vec<usize> = (1..n_slices).map(|i| i * each + i.min(extra)).collect();
    data.split_at(&places, axis as isize)
}

/// A batch in equal parts along its first axis, one for each context and there. With one context,
/// the whole.
///
/// # Memory
/// A copy of each part that has to move.
///
/// # Errors
/// [`Error::Split`] if the batch does not divide into so many parts; [`split_data`] makes uneven
/// ones. [`Error::Setting`] if the contexts are none, or one is named twice; [`Error::Axis`] for a
/// scalar.
///
/// # Examples
/// A step on two contexts; [`std::thread::scope`] would run them at once:
/// ```
/// use gluonic::{Context, data, prelude::*};
/// let contexts = [Context::cpu(0), Context::cpu(1)];
/// let net = Dense::new(1);
/// net.initialize_on(&contexts)?;
/// let mut trainer = Trainer::new(&net, Sgd::new(0.1)?)?;
/// let batch = ops::uniform(-1.0, 1.0, (8, 3))?;
/// for part in data::split_and_load(&batch, &contexts)? {
///     autograd::record(|| net.call(&part)?.square())?.backward()?;
/// }
/// trainer.step(8)?;
/// let [first, second] = &net.weight()?.list_data()?[..] else { unreachable!() };
/// assert_eq!(first.to_vec::<f32>()?, second.to_vec::<f32>()?);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `gluon/utils.py`, function `split_and_load`.
pub fn split_and_load(data: &NdArray, contexts: &[Context]) -> Result<Vec<NdArray>> {
    context::check_list(contexts)?;
    if let [context] = contexts {
        return Ok(vec![data.to_context(*context)?]);
    }
    let parts = split_data(data, contexts.len(), 0, true)?;
    parts.iter().zip(contexts).map(|(part, context)| part.to_context(*context)).collect()
}
