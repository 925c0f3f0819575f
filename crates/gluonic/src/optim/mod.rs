//! Rules that change parameters by their gradients.

mod rows;
mod sgd;

pub use sgd::Sgd;

use crate::error::Result;
use crate::param::Parameter;

/// What a trainer tells an optimizer about one parameter at one step: the multipliers are in the
/// numbers already.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// The position of the parameter in the trainer: where the optimizer keeps its memory of it.
    pub index: usize,
    /// The parameter, which has a value and a gradient.
    pub parameter: &'a Parameter,
    /// The learning rate times the parameter's `lr_mult`.
    pub lr: f64,
    /// The weight decay times the parameter's `wd_mult`.
    pub wd: f64,
    /// What the gradient is multiplied by: one over the batch size.
    pub rescale: f64,
}

/// An update rule.
pub trait Optimizer: Send {
    /// The learning rate.
    fn learning_rate(&self) -> f64;

    /// Changes the learning rate.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) if it is negative or not finite.
    fn set_learning_rate(&mut self, lr: f64) -> Result<()>;

    /// The weight decay.
    fn weight_decay(&self) -> f64;

    /// Changes one parameter, in place.
    ///
    /// # Errors
    /// [`Error::BeingEdited`](crate::Error::BeingEdited) inside an edit of it by the same thread.
    fn update(&mut self, step: &Step<'_>) -> Result<()>;
}
