//! Runs a list of commands one after another, times them, counts what they tested and ends
//! with the line `N passed, N failed, N skipped`.
//!
//! After the first step that fails, those that build on it are listed as not run.

use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::Verdict;

/// Names the tools whose absence is a failure and not a reason to skip, separated by commas.
const REQUIRE: &str = "GLUONIC_REQUIRE";

/// How often a running step is looked at.
const POLL: Duration = Duration::from_millis(10);

/// `cargo` with these arguments: the one that runs us, so that the toolchain is the same.
pub(crate) fn cargo<I, S>(args: I) -> Command
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args);
    command
}

/// Tells whether a command exists, by running it (`cargo deny --version`).
pub(crate) fn works(mut command: Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// The command as one would type it.
pub(crate) fn typed(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    let program = program.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
    let args = command.get_args().map(|arg| arg.to_string_lossy().into_owned());
    let words: Vec<String> = std::iter::once(program).chain(args).collect();
    words.join(" ")
}

/// How many tests passed, failed and were skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Counts {
    /// Adds what a line says if it is a summary line of the runner. The other runner's lines
    /// are not: nextest shows what a failed test binary printed, libtest's summary included.
    fn read_line(&mut self, line: &str, counting: Counting) {
        let parts = match counting {
            Counting::One => None,
            Counting::Libtest => line.strip_prefix("test result: "),
            Counting::Nextest => line
                .trim_start()
                .strip_prefix("Summary [")
                .and_then(|rest| rest.split_once(" run: "))
                .map(|(_, rest)| rest),
            // `==== 1 failed, 4 passed in 0.12s ====`, without the rule where it is quiet.
            Counting::Pytest => line
                .trim_matches(['=', ' ', '\n', '\r'])
                .rsplit_once(" in ")
                .filter(|(_, time)| time.starts_with(|c: char| c.is_ascii_digit()))
                .map(|(parts, _)| parts),
        };
        let Some(parts) = parts else { return };
        let parts = without_parentheses(parts);
        for part in parts.split([',', ';', '.']) {
            let mut words = part.split_whitespace();
            let Some(Ok(n)) = words.next().map(str::parse::<u64>) else { continue };
            match words.next() {
                Some("passed") => self.passed += n,
                // nextest: `failed`, `exec failed`, `timed out`; pytest: `failed`, `errors`.
                Some("failed" | "exec" | "timed" | "error" | "errors") => self.failed += n,
                Some("skipped" | "ignored" | "xfailed") => self.skipped += n,
                _ => {}
            }
        }
    }

    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// `4 passed (1 slow, 1 leaky), 2 skipped` without what stands in parentheses.
fn without_parentheses(text: &str) -> String {
    let mut depth = 0_usize;
    let keep = |c: &char| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => return depth == 0,
        }
        false
    };
    text.chars().filter(keep).collect()
}

/// What a step adds to the closing line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counting {
    /// What nextest says about its tests.
    Nextest,
    /// What the test binaries of `cargo test` say about their tests.
    Libtest,
    /// What pytest says about its tests.
    Pytest,
    /// One, passed or failed.
    One,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
    Skipped,
    NotRun,
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "FAILED",
            Self::Skipped => "skipped",
            Self::NotRun => "not run",
        }
    }
}

#[derive(Debug)]
struct Row {
    name: String,
    outcome: Outcome,
    time: Duration,
    counts: Counts,
}

/// The steps of one chore, run as they are added.
#[derive(Debug)]
pub(crate) struct Steps {
    rows: Vec<Row>,
    required: Vec<String>,
    /// The first row on whose failure the next step would build.
    builds_on: usize,
}

impl Steps {
    pub(crate) fn new() -> Self {
        Self::with_required(&env::var(REQUIRE).unwrap_or_default())
    }

    fn with_required(list: &str) -> Self {
        let names = list.split(',').map(str::trim).filter(|name| !name.is_empty());
        let required = names.map(str::to_owned).collect();
        Self { rows: Vec::new(), required, builds_on: 0 }
    }

