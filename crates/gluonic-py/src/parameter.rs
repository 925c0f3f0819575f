//! `Parameter`: one Python object for each parameter.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use gluonic::param::Kind;
use gluonic::{Error, ParamSpec, Reinit};
use pyo3::exceptions::{PyAssertionError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PyTuple};

use crate::array::{Dialect, NDArray, from_object, grad_req_of, wrap};
use crate::context::{ContextArg, ContextsArg, list_to_py};
use crate::dtype::DTypeArg;
use crate::errors::{self, MXNetError, OrRaise};
use crate::initializer::InitArg;
use crate::ops::{ShapeArg, shape_to_py};

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Parameter>()
}

/// What a Python `Parameter` is of. Empty until `__init__` has run, or the object was made for a
/// parameter that exists.
#[pyclass(subclass, frozen, name = "Parameter", module = "gluonic._gluonic")]
#[derive(Debug)]
pub(crate) struct Parameter {
    inner: OnceLock<gluonic::Parameter>,
    /// The objects that `data` and `grad` gave last: they give them again.
    handles: Mutex<Vec<Py<PyAny>>>,
}

/// As many objects of one parameter are remembered: value and gradient on a few contexts.
const HANDLES: usize = 8;

impl Parameter {
    /// The object for a handle on the value or the gradient: the one that was given before, if it is
    /// still of the same.
    fn handle<'py>(
        &self,
        py: Python<'py>,
        array: gluonic::NdArray,
        dialect: Dialect,
    ) -> PyResult<Bound<'py, PyAny>> {
        let given = |handles: &[Py<PyAny>]| {
            let is_given = |handle: &&Bound<'py, PyAny>| {
                let known = handle.cast::<NDArray>();
                known.is_ok_and(|known| known.get().is_handle_of(&array))
                    && Dialect::of(handle) == dialect
            };
            handles.iter().map(|handle| handle.bind(py)).find(is_given).cloned()
        };
        if let Some(handle) = given(&self.handles()) {
            return Ok(handle);
        }
        // Objects are made and dropped without the lock: that may run code of the user's.
        let handle = wrap(py, array.clone(), dialect)?;
        let mut handles = self.handles();
        if let Some(handle) = given(&handles) {
            return Ok(handle); // Another thread was faster.
        }
        let oldest = (handles.len() == HANDLES).then(|| handles.remove(0));
        handles.push(handle.clone().unbind());
        drop(handles);
        drop(oldest);
        Ok(handle)
    }

    fn handles(&self) -> MutexGuard<'_, Vec<Py<PyAny>>> {
        self.handles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self) -> PyResult<&gluonic::Parameter> {
        self.inner.get().ok_or_else(|| {
            PyRuntimeError::new_err("super().__init__() was not called for this Parameter")
        })
    }
}

/// Python's objects by parameter: there is one for each, as long as somebody holds it.
fn known(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static KNOWN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let known = KNOWN.get_or_try_init(py, || {
        let make = py.import("weakref")?.getattr("WeakValueDictionary")?;
        Ok::<_, PyErr>(make.call0()?.unbind())
    })?;
    Ok(known.bind(py))
}

/// The Python object of a parameter.
pub(crate) fn parameter_to_py<'py>(
    py: Python<'py>,
    parameter: &gluonic::Parameter,
) -> PyResult<Bound<'py, PyAny>> {
    static CLASSES: PyOnceLock<[Py<PyAny>; 2]> = PyOnceLock::new();
    let known = known(py)?;
    let found = known.call_method1("get", (parameter.id(),))?;
    if !found.is_none() {
        return Ok(found);
    }
    let classes = CLASSES.get_or_try_init(py, || {
        let module = py.import("gluonic.gluon.parameter")?;
        let class = |name| Ok::<_, PyErr>(module.getattr(name)?.unbind());
        Ok::<_, PyErr>([class("Parameter")?, class("Constant")?])
    })?;
    let class = classes[usize::from(parameter.kind() == Kind::Constant)].bind(py);
    let object = class.call_method1("__new__", (class,))?;
    fill(object.cast::<Parameter>()?, parameter.clone())?;
    Ok(object)
}

fn fill(object: &Bound<'_, Parameter>, parameter: gluonic::Parameter) -> PyResult<()> {
    let id = parameter.id();
    if object.get().inner.set(parameter).is_err() {
        return Err(PyRuntimeError::new_err("this Parameter is made already"));
    }
    known(object.py())?.set_item(id, object)
}

