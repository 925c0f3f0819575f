//! `cargo xtask wheel`: the Python package as a user gets it, `pip install ./crates/gluonic-py` into
//! a virtual environment, then its tests, the golden cases through its API, and the chapters on a
//! real MXNet beside it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::python::{MXNET, WHEEL};
use crate::steps::{Counting, Steps};
use crate::{Answer, no_arguments};

/// Long enough to compile what gluonic needs on two slow cores.
const BUILD_LIMIT: Duration = Duration::from_secs(30 * 60);

const TEST_LIMIT: Duration = Duration::from_secs(10 * 60);

pub(crate) fn run(args: &[String]) -> Answer {
    no_arguments(args)?;
    let mut steps = Steps::new();
    add(&mut steps);
    Ok(steps.finish())
}

/// Adds the steps.
pub(crate) fn add(steps: &mut Steps) {
    let python = if steps.has_failed() { None } else { WHEEL.python() };
    if !steps.has_tool("wheel", "python", python.is_some()) {
        return;
    }
    let python = python.unwrap_or_default();
    let program = |args: &[&str]| {
        let mut command = Command::new(&python);
        command.args(args);
        command
    };
    // The profile of the other tests: most of what it needs has just been compiled.
    let install = &mut program(&["-m", "pip", "install", "--quiet", "./crates/gluonic-py"]);
    install.env("MATURIN_PEP517_ARGS", "--profile dev");
    steps.run("wheel", Counting::One, BUILD_LIMIT, install);
    let tests = &mut pytest(&python, "crates/gluonic-py/tests");
    steps.run("python tests", Counting::Pytest, TEST_LIMIT, tests);
    let conform = &mut program(&["-m", "gluonic.conform", "fixtures"]);
    steps.run("python conform", Counting::One, TEST_LIMIT, conform);
    let mxnet = if steps.has_failed() { None } else { MXNET.python() };
    if steps.has_tool("chapters on mxnet", "mxnet", mxnet.is_some()) {
        let chapters = &mut pytest(&python, "crates/gluonic-py/tests/test_chapters.py");
        // The tests run in other folders.
        let mxnet = std::path::absolute(mxnet.unwrap_or_default()).unwrap_or_default();
        chapters.env("GLUONIC_MXNET_PYTHON", mxnet);
        steps.run("chapters on mxnet", Counting::Pytest, TEST_LIMIT, chapters);
    }
}

fn pytest(python: &Path, tests: &str) -> Command {
    let mut command = Command::new(python);
    command.args(["-m", "pytest", "-q", "-p", "no:cacheprovider", tests]);
    command
}
