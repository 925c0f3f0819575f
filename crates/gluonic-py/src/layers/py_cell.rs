//! Cells of Python, walked along a sequence.

use std::sync::Arc;

use gluonic::nn::rnn::{BidirectionalCell, RecurrentCell, ResidualCell, SequenceLayout, Unroll};
use gluonic::nn::{BlockCore, Member};
use gluonic::{Block as _, Dims, NdArray};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::args::SequenceLayoutArg;
use super::rnn::{Output, arrays, output_to_py};
use crate::array::{ArrayArg, Dialect, list_to_py, wrap};
use crate::block::{Block, Node};
use crate::callback::call_python;
use crate::errors::OrRaise;
use crate::ops::current_dialect;

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(unroll, module)?)
}

/// A cell of Python as gluonic sees it.
#[derive(Clone, Debug)]
struct PyCell {
    node: Arc<Node>,
}

/// A cell of Python that is walked by its steps, whatever its own `unroll` does: that is the one
/// that calls this.
#[derive(Clone, Debug)]
struct Stepped(PyCell);

macro_rules! block_by {
    ($type:ident, $inner:tt) => {
        impl gluonic::Block for $type {
            fn core(&self) -> &BlockCore {
                self.$inner.core()
            }

            fn visit<'a>(&'a self, visit: &mut dyn FnMut(&str, Member<'a>)) {
                self.$inner.visit(visit);
            }

            fn forward(&self, x: &NdArray) -> gluonic::Result<NdArray> {
                self.$inner.forward(x)
            }

            fn as_dyn(&self) -> &dyn gluonic::Block {
                self.$inner.as_dyn()
            }
        }
    };
}
block_by!(PyCell, node);
block_by!(Stepped, 0);

/// What Python returned from a step or a walk.
fn output(returned: &Bound<'_, PyAny>) -> PyResult<Output> {
    let (y, states): (ArrayArg, Vec<ArrayArg>) = returned.extract()?;
    Ok((y.array, arrays(states)))
}

fn states_to_py<'py>(
    py: Python<'py>,
    states: &[NdArray],
    dialect: Dialect,
) -> PyResult<Bound<'py, PyList>> {
    list_to_py(py, states.iter().cloned(), dialect)
}

impl PyCell {
    fn info(&self, batch: usize) -> gluonic::Result<Vec<Dims>> {
        call_python(self.node.core().name(), |py| {
            let info = self.node.this(py)?.call_method1("state_info", (batch,))?;
            let dims = |state: Bound<'_, PyAny>| {
                Ok(Dims::from(state.get_item("shape")?.extract::<Vec<usize>>()?))
            };
            info.try_iter()?.map(|state| dims(state?)).collect()
        })
    }
}

impl RecurrentCell for PyCell {
    fn state_info(&self, batch: usize) -> Vec<Dims> {
        // What it raises is raised again by the step that follows.
        self.info(batch).unwrap_or_default()
    }

    fn step(&self, x: &NdArray, states: &[NdArray]) -> gluonic::Result<Output> {
        call_python(self.node.core().name(), |py| {
            let dialect = current_dialect(py)?;
            let args = (wrap(py, x.clone(), dialect)?, states_to_py(py, states, dialect)?);
            output(&self.node.this(py)?.call1(args)?)
        })
    }

    /// By Python's own `unroll`.
    fn unroll(&self, inputs: &NdArray, options: &Unroll<'_>) -> gluonic::Result<Output> {
        call_python(self.node.core().name(), |py| {
            let dialect = current_dialect(py)?;
            let axis = usize::from(options.layout == SequenceLayout::Ntc);
            let length = inputs.dims().get(axis).copied().unwrap_or_default();
            let kwargs = PyDict::new(py);
            let states = options.begin_state.map(|states| states_to_py(py, states, dialect));
            kwargs.set_item("begin_state", states.transpose()?)?;
            kwargs.set_item("layout", options.layout.name())?;
            kwargs.set_item("merge_outputs", true)?;
            let lengths = options.valid_length.map(|lengths| wrap(py, lengths.clone(), dialect));
            kwargs.set_item("valid_length", lengths.transpose()?)?;
            let args = (length, wrap(py, inputs.clone(), dialect)?);
            output(&self.node.this(py)?.call_method("unroll", args, Some(&kwargs))?)
        })
    }
}

impl RecurrentCell for Stepped {
    fn state_info(&self, batch: usize) -> Vec<Dims> {
        self.0.state_info(batch)
    }

    fn step(&self, x: &NdArray, states: &[NdArray]) -> gluonic::Result<Output> {
        self.0.step(x, states)
    }
}

/// Walks cells of Python along a sequence: one by its steps, `"residual"` around one, or
/// `"bidirectional"` with two.
#[pyfunction]
fn unroll<'py>(
    py: Python<'py>,
    kind: &str,
    cells: Vec<Bound<'py, Block>>,
    inputs: ArrayArg,
    states: Vec<ArrayArg>,
    layout: SequenceLayoutArg,
    valid_length: Option<ArrayArg>,
) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyList>)> {
    let cells: PyResult<Vec<PyCell>> =
        cells.iter().map(|cell| Ok(PyCell { node: cell.get().node()?.clone() })).collect();
    let walked: Arc<dyn RecurrentCell> = match (kind, &cells?[..]) {
        ("bidirectional", [one, other]) => {
            Arc::new(BidirectionalCell::new(one.clone(), other.clone()))
        }
        ("residual", [base]) => Arc::new(ResidualCell::new(base.clone())),
        (_, [cell]) => Arc::new(Stepped(cell.clone())),
        _ => return Err(PyValueError::new_err("expected one cell, or two")),
    };
    let states = arrays(states);
    let lengths = valid_length.map(|lengths| lengths.array);
    let output = py.detach(|| {
        let options =
            Unroll { begin_state: Some(&states), layout: layout.0, valid_length: lengths.as_ref() };
        walked.unroll(&inputs.array, &options)
    });
    output_to_py(py, output.or_raise(py)?, inputs.dialect)
}
