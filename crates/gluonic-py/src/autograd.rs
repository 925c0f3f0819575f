//! Gradients of several arrays at once, and operations that a user writes in Python.

use std::sync::{Arc, OnceLock};

use gluonic::autograd::{self, Backward, Function, GradReq};
use gluonic::{DType, Dims, NdArray, Result, context};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use crate::array::{ArrayArg, Dialect, NDArray, grad_req_of, list_to_py, wrap};
use crate::callback::call_python;
use crate::errors::OrRaise;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    for function in [
        wrap_pyfunction!(backward, module)?,
        wrap_pyfunction!(grad, module)?,
        wrap_pyfunction!(mark_variable, module)?,
        wrap_pyfunction!(apply_function, module)?,
    ] {
        module.add_function(function)?;
    }
    Ok(())
}

type Heads = Vec<Option<ArrayArg>>;

/// A head gradient for each array: the given one, or ones.
fn heads_of(losses: &[ArrayArg], heads: Option<Heads>) -> Result<Vec<NdArray>> {
    let heads = heads.unwrap_or_default().into_iter().chain(std::iter::repeat(None));
    let pairs = losses.iter().zip(heads);
    pairs
        .map(|(loss, head)| match head {
            Some(head) => Ok(head.array),
            None => context::with(loss.array.context(), || {
                NdArray::ones(loss.array.dims(), loss.array.dtype())
            }),
        })
        .collect()
}

fn check_heads(losses: &[ArrayArg], heads: Option<&Heads>) -> PyResult<()> {
    match heads {
        Some(heads) if heads.len() != losses.len() => {
            let (expected, found) = (losses.len(), heads.len());
            Err(PyValueError::new_err(format!(
                "{expected} heads need as many head gradients, found {found}"
            )))
        }
        _ => Ok(()),
    }
}

/// Puts the gradients of several arrays into the slots.
#[pyfunction]
fn backward(
    py: Python<'_>,
    losses: Vec<ArrayArg>,
    heads: Option<Heads>,
    retain: bool,
) -> PyResult<()> {
    check_heads(&losses, heads.as_ref())?;
    let heads = heads_of(&losses, heads).or_raise(py)?;
    let pass = heads.iter().fold(Backward::new().retain_graph(retain), Backward::head);
    let losses: Vec<&NdArray> = losses.iter().map(|loss| &loss.array).collect();
    py.detach(|| pass.run(&losses)).or_raise(py)
}

/// The gradients of several arrays with respect to variables, without touching a slot.
#[pyfunction]
fn grad<'py>(
    py: Python<'py>,
    losses: Vec<ArrayArg>,
    variables: Vec<ArrayArg>,
    heads: Option<Heads>,
    retain: bool,
) -> PyResult<Bound<'py, PyList>> {
    check_heads(&losses, heads.as_ref())?;
    let heads = heads_of(&losses, heads).or_raise(py)?;
    let wanted: Vec<&NdArray> = variables.iter().map(|variable| &variable.array).collect();
    let compute = || -> Result<Vec<NdArray>> {
        let pass = Backward::new().retain_graph(retain);
        let ([loss], [head]) = (losses.as_slice(), heads.as_slice()) else {
            // The gradient of several is that of their sum, weighted by the heads.
            let sum = autograd::record(|| {
                let mut sum: Option<NdArray> = None;
                for (loss, head) in losses.iter().zip(&heads) {
                    let one = (&loss.array * head)?.sum()?;
                    sum = Some(match sum {
                        Some(sum) => (&sum + &one)?,
                        None => one,
                    });
                }
                sum.ok_or(gluonic::Error::NotRecorded)
            })?;
            return pass.grad(&sum, &wanted);
        };
        pass.head(head).grad(&loss.array, &wanted)
    };
    let grads = py.detach(compute).or_raise(py)?;
    let pairs = grads.into_iter().zip(&variables);
    let grads: PyResult<Vec<_>> =
        pairs.map(|(grad, variable)| wrap(py, grad, variable.dialect)).collect();
    PyList::new(py, grads?)
}

/// Lets backward write gradients with respect to an array into another one.
#[pyfunction]
fn mark_variable(
    py: Python<'_>,
    variable: &Bound<'_, NDArray>,
    gradient: &Bound<'_, NDArray>,
    req: &str,
) -> PyResult<()> {
    let req = grad_req_of(req)?;
    let values = gradient.get().get();
    let leaf = variable.get().get().attach_grad(req).or_raise(py)?;
    if req != GradReq::Null {
        // The slot takes the values over, and the object becomes a handle on the slot.
        let slot = leaf.grad().or_raise(py)?;
        if slot.dims() != values.dims() {
            return Err(PyValueError::new_err(format!(
                "the gradient of an array of shape {} has shape {}",
                slot.dims(),
                values.dims()
            )));
        }
        slot.assign(&values).or_raise(py)?;
        gradient.get().put(slot);
    }
    variable.get().put(leaf);
    Ok(())
}

