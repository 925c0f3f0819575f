//! The three layers over whole sequences.

use std::fmt;

use super::config::{RecurrentConfig, RnnActivation, SequenceLayout};
use super::weights::{CellParams, check_states};
use crate::array::{DType, NdArray};
use crate::error::{Error, Result, or_panic};
use crate::nn::block::{Block, Member};
use crate::nn::core::BlockCore;
use crate::nn::walk::Walk;
use crate::ops::rnn::{Course, Mode, recurrent, valid_lengths};
use crate::ops::{concat, dropout_from, stack};
use crate::random::Draws;
use crate::shape::Dims;

/// What the three have in common.
#[derive(Clone, Debug)]
struct Layer {
    core: BlockCore,
    /// Layer by layer, in each the direction from the start first.
    cells: Vec<CellParams>,
    mode: Mode,
    layout: SequenceLayout,
    dropout: f64,
    bidirectional: bool,
    draws: Draws,
}

impl Layer {
    fn new(class: &str, mode: Mode, config: &RecurrentConfig) -> Result<Layer> {
        let cell = config.cell();
        cell.check()?;
        if config.num_layers == 0 {
            let (setting, found) = ("num_layers", "0".into());
            return Err(Error::Setting { setting, expected: "1 or more", found });
        }
        if !(0.0..=1.0).contains(&config.dropout) {
            let (setting, found) = ("dropout", config.dropout.to_string().into());
            return Err(Error::Setting { setting, expected: "between 0 and 1", found });
        }
        let (prefix, params) = (config.prefix.as_deref(), config.params.as_ref());
        let core = BlockCore::with(class, mode.name(), prefix, params);
        let directions: &[char] = if config.bidirectional { &['l', 'r'] } else { &['l'] };
        let mut cells = Vec::new();
        let mut inputs = config.input_size;
        for i in 0..config.num_layers {
            for direction in directions {
                let prefix = format!("{direction}{i}_");
                cells.push(CellParams::declare(&core, mode, &prefix, inputs, &cell)?);
            }
            inputs = Some(config.hidden_size * directions.len());
        }
        Ok(Layer {
            core,
            cells,
            mode,
            layout: config.layout,
            dropout: config.dropout,
            bidirectional: config.bidirectional,
            draws: Draws::numbered("recurrent_dropout"),
        })
    }

    fn state_info(&self, batch: usize) -> Vec<Dims> {
        let dims = Dims::from((self.cells.len(), batch, self.cells[0].hidden()));
        vec![dims; self.mode.states()]
    }

    /// The outputs, and the states at the end if some were given.
    fn run(
        &self,
        x: &NdArray,
        states: Option<&[NdArray]>,
        valid_length: Option<&NdArray>,
    ) -> Result<(NdArray, Vec<NdArray>)> {
        let op = self.mode.name();
        self.cells[0].check_input(x, 3)?;
        let x = self.layout.swap(x)?;
        let (n_steps, batch) = (x.dims()[0], x.dims()[1]);
        let info = self.state_info(batch);
        if let Some(states) = states {
            check_states(op, &info, states)?;
        }
        let lengths = valid_lengths(valid_length, n_steps, batch)?;
        let directions = if self.bidirectional { 2 } else { 1 };
        let zeros = NdArray::zeros(&info[0][1..], x.dtype())?;
        let mut x = x;
        let mut at_end = vec![Vec::new(); self.mode.states()];
        for (layer, cells) in self.cells.chunks(directions).enumerate() {
            if layer > 0 {
                x = dropout_from(&x, self.dropout, || self.draws.next_stream())?;
            }
            let mut outputs = Vec::with_capacity(directions);
            for (direction, cell) in cells.iter().enumerate() {
                let begin: Vec<NdArray> = match states {
                    Some(states) => {
                        let place = (layer * directions + direction) as isize;
                        states.iter().map(|state| state.row(place)).collect::<Result<_>>()?
                    }
                    None => vec![zeros.clone(); self.mode.states()],
                };
                let weights = cell.values(x.dims()[2])?;
                let course = Course { reverse: direction == 1, lengths: lengths.clone() };
                let (y, last) = recurrent(self.mode, &x, &weights, &begin, &course)
                    .map_err(|error| cell.at(error))?;
                outputs.push(y);
                at_end.iter_mut().zip(last).for_each(|(all, last)| all.push(last));
            }
            x = match &outputs[..] {
                [one] => one.clone(),
                both => concat(&both.iter().collect::<Vec<_>>(), -1)?,
            };
        }
        let at_end = match states {
            Some(_) => {
                let all = at_end.iter().map(|all| stack(&all.iter().collect::<Vec<_>>(), 0));
                all.collect::<Result<_>>()?
            }
            None => Vec::new(),
        };
        Ok((self.layout.swap(&x)?, at_end))
    }

