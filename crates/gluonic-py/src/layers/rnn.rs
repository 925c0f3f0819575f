//! Recurrent layers and cells, and cells of Python walked along a sequence.

use std::sync::Arc;

use gluonic::nn::rnn::{
    BidirectionalCell, CellConfig, Gru, GruCell, Lstm, LstmCell, RecurrentCell, RecurrentConfig,
    ResidualCell, Rnn, RnnActivation, RnnCell, SequenceLayout, Unroll,
};
use gluonic::nn::{BlockCore, Member};
use gluonic::{Block as _, Dims, NdArray};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::args::{CountArg, SizeArg, init};
use super::{Kind, Layer, Naming};
use crate::array::{ArrayArg, Dialect, wrap};
use crate::block::{Block, Node};
use crate::callback::call_python;
use crate::dtype::DTypeArg;
use crate::errors::OrRaise;
use crate::initializer::InitArg;
use crate::ops::current_dialect;

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    for function in [
        wrap_pyfunction!(recurrent_layer, module)?,
        wrap_pyfunction!(recurrent_cell, module)?,
        wrap_pyfunction!(sequence_call, module)?,
        wrap_pyfunction!(cell_step, module)?,
        wrap_pyfunction!(unroll, module)?,
        wrap_pyfunction!(steps, module)?,
        wrap_pyfunction!(zoneout, module)?,
        wrap_pyfunction!(dropout_once, module)?,
    ] {
        module.add_function(function)?;
    }
    Ok(())
}

/// An output, and the states at the end.
type Output = (NdArray, Vec<NdArray>);

/// A layer over whole sequences.
pub(super) trait Sequence: gluonic::Block {
    fn run(
        &self,
        x: &NdArray,
        states: &[NdArray],
        valid_length: Option<&NdArray>,
    ) -> gluonic::Result<Output>;
}

macro_rules! sequence {
    ($($name:ident)*) => {$(
        impl Sequence for $name {
            fn run(
                &self,
                x: &NdArray,
                states: &[NdArray],
                valid_length: Option<&NdArray>,
            ) -> gluonic::Result<Output> {
                self.call_with(x, states, valid_length)
            }
        }
    )*};
}
sequence! { Rnn Lstm Gru }

/// The order of a sequence's axes by its word.
#[derive(Clone, Copy)]
struct LayoutArg(SequenceLayout);

impl<'py> FromPyObject<'_, 'py> for LayoutArg {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let word: &str = &object.extract::<String>()?;
        word.parse().map(LayoutArg).or_raise(object.py())
    }
}

#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "they are Gluon's")]
fn recurrent_layer(
    py: Python<'_>,
    naming: &Naming,
    mode: &str,
    hidden_size: CountArg,
    num_layers: usize,
    layout: LayoutArg,
    dropout: f64,
    bidirectional: bool,
    input_size: SizeArg,
    i2h_weight_initializer: Option<InitArg>,
    h2h_weight_initializer: Option<InitArg>,
    i2h_bias_initializer: Option<InitArg>,
    h2h_bias_initializer: Option<InitArg>,
    dtype: DTypeArg,
) -> PyResult<Layer> {
    let config = RecurrentConfig {
        hidden_size: hidden_size.0,
        num_layers,
        layout: layout.0,
        dropout,
        bidirectional,
        input_size: input_size.0,
        i2h_weight_initializer: init(i2h_weight_initializer),
        h2h_weight_initializer: init(h2h_weight_initializer),
        i2h_bias_initializer: init(i2h_bias_initializer),
        h2h_bias_initializer: init(h2h_bias_initializer),
        dtype: dtype.0,
        ..RecurrentConfig::default()
    };
    fn layer<L: Sequence>(layer: Arc<L>) -> Layer {
        Layer { block: layer.clone(), kind: Kind::Sequence(layer) }
    }
    Ok(match mode {
        "lstm" => layer(naming.name(py, || Lstm::with(&config))?),
        "gru" => layer(naming.name(py, || Gru::with(&config))?),
        word => {
            let activation: RnnActivation = word.parse().or_raise(py)?;
            layer(naming.name(py, || Rnn::with(activation, &config))?)
        }
    })
}

