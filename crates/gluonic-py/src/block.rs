//! `Block`: a block of Python in the tree of gluonic, by call-back.
//!
//! Every Python block is one [`Node`], which implements gluonic's `Block`. Its members are what its
//! Python object holds in `_reg_params` and `_children`, asked for anew at each walk; its forward is
//! that of the layer inside, or Python's `forward`. So the verbs of gluonic see one tree.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use gluonic::nn::{BlockCore, Member};
use gluonic::{Block as _, BlockExt, DType, NdArray, ParameterDict};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyWeakrefMethods, PyWeakrefReference};

use crate::array::{Dialect, NDArray, wrap};
use crate::callback::call_python;
use crate::context::ContextsArg;
use crate::dict::{Dict, dict_of_block, dict_to_py, init_options};
use crate::dtype::DTypeArg;
use crate::errors::OrRaise;
use crate::initializer::InitArg;
use crate::layers::Layer;
use crate::ops::current_dialect;
use crate::parameter::{Parameter, parameter_to_py};

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Block>()
}

/// A member that was shown to a walk.
enum Lent {
    Parameter(gluonic::Parameter),
    Block(Arc<Node>),
}

impl Lent {
    fn id(&self) -> usize {
        match self {
            Lent::Parameter(parameter) => parameter.id(),
            Lent::Block(node) => Arc::as_ptr(node).addr(),
        }
    }
}

/// A Python block as gluonic sees it.
pub(crate) struct Node {
    core: BlockCore,
    /// The layer of gluonic that it is built on, if it is.
    layer: Option<Arc<dyn gluonic::Block>>,
    /// Whether the class has a `forward` of its own in Python.
    has_forward: bool,
    /// Whether Python's hooks are to be run.
    hooked: AtomicBool,
    this: Py<PyWeakrefReference>,
    /// Every member that a walk has been shown. It grows only, so that walks can be lent its
    /// elements: by the number of members that are replaced.
    lent: boxcar::Vec<Lent>,
    known: Mutex<HashMap<usize, usize>>,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node({})", self.core.name())
    }
}

impl Node {
    /// The Python object, as long as it lives.
    pub(crate) fn this<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.this
            .bind(py)
            .upgrade()
            .ok_or_else(|| PyRuntimeError::new_err(format!("block {} is gone", self.core.name())))
    }

    /// What the Python object holds now, by key: parameters, then children.
    fn members(&self, py: Python<'_>) -> PyResult<Vec<(String, Lent)>> {
        let this = self.this(py)?;
        let mut members = Vec::new();
        let parameters = this.getattr("_reg_params")?;
        for item in parameters.call_method0("items")?.try_iter()? {
            let (key, value): (String, Bound<'_, PyAny>) = item?.extract()?;
            let parameter = value.cast::<Parameter>()?.get().get()?.clone();
            members.push((key, Lent::Parameter(parameter)));
        }
        let children = this.getattr("_children")?;
        for item in children.call_method0("items")?.try_iter()? {
            let (key, value): (String, Bound<'_, PyAny>) = item?.extract()?;
            // Sequential.add takes anything in MXNet; what is no block has no parameters.
            if let Ok(block) = value.cast::<Block>() {
                members.push((key, Lent::Block(block.get().node()?.clone())));
            }
        }
        Ok(members)
    }

    /// The names of its own parameters.
    pub(crate) fn core_names(&self) -> Vec<String> {
        self.core.params().names().map(ToString::to_string).collect()
    }

    /// Keeps a member for as long as the node lives.
    fn lend(&self, member: Lent) -> &Lent {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let at = *known.entry(member.id()).or_insert_with(|| self.lent.push(member));
        &self.lent[at]
    }

    /// Calls Python's hooks and forward with any arguments.
    fn run<'py>(
        &self,
        this: &Bound<'py, PyAny>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let hooked = self.hooked.load(Ordering::Relaxed);
        if hooked {
            for hook in hooks(this, "_forward_pre_hooks")? {
                hook.call1((this, args))?;
            }
        }
        let out = this.call_method("forward", args, kwargs)?;
        if hooked {
            for hook in hooks(this, "_forward_hooks")? {
                hook.call1((this, args, &out))?;
            }
        }
        Ok(out)
    }
}

fn hooks<'py>(this: &Bound<'py, PyAny>, list: &str) -> PyResult<Vec<Bound<'py, PyAny>>> {
    this.getattr(list)?.call_method0("values")?.try_iter()?.collect()
}

impl gluonic::Block for Node {
    fn core(&self) -> &BlockCore {
        &self.core
    }

