//! `ParameterDict`: a set of its own, or that of a block.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use gluonic::nn::BlockCore;
use gluonic::param::InitOptions;
use gluonic::{Error, Parameter, ParameterDict, Reinit};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::sync::{MutexExt, PyOnceLock};
use pyo3::types::{PyDict, PyList, PyTuple};

use crate::array::from_object;
use crate::context::{ContextsArg, list_to_py};
use crate::dtype::DTypeArg;
use crate::errors::OrRaise;
use crate::initializer::InitArg;
use crate::ops::ShapeArg;
use crate::parameter::{Parameter as PyParameter, parameter_to_py, spec_of};

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Dict>()
}

#[derive(Debug)]
enum Store {
    Own(Mutex<ParameterDict>),
    /// The set of a block, which grows with it.
    OfBlock(BlockCore),
}

/// What a Python `ParameterDict` is of.
#[pyclass(subclass, frozen, name = "ParameterDict", module = "gluonic._gluonic")]
#[derive(Debug)]
pub(crate) struct Dict {
    store: OnceLock<Store>,
}

impl Dict {
    fn store(&self) -> PyResult<&Store> {
        self.store.get().ok_or_else(|| {
            PyRuntimeError::new_err("super().__init__() was not called for this ParameterDict")
        })
    }

    /// Asks the set as it is now. Nothing of Python may run in `f`.
    fn ask<R>(&self, py: Python<'_>, f: impl FnOnce(&ParameterDict) -> R) -> PyResult<R> {
        Ok(match self.store()? {
            Store::Own(dict) => f(&lock(py, dict)),
            Store::OfBlock(core) => f(&py.detach(|| core.params())),
        })
    }

    /// The set as it is now.
    pub(crate) fn get(&self, py: Python<'_>) -> PyResult<ParameterDict> {
        self.ask(py, ParameterDict::clone)
    }
}

/// A set for this thread alone. It is waited for without the GIL, which who holds it may need: two
/// initializers of Python are compared by code of Python.
fn lock<'a>(py: Python<'_>, dict: &'a Mutex<ParameterDict>) -> MutexGuard<'a, ParameterDict> {
    dict.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner)
}

/// A Python `ParameterDict` of a set.
pub(crate) fn dict_to_py(py: Python<'_>, dict: ParameterDict) -> PyResult<Bound<'_, PyAny>> {
    filled(py, Store::Own(Mutex::new(dict)))
}

/// The Python `ParameterDict` of a block's own set.
pub(crate) fn dict_of_block<'py>(py: Python<'py>, core: &BlockCore) -> PyResult<Bound<'py, PyAny>> {
    filled(py, Store::OfBlock(core.clone()))
}

fn filled(py: Python<'_>, store: Store) -> PyResult<Bound<'_, PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let class = CLASS.get_or_try_init(py, || {
        let module = py.import("gluonic.gluon.parameter")?;
        Ok::<_, PyErr>(module.getattr("ParameterDict")?.unbind())
    })?;
    let class = class.bind(py);
    let object = class.call_method1("__new__", (class,))?;
    let _ = object.cast::<Dict>()?.get().store.set(store);
    Ok(object)
}

#[pymethods]
impl Dict {
    #[new]
    #[pyo3(signature = (*args, **kwargs))]
    fn new(args: &Bound<'_, PyTuple>, kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        let _ = (args, kwargs); // are those of the subclass's __init__
        Dict { store: OnceLock::new() }
    }

    /// Makes the set that this object is of.
    fn _declare(
        &self,
        py: Python<'_>,
        prefix: &str,
        shared: Option<Bound<'_, Dict>>,
    ) -> PyResult<()> {
        let shared = shared.map(|shared| shared.get().get(py)).transpose()?.map(Arc::new);
        let own = Store::Own(Mutex::new(ParameterDict::sharing(prefix, shared)));
        self.store
            .set(own)
            .map_err(|_| PyRuntimeError::new_err("this ParameterDict is made already"))
    }

    /// What the names of its parameters start with.
    #[getter]
    fn prefix(&self, py: Python<'_>) -> PyResult<String> {
        self.ask(py, |dict| dict.prefix().to_owned())
    }

