//! Xavier (Glorot) initialization.

use super::normal::normal_into;
use super::uniform::uniform_into;
use super::{Fan, InitDesc, Initializer, check_scale, json_number};
use crate::array::NdArray;
use crate::error::Result;
use crate::random::Address;

/// The law that values are drawn from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Draw {
    /// `U[-s, s)`.
    #[default]
    Uniform,
    /// `N(0, s²)`: MXNet's `gaussian`.
    Normal,
}

/// The number that a scale is divided by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Factor {
    /// The mean of `fan_in` and `fan_out`.
    #[default]
    Avg,
    /// `fan_in`.
    In,
    /// `fan_out`.
    Out,
}

/// Draws values from the Xavier (Glorot) distribution, which keeps the variance of activations and
/// of gradients about equal from layer to layer.
///
/// With `s = sqrt(magnitude / f)`, where `f` is `fan_in`, `fan_out` or their mean as [`Factor`]
/// says, each element is drawn from `U[-s, s)` for [`Draw::Uniform`] and from `N(0, s²)` for
/// [`Draw::Normal`]. Defaults: uniform, mean, `magnitude = 3`.
///
/// # Shapes
/// `(out, in, *kernel)`, rank 2 or more; see [`Fan::of`]. A dimension of 0 gives an empty tensor.
///
/// # Units
/// `magnitude` has no unit. PyTorch's `gain` g is `magnitude = 3 g²` when uniform, `g²` when normal.
///
/// # Randomness
/// Element `i` depends only on the address (key, path) and `i`: any slice, order or thread count
/// gives the same values.
///
/// # Errors
/// [`Error::InitRank`](crate::Error::InitRank) if the rank is 0 or 1;
/// [`Error::Setting`](crate::Error::Setting) if `magnitude` is negative or not finite.
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
#[doc(alias = "glorot", alias = "xavier_uniform_")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Xavier {
    /// The law.
    pub draw: Draw,
    /// What `magnitude` is divided by.
    pub factor: Factor,
    /// The scale.
    pub magnitude: f64,
}

impl Default for Xavier {
    fn default() -> Self {
        Xavier { draw: Draw::Uniform, factor: Factor::Avg, magnitude: 3.0 }
    }
}

impl Initializer for Xavier {
    fn init_weight(&self, desc: &InitDesc, data: &NdArray, address: &Address) -> Result<()> {
        check_scale("magnitude", self.magnitude)?;
        let Fan { fan_in, fan_out } = Fan::of("xavier", &desc.dims)?;
        let factor = match self.factor {
            Factor::Avg => f64::midpoint(fan_in, fan_out),
            Factor::In => fan_in,
            Factor::Out => fan_out,
        };
        if desc.dims.elem_count() == 0 {
            return Ok(());
        }
        let scale = (self.magnitude / factor).sqrt();
        match self.draw {
            Draw::Uniform => uniform_into(data, scale, address),
            Draw::Normal => normal_into(data, scale, address),
        }
    }

    fn dumps(&self) -> String {
        let draw = match self.draw {
            Draw::Uniform => "uniform",
            Draw::Normal => "gaussian",
        };
        let factor = match self.factor {
            Factor::Avg => "avg",
            Factor::In => "in",
            Factor::Out => "out",
        };
        format!(
            r#"["xavier", {{"rnd_type": "{draw}", "factor_type": "{factor}", "magnitude": {}}}]"#,
            json_number(self.magnitude)
        )
    }
}
