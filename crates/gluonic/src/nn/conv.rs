//! Convolution layers and transposed ones, over one to three spatial axes.

use std::fmt;

use super::Forward;
use super::activation::{Activation, ActivationLayer};
use super::conv_settings::{ConvConfig, Settings, build, each_axis};
use super::core::BlockCore;
use crate::array::NdArray;
use crate::error::{Result, or_panic};
use crate::param::Parameter;
use crate::shape::Dims;

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
            /// [`Error::Setting`](crate::Error::Setting) if channels, window, strides or dilation are 0, a size is for
            /// another number of axes, the groups do not divide the channels, or the element type
            /// is not a floating-point one; [`Error::Attribute`](crate::Error::Attribute) if a shared parameter does not
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
    /// [`Error::Misfit`](crate::Error::Misfit) or [`Error::Window`](crate::Error::Window), with the weight's name, when an input does not fit:
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
