//! What all optimizers have in common: settings, and how the type of a rule is made of its own.

use std::fmt;
use std::sync::Arc;

use super::Schedule;
use super::setting::{Any, NotNegative, Positive, Setting, check, read};
use crate::error::{Error, Result};

/// The settings that every rule has.
///
/// # Source
/// MXNet 1.9.1, `optimizer.py`, class `Optimizer`.
#[derive(Clone)]
pub struct Common {
    lr: f64,
    wd: f64,
    clip: Option<f64>,
    clip_norm: Option<f64>,
    multi_precision: bool,
    schedule: Option<Arc<dyn Schedule>>,
}

impl Common {
    /// With a learning rate, no weight decay, no clipping, no schedule.
    ///
    /// # Errors
    /// [`Error::Setting`] if it is negative or not finite.
    pub fn new(lr: f64) -> Result<Self> {
        check::<NotNegative, _>("learning_rate", lr).map(Self::of)
    }

    /// With a learning rate that is known to make sense.
    pub(super) fn of(lr: f64) -> Self {
        Common { lr, wd: 0.0, clip: None, clip_norm: None, multi_precision: false, schedule: None }
    }

    pub(super) fn with_wd(self, wd: f64) -> Self {
        Common { wd, ..self }
    }

    /// With weight decay.
    ///
    /// # Errors
    /// [`Error::Setting`] if it is negative or not finite.
    #[doc(alias = "weight_decay")]
    pub fn wd(self, wd: f64) -> Result<Self> {
        Ok(Common { wd: check::<NotNegative, _>("wd", wd)?, ..self })
    }

    /// With each element of the gradient, after rescaling, clipped to `[-clip, clip]`.
    ///
    /// # Errors
    /// [`Error::Setting`] if it is not greater than 0, or not finite.
    pub fn clip_gradient(self, clip: impl Into<Option<f64>>) -> Result<Self> {
        Ok(Common { clip: check::<Positive, _>("clip_gradient", clip.into())?, ..self })
    }

    /// With the gradients of a group, after rescaling, made shorter by one factor if the norm of
    /// all together is larger than `max_norm`: as by [`clip_global_norm`](super::clip_global_norm),
    /// but without changing them in memory. It comes before
    /// [`clip_gradient`](Common::clip_gradient), and a step refuses gradients that are not finite.
    ///
    /// # Errors
    /// [`Error::Setting`] if it is not greater than 0, or not finite.
    #[doc(alias = "clip_grad_norm_")]
    pub fn clip_norm(self, max_norm: impl Into<Option<f64>>) -> Result<Self> {
        Ok(Common { clip_norm: check::<Positive, _>("clip_norm", max_norm.into())?, ..self })
    }

    /// With an `f32` copy of each half-precision parameter, which the rule changes; the parameter
    /// is its rounding.
    #[must_use]
    pub fn multi_precision(self, multi_precision: bool) -> Self {
        Common { multi_precision, ..self }
    }

    /// With a learning rate that depends on the number of updates; the optimizer's own is the one
    /// that the schedule starts from.
    #[must_use]
    #[doc(alias = "lr_scheduler")]
    pub fn schedule(self, schedule: impl Schedule + 'static) -> Self {
        Common { schedule: Some(Arc::new(schedule)), ..self }
    }

    /// The learning rate at an update, the first being number 1: the schedule's, or else its own.
    ///
    /// # Errors
    /// [`Error::Setting`] if a schedule gives one that is negative or not finite.
    pub fn learning_rate(&self, num_update: u64) -> Result<f64> {
        let Some(schedule) = &self.schedule else { return Ok(self.lr) };
        check::<NotNegative, _>("schedule", schedule.learning_rate(self.lr, num_update))
    }

    /// Changes the learning rate.
    ///
    /// # Errors
    /// [`Error::Setting`] if it is negative or not finite; [`Error::Scheduled`] if a schedule gives
    /// the learning rate.
    pub fn set_learning_rate(&mut self, lr: f64) -> Result<()> {
        let lr = check::<NotNegative, _>("learning_rate", lr)?;
        if self.schedule.is_some() {
            return Err(Error::Scheduled);
        }
        self.lr = lr;
        Ok(())
    }

    /// The weight decay.
    pub fn weight_decay(&self) -> f64 {
        self.wd
    }

    /// The bound on elements of gradients, if there is one.
    pub fn gradient_bound(&self) -> Option<f64> {
        self.clip
    }

    /// The bound on the norm of all gradients of a group, if there is one.
    pub fn norm_bound(&self) -> Option<f64> {
        self.clip_norm
    }

    /// Whether half-precision parameters get an `f32` copy.
    pub fn is_multi_precision(&self) -> bool {
        self.multi_precision
    }

    pub(super) fn settings(&self) -> Vec<(&'static str, Setting)> {
        vec![
            ("learning_rate", self.lr.into()),
            ("wd", self.wd.into()),
            ("clip_gradient", self.clip.into()),
            ("clip_norm", self.clip_norm.into()),
            ("multi_precision", self.multi_precision.into()),
        ]
    }

