//! Saving and loading, with Gluon's arguments and words.

mod load;
mod placing;
mod words;

use std::path::{Path, PathBuf};

use gluonic::Error;
use gluonic::checkpoint::{Format, SaveLoad, SaveOptions};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use self::words::NAMING;
use crate::block::Block;
use crate::dict::Dict;
use crate::errors::OrRaise;
use crate::{waiting, warnings};

/// The format by its suffix; MXNet's for every other name, as there names are free.
fn format_of(file: &Path) -> Option<Format> {
    match file.extension().and_then(|suffix| suffix.to_str()) {
        Some("safetensors" | "npz") => None,
        _ => Some(Format::MxnetParams),
    }
}

fn save_options(file: &Path, deduplicate: bool, digests: bool) -> SaveOptions {
    SaveOptions { deduplicate, digests, format: format_of(file) }
}

#[pymethods]
impl Block {
    #[pyo3(signature = (file, deduplicate, digests))]
    fn _save(
        &self,
        py: Python<'_>,
        file: PathBuf,
        deduplicate: bool,
        digests: bool,
    ) -> PyResult<()> {
        let node = self.node()?;
        let options = save_options(&file, deduplicate, digests);
        waiting::run(py, "save", || node.save_parameters_with(&file, &options))
    }
}

#[pymethods]
impl Dict {
    fn _save(&self, py: Python<'_>, file: PathBuf, strip_prefix: &str) -> PyResult<()> {
        let dict = self.get(py)?;
        let options = save_options(&file, false, false);
        match waiting::run_raw(py, "save", || dict.save_with(&file, strip_prefix, &options))? {
            Err(Error::Prefix { name, prefix }) => Err(PyValueError::new_err(format!(
                "Prefix '{prefix}' is to be striped before saving, but Parameter's name '{name}' \
                 does not start with '{prefix}'. this may be due to your Block shares parameters \
                 from other Blocks or you forgot to use 'with name_scope()' when creating child \
                 blocks. {NAMING}"
            ))),
            done => done.or_raise(py),
        }?;
        warnings::issue(py)
    }
}