    /// The parameters in order.
    fn _list<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let all: PyResult<Vec<_>> =
            self.get(py)?.iter().map(|parameter| parameter_to_py(py, parameter)).collect();
        PyList::new(py, all?)
    }

    /// The names in order.
    fn _names(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        self.ask(py, |dict| dict.names().map(ToString::to_string).collect())
    }

    fn __contains__(&self, py: Python<'_>, name: &str) -> PyResult<bool> {
        self.ask(py, |dict| dict.contains(name))
    }

    fn __getitem__<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let found = self.ask(py, |dict| dict.get(name).cloned())?;
        parameter_to_py(py, &found.or_raise(py)?)
    }

    /// The parameter `prefix + name`: from this set or the one it shares with, else a new one.
    #[pyo3(signature = (name, *, grad_req = None, shape = None, dtype = None, lr_mult = None,
                        wd_mult = None, init = None, allow_deferred_init = false,
                        differentiable = true, sparse_grad = false))]
    #[expect(clippy::too_many_arguments, reason = "they are Gluon's")]
    fn _get<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        grad_req: Option<&str>,
        shape: Option<ShapeArg>,
        dtype: Option<DTypeArg>,
        lr_mult: Option<f64>,
        wd_mult: Option<f64>,
        init: Option<InitArg>,
        allow_deferred_init: bool,
        differentiable: bool,
        sparse_grad: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let spec = spec_of(
            grad_req,
            shape,
            dtype,
            lr_mult,
            wd_mult,
            init,
            allow_deferred_init,
            differentiable,
            sparse_grad,
        )?;
        let parameter = match self.store()? {
            Store::Own(dict) => lock(py, dict).get_or_create(name, &spec),
            Store::OfBlock(core) => py.detach(|| core.get(name, &spec)),
        };
        parameter_to_py(py, &parameter.or_raise(py)?)
    }

    /// The constant `prefix + name`, made if there is none and a value is given.
    fn _get_constant<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        value: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let value = value.map(|value| from_object(value, None)).transpose()?;
        let constant = match self.store()? {
            Store::Own(dict) => lock(py, dict).get_constant(name, value.as_ref()),
            Store::OfBlock(core) => py.detach(|| core.get_constant(name, value.as_ref())),
        };
        parameter_to_py(py, &constant.or_raise(py)?)
    }

    /// Adds one parameter.
    fn _insert(&self, py: Python<'_>, parameter: &Bound<'_, PyParameter>) -> PyResult<()> {
        let parameter: &Parameter = parameter.get().get()?;
        match self.store()? {
            Store::Own(dict) => {
                let inserted = lock(py, dict).insert(parameter);
                inserted.or_raise(py)
            }
            Store::OfBlock(_) => Err(PyRuntimeError::new_err(
                "the set of a block takes parameters by get() only\nassign it to an attribute of \
                 the block",
            )),
        }
    }

    /// Adds all parameters of another set.
    fn _update(&self, py: Python<'_>, other: &Bound<'_, Dict>) -> PyResult<()> {
        let other = other.get().get(py)?;
        match self.store()? {
            Store::Own(dict) => {
                let updated = lock(py, dict).update(&other);
                updated.or_raise(py)
            }
            Store::OfBlock(_) => {
                Err(PyRuntimeError::new_err("the set of a block takes parameters by get() only"))
            }
        }
    }

    /// The parameters whose names a pattern matches from their first letter on.
    fn _select<'py>(&self, py: Python<'py>, pattern: &str) -> PyResult<Bound<'py, PyAny>> {
        dict_to_py(py, self.get(py)?.select(pattern).or_raise(py)?)
    }

    #[pyo3(signature = (init, ctx, force_reinit))]
    fn _initialize(
        &self,
        py: Python<'_>,
        init: Option<InitArg>,
        ctx: Option<ContextsArg>,
        force_reinit: bool,
    ) -> PyResult<()> {
        let dict = self.get(py)?;
        initialize(py, init, ctx, force_reinit, |options| dict.initialize_opts(options))
    }

    /// The contexts of all parameters.
    fn list_ctx<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        match self.get(py)?.list_ctx() {
            Err(Error::Uninitialized { name }) => {
                Err(PyRuntimeError::new_err(format!("Parameter '{name}' has not been initialized")))
            }
            contexts => list_to_py(py, &contexts.or_raise(py)?),
        }
    }
}

/// Gives several parameters their values, by what Gluon's `initialize` says.
pub(crate) fn initialize(
    py: Python<'_>,
    init: Option<InitArg>,
    ctx: Option<ContextsArg>,
    force_reinit: bool,
    run: impl FnOnce(&InitOptions) -> gluonic::Result<()> + Send,
) -> PyResult<()> {
    let options = InitOptions {
        init: init.map(|init| init.0),
        reinit: if force_reinit { Reinit::Force } else { Reinit::Keep },
        contexts: ctx.map(|contexts| contexts.0),
        ..InitOptions::default()
    };
    let done = py.detach(|| run(&options)).or_raise(py);
    // Python has said it of those that have a value.
    crate::warnings::forget();
    done
}
