//! `cargo xtask deep`: the slow checks, run before an issue is called resolved.
//!
//! Release-mode tests, docs with warnings denied, saves that crash, a published model through every
//! format, `cargo xtask fuzz`, every feature alone, `cargo deny`, Miri and `ThreadSanitizer` where
//! they are installed, and packaging. Ends with the same line as `cargo xtask test`.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::steps::{Counting, Steps, cargo, works};
use crate::workspace::{Package, packages};
use crate::{Answer, minilm, no_arguments, test};

const LIMIT: Duration = Duration::from_secs(2 * 60 * 60);

/// What is demanded of each target of `cargo xtask fuzz`. Two quiet cores need some five minutes for
/// all of them; a busy machine has time.
const FUZZ: [&str; 4] = ["--executions", "2000000", "--seconds", "600"];

/// How many cases each random test tries, eight times what `cargo xtask test` has time for.
const CASES: u32 = 2048;

/// What Miri and `ThreadSanitizer` run: the packages, then the names of tests to pick (all tests
/// if empty). Both are slow, so only what `unsafe` or several threads can break is listed.
const MIRI: (&[&str], &[&str]) = (&["gluonic"], &["array::"]);
const THREADS: (&[&str], &[&str]) = (&["gluonic"], &[]);

pub(crate) fn run(args: &[String]) -> Answer {
    no_arguments(args)?;
    let mut steps = Steps::new();
    test::tests(&mut steps, LIMIT, &["--release"], Some(CASES));
    steps.start_anew(); // hours of checks are not lost to one failure
    let mut doc = cargo(["doc", "--workspace", "--no-deps"]);
    steps.run("docs", Counting::One, LIMIT, doc.env("RUSTDOCFLAGS", "-D warnings"));
    steps.run("gradcheck", Counting::One, LIMIT, &mut cargo(["xtask", "gradcheck"]));
    steps.start_anew();
    let crash = &mut cargo(["xtask", "crash", "--runs", "1000"]);
    steps.run("crash", Counting::One, LIMIT, crash);
    steps.start_anew();
    let model = minilm::model();
    if steps.has_tool("MiniLM", "minilm", model.is_some()) {
        steps.run("MiniLM", Counting::One, LIMIT, &mut cargo(["xtask", "minilm"]));
    }
    steps.start_anew();
    if let Err(why) = features(&mut steps) {
        steps.fail("features", &why);
    }
    steps.start_anew();
    if steps.has_tool("deny", "deny", works(cargo(["deny", "--version"]))) {
        steps.run("deny", Counting::One, LIMIT, &mut cargo(["deny", "check"]));
    }
    steps.run("fuzz", Counting::One, LIMIT, cargo(["xtask", "fuzz"]).args(FUZZ));
    steps.start_anew();
    miri(&mut steps);
    thread_sanitizer(&mut steps);
    steps.start_anew();
    let mut package = cargo(["package", "--workspace", "--exclude", "xtask"]);
    package.args(["--no-verify", "--allow-dirty"]);
    steps.run("package", Counting::One, LIMIT, &mut package);
    Ok(steps.finish())
}

/// Checks each package without features and with each feature alone.
fn features(steps: &mut Steps) -> Result<(), String> {
    for Package { name, features, .. } in packages()? {
        if features.is_empty() {
            continue;
        }
        let alone = ["check", "--all-targets", "--package", &name, "--no-default-features"];
        steps.run(&format!("{name} without features"), Counting::One, LIMIT, &mut cargo(alone));
        for feature in features {
            let title = format!("{name} with `{feature}` alone");
            let mut command = cargo(alone);
            steps.run(&title, Counting::One, LIMIT, command.args(["--features", &feature]));
        }
    }
    Ok(())
}

fn miri(steps: &mut Steps) {
    if !steps.has_tool("Miri", "miri", works(nightly(&["miri", "--version"]))) {
        return;
    }
    let (packages, names) = MIRI;
    let mut command = nightly(&["miri", "test", "--lib"]);
    pick(&mut command, packages, names).env("MIRIFLAGS", "-Zmiri-disable-isolation");
    steps.run("Miri", Counting::Libtest, LIMIT, &mut command);
}

fn thread_sanitizer(steps: &mut Steps) {
    let host = nightly_says(&["-vV"]).and_then(|text| {
        text.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned)
    });
    let sources = nightly_says(&["--print", "sysroot"]).is_some_and(|sysroot| {
        Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/std").exists()
    });
    let installed = sources && host.is_some();
    if !steps.has_tool("ThreadSanitizer", "tsan", installed) {
        return;
    }
    let (packages, names) = THREADS;
    let mut command = nightly(&["test", "--lib", "-Zbuild-std", "--target"]);
    command.arg(host.unwrap_or_default());
    pick(&mut command, packages, names).env("RUSTFLAGS", "-Zsanitizer=thread");
    steps.run("ThreadSanitizer", Counting::Libtest, LIMIT, &mut command);
}

/// Adds the packages and the names of tests to a `cargo test`.
fn pick<'a>(command: &'a mut Command, packages: &[&str], names: &[&str]) -> &'a mut Command {
    for package in packages {
        command.args(["--package", package]);
    }
    command.arg("--").args(names)
}

/// `cargo` of the nightly toolchain, which the stable one that runs us cannot become.
fn nightly(args: &[&str]) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", "cargo"]).args(args);
    // Set by the cargo that runs us; they would lead back to the stable toolchain.
    for name in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN"] {
        command.env_remove(name);
    }
    command
}

fn nightly_says(args: &[&str]) -> Option<String> {
    let mut command = Command::new("rustup");
    let output = command.args(["run", "nightly", "rustc"]).args(args).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::typed;

    #[test]
    fn packages_and_names_follow_the_command() {
        let mut command = nightly(&["miri", "test"]);
        pick(&mut command, &["gluonic"], &["array::", "ops::"]);
        let expected = "rustup run nightly cargo miri test --package gluonic -- array:: ops::";
        assert_eq!(typed(&command), expected);
    }
}
