//! No operation and no loss is without a test of its gradient, unless a reason says why.
//!
//! The names are read from the sources as text: what has a doc comment in `ops/` and is public, or
//! is a row of a macro that makes methods. A name counts as tested where a file of `tests/it` that
//! compares gradients with differences calls it.

use super::{File, Finding};

const OPS: &str = "crates/gluonic/src/ops/";
const LOSSES: &str = "crates/gluonic/src/loss/";
const TESTS: &str = "crates/gluonic/tests/it/";

/// What stands in a file that compares gradients with differences.
const MARKS: [&str; 2] = ["gradcheck::", "check_table("];

/// Operations that need no row in the tables of gradients, and why.
const WITHOUT: &[(&str, &str)] = &[
    ("add", "tested as `+`"),
    ("add_scalar", "tested as `x + number`"),
    ("argmax", "gives integers"),
    ("argmin", "gives integers"),
    ("argsort", "gives integers"),
    ("bit_and", "takes integers"),
    ("bit_not", "takes integers"),
    ("bit_or", "takes integers"),
    ("bit_xor", "takes integers"),
    ("ctc_loss", "tested as `CtcLoss`"),
    ("div", "tested as `/`"),
    ("div_scalar", "tested as `x / number`"),
    ("draw", "has no input"),
    ("draw_at", "has no input"),
    ("draw_from", "has no input"),
    ("eq_elem", "gives booleans"),
    ("ge", "gives booleans"),
    ("gt", "gives booleans"),
    ("integers", "has no input"),
    ("le", "gives booleans"),
    ("lt", "gives booleans"),
    ("mul", "tested as `*`"),
    ("mul_scalar", "tested as `x * number`"),
    ("ne_elem", "gives booleans"),
    ("normal", "has no input"),
    ("one_hot", "takes integers"),
    ("permutation", "has no input"),
    ("scalar_div", "tested as `number / x`"),
    ("scalar_sub", "tested as `number - x`"),
    ("set_picked", "edits, which no graph sees"),
    ("sub", "tested as `-`"),
    ("sub_scalar", "tested as `x - number`"),
    ("uniform", "has no input"),
];

/// What stands before an item that is no operation.
const KEYWORDS: &[&str] =
    &["const", "enum", "fn", "impl", "macro_rules", "mod", "pub", "struct", "trait", "type"];

/// What a gradient of is to be tested: its kind, its name, its file and line.
#[derive(Debug, PartialEq, Eq)]
struct Item<'a> {
    kind: &'static str,
    name: &'a str,
    file: &'a str,
    line: usize,
}

pub(crate) fn check(files: &[File], findings: &mut Vec<Finding>) {
    let tests: Vec<&str> = files
        .iter()
        .filter(|file| file.path.starts_with(TESTS))
        .map(|file| file.text.as_str())
        .filter(|text| MARKS.iter().any(|mark| text.contains(mark)))
        .collect();
    if tests.is_empty() {
        return;
    }
    let items: Vec<Item<'_>> = files.iter().flat_map(items).collect();
    for item in &items {
        let reason = WITHOUT.iter().any(|(name, _)| *name == item.name);
        if reason || tests.iter().any(|text| calls(text, item)) {
            continue;
        }
        let Item { kind, name, file, line } = item;
        let message = format!(
            "no gradient of the {kind} `{name}` is tested: add a row to a table in {TESTS}, or a \
             reason to `WITHOUT` in xtask/src/tidy/gradients.rs"
        );
        findings.push(Finding::new(file, *line, message));
    }
    for (name, _) in WITHOUT {
        if items.iter().all(|item| item.name != *name) {
            let message = format!("`WITHOUT` names `{name}`, which is no operation");
            findings.push(Finding::new("xtask/src/tidy/gradients.rs", 1, message));
        }
    }
}

/// Whether a test calls an operation, or makes a loss.
fn calls(text: &str, item: &Item<'_>) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find(item.name) {
        let (before, after) = (&rest[..at], &rest[at + item.name.len()..]);
        let called = match item.kind {
            "loss" => !before.ends_with(char::is_alphanumeric),
            _ => {
                !before.ends_with(|c: char| c.is_alphanumeric() || c == '_')
                    && after.starts_with('(')
            }
        };
        if called && !after.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
            return true;
        }
        rest = after;
    }
    false
}

/// The operations or losses of a file.
fn items(file: &File) -> Vec<Item<'_>> {
    let loss = file.path.starts_with(LOSSES);
    if !loss && !file.path.starts_with(OPS) {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut documented = false;
    for (i, line) in file.text.lines().enumerate() {
        let line = line.trim_start();
        if line.starts_with("#[cfg(test)]") {
            break;
        }
        if line.starts_with("///") {
            documented = true;
        } else if !line.starts_with("#[") && std::mem::take(&mut documented) {
            let (kind, name) =
                if loss { ("loss", loss_name(line)) } else { ("operation", op_name(line)) };
            let item = |name| Item { kind, name, file: &file.path, line: i + 1 };
            found.extend(name.map(item));
        }
    }
    found
}

/// `L1Loss` of `pub struct L1Loss {`.
fn loss_name(line: &str) -> Option<&str> {
    let name = word(line.strip_prefix("pub struct ")?);
    name.ends_with("Loss").then_some(name)
}

/// `exp` of `pub fn exp(&self)` and of the row of a macro `exp Exp "exp" by_y, …`.
fn op_name(line: &str) -> Option<&str> {
    if let Some(rest) = line.strip_prefix("pub fn ") {
        // A macro's `$method` is named where the macro is used.
        return Some(word(rest)).filter(|name| !name.is_empty());
    }
    let name = word(line);
    let row = line[name.len()..].starts_with(' ') && name.starts_with(|c: char| c.is_lowercase());
    (row && !KEYWORDS.contains(&name)).then_some(name)
}

fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned() }
    }

    fn found(test: &str) -> Vec<String> {
        let ops = "/// Doc.\n#[doc(alias = \"e\")]\npub fn exp(&self) {}\n\
                   /// Doc.\npub fn $method(&self) {}\n\
                   table! {\n    /// Doc.\n    log Log \"log\" by_x;\n}\n\
                   /// Not public.\nfn hidden() {}\n/// A field.\nwidth: usize,\n";
        let loss = "/// Doc.\npub struct L1Loss {}\n/// Doc.\npub enum Format {}\n";
        let mut findings = Vec::new();
        let files = [
            file(&format!("{OPS}unary.rs"), ops),
            file(&format!("{LOSSES}l1.rs"), loss),
            file(&format!("{TESTS}parts.rs"), &format!("check_table(&[{test}])")),
            file(&format!("{TESTS}others.rs"), "x.exp() x.log() L1Loss"), // No differences.
        ];
        check(&files, &mut findings);
        let own = findings.iter().filter(|finding| !finding.file.starts_with("xtask"));
        own.map(|finding| finding.message.split('`').nth(1).unwrap().to_owned()).collect()
    }

    #[test]
    fn what_no_gradient_test_calls_is_found_by_its_name() {
        assert_eq!(found("|x| x[0].exp()"), ["log", "L1Loss"]);
        assert_eq!(found("x.log() ops::exp(x) L1Loss::default()"), [""; 0]);
        // The name of another operation, a word in a text, another loss.
        assert_eq!(found("x.exp2() \"log\" x.log1p() SmoothL1Loss"), ["exp", "log", "L1Loss"]);
    }

    #[test]
    fn reasons_are_in_the_order_of_names() {
        assert!(WITHOUT.is_sorted_by(|a, b| a.0 < b.0));
    }
}
