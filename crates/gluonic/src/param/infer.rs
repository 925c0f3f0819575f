//! What a forward without values tells about the shapes of parameters.
//!
//! While [`infer`] runs, nothing changes: what layers say through
//! [`Parameter::finish_deferred`] is noted, and taken over at the end, all of it or nothing.
//! [`preview`] forgets it.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::RwLockReadGuard;

use indexmap::IndexMap;

use super::initialize::Staged;
use super::parameter::Parameter;
use super::state::State;
use crate::array::{NdArray, shapes_only, with_shapes_only};
use crate::autograd::pause;
use crate::error::{Error, Result};
use crate::shape::{Dims, Shape};

/// What a forward has told so far.
#[derive(Clone, Default)]
struct Told {
    /// Shapes, by the parameter's number.
    shapes: IndexMap<usize, (Parameter, Dims), foldhash::fast::RandomState>,
    /// The numbers of the parameters whose values it asked for.
    used: HashSet<usize, foldhash::fast::RandomState>,
}

thread_local! {
    static TOLD: RefCell<Told> = RefCell::default();
}

/// Puts back what was known before, also when a forward fails or panics.
struct Restore(Told);

impl Restore {
    fn new() -> Restore {
        Restore(TOLD.with_borrow(Clone::clone))
    }
}

impl Drop for Restore {
    fn drop(&mut self) {
        TOLD.set(std::mem::take(&mut self.0));
    }
}

/// Runs a forward with shapes only and forgets what it has told: nothing changes.
pub(crate) fn preview<R>(forward: impl FnOnce() -> Result<R>) -> Result<R> {
    let _restore = Restore::new();
    TOLD.with_borrow_mut(|told| told.used.clear());
    pause(|| with_shapes_only(forward))
}

/// Runs a forward with shapes only, and then gives the parameters the shapes that it has told; the
/// deferred ones among them get their values.
pub(crate) fn infer<R>(forward: impl FnOnce() -> Result<R>) -> Result<R> {
    if shapes_only() {
        // Inside another inference, which takes over what is learned here.
        return forward();
    }
    let restore = Restore::new();
    let output = pause(|| with_shapes_only(forward))?;
    let Told { shapes, .. } = TOLD.take();
    drop(restore);
    let staged = shapes.into_values().map(|(parameter, dims)| parameter.stage_shape(&dims.into()));
    let staged = staged.collect::<Result<Vec<_>>>()?;
    staged.into_iter().try_for_each(Staged::commit)?;
    Ok(output)
}

fn learned(parameter: &Parameter) -> Option<Dims> {
    TOLD.with_borrow(|told| told.shapes.get(&parameter.id()).map(|(_, dims)| dims.clone()))
}

/// Notes that a forward asked for a parameter's value.
#[cold]
pub(super) fn note_use(parameter: &Parameter) {
    TOLD.with_borrow_mut(|told| told.used.insert(parameter.id()));
}

/// Whether the forward with shapes only that is under way has asked for the parameter's value.
pub(crate) fn is_used(parameter: &Parameter) -> bool {
    TOLD.with_borrow(|told| told.used.contains(&parameter.id()))
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
    TOLD.with_borrow_mut(|told| {
        told.shapes.insert(parameter.id(), (parameter.clone(), dims));
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
