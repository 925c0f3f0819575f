//! Steps of training: gradients in, changed parameters out.

use crate::autograd::GradReq;
use crate::error::{Error, Result};
use crate::optim::{Optimizer, Step};
use crate::param::{Parameter, ParameterDict};

/// Applies an optimizer to a set of parameters.
///
/// # Examples
/// ```
/// use gluonic::prelude::*;
/// let net = Dense::new(1);
/// net.initialize()?;
/// let x = NdArray::ones((4, 3), DType::F32)?;
/// let mut trainer = Trainer::new(&net.collect_params()?, Sgd::new(0.1)?)?;
/// let loss = autograd::record(|| net.call(&x)?.square())?;
/// loss.backward()?;
/// trainer.step(4)?;
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `gluon/trainer.py`. DIFFERENCE: stale gradients are found before any parameter
/// moves, all of them, and their error changes nothing.
pub struct Trainer {
    parameters: Vec<Parameter>,
    optimizer: Box<dyn Optimizer>,
    rescale: f64,
}

impl Trainer {
    /// Trains the parameters of a set, sorted by name as in Gluon.
    ///
    /// # Errors
    /// As [`Trainer::of`].
    pub fn new(params: &ParameterDict, optimizer: impl Optimizer + 'static) -> Result<Self> {
        let mut parameters: Vec<&Parameter> = params.iter().collect();
        parameters.sort_by(|a, b| a.name().cmp(b.name()));
        Self::of(parameters, optimizer)
    }

    /// Trains parameters in the given order. One that is named twice counts once.
    ///
    /// # Errors
    /// [`Error::Uninitialized`] if a parameter is neither initialized nor waiting for its shape.
    pub fn of<'a>(
        parameters: impl IntoIterator<Item = &'a Parameter>,
        optimizer: impl Optimizer + 'static,
    ) -> Result<Self> {
        let mut distinct: Vec<Parameter> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for parameter in parameters {
            if !parameter.is_initialized() && !parameter.is_deferred() {
                return Err(Error::Uninitialized { name: parameter.name().clone() });
            }
            if seen.insert(parameter.id()) {
                distinct.push(parameter.clone());
            }
        }
        Ok(Trainer { parameters: distinct, optimizer: Box::new(optimizer), rescale: 1.0 })
    }

    /// Multiplies every gradient by a factor, besides dividing by the batch size.
    ///
    /// # Errors
    /// [`Error::Setting`] if it is not finite.
    pub fn set_rescale_grad(&mut self, rescale: f64) -> Result<()> {
        if !rescale.is_finite() {
            let found = rescale.to_string().into();
            return Err(Error::Setting { setting: "rescale_grad", expected: "finite", found });
        }
        self.rescale = rescale;
        Ok(())
    }

    /// The parameters in the order in which they are updated.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The learning rate.
    pub fn learning_rate(&self) -> f64 {
        self.optimizer.learning_rate()
    }

    /// Changes the learning rate.
    ///
    /// # Errors
    /// [`Error::Setting`] if it is negative or not finite.
    pub fn set_learning_rate(&mut self, lr: f64) -> Result<()> {
        self.optimizer.set_learning_rate(lr)
    }

    /// Changes every parameter by its gradient, which is divided by the batch size. Those that are
    /// frozen stay as they are.
    ///
    /// # Errors
    /// [`Error::Setting`] if the batch size is 0; [`Error::Deferred`] or [`Error::Uninitialized`]
    /// if a parameter has no value; [`Error::StaleGradients`], naming all, if a gradient was not
    /// written since the last step. Then nothing has changed.
    pub fn step(&mut self, batch_size: usize) -> Result<()> {
        self.step_with(batch_size, false)
    }

    /// As [`Trainer::step`], leaving those parameters as they are of which the gradient was not
    /// written since the last step.
    ///
    /// # Errors
    /// As [`Trainer::step`], but for stale gradients.
    #[doc(alias = "ignore_stale_grad")]
    pub fn step_ignoring_stale(&mut self, batch_size: usize) -> Result<()> {
        self.step_with(batch_size, true)
    }

    fn step_with(&mut self, batch_size: usize, ignore_stale: bool) -> Result<()> {
        if batch_size == 0 {
            let (setting, expected) = ("batch_size", "1 or more");
            return Err(Error::Setting { setting, expected, found: "0".into() });
        }
        // All checks first.
        let (mut stale, mut waiting) = (Vec::new(), Vec::new());
        for parameter in self.parameters.iter().filter(|parameter| !parameter.is_frozen()) {
            if let Err(error) = parameter.data() {
                let Error::Deferred { name, shape, ran, .. } = error else { return Err(error) };
                waiting.push((parameter.pending_path(), name, shape, ran));
                continue;
            }
            let Some(slot) = parameter.slot() else { continue };
            parameter.refuse_own_edit()?;
            if !slot.is_fresh() {
                stale.push(Box::from(&**parameter.name()));
            }
        }
        if let Some((_, name, shape, ran)) = waiting.first().cloned() {
            let pending = waiting.into_iter().filter_map(|(path, ..)| path).collect();
            return Err(Error::Deferred { name, shape, pending, ran });
        }
        if !stale.is_empty() && !ignore_stale {
            return Err(Error::StaleGradients { names: stale.into() });
        }
        let rescale = self.rescale / batch_size as f64;
        let (lr, wd) = (self.optimizer.learning_rate(), self.optimizer.weight_decay());
        for (index, parameter) in self.parameters.iter().enumerate() {
            let Some(slot) = parameter.slot() else { continue };
            if !slot.is_fresh() || slot.req() == GradReq::Null {
                continue;
            }
            let (lr, wd) = (lr * parameter.lr_mult(), wd * parameter.wd_mult());
            self.optimizer.update(&Step { index, parameter, lr, wd, rescale })?;
            slot.set_fresh(false);
        }
        Ok(())
    }
}

impl std::fmt::Debug for Trainer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trainer")
            .field("parameters", &self.parameters.len())
            .field("learning_rate", &self.learning_rate())
            .finish_non_exhaustive()
    }
}