#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "they are Gluon's")]
fn recurrent_cell(
    py: Python<'_>,
    naming: &Naming,
    mode: &str,
    hidden_size: CountArg,
    input_size: SizeArg,
    i2h_weight_initializer: Option<InitArg>,
    h2h_weight_initializer: Option<InitArg>,
    i2h_bias_initializer: Option<InitArg>,
    h2h_bias_initializer: Option<InitArg>,
) -> PyResult<Layer> {
    let config = CellConfig {
        hidden_size: hidden_size.0,
        input_size: input_size.0,
        i2h_weight_initializer: init(i2h_weight_initializer),
        h2h_weight_initializer: init(h2h_weight_initializer),
        i2h_bias_initializer: init(i2h_bias_initializer),
        h2h_bias_initializer: init(h2h_bias_initializer),
        ..CellConfig::default()
    };
    fn layer<C: RecurrentCell>(cell: Arc<C>) -> Layer {
        Layer { block: cell.clone(), kind: Kind::Cell(cell) }
    }
    Ok(match mode {
        "lstm" => layer(naming.name(py, || LstmCell::with(&config))?),
        "gru" => layer(naming.name(py, || GruCell::with(&config))?),
        word => {
            let activation: RnnActivation = word.parse().or_raise(py)?;
            layer(naming.name(py, || RnnCell::with(activation, &config))?)
        }
    })
}

fn output_to_py<'py>(
    py: Python<'py>,
    (y, states): Output,
    dialect: Dialect,
) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyList>)> {
    let states: PyResult<Vec<_>> =
        states.into_iter().map(|state| wrap(py, state, dialect)).collect();
    Ok((wrap(py, y, dialect)?, PyList::new(py, states?)?))
}

fn arrays(args: Vec<ArrayArg>) -> Vec<NdArray> {
    args.into_iter().map(|arg| arg.array).collect()
}

/// The outputs of a layer over a sequence, and the states at the end.
#[pyfunction]
fn sequence_call<'py>(
    py: Python<'py>,
    layer: &Layer,
    x: ArrayArg,
    states: Vec<ArrayArg>,
    valid_length: Option<ArrayArg>,
) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyList>)> {
    let Kind::Sequence(sequence) = &layer.kind else {
        return Err(PyTypeError::new_err("expected a recurrent layer"));
    };
    let (sequence, states) = (sequence.clone(), arrays(states));
    let lengths = valid_length.map(|lengths| lengths.array);
    let output = py.detach(|| sequence.run(&x.array, &states, lengths.as_ref()));
    output_to_py(py, output.or_raise(py)?, x.dialect)
}

/// The output of a cell, and its next states.
#[pyfunction]
fn cell_step<'py>(
    py: Python<'py>,
    layer: &Layer,
    x: ArrayArg,
    states: Vec<ArrayArg>,
) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyList>)> {
    let Kind::Cell(cell) = &layer.kind else {
        return Err(PyTypeError::new_err("expected a recurrent cell"));
    };
    let (cell, states) = (cell.clone(), arrays(states));
    let output = py.detach(|| cell.step(&x.array, &states));
    output_to_py(py, output.or_raise(py)?, x.dialect)
}

/// A cell of Python as gluonic sees it.
#[derive(Clone, Debug)]
struct PyCell {
    node: Arc<Node>,
}

impl gluonic::Block for PyCell {
    fn core(&self) -> &BlockCore {
        self.node.core()
    }

    fn visit<'a>(&'a self, visit: &mut dyn FnMut(&str, Member<'a>)) {
        self.node.visit(visit);
    }

    fn forward(&self, x: &NdArray) -> gluonic::Result<NdArray> {
        self.node.forward(x)
    }

