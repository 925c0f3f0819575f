//! Rules about single Rust files: who may touch files, print, or be `unsafe`.

use super::Finding;
use super::source::{Source, lines_with_word, paths};

/// The files in which `unsafe` may stand, each with what it is needed for. The proofs are there.
const UNSAFE: &[(&str, &str)] = &[
    ("crates/gluonic/src/array/pin.rs", "lends a slice that a pin keeps alive"),
    ("crates/gluonic/src/array/cell.rs", "lends what a pin keeps alive, under the cell's lock"),
    ("crates/gluonic-py/src/array/foreign.rs", "hands NumPy's memory to gluonic"),
    ("crates/gluonic/src/cpu/gemm.rs", "calls the matrix product, which takes pointers"),
    ("crates/gluonic/src/cpu/pages.rs", "asks the system for large pages"),
    ("crates/gluonic/src/storage/map.rs", "maps a file that nobody may write in place"),
];

/// Crates with an engine inside, which `gluonic-formats` must not know.
const ENGINES: &[&str] =
    &["gluonic", "ndarray", "candle", "candle_core", "candle_nn", "burn", "tch"];

/// Macros that must not be committed.
const LEFTOVERS: &[&str] = &["#[ignore", "todo!", "dbg!", "unimplemented!"];

/// Folders whose programs print by design; the rest returns what it has to say.
const PRINTERS: &[&str] = &["crates/gluonic-cli/", "xtask/", "bench/", "fuzz/"];

pub(super) fn check(source: &Source, findings: &mut Vec<Finding>) {
    let path = source.path.as_str();
    let mut report = |line: usize, message: String| {
        findings.push(Finding::new(path, line, message));
    };
    if !source.text.starts_with("//!") && !path.contains("/tests/ui/") {
        report(1, "the file does not start with a `//!` doc".to_owned());
    }
    for leftover in LEFTOVERS {
        for line in lines_with_word(&source.code, leftover) {
            let shown = if *leftover == "#[ignore" { "#[ignore]" } else { leftover };
            report(line, format!("`{shown}` is for working copies only"));
        }
    }
    // What users run; tests and benchmarks count allocations and write through pointers.
    let shipped = path.starts_with("crates/") && path.contains("/src/");
    if shipped && !UNSAFE.iter().any(|(file, _)| *file == path) {
        for line in lines_with_word(&source.code, "unsafe") {
            let message = "`unsafe` outside of the files listed in xtask/src/tidy/rules.rs";
            report(line, message.to_owned());
        }
    }
    if !may_print(path) {
        for name in ["println!", "print!"] {
            for line in lines_with_word(&source.code, name) {
                report(line, format!("`{name}` outside of gluonic-cli: return what is to be said"));
            }
        }
    }
    if path.starts_with("crates/gluonic-formats/src/") {
        for engine in ENGINES {
            for line in lines_with_word(&source.shipped, engine) {
                report(line, format!("gluonic-formats names `{engine}`: it gives `RawTensor`s"));
            }
        }
        for line in lines_with_file_system(source) {
            report(line, "gluonic-formats names `std::fs`: it reads bytes, not files".to_owned());
        }
    }
    let in_gluonic = path.strip_prefix("crates/gluonic/src/");
    if in_gluonic.is_some_and(|rest| !rest.starts_with("storage/") && rest != "storage.rs") {
        for line in lines_with_file_system(source) {
            report(line, "`std::fs` outside of `storage`, which puts the path in errors".into());
        }
    }
}

/// Complains about entries of the list of `unsafe` files that are no longer needed.
pub(super) fn check_unsafe_list(sources: &[Source], findings: &mut Vec<Finding>) {
    for source in sources {
        let listed = UNSAFE.iter().any(|(file, _)| *file == source.path);
        if listed && lines_with_word(&source.code, "unsafe").is_empty() {
            let message = "nothing is `unsafe` here: strike the file from xtask/src/tidy/rules.rs";
            findings.push(Finding::new(&source.path, 1, message));
        }
    }
}

fn may_print(path: &str) -> bool {
    PRINTERS.iter().any(|folder| path.starts_with(folder))
        || path.contains("/examples/")
        || path.ends_with("/build.rs")
}

/// The lines that name `std::fs`, also in `use std::{fs, io}`; tests may.
fn lines_with_file_system(source: &Source) -> Vec<usize> {
    let names = paths(&source.shipped);
    let is_fs = |segments: &[String]| segments.starts_with(&["std".to_owned(), "fs".to_owned()]);
    names.iter().filter(|path| is_fs(&path.segments)).map(|path| path.line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_file(path: &str, code: &str, expected: &[&str]) {
        let source = Source::new(path, &format!("//! Doc.\n{code}\n"));
        let mut findings = Vec::new();
        check(&source, &mut findings);
        let shown: Vec<_> = findings.iter().map(ToString::to_string).collect();
        assert_eq!(shown.len(), expected.len(), "{shown:?}");
        for (shown, expected) in shown.iter().zip(expected) {
            assert!(shown.contains(expected), "{shown} does not contain {expected}");
        }
    }

    #[test]
    fn formats_knows_no_engine_and_no_file_system() {
        let path = "crates/gluonic-formats/src/npy.rs";
        check_file(path, "use ndarray::Array1;", &["npy.rs:2: gluonic-formats names `ndarray`"]);
        check_file(path, "use std::{fs, io};", &["npy.rs:2: gluonic-formats names `std::fs`"]);
        check_file(path, "use gluonic_formats as x; // ndarray", &[]);
        check_file(path, "#[cfg(test)]\nmod tests {\n    use std::fs;\n}", &[]);
    }

    #[test]
    fn only_storage_touches_files() {
        let code = "fn f() { std::fs::read(p) }";
        check_file("crates/gluonic/src/storage/file.rs", code, &[]);
        check_file("crates/gluonic/src/param/dict.rs", code, &["dict.rs:2: `std::fs` outside"]);
        check_file("crates/gluonic/tests/it/main.rs", code, &[]);
    }

    #[test]
    fn unsafe_stands_only_in_listed_files() {
        let code = "fn f() { unsafe { g() } }";
        check_file("crates/gluonic/src/array/pin.rs", code, &[]);
        check_file("crates/gluonic/src/array/view.rs", code, &["view.rs:2: `unsafe` outside"]);
        let stale = [Source::new("crates/gluonic/src/array/pin.rs", "//! Not unsafe.\n")];
        let mut findings = Vec::new();
        check_unsafe_list(&stale, &mut findings);
        assert_eq!(findings.len(), 1);
    }

    #[test]
    fn only_programs_print() {
        let code = "fn f() { println!(); }";
        check_file("crates/gluonic/src/nn/dense.rs", code, &["dense.rs:2: `println!` outside"]);
        check_file("crates/gluonic-cli/src/main.rs", code, &[]);
        check_file("crates/gluonic/examples/mlp.rs", code, &[]);
        check_file("crates/gluonic/src/nn/dense.rs", "/// println!()\nfn f() {}", &[]);
    }

    #[test]
    fn leftovers_are_found() {
        let path = "crates/gluonic/tests/it/main.rs";
        check_file(path, "#[ignore = \"slow\"]\nfn f() {}", &["main.rs:2: `#[ignore]`"]);
        check_file(path, "fn f() { dbg!(1); }", &["main.rs:2: `dbg!`"]);
        check_file(path, "fn f() { g(\"todo!\") }", &[]);
    }
}