    fn visit<'a>(&'a self, visit: &mut dyn FnMut(&str, Member<'a>)) {
        let mut shown = Vec::new();
        if let Some(layer) = &self.layer {
            layer.visit(&mut |key, member| {
                if let Member::Parameter(_) = member {
                    shown.push(key.to_owned());
                }
                visit(key, member);
            });
        }
        // A walk cannot fail. An object that is gone, or whose lists are broken, shows nothing.
        let members = Python::attach(|py| {
            self.members(py).unwrap_or_else(|error| {
                error.write_unraisable(py, None);
                Vec::new()
            })
        });
        for (key, member) in members {
            match self.lend(member) {
                Lent::Parameter(parameter) if !shown.contains(&key) => {
                    visit(&key, Member::Parameter(parameter));
                }
                Lent::Parameter(_) => {}
                Lent::Block(node) => visit(&key, Member::Block(node.as_dyn())),
            }
        }
    }

    fn forward(&self, x: &NdArray) -> gluonic::Result<NdArray> {
        match &self.layer {
            Some(layer) if !self.has_forward && !self.hooked.load(Ordering::Relaxed) => {
                layer.forward(x)
            }
            _ => call_python(self.core.name(), |py| {
                let this = self.this(py)?;
                let x = wrap(py, x.clone(), current_dialect(py)?)?;
                let out = self.run(&this, &PyTuple::new(py, [x])?, None)?;
                match out.cast::<NDArray>() {
                    Ok(array) => Ok(array.get().get()),
                    Err(_) => Err(PyTypeError::new_err(format!(
                        "{}.forward returned {} where one NDArray is needed",
                        self.core.class(),
                        out.get_type()
                    ))),
                }
            }),
        }
    }

    fn as_dyn(&self) -> &dyn gluonic::Block {
        self
    }

    fn collect_into(&self, params: &mut ParameterDict) -> gluonic::Result<()> {
        // Python's own override of `collect_params` is honoured by those who call it in Python.
        let mut result = self.core.params().iter().try_for_each(|own| params.insert(own));
        let own = self.core.params();
        self.visit(&mut |_, member| {
            if result.is_ok()
                && let Member::Parameter(parameter) = member
                && !own.contains(parameter.name())
            {
                result = params.insert(parameter);
            }
        });
        self.visit(&mut |_, member| {
            if result.is_ok()
                && let Member::Block(block) = member
            {
                result = block.collect_into(params);
            }
        });
        result
    }

    fn own_dtype(&self, dtype: DType) -> DType {
        self.layer.as_ref().map_or(dtype, |layer| layer.own_dtype(dtype))
    }

    fn fmt_block(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = Python::attach(|py| self.this(py)?.repr().map(|text| text.to_string()));
        f.write_str(&text.map_err(|_| fmt::Error)?)
    }
}

/// The part of every block that is gluonic's. `gluonic.gluon.Block` is built on it.
#[pyclass(subclass, frozen, weakref, name = "Block", module = "gluonic._gluonic")]
#[derive(Debug)]
pub(crate) struct Block {
    node: OnceLock<Arc<Node>>,
}

impl Block {
    pub(crate) fn node(&self) -> PyResult<&Arc<Node>> {
        self.node.get().ok_or_else(|| {
            PyRuntimeError::new_err("super().__init__() was not called for this Block")
        })
    }

    fn core(&self) -> PyResult<&BlockCore> {
        Ok(&self.node()?.core)
    }
}

fn set_node(
    slf: &Bound<'_, Block>,
    core: BlockCore,
    layer: Option<Arc<dyn gluonic::Block>>,
) -> PyResult<()> {
    let py = slf.py();
    let has_forward =
        !slf.get_type().getattr("forward")?.is(py.get_type::<Block>().getattr("_layer_forward")?);
    let node = Node {
        core,
        has_forward: has_forward || layer.is_none(),
        layer,
        hooked: AtomicBool::new(false),
        this: PyWeakrefReference::new(slf)?.unbind(),
        lent: boxcar::Vec::new(),
        known: Mutex::default(),
    };
    let set = slf.get().node.set(Arc::new(node));
    set.map_err(|_| PyRuntimeError::new_err("this Block is made already"))
}

#[pymethods]
impl Block {
    #[new]
    #[pyo3(signature = (*args, **kwargs))]
    fn new(args: &Bound<'_, PyTuple>, kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        let _ = (args, kwargs); // are those of the subclass's __init__
        Block { node: OnceLock::new() }
    }

    /// Gives the block its names. `hint` is the word that names are counted by.
    #[pyo3(signature = (class, hint, prefix, params))]
    fn _declare(
        slf: &Bound<'_, Self>,
        class: &str,
        hint: &str,
        prefix: Option<&str>,
        params: Option<&Bound<'_, Dict>>,
    ) -> PyResult<()> {
        let params = params.map(|params| params.get().get()).transpose()?;
        set_node(slf, BlockCore::with(class, hint, prefix, params.as_ref()), None)
    }

