//! Layers that normalize along an axis; what all that normalize each sample have in common.

use std::fmt;
use std::sync::Arc;

use super::Forward;
use super::core::BlockCore;
use crate::array::{DType, NdArray};
use crate::autograd::GradReq;
use crate::error::{Error, Result, or_panic};
use crate::init::{Initializer, One, Zero};
use crate::ops::{layer_norm, resolve_axis, rms_norm};
use crate::param::{Kind, ParamSpec, Parameter, ParameterDict};
use crate::shape::Shape;

/// The options of a layer that normalizes; those that a layer has no use for it leaves alone.
#[derive(Clone, Debug)]
pub struct NormConfig {
    /// The axis that is normalized along ([`LayerNorm`], [`RMSNorm`]: the last) or that of the
    /// channels ([`InstanceNorm`](super::InstanceNorm): axis 1). From the end when negative.
    pub axis: Option<isize>,
    /// The number of groups of [`GroupNorm`](super::GroupNorm). Default: 1.
    pub num_groups: usize,
    /// Whether [`GroupNorm`](super::GroupNorm) has a gamma and a beta for each channel, as in the paper and PyTorch,
    /// and not for each group, as in MXNet. Default: no.
    pub per_channel: bool,
    /// What is added to the variance. Default: 1e-5.
    pub epsilon: f64,
    /// Whether beta is trained. Default: yes.
    pub center: bool,
    /// Whether gamma is trained. Default: yes, but no for [`InstanceNorm`](super::InstanceNorm).
    pub scale: Option<bool>,
    /// The number of gammas, if it is known.
    pub in_channels: Option<usize>,
    /// The parameters' element type. Default: `f32`.
    pub dtype: DType,
    /// Default: ones.
    pub gamma_initializer: Arc<dyn Initializer>,
    /// Default: zeros.
    pub beta_initializer: Arc<dyn Initializer>,
    /// An explicit prefix, used as it is.
    pub prefix: Option<String>,
    /// Parameters to share.
    pub params: Option<ParameterDict>,
}

impl Default for NormConfig {
    fn default() -> Self {
        NormConfig {
            axis: None,
            num_groups: 1,
            per_channel: false,
            epsilon: 1e-5,
            center: true,
            scale: None,
            in_channels: None,
            dtype: DType::F32,
            gamma_initializer: Arc::new(One),
            beta_initializer: Arc::new(Zero),
            prefix: None,
            params: None,
        }
    }
}

pub(super) fn check_epsilon(epsilon: f64) -> Result<()> {
    if epsilon.is_finite() && epsilon >= 0.0 {
        return Ok(());
    }
    let (setting, expected) = ("epsilon", "finite and not negative");
    Err(Error::Setting { setting, expected, found: epsilon.to_string().into() })
}

pub(super) fn python_bool(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

/// As Python prints it: an exponent has two digits.
pub(super) fn python_float(value: f64) -> String {
    let text = format!("{value:?}");
    match text.split_once("e-") {
        Some((digits, exponent)) if exponent.len() == 1 => format!("{digits}e-0{exponent}"),
        _ => text.replace('e', "e+").replace("e+-", "e-"),
    }
}

/// What a layer has beside its core.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) axis: isize,
    pub(super) num_groups: usize,
    pub(super) per_channel: bool,
    pub(super) epsilon: f64,
    pub(super) center: bool,
    pub(super) scale: bool,
}

/// The core, gamma, beta if it is wanted, and the settings of a layer.
pub(super) type Parts = (BlockCore, Parameter, Option<Parameter>, Settings);

