//! Cells that change what another cell does, or what comes between two.

use std::fmt;
use std::sync::Arc;

use super::cell::{RecurrentCell, Unroll, Walk as Walking};
use super::sequence::masked;
use super::weights::check_states;
use crate::array::{DType, NdArray};
use crate::error::{Error, Result};
use crate::nn::core::BlockCore;
use crate::ops::dropout_from;
use crate::random::Draws;
use crate::shape::Dims;

/// That a rate is a probability.
fn check_rate(setting: &'static str, rate: f64) -> Result<()> {
    if (0.0..=1.0).contains(&rate) {
        return Ok(());
    }
    Err(Error::Setting { setting, expected: "between 0 and 1", found: rate.to_string().into() })
}

/// The core of a block around a cell, named after it and sharing its parameters.
fn core_around(class: &str, suffix: &str, cell: &dyn RecurrentCell) -> BlockCore {
    let prefix = format!("{}{suffix}", cell.core().prefix());
    let params = cell.core().params();
    BlockCore::with(class, suffix, Some(&prefix), Some(&params))
}

/// Dropout between two cells; it has no state.
///
/// # Randomness
/// As [`Dropout`](crate::nn::Dropout): each call in training takes the next draw.
///
/// # Examples
/// ```
/// use gluonic::nn::rnn::DropoutCell;
/// assert_eq!(DropoutCell::new(0.5)?.to_string(), "DropoutCell(rate=0.5, axes=())");
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `gluon/rnn/rnn_cell.py`, class `DropoutCell`.
#[derive(Clone, Debug, gluonic_derive::Block)]
#[block(no_forward, display = "fmt_dropout")]
pub struct DropoutCell {
    core: BlockCore,
    rate: f64,
    draws: Draws,
}

impl DropoutCell {
    /// The cell that zeroes with probability `rate`.
    ///
    /// # Errors
    /// [`Error::Setting`] if `rate` is not in `[0, 1]`.
    pub fn new(rate: f64) -> Result<Self> {
        check_rate("rate", rate)?;
        let core = BlockCore::with("DropoutCell", "dropout", None, None);
        Ok(DropoutCell { core, rate, draws: Draws::numbered("dropout") })
    }
}

impl RecurrentCell for DropoutCell {
    fn state_info(&self, _batch: usize) -> Vec<Dims> {
        Vec::new()
    }

    fn step(&self, x: &NdArray, states: &[NdArray]) -> Result<(NdArray, Vec<NdArray>)> {
        check_states("dropout", &[], states)?;
        Ok((dropout_from(x, self.rate, || self.draws.next_stream())?, Vec::new()))
    }

    /// All steps take one draw.
    fn unroll(&self, inputs: &NdArray, options: &Unroll<'_>) -> Result<(NdArray, Vec<NdArray>)> {
        let Walking { inputs, states, lengths } = Walking::new(self, inputs, options)?;
        let (y, states) = self.step(&inputs, &states)?;
        Ok((options.layout.swap(&masked(&y, lengths.as_deref())?)?, states))
    }
}

fn fmt_dropout(cell: &DropoutCell, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{}(rate={:?}, axes=())", cell.core.class(), cell.rate)
}

/// A cell whose input is added to its output.
///
/// # Shapes
/// The output of the cell is as wide as its input.
///
/// # Examples
/// ```
/// use gluonic::nn::rnn::{GruCell, ResidualCell};
/// use gluonic::prelude::*;
/// let cell = name::manager(|| ResidualCell::new(GruCell::new(2)));
/// assert_eq!(cell.to_string(), "ResidualCell(GRUCell(None -> 6))");
/// assert_eq!(cell.name(), "gru0_residualcell");
/// ```
///
/// # Source
/// Wu et al. (2016), "Google's neural machine translation system", section 3.1; MXNet 1.9.1,
/// `gluon/rnn/rnn_cell.py`, class `ResidualCell`.
#[derive(Clone, Debug, gluonic_derive::Block)]
#[block(no_forward, display = "fmt_residual")]
pub struct ResidualCell {
    core: BlockCore,
    base_cell: Arc<dyn RecurrentCell>,
}

impl ResidualCell {
    /// Around a cell.
    pub fn new(base: impl RecurrentCell) -> Self {
        ResidualCell {
            core: core_around("ResidualCell", "residualcell", &base),
            base_cell: Arc::new(base),
        }
    }
}

impl RecurrentCell for ResidualCell {
    fn state_info(&self, batch: usize) -> Vec<Dims> {
        self.base_cell.state_info(batch)
    }

    fn step(&self, x: &NdArray, states: &[NdArray]) -> Result<(NdArray, Vec<NdArray>)> {
        let (y, states) = self.base_cell.step(x, states)?;
        Ok((y.add(x)?, states))
    }

    fn units(&self) -> Option<usize> {
        self.base_cell.units()
    }

    fn begin_state(&self, batch: usize, dtype: DType) -> Result<Vec<NdArray>> {
        self.base_cell.begin_state(batch, dtype)
    }