    /// Runs one command, unless a step it builds on failed. A command that takes longer than
    /// `limit` is killed and counts as failed.
    pub(crate) fn run(
        &mut self,
        name: &str,
        counting: Counting,
        limit: Duration,
        command: &mut Command,
    ) {
        if self.has_failed() {
            return self.push(name, Outcome::NotRun, Duration::ZERO, Counts::default());
        }
        println!("==> {name}: {}", typed(command));
        let start = Instant::now();
        let (success, mut counts) = match execute(command, counting, limit) {
            Ok(done) => done,
            Err(message) => {
                println!("{message}");
                (false, Counts::default())
            }
        };
        match counting {
            Counting::One if success => counts.passed = 1,
            _ if !success && counts.failed == 0 => counts.failed = 1, // it did not even compile
            _ => {}
        }
        let outcome = if success { Outcome::Passed } else { Outcome::Failed };
        let time = start.elapsed();
        println!("<== {name}: {} in {:.1} s ({counts})\n", outcome.word(), time.as_secs_f64());
        self.push(name, outcome, time, counts);
    }

    /// Records a step that could not even start.
    pub(crate) fn fail(&mut self, name: &str, why: &str) {
        println!("failed: {name}: {why}\n");
        let counts = Counts { failed: 1, ..Counts::default() };
        self.push(name, Outcome::Failed, Duration::ZERO, counts);
    }

    /// Tells whether a step that needs `tool` can run; if not, records it as skipped, or as
    /// failed where the environment variable `GLUONIC_REQUIRE` names the tool.
    pub(crate) fn has_tool(&mut self, name: &str, tool: &str, installed: bool) -> bool {
        if installed || self.has_failed() {
            return true; // after a failure, `run` lists the step as not run
        }
        if self.requires(tool) {
            self.fail(name, &format!("{REQUIRE} names `{tool}`, which is not here"));
        } else {
            println!("skipped: {name}: needs `{tool}`, which is not here\n");
            self.push(name, Outcome::Skipped, Duration::ZERO, Counts::default());
        }
        false
    }

    /// Tells whether `GLUONIC_REQUIRE` names the tool.
    pub(crate) fn requires(&self, tool: &str) -> bool {
        self.required.iter().any(|required| required == tool)
    }

    /// Prints a table of all steps and the closing line.
    pub(crate) fn finish(self) -> Verdict {
        let width = self.rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
        for Row { name, outcome, time, .. } in &self.rows {
            println!("{name:width$}  {:7}  {:>7.1} s", outcome.word(), time.as_secs_f64());
        }
        println!("\n{}", self.total());
        let failed = self.rows.iter().any(|row| row.outcome == Outcome::Failed);
        if failed { Verdict::Findings } else { Verdict::Clean }
    }

    fn total(&self) -> Counts {
        let mut total = Counts::default();
        for row in &self.rows {
            total.add(row.counts);
        }
        total
    }

    /// What follows runs whatever came of the steps so far.
    pub(crate) fn start_anew(&mut self) {
        self.builds_on = self.rows.len();
    }

    /// True after the first failure of a step that the next one builds on.
    pub(crate) fn has_failed(&self) -> bool {
        self.rows[self.builds_on..].iter().any(|row| row.outcome == Outcome::Failed)
    }

    fn push(&mut self, name: &str, outcome: Outcome, time: Duration, mut counts: Counts) {
        if matches!(outcome, Outcome::Skipped | Outcome::NotRun) {
            counts.skipped = 1;
        }
        self.rows.push(Row { name: name.to_owned(), outcome, time, counts });
    }
}

/// Runs a command to its end or to the limit, and reads its summary lines on the way.
fn execute(
    command: &mut Command,
    counting: Counting,
    limit: Duration,
) -> Result<(bool, Counts), String> {
    command.stdin(Stdio::null());
    if counting != Counting::One {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
    }
    let start = Instant::now();
    let mut child =
        command.spawn().map_err(|err| format!("cannot run `{}`: {err}", typed(command)))?;
    let counts = Arc::new(Mutex::new(Counts::default()));
    let readers = [
        child.stdout.take().map(|pipe| relay(pipe, std::io::stdout(), counting, &counts)),
        child.stderr.take().map(|pipe| relay(pipe, std::io::stderr(), counting, &counts)),
    ];
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if start.elapsed() < limit => thread::sleep(POLL),
            Ok(None) => {
                // The readers are left alone: a grandchild may hold the pipes open for ever.
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("killed: it took longer than {} s", limit.as_secs()));
            }
            Err(err) => return Err(format!("cannot wait for `{}`: {err}", typed(command))),
        }
    };
    for reader in readers.into_iter().flatten() {
        reader.join().map_err(|_| "a reader of the command's output panicked".to_owned())?;
    }
    let counts = *counts.lock().unwrap_or_else(PoisonError::into_inner);
    Ok((status.success(), counts))
}

