//! `cargo xtask tidy`: reads the repository as text and checks the rules that no lint knows.
//!
//! [`source`] turns a Rust file into code without comments, strings and tests; [`rules`] holds
//! the rules about single Rust files, [`layers`] the direction of dependencies inside `gluonic`,
//! [`text`] the rules about any file, [`errors`] the coverage of error variants, [`gradients`] that of
//! operations by tests of their gradients. It does not
//! compile or expand anything, so a macro can hide from it.

use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use self::source::Source;
use crate::{Answer, Verdict, no_arguments};

mod errors;
mod gradients;
mod layers;
mod rules;
mod source;
mod text;

/// Something against the rules, shown as `file:line: message`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    file: String,
    line: usize,
    message: String,
}

impl Finding {
    fn new(file: &str, line: usize, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

/// One text file of the repository; the path is relative to the root, with `/`.
#[derive(Debug)]
struct File {
    path: String,
    text: String,
}

pub(crate) fn run(args: &[String]) -> Answer {
    no_arguments(args)?;
    println!("==> tidy");
    let files = read(&list()?)?;
    let findings = check(&files);
    for finding in &findings {
        println!("{finding}");
    }
    println!("tidy: {} files, {} findings", files.len(), findings.len());
    Ok(if findings.is_empty() { Verdict::Clean } else { Verdict::Findings })
}

/// The operations and losses of which no gradient is tested, as findings.
pub(crate) fn untested_gradients() -> Result<Vec<String>, String> {
    let mut findings = Vec::new();
    gradients::check(&read(&list()?)?, &mut findings);
    Ok(findings.iter().map(ToString::to_string).collect())
}

/// Applies every rule to every file.
fn check(files: &[File]) -> Vec<Finding> {
    let sources: Vec<_> = files
        .iter()
        .filter(|file| is_rust(&file.path))
        .map(|file| Source::new(&file.path, &file.text))
        .collect();
    let mut findings = Vec::new();
    for file in files {
        text::check(file, &mut findings);
    }
    text::check_readme(files, &mut findings);
    for source in &sources {
        rules::check(source, &mut findings);
    }
    rules::check_unsafe_list(&sources, &mut findings);
    layers::check(&sources, &mut findings);
    gradients::check(files, &mut findings);
    if let Some(skipped) = errors::check(files, &mut findings) {
        println!("skipped: {skipped}");
    }
    findings.sort();
    findings.dedup();
    findings
}

fn is_rust(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "rs")
}

/// Lists the files of the repository: what git tracks or would track, and where git does not
/// answer (an unpacked archive), everything outside of `target` and hidden folders.
fn list() -> Result<Vec<PathBuf>, String> {
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    match git.output() {
        Ok(output) if output.status.success() => {
            let names = String::from_utf8_lossy(&output.stdout).into_owned();
            Ok(names.split_terminator('\0').map(PathBuf::from).collect())
        }
        _ => {
            let mut found = Vec::new();
            walk(Path::new(""), &mut found)?;
            Ok(found)
        }
    }
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), String> {
    const HIDDEN: &[&str] = &[".cargo", ".ci", ".config", ".gitignore"];
    let shown = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let fail = |err| format!("cannot list `{}`: {err}", shown.display());
    for entry in fs::read_dir(shown).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let hidden = name.starts_with('.') && !HIDDEN.contains(&name.as_str());
        if hidden || matches!(name.as_str(), "target" | "__pycache__") {
            continue;
        }
        let path = folder.join(&name);
        if entry.file_type().map_err(fail)?.is_dir() {
            walk(&path, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

/// Reads the files that are text; others, and those just deleted, are left out.
fn read(paths: &[PathBuf]) -> Result<Vec<File>, String> {
    let mut files = Vec::new();
    for path in paths {
        match fs::read_to_string(path) {
            Ok(text) if !text.contains('\0') => {
                let path = path.to_string_lossy().replace('\\', "/");
                files.push(File { path, text });
            }
            Ok(_) => {}
            Err(err) if matches!(err.kind(), ErrorKind::InvalidData | ErrorKind::NotFound) => {}
            Err(err) => return Err(format!("cannot read `{}`: {err}", path.display())),
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_sorted_and_print_file_line_message() {
        let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
        let readme = "cargo run --release -- tour\ncargo xtask test\n";
        let files = [
            file("xtask/src/b.rs", "//! Doc.\nfn f() { todo!() }\n"),
            file("xtask/src/a.rs", "fn f() {} \n"),
            file("README.md", readme),
        ];
        let shown: Vec<_> = check(&files).iter().map(ToString::to_string).collect();
        let expected = [
            "xtask/src/a.rs:1: the file does not start with a `//!` doc",
            "xtask/src/a.rs:1: trailing whitespace",
            "xtask/src/b.rs:2: `todo!` is for working copies only",
        ];
        assert_eq!(shown, expected);
    }
}