/// An operation that is written in Python.
struct PyFunction {
    object: Py<PyAny>,
    dialect: Dialect,
    /// The sizes and the element type of the outputs, once they are computed.
    outputs: OnceLock<(Vec<Dims>, DType)>,
}

impl PyFunction {
    fn call(&self, py: Python<'_>, method: &str, args: &[NdArray]) -> PyResult<Vec<NdArray>> {
        let args: PyResult<Vec<_>> =
            args.iter().map(|array| wrap(py, array.clone(), self.dialect)).collect();
        let out = self.object.bind(py).call_method1(method, PyTuple::new(py, args?)?)?;
        out.extract::<Vec<ArrayArg>>()
            .map(|arrays| arrays.into_iter().map(|array| array.array).collect())
    }
}

impl Function for PyFunction {
    fn forward(&self, _keep: &mut Vec<NdArray>, inputs: &[NdArray]) -> Result<NdArray> {
        let outputs = call_python("Function.forward", |py| {
            let outputs = self.call(py, "_call_forward", inputs)?;
            if outputs.windows(2).any(|pair| pair[0].dtype() != pair[1].dtype()) {
                return Err(PyTypeError::new_err(
                    "the outputs of a Function must have one element type",
                ));
            }
            Ok(outputs)
        })?;
        let dims = outputs.iter().map(|output| output.dims().clone()).collect();
        let dtype = outputs.first().map_or(DType::F32, NdArray::dtype);
        // Set once: each Function is called once.
        let _ = self.outputs.set((dims, dtype));
        match outputs.as_slice() {
            [one] => Ok(one.clone()),
            // gluonic's operations have one output: several are one row, taken apart behind it.
            several => {
                let flat = several.iter().map(|output| output.reshape(output.elem_count()));
                let flat = flat.collect::<Result<Vec<_>>>()?;
                gluonic::ops::concat(&flat.iter().collect::<Vec<_>>(), 0)
            }
        }
    }

    fn backward(
        &self,
        _keep: &[NdArray],
        grad: &NdArray,
        _wanted: &[bool],
    ) -> Result<Vec<Option<NdArray>>> {
        let heads = match self.outputs.get() {
            // Gradients of half precision are handed on in single: Python sees its own type.
            Some((dims, dtype)) if grad.dtype() != *dtype => apart(&grad.cast(*dtype)?, dims)?,
            Some((dims, _)) => apart(grad, dims)?,
            None => vec![grad.clone()],
        };
        let grads = call_python("Function.backward", |py| self.call(py, "_call_backward", &heads))?;
        Ok(grads.into_iter().map(Some).collect())
    }

    fn name(&self) -> &'static str {
        "Function"
    }
}

/// The arrays that a row is made of.
fn apart(row: &NdArray, dims: &[Dims]) -> Result<Vec<NdArray>> {
    if dims.len() < 2 {
        return Ok(vec![row.clone()]);
    }
    let sizes = dims.iter().map(|dims| dims.iter().product::<usize>());
    let mut end = 0;
    let places = sizes.map(|size| {
        end += size;
        end
    });
    let mut places: Vec<usize> = places.collect();
    places.pop();
    let parts = row.split_at(&places, 0)?;
    parts.iter().zip(dims).map(|(part, dims)| part.reshape(dims.clone())).collect()
}

/// Runs an operation that is written in Python and, while recording, records it.
#[pyfunction]
fn apply_function<'py>(
    py: Python<'py>,
    object: Py<PyAny>,
    inputs: Vec<ArrayArg>,
) -> PyResult<Bound<'py, PyList>> {
    let dialect = inputs.first().map_or(Dialect::Nd, |input| input.dialect);
    let function = Arc::new(PyFunction { object, dialect, outputs: OnceLock::new() });
    let inputs: Vec<NdArray> = inputs.into_iter().map(|input| input.array).collect();
    let compute = || {
        let out = autograd::apply(&function, &inputs)?;
        apart(&out, function.outputs.get().map_or(&[][..], |(dims, _)| dims))
    };
    let outputs = py.detach(compute).or_raise(py)?;
    list_to_py(py, outputs, dialect)
}
