//! What a server says when it refuses (RFC 9457).

use serde::Deserialize;

use crate::shared::failure::{FOUND, Failure};

/// What stands before the name of a problem.
const TYPE: &str = "urn:graven:problem:";

/// A problem. What else is in it is for programs.
#[derive(Debug, Deserialize)]
pub(super) struct Problem {
    #[serde(rename = "type", default)]
    uri: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    detail: String,
}

impl Problem {
    /// The failure of the command.
    pub(super) fn failure(self) -> Failure {
        let name = self.uri.strip_prefix(TYPE).unwrap_or_default();
        let text = if self.detail.is_empty() { self.title } else { self.detail };
        let failure = Failure::cannot(format_args!("the server refuses: {text}"));
        match name {
            "damaged" => failure.exit(FOUND),
            "unauthorized" => {
                failure.advise("is GRAVEN_TOKEN a token of this server? `graven token list` shows them")
            }
            _ => failure,
        }
    }
}
