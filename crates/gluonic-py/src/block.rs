//! `Block`: a block of Python in the tree of gluonic, by call-back.
//!
//! Every Python block is one [`Node`], which implements gluonic's `Block`. Its members are what its
//! Python object holds in `_reg_params` and `_children`, asked for anew at each walk; its forward is
//! that of the layer inside, or Python's `forward`. So the verbs of gluonic see one tree.

use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use gluonic::nn::{BlockCore, HookHandle, Member};
use gluonic::{Block as _, BlockExt, DType, Dims, NdArray, ParameterDict};
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple, PyWeakrefMethods, PyWeakrefReference};

use crate::array::{Dialect, NDArray, wrap};
use crate::callback::call_python;
use crate::context::ContextsArg;
use crate::dict::{Dict, dict_of_block, dict_to_py, init_options};
use crate::dtype::DTypeArg;
use crate::errors::{OrRaise, bracketed, to_py, told};
use crate::initializer::InitArg;
use crate::layers::{Layer, Part};
use crate::ops::{DimsArg, current_dialect};
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
    /// That layer without its activation, whose place an attribute of Python may take.
    bare: Option<Arc<dyn gluonic::Block>>,
    /// Whether the activation is one that Python has put there.
    own_activation: AtomicBool,
    /// Whether the layer's calls tell hooks and summaries of themselves, also from inside Python's
    /// `forward`.
    tells: bool,
    /// Whether the class has a `forward` of its own in Python.
    has_forward: bool,
    /// Whether all that it does is to call its children one after another.
    is_chain: bool,
    /// Python's hooks, if there are some, where gluonic's calls run them.
    hooks: Mutex<Option<[HookHandle; 2]>>,
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
            let (key, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = item?.extract()?;
            let parameter = value.cast::<Parameter>()?.get().get()?.clone();
            members.push((key.str()?.to_cow()?.into_owned(), Lent::Parameter(parameter)));
        }
        let children = this.getattr("_children")?;
        for item in children.call_method0("items")?.try_iter()? {
            let (key, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = item?.extract()?;
            // Sequential.add takes anything in MXNet; what is no block has no parameters.
            if let Ok(block) = value.cast::<Block>() {
                let key = key.str()?.to_cow()?.into_owned();
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

    /// Whether the forward is Python's.
    #[inline]
    fn runs_in_python(&self) -> bool {
        self.has_forward || self.own_activation.load(Ordering::Relaxed)
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
        let out = {
            let _running = (hooked && self.tells).then(|| Running::enter(self));
            this.call_method("forward", args, kwargs)?
        };
        if hooked {
            for hook in hooks(this, "_forward_hooks")? {
                hook.call1((this, args, &out))?;
            }
        }
        if !self.tells {
            let mut arrays = Vec::new();
            arrays_in(&out, &mut arrays);
            self.core.tell_summary(&arrays.iter().collect::<Vec<_>>());
        }
        Ok(out)
    }

    fn id(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Lets calls that come from gluonic run Python's hooks, or no more.
    fn set_hooked(&self, py: Python<'_>, hooked: bool) {
        self.hooked.store(hooked, Ordering::Relaxed);
        let mut hooks = self.hooks.lock().unwrap_or_else(PoisonError::into_inner);
        if !hooked {
            hooks.take().into_iter().flatten().for_each(HookHandle::detach);
        } else if hooks.is_none() {
            let (before, after) = (self.this.clone_ref(py), self.this.clone_ref(py));
            let id = self.id();
            let name: Arc<str> = self.core.name().into();
            let before_name = name.clone();
            *hooks = Some([
                self.register_forward_pre_hook(move |_, x| {
                    if Running::contains(id) {
                        return Ok(());
                    }
                    call_python(&before_name, |py| bridged(py, &before, x, None))
                }),
                self.register_forward_hook(move |_, x, y| {
                    if Running::contains(id) {
                        return Ok(());
                    }
                    call_python(&name, |py| bridged(py, &after, x, Some(y)))
                }),
            ]);
        }
    }
}

thread_local! {
    static RUNNING: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// While it is there, the node's hooks are run by Python's call, not by the layer's inside.
struct Running;

impl Running {
    fn enter(node: &Node) -> Running {
        RUNNING.with_borrow_mut(|running| running.push(node.id()));
        Running
    }

    fn contains(id: usize) -> bool {
        RUNNING.with_borrow(|running| running.contains(&id))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.with_borrow_mut(Vec::pop);
    }
}

/// Runs the hooks of a Python block on the input, or the input and the output, of a call.
fn bridged(
    py: Python<'_>,
    this: &Py<PyWeakrefReference>,
    x: &NdArray,
    y: Option<&NdArray>,
) -> PyResult<()> {
    let Some(this) = this.bind(py).upgrade() else { return Ok(()) };
    let dialect = current_dialect(py)?;
    let inputs = PyTuple::new(py, [wrap(py, x.clone(), dialect)?])?;
    match y {
        None => {
            for hook in hooks(&this, "_forward_pre_hooks")? {
                hook.call1((&this, &inputs))?;
            }
        }
        Some(y) => {
            let y = wrap(py, y.clone(), dialect)?;
            for hook in hooks(&this, "_forward_hooks")? {
                hook.call1((&this, &inputs, &y))?;
            }
        }
    }
    Ok(())
}

/// The arrays in what a forward returns: one, or tuples and lists of them.
fn arrays_in(out: &Bound<'_, PyAny>, arrays: &mut Vec<NdArray>) {
    if let Ok(array) = out.cast::<NDArray>() {
        arrays.push(array.get().get());
    } else if out.is_instance_of::<PyTuple>() || out.is_instance_of::<PyList>() {
        for item in out.try_iter().into_iter().flatten().flatten() {
            arrays_in(&item, arrays);
        }
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
                match member {
                    Member::Parameter(_) => shown.push(key.to_owned()),
                    // Python has an object for it among its children.
                    Member::Block(_) => return,
                    Member::Draws(_) => {}
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
            Some(layer) if !self.runs_in_python() => layer.forward(x),
            _ => call_python(self.core.name(), |py| {
                let this = self.this(py)?;
                let x = wrap(py, x.clone(), current_dialect(py)?)?;
                let out = this.call_method1("forward", (x,))?;
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

    fn is_chain(&self) -> bool {
        self.is_chain
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

fn set_node(slf: &Bound<'_, Block>, core: BlockCore, layer: Option<&Layer>) -> PyResult<()> {
    let (py, class) = (slf.py(), slf.get_type());
    let has_forward =
        !class.getattr("forward")?.is(py.get_type::<Block>().getattr("_layer_forward")?);
    let node = Node {
        core,
        has_forward: has_forward || layer.is_none(),
        is_chain: class.getattr("_is_chain")?.is_truthy()?,
        tells: layer.is_some_and(Layer::tells),
        bare: layer.map(Layer::bare),
        layer: layer.map(Layer::get),
        own_activation: AtomicBool::new(false),
        hooks: Mutex::default(),
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

    /// Builds the block on a layer of gluonic, and returns the layer's members by their keys:
    /// parameters, and layers to build its children on.
    fn _build_on<'py>(slf: &Bound<'py, Self>, layer: &Layer) -> PyResult<Bound<'py, PyDict>> {
        let whole = layer.get();
        let members = PyDict::new(slf.py());
        let mut result = Ok(());
        whole.visit(&mut |key, member| {
            if result.is_err() {
                return;
            }
            result = match member {
                Member::Parameter(parameter) => parameter_to_py(slf.py(), parameter)
                    .and_then(|parameter| members.set_item(key, parameter)),
                Member::Block(child) if !is_node(child) => {
                    members.set_item(key, Layer::new(Arc::new(Part::new(whole.clone(), key))))
                }
                _ => Ok(()),
            };
        });
        result?;
        set_node(slf, whole.core().clone(), Some(layer))?;
        Ok(members)
    }

    /// Says that `act` is an activation that Python has put there.
    fn _use_own_activation(&self) -> PyResult<()> {
        self.node()?.own_activation.store(true, Ordering::Relaxed);
        Ok(())
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
        if let (Some(bare), true) = (&node.bare, node.own_activation.load(Ordering::Relaxed)) {
            let y = py.detach(|| bare.forward(&array)).or_raise(py)?;
            return slf.getattr("act")?.call1((wrap(py, y, Dialect::of(x))?,));
        }
        wrap(py, py.detach(|| layer.forward(&array)).or_raise(py)?, Dialect::of(x))
    }

    #[pyo3(signature = (*args, **kwargs))]
    fn __call__<'py>(
        slf: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (py, node) = (slf.py(), slf.get().node()?);
        if args.is_empty() && kwargs.is_none() && node.layer.is_some() && !node.runs_in_python() {
            return Err(PyTypeError::new_err(
                "HybridBlock.forward() missing 1 required positional argument: 'x'",
            ));
        }
        if node.runs_in_python()
            || args.len() != 1
            || kwargs.is_some_and(|kwargs| !kwargs.is_empty())
        {
            return node.run(slf.as_any(), args, kwargs);
        }
        let x = args.get_item(0)?;
        let array = input(&x)?;
        // Others may run while it computes: the array is a handle of its own.
        let out = py.detach(|| node.call(&array)).map_err(|error| not_inferred(py, error))?;
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

    /// How the layer that the block is built on prints, without an activation that Python has
    /// replaced.
    fn _layer_text(&self) -> PyResult<Option<String>> {
        let node = self.node()?;
        let own = node.own_activation.load(Ordering::Relaxed);
        let layer = if own { &node.bare } else { &node.layer };
        Ok(layer.as_ref().map(ToString::to_string))
    }

    /// The table of a forward on inputs with values.
    fn _summary(slf: &Bound<'_, Self>, inputs: &Bound<'_, PyTuple>) -> PyResult<String> {
        let (py, node) = (slf.py(), slf.get().node()?);
        let mut arrays = Vec::new();
        arrays_in(inputs, &mut arrays);
        let summary = node.summary_of_run(&arrays, |_| {
            call_python(node.core.name(), |_| {
                let mut outputs = Vec::new();
                arrays_in(&slf.call1(inputs)?, &mut outputs);
                Ok(outputs)
            })
        });
        Ok(summary.or_raise(py)?.to_string())
    }

    /// The table of a forward without values.
    fn _summary_of_shapes(slf: &Bound<'_, Self>, shapes: Vec<DimsArg>) -> PyResult<String> {
        let (py, node) = (slf.py(), slf.get().node()?);
        let shapes: Vec<Dims> = shapes.into_iter().map(|shape| shape.0).collect();
        let summary = node.summary_with(&shapes, |inputs| called(slf, inputs));
        Ok(summary.or_raise(py)?.to_string())
    }

    /// Tells the parameters their shapes by a forward without values; returns that of the output,
    /// or those of the outputs.
    fn _infer_shapes<'py>(
        slf: &Bound<'py, Self>,
        shapes: Vec<DimsArg>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (py, node) = (slf.py(), slf.get().node()?);
        let shapes: Vec<Dims> = shapes.into_iter().map(|shape| shape.0).collect();
        let outputs = node.infer_shapes_with(&shapes, |inputs| called(slf, inputs)).or_raise(py)?;
        let outputs: PyResult<Vec<_>> =
            outputs.iter().map(|y| PyTuple::new(py, y.dims().iter())).collect();
        match &outputs?[..] {
            [one] => Ok(one.clone().into_any()),
            all => Ok(PyList::new(py, all)?.into_any()),
        }
    }

    /// Whether the activation is one that Python has put there.
    fn _has_own_activation(&self) -> PyResult<bool> {
        Ok(self.node()?.own_activation.load(Ordering::Relaxed))
    }

    /// Says that there are hooks, or none any more.
    fn _set_hooked(&self, py: Python<'_>, hooked: bool) -> PyResult<()> {
        self.node()?.set_hooked(py, hooked);
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

/// Calls a block on arrays, and returns the arrays in what it returns.
fn called(block: &Bound<'_, Block>, inputs: &[NdArray]) -> gluonic::Result<Vec<NdArray>> {
    call_python("block", |py| {
        let dialect = current_dialect(py)?;
        let inputs: PyResult<Vec<_>> =
            inputs.iter().map(|x| wrap(py, x.clone(), dialect)).collect();
        let mut outputs = Vec::new();
        arrays_in(&block.call1(PyTuple::new(py, inputs?)?)?, &mut outputs);
        Ok(outputs)
    })
}

/// The exception for a forward that failed. That an input contradicts the shape of a parameter that
/// has no value yet, MXNet says as what it could not infer.
fn not_inferred(py: Python<'_>, error: gluonic::Error) -> PyErr {
    let gluonic::Error::ShapeMismatch { name, expected, found } = error.root() else {
        return to_py(py, error);
    };
    let layer = name.rsplit_once('_').map_or("", |(layer, _)| layer);
    let provided = bracketed(expected);
    let inferred = bracketed(found);
    let inferred = inferred.trim_matches(['[', ']']);
    PyValueError::new_err(format!(
        "Deferred initialization failed because shape cannot be inferred. MXNetError: Error in \
         operator {layer}_fwd: Shape inconsistent, Provided = {provided}, inferred \
         shape=({inferred})\n{}",
        told(&error)
    ))
}

/// Whether a block is one of Python's.
fn is_node(block: &dyn gluonic::Block) -> bool {
    let block: &dyn Any = block.as_dyn();
    block.is::<Node>()
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
