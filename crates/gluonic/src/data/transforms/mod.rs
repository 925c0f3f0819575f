//! What is done to an array of a sample while it is loaded: see
//! [`DatasetExt::transform_first`](super::DatasetExt::transform_first).
//!
//! Images have three axes, or four with several images: height, width and channels in the order that
//! [`Channels`] says. As in Gluon they are loaded with the channels last, and [`ToTensor`] brings
//! these to the front.
//!
//! ```
//! use gluonic::data::transforms::{Compose, Normalize, RandomCrop, RandomFlipLeftRight, ToTensor};
//! use gluonic::prelude::*;
//! let images = NdArray::zeros((100, 32, 32, 3), DType::U8)?;
//! let train = Compose::new()
//!     .then(RandomCrop::new(32, 32)?.padding(4))
//!     .then(RandomFlipLeftRight::default())
//!     .then(ToTensor)
//!     .then(Normalize::new(&[0.491, 0.482, 0.447], &[0.247, 0.243, 0.262])?);
//! let samples = ArrayDataset::new([&images])?.transform_first(train);
//! assert_eq!(samples.get(0)?[0].dims().to_string(), "(3, 32, 32)");
//! # Ok::<(), gluonic::Error>(())
//! ```
//!
//! # Randomness
//! The random ones draw as [`ops::draw`](crate::ops::draw) does: in a loader from the address of the
//! sample.
//!
//! # Source
//! MXNet 1.9.1, `gluon/data/vision/transforms.py`; torchvision, `transforms`.

mod crop;
mod flip;
mod image;

use std::fmt;

pub use crop::{CenterCrop, RandomCrop};
pub use flip::{RandomFlipLeftRight, RandomFlipTopBottom};
pub use image::{Channels, Normalize, ToTensor};

use crate::array::{DType, NdArray};
use crate::error::Result;

/// Something that is done to an array. Closures are transforms too, if the type of their argument is
/// written: `|x: &NdArray| x / 255.0`.
pub trait Transform: Send + Sync {
    /// The changed array. `x` itself is not to be edited: it may be the data set's own.
    ///
    /// # Errors
    /// Those of the transform.
    fn apply(&self, x: &NdArray) -> Result<NdArray>;
}

impl<F: Fn(&NdArray) -> Result<NdArray> + Send + Sync> Transform for F {
    fn apply(&self, x: &NdArray) -> Result<NdArray> {
        self(x)
    }
}

/// Transforms one after another.
///
/// # Examples
/// ```
/// use gluonic::data::transforms::{Cast, Compose, Transform};
/// use gluonic::{DType, NdArray};
/// let halves = Compose::new().then(Cast::new(DType::F32)).then(|x: &NdArray| x / 2.0);
/// assert_eq!(halves.apply(&NdArray::arange::<u8>(3))?.to_vec::<f32>()?, [0.0, 0.5, 1.0]);
/// # Ok::<(), gluonic::Error>(())
/// ```
#[derive(Default)]
pub struct Compose(Vec<Box<dyn Transform>>);

impl Compose {
    /// None yet: the array itself.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more at the end.
    #[must_use]
    pub fn then(mut self, transform: impl Transform + 'static) -> Self {
        self.0.push(Box::new(transform));
        self
    }
}

impl Transform for Compose {
    fn apply(&self, x: &NdArray) -> Result<NdArray> {
        self.0.iter().try_fold(x.clone(), |x, transform| transform.apply(&x))
    }
}

impl fmt::Debug for Compose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Compose({} transforms)", self.0.len())
    }
}

/// The elements in another type.
#[derive(Clone, Copy, Debug)]
pub struct Cast(DType);

impl Cast {
    /// To `dtype`, as [`NdArray::cast`] does it.
    pub fn new(dtype: DType) -> Self {
        Self(dtype)
    }
}

impl Transform for Cast {
    fn apply(&self, x: &NdArray) -> Result<NdArray> {
        x.cast(self.0)
    }
}
