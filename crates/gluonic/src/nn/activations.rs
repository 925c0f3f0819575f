//! Activations that are layers only: those with a slope or a scale, and those of the exponential
//! and the normal distribution.

use std::fmt;

use super::Forward;
use super::core::BlockCore;
use crate::array::NdArray;
use crate::error::{Error, Result, or_panic};
use crate::init::{Constant, Initializer};
use crate::ops::prelu;
use crate::param::{ParamSpec, Parameter};

fn finite(setting: &'static str, value: f64) -> Result<f64> {
    if value.is_finite() {
        return Ok(value);
    }
    Err(Error::Setting { setting, expected: "finite", found: value.to_string().into() })
}

/// `x` above 0, `alpha · x` elsewhere: see [`NdArray::leaky_relu`].
///
/// # Examples
/// ```
/// use gluonic::prelude::*;
/// let layer = LeakyReLU::new(0.1)?;
/// assert_eq!(layer.to_string(), "LeakyReLU(0.1)");
/// assert_eq!(layer.call(&NdArray::from_slice(&[-10.0_f32, 2.0], 2)?)?.to_vec::<f32>()?, [-1.0, 2.0]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `gluon/nn/activations.py`, class `LeakyReLU`.
#[derive(Clone, Debug, gluonic_derive::Block)]
#[block(display = "fmt_leaky_relu")]
pub struct LeakyReLU {
    core: BlockCore,
    alpha: f64,
}

impl LeakyReLU {
    /// The layer with the slope `alpha`.
    ///
    /// # Errors
    /// [`Error::Setting`] if `alpha` is negative or not finite.
    pub fn new(alpha: f64) -> Result<Self> {
        if !(alpha.is_finite() && alpha >= 0.0) {
            let (setting, expected) = ("alpha", "finite and not negative");
            return Err(Error::Setting { setting, expected, found: alpha.to_string().into() });
        }
        Ok(Self { core: BlockCore::new("LeakyReLU"), alpha })
    }
}

impl Forward for LeakyReLU {
    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        x.leaky_relu(self.alpha)
    }
}

fn fmt_leaky_relu(layer: &LeakyReLU, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{}({})", layer.core.class(), layer.alpha)
}

/// `x` above 0, `alpha · x` elsewhere, with an alpha that is learned: see
/// [`ops::prelu`](crate::ops::prelu).
///
/// # Shapes
/// `alpha` is `(1,)`, or `(in_channels,)` for the channels on axis 1.
///
/// # Source
/// He et al. (2015), "Delving deep into rectifiers"; MXNet 1.9.1, `gluon/nn/activations.py`, class
/// `PReLU`.
#[derive(Clone, Debug, gluonic_derive::Block)]
pub struct PReLU {
    core: BlockCore,
    alpha: Parameter,
}

impl PReLU {
    /// One alpha for all elements, 0.25 at first.
    pub fn new() -> Self {
        or_panic(Self::with(1, &Constant::new(0.25)))
    }

    /// An alpha for each of `in_channels` channels, or one for all, with its initializer.
    ///
    /// # Errors
    /// [`Error::Setting`] if there are no channels.
    pub fn with(in_channels: usize, alpha_initializer: &dyn Initializer) -> Result<Self> {
        if in_channels == 0 {
            let (setting, expected) = ("in_channels", "1 or more");
            return Err(Error::Setting { setting, expected, found: "0".into() });
        }
        let core = BlockCore::new("PReLU");
        let alpha = core.get("alpha", &ParamSpec::new(in_channels).init(alpha_initializer))?;
        Ok(Self { core, alpha })
    }
}

impl Default for PReLU {
    fn default() -> Self {
        Self::new()
    }
}

impl Forward for PReLU {
    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        prelu(x, &self.alpha.data()?).map_err(|error| error.at(self.alpha.name()))
    }
}

/// The exponential linear unit: see [`NdArray::elu`].
///
/// # Source
/// MXNet 1.9.1, `gluon/nn/activations.py`, class `ELU`.
#[derive(Clone, Debug, gluonic_derive::Block)]
pub struct ELU {
    core: BlockCore,
    alpha: f64,
}

impl ELU {
    /// The layer with the limit `-alpha`; Gluon's default is 1.
    ///
    /// # Errors
    /// [`Error::Setting`] if `alpha` is not finite.
    pub fn new(alpha: f64) -> Result<Self> {
        Ok(Self { alpha: finite("alpha", alpha)?, core: BlockCore::new("ELU") })
    }
}

impl Forward for ELU {
    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        x.elu(self.alpha)
    }
}

/// `x · σ(beta · x)`, with `beta` 1 also called SiLU: see [`NdArray::swish`].
///
/// # Source
/// MXNet 1.9.1, `gluon/nn/activations.py`, class `Swish`.
#[doc(alias = "SiLU")]
#[derive(Clone, Debug, gluonic_derive::Block)]
pub struct Swish {
    core: BlockCore,
    beta: f64,
}

impl Swish {
    /// The layer with the factor `beta`; Gluon's default is 1.
    ///
    /// # Errors
    /// [`Error::Setting`] if `beta` is not finite.
    pub fn new(beta: f64) -> Result<Self> {
        Ok(Self { beta: finite("beta", beta)?, core: BlockCore::new("Swish") })
    }
}

impl Forward for Swish {
    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        x.swish(self.beta)
    }
}

macro_rules! plain {
    ($($(#[$meta:meta])* $name:ident, $op:ident;)*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, gluonic_derive::Block)]
        pub struct $name {
            core: BlockCore,
        }

        impl $name {
            /// The layer.
            pub fn new() -> Self {
                Self { core: BlockCore::new(stringify!($name)) }
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl Forward for $name {
            fn forward(&self, x: &NdArray) -> Result<NdArray> {
                x.$op()
            }
        }
    )*};
}

plain! {
    /// The scaled exponential linear unit: see [`NdArray::selu`].
    ///
    /// # Source
    /// MXNet 1.9.1, `gluon/nn/activations.py`, class `SELU`.
    SELU, selu;

    /// The Gaussian error linear unit: see [`NdArray::gelu`].
    ///
    /// # Source
    /// MXNet 1.9.1, `gluon/nn/activations.py`, class `GELU`.
    GELU, gelu;
}
