//! The contexts of parameters that are loaded.

use gluonic::{Context, Parameter};
use pyo3::exceptions::PyAssertionError;
use pyo3::prelude::*;

use crate::context::{ContextsArg, list_to_py};

/// Where parameters are to be after a load: those that have a value must be there already.
pub(super) struct Placing {
    contexts: Option<Vec<Context>>,
    fresh: Vec<Parameter>,
}

impl Placing {
    /// What is to be done for these contexts, if some are given.
    pub(super) fn of(
        py: Python<'_>,
        parameters: Vec<Parameter>,
        contexts: Option<ContextsArg>,
    ) -> PyResult<Placing> {
        let Some(ContextsArg(contexts)) = contexts else {
            return Ok(Placing { contexts: None, fresh: Vec::new() });
        };
        let mut fresh = Vec::new();
        for parameter in parameters {
            match parameter.list_ctx() {
                Ok(present) if parameter.is_initialized() => {
                    let same = present.len() == contexts.len()
                        && present.iter().all(|context| contexts.contains(context));
                    if !same {
                        return Err(PyAssertionError::new_err(format!(
                            "Failed to load Parameter '{}' on {} because it was previous \
                             initialized on {}.",
                            parameter.name(),
                            list_to_py(py, &contexts)?.str()?,
                            list_to_py(py, &present)?.str()?,
                        )));
                    }
                }
                _ => fresh.push(parameter),
            }
        }
        Ok(Placing { contexts: Some(contexts), fresh })
    }

    /// Brings what has a value since to its contexts.
    pub(super) fn carry_out(self) -> gluonic::Result<()> {
        let Some(contexts) = self.contexts else { return Ok(()) };
        let mut placed = self.fresh.iter().filter(|parameter| parameter.is_initialized());
        placed.try_for_each(|parameter| parameter.reset_ctx(&contexts))
    }
}
