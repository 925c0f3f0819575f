//! Ordered sets of parameters, by name.

use std::fmt;
use std::ops::Index;
use std::sync::Arc;

use indexmap::IndexMap;

use super::entries::{Entries, Iter};
use super::init_options::InitOptions;
use super::parameter::Parameter;
use super::spec::ParamSpec;
use super::state::Kind;
use crate::array::{DType, NdArray};
use crate::autograd::GradReq;
use crate::error::{Error, Result, or_panic};
use crate::init::{Initializer, Reinit};
use crate::name::{ParamName, Pattern};
use crate::suggest::nearest;

/// Parameters by name, in the order in which they were added. Cloning copies the list, not the
/// parameters.
///
/// # Examples
/// ```
/// use gluonic::{ParamSpec, ParameterDict};
/// let mut params = ParameterDict::new("net_");
/// params.get_or_create("weight", &ParamSpec::new((2, 3)))?;
/// assert_eq!(params["net_weight"].shape().unwrap().to_string(), "(2, 3)");
/// assert_eq!(params.get("net_wieght").unwrap_err().hint().unwrap(), "did you mean `net_weight`?");
/// # Ok::<(), gluonic::Error>(())
/// ```
#[doc(alias = "VarMap", alias = "state_dict")]
#[derive(Clone, Debug, Default)]
pub struct ParameterDict {
    prefix: Box<str>,
    entries: Entries,
    /// Where parameters are looked for before they are made.
    shared: Option<Arc<ParameterDict>>,
    /// While a tree is collected: names that it does not match are passed over.
    filter: Option<Arc<Pattern>>,
}

impl ParameterDict {
    /// An empty set whose parameters' names start with `prefix`.
    pub fn new(prefix: &str) -> Self {
        Self::sharing(prefix, None)
    }

    /// An empty set that looks for parameters in another one before it makes them.
    ///
    /// # Source
    /// MXNet 1.9.1, `gluon/parameter.py`, `ParameterDict(prefix, shared)`.
    pub fn sharing(prefix: &str, shared: Option<Arc<ParameterDict>>) -> Self {
        ParameterDict { prefix: prefix.into(), entries: Entries::default(), shared, filter: None }
    }

    /// An empty set that takes only what the pattern matches, until [`ParameterDict::collected`].
    pub(crate) fn filtered(prefix: &str, pattern: &str) -> Result<Self> {
        let filter = if pattern.is_empty() { None } else { Some(Arc::new(Pattern::new(pattern)?)) };
        Ok(ParameterDict { filter, ..Self::new(prefix) })
    }

    /// The set as users see it, once everything has been offered to it.
    pub(crate) fn collected(self) -> Self {
        ParameterDict { filter: None, ..self }
    }

    pub(crate) fn shared(&self) -> Option<&Arc<ParameterDict>> {
        self.shared.as_ref()
    }

    /// What the names of its own parameters start with.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The number of parameters.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no parameter.
    pub fn is_empty(&self) -> bool {
        self.entries.len() == 0
    }

    /// Whether there is a parameter of that full name.
    pub fn contains(&self, name: &str) -> bool {
        self.entries.get(name).is_some()
    }

    /// The parameter of that full name.
    ///
    /// # Errors
    /// [`Error::UnknownParameter`], with the nearest names.
    pub fn get(&self, name: &str) -> Result<&Parameter> {
        self.entries.get(name).ok_or_else(|| Error::UnknownParameter {
            name: name.into(),
            nearest: nearest(name, self.names().map(|name| &**name)),
        })
    }

