//! What can go wrong in a command: facts in the fields, words in `Display`, the remedy in
//! [`Error::hint`].

use std::io;
use std::process::ExitStatus;

pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// Every error of a command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The library's.
    #[error(transparent)]
    Gluonic(#[from] gluonic::Error),
    /// The operating system's.
    #[error("cannot {action}")]
    Io { action: &'static str, source: io::Error },
    /// The second process of the tour ended badly.
    #[error("the second process ended with {status}")]
    Child { status: ExitStatus, stderr: String },
}

impl Error {
    /// The way out, if there is one.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Error::Gluonic(error) => error.hint(),
            Error::Child { stderr, .. } if !stderr.is_empty() => {
                Some(format!("it said: {}", stderr.trim_end()))
            }
            Error::Io { .. } | Error::Child { .. } => None,
        }
    }
}