#[pymethods]
impl Parameter {
    #[new]
    #[pyo3(signature = (*args, **kwargs))]
    fn new(args: &Bound<'_, PyTuple>, kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        let _ = (args, kwargs); // are those of the subclass's __init__
        Parameter { inner: OnceLock::new(), handles: Mutex::default() }
    }

    /// Makes the parameter that this object is of.
    #[expect(clippy::too_many_arguments, reason = "they are Gluon's")]
    fn _declare(
        slf: &Bound<'_, Self>,
        name: &str,
        grad_req: &str,
        shape: Option<ShapeArg>,
        dtype: DTypeArg,
        lr_mult: f64,
        wd_mult: f64,
        init: Option<InitArg>,
        allow_deferred_init: bool,
        differentiable: bool,
        sparse_grad: bool,
    ) -> PyResult<()> {
        let spec = spec_of(
            Some(grad_req),
            shape,
            Some(dtype),
            Some(lr_mult),
            Some(wd_mult),
            init,
            allow_deferred_init,
            differentiable,
            sparse_grad,
        )?;
        fill(slf, gluonic::Parameter::with_spec(name, &spec))
    }

    /// Makes the constant that this object is of.
    fn _declare_constant(
        slf: &Bound<'_, Self>,
        name: &str,
        value: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let value = from_object(value, None)?;
        fill(slf, gluonic::Parameter::constant(name, &value).or_raise(slf.py())?)
    }

    /// The global name, such as `dense0_weight`.
    #[getter]
    fn name(&self) -> PyResult<&str> {
        Ok(self.get()?.name())
    }

