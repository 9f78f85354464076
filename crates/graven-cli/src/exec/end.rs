//! How a command ended, or why it was not run: its exit code, its outcome, and what the result says.

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use graven::Outcome;
use serde::Serialize;

use super::{NO_RESULT, signals};

/// The command must not be run.
const MAY_NOT_RUN: u8 = 126;
/// There is no such command.
const NO_SUCH_COMMAND: u8 = 127;
/// A shell adds this to the number of the signal that ended a command.
const SIGNALLED: i32 = 128;

/// How a command ended.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum End {
    Exited {
        exit_code: i32,
    },
    Signalled {
        signal: i32,
        signal_name: Option<&'static str>,
        core_dumped: bool,
    },
    NotRun {
        exit_code: u8,
        error: String,
        #[serde(skip)]
        denied: bool,
    },
    Unwatched {
        error: String,
    },
}

impl End {
    pub(super) fn of(status: ExitStatus) -> End {
        match (status.code(), status.signal()) {
            (Some(exit_code), _) => End::Exited { exit_code },
            (None, signal) => {
                let signal = signal.unwrap_or_default();
                End::Signalled {
                    signal,
                    signal_name: signals::name(signal),
                    core_dumped: status.core_dumped(),
                }
            }
        }
    }

    /// The system did not start the command.
    pub(super) fn not_run(error: &io::Error) -> End {
        let exit_code = if error.kind() == io::ErrorKind::NotFound { NO_SUCH_COMMAND } else { MAY_NOT_RUN };
        let denied = error.kind() == io::ErrorKind::PermissionDenied;
        End::NotRun { exit_code, error: error.to_string(), denied }
    }

    /// A signal that would have ended the command came before its start.
    pub(super) fn called_off(signal: i32) -> End {
        let name = signals::name(signal).unwrap_or("a signal");
        let exit_code = ((SIGNALLED + signal) & 0xff) as u8;
        End::NotRun { exit_code, error: format!("{name} came before its start"), denied: false }
    }

    pub(super) fn why_not_run(&self, command: &OsStr) -> Option<String> {
        let command = command.display();
        match self {
            End::NotRun { exit_code: NO_SUCH_COMMAND, .. } => Some(format!("{command}: no such command")),
            End::NotRun { exit_code: MAY_NOT_RUN, error, .. } => {
                Some(format!("{command} may not be run: {error}"))
            }
            End::NotRun { error, .. } => Some(format!("{command} was not run: {error}")),
            End::Unwatched { error } => {
                Some(format!("{command} was started, but could not be watched: {error}"))
            }
            End::Exited { .. } | End::Signalled { .. } => None,
        }
    }

    pub(super) fn exit(&self) -> u8 {
        match self {
            End::Exited { exit_code } => (exit_code & 0xff) as u8,
            End::Signalled { signal, .. } => ((SIGNALLED + signal) & 0xff) as u8,
            End::NotRun { exit_code, .. } => *exit_code,
            End::Unwatched { .. } => NO_RESULT,
        }
    }

    pub(super) fn outcome(&self) -> Outcome {
        match self {
            End::Exited { exit_code: 0 } => Outcome::Success,
            End::NotRun { denied: true, .. } => Outcome::Denied,
            _ => Outcome::Failure,
        }
    }
}
