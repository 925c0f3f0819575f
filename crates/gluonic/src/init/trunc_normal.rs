//! The normal law between two bounds.

use super::registry::FromArgs;
use super::text::{number, text};
use super::{Args, InitDesc, Initializer, check_random};
use crate::array::{NdArray, Scalar};
use crate::error::{Error, Result};
use crate::ops;
use crate::random::{Address, Law};

/// Draws from `N(mean, sigma²)`, given that the value lies in `[low, high]`; the standard deviation
/// of what is drawn is less than `sigma`. Default: mean 0, `sigma = 1`, from -2 to 2.
///
/// The bounds are numbers, not multiples of `sigma`, and may be infinite.
///
/// # Randomness
/// Element `i` depends only on the address (key, path) and `i`.
///
/// # Errors
/// [`Error::Setting`] if `mean` is not finite, `sigma` not finite and positive, `low` not below
/// `high`, or both bounds are more than 37 `sigma` away from the mean on one side;
/// [`Error::RandomDType`] for integers and booleans.
///
/// # Examples
/// ```
/// use gluonic::{init::TruncNormal, Parameter, Reinit};
/// let weight = Parameter::new("weight", (100, 100));
/// let init = TruncNormal {
///     sigma: 0.02.into(),
///     low: (-0.04).into(),
///     high: 0.04.into(),
///     ..TruncNormal::default()
/// };
/// weight.initialize_with(&init, Reinit::Keep)?;
/// assert!(weight.data()?.abs()?.max()?.to_scalar::<f32>()? <= 0.04);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// Arguments and defaults as PyTorch 2, `torch.nn.init.trunc_normal_`. DIFFERENCE: there the
/// values are drawn in the element type, here in `f64`, so that none piles up at a bound. Keras's
/// `TruncatedNormal` cuts at `2 · sigma`.
#[doc(alias = "trunc_normal_", alias = "TruncatedNormal", alias = "truncated_normal")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TruncNormal {
    /// The mean before the cut.
    pub mean: Scalar,
    /// The standard deviation before the cut.
    #[doc(alias = "std")]
    pub sigma: Scalar,
    /// The smallest value.
    pub low: Scalar,
    /// The largest value.
    pub high: Scalar,
}

impl Default for TruncNormal {
    fn default() -> Self {
        TruncNormal { mean: 0.0.into(), sigma: 1.0.into(), low: (-2.0).into(), high: 2.0.into() }
    }
}

impl Initializer for TruncNormal {
    fn init_weight(&self, _desc: &InitDesc, data: &NdArray, address: &Address) -> Result<()> {
        let sigma = self.sigma.to_f64();
        if !(sigma.is_finite() && sigma > 0.0) {
            let (expected, found) = ("finite and positive", number(self.sigma).into());
            return Err(Error::Setting { setting: "sigma", expected, found });
        }
        let (low, high) = (self.low.to_f64(), self.high.to_f64());
        check_random(data)?;
        let law = Law::truncated_normal(self.mean.to_f64(), sigma, low, high)?;
        data.assign(&ops::draw_at(&law, address, 0, data.dims(), data.dtype())?)
    }

    fn dumps(&self) -> String {
        let args = [
            ("mean", number(self.mean)),
            ("sigma", number(self.sigma)),
            ("low", number(self.low)),
            ("high", number(self.high)),
        ];
        text("truncnormal", &args)
    }
}

impl FromArgs for TruncNormal {
    fn from_args(args: &mut Args) -> Result<Self> {
        let default = TruncNormal::default();
        Ok(TruncNormal {
            mean: args.number("mean")?.unwrap_or(default.mean),
            sigma: args.number("sigma")?.unwrap_or(default.sigma),
            low: args.number("low")?.unwrap_or(default.low),
            high: args.number("high")?.unwrap_or(default.high),
        })
    }
}
