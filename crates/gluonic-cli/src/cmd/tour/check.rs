//! The guide of the tour: it prints headings, code with its output, and checks, and remembers what
//! the checks found.

use std::fmt::Display;
use std::io::{self, Write};

use serde_json::{Value, json};

use super::text::{layout, short, wrap};
use crate::error::{Error, Result};
use crate::output::Style;

const WIDTH: usize = 80;

/// One claim and what became of it.
struct Check {
    step: &'static str,
    what: String,
    expected: String,
    found: String,
    ok: bool,
}

/// Leads through the steps.
pub(super) struct Tour {
    /// Where the text goes; nowhere when only the JSON is wanted.
    out: Option<Box<dyn Write>>,
    style: Style,
    /// The first thing that went wrong with `out`, told at the end.
    broken: Option<io::Error>,
    step: &'static str,
    n_steps: usize,
    checks: Vec<Check>,
}

impl Tour {
    /// A tour for a person to read.
    pub(super) fn aloud() -> Self {
        let stdout = io::stdout();
        let style = Style::of(&stdout);
        Tour { out: Some(Box::new(stdout)), style, ..Self::silent() }
    }

    /// A tour that only checks.
    pub(super) fn silent() -> Self {
        Tour {
            out: None,
            style: Style::of(&io::stdout()),
            broken: None,
            step: "",
            n_steps: 0,
            checks: Vec::new(),
        }
    }

    /// The heading of it all.
    pub(super) fn title(&mut self, title: &str) {
        let title = self.style.bold(title);
        self.line(&title);
    }

    /// Begins a step: its heading, and a line or two on what it shows.
    pub(super) fn step(&mut self, title: &'static str, about: &str) {
        self.step = title;
        self.n_steps += 1;
        let heading = format!("{:2}  {title}", self.n_steps);
        self.line(&format!("\n{}", self.style.bold(&heading)));
        self.text(about);
    }

    /// A paragraph.
    pub(super) fn text(&mut self, text: &str) {
        for line in wrap(text, WIDTH - 4, 0) {
            self.line(&format!("    {line}"));
        }
    }

    /// A piece of a source file.
    pub(super) fn listing(&mut self, code: &str) {
        for line in code.lines().flat_map(|line| wrap(line, WIDTH - 4, 4)) {
            self.line(&format!("  {}", self.style.cyan(format!("> {line}").trim_end())));
        }
    }

    /// One statement or expression, laid out anew.
    pub(super) fn code(&mut self, code: &str) {
        self.listing(&layout(code, WIDTH - 4));
    }

    /// What the code gave.
    pub(super) fn value(&mut self, value: &dyn Display) {
        for line in value.to_string().lines().flat_map(|line| wrap(line, WIDTH - 4, 0)) {
            self.line(format!("    {line}").trim_end());
        }
    }

    /// Claims that two things are equal.
    pub(super) fn equal<T: PartialEq + Display>(&mut self, what: &str, expected: T, found: T) {
        let ok = expected == found;
        self.check(what, expected.to_string(), found.to_string(), ok);
    }

    /// Claims that something is so.
    pub(super) fn holds(&mut self, what: &str, ok: bool) {
        self.check(what, "yes".to_owned(), if ok { "yes" } else { "no" }.to_owned(), ok);
    }

    /// Claims that a number is another one, give or take.
    pub(super) fn near(&mut self, what: &str, expected: f64, found: f64, tolerance: f64) {
        let ok = (found - expected).abs() <= tolerance;
        let (expected, tolerance) = (short(expected), short(tolerance));
        self.check(what, format!("{expected} ± {tolerance}"), short(found), ok);
    }

    /// Claims that a number is not below another.
    pub(super) fn at_least(&mut self, what: &str, least: f64, found: f64) {
        self.check(what, format!("at least {}", short(least)), short(found), found >= least);
    }

    /// Claims that a number is not above another.
    pub(super) fn at_most(&mut self, what: &str, most: f64, found: f64) {
        self.check(what, format!("at most {}", short(most)), short(found), found <= most);
    }

