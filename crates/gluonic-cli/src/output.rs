//! What all commands have in common: colors, `error:` and `hint:` lines, exit statuses.

use std::env;
use std::error::Error as _;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::error::ErrorKind;

use crate::error::Error;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExitStatus {
    /// It did its work and found nothing amiss.
    Done = 0,
    /// It found something: a difference, a check that fails.
    Findings = 1,
    /// It could not do its work.
    Error = 2,
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> ExitCode {
        ExitCode::from(status as u8)
    }
}

/// Colors, if a person will see them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    color: bool,
}

impl Style {
    /// Colors only on a terminal, and not if `NO_COLOR` is set or `TERM` is `dumb`.
    pub(crate) fn of(stream: &impl IsTerminal) -> Self {
        let unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || env::var_os("TERM").is_some_and(|value| value == "dumb");
        Style { color: !unwanted && stream.is_terminal() }
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    pub(crate) fn cyan(self, text: &str) -> String {
        self.paint("36", text)
    }

    pub(crate) fn green(self, text: &str) -> String {
        self.paint("32", text)
    }

    pub(crate) fn red(self, text: &str) -> String {
        self.paint("1;31", text)
    }
}

/// Writes to stdout. A reader that has gone away wants no more.
pub(crate) fn to_stdout(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Error> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::Io { action: "write to stdout", source: error })
        }
        _ => Ok(()),
    }
}

/// Says on stderr what went wrong, why, and what to do.
pub(crate) fn error(error: &Error) -> ExitStatus {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        message.push_str("\n  because ");
        message.push_str(&cause.to_string());
        source = cause.source();
    }
    say(&message, error.hint().as_slice())
}

/// Says what was typed wrongly, in the form of all other errors. Help and version are no errors.
pub(crate) fn usage(error: &clap::Error) -> ExitStatus {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // A reader that has gone away needs no help.
            let _ = error.print();
            return ExitStatus::Done;
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            return ExitStatus::Error;
        }
        _ => {}
    }
    let text = error.to_string();
    let (mut message, mut hints) = (String::new(), Vec::new());
    for line in text.lines().map(str::trim) {
        if let Some(tip) = line.strip_prefix("tip: ") {
            hints.push(tip.to_owned());
        } else if let Some(known) = line.strip_prefix("Usage: ") {
            hints.push(format!("the usage is `{known}`"));
        } else if let Some(first) = line.strip_prefix("error: ") {
            first.clone_into(&mut message);
        }
    }
    if hints.is_empty() {
        hints.push("`--help` tells what can be said here".to_owned());
    }
    say(&message, &hints)
}

fn say(message: &str, hints: &[String]) -> ExitStatus {
    let mut stderr = io::stderr().lock();
    let style = Style::of(&stderr);
    // Nobody is left to tell when stderr itself is gone.
    let _ = writeln!(stderr, "{} {message}", style.red("error:"));
    for hint in hints {
        let _ = writeln!(stderr, "{} {hint}", style.cyan("hint:"));
    }
    ExitStatus::Error
}
