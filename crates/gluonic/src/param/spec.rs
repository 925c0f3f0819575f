//! What a layer asks for when it declares a parameter.

use std::sync::Arc;

use super::state::Kind;
use crate::array::DType;
use crate::autograd::GradReq;
use crate::init::{Initializer, Layout};
use crate::shape::Shape;

/// The wishes for a parameter. What is not said has a default when the parameter is made, and is
/// not compared when it exists already, shared with another layer.
///
/// # Examples
/// ```
/// use gluonic::{DType, ParamSpec, Parameter, init::Zero};
/// let bias = Parameter::with_spec("bias", &ParamSpec::new(10).dtype(DType::F64).init(&Zero));
/// bias.initialize()?;
/// assert_eq!(bias.data()?.to_vec::<f64>()?, [0.0; 10]);
/// # Ok::<(), gluonic::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ParamSpec {
    pub(crate) shape: Option<Shape>,
    pub(crate) dtype: Option<DType>,
    pub(crate) init: Option<Arc<dyn Initializer>>,
    pub(crate) layout: Layout,
    pub(crate) grad_req: Option<GradReq>,
    pub(crate) lr_mult: Option<f64>,
    pub(crate) wd_mult: Option<f64>,
    pub(crate) allow_deferred: bool,
    pub(crate) sparse_grad: bool,
    pub(crate) kind: Kind,
}

impl ParamSpec {
    /// A parameter of this shape; sizes may be unknown.
    pub fn new(shape: impl Into<Shape>) -> Self {
        ParamSpec { shape: Some(shape.into()), ..Self::default() }
    }

    /// A parameter of which not even the rank is known.
    pub fn of_any_shape() -> Self {
        Self::default()
    }

    /// The element type; `f32` if not said.
    #[must_use]
    pub fn dtype(self, dtype: DType) -> Self {
        ParamSpec { dtype: Some(dtype), ..self }
    }

    /// Its own initializer, which wins over that of the whole block.
    #[must_use]
    pub fn init(self, init: &dyn Initializer) -> Self {
        ParamSpec { init: Some(init.clone_initializer()), ..self }
    }

    pub(crate) fn init_opt(self, init: Option<Arc<dyn Initializer>>) -> Self {
        ParamSpec { init, ..self }
    }

    /// What its axes mean, which decides the fans that initializers scale by; [`Layout::Dense`] if
    /// not said.
    #[must_use]
    pub fn layout(self, layout: Layout) -> Self {
        ParamSpec { layout, ..self }
    }

    /// What backward does; `write` if not said.
    #[must_use]
    pub fn grad_req(self, req: GradReq) -> Self {
        ParamSpec { grad_req: Some(req), ..self }
    }

    /// The factor on the learning rate; 1 if not said.
    #[must_use]
    pub fn lr_mult(self, mult: f64) -> Self {
        ParamSpec { lr_mult: Some(mult), ..self }
    }

    /// The factor on the weight decay; 1 if not said.
    #[must_use]
    pub fn wd_mult(self, mult: f64) -> Self {
        ParamSpec { wd_mult: Some(mult), ..self }
    }

    /// Keeps the gradient by the rows that an [`embedding`](crate::ops::embedding) has used, where
    /// nothing else adds to it: see [`GradRows`](super::GradRows).
    #[must_use]
    #[doc(alias = "grad_stype", alias = "row_sparse")]
    pub fn sparse_grad(self, sparse_grad: bool) -> Self {
        ParamSpec { sparse_grad, ..self }
    }

    /// Lets `initialize` wait for a shape that is not known yet.
    #[must_use]
    pub fn deferred(self) -> Self {
        ParamSpec { allow_deferred: true, ..self }
    }

    /// What the parameter is for. Statistics and constants never have a gradient.
    #[must_use]
    pub fn kind(self, kind: Kind) -> Self {
        ParamSpec { kind, ..self }
    }
}
