//! `Checkpoint`: a file of tensors of any format.

mod plan;

use std::path::PathBuf;

use gluonic::checkpoint::{ExportOptions, RenameRules};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::array::wrap;
use crate::dtype::DTypeArg;
use crate::errors::OrRaise;
use crate::ops::current_dialect;
use crate::waiting;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Checkpoint>()?;
    module.add_class::<plan::LoadPlan>()
}

/// A file of tensors, known by its header: safetensors, MXNet `.params`, NumPy `.npy` and `.npz`,
/// PyTorch, GGUF, or the index of a model in several files. The format is told by the content.
/// Nothing in a file is ever executed.
///
/// >>> with_values = Checkpoint("model.safetensors")
/// >>> print(with_values.tree())
/// >>> with_values["0.weight"]
#[pyclass(frozen, mapping, module = "gluonic")]
pub(crate) struct Checkpoint(gluonic::checkpoint::Checkpoint);

impl Checkpoint {
    /// The file as gluonic knows it.
    fn get(&self) -> &gluonic::checkpoint::Checkpoint {
        &self.0
    }
}

/// Rename rules as an argument: a text, see the command line's `convert --rename`.
fn rules(py: Python<'_>, text: &str) -> PyResult<RenameRules> {
    text.parse::<RenameRules>().or_raise(py)
}

#[pymethods]
impl Checkpoint {
    /// Opens a file. With `map` values stay in a map of the file until they are edited.
    #[new]
    #[pyo3(signature = (file, *, map = false))]
    fn new(py: Python<'_>, file: PathBuf, map: bool) -> PyResult<Self> {
        use gluonic::checkpoint::Checkpoint as Inner;
        let open = || if map { Inner::map(&file) } else { Inner::open(&file) };
        Ok(Checkpoint(waiting::run(py, "open", open)?))
    }

    /// The file.
    #[getter]
    fn file(&self) -> PathBuf {
        self.0.file().to_owned()
    }

    /// The format, by its name.
    #[getter]
    fn format(&self) -> Option<String> {
        self.0.format().map(|format| format.to_string())
    }

    /// The texts of the header.
    #[getter]
    fn metadata<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        self.0.metadata().iter().try_for_each(|(key, value)| dict.set_item(key, value))?;
        Ok(dict)
    }

    fn __len__(&self) -> usize {
        self.0.tensors().len()
    }

    /// The names of the tensors, in the order of the file.
    fn keys(&self) -> Vec<String> {
        self.0.tensors().iter().map(|tensor| tensor.name.to_string()).collect()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.keys().into_pyobject(py)?.call_method0("__iter__")
    }

    fn __contains__(&self, name: &str) -> bool {
        self.0.tensor(name).is_ok()
    }

    /// The shape and element type of a tensor, without its values.
    fn info(&self, py: Python<'_>, name: &str) -> PyResult<(Vec<usize>, String)> {
        let info = self.0.tensor(name).or_raise(py)?;
        Ok((info.shape.to_vec(), info.dtype.to_string()))
    }

    fn __getitem__<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let array = waiting::run(py, "read", || self.0.get(name))?;
        wrap(py, array, current_dialect(py)?)
    }

    /// All tensors as arrays, by name.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let arrays = waiting::run(py, "read", || self.0.to_arrays())?;
        let (dict, dialect) = (PyDict::new(py), current_dialect(py)?);
        for (name, array) in arrays {
            dict.set_item(&*name, wrap(py, array, dialect)?)?;
        }
        Ok(dict)
    }

    /// The tensors as a tree of their names, as `gluonic show` prints it.
    #[pyo3(signature = (*, unfold = false))]
    fn tree(&self, unfold: bool) -> String {
        if unfold { format!("{:#}", self.0.tree()) } else { self.0.tree().to_string() }
    }

    /// The digest of all values and names: two files of equal content have equal ones, whatever
    /// their formats.
    fn root(&self, py: Python<'_>) -> PyResult<String> {
        Ok(waiting::run(py, "check", || self.0.root())?.to_string())
    }

    /// Looks at all data: `root`; `damage`, the tensors that are not what the record of digests
    /// says, None without a record; `not_finite`, the tensors with NaN or infinite values and how
    /// many; `clean`.
    fn check<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let report = waiting::run(py, "check", || self.0.check())?;
        let dict = PyDict::new(py);
        dict.set_item("clean", report.is_clean())?;
        dict.set_item("root", report.root.to_string())?;
        let names = |damage: &Vec<gluonic::checkpoint::Damage>| -> Vec<String> {
            damage.iter().map(|damage| damage.name.clone()).collect()
        };
        dict.set_item("damage", report.damage.as_ref().map(names))?;
        let not_finite = PyDict::new(py);
        for found in &report.not_finite {
            not_finite.set_item(&*found.name, found.count)?;
        }
        dict.set_item("not_finite", not_finite)?;
        Ok(dict)
    }

    /// The file as rename rules make it: the rules are a text, as of `gluonic convert --rename`.
    fn renamed(&self, py: Python<'_>, rename: &str) -> PyResult<Checkpoint> {
        Ok(Checkpoint(self.0.renamed(&rules(py, rename)?).or_raise(py)?))
    }

    /// Writes all tensors to another file, whose suffix says the format, within `memory` bytes.
    /// Returns the files.
    #[pyo3(signature = (file, *, rename = None, cast = None, max_shard_bytes = None,
                        digests = false, memory = None))]
    #[expect(clippy::too_many_arguments, reason = "they are the options of the engine")]
    fn export(
        &self,
        py: Python<'_>,
        file: PathBuf,
        rename: Option<&str>,
        cast: Option<DTypeArg>,
        max_shard_bytes: Option<u64>,
        digests: bool,
        memory: Option<u64>,
    ) -> PyResult<Vec<PathBuf>> {
        let options = ExportOptions {
            rename: rename.map(|text| rules(py, text)).transpose()?,
            cast: cast.map(|dtype| dtype.0),
            max_shard_bytes,
            digests,
            memory,
            ..ExportOptions::default()
        };
        let report = waiting::run(py, "export", || self.0.export(&file, &options))?;
        Ok(report.files)
    }

    fn __repr__(&self) -> String {
        let format = self.0.format().map_or_else(|| "no".to_owned(), |format| format.to_string());
        format!(
            "<Checkpoint {}: {} tensors, {format} format>",
            self.0.file().display(),
            self.0.tensors().len()
        )
    }
}
