//! Forwards that are run for what they tell: tables of a block, and the shapes of parameters.

use gluonic::nn::BlockCore;
use gluonic::{Block as _, BlockExt, Dims, NdArray};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use super::Block;
use crate::array::{NDArray, wrap};
use crate::callback::call_python;
use crate::errors::OrRaise;
use crate::ops::{DimsArg, current_dialect};

/// Tells a summary under way what a forward has returned.
pub(super) fn tell_summary(core: &BlockCore, out: &Bound<'_, PyAny>) {
    core.tell_summary(&arrays_in(out).iter().collect::<Vec<_>>());
}

/// The arrays in what a forward takes or returns: one, or tuples and lists of them.
fn arrays_in(value: &Bound<'_, PyAny>) -> Vec<NdArray> {
    fn add(value: &Bound<'_, PyAny>, arrays: &mut Vec<NdArray>) {
        if let Ok(array) = value.cast::<NDArray>() {
            arrays.push(array.get().get());
        } else if value.is_instance_of::<PyTuple>() || value.is_instance_of::<PyList>() {
            for item in value.try_iter().into_iter().flatten().flatten() {
                add(&item, arrays);
            }
        }
    }
    let mut arrays = Vec::new();
    add(value, &mut arrays);
    arrays
}

/// Calls a block on arrays, and returns the arrays in what it returns.
fn called(block: &Bound<'_, Block>, inputs: &[NdArray]) -> gluonic::Result<Vec<NdArray>> {
    call_python("block", |py| {
        let dialect = current_dialect(py)?;
        let inputs: PyResult<Vec<_>> =
            inputs.iter().map(|x| wrap(py, x.clone(), dialect)).collect();
        Ok(arrays_in(&block.call1(PyTuple::new(py, inputs?)?)?))
    })
}

fn sizes(shapes: Vec<DimsArg>) -> Vec<Dims> {
    shapes.into_iter().map(|shape| shape.0).collect()
}

#[pymethods]
impl Block {
    /// The table of a forward on inputs with values.
    fn _summary(slf: &Bound<'_, Self>, inputs: &Bound<'_, PyTuple>) -> PyResult<String> {
        let (py, node) = (slf.py(), slf.get().node()?);
        let summary = node.summary_of_run(&arrays_in(inputs), |_| {
            call_python(node.core().name(), |_| Ok(arrays_in(&slf.call1(inputs)?)))
        });
        Ok(summary.or_raise(py)?.to_string())
    }

    /// The table of a forward without values.
    fn _summary_of_shapes(slf: &Bound<'_, Self>, shapes: Vec<DimsArg>) -> PyResult<String> {
        let (py, node) = (slf.py(), slf.get().node()?);
        let summary = node.summary_with(&sizes(shapes), |inputs| called(slf, inputs));
        Ok(summary.or_raise(py)?.to_string())
    }

    /// Tells the parameters their shapes by a forward without values; returns that of the output,
    /// or those of the outputs.
    fn _infer_shapes<'py>(
        slf: &Bound<'py, Self>,
        shapes: Vec<DimsArg>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (py, node) = (slf.py(), slf.get().node()?);
        let outputs = node.infer_shapes_with(&sizes(shapes), |inputs| called(slf, inputs));
        let outputs = outputs.or_raise(py)?;
        let outputs: PyResult<Vec<_>> =
            outputs.iter().map(|y| PyTuple::new(py, y.dims().iter())).collect();
        match &outputs?[..] {
            [one] => Ok(one.clone().into_any()),
            all => Ok(PyList::new(py, all)?.into_any()),
        }
    }
}
