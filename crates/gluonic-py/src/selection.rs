//! Selections: parameters that a selector takes.

use gluonic::BlockExt;
use gluonic::Reinit;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::array::grad_req_of;
use crate::block::Block;
use crate::dict::{Dict, dict_to_py};
use crate::dtype::DTypeArg;
use crate::errors::OrRaise;
use crate::initializer::InitArg;
use crate::parameter::{Parameter, parameter_to_py};

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Selection>()
}

/// The parameters of a model that a selector takes, such as `encoder.** & kind:weight`.
///
/// >>> net.select("**.bias").freeze()
/// >>> print(net.select("0.*").explain())
#[pyclass(frozen, module = "gluonic")]
pub(crate) struct Selection(pub(crate) gluonic::Selection);

#[pymethods]
impl Selection {
    /// The selector as it is read.
    #[getter]
    fn selector(&self) -> String {
        self.0.selector().to_string()
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.parameters(py)?.into_any().call_method0("__iter__")
    }

    /// The parameters in order, each once.
    fn parameters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let all: PyResult<Vec<_>> =
            self.0.iter().map(|parameter| parameter_to_py(py, parameter)).collect();
        PyList::new(py, all?)
    }

    /// The paths of each parameter; a tied one has several.
    fn paths(&self) -> Vec<Vec<String>> {
        let all = self.0.paths();
        all.map(|paths| paths.iter().map(ToString::to_string).collect()).collect()
    }

    /// The parameters as a `ParameterDict`, by name.
    fn params<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        dict_to_py(py, self.0.params().or_raise(py)?)
    }

    /// What each term of the selector takes, as a table.
    fn explain(&self) -> String {
        self.0.explain().to_string()
    }

    /// Stops training of these parameters, until `unfreeze`. Returns how many were not frozen.
    fn freeze(&self, py: Python<'_>) -> PyResult<usize> {
        self.0.freeze().or_raise(py)
    }

    /// Ends what `freeze` began. Returns how many were frozen.
    fn unfreeze(&self, py: Python<'_>) -> PyResult<usize> {
        self.0.unfreeze().or_raise(py)
    }

    /// Sets every gradient to zeros.
    fn zero_grad(&self, py: Python<'_>) -> PyResult<()> {
        self.0.zero_grad().or_raise(py)
    }

    /// Sets the factor on the learning rate.
    fn set_lr_mult(&self, py: Python<'_>, mult: f64) -> PyResult<()> {
        self.0.set_lr_mult(mult).or_raise(py)
    }

    /// Sets the factor on the weight decay.
    fn set_wd_mult(&self, py: Python<'_>, mult: f64) -> PyResult<()> {
        self.0.set_wd_mult(mult).or_raise(py)
    }

    /// Sets what backward does to the gradients: `'write'`, `'add'` or `'null'`.
    fn set_grad_req(&self, py: Python<'_>, req: &str) -> PyResult<()> {
        self.0.set_grad_req(grad_req_of(req)?).or_raise(py)
    }

    /// Converts the parameters to another element type.
    fn cast(&self, py: Python<'_>, dtype: DTypeArg) -> PyResult<()> {
        py.detach(|| self.0.cast(dtype.0)).or_raise(py)
    }

    /// Marks the parameters with a word, for the selector `tag:word`.
    fn tag(&self, py: Python<'_>, word: &str) -> PyResult<()> {
        self.0.tag(word).or_raise(py)
    }

    /// Initializes these parameters and no others.
    #[pyo3(signature = (init = None, *, force_reinit = false))]
    fn initialize(
        &self,
        py: Python<'_>,
        init: Option<InitArg>,
        force_reinit: bool,
    ) -> PyResult<()> {
        let options = gluonic::param::InitOptions {
            init: init.map(|init| init.0),
            reinit: if force_reinit { Reinit::Force } else { Reinit::Keep },
            ..Default::default()
        };
        py.detach(|| self.0.initialize_opts(&options)).or_raise(py)?;
        crate::warnings::issue(py)
    }

    /// Numbers about the values: for each path, and for `total`, a dictionary with `count`, `min`,
    /// `mean`, `max`, `std`, `zeros` and `not_finite`.
    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let found = py.detach(|| self.0.statistics()).or_raise(py)?;
        let all = PyDict::new(py);
        for (path, numbers) in &found.rows {
            all.set_item(&**path, numbers_to_py(py, numbers)?)?;
        }
        all.set_item("total", numbers_to_py(py, &found.total)?)?;
        Ok(all)
    }

    fn __repr__(&self) -> String {
        format!("<Selection of {} parameters by {}>", self.0.len(), self.0.selector())
    }
}

