//! Poolings: the largest element or the mean under each window.

use std::sync::Arc;

use super::window::{WindowSettings, per_axis, with_spatial};
use super::{Flat, compute_type, edges, output};
use crate::array::{Buf, NdArray, for_float};
use crate::autograd::{Op, Sinks};
use crate::cpu::pool as kernel;
use crate::cpu::window::Windows;
use crate::error::{Error, Result};
use crate::shape::Dims;

/// How a pooling moves its window. A setting with one number holds for every spatial axis.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolOptions {
    /// The step from one window to the next; the window's own size if not said.
    pub strides: Option<Dims>,
    /// What is added on both sides of the input, smaller than the window; 0 if not said. It is
    /// never the largest element.
    pub padding: Dims,
    /// Whether a last window may reach beyond the padding, MXNet's convention `full`.
    pub ceil_mode: bool,
    /// Whether the mean counts the padding as elements of value 0 (the default).
    pub count_include_pad: bool,
    /// Whether the channels are on the last axis, and not on the second.
    pub channels_last: bool,
}

impl Default for PoolOptions {
    fn default() -> Self {
        PoolOptions {
            strides: None,
            padding: Dims::from(0),
            ceil_mode: false,
            count_include_pad: true,
            channels_last: false,
        }
    }
}

/// What a pooling computes, with its windows: the input is `(outer, pixels, inner)`.
#[derive(Clone, Copy)]
struct Plan {
    windows: Windows,
    inner: usize,
}

fn plan(
    op: &'static str,
    x: &Dims,
    pool_size: &Dims,
    options: &PoolOptions,
) -> Result<(Plan, Dims)> {
    if !(3..=5).contains(&x.len()) {
        let needs = "it needs a batch axis, a channel axis and one to three spatial axes".into();
        return Err(Error::Misfit { op, input: x.into(), needs });
    }
    let rank = x.len() - 2;
    let kernel = per_axis("pool_size", pool_size, rank)?;
    let padding = per_axis("padding", &options.padding, rank)?;
    if padding.iter().zip(&kernel).any(|(padding, kernel)| padding >= kernel) {
        let found = format!("{} for a pool_size of {pool_size}", options.padding).into();
        let expected = "smaller than the window";
        return Err(Error::Setting { setting: "padding", expected, found });
    }
    let dilation = Dims::from(1);
    let strides = options.strides.as_ref().unwrap_or(pool_size);
    let padding = &options.padding;
    let settings = WindowSettings { op, kernel: pool_size, strides, padding, dilation: &dilation };
    let first = if options.channels_last { 1 } else { 2 };
    let windows = settings.over(x, first, rank, options.ceil_mode)?;
    let channels = if options.channels_last { x[x.len() - 1] } else { x[1] };
    let inner = if options.channels_last { channels } else { 1 };
    let dims = with_spatial(x, channels, &windows.output, options.channels_last);
    Ok((Plan { windows, inner }, dims))
}

struct MaxNode {
    plan: Plan,
    n: usize,
    index: Buf,
}

impl Op for MaxNode {
    fn backward(&self, grad: Arc<Buf>, sinks: &mut Sinks<'_>) -> Result<()> {
        let Plan { windows, inner } = &self.plan;
        for_float!(grad.dtype(), T => sinks.write::<T>(0, self.n, |out, add| {
            kernel::max_grad(windows, *inner, out, add, grad.slice(), self.index.slice());
        }))
    }
}

struct MeanNode {
    plan: Plan,
    n: usize,
    count_padding: bool,
}

impl Op for MeanNode {
    fn backward(&self, grad: Arc<Buf>, sinks: &mut Sinks<'_>) -> Result<()> {
        let Plan { windows, inner } = &self.plan;
        for_float!(grad.dtype(), T => sinks.write::<T>(0, self.n, |out, add| {
            kernel::mean_grad(windows, *inner, self.count_padding, out, add, grad.slice());
        }))
    }
}

