//! Optimizers by name.

use super::{
    AdaDelta, AdaGrad, Adafactor, Adam, AdamW, Adamax, Ftml, Ftrl, Lamb, Lars, Lion, Nadam, Nag,
    Optimizer, RmsProp, Setting, Sgd, Sgld, Signum, set,
};
use crate::error::{Error, Result};
use crate::suggest::nearest;

type Make = fn() -> Box<dyn Optimizer>;

const KNOWN: &[(&str, Make)] = &[
    ("sgd", of::<Sgd>),
    ("nag", of::<Nag>),
    ("adam", of::<Adam>),
    ("adamw", of::<AdamW>),
    ("adamax", of::<Adamax>),
    ("nadam", of::<Nadam>),
    ("rmsprop", of::<RmsProp>),
    ("adagrad", of::<AdaGrad>),
    ("adadelta", of::<AdaDelta>),
    ("ftrl", of::<Ftrl>),
    ("ftml", of::<Ftml>),
    ("lamb", of::<Lamb>),
    ("lars", of::<Lars>),
    ("signum", of::<Signum>),
    ("sgld", of::<Sgld>),
    ("lion", of::<Lion>),
    ("adafactor", of::<Adafactor>),
];

fn of<O: Optimizer + Default + 'static>() -> Box<dyn Optimizer> {
    Box::new(O::default())
}

/// Makes an optimizer by its name, with some settings other than the defaults. Names do not know
/// case.
///
/// # Errors
/// [`Error::UnknownWord`], with the nearest names, if there is no optimizer of that name, or no
/// setting; [`Error::Setting`] if a setting makes no sense.
///
/// # Examples
/// ```
/// use gluonic::optim;
/// use gluonic::prelude::*;
/// let weight = Parameter::new("weight", 2);
/// weight.initialize()?;
/// let adam = optim::create("adam", &[("learning_rate", 0.01.into()), ("beta1", 0.8.into())])?;
/// let trainer = Trainer::of([&weight], adam)?;
/// assert_eq!(trainer.learning_rate()?, 0.01);
/// let Err(error) = optim::create("rmsprp", &[]) else { panic!("there is none") };
/// assert_eq!(error.hint().unwrap(), "did you mean `rmsprop`?");
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `optimizer.py`, function `Optimizer.create_optimizer`.
pub fn create(name: &str, settings: &[(&str, Setting)]) -> Result<Box<dyn Optimizer>> {
    let key = name.to_lowercase();
    let Some((_, make)) = KNOWN.iter().find(|(known, _)| *known == key) else {
        return Err(Error::UnknownWord {
            kind: "optimizer",
            word: name.into(),
            nearest: nearest(&key, KNOWN.iter().map(|(known, _)| *known)),
        });
    };
    let mut optimizer = make();
    for (setting, value) in settings {
        set(&mut *optimizer, setting, *value)?;
    }
    Ok(optimizer)
}
