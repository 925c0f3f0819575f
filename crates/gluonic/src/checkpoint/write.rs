//! Tensors to a file: whole, or not at all.

use std::io::{Error as IoError, Write};
use std::path::Path;

use gluonic_formats::{Format, RawTensor, TensorSpec};
use indexmap::IndexMap;

use super::pieces::Sink;
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
    let specs: Vec<TensorSpec<'_>> = tensors.iter().map(TensorSpec::from).collect();
    write_from(file, format, &specs, metadata, &mut |index, sink| sink(tensors[index].data()))
}

/// As [`write`], of tensors whose bytes `data` hands over when they are asked for.
pub(super) fn write_from(
    file: &Path,
    format: Format,
    tensors: &[TensorSpec<'_>],
    metadata: &IndexMap<String, String>,
    data: &mut dyn FnMut(usize, &mut Sink<'_>) -> Result<()>,
) -> Result<()> {
    // The error itself, which cannot pass through the writers.
    let mut failure = None;
    let written = storage::write_atomically(file, |out: &mut dyn Write| {
        let mut refused = None;
        let done = gluonic_formats::write_from(out, format, tensors, metadata, &mut |i, out| {
            let mut sink = |bytes: &[u8]| {
                out.write_all(bytes).map_err(|error| Error::io("write", file, error))
            };
            data(i, &mut sink).map_err(|error| {
                refused = Some(error);
                IoError::other("a tensor could not be made")
            })
        });
        done.map_err(|error| match (refused, error) {
            (None, gluonic_formats::Error::Write { source, .. }) => source,
            // Whatever it was that `data` gave up for.
            (Some(error), gluonic_formats::Error::Write { .. }) => {
                failure = Some(error);
                IoError::other("a tensor could not be made")
            }
            (_, error) => {
                failure = Some(Error::Format { path: file.to_owned(), source: Box::new(error) });
                IoError::other("the format cannot hold this")
            }
        })
    });
    match failure {
        Some(error) => Err(error),
        None => written,
    }
}
