//! Values that exist already.

use std::sync::Arc;

use gluonic_formats::mxnet_params::strip_arg_aux;
use indexmap::IndexMap;

use super::text::text;
use super::{InitDesc, Initializer};
use crate::array::NdArray;
use crate::error::{Error, Result};
use crate::random::Address;
use crate::suggest::nearest;

/// Copies the value that has the parameter's name, else the one that has its path, converted to its
/// element type; what has none is left to the initializer of [`Load::default_init`].
///
/// The front part `arg:` or `aux:` of a key, which MXNet's files have, does not count. Given to a
/// whole block, it decides for the parameters that have no initializer of their own, as any other
/// does; to load all of them, see [`SaveLoad`](crate::checkpoint::SaveLoad).
///
/// # Memory
/// Keeps handles: arrays are read when a parameter is initialized, which may be in the first
/// forward.
///
/// # Errors
/// [`Error::NotLoaded`] if there is no value and no default initializer; [`Error::ShapeMismatch`]
/// if the value has another shape.
///
/// # Examples
/// ```
/// use gluonic::prelude::*;
/// use gluonic::init::{Load, One};
/// let net = name::manager(|| sequential![Dense::new(2), Dense::new(1)]);
/// let values = [("arg:dense0_weight", NdArray::arange::<f32>(4).reshape((2, 2))?)];
/// net.initialize_with(&Load::new(values)?.default_init(&One), Reinit::Keep)?;
/// net.call(&NdArray::ones((1, 2), DType::F32)?)?;
/// assert_eq!(net[0].weight()?.data()?.to_vec::<f32>()?, [0.0, 1.0, 2.0, 3.0]);
/// assert_eq!(net[1].weight()?.data()?.to_vec::<f32>()?, [1.0, 1.0]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `initializer.py`, class `Load`. DIFFERENCE: there it cannot be given to a Gluon
/// block.
#[derive(Clone, Debug)]
pub struct Load {
    values: Arc<IndexMap<Box<str>, NdArray>>,
    default: Option<Arc<dyn Initializer>>,
}

impl Load {
    /// From values by name or path.
    ///
    /// # Errors
    /// [`Error::TwoValues`] if two keys become one without `arg:` and `aux:`.
    pub fn new<K: AsRef<str>>(values: impl IntoIterator<Item = (K, NdArray)>) -> Result<Self> {
        let mut named = IndexMap::new();
        let mut keys: IndexMap<Box<str>, Box<str>> = IndexMap::new();
        for (key, value) in values {
            let key = key.as_ref();
            let name: Box<str> = strip_arg_aux(key).into();
            if let Some(first) = keys.insert(name.clone(), key.into()) {
                return Err(Error::TwoValues { name, first, second: key.into() });
            }
            named.insert(name, value);
        }
        Ok(Load { values: Arc::new(named), default: None })
    }

    /// The initializer of parameters without a value.
    #[must_use]
    pub fn default_init(self, init: &dyn Initializer) -> Self {
        Load { default: Some(init.clone_initializer()), ..self }
    }
}

impl Initializer for Load {
    fn init_weight(&self, desc: &InitDesc, data: &NdArray, address: &Address) -> Result<()> {
        let value = self.values.get(&*desc.name).or_else(|| self.values.get(&*desc.path));
        let Some(value) = value else {
            let missing = || {
                let known = || self.values.keys().map(|key| &**key);
                let mut near = nearest(&desc.name, known());
                if near.is_empty() {
                    near = nearest(&desc.path, known());
                }
                Error::NotLoaded { name: desc.name.clone(), nearest: near }
            };
            let default = self.default.as_ref().ok_or_else(missing)?;
            return default.init_weight(desc, data, address);
        };
        if value.dims() != data.dims() {
            return Err(Error::ShapeMismatch {
                name: desc.name.clone(),
                expected: data.dims().into(),
                found: value.dims().into(),
            });
        }
        data.assign(value)
    }

    /// Tells how many values there are and not which, for every parameter keeps the text: so two of
    /// the same number count as equal, and [`loads`](super::loads) cannot make it.
    fn dumps(&self) -> String {
        let default = self.default.as_ref().map_or_else(|| "null".to_owned(), Initializer::dumps);
        let n_values = self.values.len().to_string();
        text("load", &[("n_values", n_values), ("default_init", default)])
    }
}
