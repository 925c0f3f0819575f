//! What convolution layers have beside their parameters: their options, checked, and the forward.

use std::fmt;
use std::sync::Arc;

use super::activation::{Activation, ActivationLayer};
use super::block::{Block, BlockExt};
use super::core::BlockCore;
use super::layout::DataLayout;
use crate::array::{DType, NdArray, with_shapes_only};
use crate::cpu::dense::Act;
use crate::error::{Error, Result};
use crate::init::{Initializer, Layout, Zero};
use crate::ops::ConvOptions;
use crate::ops::conv::conv_act;
use crate::ops::conv_transpose::conv_transpose_act;
use crate::param::{Kind, ParamSpec, Parameter, ParameterDict};
use crate::shape::{Dims, Shape};

/// The options of a convolution layer. A size with one number holds for every spatial axis.
#[derive(Clone, Debug)]
pub struct ConvConfig {
    /// The number of output channels; 1 or more.
    pub channels: usize,
    /// The size of the window.
    pub kernel_size: Dims,
    /// The step from one window to the next. Default: 1.
    pub strides: Dims,
    /// The zeros on both sides of the input. Default: 0.
    pub padding: Dims,
    /// What is added at the end of the output, of transposed layers only. Default: 0.
    pub output_padding: Dims,
    /// The step from one element under a window to the next. Default: 1.
    pub dilation: Dims,
    /// The parts that the channels are split into, not connected with each other. Default: 1.
    pub groups: usize,
    /// Where the channels are. Default: on axis 1.
    pub layout: DataLayout,
    /// The number of input channels, if it is known.
    pub in_channels: Option<usize>,
    /// Whether a bias is added. Default: yes.
    pub use_bias: bool,
    /// What is applied to the outputs.
    pub activation: Option<Activation>,
    /// The parameters' element type. Default: `f32`.
    pub dtype: DType,
    /// The weight's own initializer. Default: that of the whole block.
    pub weight_initializer: Option<Arc<dyn Initializer>>,
    /// The bias's own initializer. Default: zeros.
    pub bias_initializer: Option<Arc<dyn Initializer>>,
    /// An explicit prefix, used as it is.
    pub prefix: Option<String>,
    /// Parameters to share.
    pub params: Option<ParameterDict>,
}

impl Default for ConvConfig {
    fn default() -> Self {
        let options = ConvOptions::default();
        ConvConfig {
            channels: 1,
            kernel_size: 1.into(),
            strides: options.strides,
            padding: options.padding,
            output_padding: 0.into(),
            dilation: options.dilation,
            groups: options.groups,
            layout: DataLayout::default(),
            in_channels: None,
            use_bias: true,
            activation: None,
            dtype: DType::F32,
            weight_initializer: None,
            bias_initializer: Some(Arc::new(Zero)),
            prefix: None,
            params: None,
        }
    }
}

/// What a layer has beside its parameters.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    spatial: usize,
    transposed: bool,
    channels: usize,
    kernel: Dims,
    pub(super) options: ConvOptions,
    output_padding: Dims,
}

/// A setting of each spatial axis.
pub(super) fn each_axis(
    setting: &'static str,
    values: &Dims,
    spatial: usize,
    least: usize,
) -> Result<Dims> {
    let fail =
        |expected, found: String| Err(Error::Setting { setting, expected, found: found.into() });
    let all = match values.len() {
        1 => vec![values[0]; spatial],
        n if n == spatial => values.to_vec(),
        _ => {
            let expected = "one number, or one for each spatial axis";
            return fail(expected, format!("{values} for {spatial} axes"));
        }
    };
    if all.iter().any(|value| *value < least) {
        return fail("1 or more", values.to_string());
    }
    Ok(all.into())
}

/// The core, the parameters and the settings of a layer.
pub(super) type Parts = (BlockCore, Parameter, Option<Parameter>, Settings);

pub(super) fn build(
    class: &'static str,
    spatial: usize,
    transposed: bool,
    config: ConvConfig,
) -> Result<Parts> {
    let fail = |setting, expected, found: String| {
        Err(Error::Setting { setting, expected, found: found.into() })
    };
    if config.channels == 0 {
        return fail("channels", "1 or more", "0".into());
    }
    if config.in_channels == Some(0) {
        return fail("in_channels", "1 or more", "0".into());
    }
    let groups = config.groups;
    if config.channels.checked_rem(groups) != Some(0) {
        let found = format!("{groups} for {}", config.channels);
        return fail("groups", "a divisor of channels", found);
    }
    if let Some(n) = config.in_channels
        && n % groups != 0
    {
        return fail("groups", "a divisor of in_channels", format!("{groups} for {n}"));
    }
    if !config.dtype.is_float() {
        return fail("dtype", "a floating-point type", config.dtype.to_string());
    }
    let kernel = each_axis("kernel_size", &config.kernel_size, spatial, 1)?;
    let options = ConvOptions {
        strides: each_axis("strides", &config.strides, spatial, 1)?,
        padding: each_axis("padding", &config.padding, spatial, 0)?,
        dilation: each_axis("dilation", &config.dilation, spatial, 1)?,
        groups,
        channels_last: config.layout.is_last(),
    };
    let output_padding = each_axis("output_padding", &config.output_padding, spatial, 0)?;
    let steps = options.strides.iter().zip(options.dilation.iter()).map(|(a, b)| *a.max(b));
    if !transposed && output_padding.iter().any(|n| *n > 0) {
        let expected = "0, as the layer is not a transposed one";
        return fail("output_padding", expected, output_padding.to_string());
    }
    if transposed && output_padding.iter().zip(steps).any(|(n, step)| *n >= step) {
        let expected = "smaller than the strides or the dilation";
        return fail("output_padding", expected, output_padding.to_string());
    }
    let core = BlockCore::with(class, "conv", config.prefix.as_deref(), config.params.as_ref());
    let settings = Settings {
        spatial,
        transposed,
        channels: config.channels,
        kernel,
        options,
        output_padding,
    };
    let layout = if transposed {
        Layout::ConvTranspose { groups, channels_last: settings.options.channels_last }
    } else {
        Layout::Conv { groups, channels_last: settings.options.channels_last }
    };
    let weight = ParamSpec::new(settings.weight_shape(config.in_channels))
        .dtype(config.dtype)
        .init_opt(config.weight_initializer)
        .layout(layout)
        .deferred();
    let bias = ParamSpec::new(config.channels)
        .dtype(config.dtype)
        .init_opt(config.bias_initializer)
        .kind(Kind::Bias)
        .deferred();
    let weight = core.get("weight", &weight)?;
    let bias = if config.use_bias { Some(core.get("bias", &bias)?) } else { None };
    Ok((core, weight, bias, settings))
}

