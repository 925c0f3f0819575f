//! Convolutions over one, two or three spatial axes.

use std::sync::Arc;

use smallvec::SmallVec;

use super::window::{WindowSettings, of_channels_last, with_spatial};
use super::{Flat, compute_type, edges, output};
use crate::array::{Buf, Compute, NdArray, for_float};
use crate::autograd::{Op, Sinks};
use crate::cpu::conv::{self as kernel, Sizes};
use crate::cpu::dense::{Act, activate, activate_grad};
use crate::cpu::reduce;
use crate::error::{Error, Result};
use crate::shape::Dims;

/// How a convolution moves its window. A setting with one number holds for every spatial axis.
///
/// # Examples
/// ```
/// use gluonic::ops::ConvOptions;
/// let options = ConvOptions { strides: (2, 1).into(), padding: 1.into(), ..Default::default() };
/// assert_eq!(options.dilation.to_string(), "(1,)");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ConvOptions {
    /// The step from one window to the next; 1 if not said.
    pub strides: Dims,
    /// The zeros on both sides of the input; 0 if not said.
    pub padding: Dims,
    /// The step from one element under a window to the next; 1 if not said.
    pub dilation: Dims,
    /// The number of parts that the channels are split into, not connected with each other; 1 if
    /// not said.
    pub groups: usize,
    /// Whether the channels are on the last axis, of inputs, weights and outputs, and not on the
    /// second.
    pub channels_last: bool,
}

impl Default for ConvOptions {
    fn default() -> Self {
        let (one, none) = (Dims::from(1), Dims::from(0));
        ConvOptions {
            strides: one.clone(),
            padding: none,
            dilation: one,
            groups: 1,
            channels_last: false,
        }
    }
}

/// Lends pooled memory to kernels.
pub(super) fn scratch<T: Compute>(n: usize, f: &mut dyn FnMut(&mut [T])) {
    Buf::new::<T>(n, |memory| f(memory));
}

/// Axes with the last one in the second place.
pub(super) fn channels_first(rank: usize) -> Vec<isize> {
    let rank = rank as isize;
    [0, rank - 1].into_iter().chain(1..rank - 1).collect()
}

/// Axes with the second one in the last place.
pub(super) fn channels_last(rank: usize) -> Vec<isize> {
    [0].into_iter().chain(2..rank as isize).chain([1]).collect()
}

/// The number of spatial axes, and what is wrong with the ranks of input and weight.
pub(super) fn spatial_rank(op: &'static str, x: &Dims, weight: &Dims) -> Result<usize> {
    if !(3..=5).contains(&x.len()) {
        let needs = "it needs a batch axis, a channel axis and one to three spatial axes".into();
        return Err(Error::Misfit { op, input: x.into(), needs });
    }
    if weight.len() != x.len() {
        let needs = format!("weight {weight} is for {} axes", weight.len()).into();
        return Err(Error::Misfit { op, input: x.into(), needs });
    }
    Ok(x.len() - 2)
}

pub(super) struct ConvNode {
    pub(super) sizes: Sizes,
    /// Whether this is the gradient of a convolution: input and output have changed places.
    pub(super) transposed: bool,
    pub(super) x: Flat,
    pub(super) weight: Flat,
    pub(super) y: Option<(Act, Arc<Buf>)>,
}

impl Op for ConvNode {
    fn backward(&self, mut grad: Arc<Buf>, sinks: &mut Sinks<'_>) -> Result<()> {
        let sizes = &self.sizes;
        for_float!(grad.dtype(), T => {
            if let Some((act, y)) = &self.y {
                grad = Arc::new(Buf::new::<T>(grad.len(), |out| {
                    activate_grad(*act, out, false, grad.slice(), y.slice());
                }));
            }
            let (g, x, weight) = (grad.slice::<T>(), self.x.slice::<T>(), self.weight.slice::<T>());
            sinks.write::<T>(1, weight.len(), |out, add| {
                let parts = sizes.parts();
                let pair = if self.transposed { (x, g) } else { (g, x) };
                let n = if parts == 1 { 0 } else { parts * weight.len() };
                scratch::<T>(n, &mut |parts| {
                    kernel::backward_weight(sizes, out, add, pair, parts, &scratch::<T>);
                });
            })?;
            if sinks.edges.len() > 2 {
                let channels = if self.transposed { sizes.c_in } else { sizes.c_out };
                let channels = sizes.groups * channels;
                sinks.write::<T>(2, channels, |out, add| {
                    let partial = sizes.n * channels;
                    scratch::<T>(partial, &mut |sums| {
                        let n = g.len() / partial.max(1);
                        reduce::sum_axis(sums, false, g, n, 1);
                        reduce::sum_axis(out, add, sums, sizes.n, channels);
                    });
                })?;
            }
            sinks.write::<T>(0, x.len(), |out, add| {
                if self.transposed {
                    kernel::forward(sizes, out, add, g, weight, &scratch::<T>, &|_| ());
                } else {
                    kernel::backward_input(sizes, out, add, g, weight, &scratch::<T>, &|_| ());
                }
            })
        })
    }
}