    /// Changes a setting, if it is one of these.
    pub(super) fn set(&mut self, name: &str, value: Setting) -> Result<bool> {
        match name {
            "learning_rate" => self.lr = read::<NotNegative, _>("learning_rate", value)?,
            "wd" => self.wd = read::<NotNegative, _>("wd", value)?,
            "clip_gradient" => self.clip = read::<Positive, _>("clip_gradient", value)?,
            "clip_norm" => self.clip_norm = read::<Positive, _>("clip_norm", value)?,
            "multi_precision" => self.multi_precision = read::<Any, _>("multi_precision", value)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl fmt::Debug for Common {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Common");
        for (name, value) in self.settings() {
            shown.field(name, &format_args!("{value}"));
        }
        shown.field("schedule", &self.schedule.is_some()).finish_non_exhaustive()
    }
}

/// Defines the type of a rule: its settings, each with a builder and a check, and what
/// [`Optimizer`](super::Optimizer) asks about them. The items at the end are its other methods.
macro_rules! optimizer {
    (
        $(#[$meta:meta])*
        pub struct $Name:ident, $name:literal, lr: $lr:literal $(, wd: $wd:literal)? {
            $($(#[$doc:meta])* $field:ident: $ty:ty = $default:expr, $rule:ident;)*
        }
        $($body:item)*
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        pub struct $Name {
            common: $crate::optim::Common,
            $($field: $ty,)*
        }

        impl Default for $Name {
            fn default() -> Self {
                let common = $crate::optim::Common::of($lr)$(.with_wd($wd))?;
                $Name { common, $($field: $default,)* }
            }
        }

        impl $Name {
            /// With a learning rate, and everything else as by default.
            ///
            /// # Errors
            /// [`Error::Setting`](crate::Error::Setting) if it is negative or not finite.
            pub fn new(lr: f64) -> $crate::Result<Self> {
                let mut new = Self::default();
                new.common.set_learning_rate(lr)?;
                Ok(new)
            }

            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// [`Error::Setting`](crate::Error::Setting) if it makes no sense.
                pub fn $field(self, $field: impl Into<$ty>) -> $crate::Result<Self> {
                    let $field = $field.into();
                    let $field = $crate::optim::setting::check::<
                        $crate::optim::setting::$rule, $ty,
                    >(stringify!($field), $field)?;
                    Ok($Name { $field, ..self })
                }
            )*

            /// With weight decay.
            ///
            /// # Errors
            /// [`Error::Setting`](crate::Error::Setting) if it is negative or not finite.
            #[doc(alias = "weight_decay")]
            pub fn wd(self, wd: f64) -> $crate::Result<Self> {
                Ok($Name { common: self.common.wd(wd)?, ..self })
            }

            /// With each element of the gradient, after rescaling, clipped to `[-clip, clip]`.
            ///
            /// # Errors
            /// [`Error::Setting`](crate::Error::Setting) if it is not greater than 0, or not
            /// finite.
            pub fn clip_gradient(self, clip: impl Into<Option<f64>>) -> $crate::Result<Self> {
                Ok($Name { common: self.common.clip_gradient(clip)?, ..self })
            }

            /// With the gradients of a group made shorter together: see
            /// [`Common::clip_norm`](crate::optim::Common::clip_norm).
            ///
            /// # Errors
            /// [`Error::Setting`](crate::Error::Setting) if it is not greater than 0, or not
            /// finite.
            pub fn clip_norm(self, max_norm: impl Into<Option<f64>>) -> $crate::Result<Self> {
                Ok($Name { common: self.common.clip_norm(max_norm)?, ..self })
            }

            /// With an `f32` copy of each half-precision parameter, which the rule changes; the
            /// parameter is its rounding.
            #[must_use]
            pub fn multi_precision(self, multi_precision: bool) -> Self {
                $Name { common: self.common.multi_precision(multi_precision), ..self }
            }

            /// With a learning rate that depends on the number of updates: see
            /// [`schedule`](crate::optim::schedule). The optimizer's own is the one that the
            /// schedule starts from.
            #[must_use]
            #[doc(alias = "lr_scheduler")]
            pub fn schedule(self, schedule: impl $crate::optim::Schedule + 'static) -> Self {
                $Name { common: self.common.schedule(schedule), ..self }
            }
        }

        impl $crate::optim::Optimizer for $Name {
            fn name(&self) -> &str {
                $name
            }

            fn common(&self) -> &$crate::optim::Common {
                &self.common
            }

            fn common_mut(&mut self) -> &mut $crate::optim::Common {
                &mut self.common
            }

            fn settings(&self) -> Vec<(&'static str, $crate::optim::Setting)> {
                vec![$((stringify!($field), self.$field.into()),)*]
            }

            #[allow(unused_variables, reason = "not every rule has settings of its own")]
            fn set(&mut self, name: &str, value: $crate::optim::Setting) -> $crate::Result<()> {
                match name {
                    $(stringify!($field) => {
                        self.$field = $crate::optim::setting::read::<
                            $crate::optim::setting::$rule, $ty,
                        >(stringify!($field), value)?;
                    })*
                    _ => return Err($crate::optim::unknown(name, &self.settings())),
                }
                Ok(())
            }

            $($body)*
        }
    };
}
pub(super) use optimizer;
