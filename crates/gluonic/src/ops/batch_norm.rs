//! Batch normalization: each channel by the mean and the variance of a batch, or by given ones.

use std::sync::Arc;

use smallvec::SmallVec;

use super::conv::scratch;
use super::{Flat, edges, output, resolve_axis};
use crate::array::{Buf, Compute, DType, NdArray, for_float, one_context, shapes_only};
use crate::autograd::{Op, Sinks};
use crate::cpu::Float as _;
use crate::cpu::norm::{ByChannel, map, sum_channels, sums};
use crate::error::{Error, Result};
use crate::shape::Dims;

/// The compute type of a normalization: its scale and shift are of the input's type, or of that in
/// which it is computed.
pub(super) fn affine_type(
    op: &'static str,
    x: &NdArray,
    params: &[Option<&NdArray>],
) -> Result<DType> {
    let dtype = x.dtype();
    let compute = dtype.compute().ok_or(Error::NoArithmetic { op, dtype })?;
    for param in params.iter().flatten() {
        if param.dtype() != compute {
            param.expect_dtype(dtype)?;
        }
    }
    Ok(compute)
}

/// Refuses a parameter that is not one number for each of `n` channels.
pub(super) fn check_channels(
    op: &'static str,
    x: &NdArray,
    n: usize,
    params: &[(&str, Option<&NdArray>)],
) -> Result<()> {
    for (name, param) in params {
        if let Some(param) = param
            && **param.dims() != [n]
        {
            let needs = format!("it needs a {name} of shape ({n},), found {}", param.dims()).into();
            return Err(Error::Misfit { op, input: x.dims().into(), needs });
        }
    }
    Ok(())
}

/// A parameter's elements, or `value` for each channel.
pub(super) fn elements<T: Compute>(param: Option<&Flat>, n: usize, value: T) -> Buf {
    Buf::new::<T>(n, |out| match param {
        Some(param) => out.copy_from_slice(param.slice()),
        None => out.fill(value),
    })
}

/// Adds a sum to a gradient, or makes it the gradient.
pub(super) fn put<T: Compute>(out: &mut [T], add: bool, sum: &[T]) {
    for (out, sum) in out.iter_mut().zip(sum) {
        *out = if add { *out + *sum } else { *sum };
    }
}

struct BatchNormNode {
    sizes: ByChannel,
    x: Flat,
    gamma: Option<Flat>,
    /// The mean and the inverse deviation of each channel.
    mean: Buf,
    inverse: Buf,
    /// Whether they are the batch's own.
    of_batch: bool,
    /// Which inputs gamma and beta are.
    gamma_at: Option<usize>,
    beta_at: Option<usize>,
}

impl Op for BatchNormNode {
    fn backward(&self, grad: Arc<Buf>, sinks: &mut Sinks<'_>) -> Result<()> {
        let (sizes, n) = (self.sizes, self.sizes.channels);
        for_float!(grad.dtype(), T => {
            let (x, g) = (self.x.slice::<T>(), grad.slice::<T>());
            let (mean, inverse) = (self.mean.slice::<T>(), self.inverse.slice::<T>());
            let (mut shifts, mut scales) = (Buf::blank::<T>(n), Buf::blank::<T>(n));
            let (shifts, scales) = (shifts.slice_mut::<T>(), scales.slice_mut::<T>());
            let memory = if sizes.inner == 1 { sizes.len() } else { sizes.partial() };
            scratch::<T>(memory, &mut |memory| {
                sum_channels(sizes, shifts, g, memory);
                sums(sizes, scales, (x, g), [mean, inverse], memory, |x, g, [a, b]| {
                    g * ((x - a) * b)
                });
            });
            if let Some(i) = self.gamma_at {
                sinks.write::<T>(i, n, |out, add| put(out, add, scales))?;
            }
            if let Some(i) = self.beta_at {
                sinks.write::<T>(i, n, |out, add| put(out, add, shifts))?;
            }
            let mut factor = elements(self.gamma.as_ref(), n, T::ONE);
            let factor = factor.slice_mut::<T>();
            factor.iter_mut().zip(inverse).for_each(|(factor, inverse)| *factor *= *inverse);
            let count = T::of(if self.of_batch { sizes.each() as f64 } else { f64::INFINITY });
            for ((shift, scale), inverse) in shifts.iter_mut().zip(&mut *scales).zip(inverse) {
                (*shift, *scale) = (*shift / count, *scale * *inverse / count);
            }
            sinks.write::<T>(0, x.len(), |out, add| {
                if self.of_batch {
                    let numbers = [mean, &*factor, &*shifts, &*scales];
                    map(sizes, out, add, (x, g), numbers, |x, g, [a, b, c, d]| {
                        b * (g - c - (x - a) * d)
                    });
                } else {
                    map(sizes, out, add, (x, g), [&*factor; 4], |_, g, [a, ..]| a * g);
                }
            })
        })
    }
}

