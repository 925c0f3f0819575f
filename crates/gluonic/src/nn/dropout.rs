//! Dropout.

use std::fmt;

use super::Forward;
use super::core::BlockCore;
use crate::array::NdArray;
use crate::autograd::is_training;
use crate::error::{Error, Result};
use crate::ops::{dropout_from, resolve_axis};
use crate::random::Draws;

/// In training, zeroes each element with probability `rate` and scales the others by
/// `1 / (1 - rate)`; otherwise lets everything through.
///
/// # Randomness
/// The layer has [`Draws`] of its own, [numbered](Draws::numbered) `dropout0`, `dropout1`, … since
/// the last [`random::seed`](crate::random::seed): each call in training takes the next. So two
/// calls differ and so do two layers, and whatever else draws in between changes nothing. After
/// `seed` a training repeats bit for bit, of the same net or of one built again. A clone is the
/// same layer and counts with it.
///
/// # Examples
/// ```
/// use gluonic::prelude::*;
/// let layer = Dropout::new(0.5)?;
/// assert_eq!(layer.to_string(), "Dropout(p = 0.5, axes=())");
/// let x = NdArray::ones(4, DType::F32)?;
/// assert_eq!(layer.call(&x)?.to_vec::<f32>()?, [1.0; 4]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// Srivastava et al. (2014), "Dropout"; MXNet 1.9.1, `gluon/nn/basic_layers.py`, class `Dropout`.
#[derive(Clone, Debug, gluonic_derive::Block)]
#[block(display = "fmt_dropout")]
pub struct Dropout {
    core: BlockCore,
    rate: f64,
    #[block(skip)]
    axes: Vec<isize>,
    draws: Draws,
}

impl Dropout {
    /// The layer that zeroes with probability `rate`.
    ///
    /// # Errors
    /// [`Error::Setting`] if `rate` is not in `[0, 1]`.
    pub fn new(rate: f64) -> Result<Self> {
        if !(0.0..=1.0).contains(&rate) {
            let found = rate.to_string().into();
            return Err(Error::Setting { setting: "rate", expected: "between 0 and 1", found });
        }
        let core = BlockCore::new("Dropout");
        Ok(Dropout { core, rate, axes: Vec::new(), draws: Draws::numbered("dropout") })
    }

    /// The same layer with one draw for all elements along some axes: with 2 and 3, a channel of an
    /// image is kept or dropped as a whole.
    ///
    /// # Examples
    /// ```
    /// use gluonic::prelude::*;
    /// let layer = Dropout::new(0.5)?.along(&[1]);
    /// let y = autograd::train_mode(|| layer.call(&NdArray::ones((4, 2), DType::F32)?))?;
    /// let y = y.to_vec::<f32>()?;
    /// assert!(y.chunks(2).all(|row| row[0] == row[1]));
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    #[must_use]
    #[doc(alias = "variational dropout", alias = "Dropout2d")]
    pub fn along(self, axes: &[isize]) -> Self {
        Dropout { axes: axes.to_vec(), ..self }
    }

    /// The input times a mask that is drawn along the other axes only.
    fn masked(&self, x: &NdArray) -> Result<NdArray> {
        let mut dims = x.dims().clone();
        for &axis in &self.axes {
            dims.as_mut()[resolve_axis("dropout", axis, x.rank())?] = 1;
        }
        let ones = x.there(|| NdArray::ones(dims, x.dtype()))?;
        x.mul(&dropout_from(&ones, self.rate, || self.draws.next_stream())?)
    }

    /// Where its masks come from; with their state a training can be resumed exactly.
    pub fn draws(&self) -> &Draws {
        &self.draws
    }
}

impl Forward for Dropout {
    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        if !self.axes.is_empty() && is_training() {
            return self.masked(x).map_err(|error| error.in_block(self.core.name()));
        }
        dropout_from(x, self.rate, || self.draws.next_stream())
    }
}

fn fmt_dropout(layer: &Dropout, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let axes: Vec<String> = layer.axes.iter().map(ToString::to_string).collect();
    let comma = if axes.len() == 1 { "," } else { "" };
    let (class, rate, axes) = (layer.core.class(), layer.rate, axes.join(", "));
    write!(f, "{class}(p = {rate}, axes=({axes}{comma}))")
}
