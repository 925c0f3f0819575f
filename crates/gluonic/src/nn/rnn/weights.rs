//! The four parameters of a cell, or of one layer in one direction.

use super::config::CellConfig;
use crate::array::NdArray;
use crate::error::{Error, Result};
use crate::nn::Member;
use crate::nn::core::BlockCore;
use crate::ops::rnn::{Mode, Weights};
use crate::param::{Kind, ParamSpec, Parameter};
use crate::shape::{Dims, Shape};

#[derive(Clone, Debug)]
pub(super) struct CellParams {
    /// Each with its key.
    params: [(Box<str>, Parameter); 4],
    mode: Mode,
    hidden: usize,
}

impl CellParams {
    /// Declares them, `prefix` standing before their keys.
    pub(super) fn declare(
        core: &BlockCore,
        mode: Mode,
        prefix: &str,
        inputs: Option<usize>,
        config: &CellConfig,
    ) -> Result<CellParams> {
        let hidden = config.hidden_size;
        let width = mode.gates() * hidden;
        let declare = |part: &str, shape: Shape, init: &Option<_>, kind| {
            let key = format!("{prefix}{part}");
            let spec = ParamSpec::new(shape).dtype(config.dtype).init_opt(init.clone());
            let parameter = core.get(&key, &spec.kind(kind).deferred())?;
            Ok::<_, Error>((key.into_boxed_str(), parameter))
        };
        let weight = |part, inputs, init| {
            declare(part, Shape::from([Some(width), inputs]), init, Kind::default())
        };
        let bias = |part, init| declare(part, Shape::from(width), init, Kind::Bias);
        let params = [
            weight("i2h_weight", inputs, &config.i2h_weight_initializer)?,
            weight("h2h_weight", Some(hidden), &config.h2h_weight_initializer)?,
            bias("i2h_bias", &config.i2h_bias_initializer)?,
            bias("h2h_bias", &config.h2h_bias_initializer)?,
        ];
        Ok(CellParams { params, mode, hidden })
    }

    pub(super) fn mode(&self) -> Mode {
        self.mode
    }

    pub(super) fn hidden(&self) -> usize {
        self.hidden
    }

    pub(super) fn visit<'a>(&'a self, visit: &mut dyn FnMut(&str, Member<'a>)) {
        self.params.iter().for_each(|(key, parameter)| visit(key, Member::Parameter(parameter)));
    }

    /// The number of inputs, if it is known.
    pub(super) fn inputs(&self) -> Option<usize> {
        self.params[0].1.shape().and_then(|shape| shape.get(1).copied().flatten())
    }

    /// Puts the name of the layer's first parameter to an error.
    pub(super) fn at(&self, error: Error) -> Error {
        error.at(self.params[0].1.name())
    }

    /// The values, those that wait for the number of inputs among them.
    pub(super) fn values(&self, inputs: usize) -> Result<Weights> {
        let width = self.mode.gates() * self.hidden;
        let value = |i: usize, dims: Dims| {
            let parameter = &self.params[i].1;
            match parameter.data() {
                Err(Error::Deferred { .. }) => {
                    parameter.finish_deferred(dims)?;
                    parameter.data()
                }
                data => data,
            }
        };
        Ok(Weights {
            i2h_weight: value(0, (width, inputs).into())?,
            h2h_weight: value(1, (width, self.hidden).into())?,
            i2h_bias: value(2, width.into())?,
            h2h_bias: value(3, width.into())?,
        })
    }

    /// That the last axis of an input of so many axes has the right width.
    pub(super) fn check_input(&self, x: &NdArray, rank: usize) -> Result<usize> {
        let inputs = self.inputs();
        match x.dims().last() {
            Some(&width) if x.rank() == rank && inputs.is_none_or(|inputs| inputs == width) => {
                Ok(width)
            }
            _ => {
                let mut expected = vec![None; rank];
                expected[rank - 1] = inputs;
                let (expected, found) = (Shape::from(expected), x.dims().into());
                Err(Error::OperandShape { op: self.mode.name(), expected, found })
            }
        }
    }
}

/// That there are as many states as there should be, of the right sizes.
pub(super) fn check_states(op: &'static str, expected: &[Dims], states: &[NdArray]) -> Result<()> {
    if states.len() != expected.len() {
        return Err(Error::Setting {
            setting: "states",
            expected: match expected.len() {
                0 => "no array, as this cell has no state",
                1 => "one array, the hidden state",
                2 => "two arrays, such as the hidden and the cell state",
                _ => "as many arrays as `state_info` lists",
            },
            found: states.len().to_string().into(),
        });
    }
    match states.iter().zip(expected).find(|(state, dims)| state.dims() != *dims) {
        Some((state, dims)) => {
            Err(Error::OperandShape { op, expected: dims.into(), found: state.dims().into() })
        }
        None => Ok(()),
    }
}