/// Passes lines on as they come and adds up the summary lines among them.
fn relay(
    pipe: impl Read + Send + 'static,
    mut to: impl Write + Send + 'static,
    counting: Counting,
    counts: &Arc<Mutex<Counts>>,
) -> thread::JoinHandle<()> {
    let counts = Arc::clone(counts);
    thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        while pipe.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            let text = String::from_utf8_lossy(&line);
            counts.lock().unwrap_or_else(PoisonError::into_inner).read_line(&text, counting);
            // A closed terminal is no reason to stop counting.
            let _ = to.write_all(&line).and_then(|()| to.flush());
            line.clear();
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(counting: Counting, line: &str, expected: (u64, u64, u64)) {
        let mut counts = Counts::default();
        counts.read_line(line, counting);
        assert_eq!((counts.passed, counts.failed, counts.skipped), expected);
    }

    #[test]
    fn summary_lines_of_nextest_are_counted() {
        let check = |line, expected| check(Counting::Nextest, line, expected);
        check("     Summary [   0.012s] 4 tests run: 4 passed, 0 skipped\n", (4, 0, 0));
        check("     Summary [   0.012s] 1 test run: 1 passed, 3 skipped", (1, 0, 3));
        let line = "Summary [ 120.0s] 9/10 tests run: 4 passed (1 slow, 1 leaky), 3 failed, \
                    1 exec failed, 1 timed out, 7 skipped";
        check(line, (4, 5, 7));
        check("test result: FAILED. 0 passed; 1 failed; 0 ignored", (0, 0, 0));
    }

    #[test]
    fn summary_lines_of_libtest_are_counted() {
        let check = |line, expected| check(Counting::Libtest, line, expected);
        let ok = "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 5 filtered out; \
                  finished in 0.05s";
        check(ok, (12, 0, 1));
        check("test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured", (3, 2, 0));
        check("test name::it_works ... ok", (0, 0, 0));
        check("warning: 3 failed expectations, 4 passed", (0, 0, 0));
    }

    #[test]
    fn summary_lines_of_pytest_are_counted() {
        let check = |line, expected| check(Counting::Pytest, line, expected);
        check("120 passed, 2 skipped in 3.20s\n", (120, 0, 2));
        let line =
            "==== 1 failed, 4 passed, 1 xfailed, 2 warnings, 3 errors in 61.2s (0:01:01) ====";
        check(line, (4, 4, 1));
        check("no tests ran in 0.01s", (0, 0, 0));
        check("tests/test_a.py .....  [ 50%]", (0, 0, 0));
        check("it was 1 failed in a row", (0, 0, 0));
    }

    #[test]
    fn a_missing_tool_is_skipped_unless_it_is_required() {
        let mut steps = Steps::with_required("");
        assert!(!steps.has_tool("wheel", "python", false));
        assert_eq!(steps.total(), Counts { skipped: 1, ..Counts::default() });
        assert_eq!(steps.finish(), Verdict::Clean);

        let mut steps = Steps::with_required("browser, python");
        assert!(!steps.has_tool("wheel", "python", false));
        assert!(steps.has_failed());
        assert_eq!(steps.finish(), Verdict::Findings);
    }

    #[test]
    fn steps_after_a_failure_are_not_run() {
        let mut steps = Steps::with_required("");
        let limit = Duration::from_secs(60);
        steps.run("ghost", Counting::One, limit, &mut Command::new("no-such-command-here"));
        steps.run("after", Counting::Libtest, limit, &mut Command::new("no-such-command-here"));
        assert_eq!(steps.rows[1].outcome, Outcome::NotRun);
        assert_eq!(steps.total().to_string(), "0 passed, 1 failed, 1 skipped");

        steps.start_anew();
        steps.run("apart", Counting::One, limit, &mut Command::new("no-such-command-here"));
        assert_eq!(steps.rows[2].outcome, Outcome::Failed);
        steps.start_anew();
        assert_eq!(steps.finish(), Verdict::Findings);
    }

    #[test]
    #[cfg(unix)]
    fn a_step_over_its_limit_is_killed() {
        let start = Instant::now();
        let mut steps = Steps::with_required("");
        let limit = Duration::from_millis(50);
        steps.run("sleeper", Counting::One, limit, Command::new("sleep").arg("60"));
        assert!(steps.has_failed());
        assert!(start.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn commands_are_shown_without_their_folder() {
        let mut command = Command::new("/opt/bin/cargo");
        command.args(["test", "--doc"]);
        assert_eq!(typed(&command), "cargo test --doc");
    }
}