    /// The parameters in order.
    pub fn iter(&self) -> Iter<'_> {
        self.entries.iter()
    }

    /// The full names in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &ParamName> {
        self.iter().map(Parameter::name)
    }

    fn find(&self, name: &str) -> Option<Parameter> {
        self.entries.get(name).cloned().or_else(|| self.shared.as_ref()?.find(name))
    }

    /// The parameter `prefix + short`: from this set, else from the one it shares with, else a new
    /// one. One that exists must not contradict the wishes, and learns from them what it did not
    /// know: a size, an initializer.
    ///
    /// # Errors
    /// [`Error::Attribute`] if one that exists differs from the wishes.
    ///
    /// # Source
    /// MXNet 1.9.1, `gluon/parameter.py`, `ParameterDict.get`.
    pub fn get_or_create(&mut self, short: &str, spec: &ParamSpec) -> Result<Parameter> {
        let name = ParamName::from(format!("{}{short}", self.prefix));
        let parameter = match self.find(&name) {
            Some(found) => {
                found.unify(spec)?;
                found
            }
            None => Parameter::with_spec(name.clone(), spec),
        };
        self.entries.insert(&parameter);
        Ok(parameter)
    }

    /// The constant `prefix + short`, which is made if there is none and a value is given.
    ///
    /// # Errors
    /// [`Error::Constant`] if there is none and no value, if there is something else of that name,
    /// or if its value is another one.
    pub fn get_constant(&mut self, short: &str, value: Option<&NdArray>) -> Result<Parameter> {
        let name = ParamName::from(format!("{}{short}", self.prefix));
        let fail = |problem| Error::Constant { name: name.clone(), problem };
        let parameter = match (self.find(&name), value) {
            (Some(found), _) if found.kind() != Kind::Constant => {
                return Err(fail("exists already but is not a constant"));
            }
            (Some(found), Some(value)) => {
                let init = crate::init::Constant::new(value).dumps();
                if found.initializer().is_none_or(|known| known.dumps() != init) {
                    return Err(fail("exists already with another value"));
                }
                found
            }
            (Some(found), None) => found,
            (None, Some(value)) => Parameter::constant(name.clone(), value)?,
            (None, None) => return Err(fail("does not exist; give a value to make it")),
        };
        self.entries.insert(&parameter);
        Ok(parameter)
    }

    /// Adds one parameter.
    ///
    /// # Errors
    /// [`Error::DuplicateName`] if another parameter has its name.
    pub fn insert(&mut self, parameter: &Parameter) -> Result<()> {
        if let Some(filter) = &self.filter
            && !filter.matches(parameter.name())?
        {
            return Ok(());
        }
        if self.entries.insert(parameter) {
            return Ok(());
        }
        Err(Error::DuplicateName { name: parameter.name().clone() })
    }

    /// Adds all parameters of another set, up to the first whose name is taken.
    pub(crate) fn extend(&mut self, own: &ParameterDict) -> Result<()> {
        own.iter().try_for_each(|parameter| self.insert(parameter))
    }

    /// Whether this very parameter is in the set; for small sets.
    pub(crate) fn holds(&self, parameter: &Parameter) -> bool {
        self.iter().any(|own| own.ptr_eq(parameter))
    }

    /// Adds all parameters of another set. One that is in both keeps its place.
    ///
    /// # Errors
    /// [`Error::DuplicateName`] if a name stands for different parameters. Then this set is as
    /// before.
    pub fn update(&mut self, other: &ParameterDict) -> Result<()> {
        let clash = other.iter().find(|parameter| {
            self.entries.get(parameter.name()).is_some_and(|own| !own.ptr_eq(parameter))
        });
        if let Some(parameter) = clash {
            return Err(Error::DuplicateName { name: parameter.name().clone() });
        }
        other.iter().try_for_each(|parameter| self.insert(parameter))
    }

    /// The parameters whose names a pattern matches from the first letter on (Python's
    /// `re.match`), in order. May be none.
    ///
    /// # Errors
    /// [`Error::Pattern`] if it is not a regular expression.
    pub fn select(&self, pattern: &str) -> Result<ParameterDict> {
        let mut selected = Self::filtered(&self.prefix, pattern)?;
        selected.extend(self)?;
        Ok(selected.collected())
    }

    /// The values by name.
    ///
    /// # Errors
    /// As [`Parameter::data`], for the first that has none.
    pub fn datas(&self) -> Result<IndexMap<ParamName, NdArray>> {
        self.iter().map(|parameter| Ok((parameter.name().clone(), parameter.data()?))).collect()
    }

    /// The gradients by name, of those that have one.
    ///
    /// # Errors
    /// As [`Parameter::data`], for the first that is not initialized.
    pub fn grads(&self) -> Result<IndexMap<ParamName, NdArray>> {
        let trained = self.iter().filter(|parameter| parameter.grad_req() != GradReq::Null);
        trained.map(|parameter| Ok((parameter.name().clone(), parameter.grad()?))).collect()
    }

    /// Initializes all: each by its own initializer, else by the default one. Those that have a
    /// value keep it, with a warning.
    ///
    /// # Errors
    /// As [`ParameterDict::initialize_with`].
    pub fn initialize(&self) -> Result<()> {
        self.initialize_opts(&InitOptions::default())
    }

    /// Initializes all: each by its own initializer, else by `init`.
    ///
    /// # Errors
    /// As [`Parameter::initialize_with`], for the first that fails. Then none has changed.
    pub fn initialize_with(&self, init: &dyn Initializer, reinit: Reinit) -> Result<()> {
        let init = Some(init.clone_initializer());
        self.initialize_opts(&InitOptions { init, reinit, ..InitOptions::default() })
    }

    /// Initializes all, or some of them, with everything said.
    ///
    /// # Randomness
    /// The address is the seed, else the next key of the process, and the parameter's name.
    ///
    /// # Errors
    /// As [`BlockExt::initialize_opts`](crate::nn::BlockExt::initialize_opts).
    pub fn initialize_opts(&self, options: &InitOptions) -> Result<()> {
        match &options.select {
            Some(selector) => self.selection(selector)?.initialize_all(options),
            None => self.initialize_at(options, |_| None),
        }
    }

    /// Initializes all, at the addresses that `path_of` gives, else at their names.
    pub(crate) fn initialize_at(
        &self,
        options: &InitOptions,
        path_of: impl Fn(&Parameter) -> Option<Arc<str>>,
    ) -> Result<()> {
        options.initialize(self.iter().map(|parameter| {
            let path = path_of(parameter).unwrap_or_else(|| (&**parameter.name()).into());
            (parameter, path)
        }))
    }

    /// Sets every gradient to zeros.
    ///
    /// # Errors
    /// As [`Parameter::zero_grad`].
    pub fn zero_grad(&self) -> Result<()> {
        self.iter().try_for_each(Parameter::zero_grad)
    }

    /// Sets what backward does, for all.
    pub fn set_grad_req(&self, req: GradReq) {
        self.iter().for_each(|parameter| parameter.set_grad_req(req));
    }

    /// Sets the factor on the learning rate, for all.
    ///
    /// # Errors
    /// As [`Parameter::set_lr_mult`].
    pub fn set_lr_mult(&self, mult: f64) -> Result<()> {
        self.iter().try_for_each(|parameter| parameter.set_lr_mult(mult))
    }

    /// Sets the factor on the weight decay, for all.
    ///
    /// # Errors
    /// As [`Parameter::set_wd_mult`].
    pub fn set_wd_mult(&self, mult: f64) -> Result<()> {
        self.iter().try_for_each(|parameter| parameter.set_wd_mult(mult))
    }

    /// Changes the element type of all.
    ///
    /// # Errors
    /// As [`Parameter::cast`].
    pub fn cast(&self, dtype: DType) -> Result<()> {
        self.iter().try_for_each(|parameter| parameter.cast(dtype))
    }
}

impl Index<&str> for ParameterDict {
    type Output = Parameter;

    /// # Panics
    /// If there is no parameter of that name; [`ParameterDict::get`] returns a `Result`.
    fn index(&self, name: &str) -> &Parameter {
        or_panic(self.get(name))
    }
}

impl<'a> IntoIterator for &'a ParameterDict {
    type Item = &'a Parameter;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.iter()
    }
}

impl fmt::Display for ParameterDict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.prefix.is_empty() {
            write!(f, "{} ", self.prefix)?;
        }
        f.write_str("(\n")?;
        for (i, parameter) in self.iter().enumerate() {
            let separator = if i > 0 { "\n" } else { "" };
            write!(f, "{separator}  {parameter}")?;
        }
        f.write_str("\n)")
    }
}
