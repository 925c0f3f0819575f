//! Random arrays, and dropout. Inside an initializer they draw from the parameter's own address,
//! so that an initializer written by a user repeats too.

use std::sync::Arc;

use super::{Flat, compute_type, edges, output};
use crate::array::{Buf, NdArray, for_float};
use crate::autograd::{Op, Sinks, is_training};
use crate::cpu::elementwise as kernel;
use crate::error::{Error, Result};
use crate::random::{
    self, current_stream, fill_bernoulli, fill_integers, fill_normal, fill_uniform,
};
use crate::shape::Dims;

fn drawn(dims: Dims, fill: impl FnOnce(&mut [f32])) -> Result<NdArray> {
    let Some(n) = dims.checked_count() else {
        return Err(Error::TooLarge { shape: dims.into() });
    };
    Ok(NdArray::from_buf(Buf::new::<f32>(n, fill), dims))
}

/// An `f32` array drawn from `U[low, high)`.
///
/// # Errors
/// [`Error::Setting`] if the bounds are not finite or `low > high`; [`Error::TooLarge`] if the
/// element count does not fit the address space.
pub fn uniform(low: f64, high: f64, dims: impl Into<Dims>) -> Result<NdArray> {
    if !(low <= high && low.is_finite() && high.is_finite()) {
        return Err(Error::Setting {
            setting: "low",
            expected: "finite and not above `high`",
            found: format!("{low} with high {high}").into(),
        });
    }
    let stream = current_stream();
    drawn(dims.into(), |out| fill_uniform(stream, 0, out, low, high))
}

/// An `f32` array drawn from the normal distribution.
///
/// # Errors
/// [`Error::Setting`] if `mean` is not finite or `sigma` is negative or not finite;
/// [`Error::TooLarge`] if the element count does not fit the address space.
pub fn normal(mean: f64, sigma: f64, dims: impl Into<Dims>) -> Result<NdArray> {
    if !(mean.is_finite() && sigma.is_finite() && sigma >= 0.0) {
        return Err(Error::Setting {
            setting: "sigma",
            expected: "finite and not negative, and the mean finite",
            found: format!("{sigma} with mean {mean}").into(),
        });
    }
    let stream = current_stream();
    drawn(dims.into(), |out| fill_normal(stream, 0, out, mean, sigma))
}

/// An `i64` array of whole numbers, each of `low, low + 1, …, high - 1` equally likely.
///
/// # Errors
/// [`Error::Setting`] unless `low < high`; [`Error::TooLarge`] if the element count does not fit
/// the address space.
pub fn integers(low: i64, high: i64, dims: impl Into<Dims>) -> Result<NdArray> {
    let dims = dims.into();
    if low >= high {
        let found = format!("{low} with high {high}").into();
        return Err(Error::Setting { setting: "low", expected: "below `high`", found });
    }
    let n = dims.checked_count().ok_or_else(|| Error::TooLarge { shape: (&dims).into() })?;
    let stream = current_stream();
    let buf = Buf::new::<i64>(n, |out| fill_integers(stream, 0, out, low, high));
    Ok(NdArray::from_buf(buf, dims))
}

/// The numbers 0, 1, …, `n - 1` in a random order, each order equally likely.
#[doc(alias = "shuffle")]
pub fn permutation(n: usize) -> Vec<usize> {
    random::permutation(current_stream(), n)
}

struct DropoutNode {
    mask: Buf,
}

impl Op for DropoutNode {
    fn backward(&self, grad: Arc<Buf>, sinks: &mut Sinks<'_>) -> Result<()> {
        for_float!(grad.dtype(), T => sinks.write::<T>(0, grad.len(), |out, add| {
            kernel::zip(out, add, grad.slice(), self.mask.slice(), |g, mask| g * mask);
        }))
    }
}

/// In training mode, each element is 0 with probability `rate` and else divided by `1 - rate`;
/// otherwise `x` itself.
///
/// # Errors
/// [`Error::Setting`] if `rate` is not in `[0, 1]`; [`Error::NoArithmetic`] if the element type is
/// not a floating-point one.
///
/// # Source
/// Srivastava et al. (2014), "Dropout", scaled in training as MXNet 1.9.1, `nn.Dropout`.
pub fn dropout(x: &NdArray, rate: f64) -> Result<NdArray> {
    if !(0.0..=1.0).contains(&rate) {
        return Err(Error::Setting {
            setting: "rate",
            expected: "between 0 and 1",
            found: rate.to_string().into(),
        });
    }
    let compute = compute_type("dropout", &[x])?;
    if !is_training() || rate == 0.0 {
        return Ok(x.clone());
    }
    let edges = edges(&[x])?;
    let flat = Flat::new(x)?;
    let (stream, keep) = (current_stream(), 1.0 - rate);
    let scale = if keep > 0.0 { 1.0 / keep } else { 0.0 };
    let (y, mask) = for_float!(compute, T => {
        let mask = Buf::new::<T>(x.elem_count(), |mask| {
            fill_bernoulli(stream, 0, mask, keep, scale as T);
        });
        let y = Buf::new::<T>(x.elem_count(), |y| {
            kernel::zip(y, false, flat.slice(), mask.slice(), |x, mask| x * mask);
        });
        (y, mask)
    });
    Ok(output(Arc::new(y), x.dtype(), x.dims().clone(), edges, || Box::new(DropoutNode { mask })))
}
