//! Gradients against central differences in `f64`, for inputs in every layout.

use gluonic::autograd::{self, Backward, GradReq};
use gluonic::prelude::*;
use ndarray::SliceInfoElem;

use super::Rng;

/// The step of the differences. Their own error is about `STEP²` times the third derivative, and
/// `1e-16 / STEP` from rounding: both near `1e-10` for the values used here.
const STEP: f64 = 1e-5;

/// What the design promises.
pub(crate) const TOLERANCE: f64 = 1e-6;

/// Below this size, errors are compared with this: a derivative of 0 has no relative error.
const FLOOR: f64 = 1e-3;

/// How an input lies in its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    Contiguous,
    Transposed,
    /// Every second element, from the second on, along each axis.
    Sliced,
    /// Each axis from its end.
    Reversed,
    /// The first axis is one row repeated.
    Broadcast,
}

impl Layout {
    pub(crate) const ALL: [Layout; 5] = [
        Layout::Contiguous,
        Layout::Transposed,
        Layout::Sliced,
        Layout::Reversed,
        Layout::Broadcast,
    ];

    /// The sizes of the memory in which an input of sizes `dims` lies in this layout.
    fn leaf_dims(self, dims: &[usize]) -> Vec<usize> {
        match self {
            Layout::Contiguous | Layout::Reversed => dims.to_vec(),
            Layout::Transposed => dims.iter().rev().copied().collect(),
            Layout::Sliced => dims.iter().map(|size| 2 * size + 1).collect(),
            Layout::Broadcast => {
                dims.iter().enumerate().map(|(axis, &n)| if axis == 0 { 1 } else { n }).collect()
            }
        }
    }

    /// The input, seen in its memory.
    fn view(self, leaf: &NdArray, dims: &[usize]) -> Result<NdArray> {
        let all = |start, step| {
            let elem = move |&size: &usize| SliceInfoElem::Slice {
                start,
                end: Some(start + size as isize * isize::abs(step)),
                step,
            };
            dims.iter().map(elem).collect::<Vec<_>>()
        };
        match self {
            Layout::Contiguous => Ok(leaf.clone()),
            Layout::Transposed => leaf.transpose(),
            Layout::Sliced => leaf.slice(all(1, 2)),
            Layout::Reversed => leaf.slice(all(0, -1)),
            Layout::Broadcast => leaf.broadcast_to(dims),
        }
    }
}

/// What `f` gives when shapes alone are inferred.
fn shape_of(
    f: &dyn Fn(&[NdArray]) -> Result<NdArray>,
    dims: &[&[usize]],
    layouts: &[Layout],
) -> Result<Dims> {
    let leaves = dims.iter().zip(layouts);
    let leaves: Vec<_> = leaves.map(|(dims, layout)| layout.leaf_dims(dims)).collect();
    name::manager(|| Dense::new(1)).infer_shapes_with(&leaves, |xs| {
        let seen = xs.iter().zip(dims).zip(layouts);
        let seen = seen.map(|((leaf, dims), layout)| layout.view(&leaf.cast(DType::F64)?, dims));
        Ok(f(&seen.collect::<Result<Vec<_>>>()?)?.dims().clone())
    })
}

/// Compares the gradients of `f` with central differences, for inputs of the given sizes in the
/// given layouts, with values in `domain`. Returns the largest relative error.
#[track_caller]
pub(crate) fn check(
    name: &str,
    f: &dyn Fn(&[NdArray]) -> Result<NdArray>,
    dims: &[&[usize]],
    layouts: &[Layout],
    domain: (f64, f64),
) -> Result<f64> {
    let mut rng = Rng::of(name);
    let leaves = dims.iter().zip(layouts).map(|(dims, layout)| {
        let dims = Dims::from(layout.leaf_dims(dims));
        let values = rng.vec(dims.elem_count(), domain.0, domain.1);
        NdArray::from_vec(values, dims)?.attach_grad(GradReq::Write)
    });
    let leaves = leaves.collect::<Result<Vec<_>>>()?;
    let views = || {
        let seen = leaves.iter().zip(dims).zip(layouts);
        seen.map(|((leaf, dims), layout)| layout.view(leaf, dims)).collect::<Result<Vec<_>>>()
    };
    let y = autograd::record(|| f(&views()?))?;
    let head = rng.vec(y.elem_count(), 0.5, 1.5);
    Backward::new().head(&NdArray::from_slice(&head, y.dims())?).run(&[&y])?;
    let value = || -> Result<f64> {
        let y = autograd::train_mode(|| f(&views()?))?.to_f64_vec()?;
        Ok(y.iter().zip(&head).map(|(y, head)| y * head).sum())
    };
    let mut largest = 0.0_f64;
    for (i, leaf) in leaves.iter().enumerate() {
        let found = leaf.grad()?.to_vec::<f64>()?;
        for (at, found) in found.into_iter().enumerate() {
            let moved = |by: f64| -> Result<f64> {
                let flat = leaf.detach().reshape(leaf.elem_count())?;
                let old = flat.slice(s![at as isize])?.to_scalar::<f64>()?;
                flat.set(s![at as isize], old + by)?;
                let moved = value();
                flat.set(s![at as isize], old)?;
                moved
            };
            // What is repeated no times has no influence, even on a mean that is NaN.
            let empty = dims[i].contains(&0);
            let expected = if empty { 0.0 } else { (moved(STEP)? - moved(-STEP)?) / (2.0 * STEP) };
            let size = found.abs().max(expected.abs()).max(FLOOR);
            let error = (found - expected).abs() / size;
            assert!(
                error <= TOLERANCE,
                "{name}, {layouts:?}: input {i}, element {at}: expected {expected}, found {found}"
            );
            largest = largest.max(error);
        }
    }
    let found = shape_of(f, dims, layouts)?;
    assert_eq!(found, *y.dims(), "{name}, {layouts:?}: the shape rule alone");
    Ok(largest)
}
