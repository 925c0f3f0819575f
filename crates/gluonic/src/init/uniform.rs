//! The uniform law.

use super::registry::FromArgs;
use super::text::{number, text};
use super::{Args, InitDesc, Initializer, check_scale, fill_random};
use crate::array::{NdArray, Scalar};
use crate::error::Result;
use crate::random::{Address, fill_uniform};

/// Draws from `U[-scale, scale)`. The default, 0.07, is the default of whole blocks.
///
/// # Randomness
/// Element `i` depends only on the address (key, path) and `i`.
///
/// # Errors
/// [`Error::Setting`](crate::Error::Setting) if `scale` is negative or not finite;
/// [`Error::RandomDType`](crate::Error::RandomDType) for integers and booleans.
///
/// # Examples
/// ```
/// use gluonic::{Parameter, Reinit, init::Uniform};
/// let weight = Parameter::new("weight", (100, 100));
/// weight.initialize_with(&Uniform::new(0.3), Reinit::Keep)?;
/// assert!(weight.data()?.to_vec::<f32>()?.iter().all(|w| (-0.3..0.3).contains(w)));
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `initializer.py`, class `Uniform`.
#[doc(alias = "uniform_", alias = "RandomUniform")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Uniform {
    scale: Scalar,
}

impl Uniform {
    /// With the bound `scale` on either side of 0.
    pub fn new(scale: impl Into<Scalar>) -> Self {
        Uniform { scale: scale.into() }
    }
}

impl Default for Uniform {
    fn default() -> Self {
        Uniform::new(0.07)
    }
}

impl Initializer for Uniform {
    fn init_weight(&self, _desc: &InitDesc, data: &NdArray, address: &Address) -> Result<()> {
        uniform_into(data, check_scale("scale", self.scale)?, address)
    }

    fn dumps(&self) -> String {
        text("uniform", &[("scale", number(self.scale))])
    }
}

impl FromArgs for Uniform {
    fn from_args(args: &mut Args) -> Result<Self> {
        Ok(args.number("scale")?.map_or_else(Uniform::default, Uniform::new))
    }
}

/// Fills with `U[-bound, bound)`.
pub(super) fn uniform_into(data: &NdArray, bound: f64, address: &Address) -> Result<()> {
    fill_random!(data, |out: &mut [T]| fill_uniform(address.stream(0), 0, out, -bound, bound))
}
