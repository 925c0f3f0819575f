//! How the parameters of a block are initialized.

use std::sync::Arc;

use super::initialize::Staged;
use super::parameter::Parameter;
use super::select::Selector;
use crate::context::{Context, check_list};
use crate::error::Result;
use crate::init::{Initializer, Reinit, default_initializer};
use crate::random::{Address, next_key};

/// How [`BlockExt::initialize_opts`](crate::nn::BlockExt::initialize_opts) goes about it.
///
/// # Examples
/// ```
/// use gluonic::prelude::*;
/// let net = || sequential![Dense::with(DenseConfig { units: 2, in_units: Some(3), ..Default::default() }).unwrap()];
/// let (one, two) = (net(), net());
/// one.initialize_opts(&InitOptions { seed: Some(7), ..Default::default() })?;
/// two.initialize_opts(&InitOptions { seed: Some(7), ..Default::default() })?;
/// assert_eq!(one[0].weight()?.data()?.to_vec::<f32>()?, two[0].weight()?.data()?.to_vec::<f32>()?);
/// # Ok::<(), gluonic::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct InitOptions {
    /// The initializer of parameters that have none of their own; if not given, uniform in
    /// `[-0.07, 0.07)`.
    pub init: Option<Arc<dyn Initializer>>,
    /// Whether parameters that have a value get a new one.
    pub reinit: Reinit,
    /// The key of the random numbers; if not given, the next one of the process.
    pub seed: Option<u64>,
    /// Which parameters; if not given, all of them.
    pub select: Option<Selector>,
    /// Where their values are to be, the same on each; if not given, where they are or were to be,
    /// else on the current context. Those that keep a value stay where they are.
    pub contexts: Option<Vec<Context>>,
}

impl InitOptions {
    /// Everything as ever, on some contexts.
    pub(crate) fn on(contexts: &[Context]) -> Self {
        InitOptions { contexts: Some(contexts.to_vec()), ..Self::default() }
    }

    /// Initializes parameters, each at its address: all of them, or none.
    pub(crate) fn initialize<'a>(
        &self,
        addressed: impl IntoIterator<Item = (&'a Parameter, Arc<str>)>,
    ) -> Result<()> {
        if let Some(contexts) = &self.contexts {
            check_list(contexts)?;
        }
        let default = self.init.clone().unwrap_or_else(default_initializer);
        let key = self.seed.unwrap_or_else(next_key);
        // All that can fail, for all, before the first changes.
        let staged = addressed.into_iter().map(|(parameter, path)| {
            let contexts = self.contexts.as_deref();
            parameter.stage(None, &default, Address::new(key, path), self.reinit, contexts)
        });
        let mut staged = staged.collect::<Result<Vec<_>>>()?;
        Staged::join(&mut staged);
        staged.into_iter().try_for_each(Staged::commit)
    }
}
