//! The uniform law.

use super::{InitDesc, Initializer, check_scale, fill_random, json_number};
use crate::array::NdArray;
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
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Uniform {
    scale: f64,
}

impl Uniform {
    /// With the bound `scale` on either side of 0.
    pub fn new(scale: f64) -> Self {
        Uniform { scale }
    }
}

impl Default for Uniform {
    fn default() -> Self {
        Uniform { scale: 0.07 }
    }
}

impl Initializer for Uniform {
    fn init_weight(&self, _desc: &InitDesc, data: &NdArray, address: &Address) -> Result<()> {
        check_scale("scale", self.scale)?;
        uniform_into(data, self.scale, address)
    }

    fn dumps(&self) -> String {
        format!(r#"["uniform", {{"scale": {}}}]"#, json_number(self.scale))
    }
}

/// Fills with `U[-bound, bound)`.
pub(super) fn uniform_into(data: &NdArray, bound: f64, address: &Address) -> Result<()> {
    fill_random!(data, |out: &mut [T]| fill_uniform(address.stream(0), 0, out, -bound, bound))
}
