//! The normal law.

use super::registry::FromArgs;
use super::text::{number, text};
use super::{Args, InitDesc, Initializer, check_scale, fill_random};
use crate::array::{NdArray, Scalar};
use crate::error::Result;
use crate::random::{Address, fill_normal};

/// Draws from `N(0, sigma²)`. Default: `sigma = 0.01`.
///
/// # Randomness
/// Element `i` depends only on the address (key, path) and `i`.
///
/// # Errors
/// [`Error::Setting`](crate::Error::Setting) if `sigma` is negative or not finite;
/// [`Error::RandomDType`](crate::Error::RandomDType) for integers and booleans.
///
/// # Examples
/// ```
/// use gluonic::{Parameter, Reinit, init::Normal};
/// let weight = Parameter::new("weight", (100, 100));
/// weight.initialize_with(&Normal::new(0.5), Reinit::Keep)?;
/// let mean = weight.data()?.mean()?.to_scalar::<f32>()?;
/// assert!(mean.abs() < 0.025); // five standard errors
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `initializer.py`, class `Normal`.
#[doc(alias = "gaussian", alias = "normal_", alias = "RandomNormal")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normal {
    sigma: Scalar,
}

impl Normal {
    /// With the standard deviation `sigma`.
    pub fn new(sigma: impl Into<Scalar>) -> Self {
        Normal { sigma: sigma.into() }
    }
}

impl Default for Normal {
    fn default() -> Self {
        Normal::new(0.01)
    }
}

impl Initializer for Normal {
    fn init_weight(&self, _desc: &InitDesc, data: &NdArray, address: &Address) -> Result<()> {
        normal_into(data, check_scale("sigma", self.sigma)?, address)
    }

    fn dumps(&self) -> String {
        text("normal", &[("sigma", number(self.sigma))])
    }
}

impl FromArgs for Normal {
    fn from_args(args: &mut Args) -> Result<Self> {
        Ok(args.number("sigma")?.map_or_else(Normal::default, Normal::new))
    }
}

/// Fills with `N(0, sigma²)`.
pub(super) fn normal_into(data: &NdArray, sigma: f64, address: &Address) -> Result<()> {
    fill_random!(data, |out: &mut [T]| fill_normal(address.stream(0), 0, out, 0.0, sigma))
}