    /// The shape, with `unknown` for sizes that are not known; `None` if not even the rank is.
    fn _shape<'py>(&self, py: Python<'py>, unknown: i64) -> PyResult<Option<Bound<'py, PyTuple>>> {
        self.get()?.shape().map(|shape| shape_to_py(py, &shape, unknown)).transpose()
    }

    fn _set_shape(&self, py: Python<'_>, shape: ShapeArg) -> PyResult<()> {
        self.get()?.set_shape(shape.0).or_raise(py)
    }

    #[getter]
    fn _dtype_name(&self) -> PyResult<&'static str> {
        Ok(self.get()?.dtype().name())
    }

    /// What backward does to the gradient: `'write'`, `'add'` or `'null'`.
    #[getter]
    fn _grad_req(&self) -> PyResult<&'static str> {
        Ok(self.get()?.grad_req().name())
    }

    fn _set_grad_req(&self, req: &str) -> PyResult<()> {
        self.get()?.set_grad_req(grad_req_of(req)?);
        Ok(())
    }

    /// Whether its gradient is kept by rows where it can be.
    #[getter]
    fn _sparse_grad(&self) -> PyResult<bool> {
        Ok(self.get()?.sparse_grad())
    }

    /// The factor on the learning rate.
    #[getter]
    fn lr_mult(&self) -> PyResult<f64> {
        Ok(self.get()?.lr_mult())
    }

    #[setter]
    fn set_lr_mult(&self, py: Python<'_>, mult: f64) -> PyResult<()> {
        self.get()?.set_lr_mult(mult).or_raise(py)
    }

    /// The factor on the weight decay.
    #[getter]
    fn wd_mult(&self) -> PyResult<f64> {
        Ok(self.get()?.wd_mult())
    }

    #[setter]
    fn set_wd_mult(&self, py: Python<'_>, mult: f64) -> PyResult<()> {
        self.get()?.set_wd_mult(mult).or_raise(py)
    }

    /// The own initializer as text, if there is one.
    #[getter]
    fn _init_text(&self) -> PyResult<Option<String>> {
        Ok(self.get()?.initializer().map(|init| init.dumps()))
    }

    fn _set_init(&self, init: Option<InitArg>) -> PyResult<()> {
        let init = init.map(|init| init.0);
        self.get()?
            .set_initializer(init.as_ref().map(|init| init as &dyn gluonic::init::Initializer));
        Ok(())
    }

    /// Whether it has a value.
    #[getter]
    fn _is_initialized(&self) -> PyResult<bool> {
        Ok(self.get()?.is_initialized())
    }

    /// Whether `initialize` was called and the shape is still unknown.
    #[getter]
    fn _is_deferred(&self) -> PyResult<bool> {
        Ok(self.get()?.is_deferred())
    }

    /// What the parameter is for: `'weight'`, `'bias'`, `'statistic'` or `'constant'`.
    #[getter]
    fn kind(&self) -> PyResult<String> {
        Ok(self.get()?.kind().to_string())
    }

    /// Gives it a value: by `init`, else by its own initializer, else by `default`.
    #[pyo3(signature = (init, ctx, default, force_reinit))]
    fn _initialize(
        &self,
        py: Python<'_>,
        init: Option<InitArg>,
        ctx: Option<ContextsArg>,
        default: Option<InitArg>,
        force_reinit: bool,
    ) -> PyResult<()> {
        let parameter = self.get()?;
        let reinit = if force_reinit { Reinit::Force } else { Reinit::Keep };
        let own = parameter.initializer();
        let init = init.map(|init| init.0).or(own).or(default.map(|init| init.0));
        let done = py.detach(|| {
            match init {
                Some(init) => parameter.initialize_with(&init, reinit)?,
                None if force_reinit => parameter.reinitialize()?,
                None => parameter.initialize()?,
            }
            match ctx {
                Some(contexts) if parameter.list_ctx()? != contexts.0 => {
                    parameter.reset_ctx(&contexts.0)
                }
                _ => Ok(()),
            }
        });
        // Python has said it if there is a value.
        crate::warnings::forget();
        done.or_raise(py)
    }

    /// Gives it the value that was planned, once the shape is known.
    #[pyo3(signature = (shape = None))]
    fn _finish_deferred_init(&self, py: Python<'_>, shape: Option<ShapeArg>) -> PyResult<()> {
        let parameter = self.get()?;
        let shape = match shape {
            Some(shape) => shape.0,
            None => match parameter.shape() {
                Some(shape) if shape.dims().is_some() => shape,
                known => {
                    let known = known.as_ref().map_or_else(|| "None".into(), errors::known_text);
                    let name = parameter.name();
                    return Err(PyAssertionError::new_err(format!(
                        "Cannot initialize Parameter '{name}' because it has invalid shape: \
                         {known}. Please specify in_units, in_channels, etc for `Block`s."
                    )));
                }
            },
        };
        py.detach(|| parameter.finish_deferred(shape)).or_raise(py)
    }

    /// The value on a context: an array on the parameter's own memory, so that an edit of it is an
    /// edit of the parameter.
    #[pyo3(signature = (ctx, np))]
    fn _data<'py>(
        &self,
        py: Python<'py>,
        ctx: Option<Bound<'py, PyAny>>,
        np: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let parameter = self.get()?;
        let data = match ctx.map(|ctx| context_of(parameter, &ctx)).transpose()? {
            Some(ctx) => parameter.data_on(ctx.0),
            None => parameter.data(),
        };
        self.handle(py, data.map_err(|error| waiting(py, parameter, error))?, dialect(np))
    }

    #[pyo3(signature = (ctx, np))]
    fn _grad<'py>(
        &self,
        py: Python<'py>,
        ctx: Option<Bound<'py, PyAny>>,
        np: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let parameter = self.get()?;
        let grad = match ctx.map(|ctx| context_of(parameter, &ctx)).transpose()? {
            Some(ctx) => parameter.grad_on(ctx.0),
            None => parameter.grad(),
        };
        self.handle(py, grad.map_err(|error| waiting(py, parameter, error))?, dialect(np))
    }

    fn _list_data<'py>(&self, py: Python<'py>, np: bool) -> PyResult<Bound<'py, PyList>> {
        let list = self.get()?.list_data().or_raise(py)?;
        let list: PyResult<Vec<_>> =
            list.into_iter().map(|array| wrap(py, array, dialect(np))).collect();
        PyList::new(py, list?)
    }

    fn _list_grad<'py>(&self, py: Python<'py>, np: bool) -> PyResult<Bound<'py, PyList>> {
        let list = self.get()?.list_grad().or_raise(py)?;
        let list: PyResult<Vec<_>> =
            list.into_iter().map(|array| wrap(py, array, dialect(np))).collect();
        PyList::new(py, list?)
    }

    /// The contexts that it is on, or will be.
    fn list_ctx<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let parameter = self.get()?;
        match parameter.list_ctx() {
            Err(Error::Uninitialized { name }) => {
                Err(PyRuntimeError::new_err(format!("Parameter '{name}' has not been initialized")))
            }
            contexts => list_to_py(py, &contexts.or_raise(py)?),
        }
    }

    /// Moves it to other contexts.
    fn reset_ctx(&self, py: Python<'_>, ctx: ContextsArg) -> PyResult<()> {
        let parameter = self.get()?;
        match py.detach(|| parameter.reset_ctx(&ctx.0)) {
            Err(Error::Uninitialized { name }) => Err(PyValueError::new_err(format!(
                "Cannot reset context for Parameter '{name}' because it has not been initialized."
            ))),
            done => done.or_raise(py),
        }
    }

    /// Writes values into it, converted to its element type. Its memory stays where it is.
    fn set_data(&self, py: Python<'_>, data: &Bound<'_, PyAny>) -> PyResult<()> {
        let parameter = self.get()?;
        let value = if let Ok(array) = data.cast::<crate::array::NDArray>() {
            array.get().get()
        } else {
            // MXNet asks whatever it is for its shape.
            data.getattr("shape")?;
            from_object(data, None)?
        };
        // Without a value it learns at least the shape.
        if !parameter.is_initialized() && !parameter.is_deferred() {
            parameter.set_shape(value.dims().clone()).or_raise(py)?;
        }
        match py.detach(|| parameter.set_data(&value)) {
            Err(Error::Uninitialized { name }) => Err(PyAssertionError::new_err(format!(
                "Parameter '{name}' has not been initialized"
            ))),
            done => done.or_raise(py),
        }
    }

    /// Sets the gradient to zeros, if there is one.
    fn zero_grad(&self, py: Python<'_>) -> PyResult<()> {
        match self.get()?.zero_grad() {
            Err(error) if !self.get()?.is_initialized() => {
                drop(error);
                Ok(())
            }
            done => done.or_raise(py),
        }
    }

    fn _cast(&self, py: Python<'_>, dtype: DTypeArg) -> PyResult<()> {
        let parameter = self.get()?;
        py.detach(|| parameter.cast(dtype.0)).or_raise(py)
    }
}