    /// Runs between the hooks of the block, with the layer's name in an error.
    fn hooked(
        &self,
        block: &dyn Block,
        x: &NdArray,
        states: &[NdArray],
        valid_length: Option<&NdArray>,
    ) -> Result<(NdArray, Vec<NdArray>)> {
        let mut at_end = Vec::new();
        let mut run = || {
            let (y, states) = self.named(|| self.run(x, Some(states), valid_length))?;
            at_end = states;
            Ok(y)
        };
        let y = x.there(|| {
            if self.core.is_watched() { self.core.run_watched(block, x, run) } else { run() }
        })?;
        Ok((y, at_end))
    }

    fn named<R>(&self, run: impl FnOnce() -> Result<R>) -> Result<R> {
        run().map_err(|error| self.cells[0].at(error))
    }

    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (class, cell) = (self.core.class(), &self.cells[0]);
        match cell.inputs() {
            Some(inputs) => write!(f, "{class}({inputs} -> {}, {}", cell.hidden(), self.layout)?,
            None => write!(f, "{class}(None -> {}, {}", cell.hidden(), self.layout)?,
        }
        let n_layers = self.cells.len() / if self.bidirectional { 2 } else { 1 };
        if n_layers != 1 {
            write!(f, ", num_layers={n_layers}")?;
        }
        if self.dropout > 0.0 {
            write!(f, ", dropout={:?}", self.dropout)?;
        }
        f.write_str(if self.bidirectional { ", bidirectional)" } else { ")" })
    }
}

