//! How a command fails: what happened, what to do about it, and the exit code.

use std::fmt;
use std::io;
use std::path::Path;

use graven::ErrorKind;

/// Success. For `verify`: intact.
pub(crate) const OK: u8 = 0;
/// A problem was found: tampering, damage, a refused line.
pub(crate) const FOUND: u8 = 1;
/// There is no answer: wrong usage, unreadable, unavailable.
pub(crate) const CANNOT: u8 = 2;
/// The reader of our output closed it. A shell reports this code for SIGPIPE.
const PIPE_CLOSED: u8 = 128 + 13;

/// The result of a command: an exit code, or a [`Failure`].
pub(crate) type Ending = Result<u8, Failure>;

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit code of the process.
    pub(crate) exit: u8,
    /// What went wrong and where. When empty, nothing is printed.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) advice: Option<String>,
}

impl Failure {
    /// A failure with the exit code [`CANNOT`].
    pub(crate) fn cannot(message: impl fmt::Display) -> Failure {
        Failure { exit: CANNOT, message: message.to_string(), advice: None }
    }

    /// A failure to do something with a file.
    pub(crate) fn file(doing: &str, path: &Path, error: &io::Error) -> Failure {
        Failure::cannot(format_args!("cannot {doing} {}: {error}", path.display()))
    }

    /// Adds advice on what to do.
    pub(crate) fn advise(mut self, advice: impl fmt::Display) -> Failure {
        self.advice = Some(advice.to_string());
        self
    }

    /// Changes the exit code.
    pub(crate) fn exit(mut self, exit: u8) -> Failure {
        self.exit = exit;
        self
    }

    /// A failure that prints nothing.
    pub(crate) fn quiet(exit: u8) -> Failure {
        Failure { exit, message: String::new(), advice: None }
    }

    /// A failed write to standard output. When the reader has closed it, nothing is printed.
    pub(crate) fn output(error: &io::Error) -> Failure {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Failure::quiet(PIPE_CLOSED);
        }
        Failure::cannot(format_args!("cannot write to standard output: {error}"))
    }
}

impl From<graven::Error> for Failure {
    fn from(error: graven::Error) -> Failure {
        let failure = Failure::cannot(error.chain());
        match error.kind() {
            ErrorKind::Data if failure.message.contains("graven verify") => failure.exit(FOUND),
            ErrorKind::Data => {
                failure.exit(FOUND).advise("run `graven verify` to see what is wrong with the trail")
            }
            ErrorKind::Internal => failure.advise("this is a fault in Graven: please report it"),
            _ => failure,
        }
    }
}
