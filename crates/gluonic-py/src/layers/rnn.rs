//! Recurrent layers and cells.

use std::sync::Arc;

use gluonic::NdArray;
use gluonic::nn::rnn::{
    CellConfig, Gru, GruCell, Lstm, LstmCell, RecurrentCell, RecurrentConfig, Rnn, RnnActivation,
    RnnCell,
};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::args::{CountArg, SequenceLayoutArg, SizeArg, init};
use super::{Kind, Layer, Naming};
use crate::array::{ArrayArg, Dialect, list_to_py, wrap};
use crate::dtype::DTypeArg;
use crate::errors::OrRaise;
use crate::initializer::InitArg;

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    for function in [
        wrap_pyfunction!(recurrent_layer, module)?,
        wrap_pyfunction!(recurrent_cell, module)?,
        wrap_pyfunction!(sequence_call, module)?,
        wrap_pyfunction!(cell_step, module)?,
    ] {
        module.add_function(function)?;
    }
    Ok(())
}

/// An output, and the states at the end.
pub(super) type Output = (NdArray, Vec<NdArray>);

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

#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "they are Gluon's")]
fn recurrent_layer(
    py: Python<'_>,
    naming: &Naming,
    mode: &str,
    hidden_size: CountArg,
    num_layers: usize,
    layout: SequenceLayoutArg,
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

pub(super) fn output_to_py<'py>(
    py: Python<'py>,
    (y, states): Output,
    dialect: Dialect,
) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyList>)> {
    Ok((wrap(py, y, dialect)?, list_to_py(py, states, dialect)?))
}

pub(super) fn arrays(args: Vec<ArrayArg>) -> Vec<NdArray> {
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
