//! The normal law.

use super::{InitDesc, Initializer, check_scale, fill_random, json_number};
use crate::array::NdArray;
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
#[doc(alias = "gaussian")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normal {
    sigma: f64,
}

impl Normal {
    /// With the standard deviation `sigma`.
    pub fn new(sigma: f64) -> Self {
        Normal { sigma }
    }
}

impl Default for Normal {
    fn default() -> Self {
        Normal { sigma: 0.01 }
    }
}

impl Initializer for Normal {
    fn init_weight(&self, _desc: &InitDesc, data: &NdArray, address: &Address) -> Result<()> {
        check_scale("sigma", self.sigma)?;
        normal_into(data, self.sigma, address)
    }

    fn dumps(&self) -> String {
        format!(r#"["normal", {{"sigma": {}}}]"#, json_number(self.sigma))
    }
}

/// Fills with `N(0, sigma²)`.
pub(super) fn normal_into(data: &NdArray, sigma: f64, address: &Address) -> Result<()> {
    fill_random!(data, |out: &mut [T]| fill_normal(address.stream(0), 0, out, 0.0, sigma))
}
