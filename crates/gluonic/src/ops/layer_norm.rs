//! Normalizations of each sample by itself: of layers, groups of channels, channels.

use std::sync::Arc;

use smallvec::SmallVec;

use super::batch_norm::{affine_type, check_channels, elements, put};
use super::conv::scratch;
use super::{Flat, edges, output, resolve_axis};
use crate::array::{Buf, NdArray, for_float};
use crate::autograd::{Op, Sinks};
use crate::cpu::Float as _;
use crate::cpu::norm::{ByChannel, map, normalize_rows, sum_channels, sums};
use crate::error::{Error, Result};

/// The input seen as rows, each normalized by itself.
#[derive(Clone, Copy)]
struct RowSizes {
    rows: usize,
    n: usize,
    /// The number of scales and shifts, and for how many elements one after another each holds;
    /// after the last comes the first again.
    params: usize,
    inner: usize,
    /// Whether the mean is taken away.
    centered: bool,
}

impl RowSizes {
    fn len(&self) -> usize {
        self.rows * self.n
    }

    /// The rows as channels, for sums over each.
    fn by_row(&self) -> ByChannel {
        ByChannel { outer: 1, channels: self.rows, inner: self.n }
    }

    /// The elements that have one scale as channels.
    fn by_param(&self) -> ByChannel {
        let outer = self.len() / (self.params * self.inner).max(1);
        ByChannel { outer, channels: self.params, inner: self.inner }
    }
}

struct RowNormNode {
    rows: RowSizes,
    x: Flat,
    gamma: Option<Flat>,
    mean: Buf,
    inverse: Buf,
    gamma_at: Option<usize>,
    beta_at: Option<usize>,
}

impl Op for RowNormNode {
    fn backward(&self, grad: Arc<Buf>, sinks: &mut Sinks<'_>) -> Result<()> {
        let (rows, n) = (self.rows, self.rows.params);
        let (by_row, by_param) = (rows.by_row(), rows.by_param());
        for_float!(grad.dtype(), T => {
            let (x, g) = (self.x.slice::<T>(), grad.slice::<T>());
            let (mean, inverse) = (self.mean.slice::<T>(), self.inverse.slice::<T>());
            if let Some(i) = self.gamma_at {
                sinks.write::<T>(i, n, |out, add| {
                    let mut sum = Buf::blank::<T>(n);
                    scratch::<T>(x.len(), &mut |products| {
                        let numbers = [mean, inverse, mean, inverse];
                        map(by_row, products, false, (x, g), numbers, |x, g, [a, b, ..]| {
                            g * ((x - a) * b)
                        });
                        scratch::<T>(by_param.partial(), &mut |memory| {
                            sum_channels(by_param, sum.slice_mut::<T>(), products, memory);
                        });
                    });
                    put(out, add, sum.slice::<T>());
                })?;
            }
            if let Some(i) = self.beta_at {
                sinks.write::<T>(i, n, |out, add| {
                    let mut sum = Buf::blank::<T>(n);
                    scratch::<T>(by_param.partial(), &mut |memory| {
                        sum_channels(by_param, sum.slice_mut::<T>(), g, memory);
                    });
                    put(out, add, sum.slice::<T>());
                })?;
            }
            sinks.write::<T>(0, x.len(), |out, add| {
                let gamma = elements(self.gamma.as_ref(), n, T::ONE);
                let gamma = gamma.slice::<T>();
                let (mut shifts, mut scales) =
                    (Buf::blank::<T>(rows.rows), Buf::blank::<T>(rows.rows));
                let (shifts, scales) = (shifts.slice_mut::<T>(), scales.slice_mut::<T>());
                scratch::<T>(x.len(), &mut |scaled| {
                    map(by_param, scaled, false, (g, g), [gamma; 4], |_, g, [a, ..]| a * g);
                    let memory = if rows.n == 1 { x.len() } else { rows.rows };
                    scratch::<T>(memory, &mut |memory| {
                        if rows.centered {
                            sum_channels(by_row, shifts, scaled, memory);
                        }
                        let numbers = [mean, inverse];
                        sums(by_row, scales, (x, scaled), numbers, memory, |x, g, [a, b]| {
                            g * ((x - a) * b)
                        });
                    });
                    let count = T::of(rows.n as f64);
                    for ((shift, scale), b) in shifts.iter_mut().zip(&mut *scales).zip(inverse) {
                        (*shift, *scale) = (*shift / count, *scale * *b / count);
                    }
                    let numbers = [mean, inverse, &*shifts, &*scales];
                    map(by_row, out, add, (x, scaled), numbers, |x, g, [a, b, c, d]| {
                        b * (g - c - (x - a) * d)
                    });
                });
            })
        })
    }
}

