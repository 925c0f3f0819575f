//! The three basic cells.

use std::fmt;

use super::cell::RecurrentCell;
use super::config::{CellConfig, RnnActivation};
use super::weights::{CellParams, check_states};
use crate::array::NdArray;
use crate::error::{Error, Result, or_panic};
use crate::nn::block::{Block, Member};
use crate::nn::core::BlockCore;
use crate::nn::walk::Walk;
use crate::ops::rnn::{Course, Mode, recurrent};
use crate::shape::Dims;

/// What the three have in common.
#[derive(Clone, Debug)]
struct Cell {
    core: BlockCore,
    params: CellParams,
}

impl Cell {
    fn new(class: &str, mode: Mode, config: &CellConfig) -> Result<Cell> {
        config.check()?;
        let (prefix, params) = (config.prefix.as_deref(), config.params.as_ref());
        let core = BlockCore::with(class, mode.name(), prefix, params);
        let params = CellParams::declare(&core, mode, "", config.input_size, config)?;
        Ok(Cell { core, params })
    }

    fn state_info(&self, batch: usize) -> Vec<Dims> {
        vec![(batch, self.params.hidden()).into(); self.params.mode().states()]
    }

    fn step(&self, x: &NdArray, states: &[NdArray]) -> Result<(NdArray, Vec<NdArray>)> {
        let mode = self.params.mode();
        let run = || {
            let inputs = self.params.check_input(x, 2)?;
            check_states(mode.name(), &self.state_info(x.dims()[0]), states)?;
            let weights = self.params.values(inputs)?;
            // The same operation as a layer's, over one step.
            let sequence = x.expand_dims(0)?;
            recurrent(mode, &sequence, &weights, states, &Course::default())
        };
        let (_, states) = x.there(run).map_err(|error| self.params.at(error))?;
        // What comes out of these cells is their hidden state.
        Ok((states[0].clone(), states))
    }

    fn fmt(&self, f: &mut fmt::Formatter<'_>, activation: Option<RnnActivation>) -> fmt::Result {
        let width = self.params.mode().gates() * self.params.hidden();
        match self.params.inputs() {
            Some(inputs) => write!(f, "{}({inputs} -> {width}", self.core.class())?,
            None => write!(f, "{}(None -> {width}", self.core.class())?,
        }
        match activation {
            Some(activation) => write!(f, ", {activation})"),
            None => f.write_str(")"),
        }
    }
}

