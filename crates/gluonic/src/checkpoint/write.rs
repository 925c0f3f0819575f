//! Tensors to a file: whole, or not at all.

use std::path::Path;

use gluonic_formats::{Format, RawTensor};
use indexmap::IndexMap;

use crate::error::{Error, Result};
use crate::storage;

/// The format that a file's suffix stands for, among those that can be written.
pub(super) fn format_of(file: &Path) -> Result<Format> {
    match file.extension().and_then(|suffix| suffix.to_str()) {
        Some("safetensors") => Ok(Format::Safetensors),
        Some("params") => Ok(Format::MxnetParams),
        Some("npz") => Ok(Format::Npz),
        _ => Err(Error::Suffix { path: file.to_owned() }),
    }
}

/// Writes a file. If that fails, the old one is as before.
pub(super) fn write(
    file: &Path,
    format: Format,
    tensors: &[RawTensor<'_>],
    metadata: &IndexMap<String, String>,
) -> Result<()> {
    let mut broken = None;
    let written = storage::write_atomically(file, |out: &mut dyn std::io::Write| {
        gluonic_formats::write_to(out, format, tensors, metadata).map_err(|error| match error {
            gluonic_formats::Error::Write { source, .. } => source,
            error => {
                broken = Some(error);
                std::io::Error::other("the format cannot hold this")
            }
        })
    });
    match broken {
        Some(source) => Err(Error::Format { path: file.to_owned(), source: Box::new(source) }),
        None => written,
    }
}
