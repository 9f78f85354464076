//! What the two entries of `exec` say about a command: its arguments and working directory, and how it ended.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use graven::Redactor;
use serde::Serialize;

use super::copier::Measured;
use super::end::End;

/// The detail of the intent.
#[derive(Debug, Serialize)]
pub(super) struct Said {
    argv: Vec<String>,
    /// The exact bytes, when an argument is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    argv_base64: Option<Vec<String>>,
    /// `null` when the directory was deleted.
    cwd: Option<String>,
    /// The exact bytes, when the name of the directory is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    cwd_base64: Option<String>,
}

/// The detail of the result: it can be read without the intent.
#[derive(Debug, Serialize)]
pub(super) struct Ended {
    #[serde(flatten)]
    pub(super) said: Said,
    #[serde(flatten)]
    pub(super) end: End,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stdout: Option<Measured>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stderr: Option<Measured>,
}

impl Said {
    /// A command that will run in `dir`, by default the working directory of this process.
    pub(super) fn of(argv: &[OsString], dir: Option<&Path>, redactor: &Redactor) -> Said {
        let given: Vec<_> = argv.iter().map(|argument| argument.to_string_lossy().into_owned()).collect();
        let redacted = redactor.argv(&given);
        let foreign = argv.iter().any(|argument| argument.to_str().is_none());
        let exact = || {
            let texts = argv.iter().zip(given.iter().zip(&redacted));
            texts.map(|(argument, (given, redacted))| exactly(argument, given, redacted)).collect()
        };
        let argv_base64 = foreign.then(exact);
        let cwd = dir.map_or_else(|| std::env::current_dir().ok(), |dir| Some(dir.to_owned()));
        let cwd_base64 = cwd.as_deref().filter(|cwd| cwd.to_str().is_none()).map(|cwd| {
            let given = cwd.to_string_lossy();
            exactly(cwd.as_os_str(), &given, &redactor.text(&given))
        });
        let cwd = cwd.map(|cwd| cwd.to_string_lossy().into_owned());
        Said { argv: redacted, argv_base64, cwd, cwd_base64 }
    }
}

/// The bytes in base64. No rule can find a secret in base64, so a text with a secret is its redacted text here, too.
fn exactly(bytes: &OsStr, given: &str, redacted: &str) -> String {
    match given == redacted {
        true => graven_core::base64::encode(bytes.as_encoded_bytes()),
        false => redacted.to_owned(),
    }
}