/// The input seen as `(outer, channels, inner)`.
fn plan(op: &'static str, x: &NdArray, axis: isize) -> Result<ByChannel> {
    let axis = resolve_axis(op, axis, x.rank())?;
    let product = |dims: &[usize]| dims.iter().product();
    let (outer, inner) = (product(&x.dims()[..axis]), product(&x.dims()[axis + 1..]));
    Ok(ByChannel { outer, channels: x.dims()[axis], inner })
}

/// What [`batch_norm`] gives.
#[derive(Clone, Debug)]
pub struct BatchNormed {
    /// The normalized input.
    pub y: NdArray,
    /// The mean of each channel, without a gradient.
    pub mean: NdArray,
    /// The variance of each channel, divided by the number of its elements, without a gradient.
    pub variance: NdArray,
}

/// Batch normalization by the batch's own statistics: `y = (x - mean) / √(variance + epsilon) ·
/// gamma + beta`, where mean and variance are those of each channel, over all other axes.
///
/// # Shapes
/// `x` has any shape with an axis `axis` (negative ones count from the end) of channels; `gamma`
/// and `beta`, 1 and 0 if not given, are `(channels,)`, of the type of `x` or of the one in which
/// it is computed.
///
/// # Errors
/// [`Error::Empty`] if `x` has no element, as there is no mean of nothing; [`Error::Axis`];
/// [`Error::Misfit`] if a parameter does not fit; [`Error::DTypeMismatch`] and
/// [`Error::NoArithmetic`].
///
/// # Examples
/// ```
/// use gluonic::{NdArray, ops};
/// let x = NdArray::from_slice(&[1.0_f64, 10.0, 3.0, 30.0], (2, 2))?;
/// let normed = ops::batch_norm(&x, None, None, 1, 0.0)?;
/// assert_eq!(normed.y.to_vec::<f64>()?, [-1.0, -1.0, 1.0, 1.0]);
/// assert_eq!(normed.variance.to_vec::<f64>()?, [1.0, 100.0]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// Ioffe and Szegedy (2015), "Batch normalization", algorithm 1.
pub fn batch_norm(
    x: &NdArray,
    gamma: Option<&NdArray>,
    beta: Option<&NdArray>,
    axis: isize,
    epsilon: f64,
) -> Result<BatchNormed> {
    const OP: &str = "batch_norm";
    let compute = affine_type(OP, x, &[gamma, beta])?;
    let sizes = plan(OP, x, axis)?;
    check_channels(OP, x, sizes.channels, &[("gamma", gamma), ("beta", beta)])?;
    let channels = Dims::from(sizes.channels);
    if sizes.len() == 0 {
        return Err(Error::Empty { op: OP, shape: x.dims().into() });
    }
    if shapes_only() {
        let statistic = || NdArray::shape_only(&channels, compute);
        let y = NdArray::shape_only(x.dims(), x.dtype())?;
        return Ok(BatchNormed { y, mean: statistic()?, variance: statistic()? });
    }
    let flat = Flat::new(x)?;
    let (mean, variance) = for_float!(compute, T => {
           let (n, x) = (T::of(sizes.each() as f64), flat.slice::<T>());
           let mut statistics =
               (Buf::blank::<T>(sizes.channels), Buf::blank::<T>(sizes.channels));
           let (mean, variance) =
               (statistics.0.slice_mut::<T>(), statistics.1.slice_mut::<T>());
           let memory = if sizes.inner == 1 { sizes.len() } else { sizes.partial() };
           scratch::<T>(memory, &mut |memory| {
               sum_channels(sizes, mean, x, memory);
               for mean in &mut *mean {
    *mean /= n;
    }
               let numbers = [&*mean, &*mean];
               sums(sizes, variance, (x, x), numbers, memory, |x, _, [a, _]| (x - a) * (x - a));
               for variance in &mut *variance {
    *variance /= n;
    }
           });
           statistics
       });
    let (mean, variance) = (Arc::new(mean), Arc::new(variance));
    let y = normalize(x, flat, (gamma, beta), (&mean, &variance), sizes, epsilon, true)?;
    let statistic = |buf: Arc<Buf>| NdArray::from_buf_on(x.context(), buf, channels.clone());
    Ok(BatchNormed { y, mean: statistic(mean), variance: statistic(variance) })
}

