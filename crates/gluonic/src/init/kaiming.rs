//! Kaiming (He) initialization, and that of `LeCun`.

use super::registry::FromArgs;
use super::scaling::Scaling;
use super::text::{number, text, word};
use super::xavier::rectifier_gain;
use super::{Args, Draw, Factor, InitDesc, Initializer};
use crate::array::{NdArray, Scalar};
use crate::error::Result;
use crate::random::Address;

/// The function after a layer, which decides by how much a layer must amplify.
///
/// # Source
/// Gains as PyTorch 2, `torch.nn.init.calculate_gain`.
#[doc(alias = "calculate_gain")]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Nonlinearity {
    /// None, or a convolution: gain 1.
    Linear,
    /// Gain 1.
    Sigmoid,
    /// Gain 5/3.
    Tanh,
    /// Gain √2.
    #[default]
    Relu,
    /// Gain `sqrt(2 / (1 + slope²))`; the usual slope is 0.01.
    LeakyRelu {
        /// The slope below 0.
        slope: Scalar,
    },
    /// Gain 3/4.
    Selu,
}

impl Nonlinearity {
    /// The factor on the standard deviation.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) if a slope is not finite.
    ///
    /// # Examples
    /// ```
    /// use gluonic::init::Nonlinearity;
    /// assert_eq!(Nonlinearity::Relu.gain()?, 2.0_f64.sqrt());
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    pub fn gain(self) -> Result<f64> {
        match self {
            Nonlinearity::Linear | Nonlinearity::Sigmoid => Ok(1.0),
            Nonlinearity::Tanh => Ok(5.0 / 3.0),
            Nonlinearity::Relu => Ok(2.0_f64.sqrt()),
            Nonlinearity::LeakyRelu { slope } => rectifier_gain("slope", slope),
            Nonlinearity::Selu => Ok(0.75),
        }
    }
}

/// Draws with the standard deviation `gain / sqrt(f)`: from `U[-√3 std, √3 std)` or `N(0, std²)`.
///
/// `f` is `fan_in`, which keeps the variance of activations, `fan_out`, which keeps that of
/// gradients, or their mean, as [`Factor`] says; `gain` is that of the [`Nonlinearity`]. Defaults:
/// normal, `fan_in`, relu, as in the paper.
///
/// # Shapes
/// Rank 2 or more, with axes as the layer's [`Layout`](super::Layout) says; see
/// [`Fan::of`](super::Fan::of).
///
/// # Randomness
/// Element `i` depends only on the address (key, path) and `i`.
///
/// # Errors
/// [`Error::InitRank`](crate::Error::InitRank) if the rank is 0 or 1;
/// [`Error::Setting`](crate::Error::Setting) if a slope is not finite;
/// [`Error::RandomDType`](crate::Error::RandomDType) for integers and booleans.
///
/// # Examples
/// ```
/// use gluonic::{init::{Draw, Kaiming, Nonlinearity}, Parameter, Reinit};
/// let weight = Parameter::new("weight", (64, 32, 3, 3));
/// let nonlinearity = Nonlinearity::LeakyRelu { slope: 0.01.into() };
/// let init = Kaiming { draw: Draw::Uniform, nonlinearity, ..Kaiming::default() };
/// weight.initialize_with(&init, Reinit::Keep)?;
/// let bound = (3.0 * 2.0 / 1.0001 / (32.0 * 9.0_f32)).sqrt();
/// assert!(weight.data()?.abs()?.max()?.to_scalar::<f32>()? <= bound);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// He, Zhang, Ren and Sun (2015), "Delving deep into rectifiers", eq. 10; as PyTorch 2,
/// `torch.nn.init.kaiming_normal_` and `kaiming_uniform_`.
#[doc(
    alias = "kaiming_normal_",
    alias = "kaiming_uniform_",
    alias = "he_normal",
    alias = "he_uniform"
)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kaiming {
    /// The law.
    pub draw: Draw,
    /// What the variance is divided by.
    pub factor: Factor,
    /// The function after the layer.
    pub nonlinearity: Nonlinearity,
}

impl Default for Kaiming {
    fn default() -> Self {
        Kaiming { draw: Draw::Normal, factor: Factor::In, nonlinearity: Nonlinearity::Relu }
    }
}

impl Initializer for Kaiming {
    fn init_weight(&self, desc: &InitDesc, data: &NdArray, address: &Address) -> Result<()> {
        let variance = self.nonlinearity.gain()?.powi(2);
        Scaling::of_variance("kaiming", self.draw, self.factor, variance).fill(desc, data, address)
    }