pub(super) fn build(
    class: &'static str,
    (axis, scale): (isize, bool),
    n: Option<usize>,
    with_beta: bool,
    config: NormConfig,
) -> Result<Parts> {
    let fail = |setting, expected, found: String| {
        Err(Error::Setting { setting, expected, found: found.into() })
    };
    check_epsilon(config.epsilon)?;
    if n == Some(0) {
        return fail("in_channels", "1 or more", "0".into());
    }
    if config.num_groups == 0 {
        return fail("num_groups", "1 or more", "0".into());
    }
    if !config.dtype.is_float() {
        return fail("dtype", "a floating-point type", config.dtype.to_string());
    }
    let (prefix, params) = (config.prefix.as_deref(), config.params.as_ref());
    let core = BlockCore::with(class, &class.to_lowercase(), prefix, params);
    let settings = Settings {
        axis: config.axis.unwrap_or(axis),
        num_groups: config.num_groups,
        per_channel: config.per_channel,
        epsilon: config.epsilon,
        center: config.center,
        scale: config.scale.unwrap_or(scale),
    };
    let spec = |init: &Arc<dyn Initializer>, trained: bool| {
        let req = if trained { GradReq::Write } else { GradReq::Null };
        ParamSpec::new(Shape::from([n])).dtype(config.dtype).init(&**init).grad_req(req).deferred()
    };
    let gamma = core.get("gamma", &spec(&config.gamma_initializer, settings.scale))?;
    let beta = spec(&config.beta_initializer, settings.center).kind(Kind::Bias);
    let beta = if with_beta { Some(core.get("beta", &beta)?) } else { None };
    Ok((core, gamma, beta, settings))
}

/// The values of gamma and beta, which learn their number from `x` if they do not know it.
pub(super) fn values(
    op: &'static str,
    x: &NdArray,
    (gamma, beta): (&Parameter, Option<&Parameter>),
    n: impl Fn() -> Result<usize>,
) -> Result<(NdArray, Option<NdArray>)> {
    let infer = || {
        if !x.dtype().is_float() {
            return Err(Error::NoArithmetic { op, dtype: x.dtype() });
        }
        let n = n()?;
        gamma.finish_deferred(n)?;
        beta.map_or(Ok(()), |beta| beta.finish_deferred(n))
    };
    let value = |parameter: &Parameter| match parameter.data() {
        Err(Error::Deferred { .. }) => {
            infer()?;
            parameter.data()
        }
        data => data,
    };
    Ok((value(gamma)?, beta.map(value).transpose()?))
}

/// The size of an axis.
pub(super) fn size_of_axis(op: &'static str, x: &NdArray, axis: isize) -> Result<usize> {
    Ok(x.dims()[resolve_axis(op, axis, x.rank())?])
}

/// The number of channels as Gluon prints it: 0 if it is not known.
fn channels(gamma: &Parameter) -> usize {
    gamma.shape().and_then(|shape| shape.first().copied().flatten()).unwrap_or_default()
}

/// The constructors of a layer, with its default axis and whether gamma is trained.
macro_rules! constructors {
    ($name:ident, $axis:literal, $scale:literal) => {
        impl $name {
            /// The layer with its defaults.
            pub fn new() -> Self {
                or_panic(Self::with(NormConfig::default()))
            }

            /// A layer with everything said.
            ///
            /// # Errors
            /// [`Error::Setting`] if epsilon is negative or not finite, a number is 0, or the
            /// element type is not a floating-point one; [`Error::Attribute`] if a shared
            /// parameter does not fit.
            pub fn with(config: NormConfig) -> Result<Self> {
                let n = config.in_channels;
                let (core, gamma, beta, settings) =
                    build(stringify!($name), ($axis, $scale), n, true, config)?;
                Ok($name { core, gamma, beta, settings })
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }
    };
}

pub(super) use constructors;

/// Normalizes along one axis, by its mean and variance: see
/// [`ops::layer_norm`](crate::ops::layer_norm).
///
/// # Shapes
/// An input of any shape; the output has the same. `gamma` and `beta` are as many as the axis has
/// elements, which may be unknown until the first forward.
///
/// # Examples
/// ```
/// use gluonic::prelude::*;
/// let layer = LayerNorm::new();
/// layer.initialize()?;
/// let y = layer.call(&NdArray::from_slice(&[1.0_f32, 2.0, 3.0], (1, 3))?)?;
/// assert!((y.to_vec::<f32>()?[2] - 1.5_f32.sqrt()).abs() < 1e-4);
/// assert_eq!(layer.to_string(), "LayerNorm(eps=1e-05, axis=-1, center=True, scale=True, in_channels=3)");
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// Ba, Kiros and Hinton (2016), "Layer normalization"; MXNet 1.9.1,
/// `gluon/nn/basic_layers.py`, class `LayerNorm`.
#[derive(Clone, Debug, gluonic_derive::Block)]
#[block(display = "Self::print")]
pub struct LayerNorm {
    core: BlockCore,
    gamma: Parameter,
    beta: Option<Parameter>,
    #[block(skip)]
    settings: Settings,
}
constructors!(LayerNorm, -1, true);

impl LayerNorm {
    fn print(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.print(&self.core, &self.gamma, f)
    }
}

impl Forward for LayerNorm {
    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        let Settings { axis, epsilon, .. } = self.settings;
        let size = || size_of_axis("layer_norm", x, axis);
        let y = values("layer_norm", x, (&self.gamma, self.beta.as_ref()), size)
            .and_then(|(gamma, beta)| layer_norm(x, Some(&gamma), beta.as_ref(), axis, epsilon));
        y.map_err(|error| error.at(self.gamma.name()))
    }
}

