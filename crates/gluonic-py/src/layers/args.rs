//! Arguments that several layers have.

use std::sync::Arc;

use gluonic::init::Initializer;
use gluonic::nn::rnn::SequenceLayout;
use gluonic::nn::{Activation, DataLayout};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::errors::OrRaise;
use crate::initializer::InitArg;

macro_rules! words {
    ($($(#[$doc:meta])* $arg:ident($type:ty);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub(super) struct $arg(pub(super) $type);

        impl<'py> FromPyObject<'_, 'py> for $arg {
            type Error = PyErr;

            fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
                let word: &str = &object.extract::<String>()?;
                word.parse().map($arg).or_raise(object.py())
            }
        }
    )*};
}

words! {
    /// An activation by its word.
    ActivationArg(Activation);
    /// The order of an input's axes by its word.
    LayoutArg(DataLayout);
    /// The order of a sequence's axes by its word.
    SequenceLayoutArg(SequenceLayout);
}

/// A number of which 0 means that it is not known.
#[derive(Clone, Copy)]
pub(super) struct SizeArg(pub(super) Option<usize>);

impl<'py> FromPyObject<'_, 'py> for SizeArg {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if object.is_none() {
            return Ok(SizeArg(None));
        }
        let n: i64 = object.extract()?;
        // -1 is what is not known in the dialect of `mx.np`.
        match usize::try_from(n) {
            Ok(0) => Ok(SizeArg(None)),
            Ok(n) => Ok(SizeArg(Some(n))),
            Err(_) if n == -1 => Ok(SizeArg(None)),
            Err(_) => Err(PyValueError::new_err(format!("a size cannot be {n}"))),
        }
    }
}

/// A number of things that there are: outputs, channels.
#[derive(Clone, Copy)]
pub(super) struct CountArg(pub(super) usize);

impl<'py> FromPyObject<'_, 'py> for CountArg {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let n: i64 = object.extract()?;
        let count = usize::try_from(n).map(CountArg);
        count.map_err(|_| PyValueError::new_err(format!("a size cannot be {n}")))
    }
}

/// The initializer inside an argument.
pub(super) fn init(init: Option<InitArg>) -> Option<Arc<dyn Initializer>> {
    init.map(|init| init.0)
}

/// The initializer inside an argument, or one of gluonic's by its word.
pub(super) fn init_or(
    py: Python<'_>,
    init: Option<InitArg>,
    word: &str,
) -> PyResult<Arc<dyn Initializer>> {
    match init {
        Some(init) => Ok(init.0),
        None => Ok(gluonic::init::loads(word).or_raise(py)?),
    }
}