/// The largest element under each window; a NaN is larger than everything. The gradient of each
/// window goes to its largest element, the first in row-major order of several, as in MXNet and
/// PyTorch.
///
/// # Shapes
/// `x` is `(batch, channels, *spatial)` with one to three spatial axes; the result is `(batch,
/// channels, *places)` with `places = ⌊(size + 2 · padding - pool_size) / stride⌋ + 1`. With
/// `ceil_mode` the quotient is rounded up, but for a window that would see padding only: that is
/// left out.
///
/// # Errors
/// [`Error::Misfit`] if the rank does not fit; [`Error::Window`] if the window is larger than the
/// padded input; [`Error::Setting`] for a setting of 0, of another number of axes, or a padding as
/// large as the window; [`Error::NoArithmetic`] if the element type is not a floating-point one.
///
/// # Examples
/// ```
/// use gluonic::{NdArray, ops};
/// let x = NdArray::arange::<f32>(16).reshape((1, 1, 4, 4))?;
/// let y = ops::max_pool(&x, 2, &ops::PoolOptions::default())?;
/// assert_eq!(y.to_vec::<f32>()?, [5.0, 7.0, 13.0, 15.0]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `Pooling`. DIFFERENCE: it ignores a NaN, gives the lowest finite number for a
/// window in which there is nothing else, and has a last window that sees padding only.
#[doc(alias = "Pooling", alias = "max_pool2d")]
pub fn max_pool(x: &NdArray, pool_size: impl Into<Dims>, options: &PoolOptions) -> Result<NdArray> {
    let compute = compute_type("max_pool", &[x])?;
    let (plan, dims) = plan("max_pool", x.dims(), &pool_size.into(), options)?;
    if u32::try_from(plan.windows.pixels()).is_err() {
        return Err(Error::TooLarge { shape: x.dims().into() });
    }
    if let Some(shape) = NdArray::planned(&dims, x.dtype())? {
        return Ok(shape);
    }
    let n = dims.elem_count();
    let edges = edges(&[x])?;
    let flat = Flat::new(x)?;
    let Plan { windows, inner } = &plan;
    let (y, index) = for_float!(compute, T => {
        let mut index = Buf::new::<u32>(n, |_| ());
        let y = Buf::new::<T>(n, |y| {
            kernel::max(windows, *inner, y, index.slice_mut(), flat.slice());
        });
        (y, index)
    });
    Ok(output(Arc::new(y), x.dtype(), dims, edges, || {
        Box::new(MaxNode { plan, n: x.elem_count(), index })
    }))
}

/// The mean of the elements under each window.
///
/// # Shapes
/// As [`max_pool`].
///
/// # Errors
/// As [`max_pool`].
///
/// # Examples
/// ```
/// use gluonic::{NdArray, ops};
/// let x = NdArray::from_slice(&[2.0_f32, 4.0, 6.0], (1, 1, 3))?;
/// let y = ops::avg_pool(&x, 2, &ops::PoolOptions { ceil_mode: true, ..Default::default() })?;
/// assert_eq!(y.to_vec::<f32>()?, [3.0, 6.0]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `Pooling`.
#[doc(alias = "avg_pool2d", alias = "mean_pool")]
pub fn avg_pool(x: &NdArray, pool_size: impl Into<Dims>, options: &PoolOptions) -> Result<NdArray> {
    let compute = compute_type("avg_pool", &[x])?;
    let (plan, dims) = plan("avg_pool", x.dims(), &pool_size.into(), options)?;
    if let Some(shape) = NdArray::planned(&dims, x.dtype())? {
        return Ok(shape);
    }
    let n = dims.elem_count();
    let edges = edges(&[x])?;
    let flat = Flat::new(x)?;
    let count_padding = options.count_include_pad;
    let y = for_float!(compute, T => Buf::new::<T>(n, |y| {
        kernel::mean(&plan.windows, plan.inner, count_padding, y, flat.slice());
    }));
    Ok(output(Arc::new(y), x.dtype(), dims, edges, || {
        Box::new(MeanNode { plan, n: x.elem_count(), count_padding })
    }))
}