    /// Builds the block on a layer of gluonic, and returns the layer's parameters by their keys.
    fn _build_on<'py>(slf: &Bound<'py, Self>, layer: &Layer) -> PyResult<Bound<'py, PyDict>> {
        let layer = layer.get();
        let members = PyDict::new(slf.py());
        let mut result = Ok(());
        layer.visit(&mut |key, member| {
            if result.is_ok()
                && let Member::Parameter(parameter) = member
            {
                result = parameter_to_py(slf.py(), parameter)
                    .and_then(|parameter| members.set_item(key, parameter));
            }
        });
        result?;
        set_node(slf, layer.core().clone(), Some(layer))?;
        Ok(members)
    }

    /// The forward of the layer that the block is built on.
    fn _layer_forward<'py>(
        slf: &Bound<'py, Self>,
        x: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (py, node) = (slf.py(), slf.get().node()?);
        let Some(layer) = &node.layer else {
            return Err(pyo3::exceptions::PyNotImplementedError::new_err(()));
        };
        let array = input(x)?;
        wrap(py, py.detach(|| layer.forward(&array)).or_raise(py)?, Dialect::of(x))
    }

    #[pyo3(signature = (*args, **kwargs))]
    fn __call__<'py>(
        slf: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (py, node) = (slf.py(), slf.get().node()?);
        if node.has_forward || node.hooked.load(Ordering::Relaxed) {
            return node.run(slf.as_any(), args, kwargs);
        }
        if args.len() != 1 || kwargs.is_some_and(|kwargs| !kwargs.is_empty()) {
            return node.run(slf.as_any(), args, kwargs);
        }
        let x = args.get_item(0)?;
        let array = input(&x)?;
        // Others may run while it computes: the array is a handle of its own.
        let out = py.detach(|| node.call(&array)).or_raise(py)?;
        wrap(py, out, Dialect::of(&x))
    }

    /// The class as it is printed.
    #[getter]
    fn _class(&self) -> PyResult<&str> {
        Ok(self.core()?.class())
    }

    /// What the names of its parameters and children start with.
    #[getter]
    fn prefix(&self) -> PyResult<&str> {
        Ok(self.core()?.prefix())
    }

    /// The prefix without its last underscore.
    #[getter]
    fn name(&self) -> PyResult<&str> {
        Ok(self.core()?.name())
    }

    /// The block's own set of parameters.
    fn _own_params<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        dict_of_block(py, self.core()?)
    }

    /// How the layer that the block is built on prints.
    fn _layer_text(&self) -> PyResult<Option<String>> {
        Ok(self.node()?.layer.as_ref().map(std::string::ToString::to_string))
    }

    /// Says that there are hooks, or none any more.
    fn _set_hooked(&self, hooked: bool) -> PyResult<()> {
        self.node()?.hooked.store(hooked, Ordering::Relaxed);
        Ok(())
    }

    /// The parameters of the tree whose names a pattern matches; all without one.
    #[pyo3(signature = (select = None))]
    fn _collect_params<'py>(
        &self,
        py: Python<'py>,
        select: Option<&str>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let node = self.node()?;
        let dict = match select {
            Some(select) => node.select_params(select),
            None => node.collect_params(),
        };
        dict_to_py(py, dict.or_raise(py)?)
    }

    /// Every parameter with its path.
    fn _named_parameters<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<Vec<(String, Bound<'py, PyAny>)>> {
        let named = self.node()?.named_parameters();
        named
            .iter()
            .map(|(path, parameter)| Ok((path.to_string(), parameter_to_py(py, parameter)?)))
            .collect()
    }

    #[pyo3(signature = (init, ctx, force_reinit))]
    fn _initialize(
        &self,
        py: Python<'_>,
        init: Option<InitArg>,
        ctx: Option<ContextsArg>,
        force_reinit: bool,
    ) -> PyResult<()> {
        let node = self.node()?;
        let options = init_options(init, ctx, force_reinit);
        let done = py.detach(|| node.initialize_opts(&options)).or_raise(py);
        // Python has said it of those that have a value.
        crate::warnings::forget();
        done
    }

    fn _cast(&self, py: Python<'_>, dtype: DTypeArg) -> PyResult<()> {
        let node = self.node()?;
        py.detach(|| node.cast(dtype.0)).or_raise(py)
    }
}

/// The one input of a layer.
fn input(x: &Bound<'_, PyAny>) -> PyResult<NdArray> {
    match x.cast::<NDArray>() {
        Ok(array) => Ok(array.get().get()),
        Err(_) => Err(pyo3::exceptions::PyValueError::new_err(format!(
            "In HybridBlock, there must be one NDArray or one Symbol in the input. Please check \
             the type of the args.\nexpected an NDArray, found {}",
            x.get_type()
        ))),
    }
}
