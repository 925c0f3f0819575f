//! Pooling layers over one to three spatial axes.

use std::fmt;

use super::Forward;
use super::conv_settings::each_axis;
use super::core::BlockCore;
use super::layout::DataLayout;
use crate::array::NdArray;
use crate::error::{Error, Result, or_panic};
use crate::ops::{PoolOptions, avg_pool, max_pool};
use crate::shape::Dims;

/// The options of a pooling layer. A size with one number holds for every spatial axis.
#[derive(Clone, Debug)]
pub struct PoolConfig {
    /// The size of the window. Default: 2.
    pub pool_size: Dims,
    /// The step from one window to the next. Default: the size of the window.
    pub strides: Option<Dims>,
    /// What is added on both sides of the input, smaller than the window. Default: 0.
    pub padding: Dims,
    /// Whether a last window may reach beyond the padding. Default: no.
    pub ceil_mode: bool,
    /// Whether a mean counts the padding as elements of value 0. Default: yes.
    pub count_include_pad: bool,
    /// Where the channels are. Default: on axis 1.
    pub layout: DataLayout,
    /// An explicit prefix, used as it is.
    pub prefix: Option<String>,
}

impl Default for PoolConfig {
    fn default() -> Self {
        let options = PoolOptions::default();
        PoolConfig {
            pool_size: 2.into(),
            strides: options.strides,
            padding: options.padding,
            ceil_mode: options.ceil_mode,
            count_include_pad: options.count_include_pad,
            layout: DataLayout::default(),
            prefix: None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pooling {
    Max,
    Avg,
}

impl Pooling {
    fn name(self) -> &'static str {
        match self {
            Pooling::Max => "max",
            Pooling::Avg => "avg",
        }
    }
}

/// What a layer has beside its core.
#[derive(Clone, Debug)]
struct Settings {
    spatial: usize,
    pooling: Pooling,
    pool_size: Dims,
    options: PoolOptions,
    layout: DataLayout,
}

impl Settings {
    fn new(spatial: usize, pooling: Pooling, config: &PoolConfig) -> Result<Settings> {
        let pool_size = each_axis("pool_size", &config.pool_size, spatial, 1)?;
        let strides = config.strides.as_ref().unwrap_or(&pool_size);
        let strides = each_axis("strides", strides, spatial, 1)?;
        let padding = each_axis("padding", &config.padding, spatial, 0)?;
        if padding.iter().zip(pool_size.iter()).any(|(padding, size)| padding >= size) {
            let found = format!("{padding} for a pool_size of {pool_size}").into();
            let expected = "smaller than the window";
            return Err(Error::Setting { setting: "padding", expected, found });
        }
        let options = PoolOptions {
            strides: Some(strides),
            padding,
            ceil_mode: config.ceil_mode,
            count_include_pad: config.count_include_pad,
            channels_last: config.layout.is_last(),
        };
        Ok(Settings { spatial, pooling, pool_size, options, layout: config.layout })
    }

    fn check_rank(&self, x: &NdArray) -> Result<()> {
        if x.rank() == self.spatial + 2 {
            return Ok(());
        }
        let op = if self.pooling == Pooling::Max { "max_pool" } else { "avg_pool" };
        let word = self.layout.word(self.spatial);
        let needs = format!("it needs {} axes, {word}", self.spatial + 2).into();
        Err(Error::Misfit { op, input: x.dims().into(), needs })
    }

    fn forward(&self, core: &BlockCore, x: &NdArray) -> Result<NdArray> {
        let y = self.check_rank(x).and_then(|()| match self.pooling {
            Pooling::Max => max_pool(x, &self.pool_size, &self.options),
            Pooling::Avg => avg_pool(x, &self.pool_size, &self.options),
        });
        y.map_err(|error| error.in_block(core.name()))
    }

    fn forward_global(&self, core: &BlockCore, x: &NdArray) -> Result<NdArray> {
        let first = if self.layout.is_last() { 1 } else { 2 };
        let y = self.check_rank(x).and_then(|()| {
            let pool_size = Dims::from(&x.dims()[first..first + self.spatial]);
            if pool_size.contains(&0) {
                return Err(Error::Empty { op: "global pooling", shape: x.dims().into() });
            }
            if self.pooling == Pooling::Max {
                let channels_last = self.layout.is_last();
                let options = PoolOptions { channels_last, ..PoolOptions::default() };
                return max_pool(x, pool_size, &options);
            }
            let axes: Vec<isize> = (first..first + self.spatial).map(|i| i as isize).collect();
            x.mean_axes(&axes, true)
        });
        y.map_err(|error| error.in_block(core.name()))
    }

    fn print(&self, core: &BlockCore, global: bool, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |yes: bool| if yes { "True" } else { "False" };
        let one = Dims::from(vec![1; self.spatial]);
        let strides = self.options.strides.as_ref().unwrap_or(&self.pool_size);
        let (size, strides) = if global { (&one, &one) } else { (&self.pool_size, strides) };
        write!(
            f,
            "{}(size={size}, stride={strides}, padding={}, ceil_mode={}, global_pool={}, \
             pool_type={}, layout={})",
            core.class(),
            self.options.padding,
            word(self.options.ceil_mode || global),
            word(global),
            self.pooling.name(),
            self.layout.word(self.spatial),
        )
    }
}

macro_rules! pool_layers {
    ($($(#[$meta:meta])* $name:ident, $spatial:literal, $pooling:ident;)*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, gluonic_derive::Block)]
        #[block(display = "Self::print")]
        pub struct $name {
            core: BlockCore,
            #[block(skip)]
            settings: Settings,
        }

        impl $name {
            /// A layer with a window of `pool_size`, moved by its own size.
            ///
            /// # Panics
            /// If a size is 0, or they are for another number of axes;
            #[doc = concat!("[`", stringify!($name), "::with`] returns a `Result`.")]
            pub fn new(pool_size: impl Into<Dims>) -> Self {
                let pool_size = pool_size.into();
                or_panic(Self::with(PoolConfig { pool_size, ..PoolConfig::default() }))
            }

            /// A layer with everything said.
            ///
            /// # Errors
            /// [`Error::Setting`] if a window or a stride is 0, a size is for another number of
            /// axes, or the padding is as large as the window.
            pub fn with(config: PoolConfig) -> Result<Self> {
                let settings = Settings::new($spatial, Pooling::$pooling, &config)?;
                let prefix = config.prefix.as_deref();
                let core = BlockCore::with(stringify!($name), "pool", prefix, None);
                Ok($name { core, settings })
            }

            /// The same layer with other steps from one window to the next.
            ///
            /// # Panics
            /// If one is 0, or they are for another number of axes.
            #[must_use]
            pub fn strides(mut self, strides: impl Into<Dims>) -> Self {
                let strides = each_axis("strides", &strides.into(), $spatial, 1);
                self.settings.options.strides = Some(or_panic(strides));
                self
            }

            fn print(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.settings.print(&self.core, false, f)
            }
        }

        impl Default for $name {
            /// With a window of 2 on each axis.
            fn default() -> Self {
                Self::new(2)
            }
        }

        impl Forward for $name {
            fn forward(&self, x: &NdArray) -> Result<NdArray> {
                self.settings.forward(&self.core, x)
            }
        }
    )*};
}

pool_layers! {
    /// The largest element under each window, along one axis: see [`MaxPool2D`].
    ///
    /// # Source
    /// MXNet 1.9.1, `gluon/nn/conv_layers.py`, class `MaxPool1D`.
    MaxPool1D, 1, Max;

    /// The largest element under each window of an image: see
    /// [`ops::max_pool`](crate::ops::max_pool).
    ///
    /// # Errors
    /// [`Error::Misfit`] or [`Error::Window`], with the layer's name, when an input does not fit.
    ///
    /// # Examples
    /// ```
    /// use gluonic::prelude::*;
    /// let layer = MaxPool2D::new(3).strides(2);
    /// assert_eq!(layer.infer_shapes(&[(1, 8, 28, 28)])?.to_string(), "(1, 8, 13, 13)");
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// MXNet 1.9.1, `gluon/nn/conv_layers.py`, class `MaxPool2D`.
    MaxPool2D, 2, Max;

    /// The largest element under each window of a volume: see [`MaxPool2D`].
    ///
    /// # Source
    /// MXNet 1.9.1, `gluon/nn/conv_layers.py`, class `MaxPool3D`.
    MaxPool3D, 3, Max;

    /// The mean under each window, along one axis: see [`AvgPool2D`].
    ///
    /// # Source
    /// MXNet 1.9.1, `gluon/nn/conv_layers.py`, class `AvgPool1D`.
    AvgPool1D, 1, Avg;

    /// The mean under each window of an image: see [`ops::avg_pool`](crate::ops::avg_pool).
    ///
    /// # Errors
    /// As [`MaxPool2D`].
    ///
    /// # Source
    /// MXNet 1.9.1, `gluon/nn/conv_layers.py`, class `AvgPool2D`.
    AvgPool2D, 2, Avg;

    /// The mean under each window of a volume: see [`AvgPool2D`].
    ///
    /// # Source
    /// MXNet 1.9.1, `gluon/nn/conv_layers.py`, class `AvgPool3D`.
    AvgPool3D, 3, Avg;
}

macro_rules! global_pool_layers {
    ($($(#[$meta:meta])* $name:ident, $spatial:literal, $pooling:ident;)*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, gluonic_derive::Block)]
        #[block(display = "Self::print")]
        pub struct $name {
            core: BlockCore,
            #[block(skip)]
            settings: Settings,
        }

        impl $name {
            /// The layer, for channels on axis 1.
            pub fn new() -> Self {
                Self::with_layout(DataLayout::default())
            }

            /// The layer, for channels where `layout` says.
            pub fn with_layout(layout: DataLayout) -> Self {
                let config = PoolConfig { pool_size: 1.into(), layout, ..PoolConfig::default() };
                let settings = or_panic(Settings::new($spatial, Pooling::$pooling, &config));
                $name { core: BlockCore::with(stringify!($name), "pool", None, None), settings }
            }

            fn print(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.settings.print(&self.core, true, f)
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl Forward for $name {
            fn forward(&self, x: &NdArray) -> Result<NdArray> {
                self.settings.forward_global(&self.core, x)
            }
        }
    )*};
}

global_pool_layers! {
    /// The largest element of each channel, along one axis: see [`GlobalAvgPool2D`].
    ///
    /// # Source
    /// MXNet 1.9.1, `gluon/nn/conv_layers.py`, class `GlobalMaxPool1D`.
    GlobalMaxPool1D, 1, Max;

    /// The largest element of each channel of an image: see [`GlobalAvgPool2D`].
    ///
    /// # Source
    /// MXNet 1.9.1, `gluon/nn/conv_layers.py`, class `GlobalMaxPool2D`.
    GlobalMaxPool2D, 2, Max;

    /// The largest element of each channel of a volume: see [`GlobalAvgPool2D`].
    ///
    /// # Source
    /// MXNet 1.9.1, `gluon/nn/conv_layers.py`, class `GlobalMaxPool3D`.
    GlobalMaxPool3D, 3, Max;

    /// The mean of each channel, along one axis: see [`GlobalAvgPool2D`].
    ///
    /// # Source
    /// MXNet 1.9.1, `gluon/nn/conv_layers.py`, class `GlobalAvgPool1D`.
    GlobalAvgPool1D, 1, Avg;

    /// The mean of each channel of an image.
    ///
    /// # Shapes
    /// `(batch, channels, height, width)` gives `(batch, channels, 1, 1)`.
    ///
    /// # Errors
    /// [`Error::Misfit`] if the rank is another; [`Error::Empty`] if there is no pixel.
    ///
    /// # Examples
    /// ```
    /// use gluonic::prelude::*;
    /// let layer = GlobalAvgPool2D::new();
    /// let y = layer.call(&NdArray::arange::<f32>(8).reshape((1, 2, 2, 2))?)?;
    /// assert_eq!(y.to_vec::<f32>()?, [1.5, 5.5]);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// Lin, Chen and Yan (2013), "Network in network", §3.2; MXNet 1.9.1,
    /// `gluon/nn/conv_layers.py`, class `GlobalAvgPool2D`.
    GlobalAvgPool2D, 2, Avg;

    /// The mean of each channel of a volume: see [`GlobalAvgPool2D`].
    ///
    /// # Source
    /// MXNet 1.9.1, `gluon/nn/conv_layers.py`, class `GlobalAvgPool3D`.
    GlobalAvgPool3D, 3, Avg;
}