impl Settings {
    /// The weight's shape, with or without the number of input channels.
    fn weight_shape(&self, in_channels: Option<usize>) -> Shape {
        let groups = self.options.groups;
        let (first, second) = if self.transposed {
            (in_channels, Some(self.channels / groups))
        } else {
            (Some(self.channels), in_channels.map(|n| n / groups))
        };
        let mut shape = vec![first];
        let kernel = self.kernel.iter().copied().map(Some);
        if self.options.channels_last {
            shape.extend(kernel);
            shape.push(second);
        } else {
            shape.push(second);
            shape.extend(kernel);
        }
        shape.into()
    }

    fn apply(
        &self,
        x: &NdArray,
        weight: &NdArray,
        bias: Option<&NdArray>,
        act: Option<Act>,
    ) -> Result<NdArray> {
        if self.transposed {
            let extra = &self.output_padding;
            return conv_transpose_act(x, weight, bias, &self.options, extra, act);
        }
        conv_act(x, weight, bias, &self.options, act)
    }

    /// Tells the parameters the number of input channels, if `x` fits the layer in all else, and
    /// gives them their values if that was all they were waiting for.
    fn infer(&self, x: &NdArray, weight: &Parameter, bias: Option<&Parameter>) -> Result<()> {
        let op = if self.transposed { "conv_transpose" } else { "conv" };
        let misfit =
            |needs: String| Err(Error::Misfit { op, input: x.dims().into(), needs: needs.into() });
        if x.rank() != self.spatial + 2 {
            let word = if self.options.channels_last {
                DataLayout::ChannelsLast.word(self.spatial)
            } else {
                DataLayout::ChannelsFirst.word(self.spatial)
            };
            return misfit(format!("it needs {} axes, {word}", self.spatial + 2));
        }
        let axis = if self.options.channels_last { x.rank() - 1 } else { 1 };
        let (channels, groups) = (x.dims()[axis], self.options.groups);
        if channels % groups != 0 {
            return misfit(format!("{groups} groups do not divide its {channels} channels"));
        }
        let shape = self.weight_shape(Some(channels));
        if let Some(dims) = shape.dims() {
            let weight = NdArray::shape_only(dims, x.dtype())?;
            with_shapes_only(|| self.apply(x, &weight, None, None))?;
        }
        weight.finish_deferred(shape)?;
        match bias {
            Some(bias) => bias.finish_deferred(self.channels),
            None => Ok(()),
        }
    }

    pub(super) fn forward(
        &self,
        x: &NdArray,
        weight: &Parameter,
        bias: Option<&Parameter>,
        activation: Option<&ActivationLayer>,
    ) -> Result<NdArray> {
        let value = |parameter: &Parameter| match parameter.data() {
            Err(Error::Deferred { .. }) => {
                self.infer(x, weight, bias).map_err(|error| error.at(weight.name()))?;
                parameter.data()
            }
            data => data,
        };
        let (w, b) = (value(weight)?, bias.map(value).transpose()?);
        // The activation is fused, unless somebody watches it.
        let (fused, layer) = match activation {
            Some(layer) if layer.core().is_watched() => (None, Some(layer)),
            Some(layer) => (Some(layer.activation().act()), None),
            None => (None, None),
        };
        let y = self.apply(x, &w, b.as_ref(), fused);
        let y = y.map_err(|error| error.at(weight.name()))?;
        match layer {
            Some(layer) => layer.call(&y),
            None => Ok(y),
        }
    }

    /// As Gluon prints it. Its `in -> out` are axes 1 and 0 of the weight, whatever they mean.
    pub(super) fn print(
        &self,
        core: &BlockCore,
        weight: &Parameter,
        bias: bool,
        activation: Option<&ActivationLayer>,
        f: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        let axis = |i: usize| weight.shape().and_then(|shape| shape.get(i).copied().flatten());
        write!(f, "{}(", core.class())?;
        match axis(1) {
            Some(n) => write!(f, "{n}")?,
            None => f.write_str("None")?,
        }
        let options = &self.options;
        let (kernel, strides) = (&self.kernel, &options.strides);
        write!(f, " -> {}, kernel_size={kernel}, stride={strides}", axis(0).unwrap_or_default())?;
        if options.padding.iter().any(|n| *n != 0) {
            write!(f, ", padding={}", options.padding)?;
        }
        if options.dilation.iter().any(|n| *n != 1) {
            write!(f, ", dilation={}", options.dilation)?;
        }
        if options.groups != 1 {
            write!(f, ", groups={}", options.groups)?;
        }
        if !bias {
            f.write_str(", bias=False")?;
        }
        if let Some(activation) = activation {
            write!(f, ", {activation}")?;
        }
        f.write_str(")")
    }
}
