//! Every variant of `gluonic::Error` is named in the test that shows its message and hint.

use super::source::{Blank, blank, lines_with_word};
use super::{File, Finding};

const ENUM: &str = "crates/gluonic/src/error/mod.rs";
const TEST: &str = "crates/gluonic/tests/it/errors.rs";

/// Reports the variants that the test does not name; returns why it could not look, if so.
pub(super) fn check(files: &[File], findings: &mut Vec<Finding>) -> Option<String> {
    let find = |path: &str| files.iter().find(|file| file.path == path);
    let (Some(source), Some(test)) = (find(ENUM), find(TEST)) else {
        let missing = if find(ENUM).is_none() { ENUM } else { TEST };
        return Some(format!("coverage of error variants: there is no {missing}"));
    };
    let named = blank(&test.text, Blank::Comments);
    let variants = variants(&blank(&source.text, Blank::CommentsAndStrings));
    if variants.is_empty() {
        findings.push(Finding::new(ENUM, 1, "no `pub enum Error` with variants found"));
    }
    for (variant, line) in variants {
        if lines_with_word(&named, &variant).is_empty() {
            findings.push(Finding::new(ENUM, line, format!("`{variant}` is not named in {TEST}")));
        }
    }
    None
}

/// The variants of `pub enum Error` in code without comments and strings, with their lines.
fn variants(code: &str) -> Vec<(String, usize)> {
    let Some((start, _)) = code
        .match_indices("pub enum Error")
        .find(|(at, found)| code[at + found.len()..].trim_start().starts_with(['{', '<']))
    else {
        return Vec::new();
    };
    let mut variants = Vec::new();
    let mut line = code[..start].matches('\n').count() + 1;
    let mut depth = 0_usize;
    let mut expects_name = false;
    let mut name = String::new();
    for c in code[start..].chars() {
        if depth == 1 && expects_name && (c.is_alphanumeric() || c == '_') {
            name.push(c);
            continue;
        }
        if !name.is_empty() {
            variants.push((std::mem::take(&mut name), line));
            expects_name = false;
        }
        match c {
            '\n' => line += 1,
            '{' | '(' | '[' => {
                depth += 1;
                expects_name |= depth == 1;
            }
            '}' | ')' | ']' => depth = depth.saturating_sub(1),
            ',' if depth == 1 => expects_name = true,
            _ => {}
        }
        if depth == 0 && c == '}' {
            break;
        }
    }
    variants
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "/// pub enum Error\n#[non_exhaustive]\npub enum Error {\n    \
        /// Shape { one }.\n    #[error(\"shape {found}, {x}\")]\n    \
        Shape { name: Box<[u8]>, found: (u8, u8) },\n    #[error(transparent)]\n    Io(Inner, u8),\n    \
        Last,\n}\nimpl Error { fn f() { Self::Other } }\n";

    fn file(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn variants_are_found_with_their_lines() {
        let found = variants(&blank(SOURCE, Blank::CommentsAndStrings));
        let expected = [("Shape", 6), ("Io", 8), ("Last", 9)];
        assert_eq!(found, expected.map(|(name, line)| (name.to_owned(), line)));
    }

    #[test]
    fn a_variant_without_a_test_is_a_finding() {
        let test = file(TEST, "Error::Shape { .. }; \"Last\"; // Io\n");
        let mut findings = Vec::new();
        assert_eq!(check(&[file(ENUM, SOURCE), test], &mut findings), None);
        let shown: Vec<_> = findings.iter().map(ToString::to_string).collect();
        assert_eq!(shown, [format!("{ENUM}:8: `Io` is not named in {TEST}")]);
    }

    #[test]
    fn nothing_is_checked_while_a_file_is_missing() {
        let mut findings = Vec::new();
        let why = check(&[file(ENUM, SOURCE)], &mut findings);
        assert_eq!(why, Some(format!("coverage of error variants: there is no {TEST}")));
        assert!(findings.is_empty());
    }
}