macro_rules! cell {
    ($(#[$meta:meta])* $name:ident, $activation:expr) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        pub struct $name(Cell);

        impl Block for $name {
            fn core(&self) -> &BlockCore {
                &self.0.core
            }

            fn visit<'a>(&'a self, visit: &mut dyn FnMut(&str, Member<'a>)) {
                self.0.params.visit(visit);
            }

            fn forward(&self, _x: &NdArray) -> Result<NdArray> {
                Err(Error::NoForward { block: self.0.core.class().into() })
            }

            fn as_dyn(&self) -> &dyn Block {
                self
            }

            fn fmt_block(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let activation: fn(Mode) -> Option<RnnActivation> = $activation;
                self.0.fmt(f, activation(self.0.params.mode()))
            }
        }

        impl Walk for $name {
            fn walk<'a>(&'a self, key: &str, visit: &mut dyn FnMut(&str, Member<'a>)) {
                visit(key, Member::Block(self));
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.fmt_block(f)
            }
        }

        impl RecurrentCell for $name {
            fn state_info(&self, batch: usize) -> Vec<Dims> {
                self.0.state_info(batch)
            }

            fn step(&self, x: &NdArray, states: &[NdArray]) -> Result<(NdArray, Vec<NdArray>)> {
                self.0.step(x, states)
            }

            fn units(&self) -> Option<usize> {
                Some(self.0.params.hidden())
            }
        }
    };
}

cell! {
    /// The plain recurrent cell: `h' = act(W_i·x + b_i + W_h·h + b_h)`.
    ///
    /// # Shapes
    /// `x` is `(batch, inputs)`, `h` `(batch, hidden)`; `i2h_weight` `(hidden, inputs)`,
    /// `h2h_weight` `(hidden, hidden)`, both biases `(hidden,)`. The number of inputs may be
    /// unknown until the first step.
    ///
    /// # Examples
    /// ```
    /// use gluonic::nn::rnn::{RecurrentCell, RnnCell};
    /// use gluonic::prelude::*;
    /// let cell = RnnCell::new(8);
    /// assert_eq!(cell.to_string(), "RNNCell(None -> 8, tanh)");
    /// cell.initialize()?;
    /// let x = NdArray::ones((2, 3), DType::F32)?;
    /// let (y, states) = cell.step(&x, &cell.begin_state(2, DType::F32)?)?;
    /// assert_eq!((y.dims().to_string(), states.len()), ("(2, 8)".to_owned(), 1));
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// Elman (1990), "Finding structure in time"; MXNet 1.9.1, `gluon/rnn/rnn_cell.py`, class
    /// `RNNCell`.
    #[doc(alias = "ElmanCell")]
    RnnCell, |mode| Some(match mode {
        Mode::RnnRelu => RnnActivation::Relu,
        _ => RnnActivation::Tanh,
    })
}

cell! {
    /// The cell with a memory of its own, `c`, beside the hidden state `h`:
    ///
    /// `(i, f, g, o)` are the quarters of `W_i·x + b_i + W_h·h + b_h`, and
    /// `c' = σ(f)·c + σ(i)·tanh(g)`, `h' = σ(o)·tanh(c')`.
    ///
    /// # Shapes
    /// `x` is `(batch, inputs)`, `h` and `c` `(batch, hidden)`; `i2h_weight`
    /// `(4 · hidden, inputs)`, `h2h_weight` `(4 · hidden, hidden)`, both biases `(4 · hidden,)`.
    /// The number of inputs may be unknown until the first step.
    ///
    /// # Examples
    /// A forget gate that starts open:
    /// ```
    /// use std::sync::Arc;
    /// use gluonic::init::LstmBias;
    /// use gluonic::nn::rnn::{CellConfig, LstmCell};
    /// use gluonic::prelude::*;
    /// let cell = LstmCell::with(&CellConfig {
    ///     hidden_size: 2,
    ///     input_size: Some(3),
    ///     i2h_bias_initializer: Some(Arc::new(LstmBias::default())),
    ///     ..CellConfig::default()
    /// })?;
    /// assert_eq!(cell.to_string(), "LSTMCell(3 -> 8)");
    /// cell.initialize()?;
    /// let bias = cell.param("i2h_bias")?.data()?;
    /// assert_eq!(bias.to_vec::<f32>()?, [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// Hochreiter and Schmidhuber (1997), "Long short-term memory", with the forget gate of Gers,
    /// Schmidhuber and Cummins (2000); MXNet 1.9.1, `gluon/rnn/rnn_cell.py`, class `LSTMCell`.
    LstmCell, |_| None
}

cell! {
    /// The gated recurrent unit:
    ///
    /// `r = σ(W_r·x + b_r + U_r·h + d_r)`, `z = σ(W_z·x + b_z + U_z·h + d_z)`,
    /// `n = tanh(W_n·x + b_n + r·(U_n·h + d_n))`, `h' = (1 - z)·n + z·h`.
    ///
    /// The weights hold the rows of `r`, `z` and `n` in this order. The reset gate acts on the
    /// product, as in cuDNN, not on `h`.
    ///
    /// # Shapes
    /// `x` is `(batch, inputs)`, `h` `(batch, hidden)`; `i2h_weight` `(3 · hidden, inputs)`,
    /// `h2h_weight` `(3 · hidden, hidden)`, both biases `(3 · hidden,)`. The number of inputs may
    /// be unknown until the first step.
    ///
    /// # Examples
    /// ```
    /// use gluonic::nn::rnn::GruCell;
    /// assert_eq!(GruCell::new(3).to_string(), "GRUCell(None -> 9)");
    /// ```
    ///
    /// # Source
    /// Cho et al. (2014), "Learning phrase representations using RNN encoder-decoder"; MXNet
    /// 1.9.1, `gluon/rnn/rnn_cell.py`, class `GRUCell`.
    GruCell, |_| None
}

impl RnnCell {
    /// A cell of `hidden_size` units, 1 or more, with `tanh`.
    ///
    /// # Panics
    /// If `hidden_size` is 0; [`RnnCell::with`] returns a `Result`.
    pub fn new(hidden_size: usize) -> Self {
        let config = CellConfig { hidden_size, ..CellConfig::default() };
        or_panic(Self::with(RnnActivation::default(), &config))
    }

    /// A cell with everything said.
    ///
    /// # Errors
    /// [`Error::Setting`] if there are no units or no inputs, or the element type is not a
    /// floating-point one; [`Error::Attribute`] if a shared parameter does not fit.
    pub fn with(activation: RnnActivation, config: &CellConfig) -> Result<Self> {
        Ok(RnnCell(Cell::new("RNNCell", activation.mode(), config)?))
    }
}

macro_rules! cell_of {
    ($name:ident, $class:literal, $mode:expr) => {
        impl $name {
            /// A cell of `hidden_size` units, 1 or more.
            ///
            /// # Panics
            /// If `hidden_size` is 0; `with` returns a `Result`.
            pub fn new(hidden_size: usize) -> Self {
                or_panic(Self::with(&CellConfig { hidden_size, ..CellConfig::default() }))
            }

            /// A cell with everything said.
            ///
            /// # Errors
            /// [`Error::Setting`] if there are no units or no inputs, or the element type is not a
            /// floating-point one; [`Error::Attribute`] if a shared parameter does not fit.
            pub fn with(config: &CellConfig) -> Result<Self> {
                Ok($name(Cell::new($class, $mode, config)?))
            }
        }
    };
}
cell_of!(LstmCell, "LSTMCell", Mode::Lstm);
cell_of!(GruCell, "GRUCell", Mode::Gru);
