//! What a store has answered to a request that failed, and what the caller should do about it.

use std::error::Error;
use std::fmt;
use std::io;

use object_store::client::HttpError;

use super::StoreErrorKind;

/// How `object_store` says which answer it got. There is no other way to its status and its text.
const BEFORE_STATUS: &str = "Server returned non-2xx status code: ";

/// The longest message of a store that is passed on.
const MESSAGE_CHARACTERS_MAX: usize = 300;

/// Codes by which a store says that the bucket is not there. A missing object has the same status.
const NO_BUCKET: [&str; 3] = ["NoSuchBucket", "ContainerNotFound", "ContainerBeingDeleted"];

/// Codes of bad requests that are none: they have come too slowly, or not as a whole.
const PASSING: [&str; 3] = ["RequestTimeout", "IncompleteBody", "OperationAborted"];

/// An answer other than success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    status: u16,
    /// The status in words.
    words: String,
    /// What the store calls it.
    code: Option<String>,
    /// What it says to people. The rest of its answer is dropped: S3 repeats the request there, with its session token.
    message: Option<String>,
}

impl Answer {
    /// The answer behind an error of `object_store`; `None` when there was none.
    pub(super) fn of(error: &object_store::Error) -> Option<Answer> {
        chain(error).find_map(|error| Answer::parse(error.to_string().strip_prefix(BEFORE_STATUS)?))
    }

    /// Reads `404 Not Found: <the body>`.
    fn parse(text: &str) -> Option<Answer> {
        let (status, body) = text.split_once(": ").unwrap_or((text, ""));
        let (number, words) = status.split_once(' ').unwrap_or((status, ""));
        Some(Answer {
            status: number.parse().ok()?,
            words: words.to_owned(),
            code: element(body, "Code"),
            message: element(body, "Message"),
        })
    }

    pub(super) fn kind(&self) -> StoreErrorKind {
        let is = |codes: &[&str]| self.code.as_deref().is_some_and(|code| codes.contains(&code));
        match self.status {
            _ if is(&NO_BUCKET) => StoreErrorKind::Refused,
            404 => StoreErrorKind::NotFound,
            // Of what is not made, no later attempt makes anything.
            501 => StoreErrorKind::Refused,
            408 | 409 | 429 | 500.. => StoreErrorKind::Unavailable,
            _ if is(&PASSING) => StoreErrorKind::Unavailable,
            // Credentials that expired have the status of a bad request, and another region that of a moved object.
            _ => StoreErrorKind::Refused,
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.code, &self.message) {
            (Some(code), Some(message)) => write!(f, "{code}: {message} ({})", self.status),
            (Some(code), None) => write!(f, "{code} ({})", self.status),
            (None, _) => write!(f, "the store answers {} {}", self.status, self.words),
        }
    }
}

impl Error for Answer {}

/// That there was no answer, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NoAnswer(String);

impl NoAnswer {
    /// The end of a connection behind an error of `object_store`; `None` when it is something else.
    pub(super) fn of(error: &object_store::Error) -> Option<NoAnswer> {
        chain(error).find(|error| error.is::<HttpError>())?;
        // The last reason says it. Those before it repeat the address, and count the attempts.
        chain(error).last().map(|error| NoAnswer(error.to_string()))
    }
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no answer: {}", self.0)
    }
}

impl Error for NoAnswer {}

/// What to do about an error without an answer: a local folder, a connection, or settings.
pub(super) fn kind_without_answer(error: &object_store::Error) -> StoreErrorKind {
    use io::ErrorKind::{IsADirectory, NotADirectory, PermissionDenied, ReadOnlyFilesystem, Unsupported};
    use object_store::Error as E;
    match error {
        E::NotFound { .. } => StoreErrorKind::NotFound,
        E::PermissionDenied { .. }
        | E::Unauthenticated { .. }
        | E::InvalidPath { .. }
        | E::NotImplemented { .. } => StoreErrorKind::Refused,
        _ => match chain(error).find_map(|error| error.downcast_ref::<io::Error>()).map(io::Error::kind) {
            Some(PermissionDenied | ReadOnlyFilesystem | NotADirectory | IsADirectory | Unsupported) => {
                StoreErrorKind::Refused
            }
            _ => StoreErrorKind::Unavailable,
        },
    }
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// The text of the first element of this name, without what could confuse a terminal.
fn element(body: &str, name: &str) -> Option<String> {
    let (_, rest) = body.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    // Azure adds lines with the number of the request and the time.
    let line = text.trim().lines().next()?;
    let plain = |character: char| if character.is_control() { '\u{fffd}' } else { character };
    Some(line.trim_end().chars().take(MESSAGE_CHARACTERS_MAX).map(plain).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Answer {
        Answer::parse(text).unwrap()
    }

    #[test]
    fn an_answer_says_what_to_do() {
        use StoreErrorKind::{NotFound, Refused, Unavailable};
        let body = |code: &str| format!("<Error><Code>{code}</Code><Message>Why.</Message></Error>");
        for (status, code, kind) in [
            ("404 Not Found", "NoSuchKey", NotFound),
            ("404 Not Found", "BlobNotFound", NotFound),
            ("404 Not Found", "NoSuchBucket", Refused),
            ("404 Not Found", "ContainerNotFound", Refused),
            ("400 Bad Request", "ExpiredToken", Refused),
            ("400 Bad Request", "RequestTimeout", Unavailable),
            ("403 Forbidden", "RequestTimeTooSkewed", Refused),
            ("301 Moved Permanently", "PermanentRedirect", Refused),
            ("429 Too Many Requests", "TooManyRequests", Unavailable),
            ("500 Internal Server Error", "InternalError", Unavailable),
            ("501 Not Implemented", "NotImplemented", Refused),
            ("503 Service Unavailable", "SlowDown", Unavailable),
            ("507 Insufficient Storage", "InsufficientStorage", Unavailable),
        ] {
            let answer = parsed(&format!("{status}: {}", body(code)));
            assert_eq!(answer.kind(), kind, "{status} {code}");
            assert_eq!(answer.to_string(), format!("{code}: Why. ({})", &status[..3]));
        }
    }

    #[test]
    fn an_answer_without_a_text_is_its_status() {
        assert_eq!(parsed("403 Forbidden: ").to_string(), "the store answers 403 Forbidden");
        assert_eq!(parsed("502 Bad Gateway: <html>…").to_string(), "the store answers 502 Bad Gateway");
        assert_eq!(Answer::parse("Forbidden"), None);
    }

    #[test]
    fn of_a_text_only_the_message_is_passed_on() {
        let answer = parsed(
            "403 Forbidden: <Error><Code>SignatureDoesNotMatch</Code><Message>It does not\x1b[2J match.\nRequestId:1\
             </Message><CanonicalRequest>x-amz-security-token:SECRET</CanonicalRequest></Error>",
        );
        assert_eq!(answer.to_string(), "SignatureDoesNotMatch: It does not\u{fffd}[2J match. (403)");
        let long =
            parsed(&format!("400 Bad Request: <Code>A</Code><Message>{}</Message>", "b".repeat(10_000)));
        assert!(long.to_string().len() < 400);
    }
}