macro_rules! layer {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        pub struct $name(Layer);

        impl Block for $name {
            fn core(&self) -> &BlockCore {
                &self.0.core
            }

            fn visit<'a>(&'a self, visit: &mut dyn FnMut(&str, Member<'a>)) {
                self.0.cells.iter().for_each(|cell| cell.visit(visit));
                visit("draws", Member::Draws(&self.0.draws));
            }

            /// The outputs, from states of zeros.
            fn forward(&self, x: &NdArray) -> Result<NdArray> {
                Ok(self.0.named(|| self.0.run(x, None, None))?.0)
            }

            fn as_dyn(&self) -> &dyn Block {
                self
            }

            fn fmt_block(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
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

        impl $name {
            /// The sizes of its states for so many samples.
            pub fn state_info(&self, batch: usize) -> Vec<Dims> {
                self.0.state_info(batch)
            }

            /// States of zeros, on the current context.
            ///
            /// # Errors
            /// [`Error::TooLarge`] if the element count does not fit the address space.
            pub fn begin_state(&self, batch: usize, dtype: DType) -> Result<Vec<NdArray>> {
                let info = self.state_info(batch).into_iter();
                info.map(|dims| NdArray::zeros(dims, dtype)).collect()
            }

            /// Computes the outputs from states of the caller's, and the states at the end; of
            /// each sample only as many steps as `valid_length`, `(batch,)`, says. Outputs behind
            /// the end of a sample are 0, its states are those at its end, and the direction from
            /// the end starts there. Runs the block's hooks, as
            /// [`BlockExt::call`](crate::nn::BlockExt::call) does.
            ///
            /// # Errors
            /// With the name of the layer's first parameter: [`Error::OperandShape`] if the
            /// input, a state or the lengths do not fit; [`Error::Setting`] if there are too few
            /// or too many states, or a length is beyond the end; [`Error::DTypeMismatch`] if the
            /// element types differ.
            pub fn call_with(
                &self,
                x: &NdArray,
                states: &[NdArray],
                valid_length: Option<&NdArray>,
            ) -> Result<(NdArray, Vec<NdArray>)> {
                self.0.hooked(self, x, states, valid_length)
            }
        }
    };
}

layer! {
    /// A plain recurrent layer over a sequence, or several on top of each other: at each step
    /// `h' = act(W_i·x + b_i + W_h·h + b_h)`, and the outputs are the `h` of all steps.
    ///
    /// # Shapes
    /// `(steps, batch, inputs)` gives `(steps, batch, directions · hidden)`; with the layout
    /// `NTC` steps and batch change places. The state is `(layers · directions, batch, hidden)`.
    /// Of layer k the parameters are `l{k}_i2h_weight` `(hidden, inputs)`, `l{k}_h2h_weight`
    /// `(hidden, hidden)`, `l{k}_i2h_bias` and `l{k}_h2h_bias` `(hidden,)`, and `r{k}_…` for the
    /// direction from the end. The number of inputs may be unknown until the first forward. No
    /// steps give no outputs and the states as they were.
    ///
    /// # Randomness
    /// Dropout between layers draws as [`Dropout`](crate::nn::Dropout) does.
    ///
    /// # Examples
    /// ```
    /// use gluonic::nn::rnn::{RecurrentConfig, Rnn, RnnActivation};
    /// use gluonic::prelude::*;
    /// let config = RecurrentConfig { hidden_size: 3, num_layers: 2, ..Default::default() };
    /// let layer = Rnn::with(RnnActivation::Relu, &config)?;
    /// assert_eq!(layer.to_string(), "RNN(None -> 3, TNC, num_layers=2)");
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// Elman (1990), "Finding structure in time"; MXNet 1.9.1, `gluon/rnn/rnn_layer.py`, class
    /// `RNN`. DIFFERENCE: the activation is `tanh` if not said, as in the cell.
    #[doc(alias = "Elman")]
    Rnn
}

layer! {
    /// Long short-term memory over a sequence, one layer or several on top of each other; each
    /// step is that of an [`LstmCell`](super::LstmCell).
    ///
    /// # Shapes
    /// As [`Rnn`], with `(4 · hidden, …)` for the weights and `(4 · hidden,)` for the biases: the
    /// gates i, f, g, o in this order. There are two states, h and c.
    ///
    /// # Memory
    /// Backward keeps the gates and `c` of every step.
    ///
    /// # Examples
    /// Sequences of different lengths:
    /// ```
    /// use gluonic::nn::rnn::{Lstm, RecurrentConfig, SequenceLayout};
    /// use gluonic::prelude::*;
    /// let layer = Lstm::with(&RecurrentConfig {
    ///     hidden_size: 4,
    ///     layout: SequenceLayout::Ntc,
    ///     bidirectional: true,
    ///     ..RecurrentConfig::default()
    /// })?;
    /// layer.initialize()?;
    /// let x = ops::uniform(-1.0, 1.0, (2, 5, 3))?;
    /// let lengths = NdArray::from_slice(&[5_i64, 2], 2)?;
    /// let states = layer.begin_state(2, DType::F32)?;
    /// let (y, states) = layer.call_with(&x, &states, Some(&lengths))?;
    /// assert_eq!(y.slice(s![1, 2..])?.to_vec::<f32>()?, [0.0; 3 * 8]);
    /// assert_eq!(states[1].dims().to_string(), "(2, 2, 4)");
    /// assert_eq!(layer.to_string(), "LSTM(3 -> 4, NTC, bidirectional)");
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// Hochreiter and Schmidhuber (1997), "Long short-term memory"; MXNet 1.9.1,
    /// `gluon/rnn/rnn_layer.py`, class `LSTM`.
    Lstm
}

layer! {
    /// Gated recurrent units over a sequence, one layer or several on top of each other; each step
    /// is that of a [`GruCell`](super::GruCell).
    ///
    /// # Shapes
    /// As [`Rnn`], with `(3 · hidden, …)` for the weights and `(3 · hidden,)` for the biases: the
    /// gates r, z, n in this order.
    ///
    /// # Examples
    /// ```
    /// use gluonic::nn::rnn::Gru;
    /// use gluonic::prelude::*;
    /// let net = sequential![Gru::new(8), Dense::new(2).flatten(false)];
    /// assert_eq!(net.infer_shapes(&[(7, 1, 5)])?.to_string(), "(7, 1, 2)");
    /// assert_eq!(net[0].to_string(), "GRU(5 -> 8, TNC)");
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// Cho et al. (2014), "Learning phrase representations using RNN encoder-decoder"; MXNet
    /// 1.9.1, `gluon/rnn/rnn_layer.py`, class `GRU`.
    Gru
}

impl Rnn {
    /// One layer of `hidden_size` units, 1 or more, with `tanh`.
    ///
    /// # Panics
    /// If `hidden_size` is 0; [`Rnn::with`] returns a `Result`.
    pub fn new(hidden_size: usize) -> Self {
        let config = RecurrentConfig { hidden_size, ..RecurrentConfig::default() };
        or_panic(Self::with(RnnActivation::default(), &config))
    }

    /// A layer with everything said.
    ///
    /// # Errors
    /// [`Error::Setting`] if there are no units, layers or inputs, the dropout is not in `[0, 1]`,
    /// or the element type is not a floating-point one; [`Error::Attribute`] if a shared parameter
    /// does not fit.
    pub fn with(activation: RnnActivation, config: &RecurrentConfig) -> Result<Self> {
        Ok(Rnn(Layer::new("RNN", activation.mode(), config)?))
    }
}

macro_rules! layer_of {
    ($name:ident, $class:literal, $mode:expr) => {
        impl $name {
            /// One layer of `hidden_size` units, 1 or more.
            ///
            /// # Panics
            /// If `hidden_size` is 0; `with` returns a `Result`.
            pub fn new(hidden_size: usize) -> Self {
                or_panic(Self::with(&RecurrentConfig { hidden_size, ..Default::default() }))
            }

            /// A layer with everything said.
            ///
            /// # Errors
            /// [`Error::Setting`] if there are no units, layers or inputs, the dropout is not in
            /// `[0, 1]`, or the element type is not a floating-point one; [`Error::Attribute`] if
            /// a shared parameter does not fit.
            pub fn with(config: &RecurrentConfig) -> Result<Self> {
                Ok($name(Layer::new($class, $mode, config)?))
            }
        }
    };
}
layer_of!(Lstm, "LSTM", Mode::Lstm);
layer_of!(Gru, "GRU", Mode::Gru);
