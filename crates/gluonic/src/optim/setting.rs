//! Settings as data: by name, checked, to and from files.

use super::Optimizer;
use crate::error::{Error, Result};
use crate::suggest::nearest;

/// The value of a setting.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Setting {
    /// A number.
    Number(f64),
    /// Yes or no.
    Flag(bool),
    /// A key of random numbers.
    Key(u64),
    /// A number that is not given.
    Off,
}

impl From<f64> for Setting {
    fn from(value: f64) -> Self {
        Setting::Number(value)
    }
}

impl From<bool> for Setting {
    fn from(value: bool) -> Self {
        Setting::Flag(value)
    }
}

impl From<u64> for Setting {
    fn from(value: u64) -> Self {
        Setting::Key(value)
    }
}

impl From<Option<f64>> for Setting {
    fn from(value: Option<f64>) -> Self {
        value.map_or(Setting::Off, Setting::Number)
    }
}

impl std::fmt::Display for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Setting::Number(value) => value.fmt(f),
            Setting::Flag(value) => value.fmt(f),
            Setting::Key(value) => value.fmt(f),
            Setting::Off => f.write_str("nothing"),
        }
    }
}

/// What a setting may be: a name for a check.
pub(crate) trait Rule<T> {
    const EXPECTED: &str;

    fn fits(value: &T) -> bool;

    fn of(setting: Setting) -> Option<T>;
}

pub(crate) fn check<R: Rule<T>, T: Into<Setting> + Copy>(
    setting: &'static str,
    value: T,
) -> Result<T> {
    if R::fits(&value) {
        return Ok(value);
    }
    let found = value.into().to_string().into();
    Err(Error::Setting { setting, expected: R::EXPECTED, found })
}

/// As [`check`], of a value that comes from outside.
pub(crate) fn read<R: Rule<T>, T: Into<Setting> + Copy>(
    setting: &'static str,
    value: Setting,
) -> Result<T> {
    let wrong_type = || {
        let found = value.to_string().into();
        Error::Setting { setting, expected: R::EXPECTED, found }
    };
    check::<R, T>(setting, R::of(value).ok_or_else(wrong_type)?)
}

macro_rules! numbers {
    ($($(#[$meta:meta])* $name:ident, $expected:literal, $fits:expr;)*) => {$(
        $(#[$meta])*
        #[derive(Debug)]
        pub(crate) enum $name {}

        impl Rule<f64> for $name {
            const EXPECTED: &str = $expected;

            fn fits(value: &f64) -> bool {
                let fits: fn(f64) -> bool = $fits;
                value.is_finite() && fits(*value)
            }

            fn of(setting: Setting) -> Option<f64> {
                match setting {
                    Setting::Number(value) => Some(value),
                    _ => None,
                }
            }
        }

        impl Rule<Option<f64>> for $name {
            const EXPECTED: &str = $expected;

            fn fits(value: &Option<f64>) -> bool {
                value.is_none_or(|value| <$name as Rule<f64>>::fits(&value))
            }

            fn of(setting: Setting) -> Option<Option<f64>> {
                match setting {
                    Setting::Number(value) => Some(Some(value)),
                    Setting::Off => Some(None),
                    _ => None,
                }
            }
        }
    )*};
}
numbers! {
    NotNegative, "finite and not negative", |value| value >= 0.0;
    Positive, "finite and greater than 0", |value| value > 0.0;
    /// What remains of a running mean at each step.
    Decay, "0 or more and less than 1", |value| (0.0..1.0).contains(&value);
    NotPositive, "finite and not greater than 0", |value| value <= 0.0;
    OneOrMore, "finite and 1 or more", |value| value >= 1.0;
}

/// A setting that cannot be wrong.
#[derive(Debug)]
pub(crate) enum Any {}

impl Rule<bool> for Any {
    const EXPECTED: &str = "true or false";

    fn fits(_: &bool) -> bool {
        true
    }

    fn of(setting: Setting) -> Option<bool> {
        match setting {
            Setting::Flag(value) => Some(value),
            _ => None,
        }
    }
}

impl Rule<u64> for Any {
    const EXPECTED: &str = "a key, a whole number";

    fn fits(_: &u64) -> bool {
        true
    }

    fn of(setting: Setting) -> Option<u64> {
        match setting {
            Setting::Key(value) => Some(value),
            _ => None,
        }
    }
}

/// The error of a name that is not that of a setting.
pub(crate) fn unknown(name: &str, known: &[(&'static str, Setting)]) -> Error {
    Error::UnknownWord {
        kind: "setting of the optimizer",
        word: name.into(),
        nearest: nearest(name, known.iter().map(|(known, _)| *known)),
    }
}

/// All settings by name: those of every rule first, then its own. What files of states hold.
pub fn settings(optimizer: &dyn Optimizer) -> Vec<(&'static str, Setting)> {
    let mut all = optimizer.common().settings();
    all.extend(optimizer.settings());
    all
}

/// Changes any setting by its name.
///
/// # Errors
/// [`Error::UnknownWord`], with the nearest names, if there is none; [`Error::Setting`] if the value
/// makes no sense.
///
/// # Examples
/// ```
/// use gluonic::optim::{self, Adam, Setting};
/// let mut adam = Adam::default();
/// optim::set(&mut adam, "beta1", 0.8.into())?;
/// assert!(optim::settings(&adam).contains(&("beta1", Setting::Number(0.8))));
/// # Ok::<(), gluonic::Error>(())
/// ```
pub fn set(optimizer: &mut dyn Optimizer, name: &str, value: Setting) -> Result<()> {
    if optimizer.common_mut().set(name, value)? {
        return Ok(());
    }
    if !optimizer.settings().iter().any(|(known, _)| *known == name) {
        return Err(unknown(name, &settings(optimizer)));
    }
    optimizer.set(name, value)
}
