//! Layers that normalize groups of channels, or each channel by itself.

use std::fmt;

use super::Forward;
use super::core::BlockCore;
use super::norm::{
    NormConfig, Settings, build, constructors, python_bool, python_float, size_of_axis, values,
};
use crate::array::{NdArray, with_shapes_only};
use crate::error::{Error, Result, or_panic};
use crate::ops::{group_norm, instance_norm, resolve_axis};
use crate::param::Parameter;

/// Normalizes each channel of each sample: see
/// [`ops::instance_norm`](crate::ops::instance_norm).
///
/// # Shapes
/// An input of two axes or more, the first one of samples; the output has the same shape. `gamma`,
/// by default not trained, and `beta` are `(channels,)`.
///
/// # Source
/// Ulyanov, Vedaldi and Lempitsky (2016), "Instance normalization"; MXNet 1.9.1,
/// `gluon/nn/basic_layers.py`, class `InstanceNorm`.
#[derive(Clone, Debug, gluonic_derive::Block)]
#[block(display = "Self::print")]
pub struct InstanceNorm {
    core: BlockCore,
    gamma: Parameter,
    beta: Option<Parameter>,
    #[block(skip)]
    settings: Settings,
}
constructors!(InstanceNorm, 1, false);

impl InstanceNorm {
    fn print(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.print(&self.core, &self.gamma, f)
    }
}

impl Forward for InstanceNorm {
    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        let (op, &Settings { axis, epsilon, .. }) = ("instance_norm", &self.settings);
        let normalize = || {
            let axis = resolve_axis(op, axis, x.rank())?;
            if axis == 0 {
                return Err(Error::Axis { op, axis: 0, rank: x.rank() });
            }
            let params = (&self.gamma, self.beta.as_ref());
            let (gamma, beta) = values(op, x, params, || Ok(x.dims()[axis]))?;
            let (gamma, beta) = (Some(&gamma), beta.as_ref());
            if axis == 1 {
                return instance_norm(x, gamma, beta, epsilon);
            }
            let mut swap: Vec<isize> = (0..x.rank() as isize).collect();
            swap.swap(1, axis);
            instance_norm(&x.permute(&swap)?, gamma, beta, epsilon)?.permute(&swap)
        };
        normalize().map_err(|error| error.at(self.gamma.name()))
    }
}

/// Normalizes each group of channels of each sample: see
/// [`ops::group_norm`](crate::ops::group_norm).
///
/// # Shapes
/// An input `(batch, channels, …)`; the output has the same shape. `gamma` and `beta` are
/// `(num_groups,)`, or with `per_channel` `(channels,)`.
///
/// # Examples
/// ```
/// use gluonic::prelude::*;
/// let layer = GroupNorm::new(2)?;
/// assert_eq!(layer.to_string(), "GroupNorm(eps=1e-05, num_groups=2, center=True, scale=True)");
/// assert_eq!(layer.infer_shapes(&[(1, 4, 8, 8)])?.to_string(), "(1, 4, 8, 8)");
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// Wu and He (2018), "Group normalization"; MXNet 1.9.1, `gluon/nn/basic_layers.py`, class
/// `GroupNorm`.
#[derive(Clone, Debug, gluonic_derive::Block)]
#[block(display = "Self::print")]
pub struct GroupNorm {
    core: BlockCore,
    gamma: Parameter,
    beta: Option<Parameter>,
    #[block(skip)]
    settings: Settings,
}

impl GroupNorm {
    /// A layer for `num_groups` groups.
    ///
    /// # Errors
    /// [`Error::Setting`] if there are none.
    pub fn new(num_groups: usize) -> Result<Self> {
        Self::with(NormConfig { num_groups, ..NormConfig::default() })
    }

    /// A layer with everything said.
    ///
    /// # Errors
    /// As [`LayerNorm::with`](super::LayerNorm::with); [`Error::Setting`] if the groups do not divide `in_channels`.
    pub fn with(config: NormConfig) -> Result<Self> {
        let groups = config.num_groups;
        if let Some(n) = config.in_channels
            && n.checked_rem(groups) != Some(0)
        {
            let found = format!("{groups} for {n}").into();
            let expected = "a divisor of the channels";
            return Err(Error::Setting { setting: "num_groups", expected, found });
        }
        let n = if config.per_channel { config.in_channels } else { Some(groups) };
        if groups == 0 {
            let (setting, expected) = ("num_groups", "1 or more");
            return Err(Error::Setting { setting, expected, found: "0".into() });
        }
        let (core, gamma, beta, settings) = build("GroupNorm", (1, true), n, true, config)?;
        Ok(GroupNorm { core, gamma, beta, settings })
    }

    fn print(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { num_groups, epsilon, center, scale, .. } = self.settings;
        let (epsilon, center, scale) =
            (python_float(epsilon), python_bool(center), python_bool(scale));
        write!(
            f,
            "{}(eps={epsilon}, num_groups={num_groups}, center={center}, scale={scale})",
            self.core.class()
        )
    }
}

impl Forward for GroupNorm {
    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        let Settings { num_groups, per_channel, epsilon, .. } = self.settings;
        let size = || {
            if !per_channel {
                return Ok(num_groups);
            }
            // The operation's own checks first: nothing is inferred from what it refuses.
            with_shapes_only(|| group_norm(x, None, None, num_groups, epsilon))?;
            size_of_axis("group_norm", x, 1)
        };
        let y = values("group_norm", x, (&self.gamma, self.beta.as_ref()), size).and_then(
            |(gamma, beta)| group_norm(x, Some(&gamma), beta.as_ref(), num_groups, epsilon),
        );
        y.map_err(|error| error.at(self.gamma.name()))
    }
}
