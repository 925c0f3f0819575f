//! Layers without parameters that put the elements of images elsewhere.

use std::fmt;

use super::Forward;
use super::core::BlockCore;
use crate::array::NdArray;
use crate::error::{Error, Result};
use crate::ops::Pad;
use crate::shape::Dims;

/// Images with a border in which they are mirrored: see [`Pad::Reflect`].
///
/// # Shapes
/// `(batch, channels, height, width)` gives `(batch, channels, height + top + bottom,
/// width + left + right)`.
///
/// # Errors
/// [`Error::Misfit`], with the layer's name, if the input has another rank; as [`NdArray::pad`] if
/// a border is as wide as the image.
///
/// # Examples
/// ```
/// use gluonic::nn::ReflectionPad2D;
/// use gluonic::prelude::*;
/// let layer = ReflectionPad2D::new(1);
/// let y = layer.call(&NdArray::arange::<f32>(4).reshape((1, 1, 2, 2))?)?;
/// assert_eq!(y.row(0)?.row(0)?.row(0)?.to_vec::<f32>()?, [3.0, 2.0, 3.0, 2.0]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `gluon/nn/basic_layers.py`, class `ReflectionPad2D`.
#[derive(Clone, Debug, gluonic_derive::Block)]
pub struct ReflectionPad2D {
    core: BlockCore,
    #[block(skip)]
    widths: [(usize, usize); 2],
}

impl ReflectionPad2D {
    /// The layer with one width on all four sides.
    pub fn new(padding: usize) -> Self {
        Self::with((padding, padding), (padding, padding))
    }

    /// The layer with widths above and below, left and right.
    pub fn with(rows: (usize, usize), columns: (usize, usize)) -> Self {
        ReflectionPad2D { core: BlockCore::new("ReflectionPad2D"), widths: [rows, columns] }
    }
}

impl Forward for ReflectionPad2D {
    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        let pad = || {
            expect_rank("reflection_pad", x, 4)?;
            let [rows, columns] = self.widths;
            x.pad(&[(0, 0), (0, 0), rows, columns], Pad::Reflect)
        };
        pad().map_err(|error| error.in_block(self.core.name()))
    }
}

/// Channels laid out as pixels: of each group of `factor` channels on every spatial axis one channel
/// is made, larger by that factor.
///
/// # Shapes
/// `(batch, f1 · … · fn · channels, d1, …, dn)` gives `(batch, channels, f1 · d1, …, fn · dn)`.
///
/// # Errors
/// [`Error::Misfit`], with the layer's name, if the input has another rank or the factors do not
/// divide its channels.
///
/// # Examples
/// ```
/// use gluonic::nn::PixelShuffle;
/// use gluonic::prelude::*;
/// let layer = PixelShuffle::new((2, 3))?;
/// assert_eq!(layer.infer_shapes(&[(1, 12, 4, 5)])?.to_string(), "(1, 2, 8, 15)");
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// Shi et al. (2016), "Real-time single image and video super-resolution"; MXNet 1.9.1,
/// `gluon/contrib/nn/basic_layers.py`, classes `PixelShuffle1D`, `PixelShuffle2D` and
/// `PixelShuffle3D`.
#[derive(Clone, Debug, gluonic_derive::Block)]
#[block(display = "fmt_pixel_shuffle")]
pub struct PixelShuffle {
    core: BlockCore,
    factors: Dims,
}

impl PixelShuffle {
    /// The layer with a factor for each spatial axis: one to three.
    ///
    /// # Errors
    /// [`Error::Setting`] if there are none or more, or one is 0.
    pub fn new(factors: impl Into<Dims>) -> Result<Self> {
        let factors = factors.into();
        if !(1..=3).contains(&factors.len()) || factors.contains(&0) {
            let (setting, expected) = ("factor", "one to three numbers, 1 or more");
            return Err(Error::Setting { setting, expected, found: factors.to_string().into() });
        }
        let core = BlockCore::new(&format!("PixelShuffle{}D", factors.len()));
        Ok(PixelShuffle { core, factors })
    }

    fn shuffle(&self, x: &NdArray) -> Result<NdArray> {
        let op = "pixel_shuffle";
        let spatial = self.factors.len();
        expect_rank(op, x, spatial + 2)?;
        let all: usize = self.factors.iter().product();
        if !x.dims()[1].is_multiple_of(all) {
            let needs = format!("its channels are to be a multiple of {all}").into();
            return Err(Error::Misfit { op, input: x.dims().into(), needs });
        }
        let mut split = vec![x.dims()[0], x.dims()[1] / all];
        let mut whole = split.clone();
        let mut order = vec![0, 1];
        split.extend(self.factors.iter());
        split.extend(&x.dims()[2..]);
        for (axis, factor) in self.factors.iter().enumerate() {
            whole.push(x.dims()[2 + axis] * factor);
            order.extend([2 + spatial + axis, 2 + axis].map(|axis| axis as isize));
        }
        x.reshape(split)?.permute(&order)?.reshape(whole)
    }
}

impl Forward for PixelShuffle {
    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        self.shuffle(x).map_err(|error| error.in_block(self.core.name()))
    }
}

fn fmt_pixel_shuffle(layer: &PixelShuffle, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match &layer.factors[..] {
        [one] => write!(f, "{}({one})", layer.core.class()),
        _ => write!(f, "{}({})", layer.core.class(), layer.factors),
    }
}

fn expect_rank(op: &'static str, x: &NdArray, rank: usize) -> Result<()> {
    if x.rank() == rank {
        return Ok(());
    }
    Err(Error::Misfit { op, input: x.dims().into(), needs: format!("it needs {rank} axes").into() })
}