    fn as_dyn(&self) -> &dyn gluonic::Block {
        self.node.as_dyn()
    }
}

/// What Python returned from a step or a walk.
fn output(returned: &Bound<'_, PyAny>) -> PyResult<Output> {
    let (y, states): (ArrayArg, Vec<ArrayArg>) = returned.extract()?;
    Ok((y.array, arrays(states)))
}

impl PyCell {
    fn states<'py>(
        &self,
        py: Python<'py>,
        states: &[NdArray],
        dialect: Dialect,
    ) -> PyResult<Bound<'py, PyList>> {
        let states: PyResult<Vec<_>> =
            states.iter().map(|state| wrap(py, state.clone(), dialect)).collect();
        PyList::new(py, states?)
    }

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
            let args = (wrap(py, x.clone(), dialect)?, self.states(py, states, dialect)?);
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
            let states = options.begin_state.map(|states| self.states(py, states, dialect));
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

/// A cell of Python that is walked by its steps, whatever its own `unroll` does: that is the one
/// that calls this.
#[derive(Clone, Debug)]
struct Stepped(PyCell);

impl gluonic::Block for Stepped {
    fn core(&self) -> &BlockCore {
        self.0.core()
    }

    fn visit<'a>(&'a self, visit: &mut dyn FnMut(&str, Member<'a>)) {
        self.0.visit(visit);
    }

    fn forward(&self, x: &NdArray) -> gluonic::Result<NdArray> {
        self.0.forward(x)
    }

    fn as_dyn(&self) -> &dyn gluonic::Block {
        self.0.as_dyn()
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
    layout: LayoutArg,
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

/// The parts of an array along an axis, without that axis.
#[pyfunction]
fn steps(py: Python<'_>, x: ArrayArg, axis: isize) -> PyResult<Bound<'_, PyList>> {
    let parts = py.detach(|| {
        let first = x.array.swap_axes(0, axis)?;
        (0..first.dims()[0]).map(|i| first.row(i as isize)).collect::<gluonic::Result<Vec<_>>>()
    });
    let parts: PyResult<Vec<_>> =
        parts.or_raise(py)?.into_iter().map(|part| wrap(py, part, x.dialect)).collect();
    PyList::new(py, parts?)
}

/// In training, a new array with elements of an old one, each with probability `rate`; otherwise
/// the new one.
#[pyfunction]
fn zoneout<'py>(
    py: Python<'py>,
    rate: f64,
    new: ArrayArg,
    old: Option<ArrayArg>,
) -> PyResult<Bound<'py, PyAny>> {
    let zoned = py.detach(|| {
        let new = &new.array;
        let old = match &old {
            Some(old) => old.array.clone(),
            None => NdArray::zeros(new.dims(), new.dtype())?,
        };
        let ones = NdArray::ones(new.dims(), new.dtype())?;
        gluonic::ops::dropout(&ones, rate)?.select(new, &old)
    });
    wrap(py, zoned.or_raise(py)?, new.dialect)
}

/// In training, zeroes elements with probability `rate`, those along the axes given together.
#[pyfunction]
fn dropout_once(
    py: Python<'_>,
    x: ArrayArg,
    rate: f64,
    axes: Vec<isize>,
) -> PyResult<Bound<'_, PyAny>> {
    let y = py.detach(|| {
        if axes.is_empty() {
            return gluonic::ops::dropout(&x.array, rate);
        }
        let mut dims = x.array.dims().to_vec();
        for axis in &axes {
            let at = if *axis < 0 { axis + dims.len() as isize } else { *axis };
            let place = usize::try_from(at).ok().and_then(|at| dims.get_mut(at));
            let rank = x.array.rank();
            *place.ok_or(gluonic::Error::Axis { op: "dropout", axis: *axis, rank })? = 1;
        }
        x.array.mul(&gluonic::ops::dropout(&NdArray::ones(dims, x.array.dtype())?, rate)?)
    });
    wrap(py, y.or_raise(py)?, x.dialect)
}