/// An error of a parameter's value. One that waits for its shape says so, also where not even the
/// rank is known.
fn waiting(py: Python<'_>, parameter: &gluonic::Parameter, error: Error) -> PyErr {
    match error {
        Error::UnknownShape { .. } if parameter.is_deferred() => {
            errors::deferred(parameter.name(), &error)
        }
        error => errors::to_py(py, error),
    }
}

/// A context to look for a value on: on one that gluonic does not have there is none.
fn context_of(parameter: &gluonic::Parameter, ctx: &Bound<'_, PyAny>) -> PyResult<ContextArg> {
    let py = ctx.py();
    ctx.extract::<ContextArg>().map_err(|error| match parameter.list_ctx() {
        Ok(contexts) if parameter.is_initialized() && error.is_instance_of::<MXNetError>(py) => {
            let name = parameter.name();
            let contexts: Vec<String> = contexts.iter().map(ToString::to_string).collect();
            let contexts = contexts.join(", ");
            let told = error.value(py);
            PyRuntimeError::new_err(format!(
                "Parameter '{name}' was not initialized on context {ctx}. It was only initialized \
                 on [{contexts}].\n{told}"
            ))
        }
        _ => error,
    })
}

fn dialect(np: bool) -> Dialect {
    if np { Dialect::Np } else { Dialect::Nd }
}

/// The wishes for a parameter from Gluon's arguments.
#[expect(clippy::too_many_arguments, reason = "they are Gluon's")]
pub(crate) fn spec_of(
    grad_req: Option<&str>,
    shape: Option<ShapeArg>,
    dtype: Option<DTypeArg>,
    lr_mult: Option<f64>,
    wd_mult: Option<f64>,
    init: Option<InitArg>,
    allow_deferred_init: bool,
    differentiable: bool,
    sparse_grad: bool,
) -> PyResult<ParamSpec> {
    let mut spec = match shape {
        Some(shape) => ParamSpec::new(shape.0),
        None => ParamSpec::of_any_shape(),
    };
    if let Some(req) = grad_req {
        spec = spec.grad_req(grad_req_of(req)?);
    }
    if let Some(dtype) = dtype {
        spec = spec.dtype(dtype.0);
    }
    if let Some(mult) = lr_mult {
        spec = spec.lr_mult(mult);
    }
    if let Some(mult) = wd_mult {
        spec = spec.wd_mult(mult);
    }
    if let Some(init) = init {
        spec = spec.init(&init.0);
    }
    if allow_deferred_init {
        spec = spec.deferred();
    }
    // What has no gradient is measured, not trained.
    if !differentiable {
        spec = spec.kind(Kind::Statistic);
    }
    Ok(spec.sparse_grad(sparse_grad))
}
