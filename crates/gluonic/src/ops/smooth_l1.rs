//! The absolute value with a round tip.

use super::unary::{Unary, unary};
use crate::array::{Compute, NdArray};
use crate::error::Result;

#[derive(Clone, Copy)]
struct SmoothL1 {
    /// The square of the setting.
    square: f64,
}

impl Unary for SmoothL1 {
    const NAME: &'static str = "smooth_l1";

    #[inline(always)]
    fn f<T: Compute>(self, x: T) -> T {
        let (square, half) = (T::of(self.square), T::of(0.5));
        if x.abs() * square < T::ONE { half * square * x * x } else { x.abs() - half / square }
    }

    #[inline(always)]
    fn df<T: Compute>(self, x: T) -> T {
        let square = T::of(self.square);
        if x.abs() * square < T::ONE {
            square * x
        } else if x > T::ZERO {
            T::ONE
        } else {
            -T::ONE
        }
    }
}

impl NdArray {
    /// `σ²x²/2` where `|x| < 1/σ²`, `|x| - 1/(2σ²)` elsewhere: the absolute value with a round tip,
    /// which is rounder the smaller `sigma` is.
    ///
    /// # Errors
    /// [`Error::NoArithmetic`](crate::Error::NoArithmetic) if the element type is not a
    /// floating-point one.
    ///
    /// # Examples
    /// ```
    /// use gluonic::NdArray;
    /// let x = NdArray::from_slice(&[-2.0_f32, 0.5], 2)?;
    /// assert_eq!(x.smooth_l1(1.0)?.to_vec::<f32>()?, [1.5, 0.125]);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// Girshick (2015), "Fast R-CNN", eq. 3; `sigma` as MXNet 1.9.1, `smooth_l1(scalar)`.
    #[doc(alias = "huber")]
    pub fn smooth_l1(&self, sigma: f64) -> Result<NdArray> {
        unary(self, SmoothL1 { square: sigma * sigma })
    }
}
