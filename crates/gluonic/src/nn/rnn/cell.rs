//! The trait of recurrent cells, and how a cell is walked along a sequence.

use std::fmt;
use std::sync::Arc;

use super::config::SequenceLayout;
use super::sequence::{at_ends, masked};
use super::weights::check_states;
use crate::array::{DType, NdArray};
use crate::error::{Error, Result};
use crate::nn::{Block, walk};
use crate::ops::rnn::valid_lengths;
use crate::ops::stack;
use crate::shape::{Dims, Shape};

/// How a cell is walked along a sequence: see [`RecurrentCell::unroll`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Unroll<'a> {
    /// The states at the start. Default: zeros.
    pub begin_state: Option<&'a [NdArray]>,
    /// What the axes of inputs and outputs are. Default: `TNC`.
    pub layout: SequenceLayout,
    /// For each sample the number of steps that count, `(batch,)`. Default: all.
    pub valid_length: Option<&'a NdArray>,
}

/// A block that takes an input and its states, and gives an output and the next states.
///
/// A cell may hold others: [`SequentialRnnCell`](super::SequentialRnnCell),
/// [`BidirectionalCell`](super::BidirectionalCell), [`ResidualCell`](super::ResidualCell). As a
/// block, a cell has no forward of one input; step it or unroll it.
///
/// # Examples
/// A cell of one's own:
/// ```
/// use gluonic::nn::rnn::{RecurrentCell, Unroll};
/// use gluonic::prelude::*;
///
/// /// Adds up what it has seen.
/// #[derive(Block)]
/// #[block(no_forward)]
/// struct Sum {
///     core: BlockCore,
///     width: usize,
/// }
///
/// impl RecurrentCell for Sum {
///     fn state_info(&self, batch: usize) -> Vec<Dims> {
///         vec![(batch, self.width).into()]
///     }
///     fn step(&self, x: &NdArray, states: &[NdArray]) -> Result<(NdArray, Vec<NdArray>)> {
///         let sum = (x + &states[0])?;
///         Ok((sum.clone(), vec![sum]))
///     }
/// }
///
/// let cell = Sum { core: BlockCore::new("Sum"), width: 1 };
/// let x = NdArray::ones((3, 1, 1), DType::F32)?;
/// let (y, _) = cell.unroll(&x, &Unroll::default())?;
/// assert_eq!(y.to_vec::<f32>()?, [1.0, 2.0, 3.0]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `gluon/rnn/rnn_cell.py`, class `RecurrentCell`. DIFFERENCE: a cell holds no
/// counters, so that there is nothing to reset.
pub trait RecurrentCell: Block {
    /// The sizes of its states for so many samples.
    fn state_info(&self, batch: usize) -> Vec<Dims>;

    /// Computes one step: the output `(batch, …)` and the next states.
    ///
    /// # Errors
    /// Whatever goes wrong; then no parameter has changed.
    fn step(&self, x: &NdArray, states: &[NdArray]) -> Result<(NdArray, Vec<NdArray>)>;

    /// The width of its output, if that is not the width of its input.
    fn units(&self) -> Option<usize> {
        None
    }

    /// States of zeros, on the current context.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if the element count does not fit the address space.
    fn begin_state(&self, batch: usize, dtype: DType) -> Result<Vec<NdArray>> {
        self.state_info(batch).into_iter().map(|dims| NdArray::zeros(dims, dtype)).collect()
    }

