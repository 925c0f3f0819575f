//! `cargo xtask conform`: runs the golden cases of a folder, values that MXNet computed, through
//! the public interface and says where the library differs.
//!
//! Any folder of the form of `fixtures/` will do: cases are told apart by what they use, never by
//! their names. A case that uses a layer, loss, optimizer, initializer or argument that the
//! library does not have yet counts as `later`.

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{Answer, Verdict};

mod args;
mod compare;
mod derived;
mod init;
mod json;
mod losses;
mod names;
mod net;
mod npz;
mod ops;
mod opt;
mod params;
mod saved_net;

/// Why a case did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Problem {
    /// It uses what the library does not have yet.
    Later(String),
    /// The first difference, or why there is nothing to compare.
    Differs(String),
}

impl Problem {
    fn differs(text: impl Into<String>) -> Self {
        Problem::Differs(text.into())
    }
}

impl From<gluonic::Error> for Problem {
    fn from(error: gluonic::Error) -> Self {
        Problem::Differs(format!("the library says: {error}"))
    }
}

impl From<gluonic_formats::Error> for Problem {
    fn from(error: gluonic_formats::Error) -> Self {
        Problem::Differs(format!("the reader says: {error}"))
    }
}

type Check<T = ()> = Result<T, Problem>;

/// What became of the cases of one kind.
#[derive(Debug, Default)]
struct Tally {
    passed: usize,
    /// How many cases wait for what.
    later: BTreeMap<String, usize>,
    /// The cases that differ, and where.
    failed: Vec<(String, String)>,
}

impl Tally {
    /// Runs one case. A panic is a difference like any other.
    fn case(&mut self, name: &str, check: impl FnOnce() -> Check) {
        let check = catch_unwind(AssertUnwindSafe(check)).unwrap_or_else(|payload| {
            let text = payload.downcast_ref::<String>().cloned();
            let text = text.or_else(|| payload.downcast_ref::<&str>().map(|s| (*s).to_owned()));
            Err(Problem::Differs(format!("a panic: {}", text.unwrap_or_default())))
        });
        match check {
            Ok(()) => self.passed += 1,
            Err(Problem::Later(what)) => *self.later.entry(what).or_default() += 1,
            Err(Problem::Differs(text)) => self.failed.push((name.to_owned(), text)),
        }
    }

    /// Runs the cases of an `index.json`, a case for each key.
    fn index(&mut self, index: &Value, check: impl Fn(&str, &Value) -> Check) {
        for (name, entry) in index.as_object().into_iter().flatten() {
            self.case(name, || check(name, entry));
        }
    }

    /// `names 36/41, later 5`, what the five wait for, and a line for each that differs.
    fn lines(&self, kind: &str) -> Vec<String> {
        let later: usize = self.later.values().sum();
        let total = self.passed + later + self.failed.len();
        let first = format!("{kind} {}/{total}", self.passed);
        let mut lines = Vec::new();
        if later == 0 {
            lines.push(first);
        } else {
            let waiting = self.later.iter().map(|(what, n)| format!("{what} ({n})"));
            lines.push(format!("{first}, later {later}"));
            lines.push(format!("  later: {}", waiting.collect::<Vec<_>>().join(", ")));
        }
        lines.extend(self.failed.iter().map(|(name, text)| format!("  {name}: {text}")));
        lines
    }
}