fn normalize(
    op: &'static str,
    x: &NdArray,
    (gamma, beta): (Option<&NdArray>, Option<&NdArray>),
    rows: RowSizes,
    epsilon: f64,
) -> Result<NdArray> {
    let compute = affine_type(op, x, &[gamma, beta])?;
    check_channels(op, x, rows.params, &[("gamma", gamma), ("beta", beta)])?;
    if let Some(shape) = NdArray::planned(x.dims(), x.dtype())? {
        return Ok(shape);
    }
    let inputs: SmallVec<[&NdArray; 3]> = [x].into_iter().chain(gamma).chain(beta).collect();
    let edges = edges(&inputs)?;
    let (gamma_at, beta_at) = (gamma.map(|_| 1), beta.map(|_| inputs.len() - 1));
    let flat = Flat::new(x)?;
    let gamma = gamma.map(Flat::new).transpose()?;
    let beta = beta.map(Flat::new).transpose()?;
    let (y, mean, inverse) = for_float!(compute, T => {
           let (by_row, n, x) = (rows.by_row(), T::of(rows.n as f64), flat.slice::<T>());
           let mut statistics = (Buf::blank::<T>(rows.rows), Buf::blank::<T>(rows.rows));
           let (mean, inverse) =
               (statistics.0.slice_mut::<T>(), statistics.1.slice_mut::<T>());
           let memory = if rows.n == 1 { x.len() } else { rows.rows };
           scratch::<T>(memory, &mut |memory| {
               if rows.centered {
                   sum_channels(by_row, mean, x, memory);
                   for mean in &mut *mean {
    *mean /= n;
    }
               }
               let numbers = [&*mean, &*mean];
               sums(by_row, inverse, (x, x), numbers, memory, |x, _, [a, _]| (x - a) * (x - a));
           });
           for inverse in &mut *inverse {
               *inverse = T::ONE / (*inverse / n + T::of(epsilon)).sqrt();
           }
           let scale = elements(gamma.as_ref(), rows.params, T::ONE);
           let shift = elements(beta.as_ref(), rows.params, T::ZERO);
           let y = Buf::new::<T>(x.len(), |y| {
               let affine = (scale.slice::<T>(), shift.slice::<T>());
               normalize_rows(y, x, rows.n, (mean, inverse), affine, rows.inner);
           });
           (y, statistics.0, statistics.1)
       });
    Ok(output(Arc::new(y), x.dtype(), x.dims().clone(), edges, || {
        Box::new(RowNormNode { rows, x: flat, gamma, mean, inverse, gamma_at, beta_at })
    }))
}

/// Normalizes along an axis, moved to the end for that.
fn along_axis(
    op: &'static str,
    x: &NdArray,
    params: (Option<&NdArray>, Option<&NdArray>),
    axis: isize,
    epsilon: f64,
    centered: bool,
) -> Result<NdArray> {
    let (rank, axis) = (x.rank(), resolve_axis(op, axis, x.rank())?);
    if axis + 1 != rank {
        let mut swap: Vec<isize> = (0..rank as isize).collect();
        swap.swap(axis, rank - 1);
        let y = along_axis(op, &x.permute(&swap)?, params, -1, epsilon, centered)?;
        return y.permute(&swap);
    }
    let n = x.dims()[axis];
    let rows = x.dims()[..axis].iter().product();
    normalize(op, x, params, RowSizes { rows, n, params: n, inner: 1, centered }, epsilon)
}

