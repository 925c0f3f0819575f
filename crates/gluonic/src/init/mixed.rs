//! An initializer for each pattern of names.

use std::sync::Arc;

use super::registry::FromArgs;
use super::text::{list, text, word};
use super::{Args, InitDesc, Initializer};
use crate::array::NdArray;
use crate::error::{Error, Result};
use crate::name::Pattern;
use crate::random::Address;

/// The initializer of the first pattern that matches the parameter's name, with the meaning of
/// Python's `re.match`: see [`Pattern`].
///
/// Given to a whole block, it decides for the parameters that have no initializer of their own, as
/// any other does. Most layers give their bias one.
///
/// # Errors
/// [`Error::NoPattern`] if none matches; what the initializer returns.
///
/// # Examples
/// ```
/// use gluonic::prelude::*;
/// use gluonic::init::{Mixed, Normal, Xavier};
/// let net = name::manager(|| sequential![Dense::new(4), Dense::new(2)]);
/// let init = Mixed::new().when("dense0", &Xavier::default())?.when(".*", &Normal::new(0.01))?;
/// net.initialize_with(&init, Reinit::Keep)?;
/// net.call(&NdArray::ones((1, 3), DType::F32)?)?;
/// let made_by = net[1].weight()?.provenance().map(|provenance| provenance.initializer);
/// assert_eq!(made_by, Some(init.dumps()));
/// assert!(net[1].weight()?.data()?.abs()?.max()?.to_scalar::<f32>()? < 0.1);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `initializer.py`, class `Mixed`. DIFFERENCE: there it cannot be given to a Gluon
/// block.
#[derive(Clone, Debug, Default)]
pub struct Mixed {
    rules: Vec<(Box<str>, Pattern, Arc<dyn Initializer>)>,
}

impl Mixed {
    /// Without patterns; add them by [`Mixed::when`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a pattern behind those that there are.
    ///
    /// # Errors
    /// [`Error::Pattern`] if it is not a regular expression.
    pub fn when(mut self, pattern: &str, init: &dyn Initializer) -> Result<Self> {
        self.rules.push((pattern.into(), Pattern::new(pattern)?, init.clone_initializer()));
        Ok(self)
    }
}

impl Initializer for Mixed {
    fn init_weight(&self, desc: &InitDesc, data: &NdArray, address: &Address) -> Result<()> {
        for (_, pattern, init) in &self.rules {
            if pattern.matches(&desc.name)? {
                return init.init_weight(desc, data, address);
            }
        }
        let patterns = self.rules.iter().map(|(pattern, ..)| pattern.clone()).collect();
        Err(Error::NoPattern { name: desc.name.clone(), patterns })
    }

    fn dumps(&self) -> String {
        let patterns = list(self.rules.iter().map(|(pattern, ..)| word(pattern)));
        let initializers = list(self.rules.iter().map(|(.., init)| init.dumps()));
        text("mixed", &[("patterns", patterns), ("initializers", initializers)])
    }
}

impl FromArgs for Mixed {
    fn from_args(args: &mut Args) -> Result<Self> {
        let (patterns, initializers) =
            (args.words("patterns")?, args.initializers("initializers")?);
        if patterns.len() != initializers.len() {
            let found = initializers.len();
            return Err(args.invalid("initializers", "one initializer for each pattern", found));
        }
        let mut rules = patterns.iter().zip(initializers);
        rules.try_fold(Mixed::new(), |mixed, (pattern, init)| mixed.when(pattern, &init))
    }
}
