//! Images mirrored at random.

use super::{Channels, Transform};
use crate::array::NdArray;
use crate::error::{Error, Result};
use crate::random;

macro_rules! flip {
    ($(#[$doc:meta])* $name:ident, $axis:tt) => {
        $(#[$doc])*
        ///
        /// # Shapes
        /// Three axes, or four with several images, which are mirrored together; any element type.
        ///
        /// # Randomness
        /// One draw, of the Bernoulli law.
        ///
        /// # Errors
        /// [`Error::OperandShape`] if there are not three or four axes.
        #[derive(Clone, Copy, Debug)]
        pub struct $name {
            p: f64,
            channels: Channels,
        }

        impl $name {
            /// With probability `p`; half by default.
            ///
            /// # Errors
            /// [`Error::Setting`] if `p` is not in `[0, 1]`.
            pub fn new(p: f64) -> Result<Self> {
                if (0.0..=1.0).contains(&p) {
                    return Ok(Self { p, channels: Channels::default() });
                }
                let (setting, expected) = ("p", "between 0 and 1");
                Err(Error::Setting { setting, expected, found: p.to_string().into() })
            }

            /// Where the channels are: last by default.
            #[must_use]
            pub fn channels(self, channels: Channels) -> Self {
                Self { channels, ..self }
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self { p: 0.5, channels: Channels::default() }
            }
        }

        impl Transform for $name {
            fn apply(&self, x: &NdArray) -> Result<NdArray> {
                let axes = self.channels.height_width(stringify!($name), x)?;
                if random::chance(self.p) { x.flip(&[axes.$axis as isize]) } else { Ok(x.clone()) }
            }
        }
    };
}

flip! {
    /// Mirrors an image left to right, with a probability.
    ///
    /// # Source
    /// MXNet 1.9.1, `gluon/data/vision/transforms.py`, class `RandomFlipLeftRight`.
    #[doc(alias = "RandomHorizontalFlip")]
    RandomFlipLeftRight, 1
}

flip! {
    /// Mirrors an image top to bottom, with a probability.
    ///
    /// # Source
    /// MXNet 1.9.1, `gluon/data/vision/transforms.py`, class `RandomFlipTopBottom`.
    #[doc(alias = "RandomVerticalFlip")]
    RandomFlipTopBottom, 0
}
