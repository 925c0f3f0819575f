//! `Node`: a Python block as a block of gluonic, by call-back.

use std::any::Any;
use std::fmt;

use gluonic::nn::{BlockCore, Member};
use gluonic::{DType, NdArray, ParameterDict};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyWeakrefMethods, PyWeakrefReference};

use super::Block;
use super::base::Base;
use super::hooks::{self, Hooks, Running};
use super::members::{Lent, Members, held};
use super::summary::tell_summary;
use crate::array::{NDArray, wrap};
use crate::callback::call_python;
use crate::dict::Dict;
use crate::layers::Layer;
use crate::ops::current_dialect;

/// A Python block as gluonic sees it. Its members are what its Python object holds, asked for anew
/// at each walk; its forward is that of the layer inside, or Python's `forward`.
pub(crate) struct Node {
    core: BlockCore,
    base: Option<Base>,
    /// Whether the class has a `forward` of its own in Python.
    has_forward: bool,
    /// Whether all that it does is to call its children one after another.
    is_chain: bool,
    /// Whether the class has a `collect_params` of its own in Python.
    collects_itself: bool,
    hooks: Hooks,
    this: Py<PyWeakrefReference>,
    members: Members,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node({})", self.core.name())
    }
}

impl Node {
    /// The node of a block, which may be built on a layer.
    pub(super) fn new(
        block: &Bound<'_, Block>,
        core: BlockCore,
        layer: Option<&Layer>,
    ) -> PyResult<Node> {
        let class = block.get_type();
        let own = block.py().get_type::<Block>().getattr("_layer_forward")?;
        Ok(Node {
            core,
            has_forward: layer.is_none() || !class.getattr("forward")?.is(own),
            is_chain: class.getattr("_is_chain")?.is_truthy()?,
            collects_itself: !class.getattr("collect_params")?.hasattr("_is_gluonics")?,
            base: layer.map(Base::of),
            hooks: Hooks::default(),
            this: PyWeakrefReference::new(block)?.unbind(),
            members: Members::default(),
        })
    }

    pub(super) fn id(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// The Python object, as long as it lives.
    pub(crate) fn this<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.this
            .bind(py)
            .upgrade()
            .ok_or_else(|| PyRuntimeError::new_err(format!("block {} is gone", self.core.name())))
    }

    /// The names of its own parameters.
    pub(crate) fn own_names(&self) -> Vec<String> {
        self.core.params().names().map(ToString::to_string).collect()
    }

    /// The layer that it is built on, if it is.
    pub(super) fn base(&self) -> Option<&Base> {
        self.base.as_ref()
    }

    /// Whether the forward is Python's.
    #[inline]
    pub(super) fn runs_in_python(&self) -> bool {
        self.has_forward || self.base.as_ref().is_some_and(Base::has_own_activation)
    }

    /// Says that there are hooks in Python, or none any more.
    pub(super) fn set_hooked(&self, py: Python<'_>, hooked: bool) {
        self.hooks.set(py, self, &self.this, hooked);
    }

    /// Calls Python's hooks and forward with any arguments.
    pub(super) fn run<'py>(
        &self,
        this: &Bound<'py, PyAny>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let tells = self.base.as_ref().is_some_and(Base::tells);
        if self.hooks.are_there() {
            hooks::before(this, args)?;
        }
        let out = {
            let _running = tells.then(|| Running::enter(self.id()));
            this.call_method("forward", args, kwargs)?
        };
        // There may be some since the forward.
        if self.hooks.are_there() {
            hooks::after(this, args, &out)?;
        }
        if !tells {
            tell_summary(&self.core, &out);
        }
        Ok(out)
    }

    /// The members that the object holds now. A walk cannot fail: an object that is gone, or whose
    /// lists are broken, shows nothing.
    fn held(&self) -> Vec<(String, Lent)> {
        Python::attach(|py| {
            let members = self.this(py).and_then(|this| held(&this));
            members.unwrap_or_else(|error| {
                error.write_unraisable(py, None);
                Vec::new()
            })
        })
    }
}

/// Adds the parameters of a child: those that its own `collect_params` gives, if Python has one.
fn collect_child(child: &dyn gluonic::Block, params: &mut ParameterDict) -> gluonic::Result<()> {
    let any: &dyn Any = child.as_dyn();
    match any.downcast_ref::<Node>() {
        Some(node) if node.collects_itself => {
            let found = call_python(node.core.name(), |py| {
                let found = node.this(py)?.call_method0("collect_params")?;
                found.cast::<Dict>()?.get().get(py)
            })?;
            found.iter().try_for_each(|parameter| params.insert(parameter))
        }
        _ => child.collect_into(params),
    }
}

impl gluonic::Block for Node {
    fn core(&self) -> &BlockCore {
        &self.core
    }

    fn visit<'a>(&'a self, visit: &mut dyn FnMut(&str, Member<'a>)) {
        let mut shown = Vec::new();
        if let Some(base) = &self.base {
            base.whole().visit(&mut |key, member| {
                match member {
                    Member::Parameter(_) => shown.push(key.to_owned()),
                    // Python has an object for it among its children.
                    Member::Block(_) => return,
                    Member::Draws(_) => {}
                }
                visit(key, member);
            });
        }
        for (key, member) in self.held() {
            match self.members.lend(member) {
                Lent::Parameter(parameter) if !shown.contains(&key) => {
                    visit(&key, Member::Parameter(parameter));
                }
                Lent::Parameter(_) => {}
                Lent::Block(node) => visit(&key, Member::Block(node.as_dyn())),
            }
        }
    }

    fn forward(&self, x: &NdArray) -> gluonic::Result<NdArray> {
        match &self.base {
            Some(base) if !self.runs_in_python() => base.forward(x),
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
        let own = self.core.params();
        let mut result = own.iter().try_for_each(|own| params.insert(own));
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
                result = collect_child(block, params);
            }
        });
        result
    }

    fn is_chain(&self) -> bool {
        self.is_chain
    }

    fn own_dtype(&self, dtype: DType) -> DType {
        self.base.as_ref().map_or(dtype, |base| base.whole().own_dtype(dtype))
    }

    fn fmt_block(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = Python::attach(|py| self.this(py)?.repr().map(|text| text.to_string()));
        f.write_str(&text.map_err(|_| fmt::Error)?)
    }
}
