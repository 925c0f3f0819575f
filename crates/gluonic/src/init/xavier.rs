//! Xavier (Glorot) initialization, and its variant for `PReLU`.

use super::registry::FromArgs;
use super::scaling::Scaling;
use super::text::{number, text};
use super::{Args, Draw, Factor, InitDesc, Initializer, check_scale};
use crate::array::{NdArray, Scalar};
use crate::error::{Error, Result};
use crate::random::Address;

/// Draws values from the Xavier (Glorot) distribution, which keeps the variance of activations and
/// of gradients about equal from layer to layer.
///
/// With `s = sqrt(magnitude / f)`, where `f` is `fan_in`, `fan_out` or their mean as [`Factor`]
/// says, each element is drawn from `U[-s, s)` for [`Draw::Uniform`] and from `N(0, s²)` for
/// [`Draw::Normal`]. Defaults: uniform, mean, `magnitude = 3`.
///
/// # Shapes
/// Rank 2 or more, with axes as the layer's [`Layout`](super::Layout) says; see
/// [`Fan::of`](super::Fan::of). A dimension of 0 gives an empty tensor.
///
/// # Units
/// `magnitude` has no unit; its text form is that of the number given, `3` or `3.0`. PyTorch's `gain` g is `magnitude = 3 g²` when uniform, `g²` when normal.
///
/// # Randomness
/// Element `i` depends only on the address (key, path) and `i`: any slice, order or thread count
/// gives the same values.
///
/// # Errors
/// [`Error::InitRank`] if the rank is 0 or 1;
/// [`Error::Setting`] if `magnitude` is negative or not finite.
///
/// # Examples
/// ```
/// use gluonic::{Parameter, Reinit, init::Xavier};
/// let weight = Parameter::new("weight", (64, 100));
/// weight.initialize_with(&Xavier::default(), Reinit::Keep)?;
/// let bound = (3.0_f32 / 82.0).sqrt(); // the mean of fan_in 100 and fan_out 64 is 82
/// assert!(weight.data()?.abs()?.max()?.to_scalar::<f32>()? <= bound);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// Glorot and Bengio (2010), "Understanding the difficulty of training deep feedforward neural
/// networks", eq. 16; arguments as MXNet 1.9.1, `initializer.py`, class `Xavier`.
#[doc(
    alias = "glorot",
    alias = "xavier_uniform_",
    alias = "xavier_normal_",
    alias = "glorot_uniform",
    alias = "glorot_normal"
)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Xavier {
    /// The law.
    pub draw: Draw,
    /// What `magnitude` is divided by.
    pub factor: Factor,
    /// The scale.
    pub magnitude: Scalar,
}

impl Default for Xavier {
    fn default() -> Self {
        Xavier { draw: Draw::Uniform, factor: Factor::Avg, magnitude: 3.into() }
    }
}

impl Initializer for Xavier {
    fn init_weight(&self, desc: &InitDesc, data: &NdArray, address: &Address) -> Result<()> {
        let magnitude = check_scale("magnitude", self.magnitude)?;
        let Xavier { draw, factor, .. } = *self;
        Scaling { init: "xavier", draw, factor, magnitude }.fill(desc, data, address)
    }

    fn dumps(&self) -> String {
        let args = [
            ("rnd_type", self.draw.word()),
            ("factor_type", self.factor.word()),
            ("magnitude", number(self.magnitude)),
        ];
        text("xavier", &args)
    }
}

impl FromArgs for Xavier {
    fn from_args(args: &mut Args) -> Result<Self> {
        Ok(Xavier {
            draw: Draw::take(args, "rnd_type")?.unwrap_or_default(),
            factor: Factor::take(args)?.unwrap_or_default(),
            magnitude: args.number("magnitude")?.unwrap_or(3.into()),
        })
    }
}

/// Draws from `N(0, s²)` with `s = sqrt(2 / ((1 + slope²) f))`, which keeps the variance through
/// layers with the activation `PReLU`, whose slope below 0 is `slope` at first.
///
/// `f` is `fan_in`, `fan_out` or their mean as [`Factor`] says. Defaults: mean, `slope = 0.25`.
///
/// # Shapes
/// As [`Xavier`].
///
/// # Randomness
/// Element `i` depends only on the address (key, path) and `i`.
///
/// # Errors
/// [`Error::InitRank`] if the rank is 0 or 1; [`Error::Setting`] if `slope` is not finite;
/// [`Error::RandomDType`] for integers and booleans.
///
/// # Examples
/// ```
/// use gluonic::{init::{Factor, MsraPrelu}, Parameter, Reinit};
/// let weight = Parameter::new("weight", (100, 200));
/// let init = MsraPrelu { factor: Factor::In, ..MsraPrelu::default() };
/// weight.initialize_with(&init, Reinit::Keep)?;
/// let variance = weight.data()?.square()?.mean()?.to_scalar::<f32>()?;
/// assert!((variance * 200.0 - 2.0 / 1.0625).abs() < 0.1);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// He, Zhang, Ren and Sun (2015), "Delving deep into rectifiers", eq. 15; arguments as MXNet 1.9.1,
/// `initializer.py`, class `MSRAPrelu`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MsraPrelu {
    /// What the scale is divided by.
    pub factor: Factor,
    /// The slope of the activation below 0.
    pub slope: Scalar,
}

impl Default for MsraPrelu {
    fn default() -> Self {
        MsraPrelu { factor: Factor::Avg, slope: 0.25.into() }
    }
}

impl Initializer for MsraPrelu {
    fn init_weight(&self, desc: &InitDesc, data: &NdArray, address: &Address) -> Result<()> {
        let variance = rectifier_gain("slope", self.slope)?.powi(2);
        Scaling::of_variance("msraprelu", Draw::Normal, self.factor, variance)
            .fill(desc, data, address)
    }

    fn dumps(&self) -> String {
        text("msraprelu", &[("factor_type", self.factor.word()), ("slope", number(self.slope))])
    }
}

impl FromArgs for MsraPrelu {
    fn from_args(args: &mut Args) -> Result<Self> {
        let default = MsraPrelu::default();
        Ok(MsraPrelu {
            factor: Factor::take(args)?.unwrap_or_default(),
            slope: args.number("slope")?.unwrap_or(default.slope),
        })
    }
}

/// `sqrt(2 / (1 + slope²))`, the gain of a rectifier that has a slope below 0.
pub(super) fn rectifier_gain(setting: &'static str, slope: Scalar) -> Result<f64> {
    let value = slope.to_f64();
    if !value.is_finite() {
        return Err(Error::Setting { setting, expected: "finite", found: number(slope).into() });
    }
    Ok((2.0 / (1.0 + value * value)).sqrt())
}
