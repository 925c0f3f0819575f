//! Batch normalization.

use std::fmt;
use std::sync::Arc;

use super::block::{Block, Member};
use super::core::BlockCore;
use super::norm::{check_epsilon, python_bool, python_float};
use super::walk::Walk;
use crate::array::{DType, NdArray, shapes_only};
use crate::autograd::{GradReq, is_training};
use crate::error::{Error, Result, or_panic};
use crate::init::{Initializer, One, Zero};
use crate::ops::{batch_norm, batch_norm_by};
use crate::param::{Kind, ParamSpec, Parameter, ParameterDict};
use crate::shape::Shape;

/// The options of a [`BatchNorm`] layer.
#[derive(Clone, Debug)]
pub struct BatchNormConfig {
    /// The axis of the channels, from the end when negative. Default: 1.
    pub axis: isize,
    /// How much of a running statistic each batch leaves, in `[0, 1]`. Default: 0.9.
    pub momentum: f64,
    /// What is added to the variance. Default: 1e-5.
    pub epsilon: f64,
    /// Whether beta is trained. Default: yes.
    pub center: bool,
    /// Whether there is a gamma, which is trained, or it is 1 throughout. Default: yes.
    pub scale: bool,
    /// Whether the running statistics are used in training too, and not changed. Default: no.
    pub use_global_stats: bool,
    /// The number of channels, if it is known.
    pub in_channels: Option<usize>,
    /// The parameters' element type. Default: `f32`.
    pub dtype: DType,
    /// Default: ones.
    pub gamma_initializer: Arc<dyn Initializer>,
    /// Default: zeros.
    pub beta_initializer: Arc<dyn Initializer>,
    /// Default: zeros.
    pub running_mean_initializer: Arc<dyn Initializer>,
    /// Default: ones.
    pub running_variance_initializer: Arc<dyn Initializer>,
    /// An explicit prefix, used as it is.
    pub prefix: Option<String>,
    /// Parameters to share.
    pub params: Option<ParameterDict>,
}

impl Default for BatchNormConfig {
    fn default() -> Self {
        BatchNormConfig {
            axis: 1,
            momentum: 0.9,
            epsilon: 1e-5,
            center: true,
            scale: true,
            use_global_stats: false,
            in_channels: None,
            dtype: DType::F32,
            gamma_initializer: Arc::new(One),
            beta_initializer: Arc::new(Zero),
            running_mean_initializer: Arc::new(Zero),
            running_variance_initializer: Arc::new(One),
            prefix: None,
            params: None,
        }
    }
}

/// Normalizes each channel: in training by the mean and the variance of the batch, in prediction by
/// running ones, which training keeps up to date.
///
/// In training mode each forward sets `running = momentum · running + (1 - momentum) · batch`, for
/// the mean and for the variance (divided by the number of elements, not by one less). Both are
/// parameters of the kind *statistic*: saved and loaded, never trained, and selected by
/// `kind:statistic`. While one is [frozen](Parameter::freeze) it stays as it is. For training of
/// the rest with the statistics as they are, freeze them and run the layer in prediction mode, or
/// build it with `use_global_stats`.
///
/// # Shapes
/// An input of any shape with an axis of channels; the output has the same. `gamma`, `beta`,
/// `running_mean` and `running_var` are `(channels,)`.
///
/// # Errors
/// [`Error::Empty`], with gamma's name, for a batch without elements in training;
/// [`Error::Axis`] and [`Error::Misfit`] when an input does not fit.
///
/// # Examples
/// ```
/// use gluonic::prelude::*;
/// let layer = BatchNorm::new();
/// layer.initialize()?;
/// let x = NdArray::from_slice(&[1.0_f32, 3.0], (2, 1))?;
/// let y = autograd::train_mode(|| layer.call(&x))?;
/// assert!((y.to_vec::<f32>()?[1] - 1.0).abs() < 1e-5);
/// assert_eq!(layer.param("running_mean")?.data()?.to_vec::<f32>()?, [0.2]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// Ioffe and Szegedy (2015), "Batch normalization", algorithms 1 and 2; MXNet 1.9.1,
/// `gluon/nn/basic_layers.py`, class `BatchNorm`. DIFFERENCE: its statistics change when the
/// backward comes by, ours in the forward; without `scale` it overwrites the stored gamma with
/// ones, and we leave it alone.
#[derive(Clone, Debug)]
pub struct BatchNorm {
    core: BlockCore,
    gamma: Parameter,
    beta: Parameter,
    running_mean: Parameter,
    running_var: Parameter,
    axis: isize,
    momentum: f64,
    epsilon: f64,
    scale: bool,
    use_global_stats: bool,
}

impl BatchNorm {
    /// A layer for channels on axis 1.
    pub fn new() -> Self {
        or_panic(Self::with(BatchNormConfig::default()))
    }

