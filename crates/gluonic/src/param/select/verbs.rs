//! What can be done with selected parameters: with all of them, or with none.

use std::sync::Arc;

use super::selection::Selection;
use super::statistics::Statistics;
use crate::array::DType;
use crate::autograd::GradReq;
use crate::error::Result;
use crate::init::{Initializer, Reinit};
use crate::param::{InitOptions, Parameter};

impl Selection {
    /// Initializes the parameters: each by its own initializer, else by the default one. Those that
    /// have a value keep it, with a warning.
    ///
    /// # Errors
    /// As [`Selection::initialize_with`].
    pub fn initialize(&self) -> Result<()> {
        self.initialize_opts(&InitOptions::default())
    }

    /// Initializes the parameters: each by its own initializer, else by `init`.
    ///
    /// # Randomness
    /// The address is the next key of the process and the parameter's first path, as when the
    /// whole block is initialized. [`BlockExt::initialize_opts`](crate::nn::BlockExt) takes a seed.
    ///
    /// # Errors
    /// [`Error::NothingSelected`](crate::Error::NothingSelected); as
    /// [`Parameter::initialize_with`], for the first that fails. Then none has changed.
    pub fn initialize_with(&self, init: &dyn Initializer, reinit: Reinit) -> Result<()> {
        let init = Some(init.clone_initializer());
        self.initialize_opts(&InitOptions { init, reinit, ..InitOptions::default() })
    }

    /// Gives these parameters values, or those of them that the options select, with everything
    /// said.
    ///
    /// # Errors
    /// As [`Selection::initialize_with`]; what [`BlockExt::initialize_opts`](crate::nn::BlockExt)
    /// says of the options.
    pub fn initialize_opts(&self, options: &InitOptions) -> Result<()> {
        match &options.select {
            Some(selector) => self.narrow(selector)?.initialize_all(options),
            None => self.initialize_all(options),
        }
    }

    /// As [`Selection::initialize_opts`], whatever the options select.
    pub(crate) fn initialize_all(&self, options: &InitOptions) -> Result<()> {
        self.check()?;
        let addressed = self.items().map(|item| {
            let first = item.paths.first().map_or(&**item.parameter.name(), |path| &**path);
            (&item.parameter, Arc::from(first))
        });
        options.initialize(addressed)
    }

    /// Freezes the parameters: see [`Parameter::freeze`]. Returns how many were not frozen.
    ///
    /// # Errors
    /// [`Error::NothingSelected`](crate::Error::NothingSelected).
    pub fn freeze(&self) -> Result<usize> {
        self.check()?;
        Ok(self.iter().filter(|parameter| parameter.freeze()).count())
    }

    /// Lets training change the parameters again: see [`Parameter::unfreeze`]. Returns how many
    /// were frozen.
    ///
    /// # Errors
    /// [`Error::NothingSelected`](crate::Error::NothingSelected).
    pub fn unfreeze(&self) -> Result<usize> {
        self.check()?;
        Ok(self.iter().filter(|parameter| parameter.unfreeze()).count())
    }

    /// Sets the factor on the learning rate.
    ///
    /// # Errors
    /// [`Error::NothingSelected`](crate::Error::NothingSelected); as [`Parameter::set_lr_mult`].
    /// Then none has changed.
    pub fn set_lr_mult(&self, mult: f64) -> Result<()> {
        self.check()?;
        // Whether a number will do does not depend on the parameter: the first refuses it or none.
        self.iter().try_for_each(|parameter| parameter.set_lr_mult(mult))
    }

    /// Sets the factor on the weight decay.
    ///
    /// # Errors
    /// [`Error::NothingSelected`](crate::Error::NothingSelected); as [`Parameter::set_wd_mult`].
    /// Then none has changed.
    pub fn set_wd_mult(&self, mult: f64) -> Result<()> {
        self.check()?;
        self.iter().try_for_each(|parameter| parameter.set_wd_mult(mult))
    }

    /// Sets what backward does: see [`Parameter::set_grad_req`].
    ///
    /// # Errors
    /// [`Error::NothingSelected`](crate::Error::NothingSelected).
    pub fn set_grad_req(&self, req: GradReq) -> Result<()> {
        self.check()?;
        self.iter().for_each(|parameter| parameter.set_grad_req(req));
        Ok(())
    }

    /// Sets the gradients to zeros.
    ///
    /// # Errors
    /// [`Error::NothingSelected`](crate::Error::NothingSelected);
    /// [`Error::BeingEdited`](crate::Error::BeingEdited) inside an edit of one by the same thread.
    /// Then none has changed.
    pub fn zero_grad(&self) -> Result<()> {
        self.check()?;
        self.iter().try_for_each(Parameter::refuse_own_edit)?;
        self.iter().try_for_each(Parameter::zero_grad)
    }

    /// Changes the element type of values and gradients: see [`Parameter::cast`].
    ///
    /// # Errors
    /// [`Error::NothingSelected`](crate::Error::NothingSelected);
    /// [`Error::BeingEdited`](crate::Error::BeingEdited) inside an edit of one by the same thread.
    /// Then none has changed.
    pub fn cast(&self, dtype: DType) -> Result<()> {
        self.check()?;
        self.iter().try_for_each(Parameter::refuse_own_edit)?;
        self.iter().try_for_each(|parameter| parameter.cast(dtype))
    }

    /// Adds a tag, a word of the user's, by which they can be selected again: `tag:word`.
    ///
    /// # Errors
    /// [`Error::NothingSelected`](crate::Error::NothingSelected).
    pub fn tag(&self, word: &str) -> Result<()> {
        self.check()?;
        self.iter().for_each(|parameter| parameter.tag(word));
        Ok(())
    }

    /// Smallest, largest, mean value and so on of each parameter and of all together.
    ///
    /// # Errors
    /// [`Error::NothingSelected`](crate::Error::NothingSelected); as [`Parameter::data`], for the
    /// first that has no value; [`Error::BeingEdited`](crate::Error::BeingEdited) inside an edit of
    /// one by the same thread.
    pub fn statistics(&self) -> Result<Statistics> {
        self.check()?;
        Statistics::of(self.items())
    }
}
