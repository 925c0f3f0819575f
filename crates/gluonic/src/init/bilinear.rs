//! Bilinear upsampling.

use super::registry::FromArgs;
use super::text::text;
use super::{Args, InitDesc, Initializer};
use crate::array::NdArray;
use crate::error::{Error, Result};
use crate::random::Address;

/// The kernel by which a transposed convolution upsamples an image bilinearly.
///
/// With `f = ceil(width / 2)` and `c = (2f - 1 - f mod 2) / 2f`, the element at row `y` and column
/// `x` of every kernel is `(1 - |x/f - c|) · (1 - |y/f - c|)`.
///
/// # Shapes
/// `(_, _, height, width)`. `f` and `c` come from the width alone, so a kernel should be square.
///
/// # Errors
/// [`Error::InitShape`] if the rank is not 4; [`Error::NoArithmetic`] for integers and booleans,
/// which cannot hold the values.
///
/// # Examples
/// ```
/// use gluonic::{init::Bilinear, Parameter, Reinit};
/// let weight = Parameter::new("weight", (1, 1, 3, 3));
/// weight.initialize_with(&Bilinear, Reinit::Keep)?;
/// let values = [0.0625, 0.1875, 0.1875, 0.1875, 0.5625, 0.5625, 0.1875, 0.5625, 0.5625];
/// assert_eq!(weight.data()?.to_vec::<f32>()?, values);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `initializer.py`, class `Bilinear`.
#[doc(alias = "BilinearFiller")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bilinear;

impl Initializer for Bilinear {
    fn init_weight(&self, _desc: &InitDesc, data: &NdArray, _address: &Address) -> Result<()> {
        let &[_, _, height, width] = &**data.dims() else {
            let needed = "four axes, of which the last two are height and width";
            return Err(Error::InitShape { init: "bilinear", shape: data.dims().into(), needed });
        };
        if !data.dtype().is_float() {
            return Err(Error::NoArithmetic { op: "bilinear", dtype: data.dtype() });
        }
        let factor = width.div_ceil(2) as f64;
        let center = (2.0 * factor - 1.0 - factor % 2.0) / (2.0 * factor);
        let weight = |at: usize| 1.0 - (at as f64 / factor - center).abs();
        let kernel = (0..height).flat_map(|y| (0..width).map(move |x| weight(x) * weight(y)));
        data.assign(&NdArray::from_vec(kernel.collect::<Vec<_>>(), (height, width))?)
    }

    fn dumps(&self) -> String {
        text("bilinear", &[])
    }
}

impl FromArgs for Bilinear {
    fn from_args(_args: &mut Args) -> Result<Self> {
        Ok(Bilinear)
    }
}
