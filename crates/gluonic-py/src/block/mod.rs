//! `Block`: a block of Python in the tree of gluonic, by call-back.
//!
//! Every Python block is one [`Node`], which implements gluonic's `Block`: so the verbs of gluonic
//! see one tree. Here is the class that Python's blocks extend.

mod base;
mod hooks;
mod members;
mod node;
mod summary;

use std::any::Any;
use std::sync::{Arc, OnceLock};

use gluonic::nn::{BlockCore, Member};
use gluonic::{Block as _, BlockExt, NdArray};
use pyo3::exceptions::{PyNotImplementedError, PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

pub(crate) use node::Node;

use self::base::Base;
use crate::array::{Dialect, NDArray, wrap};
use crate::context::ContextsArg;
use crate::dict::{Dict, dict_of_block, dict_to_py, initialize};
use crate::dtype::DTypeArg;
use crate::errors::{OrRaise, bracketed, to_py, told};
use crate::initializer::InitArg;
use crate::layers::{Layer, Part};
use crate::parameter::parameter_to_py;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Block>()
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
        Ok(self.node()?.core())
    }

    /// Makes the block's node, which may be built on a layer.
    fn begin(slf: &Bound<'_, Self>, core: BlockCore, layer: Option<&Layer>) -> PyResult<()> {
        let node = Arc::new(Node::new(slf, core, layer)?);
        let set = slf.get().node.set(node);
        set.map_err(|_| PyRuntimeError::new_err("this Block is made already"))
    }
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
        let params = params.map(|params| params.get().get(params.py())).transpose()?;
        Block::begin(slf, BlockCore::with(class, hint, prefix, params.as_ref()), None)
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
        Block::begin(slf, whole.core().clone(), Some(layer))?;
        Ok(members)
    }

    /// Says that `act` is an activation that Python has put there.
    fn _use_own_activation(&self) -> PyResult<()> {
        if let Some(base) = self.node()?.base() {
            base.use_own_activation();
        }
        Ok(())
    }

    /// The forward of the layer that the block is built on.
    fn _layer_forward<'py>(
        slf: &Bound<'py, Self>,
        x: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (py, node) = (slf.py(), slf.get().node()?);
        let Some(base) = node.base() else { return Err(PyNotImplementedError::new_err(())) };
        let array = input(x)?;
        let y = py.detach(|| base.forward(&array)).or_raise(py)?;
        let y = wrap(py, y, Dialect::of(x))?;
        if base.has_own_activation() { slf.getattr("act")?.call1((y,)) } else { Ok(y) }
    }

    #[pyo3(signature = (*args, **kwargs))]
    fn __call__<'py>(
        slf: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (py, node) = (slf.py(), slf.get().node()?);
        if args.is_empty() && kwargs.is_none() && node.base().is_some() && !node.runs_in_python() {
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
        Ok(self.node()?.base().map(|base| base.used().to_string()))
    }

    /// Whether the activation is one that Python has put there.
    fn _has_own_activation(&self) -> PyResult<bool> {
        Ok(self.node()?.base().is_some_and(Base::has_own_activation))
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
        initialize(py, init, ctx, force_reinit, |options| node.initialize_opts(options))
    }

    fn _cast(&self, py: Python<'_>, dtype: DTypeArg) -> PyResult<()> {
        let node = self.node()?;
        py.detach(|| node.cast(dtype.0)).or_raise(py)
    }
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
        Err(_) => Err(PyValueError::new_err(format!(
            "In HybridBlock, there must be one NDArray or one Symbol in the input. Please check \
             the type of the args.\nexpected an NDArray, found {}",
            x.get_type()
        ))),
    }
}
