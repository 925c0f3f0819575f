//! `cargo xtask test`: everything that must pass on each commit.
//!
//! Tests, doc tests, every example, the tour, `cargo xtask conform`, the second implementation of
//! `docs/randomness.md` in Python, the wheel with its own tests ([`wheel`]), `cargo xtask peers`, and
//! a check that `bench/` still compiles.
//! The last line printed is `N passed, N failed, N skipped`: the tests by the runner's own count,
//! every other step as one.

use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::steps::{Counting, Steps, cargo, typed, works};
use crate::workspace::{Example, Package, packages};
use crate::{Answer, interop, is_chore, no_arguments, python, wheel};

/// Long enough to compile everything on two slow cores.
const BUILD_LIMIT: Duration = Duration::from_secs(30 * 60);

/// Python loads it, and only then has it what it links to: no test program can be made of it.
const EXTENSION: &str = "gluonic-py";

/// An example promises to end within ten seconds on a quiet machine.
const EXAMPLE_LIMIT: Duration = Duration::from_secs(120);

pub(crate) fn run(args: &[String]) -> Answer {
    no_arguments(args)?;
    let mut steps = Steps::new();
    tests(&mut steps, BUILD_LIMIT, &[], None);
    let doc =
        &mut cargo(["test", "--doc", "--workspace", "--exclude", EXTENSION, "--no-fail-fast"]);
    steps.run("doc tests", Counting::Libtest, BUILD_LIMIT, doc);
    if let Err(why) = examples(&mut steps) {
        steps.fail("examples", &why);
    }
    let tour = &mut cargo(["run", "--release", "--", "tour"]);
    steps.run("tour", Counting::One, BUILD_LIMIT, tour);
    if steps.has_tool("conform", "conform", is_chore("conform")) {
        let conform = &mut cargo(["xtask", "conform"]);
        steps.run("conform", Counting::One, BUILD_LIMIT, conform);
    }
    let python = if steps.has_failed() { None } else { python::NUMPY.python() };
    if steps.has_tool("randomness.py", "python", python.is_some()) {
        let program = &mut Command::new(python.unwrap_or_default());
        program.args(["docs/randomness.py", "--check"]);
        steps.run("randomness.py", Counting::One, EXAMPLE_LIMIT, program);
    }
    wheel::add(&mut steps);
    interop::add(&mut steps);
    if Path::new("bench/Cargo.toml").exists() {
        let bench = &mut cargo(["check", "--all-targets", "--manifest-path", "bench/Cargo.toml"]);
        steps.run("bench compiles", Counting::One, BUILD_LIMIT, bench);
    }
    Ok(steps.finish())
}

/// Runs the tests of all targets: with nextest where it is installed, else with `cargo test`. Random
/// tests try this many cases, or as many as proptest does.
pub(crate) fn tests(steps: &mut Steps, limit: Duration, profile: &[&str], cases: Option<u32>) {
    let nextest = works(cargo(["nextest", "--version"]));
    if steps.requires("nextest") && !steps.has_tool("tests", "nextest", nextest) {
        return;
    }
    let (runner, counting): (&[&str], _) = if nextest {
        (&["nextest", "run"], Counting::Nextest)
    } else {
        (&["test"], Counting::Libtest)
    };
    let mut command = cargo(runner);
    command.args(["--workspace", "--exclude", EXTENSION, "--all-targets", "--no-fail-fast"]);
    command.args(profile);
    if let Some(cases) = cases {
        command.env("PROPTEST_CASES", cases.to_string());
    }
    steps.run("tests", counting, limit, &mut command);
}

/// Builds all examples at once, then runs each as a step of its own.
fn examples(steps: &mut Steps) -> Result<(), String> {
    let packages = packages()?;
    if packages.iter().all(|package| package.examples.is_empty()) {
        return Ok(());
    }
    let executables = if steps.has_failed() { HashMap::new() } else { build(&packages)? };
    for Package { name: package, examples, .. } in &packages {
        for Example { name, .. } in examples {
            let title = format!("example {name}");
            // Where the build failed, the command is one that shows why.
            let mut command = match executables.get(&(package.clone(), name.clone())) {
                Some(executable) => Command::new(executable),
                None => cargo(["run", "--package", package, "--example", name]),
            };
            steps.run(&title, Counting::One, EXAMPLE_LIMIT, &mut command);
        }
    }
    Ok(())
}

/// Builds the examples of all packages and returns their executables by package and name.
fn build(packages: &[Package]) -> Result<HashMap<(String, String), String>, String> {
    let mut command = cargo(["build", "--workspace", "--examples", "--keep-going"]);
    command.arg("--message-format=json-render-diagnostics");
    for Package { name, examples, .. } in packages {
        for feature in examples.iter().flat_map(|example| &example.required_features) {
            command.arg("--features").arg(format!("{name}/{feature}"));
        }
    }
    println!("==> examples: {}", typed(&command));
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|err| format!("cannot build the examples: {err}"))?;
    Ok(executables(&String::from_utf8_lossy(&output.stdout)))
}

/// Reads the executables of examples out of cargo's JSON messages.
fn executables(messages: &str) -> HashMap<(String, String), String> {
    let mut found = HashMap::new();
    for message in messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        let target = &message["target"];
        let is_example = target["kind"][0] == "example";
        let texts = (
            package_name(message["package_id"].as_str().unwrap_or_default()),
            target["name"].as_str(),
            message["executable"].as_str(),
        );
        if let (true, (Some(package), Some(name), Some(path))) = (is_example, texts) {
            found.insert((package.to_owned(), name.to_owned()), path.to_owned());
        }
    }
    found
}

/// The name in a package id: `path+file:///x/crates/gluonic#0.1.0` or `…/dir#name@0.1.0`.
fn package_name(id: &str) -> Option<&str> {
    let (source, fragment) = id.rsplit_once('#')?;
    match fragment.split_once('@') {
        Some((name, _)) => Some(name),
        None => source.rsplit('/').next(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_ids_give_names() {
        assert_eq!(package_name("path+file:///x/crates/gluonic#0.1.0"), Some("gluonic"));
        assert_eq!(package_name("path+file:///x/xtask#chores@0.1.0"), Some("chores"));
        assert_eq!(package_name("nothing"), None);
    }

    #[test]
    fn executables_are_found_among_the_messages() {
        let messages = r#"not json
{"reason":"compiler-artifact","package_id":"path+file:///x/a#0.1.0","target":{"kind":["lib"],"name":"a"},"executable":null}
{"reason":"compiler-artifact","package_id":"path+file:///x/a#0.1.0","target":{"kind":["example"],"name":"mlp"},"executable":"/t/mlp"}
{"reason":"build-finished","success":true}"#;
        let found = executables(messages);
        assert_eq!(found.len(), 1);
        assert_eq!(found[&("a".to_owned(), "mlp".to_owned())], "/t/mlp");
    }
}