/// Divides by the root mean square along one axis: see [`ops::rms_norm`](crate::ops::rms_norm).
///
/// # Shapes
/// As [`LayerNorm`], without a beta.
///
/// # Source
/// Zhang and Sennrich (2019), "Root mean square layer normalization". MXNet 1.9.1 has none.
#[derive(Clone, Debug, gluonic_derive::Block)]
#[block(display = "Self::print")]
pub struct RMSNorm {
    core: BlockCore,
    gamma: Parameter,
    #[block(skip)]
    settings: Settings,
}

impl RMSNorm {
    /// The layer with its defaults.
    pub fn new() -> Self {
        or_panic(Self::with(NormConfig::default()))
    }

    /// A layer with everything said.
    ///
    /// # Errors
    /// As [`LayerNorm::with`].
    pub fn with(config: NormConfig) -> Result<Self> {
        let n = config.in_channels;
        let (core, gamma, _, settings) = build("RMSNorm", (-1, true), n, false, config)?;
        Ok(RMSNorm { core, gamma, settings })
    }

    fn print(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { axis, epsilon, scale, .. } = self.settings;
        let (epsilon, scale) = (python_float(epsilon), python_bool(scale));
        let (class, channels) = (self.core.class(), channels(&self.gamma));
        write!(f, "{class}(eps={epsilon}, axis={axis}, scale={scale}, in_channels={channels})")
    }
}

impl Default for RMSNorm {
    fn default() -> Self {
        Self::new()
    }
}

impl Forward for RMSNorm {
    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        let Settings { axis, epsilon, .. } = self.settings;
        let size = || size_of_axis("rms_norm", x, axis);
        let y = values("rms_norm", x, (&self.gamma, None), size)
            .and_then(|(gamma, _)| rms_norm(x, Some(&gamma), axis, epsilon));
        y.map_err(|error| error.at(self.gamma.name()))
    }
}

impl Settings {
    /// As Gluon prints a layer with an axis.
    pub(super) fn print(
        &self,
        core: &BlockCore,
        gamma: &Parameter,
        f: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        write!(
            f,
            "{}(eps={}, axis={}, center={}, scale={}, in_channels={})",
            core.class(),
            python_float(self.epsilon),
            self.axis,
            python_bool(self.center),
            python_bool(self.scale),
            channels(gamma),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_print_as_in_python() {
        let numbers = [1e-5, 0.9, 1e-12, 0.001, 1.0, 1e22];
        let printed = numbers.map(python_float);
        assert_eq!(printed, ["1e-05", "0.9", "1e-12", "0.001", "1.0", "1e+22"]);
    }
}