/// Layer normalization: `y = (x - mean) / √(variance + epsilon) · gamma + beta`, where mean and
/// variance are those along one axis.
///
/// # Shapes
/// `x` has any shape with an axis `axis` (negative ones count from the end) of size `n`; `gamma`
/// and `beta`, 1 and 0 if not given, are `(n,)`, of the type of `x` or of the one in which it is
/// computed.
///
/// # Errors
/// [`Error::Axis`]; [`Error::Misfit`] if a parameter does not fit; [`Error::DTypeMismatch`] and
/// [`Error::NoArithmetic`].
///
/// # Examples
/// ```
/// use gluonic::{NdArray, ops};
/// let x = NdArray::from_slice(&[1.0_f64, 3.0, 10.0, 30.0], (2, 2))?;
/// assert_eq!(ops::layer_norm(&x, None, None, -1, 0.0)?.to_vec::<f64>()?, [-1.0, 1.0, -1.0, 1.0]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// Ba, Kiros and Hinton (2016), "Layer normalization", equation 4.
pub fn layer_norm(
    x: &NdArray,
    gamma: Option<&NdArray>,
    beta: Option<&NdArray>,
    axis: isize,
    epsilon: f64,
) -> Result<NdArray> {
    along_axis("layer_norm", x, (gamma, beta), axis, epsilon, true)
}

/// Normalization by the root mean square: `y = x / √(mean of x² + epsilon) · gamma`, the mean being
/// along one axis.
///
/// # Shapes
/// As [`layer_norm`].
///
/// # Errors
/// As [`layer_norm`].
///
/// # Examples
/// ```
/// use gluonic::{NdArray, ops};
/// let x = NdArray::from_slice(&[3.0_f64, -3.0], 2)?;
/// assert_eq!(ops::rms_norm(&x, None, -1, 0.0)?.to_vec::<f64>()?, [1.0, -1.0]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// Zhang and Sennrich (2019), "Root mean square layer normalization", equation 4.
pub fn rms_norm(
    x: &NdArray,
    gamma: Option<&NdArray>,
    axis: isize,
    epsilon: f64,
) -> Result<NdArray> {
    along_axis("rms_norm", x, (gamma, None), axis, epsilon, false)
}

/// Group normalization: as [`layer_norm`], where mean and variance are those of each group of
/// channels of each sample.
///
/// # Shapes
/// `x` is `(batch, channels, …)`, the channels in `groups` of equal size. `gamma` and `beta` are
/// `(channels,)`, as in the paper and PyTorch, or `(groups,)`, as in MXNet.
///
/// # Errors
/// [`Error::Setting`] if the groups do not divide the channels; [`Error::Misfit`] if there is no
/// axis of channels or a parameter does not fit; [`Error::DTypeMismatch`] and
/// [`Error::NoArithmetic`].
///
/// # Source
/// Wu and He (2018), "Group normalization", §3.
pub fn group_norm(
    x: &NdArray,
    gamma: Option<&NdArray>,
    beta: Option<&NdArray>,
    groups: usize,
    epsilon: f64,
) -> Result<NdArray> {
    by_groups("group_norm", x, (gamma, beta), groups, epsilon)
}

/// Instance normalization: as [`group_norm`], each channel a group of its own.
///
/// # Errors
/// As [`group_norm`].
///
/// # Source
/// Ulyanov, Vedaldi and Lempitsky (2016), "Instance normalization", equation 3.
pub fn instance_norm(
    x: &NdArray,
    gamma: Option<&NdArray>,
    beta: Option<&NdArray>,
    epsilon: f64,
) -> Result<NdArray> {
    let channels = x.dims().get(1).copied().unwrap_or_default();
    by_groups("instance_norm", x, (gamma, beta), channels.max(1), epsilon)
}

fn by_groups(
    op: &'static str,
    x: &NdArray,
    params: (Option<&NdArray>, Option<&NdArray>),
    groups: usize,
    epsilon: f64,
) -> Result<NdArray> {
    let [batch, channels, rest @ ..] = &**x.dims() else {
        let needs = "it needs a batch axis and a channel axis".into();
        return Err(Error::Misfit { op, input: x.dims().into(), needs });
    };
    if channels.checked_rem(groups) != Some(0) {
        let found = format!("{groups} for {channels}").into();
        let expected = "a divisor of the channels";
        return Err(Error::Setting { setting: "num_groups", expected, found });
    }
    let pixels: usize = rest.iter().product();
    let n = channels / groups * pixels;
    let given = params.0.or(params.1).map(|param| param.dims().clone());
    let per_group = given.is_some_and(|dims| *dims == [groups]) && groups != *channels;
    let (params_n, inner) = if per_group { (groups, n) } else { (*channels, pixels) };
    let rows = RowSizes { rows: batch * groups, n, params: params_n, inner, centered: true };
    normalize(op, x, params, rows, epsilon)
}
