//! The bias of an LSTM cell.

use super::registry::FromArgs;
use super::text::{number, text};
use super::{Args, InitDesc, Initializer};
use crate::array::{NdArray, Scalar};
use crate::error::{Error, Result};
use crate::random::Address;
use crate::s;

/// 0, and `forget_bias` for the forget gate, so that a cell remembers at first. Default: 1.
///
/// # Shapes
/// `(4 · hidden, …)` with the gates in the order input, forget, cell, output, as MXNet and PyTorch
/// have them: elements `n` to `2n - 1` of the first axis are the forget gate's, where `n` is a
/// quarter of its size, rounded down.
///
/// # Errors
/// [`Error::InitRank`] for a scalar.
///
/// # Examples
/// ```
/// use gluonic::{init::LstmBias, Parameter, Reinit};
/// let bias = Parameter::new("bias", 8);
/// bias.initialize_with(&LstmBias::default(), Reinit::Keep)?;
/// assert_eq!(bias.data()?.to_vec::<f32>()?, [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// Jozefowicz, Zaremba and Sutskever (2015), "An empirical exploration of recurrent network
/// architectures", section 2.2; MXNet 1.9.1, `initializer.py`, class `LSTMBias`.
#[doc(alias = "unit_forget_bias")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LstmBias {
    /// The bias of the forget gate.
    pub forget_bias: Scalar,
}

impl Default for LstmBias {
    fn default() -> Self {
        LstmBias { forget_bias: 1.0.into() }
    }
}

impl Initializer for LstmBias {
    fn init_weight(&self, _desc: &InitDesc, data: &NdArray, _address: &Address) -> Result<()> {
        let Some(size) = data.dims().first() else {
            return Err(Error::InitRank { init: "lstmbias", shape: data.dims().into(), needed: 1 });
        };
        let n = (size / 4) as isize;
        data.fill(0.0)?;
        data.slice(s![n..2 * n])?.fill(self.forget_bias)
    }

    fn dumps(&self) -> String {
        text("lstmbias", &[("forget_bias", number(self.forget_bias))])
    }
}

impl FromArgs for LstmBias {
    fn from_args(args: &mut Args) -> Result<Self> {
        let forget_bias = args.number("forget_bias")?;
        Ok(forget_bias.map_or_else(Self::default, |forget_bias| LstmBias { forget_bias }))
    }
}