    /// Unrolls the cell as it does itself: it may be one that cannot be stepped.
    fn unroll(&self, inputs: &NdArray, options: &Unroll<'_>) -> Result<(NdArray, Vec<NdArray>)> {
        let walking = Walking::new(self, inputs, options)?;
        let (y, states) = self.base_cell.unroll(inputs, options)?;
        let inputs = masked(&walking.inputs, walking.lengths.as_deref())?;
        Ok((y.add(&options.layout.swap(&inputs)?)?, states))
    }
}

fn fmt_residual(cell: &ResidualCell, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{}({})", cell.core.class(), cell.base_cell)
}

/// A cell of which, in training, some outputs and states stay as they were: each element with
/// probability `zoneout_outputs` or `zoneout_states`.
///
/// If outputs can stay, the last output is one more state, at the end of the list: zeros at the
/// start.
///
/// # Randomness
/// As [`Dropout`](crate::nn::Dropout).
///
/// # Examples
/// ```
/// use gluonic::nn::rnn::{LstmCell, RecurrentCell, ZoneoutCell};
/// let cell = ZoneoutCell::new(LstmCell::new(2), 0.5, 0.25)?;
/// assert_eq!(cell.to_string(), "ZoneoutCell(p_out=0.5, p_state=0.25, LSTMCell(None -> 8))");
/// assert_eq!(cell.state_info(3).len(), 3);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// Krueger et al. (2017), "Zoneout: regularizing RNNs by randomly preserving hidden activations";
/// MXNet 1.9.1, `gluon/rnn/rnn_cell.py`, class `ZoneoutCell`. DIFFERENCE: MXNet hides the last
/// output in the cell, from one sequence to the next until it is reset.
#[derive(Clone, Debug, gluonic_derive::Block)]
#[block(no_forward, display = "fmt_zoneout")]
pub struct ZoneoutCell {
    core: BlockCore,
    base_cell: Arc<dyn RecurrentCell>,
    zoneout_outputs: f64,
    zoneout_states: f64,
    draws: Draws,
}

impl ZoneoutCell {
    /// Around a cell that can be stepped.
    ///
    /// # Errors
    /// [`Error::Setting`] if a rate is not in `[0, 1]`, or if outputs can stay and the cell does
    /// not say how wide they are.
    pub fn new(
        base: impl RecurrentCell,
        zoneout_outputs: f64,
        zoneout_states: f64,
    ) -> Result<Self> {
        check_rate("zoneout_outputs", zoneout_outputs)?;
        check_rate("zoneout_states", zoneout_states)?;
        if zoneout_outputs > 0.0 && base.units().is_none() {
            return Err(Error::Setting {
                setting: "zoneout_outputs",
                expected: "0 around a cell that does not know its `units`",
                found: zoneout_outputs.to_string().into(),
            });
        }
        Ok(ZoneoutCell {
            core: core_around("ZoneoutCell", "zoneout", &base),
            base_cell: Arc::new(base),
            zoneout_outputs,
            zoneout_states,
            draws: Draws::numbered("zoneout"),
        })
    }

    /// The new array, with some elements of the old one.
    fn zoned(&self, rate: f64, new: &NdArray, old: &NdArray) -> Result<NdArray> {
        let ones = new.there(|| NdArray::ones(new.dims(), new.dtype()))?;
        dropout_from(&ones, rate, || self.draws.next_stream())?.select(new, old)
    }

    /// The width of the output, if that is one of the states.
    fn output(&self) -> Option<usize> {
        self.base_cell.units().filter(|_| self.zoneout_outputs > 0.0)
    }
}

impl RecurrentCell for ZoneoutCell {
    fn state_info(&self, batch: usize) -> Vec<Dims> {
        let output = self.output().map(|units| Dims::from((batch, units)));
        self.base_cell.state_info(batch).into_iter().chain(output).collect()
    }

    fn step(&self, x: &NdArray, states: &[NdArray]) -> Result<(NdArray, Vec<NdArray>)> {
        let batch = x.dims().first().copied().unwrap_or_default();
        check_states("zoneout", &self.state_info(batch), states)?;
        let (own, last) = states.split_at(self.base_cell.state_info(0).len());
        let (mut y, mut next) = self.base_cell.step(x, own)?;
        if self.zoneout_states > 0.0 {
            let zoned = next.iter().zip(own).map(|(n, o)| self.zoned(self.zoneout_states, n, o));
            next = zoned.collect::<Result<_>>()?;
        }
        if let [last] = last {
            y = self.zoned(self.zoneout_outputs, &y, last)?;
            next.push(y.clone());
        }
        Ok((y, next))
    }

    fn units(&self) -> Option<usize> {
        self.base_cell.units()
    }
}

fn fmt_zoneout(cell: &ZoneoutCell, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (class, base) = (cell.core.class(), &cell.base_cell);
    let (outputs, states) = (cell.zoneout_outputs, cell.zoneout_states);
    write!(f, "{class}(p_out={outputs:?}, p_state={states:?}, {base})")
}
