//! Which names of files an index may have.

use crate::Error;

/// Refuses the name of a file that could lie outside the index's folder, or that not every
/// system can open.
///
/// Allowed are plain names. Folders are not: no library writes an index with them. Unicode is:
/// letters that look like dots or slashes are letters.
///
/// # Errors
/// [`Error::FileName`] for an empty name, `.` and `..`, a slash, backslash or colon (paths, drives
/// and streams), a control character, a dot or space at the end (Windows drops them), more than
/// 255 bytes, and the names of devices on Windows, such as `NUL` and `com1.txt`.
///
/// # Examples
/// ```
/// use gluonic_formats::sharded::check_contained;
/// assert!(check_contained("model-00001-of-00002.safetensors").is_ok());
/// assert!(check_contained("../../etc/passwd").is_err());
/// ```
pub fn check_contained(file: &str) -> Result<(), Error> {
    let reason = if file.is_empty() {
        "is empty"
    } else if file == "." || file == ".." {
        "is a folder"
    } else if file.contains(['/', '\\']) {
        "is in another folder"
    } else if file.contains(':') {
        "has a colon"
    } else if file.contains(char::is_control) {
        "has a control character"
    } else if file.ends_with(['.', ' ']) {
        "ends in a dot or a space"
    } else if file.len() > 255 {
        "is longer than 255 bytes"
    } else if is_device(file) {
        "is a device on Windows"
    } else {
        return Ok(());
    };
    Err(Error::FileName { file: file.into(), reason })
}

/// Whether Windows takes the name for a device, which it does whatever stands after a dot.
fn is_device(file: &str) -> bool {
    let stem = file.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    if ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"].contains(&&*stem) {
        return true;
    }
    let number = stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT"));
    number.is_some_and(|number| {
        let mut digits = number.chars();
        let digit = digits.next().is_some_and(|c| c.is_ascii_digit() || "¹²³".contains(c));
        digit && digits.next().is_none()
    })
}
