//! Parts of images.

use ndarray::SliceInfoElem;

use super::{Channels, Transform};
use crate::array::NdArray;
use crate::error::{Error, Result};
use crate::ops::Pad;
use crate::random;

/// Height and width of a part.
#[derive(Clone, Copy, Debug)]
struct Size {
    height: usize,
    width: usize,
}

impl Size {
    fn new(height: usize, width: usize) -> Result<Self> {
        if height > 0 && width > 0 {
            return Ok(Self { height, width });
        }
        let (setting, expected) = ("size", "1 or more in height and width");
        Err(Error::Setting { setting, expected, found: format!("{height} × {width}").into() })
    }

    /// How many places there are for the part, down and across.
    fn places(self, op: &'static str, x: &NdArray, axes: (usize, usize)) -> Result<(usize, usize)> {
        let places =
            |size: usize, axis: usize| x.dims()[axis].checked_sub(size).map(|room| room + 1);
        places(self.height, axes.0).zip(places(self.width, axes.1)).ok_or_else(|| {
            let needs = format!("at least {} × {} are needed", self.height, self.width);
            Error::Misfit { op, input: x.dims().into(), needs: needs.into() }
        })
    }

    fn part(self, x: &NdArray, axes: (usize, usize), top: usize, left: usize) -> Result<NdArray> {
        let range = |start: usize, n: usize| SliceInfoElem::Slice {
            start: start as isize,
            end: Some((start + n) as isize),
            step: 1,
        };
        let mut index: Vec<_> = x.dims().iter().map(|&n| range(0, n)).collect();
        index[axes.0] = range(top, self.height);
        index[axes.1] = range(left, self.width);
        x.slice(index)
    }
}

/// A part of an image at a random place, after zeros have been put around it.
///
/// # Shapes
/// Three axes, or four with several images, which are cut alike; any element type.
///
/// # Randomness
/// Two draws, from the top and from the left, each place equally likely.
///
/// # Errors
/// [`Error::OperandShape`] if there are not three or four axes; [`Error::Misfit`] if the image with
/// its zeros is smaller than the part. DIFFERENCE: Gluon enlarges such an image.
///
/// # Source
/// MXNet 1.9.1, `gluon/data/vision/transforms.py`, class `RandomCrop`, whose size is width and
/// height.
#[derive(Clone, Copy, Debug)]
pub struct RandomCrop {
    size: Size,
    padding: usize,
    channels: Channels,
}

impl RandomCrop {
    /// A part of `height` and `width`, without padding.
    ///
    /// # Errors
    /// [`Error::Setting`] if one of them is 0.
    pub fn new(height: usize, width: usize) -> Result<Self> {
        Ok(Self { size: Size::new(height, width)?, padding: 0, channels: Channels::default() })
    }

    /// So many rows and columns of zeros on each of the four sides.
    #[must_use]
    pub fn padding(self, padding: usize) -> Self {
        Self { padding, ..self }
    }

    /// Where the channels are: last by default.
    #[must_use]
    pub fn channels(self, channels: Channels) -> Self {
        Self { channels, ..self }
    }
}

impl Transform for RandomCrop {
    fn apply(&self, x: &NdArray) -> Result<NdArray> {
        let axes = self.channels.height_width("RandomCrop", x)?;
        let mut widths = vec![(0, 0); x.rank()];
        widths[axes.0] = (self.padding, self.padding);
        widths[axes.1] = (self.padding, self.padding);
        let x = x.pad(&widths, Pad::Constant(0.0))?;
        let (down, across) = self.size.places("RandomCrop", &x, axes)?;
        self.size.part(&x, axes, random::below(down), random::below(across))
    }
}

/// The part in the middle of an image; where it cannot be, one row or column nearer to the top or to
/// the left.
///
/// # Shapes
/// Three axes, or four with several images; any element type.
///
/// # Errors
/// [`Error::OperandShape`] if there are not three or four axes; [`Error::Misfit`] if the image is
/// smaller than the part. DIFFERENCE: Gluon enlarges such an image.
///
/// # Examples
/// ```
/// use gluonic::NdArray;
/// use gluonic::data::transforms::{CenterCrop, Transform};
/// let image = NdArray::arange::<u8>(16).reshape((4, 4, 1))?;
/// assert_eq!(CenterCrop::new(2, 2)?.apply(&image)?.to_vec::<u8>()?, [5, 6, 9, 10]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `gluon/data/vision/transforms.py`, class `CenterCrop`, whose size is width and
/// height.
#[derive(Clone, Copy, Debug)]
pub struct CenterCrop {
    size: Size,
    channels: Channels,
}

impl CenterCrop {
    /// A part of `height` and `width`.
    ///
    /// # Errors
    /// [`Error::Setting`] if one of them is 0.
    pub fn new(height: usize, width: usize) -> Result<Self> {
        Ok(Self { size: Size::new(height, width)?, channels: Channels::default() })
    }

    /// Where the channels are: last by default.
    #[must_use]
    pub fn channels(self, channels: Channels) -> Self {
        Self { channels, ..self }
    }
}

impl Transform for CenterCrop {
    fn apply(&self, x: &NdArray) -> Result<NdArray> {
        let axes = self.channels.height_width("CenterCrop", x)?;
        let (down, across) = self.size.places("CenterCrop", x, axes)?;
        self.size.part(x, axes, (down - 1) / 2, (across - 1) / 2)
    }
}
