//! Recurrent layers and cells.

mod behavior;
mod gradients;
mod refused;
mod steps;
mod values;

use gluonic::nn::Block;
use gluonic::nn::rnn::{
    CellConfig, Gru, GruCell, Lstm, LstmCell, RecurrentCell, RecurrentConfig, Rnn, RnnCell,
};
use gluonic::prelude::*;

pub(crate) use self::gradients::{check_gradients, parameters_of};

/// One of the three layers, so that a test can go through all.
#[derive(Clone)]
enum Layer {
    Rnn(Rnn),
    Lstm(Lstm),
    Gru(Gru),
}

const KINDS: [&str; 4] = ["tanh", "relu", "lstm", "gru"];

impl Layer {
    fn new(kind: &str, config: &RecurrentConfig) -> Result<Layer> {
        Ok(match kind {
            "lstm" => Layer::Lstm(Lstm::with(config)?),
            "gru" => Layer::Gru(Gru::with(config)?),
            activation => Layer::Rnn(Rnn::with(activation.parse()?, config)?),
        })
    }

    fn block(&self) -> &dyn Block {
        match self {
            Layer::Rnn(layer) => layer,
            Layer::Lstm(layer) => layer,
            Layer::Gru(layer) => layer,
        }
    }

    fn state_info(&self, batch: usize) -> Vec<Dims> {
        match self {
            Layer::Rnn(layer) => layer.state_info(batch),
            Layer::Lstm(layer) => layer.state_info(batch),
            Layer::Gru(layer) => layer.state_info(batch),
        }
    }

    fn call_with(
        &self,
        x: &NdArray,
        states: &[NdArray],
        lengths: Option<&NdArray>,
    ) -> Result<(NdArray, Vec<NdArray>)> {
        match self {
            Layer::Rnn(layer) => layer.call_with(x, states, lengths),
            Layer::Lstm(layer) => layer.call_with(x, states, lengths),
            Layer::Gru(layer) => layer.call_with(x, states, lengths),
        }
    }
}

fn cell(kind: &str, config: &CellConfig) -> Result<Box<dyn RecurrentCell>> {
    Ok(match kind {
        "lstm" => Box::new(LstmCell::with(config)?),
        "gru" => Box::new(GruCell::with(config)?),
        activation => Box::new(RnnCell::with(activation.parse()?, config)?),
    })
}

/// Element i is `0.4 · sin(1.3 i + k + 1)`.
pub(crate) fn wave(dims: impl Into<Dims>, k: usize) -> Result<NdArray> {
    let dims = dims.into();
    let value = |i: usize| 0.4 * (1.3 * i as f64 + k as f64 + 1.0).sin();
    NdArray::from_vec((0..dims.elem_count()).map(value).collect(), dims)
}

/// Gives the parameters their values, number k in the order of the walk [`wave`] k.
pub(crate) fn fill(block: &dyn Block) -> Result<()> {
    block.initialize()?;
    for (k, (_, parameter)) in block.named_parameters().into_iter().enumerate() {
        let dims = parameter.data()?.dims().clone();
        parameter.set_data(&wave(dims, k)?.cast(parameter.dtype())?)?;
    }
    Ok(())
}

fn config(inputs: usize, hidden: usize, num_layers: usize, bidirectional: bool) -> RecurrentConfig {
    RecurrentConfig {
        hidden_size: hidden,
        num_layers,
        bidirectional,
        input_size: Some(inputs),
        dtype: DType::F64,
        ..RecurrentConfig::default()
    }
}

fn lengths(values: &[i64]) -> NdArray {
    NdArray::from_slice(values, values.len()).unwrap()
}

/// Equal up to `tolerance` times the largest value, or times 1.
#[track_caller]
pub(crate) fn assert_near(what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let tolerance = tolerance * expected.iter().fold(1.0, |max: f64, x| max.max(x.abs()));
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (found - expected).abs();
        assert!(error <= tolerance, "{what}, element {i}: expected {expected}, found {found}");
    }
}