fn numbers_to_py<'py>(
    py: Python<'py>,
    numbers: &gluonic::param::select::ParameterStatistics,
) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("count", numbers.count)?;
    dict.set_item("min", numbers.min)?;
    dict.set_item("mean", numbers.mean)?;
    dict.set_item("max", numbers.max)?;
    dict.set_item("std", numbers.std)?;
    dict.set_item("zeros", numbers.zeros)?;
    dict.set_item("not_finite", numbers.not_finite)?;
    Ok(dict)
}

#[pymethods]
impl Block {
    /// The parameters of the tree that a selector takes: by path (`0.weight`, `encoder.**`), by
    /// name (`name:dense0_*`), by what they are (`kind:bias`, `dtype:float16`, `size:>1000`,
    /// `frozen`, `tied`), with `&`, `|`, `!` and parentheses.
    fn select(&self, py: Python<'_>, selector: &str) -> PyResult<Selection> {
        Ok(Selection(self.node()?.select(selector).or_raise(py)?))
    }

    /// Stops training of the selected parameters. Returns how many were not frozen.
    #[pyo3(signature = (selector = "**"))]
    fn freeze(&self, py: Python<'_>, selector: &str) -> PyResult<usize> {
        self.node()?.freeze(selector).or_raise(py)
    }

    /// Ends what `freeze` began. Returns how many were frozen.
    #[pyo3(signature = (selector = "**"))]
    fn unfreeze(&self, py: Python<'_>, selector: &str) -> PyResult<usize> {
        self.node()?.unfreeze(selector).or_raise(py)
    }

    /// The parameter of a path or a name.
    fn find_param<'py>(&self, py: Python<'py>, path_or_name: &str) -> PyResult<Bound<'py, PyAny>> {
        parameter_to_py(py, &self.node()?.find_param(path_or_name).or_raise(py)?)
    }

    /// The paths of the parameters that wait for the first forward.
    fn pending(&self) -> PyResult<Vec<String>> {
        Ok(self.node()?.pending().iter().map(ToString::to_string).collect())
    }
}

#[pymethods]
impl Dict {
    /// The parameters of the set that a selector takes, names being their paths.
    fn select(&self, py: Python<'_>, selector: &str) -> PyResult<Selection> {
        Ok(Selection(self.get(py)?.selection(selector).or_raise(py)?))
    }
}

#[pymethods]
impl Parameter {
    /// Stops training of the parameter. What `grad_req` was, `unfreeze` brings back.
    fn freeze(&self) -> PyResult<bool> {
        Ok(self.get()?.freeze())
    }

    /// Ends what `freeze` began.
    fn unfreeze(&self) -> PyResult<bool> {
        Ok(self.get()?.unfreeze())
    }

    /// Whether the parameter is frozen.
    #[getter]
    fn frozen(&self) -> PyResult<bool> {
        Ok(self.get()?.is_frozen())
    }

    /// All there is to say of the parameter, on several lines: its state, where its value came
    /// from, numbers about value and gradient, a histogram.
    fn describe(&self) -> PyResult<String> {
        Ok(format!("{:#}", self.get()?))
    }

    /// Marks the parameter with a word, for the selector `tag:word`.
    fn tag(&self, word: &str) -> PyResult<()> {
        self.get()?.tag(word);
        Ok(())
    }

    /// Takes a mark away. Returns whether it was there.
    fn untag(&self, word: &str) -> PyResult<bool> {
        Ok(self.get()?.untag(word))
    }

    /// The marks.
    #[getter]
    fn tags(&self) -> PyResult<Vec<String>> {
        Ok(self.get()?.tags().iter().map(std::string::ToString::to_string).collect())
    }

    /// Where the initial value came from: the key and path of its random numbers and the
    /// initializer's text. None if that is not known.
    #[getter]
    fn provenance<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let Some(provenance) = self.get()?.provenance() else { return Ok(None) };
        let dict = PyDict::new(py);
        dict.set_item("key", provenance.address.key())?;
        dict.set_item("path", provenance.address.path())?;
        dict.set_item("initializer", provenance.initializer)?;
        Ok(Some(dict))
    }

    /// Whether the value is the initial one still.
    #[getter]
    fn is_initial(&self) -> PyResult<bool> {
        Ok(self.get()?.is_initial())
    }
}
