//! Why a command ends badly: what happened, what to do about it, and the exit code that says so.

use std::fmt;
use std::io;
use std::path::Path;

use graven::ErrorKind;

/// All is well; for `verify`: intact.
pub(crate) const OK: u8 = 0;
/// Something was found: tampering, damage, a line that was refused.
pub(crate) const FOUND: u8 = 1;
/// The question could not be answered: bad usage, unreadable, unavailable.
pub(crate) const CANNOT: u8 = 2;
/// The reader of our output went away: what a shell reports for SIGPIPE.
const PIPE_CLOSED: u8 = 128 + 13;

/// What a command ends with: an exit code on the good way, a [`Failure`] on the bad one.
pub(crate) type Ending = Result<u8, Failure>;

/// A command's bad end.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The process's exit code.
    pub(crate) exit: u8,
    /// What went wrong and where. Empty when nothing is to be said.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) advice: Option<String>,
}

impl Failure {
    /// The question could not be answered.
    pub(crate) fn cannot(message: impl fmt::Display) -> Failure {
        Failure { exit: CANNOT, message: message.to_string(), advice: None }
    }

    /// The same, about a file.
    pub(crate) fn file(doing: &str, path: &Path, error: &io::Error) -> Failure {
        Failure::cannot(format_args!("cannot {doing} {}: {error}", path.display()))
    }

    /// With a word on what to do.
    pub(crate) fn advise(mut self, advice: impl fmt::Display) -> Failure {
        self.advice = Some(advice.to_string());
        self
    }

    /// With another exit code.
    pub(crate) fn exit(mut self, exit: u8) -> Failure {
        self.exit = exit;
        self
    }

    /// An end without a word.
    pub(crate) fn quiet(exit: u8) -> Failure {
        Failure { exit, message: String::new(), advice: None }
    }

    /// A write to standard output failed. A reader that went away is no news to anybody.
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
                failure.exit(FOUND).advise("`graven verify` says what is wrong with the trail")
            }
            ErrorKind::Internal => failure.advise("this is a fault in Graven: please report it"),
            _ => failure,
        }
    }
}
