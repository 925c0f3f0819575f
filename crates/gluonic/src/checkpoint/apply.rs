//! Reading a file, and putting its values into parameters: all, or nothing.

use std::path::Path;

use gluonic_formats::Limits;

use super::convert::to_array;
use super::plan::{LoadOptions, Plan, plan};
use super::report::LoadReport;
use super::tie::Candidates;
use crate::error::{Error, Result};
use crate::storage;

pub(super) fn load(
    candidates: Candidates,
    file: &Path,
    options: &LoadOptions,
) -> Result<LoadReport> {
    let bytes = storage::read(file)?;
    let archive = gluonic_formats::read(&bytes, &Limits::default())
        .map_err(|source| Error::Format { path: file.to_owned(), source: Box::new(source) })?;
    let Plan { loads, mut report } = plan(candidates, &archive, options);
    file.clone_into(&mut report.file);
    if !report.problems.is_empty() {
        return Err(Error::Load(Box::new(report)));
    }
    // Everything that can fail, before the first parameter changes.
    let mut staged = Vec::with_capacity(loads.len());
    for load in &loads {
        if let Ok(data) = load.parameter.data() {
            data.cell.refuse_own_edit().map_err(|error| error.at(load.parameter.name()))?;
        }
        let value = to_array(load.from, load.dims.clone(), archive.tensors[load.tensor].data());
        let value = if load.from == load.to { value } else { value.cast(load.to)?.detach() };
        staged.push((load, load.parameter.stage_value(value, None)));
    }
    for (load, staged) in staged {
        load.parameter.cast(load.to)?;
        staged.commit()?;
    }
    Ok(report)
}