/// The convolution `y = w ∗ x + b` over one, two or three spatial axes: at each place of the
/// window, the products of the elements under it with the weight are summed. As in every neural
/// network library the window is not mirrored, so this is what mathematicians call correlation.
///
/// # Shapes
/// `x` is `(batch, in_channels, *spatial)`, `weight` `(channels, in_channels / groups, *kernel)`,
/// `bias` `(channels,)`; the result is `(batch, channels, *places)` with
/// `places = ⌊(size + 2 · padding - dilation · (kernel - 1) - 1) / stride⌋ + 1`. With
/// `channels_last` the channels of all but the bias are on the last axis.
///
/// # Memory
/// The columns under the windows are unfolded a tile at a time, as much as the cache holds. With
/// `channels_last` input and output are copied, since the kernels compute with channels first.
///
/// # Errors
/// [`Error::Misfit`] if ranks or channels do not fit; [`Error::Window`] if the window is larger
/// than the padded input; [`Error::Setting`] for a setting of 0 or of another number of axes;
/// [`Error::Groups`] if the groups do not divide the channels; [`Error::DTypeMismatch`] if the
/// element types differ, [`Error::NoArithmetic`] if they are not floating-point.
///
/// # Examples
/// ```
/// use gluonic::{DType, NdArray, ops};
/// let x = NdArray::arange::<f32>(9).reshape((1, 1, 3, 3))?;
/// let weight = NdArray::ones((1, 1, 2, 2), DType::F32)?;
/// let y = ops::conv(&x, &weight, None, &ops::ConvOptions::default())?;
/// assert_eq!(y.to_vec::<f32>()?, [8.0, 12.0, 20.0, 24.0]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// LeCun et al. (1998), "Gradient-based learning applied to document recognition", §II.A; MXNet
/// 1.9.1, `Convolution`.
#[doc(alias = "Convolution", alias = "conv1d", alias = "conv2d", alias = "conv3d")]
pub fn conv(
    x: &NdArray,
    weight: &NdArray,
    bias: Option<&NdArray>,
    options: &ConvOptions,
) -> Result<NdArray> {
    conv_act(x, weight, bias, options, None)
}

/// The shape rule with channels first.
fn plan(
    x: &Dims,
    weight: &Dims,
    bias: Option<&Dims>,
    options: &ConvOptions,
) -> Result<(Sizes, Dims)> {
    const OP: &str = "conv";
    let rank = spatial_rank(OP, x, weight)?;
    let groups = options.groups;
    if weight[0].checked_rem(groups) != Some(0) {
        return Err(Error::Groups { groups, size: weight[0], shape: weight.into() });
    }
    let misfit =
        |needs: String| Err(Error::Misfit { op: OP, input: x.into(), needs: needs.into() });
    if weight[1].checked_mul(groups) != Some(x[1]) {
        let wanted = weight[1].saturating_mul(groups);
        return misfit(format!("it has {} channels, weight {weight} needs {wanted}", x[1]));
    }
    if let Some(bias) = bias
        && **bias != [weight[0]]
    {
        return misfit(format!(
            "weight {weight} needs a bias of shape ({},), found {bias}",
            weight[0]
        ));
    }
    let kernel_size = Dims::from(&weight[2..]);
    let settings = WindowSettings {
        op: OP,
        kernel: &kernel_size,
        strides: &options.strides,
        padding: &options.padding,
        dilation: &options.dilation,
    };
    let windows = settings.over(x, 2, rank, false)?;
    let sizes = Sizes { n: x[0], groups, c_in: weight[1], c_out: weight[0] / groups, windows };
    Ok((sizes, with_spatial(x, weight[0], &windows.output, false)))
}

/// [`conv`] with an activation, in one pass.
pub(crate) fn conv_act(
    x: &NdArray,
    weight: &NdArray,
    bias: Option<&NdArray>,
    options: &ConvOptions,
    act: Option<Act>,
) -> Result<NdArray> {
    if options.channels_last {
        let rank = spatial_rank("conv", x.dims(), weight.dims())? + 2;
        let first = channels_first(rank);
        let options = ConvOptions { channels_last: false, ..options.clone() };
        let (moved, weight) = (x.permute(&first)?, weight.permute(&first)?);
        let y = conv_act(&moved, &weight, bias, &options, act);
        let y = y.map_err(|error| of_channels_last(error, x.dims()))?;
        return y.permute(&channels_last(rank));
    }
    let inputs: SmallVec<[&NdArray; 3]> = [x, weight].into_iter().chain(bias).collect();
    let compute = compute_type("conv", &inputs)?;
    let (sizes, dims) = plan(x.dims(), weight.dims(), bias.map(NdArray::dims), options)?;
    if let Some(shape) = NdArray::planned(&dims, x.dtype())? {
        return Ok(shape);
    }
    let n = dims.elem_count();
    let edges = edges(&inputs)?;
    let (xs, ws) = (Flat::new(x)?, Flat::new(weight)?);
    let bs = bias.map(Flat::new).transpose()?;
    let y = Arc::new(for_float!(compute, T => Buf::new::<T>(n, |y| {
        if let Some(bs) = &bs {
            fill_channels(y, bs.slice::<T>(), sizes.windows.places());
        }
        let (xs, ws) = (xs.slice::<T>(), ws.slice::<T>());
        kernel::forward(&sizes, y, bs.is_some(), xs, ws, &scratch::<T>, &|y| {
            if let Some(act) = act {
                activate(act, y);
            }
        });
    })));
    Ok(output(y.clone(), x.dtype(), dims, edges, || {
        let y = act.map(|act| (act, y));
        Box::new(ConvNode { sizes, transposed: false, x: xs, weight: ws, y })
    }))
}

/// Fills the elements of each channel with its bias.
pub(super) fn fill_channels<T: Compute>(y: &mut [T], bias: &[T], each: usize) {
    if each * bias.len() == 0 {
        return;
    }
    for sample in y.chunks_exact_mut(bias.len() * each) {
        sample.chunks_exact_mut(each).zip(bias).for_each(|(channel, bias)| channel.fill(*bias));
    }
}
