//! Rules that change parameters by their gradients, and schedules of learning rates.
//!
//! An [`Optimizer`] is a rule and its settings. What it remembers of each parameter is a [`State`],
//! which belongs to the [`Trainer`](crate::Trainer): so it can be saved, and survives freezing and
//! another order of the parameters.
//!
//! | rule | arrays per parameter |
//! | --- | --- |
//! | [`Sgd`], [`Nag`], [`Lars`], [`Signum`] | momentum, if there is one |
//! | [`Adam`], [`AdamW`], [`Nadam`], [`Lamb`] | mean, var |
//! | [`Adamax`] | mean, max |
//! | [`RmsProp`] | var; mean and delta too if centered |
//! | [`AdaGrad`] | history |
//! | [`AdaDelta`] | var, delta |
//! | [`Ftrl`] | z, n |
//! | [`Ftml`] | d, v, z |
//! | [`Lion`] | momentum |
//! | [`Adafactor`] | row and col, or var for a vector |
//! | [`Sgld`] | none |
//!
//! # A rule of one's own
//! ```
//! use gluonic::optim::{Common, Step};
//! use gluonic::prelude::*;
//! use gluonic::Dims;
//!
//! /// A step of fixed length along the running mean of the gradient.
//! struct Normed {
//!     common: Common,
//! }
//!
//! impl Optimizer for Normed {
//!     fn name(&self) -> &str {
//!         "normed"
//!     }
//!
//!     fn common(&self) -> &Common {
//!         &self.common
//!     }
//!
//!     fn common_mut(&mut self) -> &mut Common {
//!         &mut self.common
//!     }
//!
//!     fn arrays(&self, dims: &Dims) -> Vec<(&'static str, Dims)> {
//!         vec![("mean", dims.clone())]
//!     }
//!
//!     fn update(&self, step: &mut Step<'_>) -> Result<()> {
//!         // Element by element, in place, with the arrays in their order …
//!         step.each(|_, gradient, [mean]| *mean = 0.9 * *mean + 0.1 * gradient)?;
//!         // … or with whole arrays.
//!         let mean = step.array("mean")?;
//!         let norm = mean.square()?.sum()?.sqrt()?;
//!         let move_by = (&(&mean / &norm)? * step.lr())?;
//!         step.weight()?.sub_assign(&move_by)
//!     }
//! }
//!
//! let weight = Parameter::new("weight", 2);
//! weight.initialize_with(&init::One, Reinit::Keep)?;
//! let mut trainer = Trainer::of([&weight], Normed { common: Common::new(0.5)? })?;
//! let head = NdArray::from_slice(&[3.0_f32, 4.0], 2)?;
//! autograd::record(|| &weight.data()? * &head)?.backward()?;
//! trainer.step(1)?;
//! let moved = weight.data()?.to_vec::<f32>()?;
//! assert!((moved[0] - 0.7).abs() < 1e-6 && (moved[1] - 0.6).abs() < 1e-6);
//! # Ok::<(), gluonic::Error>(())
//! ```

mod adadelta;
mod adafactor;
mod adagrad;
mod adam;
mod adamax;
mod adamw;
mod clip;
mod common;
mod ftml;
mod ftrl;
mod lamb;
mod lars;
mod lion;
mod nadam;
mod nag;
mod registry;
mod rmsprop;
pub mod schedule;
mod setting;
mod sgd;
mod sgld;
mod signum;
mod state;
mod step;

pub use adadelta::AdaDelta;
pub use adafactor::Adafactor;
pub use adagrad::AdaGrad;
pub use adam::Adam;
pub use adamax::Adamax;
pub use adamw::AdamW;
pub(crate) use clip::norm;
pub use clip::{clip_arrays, clip_global_norm};
pub use common::Common;
pub use ftml::Ftml;
pub use ftrl::Ftrl;
pub use lamb::Lamb;
pub use lars::Lars;
pub use lion::Lion;
pub use nadam::Nadam;
pub use nag::Nag;
pub use registry::create;
pub use rmsprop::RmsProp;
pub use schedule::Schedule;
pub(crate) use setting::{Any, Decay, check, read, unknown};
pub use setting::{Setting, set, settings};
pub use sgd::Sgd;
pub use sgld::Sgld;
pub use signum::Signum;
pub use state::State;
pub use step::Step;
pub(crate) use step::{Job, OnUpdate, run};

use crate::error::Result;
use crate::shape::Dims;

/// An update rule: see the [module](crate::optim) for one of one's own.
///
/// A trainer calls [`update`](Optimizer::update) for each parameter that has a fresh gradient, of
/// small parameters on several threads at once. What it needs of all parameters together it is told
/// before, by [`prepare`](Optimizer::prepare).
pub trait Optimizer: Send + Sync {
    /// What it is called in files of states, and by [`create`] if it is one of this crate.
    fn name(&self) -> &str;

    /// The settings that all rules have.
    fn common(&self) -> &Common;

    /// The settings that all rules have, to be changed.
    fn common_mut(&mut self) -> &mut Common;

    /// The settings of its own, which go into files of states.
    fn settings(&self) -> Vec<(&'static str, Setting)> {
        Vec::new()
    }

    /// Changes one of the settings of its own.
    ///
    /// # Errors
    /// [`Error::UnknownWord`](crate::Error::UnknownWord) if there is none of that name;
    /// [`Error::Setting`](crate::Error::Setting) if the value makes no sense.
    fn set(&mut self, name: &str, _value: Setting) -> Result<()> {
        Err(unknown(name, &self.settings()))
    }

    /// The names and sizes of the arrays that it keeps for a parameter of the sizes `dims`. They
    /// are zeros at first.
    fn arrays(&self, _dims: &Dims) -> Vec<(&'static str, Dims)> {
        Vec::new()
    }

    /// Called for each parameter that a step will change, in their order and before any is changed,
    /// with the number of its update: for what a rule keeps of all parameters together. The result
    /// is [`Step::prepared`].
    fn prepare(&mut self, _updates: u64) -> f64 {
        0.0
    }

    /// Changes one parameter, in place.
    ///
    /// # Errors
    /// Whatever the rule finds wrong. Parameters that were updated before it stay as they are then.
    fn update(&self, step: &mut Step<'_>) -> Result<()>;
}

impl<O: Optimizer + ?Sized> Optimizer for Box<O> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn common(&self) -> &Common {
        (**self).common()
    }

    fn common_mut(&mut self) -> &mut Common {
        (**self).common_mut()
    }

    fn settings(&self) -> Vec<(&'static str, Setting)> {
        (**self).settings()
    }

    fn set(&mut self, name: &str, value: Setting) -> Result<()> {
        (**self).set(name, value)
    }

    fn arrays(&self, dims: &Dims) -> Vec<(&'static str, Dims)> {
        (**self).arrays(dims)
    }

    fn prepare(&mut self, updates: u64) -> f64 {
        (**self).prepare(updates)
    }

    fn update(&self, step: &mut Step<'_>) -> Result<()> {
        (**self).update(step)
    }
}