/// Batch normalization by given statistics, which are taken for constants: as [`batch_norm`], but
/// an input without elements gives an output without elements.
///
/// # Errors
/// As [`batch_norm`].
pub fn batch_norm_by(
    x: &NdArray,
    gamma: Option<&NdArray>,
    beta: Option<&NdArray>,
    (mean, variance): (&NdArray, &NdArray),
    axis: isize,
    epsilon: f64,
) -> Result<NdArray> {
    const OP: &str = "batch_norm";
    let compute = affine_type(OP, x, &[gamma, beta, Some(mean), Some(variance)])?;
    let sizes = plan(OP, x, axis)?;
    let statistics = [("mean", Some(mean)), ("variance", Some(variance))];
    check_channels(OP, x, sizes.channels, &[("gamma", gamma), ("beta", beta)])?;
    check_channels(OP, x, sizes.channels, &statistics)?;
    if let Some(shape) = NdArray::planned(x.dims(), x.dtype())? {
        return Ok(shape);
    }
    let buf = |array: &NdArray| -> Result<Arc<Buf>> {
        let flat = Flat::new(array)?;
        Ok(Arc::new(for_float!(compute, T => Buf::from_vec(flat.slice::<T>().to_vec()))))
    };
    one_context(&[x, mean, variance])?;
    let (mean, variance) = (buf(mean)?, buf(variance)?);
    normalize(x, Flat::new(x)?, (gamma, beta), (&mean, &variance), sizes, epsilon, false)
}

fn normalize(
    x: &NdArray,
    flat: Flat,
    (gamma, beta): (Option<&NdArray>, Option<&NdArray>),
    (mean, variance): (&Buf, &Buf),
    sizes: ByChannel,
    epsilon: f64,
    of_batch: bool,
) -> Result<NdArray> {
    let inputs: SmallVec<[&NdArray; 3]> = [x].into_iter().chain(gamma).chain(beta).collect();
    let edges = edges(&inputs)?;
    let (gamma_at, beta_at) = (gamma.map(|_| 1), beta.map(|_| inputs.len() - 1));
    let gamma = gamma.map(Flat::new).transpose()?;
    let beta = beta.map(Flat::new).transpose()?;
    let n = sizes.channels;
    let mean = mean.copy();
    let (y, inverse) = for_float!(mean.dtype(), T => {
        let inverse = Buf::new::<T>(n, |out| {
            for (out, v) in out.iter_mut().zip(variance.slice::<T>()) {
                *out = T::ONE / (*v + T::of(epsilon)).sqrt();
            }
        });
        let mut factor = elements(gamma.as_ref(), n, T::ONE);
        let factor = factor.slice_mut::<T>();
        let pairs = factor.iter_mut().zip(inverse.slice::<T>());
        pairs.for_each(|(factor, inverse)| *factor *= *inverse);
        let shift = elements(beta.as_ref(), n, T::ZERO);
        let y = Buf::new::<T>(sizes.len(), |y| {
            let (mean, shift) = (mean.slice::<T>(), shift.slice::<T>());
            let x = flat.slice::<T>();
            let numbers = [mean, &*factor, shift, shift];
            map(sizes, y, false, (x, x), numbers, |x, _, [a, b, c, _]| (x - a) * b + c);
        });
        (y, inverse)
    });
    Ok(output(Arc::new(y), x.dtype(), x.dims().clone(), edges, || {
        Box::new(BatchNormNode {
            sizes,
            x: flat,
            gamma,
            mean,
            inverse,
            of_batch,
            gamma_at,
            beta_at,
        })
    }))
}