    fn dumps(&self) -> String {
        let (name, slope) = match self.nonlinearity {
            Nonlinearity::Linear => ("linear", None),
            Nonlinearity::Sigmoid => ("sigmoid", None),
            Nonlinearity::Tanh => ("tanh", None),
            Nonlinearity::Relu => ("relu", None),
            Nonlinearity::LeakyRelu { slope } => ("leaky_relu", Some(slope)),
            Nonlinearity::Selu => ("selu", None),
        };
        let mut args = vec![
            ("rnd_type", self.draw.word()),
            ("factor_type", self.factor.word()),
            ("nonlinearity", word(name)),
        ];
        args.extend(slope.map(|slope| ("slope", number(slope))));
        text("kaiming", &args)
    }
}

impl FromArgs for Kaiming {
    fn from_args(args: &mut Args) -> Result<Self> {
        let default = Kaiming::default();
        let leaky = Nonlinearity::LeakyRelu { slope: 0.01.into() };
        let words = [
            ("linear", Nonlinearity::Linear),
            ("sigmoid", Nonlinearity::Sigmoid),
            ("tanh", Nonlinearity::Tanh),
            ("relu", Nonlinearity::Relu),
            ("leaky_relu", leaky),
            ("selu", Nonlinearity::Selu),
        ];
        let draw = Draw::take(args, "rnd_type")?.unwrap_or(default.draw);
        let factor = Factor::take(args)?.unwrap_or(default.factor);
        let mut nonlinearity = args.choice("nonlinearity", &words)?.unwrap_or_default();
        if let Nonlinearity::LeakyRelu { slope } = &mut nonlinearity {
            *slope = args.number("slope")?.unwrap_or(*slope);
        }
        Ok(Kaiming { draw, factor, nonlinearity })
    }
}

/// Draws with the standard deviation `1 / sqrt(fan_in)`: from `U[-√3 std, √3 std)` or
/// `N(0, std²)`. For layers followed by selu. Default: normal.
///
/// # Shapes
/// As [`Kaiming`].
///
/// # Randomness
/// Element `i` depends only on the address (key, path) and `i`.
///
/// # Errors
/// [`Error::InitRank`](crate::Error::InitRank) if the rank is 0 or 1;
/// [`Error::RandomDType`](crate::Error::RandomDType) for integers and booleans.
///
/// # Examples
/// ```
/// use gluonic::{init::{Draw, Lecun}, Parameter, Reinit};
/// let weight = Parameter::new("weight", (10, 300));
/// weight.initialize_with(&Lecun { draw: Draw::Uniform }, Reinit::Keep)?;
/// assert!(weight.data()?.abs()?.max()?.to_scalar::<f32>()? <= 0.1);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// `LeCun`, Bottou, Orr and Müller (1998), "Efficient `BackProp`", eq. 16. DIFFERENCE: JAX's and
/// Keras's `lecun_normal` cut the normal law off at two standard deviations; this one is whole.
#[doc(alias = "lecun_normal", alias = "lecun_uniform")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lecun {
    /// The law.
    pub draw: Draw,
}

impl Default for Lecun {
    fn default() -> Self {
        Lecun { draw: Draw::Normal }
    }
}

impl Initializer for Lecun {
    fn init_weight(&self, desc: &InitDesc, data: &NdArray, address: &Address) -> Result<()> {
        Scaling::of_variance("lecun", self.draw, Factor::In, 1.0).fill(desc, data, address)
    }

    fn dumps(&self) -> String {
        text("lecun", &[("rnd_type", self.draw.word())])
    }
}

impl FromArgs for Lecun {
    fn from_args(args: &mut Args) -> Result<Self> {
        Ok(Lecun { draw: Draw::take(args, "rnd_type")?.unwrap_or(Draw::Normal) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gains_are_those_of_pytorch() {
        let leaky = |slope: f64| Nonlinearity::LeakyRelu { slope: slope.into() };
        for (nonlinearity, gain) in [
            (Nonlinearity::Linear, 1.0),
            (Nonlinearity::Sigmoid, 1.0),
            (Nonlinearity::Tanh, 1.666_666_666_666_666_7),
            (Nonlinearity::Relu, std::f64::consts::SQRT_2),
            (leaky(0.01), 1.414_142_856_997_835_4),
            (leaky(0.2), 1.386_750_490_563_072_8),
            (Nonlinearity::Selu, 0.75),
        ] {
            let found = nonlinearity.gain().unwrap();
            assert!((found - gain).abs() < 1e-15, "{nonlinearity:?}: {found}");
        }
        assert!(leaky(f64::NAN).gain().is_err());
    }
}
