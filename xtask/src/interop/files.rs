//! Files of the exchange, whose errors name them.
#![allow(clippy::disallowed_methods, reason = "files that live as long as the exchange")]

use std::fs;
use std::path::Path;

pub(super) fn read(file: &Path) -> Result<Vec<u8>, String> {
    fs::read(file).map_err(|err| format!("cannot read `{}`: {err}", file.display()))
}

pub(super) fn write(file: &Path, bytes: &[u8]) -> Result<(), String> {
    fs::write(file, bytes).map_err(|err| format!("cannot write `{}`: {err}", file.display()))
}
