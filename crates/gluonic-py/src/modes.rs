//! What a thread is in: recording, a context, a name scope, a seed. Python's `with` enters and
//! leaves them one call at a time.

use gluonic::{autograd, context, name, random};
use pyo3::prelude::*;

use crate::block::Block;
use crate::context::{ContextArg, to_py};

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Counters>()?;
    module.add_class::<Scope>()?;
    for function in [
        wrap_pyfunction!(is_recording, module)?,
        wrap_pyfunction!(is_training, module)?,
        wrap_pyfunction!(set_recording, module)?,
        wrap_pyfunction!(set_training, module)?,
        wrap_pyfunction!(current_context, module)?,
        wrap_pyfunction!(set_context, module)?,
        wrap_pyfunction!(set_counters, module)?,
        wrap_pyfunction!(set_scope, module)?,
        wrap_pyfunction!(leave_scope, module)?,
        wrap_pyfunction!(seed, module)?,
    ] {
        module.add_function(function)?;
    }
    Ok(())
}

#[pyfunction]
fn is_recording() -> bool {
    autograd::is_recording()
}

#[pyfunction]
fn is_training() -> bool {
    autograd::is_training()
}

#[pyfunction]
fn set_recording(recording: bool) -> bool {
    autograd::set_recording(recording)
}

#[pyfunction]
fn set_training(training: bool) -> bool {
    autograd::set_training(training)
}

#[pyfunction]
fn current_context(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    to_py(py, context::current())
}

/// Makes a context the current one and returns the one before.
#[pyfunction]
fn set_context(py: Python<'_>, context: ContextArg) -> PyResult<Bound<'_, PyAny>> {
    to_py(py, context::set_current(context.0))
}

/// How many blocks of each kind have been named.
#[pyclass(frozen, name = "_Counters")]
#[derive(Debug, Default)]
struct Counters(name::Counters);

#[pymethods]
impl Counters {
    #[new]
    fn new() -> Self {
        Self::default()
    }
}

/// Makes counters those of this thread and returns the ones before.
#[pyfunction]
fn set_counters(counters: &Counters) -> Counters {
    Counters(name::set_counters(counters.0.clone()))
}

/// The scope of a block, or none.
#[pyclass(frozen, name = "_Scope")]
#[derive(Debug)]
struct Scope(Option<gluonic::nn::BlockCore>);

/// Enters the scope of a block and returns the one before.
#[pyfunction]
fn set_scope(scope: ScopeArg<'_>) -> PyResult<Scope> {
    let core = match scope {
        ScopeArg::Block(block) => Some(gluonic::Block::core(&**block.get().node()?).clone()),
        ScopeArg::Before(scope) => scope.get().0.clone(),
    };
    Ok(Scope(gluonic::nn::set_scope(core)))
}

/// Leaves every scope and returns the one before.
#[pyfunction]
fn leave_scope() -> Scope {
    Scope(gluonic::nn::set_scope(None))
}

/// A block whose scope is entered, or the scope that one goes back to.
#[derive(FromPyObject)]
enum ScopeArg<'py> {
    Block(Bound<'py, Block>),
    Before(Bound<'py, Scope>),
}

/// Seeds every random number of the process.
#[pyfunction]
fn seed(seed: u64) {
    random::seed(seed);
}
