//! Convolution layers and transposed ones, over one to three spatial axes.

use std::fmt;
use std::sync::Arc;

use super::Forward;
use super::activation::{Activation, ActivationLayer};
use super::block::{Block, BlockExt};
use super::core::BlockCore;
use super::layout::DataLayout;
use crate::array::{DType, NdArray, with_shapes_only};
use crate::cpu::dense::Act;
use crate::error::{Error, Result, or_panic};
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
struct Settings {
    spatial: usize,
    transposed: bool,
    channels: usize,
    kernel: Dims,
    options: ConvOptions,
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
type Parts = (BlockCore, Parameter, Option<Parameter>, Settings);

fn build(
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

    fn forward(
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
            Some(layer) if layer.core().has_hooks() => (None, Some(layer)),
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
    fn print(
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

macro_rules! conv_layers {
    ($($(#[$meta:meta])* $name:ident, $spatial:literal, $transposed:literal;)*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, gluonic_derive::Block)]
        #[block(display = "Self::print")]
        pub struct $name {
            core: BlockCore,
            weight: Parameter,
            bias: Option<Parameter>,
            #[block(key = "act")]
            activation: Option<ActivationLayer>,
            #[block(skip)]
            settings: Settings,
        }

        impl $name {
            /// A layer of `channels` outputs, 1 or more, with a window of `kernel_size`.
            ///
            /// # Panics
            /// If a number is 0, or `kernel_size` is for another number of axes;
            #[doc = concat!("[`", stringify!($name), "::with`] returns a `Result`.")]
            pub fn new(channels: usize, kernel_size: impl Into<Dims>) -> Self {
                let kernel_size = kernel_size.into();
                or_panic(Self::with(ConvConfig { channels, kernel_size, ..ConvConfig::default() }))
            }

            /// A layer with everything said.
            ///
            /// # Errors
            /// [`Error::Setting`] if channels, window, strides or dilation are 0, a size is for
            /// another number of axes, the groups do not divide the channels, or the element type
            /// is not a floating-point one; [`Error::Attribute`] if a shared parameter does not
            /// fit.
            pub fn with(config: ConvConfig) -> Result<Self> {
                let activation = config.activation;
                let (core, weight, bias, settings) =
                    build(stringify!($name), $spatial, $transposed, config)?;
                let layer = $name { core, weight, bias, activation: None, settings };
                Ok(match activation {
                    Some(activation) => layer.activation(activation),
                    None => layer,
                })
            }

            /// The same layer with an activation on its outputs.
            #[must_use]
            pub fn activation(self, activation: Activation) -> Self {
                let prefix = format!("{activation}_");
                let make = || ActivationLayer::with_prefix(&prefix, activation);
                let layer = self.core.name_scope(make);
                $name { activation: Some(layer), ..self }
            }

            /// The same layer with other steps from one window to the next.
            ///
            /// # Panics
            /// If one is 0, or they are for another number of axes.
            #[must_use]
            pub fn strides(mut self, strides: impl Into<Dims>) -> Self {
                let strides = each_axis("strides", &strides.into(), $spatial, 1);
                self.settings.options.strides = or_panic(strides);
                self
            }

            /// The same layer with zeros on both sides of its input.
            ///
            /// # Panics
            /// If they are for another number of axes.
            #[must_use]
            pub fn padding(mut self, padding: impl Into<Dims>) -> Self {
                let padding = each_axis("padding", &padding.into(), $spatial, 0);
                self.settings.options.padding = or_panic(padding);
                self
            }

            /// The same layer with other steps from one element under a window to the next.
            ///
            /// # Panics
            /// If one is 0, or they are for another number of axes.
            #[must_use]
            pub fn dilation(mut self, dilation: impl Into<Dims>) -> Self {
                let dilation = each_axis("dilation", &dilation.into(), $spatial, 1);
                self.settings.options.dilation = or_panic(dilation);
                self
            }

            fn print(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let (bias, activation) = (self.bias.is_some(), self.activation.as_ref());
                self.settings.print(&self.core, &self.weight, bias, activation, f)
            }
        }

        impl Forward for $name {
            fn forward(&self, x: &NdArray) -> Result<NdArray> {
                let (bias, activation) = (self.bias.as_ref(), self.activation.as_ref());
                self.settings.forward(x, &self.weight, bias, activation)
            }
        }
    )*};
}

conv_layers! {
    /// A convolution along one axis: see [`Conv2D`] and [`ops::conv`](crate::ops::conv).
    ///
    /// # Shapes
    /// `(batch, in_channels, width)` gives `(batch, channels, places)`.
    ///
    /// # Source
    /// MXNet 1.9.1, `gluon/nn/conv_layers.py`, class `Conv1D`.
    Conv1D, 1, false;

    /// A convolution of images: `act(w ∗ x + b)`, see [`ops::conv`](crate::ops::conv).
    ///
    /// # Shapes
    /// `(batch, in_channels, height, width)` gives `(batch, channels, places, places)`. `W` is
    /// `(channels, in_channels / groups, height, width)`, `b` `(channels,)`. `in_channels` may be
    /// unknown until the first forward.
    ///
    /// # Errors
    /// [`Error::Misfit`] or [`Error::Window`], with the weight's name, when an input does not fit:
    /// then a layer that waits for its `in_channels` goes on waiting.
    ///
    /// # Examples
    /// ```
    /// use gluonic::prelude::*;
    /// let layer = name::manager(|| Conv2D::new(20, 5).padding(2).activation(Activation::Relu));
    /// layer.initialize()?;
    /// let y = layer.call(&ops::uniform(0.0, 1.0, (2, 1, 28, 28))?)?;
    /// assert_eq!(y.dims().to_string(), "(2, 20, 28, 28)");
    /// assert_eq!(
    ///     layer.to_string(),
    ///     "Conv2D(1 -> 20, kernel_size=(5, 5), stride=(1, 1), padding=(2, 2), Activation(relu))"
    /// );
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// MXNet 1.9.1, `gluon/nn/conv_layers.py`, class `Conv2D`, and how it prints: the first number
    /// is that of the inputs of one group.
    Conv2D, 2, false;

    /// A convolution of volumes: see [`Conv2D`] and [`ops::conv`](crate::ops::conv).
    ///
    /// # Shapes
    /// `(batch, in_channels, depth, height, width)` gives `(batch, channels, places, places,
    /// places)`.
    ///
    /// # Source
    /// MXNet 1.9.1, `gluon/nn/conv_layers.py`, class `Conv3D`.
    Conv3D, 3, false;

    /// A transposed convolution along one axis: see [`Conv2DTranspose`].
    ///
    /// # Source
    /// MXNet 1.9.1, `gluon/nn/conv_layers.py`, class `Conv1DTranspose`.
    Conv1DTranspose, 1, true;

    /// A transposed convolution of images, which spreads each element over a window of the output:
    /// see [`ops::conv_transpose`](crate::ops::conv_transpose).
    ///
    /// # Shapes
    /// `(batch, in_channels, places, places)` gives `(batch, channels, height, width)`. `W` is
    /// `(in_channels, channels / groups, height, width)`, `b` `(channels,)`.
    ///
    /// # Examples
    /// ```
    /// use gluonic::prelude::*;
    /// let twice = Conv2DTranspose::new(8, 4).strides(2).padding(1);
    /// assert_eq!(twice.infer_shapes(&[(1, 3, 14, 14)])?.to_string(), "(1, 8, 28, 28)");
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// MXNet 1.9.1, `gluon/nn/conv_layers.py`, class `Conv2DTranspose`, and how it prints: the two
    /// numbers are those of outputs and inputs, and 0 is an unknown one.
    Conv2DTranspose, 2, true;

    /// A transposed convolution of volumes: see [`Conv2DTranspose`].
    ///
    /// # Source
    /// MXNet 1.9.1, `gluon/nn/conv_layers.py`, class `Conv3DTranspose`.
    Conv3DTranspose, 3, true;
}