    /// A layer with everything said.
    ///
    /// # Errors
    /// [`Error::Setting`] if the momentum is not in `[0, 1]`, epsilon is negative or not finite,
    /// there are no channels, or the element type is not a floating-point one;
    /// [`Error::Attribute`] if a shared parameter does not fit.
    pub fn with(config: BatchNormConfig) -> Result<Self> {
        let fail = |setting, expected, found: String| {
            Err(Error::Setting { setting, expected, found: found.into() })
        };
        if !(0.0..=1.0).contains(&config.momentum) {
            return fail("momentum", "between 0 and 1", config.momentum.to_string());
        }
        check_epsilon(config.epsilon)?;
        if config.in_channels == Some(0) {
            return fail("in_channels", "1 or more", "0".into());
        }
        if !config.dtype.is_float() {
            return fail("dtype", "a floating-point type", config.dtype.to_string());
        }
        let (prefix, params) = (config.prefix.as_deref(), config.params.as_ref());
        let core = BlockCore::with("BatchNorm", "batchnorm", prefix, params);
        let shape = || Shape::from([config.in_channels]);
        let spec = |init: &Arc<dyn Initializer>| {
            ParamSpec::new(shape()).dtype(config.dtype).init(&**init).deferred()
        };
        let req = |trained: bool| if trained { GradReq::Write } else { GradReq::Null };
        let gamma = spec(&config.gamma_initializer).grad_req(req(config.scale));
        let beta = spec(&config.beta_initializer).kind(Kind::Bias).grad_req(req(config.center));
        let statistic = |init| spec(init).kind(Kind::Statistic);
        Ok(BatchNorm {
            gamma: core.get("gamma", &gamma)?,
            beta: core.get("beta", &beta)?,
            running_mean: core.get("running_mean", &statistic(&config.running_mean_initializer))?,
            running_var: core
                .get("running_var", &statistic(&config.running_variance_initializer))?,
            core,
            axis: config.axis,
            momentum: config.momentum,
            epsilon: config.epsilon,
            scale: config.scale,
            use_global_stats: config.use_global_stats,
        })
    }

    fn parameters(&self) -> [(&'static str, &Parameter); 4] {
        [
            ("gamma", &self.gamma),
            ("beta", &self.beta),
            ("running_mean", &self.running_mean),
            ("running_var", &self.running_var),
        ]
    }

    /// Tells the parameters the number of channels, and gives them their values if that was all
    /// they were waiting for.
    fn infer(&self, x: &NdArray) -> Result<()> {
        let op = "batch_norm";
        if !x.dtype().is_float() {
            return Err(Error::NoArithmetic { op, dtype: x.dtype() });
        }
        let axis = crate::ops::resolve_axis(op, self.axis, x.rank())?;
        let channels = x.dims()[axis];
        self.parameters().iter().try_for_each(|(_, parameter)| parameter.finish_deferred(channels))
    }

    fn normalize(&self, x: &NdArray) -> Result<NdArray> {
        let value = |parameter: &Parameter| match parameter.data() {
            Err(Error::Deferred { .. }) => {
                self.infer(x)?;
                parameter.data()
            }
            data => data,
        };
        let (gamma, beta) = (value(&self.gamma)?, value(&self.beta)?);
        let (mean, variance) = (value(&self.running_mean)?, value(&self.running_var)?);
        let (gamma, beta) = (self.scale.then_some(&gamma), Some(&beta));
        let (axis, epsilon) = (self.axis, self.epsilon);
        if self.use_global_stats || !is_training() {
            return batch_norm_by(x, gamma, beta, (&mean, &variance), axis, epsilon);
        }
        let normed = batch_norm(x, gamma, beta, axis, epsilon)?;
        if !shapes_only() {
            self.follow(&self.running_mean, &normed.mean)?;
            self.follow(&self.running_var, &normed.variance)?;
        }
        Ok(normed.y)
    }

    /// Moves a running statistic towards that of a batch.
    fn follow(&self, running: &Parameter, batch: &NdArray) -> Result<()> {
        if running.is_frozen() {
            return Ok(());
        }
        let momentum = self.momentum;
        let batch = batch.to_f64_vec()?;
        let mix = |old: f64, new: f64| momentum * old + (1.0 - momentum) * new;
        // Read and written under one lock, so that of two forwards at a time none is lost.
        match running.dtype() {
            DType::F64 => running.edit::<f64, _>(|view| {
                view.into_iter().zip(&batch).for_each(|(old, new)| *old = mix(*old, *new));
            }),
            DType::F32 => running.edit::<f32, _>(|view| {
                let pairs = view.into_iter().zip(&batch);
                pairs.for_each(|(old, new)| *old = mix(f64::from(*old), *new) as f32);
            }),
            _ => {
                let running = running.data()?.detach();
                let old = running.to_f64_vec()?;
                let new: Vec<f64> = old.iter().zip(&batch).map(|(a, b)| mix(*a, *b)).collect();
                running.assign(&NdArray::from_vec(new, old.len())?)
            }
        }
    }
}

impl Default for BatchNorm {
    fn default() -> Self {
        Self::new()
    }
}

impl Block for BatchNorm {
    fn core(&self) -> &BlockCore {
        &self.core
    }

    fn visit<'a>(&'a self, visit: &mut dyn FnMut(&str, Member<'a>)) {
        for (key, parameter) in self.parameters() {
            visit(key, Member::Parameter(parameter));
        }
    }

    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        self.normalize(x).map_err(|error| error.at(self.gamma.name()))
    }

    fn as_dyn(&self) -> &dyn Block {
        self
    }

    /// Single precision for half precision: a variance of thousands of elements needs it, and
    /// inputs in half precision are computed in it anyway.
    fn own_dtype(&self, dtype: DType) -> DType {
        dtype.compute().unwrap_or(dtype)
    }

    fn fmt_block(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let channels = self.gamma.shape().and_then(|shape| shape.first().copied().flatten());
        write!(
            f,
            "{}(axis={}, eps={}, momentum={}, fix_gamma={}, use_global_stats={}, in_channels={})",
            self.core.class(),
            self.axis,
            python_float(self.epsilon),
            python_float(self.momentum),
            python_bool(!self.scale),
            python_bool(self.use_global_stats),
            channels.map_or_else(|| "None".to_owned(), |channels| channels.to_string()),
        )
    }
}

impl Walk for BatchNorm {
    fn walk<'a>(&'a self, key: &str, visit: &mut dyn FnMut(&str, Member<'a>)) {
        visit(key, Member::Block(self));
    }
}

impl fmt::Display for BatchNorm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_block(f)
    }
}