    fn check(&mut self, what: &str, expected: String, found: String, ok: bool) {
        let mark = if ok { self.style.green("✓") } else { self.style.red("✗") };
        let told = match (ok, expected == found) {
            (true, true) if found == "yes" => what.to_owned(),
            (true, true) => format!("{what}: {found}"),
            (true, false) => format!("{what}: {found} (expected {expected})"),
            (false, _) => format!("{what}: expected {expected}, found {found}"),
        };
        for (i, line) in wrap(&told, WIDTH - 6, 0).into_iter().enumerate() {
            let mark = if i == 0 { mark.as_str() } else { " " };
            self.line(&format!("    {mark} {line}"));
        }
        self.checks.push(Check { step: self.step, what: what.to_owned(), expected, found, ok });
    }

    fn line(&mut self, line: &str) {
        if let (Some(out), None) = (&mut self.out, &self.broken) {
            self.broken = writeln!(out, "{line}").err();
        }
    }

    pub(super) fn n_failed(&self) -> usize {
        self.checks.iter().filter(|check| !check.ok).count()
    }

    /// The sentence that the tour ends with, and once more what failed.
    pub(super) fn summary(&mut self, rest: &str) {
        let (n, failed) = (self.checks.len(), self.n_failed());
        let verdict = match failed {
            0 => self.style.green(&format!("{n} checks, all passed")),
            _ => self.style.red(&format!("{n} checks, {failed} failed")),
        };
        self.line(&format!("\n{verdict}; {rest}"));
        let failed = self.checks.iter().filter(|check| !check.ok);
        let failed: Vec<String> =
            failed.map(|check| format!("  ✗ {}: {}", check.step, check.what)).collect();
        for line in failed {
            self.line(&line);
        }
    }

    /// The checks as JSON.
    pub(super) fn to_json(&self) -> Value {
        let checks = self.checks.iter().map(|check| {
            json!({
                "step": check.step,
                "what": check.what,
                "expected": check.expected,
                "found": check.found,
                "ok": check.ok,
            })
        });
        checks.collect()
    }

    /// Prints what is meant for a program.
    pub(super) fn print(&mut self, text: &str) {
        self.broken = writeln!(io::stdout(), "{text}").err();
    }

    /// Tells whether everything could be written. A reader who has seen enough is no error.
    pub(super) fn close(self) -> Result<()> {
        match self.broken {
            Some(source) if source.kind() != io::ErrorKind::BrokenPipe => {
                Err(Error::Io { action: "write to stdout", source })
            }
            _ => Ok(()),
        }
    }
}

/// Shows a statement and runs it.
macro_rules! run {
    ($tour:expr, $($code:tt)*) => {
        $tour.code(concat!(stringify!($($code)*), ";"));
        $($code)*;
    };
}

/// Shows an expression, or a name that it is given, and what it gives.
macro_rules! show {
    ($tour:expr, let $name:ident = $($code:tt)*) => {
        $tour.code(concat!("let ", stringify!($name), " = ", stringify!($($code)*), ";"));
        let $name = $($code)*;
        $tour.value(&$name);
    };
    ($tour:expr, $($code:tt)*) => {
        $tour.code(stringify!($($code)*));
        $tour.value(&$($code)*);
    };
}

/// Shows an expression that fails, and its error.
macro_rules! fails {
    ($tour:expr, $($code:tt)*) => {{
        $tour.code(stringify!($($code)*));
        let error = $($code)*.err();
        if let Some(error) = &error {
            $tour.value(&format!("error: {error}"));
            if let Some(hint) = error.hint() {
                $tour.value(&format!("hint: {hint}"));
            }
        }
        error
    }};
}

pub(super) use {fails, run, show};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_that_fails_is_counted_and_told() {
        let mut tour = Tour::silent();
        tour.step("step", "");
        tour.equal("one", 1, 1);
        tour.near("two", 2.0, 2.5, 0.1);
        assert_eq!((tour.checks.len(), tour.n_failed()), (2, 1));
        assert_eq!(tour.to_json()[1]["expected"], "2 ± 0.1000");
        assert_eq!(tour.to_json()[1]["ok"], false);
    }
}
