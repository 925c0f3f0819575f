//! Images as arrays: where their axes are, and their values as numbers that nets like.

use super::Transform;
use crate::array::{DType, NdArray};
use crate::error::{Error, Result};
use crate::shape::Shape;

/// Where the channels of an image are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Channels {
    /// On the last axis: height, width, channels, as images are loaded (`HWC`, `NHWC`).
    #[default]
    Last,
    /// Before height and width, as convolutions want them (`CHW`, `NCHW`).
    First,
}

impl Channels {
    /// The axes of height and width.
    pub(super) fn height_width(self, op: &'static str, x: &NdArray) -> Result<(usize, usize)> {
        let rank = image_rank(op, x)?;
        Ok(match self {
            Channels::Last => (rank - 3, rank - 2),
            Channels::First => (rank - 2, rank - 1),
        })
    }
}

/// Three, or four with several images.
fn image_rank(op: &'static str, x: &NdArray) -> Result<usize> {
    if matches!(x.rank(), 3 | 4) {
        return Ok(x.rank());
    }
    let (expected, found) = (Shape::from([None; 3]), x.dims().into());
    Err(Error::OperandShape { op, expected, found })
}

/// An image of `uint8` with its channels last as numbers from 0 to 1 with the channels first: each
/// element divided by 255.
///
/// # Shapes
/// `(height, width, channels)` gives `(channels, height, width)`; of several images the first axis
/// stays.
///
/// # Errors
/// [`Error::OperandShape`] if there are not three or four axes; [`Error::DTypeMismatch`] if the
/// elements are not `uint8`: nobody knows what would be white.
///
/// # Examples
/// ```
/// use gluonic::NdArray;
/// use gluonic::data::transforms::{ToTensor, Transform};
/// let image = NdArray::from_slice(&[0_u8, 255, 51, 102], (1, 2, 2))?;
/// let x = ToTensor.apply(&image)?;
/// assert_eq!(x.dims().to_string(), "(2, 1, 2)");
/// assert_eq!(x.to_vec::<f32>()?, [0.0, 0.2, 1.0, 0.4]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `gluon/data/vision/transforms.py`, class `ToTensor`.
#[derive(Clone, Copy, Debug, Default)]
pub struct ToTensor;

impl Transform for ToTensor {
    fn apply(&self, x: &NdArray) -> Result<NdArray> {
        let order: &[isize] = match image_rank("ToTensor", x)? {
            3 => &[2, 0, 1],
            _ => &[0, 3, 1, 2],
        };
        x.expect_dtype(DType::U8)?;
        &x.permute(order)?.cast(DType::F32)? / 255.0
    }
}

/// Each channel with its mean subtracted and divided by its deviation: `(x - mean) / std`.
///
/// # Shapes
/// `(channels, height, width)`, or with an axis for several images before: what [`ToTensor`] gives.
///
/// # Errors
/// [`Error::OperandShape`] if there are not three or four axes; [`Error::Misfit`] if there are not as
/// many numbers as channels; [`Error::NoArithmetic`] if the elements are not floating-point.
///
/// # Examples
/// ```
/// use gluonic::NdArray;
/// use gluonic::data::transforms::{Normalize, Transform};
/// let image = NdArray::from_slice(&[1.0_f32, 2.0, 3.0, 4.0], (2, 1, 2))?;
/// let x = Normalize::new(&[1.0, 3.0], &[1.0, 2.0])?.apply(&image)?;
/// assert_eq!(x.to_vec::<f32>()?, [0.0, 1.0, 0.0, 0.5]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `gluon/data/vision/transforms.py`, class `Normalize`.
#[derive(Clone, Debug)]
pub struct Normalize {
    /// Of `(channels, 1, 1)`.
    mean: NdArray,
    std: NdArray,
}

impl Normalize {
    /// With one mean and one deviation for each channel, or one for all.
    ///
    /// # Errors
    /// [`Error::Setting`] if there are not equally many, or none, if one is not finite, or if a
    /// deviation is not above 0.
    pub fn new(mean: &[f64], std: &[f64]) -> Result<Self> {
        let fail = |setting, expected, found: String| Error::Setting {
            setting,
            expected,
            found: found.into(),
        };
        if mean.is_empty() || mean.len() != std.len() {
            let found = format!("{} and {}", mean.len(), std.len());
            return Err(fail("mean and std", "equally many, one or more", found));
        }
        if let Some(bad) = mean.iter().find(|mean| !mean.is_finite()) {
            return Err(fail("mean", "finite", bad.to_string()));
        }
        if let Some(bad) = std.iter().find(|std| !(std.is_finite() && **std > 0.0)) {
            return Err(fail("std", "finite and above 0", bad.to_string()));
        }
        let array = |values: &[f64]| NdArray::from_slice(values, (values.len(), 1, 1));
        Ok(Self { mean: array(mean)?, std: array(std)? })
    }
}

impl Transform for Normalize {
    fn apply(&self, x: &NdArray) -> Result<NdArray> {
        let op = "Normalize";
        if !x.dtype().is_float() {
            return Err(Error::NoArithmetic { op, dtype: x.dtype() });
        }
        let rank = image_rank(op, x)?;
        let (channels, given) = (x.dims()[rank - 3], self.mean.elem_count());
        if given != 1 && given != channels {
            let needs = format!("it has {channels} channels, mean and std are of {given}").into();
            return Err(Error::Misfit { op, input: x.dims().into(), needs });
        }
        let (mean, std) = (self.mean.cast(x.dtype())?, self.std.cast(x.dtype())?);
        &(x - &mean)? / &std
    }
}