    /// Walks the cell along a sequence: the outputs of all steps in one array, and the states at
    /// the end. Outputs behind the end of a sample are 0, and its states are those at its end.
    ///
    /// # Shapes
    /// `(steps, batch, …)` or, by the layout, `(batch, steps, …)`, of inputs and outputs, with one
    /// step or more. For steps in a list: [`ops::stack`](crate::ops::stack), and
    /// [`NdArray::split`] of the outputs.
    ///
    /// # Errors
    /// [`Error::OperandShape`] if a state, the lengths or the inputs do not fit;
    /// [`Error::Setting`] if there are too few or too many states, no steps, or a length beyond
    /// the end; whatever a step returns.
    fn unroll(&self, inputs: &NdArray, options: &Unroll<'_>) -> Result<(NdArray, Vec<NdArray>)> {
        let Walk { inputs, mut states, lengths } = Walk::new(self, inputs, options)?;
        let n_steps = inputs.dims()[0];
        let mut outputs = Vec::with_capacity(n_steps);
        let mut history = vec![states.clone()];
        for t in 0..n_steps {
            let (output, next) = self.step(&inputs.row(t as isize)?, &states)?;
            outputs.push(output);
            states = next;
            if lengths.is_some() {
                history.push(states.clone());
            }
        }
        let outputs = stack(&outputs.iter().collect::<Vec<_>>(), 0)?;
        if let Some(lengths) = &lengths {
            let of = |i: usize| {
                let all: Vec<_> = history.iter().map(|states| &states[i]).collect();
                at_ends(&stack(&all, 0)?, lengths)
            };
            states = (0..states.len()).map(of).collect::<Result<_>>()?;
        }
        Ok((options.layout.swap(&masked(&outputs, lengths.as_deref())?)?, states))
    }
}

/// What an unrolling starts from.
pub(super) struct Walk {
    /// Steps first.
    pub(super) inputs: NdArray,
    pub(super) states: Vec<NdArray>,
    pub(super) lengths: Option<Arc<[usize]>>,
}

impl Walk {
    /// Everything checked; an error names the cell's first parameter.
    pub(super) fn new<C: RecurrentCell + ?Sized>(
        cell: &C,
        inputs: &NdArray,
        options: &Unroll<'_>,
    ) -> Result<Walk> {
        Self::checked(cell, inputs, options).map_err(|error| match walk(cell).first() {
            Some((_, parameter)) => error.at(parameter.name()),
            None => error,
        })
    }

    fn checked<C: RecurrentCell + ?Sized>(
        cell: &C,
        inputs: &NdArray,
        options: &Unroll<'_>,
    ) -> Result<Walk> {
        if inputs.rank() < 2 {
            let (expected, found) = (Shape::from([None, None, None]), inputs.dims().into());
            return Err(Error::OperandShape { op: "unroll", expected, found });
        }
        let inputs = options.layout.swap(inputs)?;
        let (n_steps, batch) = (inputs.dims()[0], inputs.dims()[1]);
        if n_steps == 0 {
            let found = format!("0, in an input of shape {}", inputs.dims()).into();
            return Err(Error::Setting { setting: "steps", expected: "1 or more", found });
        }
        let lengths = valid_lengths(options.valid_length, n_steps, batch)?;
        let states = match options.begin_state {
            Some(states) => states.to_vec(),
            None => inputs.there(|| cell.begin_state(batch, inputs.dtype()))?,
        };
        check_states("unroll", &cell.state_info(batch), &states)?;
        Ok(Walk { inputs, states, lengths })
    }
}

impl<C: RecurrentCell + ?Sized> RecurrentCell for Arc<C> {
    fn state_info(&self, batch: usize) -> Vec<Dims> {
        (**self).state_info(batch)
    }

    fn step(&self, x: &NdArray, states: &[NdArray]) -> Result<(NdArray, Vec<NdArray>)> {
        (**self).step(x, states)
    }

    fn units(&self) -> Option<usize> {
        (**self).units()
    }

    fn begin_state(&self, batch: usize, dtype: DType) -> Result<Vec<NdArray>> {
        (**self).begin_state(batch, dtype)
    }

    fn unroll(&self, inputs: &NdArray, options: &Unroll<'_>) -> Result<(NdArray, Vec<NdArray>)> {
        (**self).unroll(inputs, options)
    }
}

impl fmt::Display for dyn RecurrentCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_block(f)
    }
}

impl fmt::Debug for dyn RecurrentCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_dyn(), f)
    }
}
