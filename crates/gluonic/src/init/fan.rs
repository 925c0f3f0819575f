//! The one rule in this crate for the number of inputs and outputs of a weight.

use crate::error::{Error, Result};

/// How many numbers go into, and come out of, one unit of a layer.
///
/// # Examples
/// ```
/// use gluonic::init::Fan;
/// let fan = Fan::of("xavier", &[64, 32, 3, 3])?;
/// assert_eq!((fan.fan_in, fan.fan_out), (32.0 * 9.0, 64.0 * 9.0));
/// # Ok::<(), gluonic::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fan {
    /// `shape[1]` times the product of the sizes after it.
    pub fan_in: f64,
    /// `shape[0]` times the product of the sizes after the second.
    pub fan_out: f64,
}

impl Fan {
    /// The fans of a weight of shape `(out, in, *kernel)`.
    ///
    /// # Errors
    /// [`Error::InitRank`] if the rank is 0 or 1: a vector has no fan.
    ///
    /// # Source
    /// MXNet 1.9.1, `initializer.py`, class `Xavier`.
    pub fn of(init: &'static str, dims: &[usize]) -> Result<Fan> {
        let [out, input, kernel @ ..] = dims else {
            return Err(Error::InitRank { init, shape: dims.into(), needed: 2 });
        };
        let area: f64 = kernel.iter().map(|&size| size as f64).product();
        Ok(Fan { fan_in: *input as f64 * area, fan_out: *out as f64 * area })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_has_no_fan() {
        assert!(matches!(Fan::of("xavier", &[5]), Err(Error::InitRank { needed: 2, .. })));
    }
}
