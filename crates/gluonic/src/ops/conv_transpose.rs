//! Transposed convolutions: the gradient of a convolution with respect to its input, as a layer.

use std::sync::Arc;

use smallvec::SmallVec;

use super::conv::{
    ConvNode, ConvOptions, channels_first, channels_last, fill_channels, scratch, spatial_rank,
};
use super::window::{WindowSettings, of_channels_last, with_spatial};
use super::{Flat, compute_type, edges, output};
use crate::array::{Buf, NdArray, for_float};
use crate::cpu::conv::{self as kernel, Sizes};
use crate::cpu::dense::{Act, activate};
use crate::error::{Error, Result};
use crate::shape::Dims;

/// The transposed convolution: what the convolution with the same weight and options, from
/// `channels` to `in_channels`, gives back to its input. Each element of `x` is spread over a
/// window of the output.
///
/// # Shapes
/// `x` is `(batch, in_channels, *places)`, `weight` `(in_channels, channels / groups, *kernel)`,
/// `bias` `(channels,)`; the result is `(batch, channels, *spatial)` with `spatial = (places - 1) ·
/// stride - 2 · padding + dilation · (kernel - 1) + 1 + output_padding`. With `channels_last` the
/// channels of all but the bias are on the last axis.
///
/// # Errors
/// As [`conv`](super::conv); [`Error::Window`] too if nothing would be left of an axis;
/// [`Error::Setting`] if `output_padding` is as large as the strides and the dilation, so that
/// another input would have that output.
///
/// # Examples
/// ```
/// use gluonic::{DType, NdArray, ops};
/// let x = NdArray::from_slice(&[1.0_f32, 2.0], (1, 1, 2))?;
/// let weight = NdArray::ones((1, 1, 3), DType::F32)?;
/// let y = ops::conv_transpose(&x, &weight, None, &ops::ConvOptions::default(), 0)?;
/// assert_eq!(y.to_vec::<f32>()?, [1.0, 3.0, 3.0, 2.0]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// Zeiler et al. (2010), "Deconvolutional networks"; MXNet 1.9.1, `Deconvolution`.
#[doc(alias = "Deconvolution", alias = "conv_transpose2d")]
pub fn conv_transpose(
    x: &NdArray,
    weight: &NdArray,
    bias: Option<&NdArray>,
    options: &ConvOptions,
    output_padding: impl Into<Dims>,
) -> Result<NdArray> {
    conv_transpose_act(x, weight, bias, options, &output_padding.into(), None)
}

/// The shape rule with channels first.
fn plan(
    x: &Dims,
    weight: &Dims,
    bias: Option<&Dims>,
    options: &ConvOptions,
    output_padding: &Dims,
) -> Result<(Sizes, Dims)> {
    const OP: &str = "conv_transpose";
    let rank = spatial_rank(OP, x, weight)?;
    let groups = options.groups;
    if weight[0].checked_rem(groups) != Some(0) {
        return Err(Error::Groups { groups, size: weight[0], shape: weight.into() });
    }
    let misfit =
        |needs: String| Err(Error::Misfit { op: OP, input: x.into(), needs: needs.into() });
    if weight[0] != x[1] {
        let wanted = weight[0];
        return misfit(format!("it has {} channels, weight {weight} needs {wanted}", x[1]));
    }
    let too_large = || Error::TooLarge { shape: weight.into() };
    let channels = weight[1].checked_mul(groups).ok_or_else(too_large)?;
    if let Some(bias) = bias
        && **bias != [channels]
    {
        return misfit(format!(
            "weight {weight} needs a bias of shape ({channels},), found {bias}"
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
    let windows = settings.transposed(x, 2, rank, output_padding)?;
    let sizes = Sizes { n: x[0], groups, c_in: weight[1], c_out: weight[0] / groups, windows };
    Ok((sizes, with_spatial(x, channels, &windows.input, false)))
}

/// [`conv_transpose`] with an activation, in one pass.
pub(crate) fn conv_transpose_act(
    x: &NdArray,
    weight: &NdArray,
    bias: Option<&NdArray>,
    options: &ConvOptions,
    output_padding: &Dims,
    act: Option<Act>,
) -> Result<NdArray> {
    if options.channels_last {
        let rank = spatial_rank("conv_transpose", x.dims(), weight.dims())? + 2;
        let first = channels_first(rank);
        let options = ConvOptions { channels_last: false, ..options.clone() };
        let (moved, weight) = (x.permute(&first)?, weight.permute(&first)?);
        let y = conv_transpose_act(&moved, &weight, bias, &options, output_padding, act);
        let y = y.map_err(|error| of_channels_last(error, x.dims()))?;
        return y.permute(&channels_last(rank));
    }
    let inputs: SmallVec<[&NdArray; 3]> = [x, weight].into_iter().chain(bias).collect();
    let compute = compute_type("conv_transpose", &inputs)?;
    let bias_dims = bias.map(NdArray::dims);
    let (sizes, dims) = plan(x.dims(), weight.dims(), bias_dims, options, output_padding)?;
    if let Some(shape) = NdArray::planned(&dims, x.dtype())? {
        return Ok(shape);
    }
    let n = dims.elem_count();
    let edges = edges(&inputs)?;
    let (xs, ws) = (Flat::new(x)?, Flat::new(weight)?);
    let bs = bias.map(Flat::new).transpose()?;
    let y = Arc::new(for_float!(compute, T => Buf::new::<T>(n, |y| {
        if let Some(bs) = &bs {
            fill_channels(y, bs.slice::<T>(), sizes.windows.pixels());
        }
        let (xs, ws) = (xs.slice::<T>(), ws.slice::<T>());
        kernel::backward_input(&sizes, y, bs.is_some(), xs, ws, &scratch::<T>, &|y| {
            if let Some(act) = act {
                activate(act, y);
            }
        });
    })));
    Ok(output(y.clone(), x.dtype(), dims, edges, || {
        let y = act.map(|act| (act, y));
        Box::new(ConvNode { sizes, transposed: true, x: xs, weight: ws, y })
    }))
}