/// A kind of cases: its name and what runs those of a folder.
type Kind = (&'static str, fn(&Path, &mut Tally) -> Result<(), String>);

const KINDS: &[Kind] = &[
    ("names", names::run),
    ("params", params::run),
    ("ops", ops::run),
    ("losses", losses::run),
    ("opt", opt::run),
    ("init", init::run),
];

pub(crate) fn run(args: &[String]) -> Answer {
    let (folder, kinds) = arguments(args)?;
    if !folder.is_dir() {
        return Err(format!("there is no folder `{}`", folder.display()));
    }
    let mut clean = true;
    for (name, run) in kinds {
        // Draws repeat, whichever kinds run.
        gluonic::random::seed(1);
        let mut tally = Tally::default();
        run(&folder, &mut tally)?;
        tally.lines(name).iter().for_each(|line| println!("{line}"));
        clean &= tally.failed.is_empty();
    }
    Ok(if clean { Verdict::Clean } else { Verdict::Findings })
}

fn arguments(args: &[String]) -> Result<(PathBuf, Vec<Kind>), String> {
    const USAGE: &str = "Usage: cargo xtask conform [--fixtures DIR] [--kind A,B]\n\n\
         DIR is relative to the workspace; `fixtures` if not given.";
    let (mut folder, mut kinds) = (PathBuf::from("fixtures"), KINDS.to_vec());
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("`{arg}` needs a value\n\n{USAGE}"));
        match arg.as_str() {
            "--fixtures" => folder = PathBuf::from(value()?),
            "--kind" => kinds = value()?.split(',').map(kind).collect::<Result<_, _>>()?,
            _ => return Err(format!("unexpected argument `{arg}`\n\n{USAGE}")),
        }
    }
    Ok((folder, kinds))
}

fn kind(name: &str) -> Result<Kind, String> {
    let known = || KINDS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let found = KINDS.iter().find(|(known, _)| *known == name).copied();
    found.ok_or_else(|| format!("there is no kind `{name}`; there are {}", known()))
}

/// The bytes of a file.
#[allow(clippy::disallowed_methods, reason = "the path is put into the error here")]
fn bytes_of(file: &Path) -> Result<Vec<u8>, String> {
    fs::read(file).map_err(|error| format!("cannot read `{}`: {error}", file.display()))
}

/// The bytes of a file that belongs to one case.
fn case_bytes(file: &Path) -> Check<Vec<u8>> {
    bytes_of(file).map_err(Problem::Differs)
}

/// A JSON file; null if there is none.
fn json_of(file: &Path) -> Result<Value, String> {
    if !file.exists() {
        return Ok(Value::Null);
    }
    let text = String::from_utf8(bytes_of(file)?).map_err(|error| error.to_string());
    text.and_then(|text| json::parse(&text))
        .map_err(|error| format!("cannot read `{}`: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(args: &[&str]) -> Vec<String> {
        args.iter().map(|&arg| arg.to_owned()).collect()
    }

    #[test]
    fn kinds_are_chosen_by_name() {
        let (folder, kinds) = arguments(&strings(&["--kind", "opt,names"])).unwrap();
        assert_eq!(folder, Path::new("fixtures"));
        assert_eq!(kinds.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["opt", "names"]);
        let error = arguments(&strings(&["--kind", "opts"])).unwrap_err();
        assert!(error.contains("`opts`") && error.contains("params"), "{error}");
    }

    #[test]
    fn a_missing_folder_is_an_error_that_names_it() {
        let error = run(&strings(&["--fixtures", "no/such/folder"])).unwrap_err();
        assert!(error.contains("`no/such/folder`"), "{error}");
    }

    #[test]
    fn a_folder_without_cases_has_none_of_any_kind() {
        let folder = tempfile::tempdir().unwrap();
        for (name, run) in KINDS {
            let mut tally = Tally::default();
            run(folder.path(), &mut tally).unwrap();
            assert_eq!(tally.lines(name), [format!("{name} 0/0")]);
        }
    }

    #[test]
    fn differences_and_panics_are_told_from_what_comes_later() {
        let mut tally = Tally::default();
        tally.case("a", || Ok(()));
        tally.case("b", || Err(Problem::Later("layer `conv2d`".into())));
        tally.case("c", || Err(Problem::differs("expected 1, found 2")));
        tally.case("d", || panic!("no such {}", "thing"));
        assert_eq!(
            tally.lines("names"),
            [
                "names 1/4, later 1",
                "  later: layer `conv2d` (1)",
                "  c: expected 1, found 2",
                "  d: a panic: no such thing",
            ]
        );
    }
}
