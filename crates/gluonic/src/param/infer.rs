//! What a forward without values tells about the shapes of parameters.
//!
//! While [`infer`] runs, nothing changes: what layers say through
//! [`Parameter::finish_deferred`] is noted, and taken over at the end, all of it or nothing.

use std::cell::RefCell;
use std::sync::RwLockReadGuard;

use indexmap::IndexMap;

use super::initialize::Staged;
use super::parameter::Parameter;
use super::state::State;
use crate::array::{NdArray, shapes_only, with_shapes_only};
use crate::autograd::pause;
use crate::error::{Error, Result};
use crate::shape::{Dims, Shape};

/// What has been learned so far, by the parameter's number.
type Learned = IndexMap<usize, (Parameter, Dims), foldhash::fast::RandomState>;

thread_local! {
    static LEARNED: RefCell<Learned> = RefCell::default();
}

/// Forgets what was learned, when a forward fails or panics.
struct Forget;

impl Drop for Forget {
    fn drop(&mut self) {
        LEARNED.take();
    }
}

/// Runs a forward with shapes only, and then gives the parameters the shapes that it has told; the
/// deferred ones among them get their values.
pub(crate) fn infer<R>(forward: impl FnOnce() -> Result<R>) -> Result<R> {
    if shapes_only() {
        // Inside another inference, which takes over what is learned here.
        return forward();
    }
    let forget = Forget;
    let output = pause(|| with_shapes_only(forward))?;
    let learned = LEARNED.take();
    drop(forget);
    let staged = learned.into_values().map(|(parameter, dims)| parameter.stage_shape(&dims.into()));
    let staged = staged.collect::<Result<Vec<_>>>()?;
    staged.into_iter().try_for_each(Staged::commit)?;
    Ok(output)
}

fn learned(parameter: &Parameter) -> Option<Dims> {
    LEARNED.with_borrow(|learned| learned.get(&parameter.id()).map(|(_, dims)| dims.clone()))
}

/// Notes the shape of a parameter that has no value yet.
pub(super) fn learn(parameter: &Parameter, shape: &Shape) -> Result<()> {
    if parameter.is_initialized() {
        return Ok(());
    }
    if let Some(known) = learned(parameter).map(Shape::from)
        && known != *shape
    {
        let (name, found) = (parameter.name().clone(), shape.clone());
        return Err(Error::ShapeMismatch { name, expected: known, found });
    }
    parameter.check_refines(&parameter.state(), shape)?;
    let dims = shape.dims().ok_or_else(|| parameter.waits(shape))?;
    LEARNED.with_borrow_mut(|learned| {
        learned.insert(parameter.id(), (parameter.clone(), dims));
    });
    Ok(())
}

/// What stands for the value of a parameter that has none, once its shape is known.
pub(super) fn stand_in(
    parameter: &Parameter,
    state: RwLockReadGuard<'_, State>,
) -> Result<NdArray> {
    match learned(parameter).or_else(|| state.shape.as_ref().and_then(Shape::dims)) {
        Some(dims) => NdArray::shape_only(dims, state.dtype),
        None => Err(match &state.shape {
            Some(shape) => parameter.waits(shape),
            None => parameter.missing(state),
        }),
    }
}
