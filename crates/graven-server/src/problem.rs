//! What the server says when it refuses: a problem of RFC 9457, with a name that programs can rely on.

use std::fmt::Write as _;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use graven::ErrorKind;
use graven_search::{QueryError, SearchError};
use serde::Serialize;

use crate::auth::Forbidden;
use crate::limits::Refusal;

/// The media type of a problem.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// What stands before the name of a problem in its `type`.
const TYPE: &str = "urn:graven:problem:";

/// After how many seconds a client may try again what could not be done now.
const RETRY_AFTER_S: u64 = 1;

/// What went wrong, by name. `docs/PROBLEMS.md` explains each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// The body is not JSON.
    NotJson,
    /// The body is not what OTLP exports.
    NotOtlp,
    /// A parameter of the request is missing or wrong.
    BadParameter,
    /// The query cannot be read.
    BadQuery,
    /// The cursor belongs to another search.
    BadCursor,
    /// There is no token, or not a good one.
    Unauthorized,
    /// The role of the token does not allow it.
    Forbidden,
    /// The trail or the category is not one of the token's.
    OutOfScope,
    /// A page that is not this server's asks in the name of somebody who is logged in here.
    ForeignPage,
    /// The request was sent in clear, and this server speaks TLS.
    SentInClear,
    /// Nothing is at this address.
    NotFound,
    /// There is no trail of that name.
    UnknownTrail,
    /// There is no such entry.
    UnknownEntry,
    /// There is no such act.
    UnknownAct,
    /// There is no such token.
    UnknownToken,
    /// There is no such method here.
    MethodNotAllowed,
    /// The id belongs to another entry of the same token.
    IdConflict,
    /// The act has a result already.
    ActEnded,
    /// The body is too large, or has too many entries.
    TooLarge,
    /// What is asked for begins behind the end of the trail.
    PastTheEnd,
    /// The media type of the body is none that is taken here.
    UnsupportedMediaType,
    /// The JSON is not an entry that a trail would keep.
    NotAnEntry,
    /// There can be no such token.
    NotAToken,
    /// The trail is only read here.
    ReadOnly,
    /// The request is for a host that this server is not.
    WrongHost,
    /// This client sends too much.
    TooManyRequests,
    /// Too much is asked at once.
    Busy,
    /// Entries must be in the archive, and are not.
    NotArchived,
    /// The trail cannot serve now.
    Unavailable,
    /// Storage is slow: the entry may be recorded all the same.
    TimedOut,
    /// What is stored does not fit what was signed.
    Damaged,
    /// A fault in the server.
    Internal,
}

impl Kind {
    /// Its name, its status and its title.
    fn facts(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Kind::NotJson => ("not-json", StatusCode::BAD_REQUEST, "The body is not JSON"),
            Kind::NotOtlp => ("not-otlp", StatusCode::BAD_REQUEST, "The body is not OTLP"),
            Kind::BadParameter => ("bad-parameter", StatusCode::BAD_REQUEST, "A parameter is wrong"),
            Kind::BadQuery => ("bad-query", StatusCode::BAD_REQUEST, "The query cannot be read"),
            Kind::BadCursor => ("bad-cursor", StatusCode::BAD_REQUEST, "The cursor is of no use here"),
            Kind::Unauthorized => ("unauthorized", StatusCode::UNAUTHORIZED, "A good token is needed"),
            Kind::Forbidden => {
                ("forbidden", StatusCode::FORBIDDEN, "The role of the token does not allow this")
            }
            Kind::OutOfScope => ("out-of-scope", StatusCode::FORBIDDEN, "The token is not for this"),
            Kind::ForeignPage => {
                ("foreign-page", StatusCode::FORBIDDEN, "The request is not from the page of this server")
            }
            Kind::SentInClear => {
                ("sent-in-clear", StatusCode::FORBIDDEN, "This server is asked over TLS only")
            }
            Kind::NotFound => ("not-found", StatusCode::NOT_FOUND, "Nothing is here"),
            Kind::UnknownTrail => ("unknown-trail", StatusCode::NOT_FOUND, "There is no such trail"),
            Kind::UnknownEntry => ("unknown-entry", StatusCode::NOT_FOUND, "There is no such entry"),
            Kind::UnknownAct => ("unknown-act", StatusCode::NOT_FOUND, "There is no such act"),
            Kind::UnknownToken => ("unknown-token", StatusCode::NOT_FOUND, "There is no such token"),
            Kind::MethodNotAllowed => {
                ("method-not-allowed", StatusCode::METHOD_NOT_ALLOWED, "This method is not taken here")
            }
            Kind::IdConflict => ("id-conflict", StatusCode::CONFLICT, "The id belongs to another entry"),
            Kind::ActEnded => ("act-ended", StatusCode::CONFLICT, "The act has a result already"),
            Kind::TooLarge => ("too-large", StatusCode::PAYLOAD_TOO_LARGE, "The body is too large"),
            Kind::PastTheEnd => {
                ("past-the-end", StatusCode::RANGE_NOT_SATISFIABLE, "The trail does not reach so far")
            }
            Kind::UnsupportedMediaType => (
                "unsupported-media-type",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "This media type is not taken here",
            ),
            Kind::NotAnEntry => {
                ("not-an-entry", StatusCode::UNPROCESSABLE_ENTITY, "The JSON is not an entry")
            }
            Kind::NotAToken => {
                ("not-a-token", StatusCode::UNPROCESSABLE_ENTITY, "There can be no such token")
            }
            Kind::ReadOnly => ("read-only", StatusCode::FORBIDDEN, "The trail is only read here"),
            Kind::WrongHost => ("wrong-host", StatusCode::MISDIRECTED_REQUEST, "This server is another host"),
            Kind::TooManyRequests => {
                ("too-many-requests", StatusCode::TOO_MANY_REQUESTS, "This client sends too much")
            }
            Kind::Busy => ("busy", StatusCode::SERVICE_UNAVAILABLE, "The server is busy"),
            Kind::NotArchived => {
                ("not-archived", StatusCode::SERVICE_UNAVAILABLE, "The archive does not have it")
            }
            Kind::Unavailable => {
                ("unavailable", StatusCode::SERVICE_UNAVAILABLE, "The trail cannot serve now")
            }
            Kind::TimedOut => {
                ("timed-out", StatusCode::SERVICE_UNAVAILABLE, "The entry may be recorded all the same")
            }
            Kind::Damaged => {
                ("damaged", StatusCode::INTERNAL_SERVER_ERROR, "What is stored does not fit what was signed")
            }
            Kind::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR, "A fault in the server"),
        }
    }

    /// Its name: the end of its `type`.
    pub(crate) fn name(self) -> &'static str {
        self.facts().0
    }

    /// Whether the same request may succeed later.
    fn is_passing(self) -> bool {
        matches!(self.facts().1, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS)
    }
}

/// A problem, as it stands in an answer.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Problem {
    #[serde(rename = "type")]
    uri: String,
    title: &'static str,
    status: u16,
    detail: String,
    /// After how many seconds the client may try again.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    /// Where in the query the mistake is, in bytes: from and to before.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<Box<[usize; 2]>>,
    /// The entry that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u64>,
    #[serde(skip)]
    kind: Kind,
}

impl Problem {
    /// A problem. `detail` says what is wrong in this request, and what to do.
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Problem {
        let (name, status, title) = kind.facts();
        Problem {
            uri: format!("{TYPE}{name}"),
            title,
            status: status.as_u16(),
            detail: detail.into(),
            retry_after: kind.is_passing().then_some(RETRY_AFTER_S),
            place: None,
            index: None,
            kind,
        }
    }

    /// There is no trail of that name.
    pub(crate) fn unknown_trail(name: &str) -> Problem {
        Problem::new(Kind::UnknownTrail, format!("this server has no trail {name:?}"))
    }

    /// There is no such entry.
    pub(crate) fn unknown_entry(index: u64) -> Problem {
        Problem::new(Kind::UnknownEntry, format!("the trail has no entry {index}"))
    }

    /// A parameter that cannot be read.
    pub(crate) fn parameter(name: &str, why: impl std::fmt::Display) -> Problem {
        Problem::new(Kind::BadParameter, format!("`{name}`: {why}"))
    }

    /// A fault in the server, which its log tells of.
    pub(crate) fn fault() -> Problem {
        Problem::new(Kind::Internal, "a fault in the server; its log says more: please report it")
    }

    /// Whether the same request may succeed later.
    pub(crate) fn is_passing(&self) -> bool {
        self.kind.is_passing()
    }

    /// The same, about this entry.
    pub(crate) fn about(self, index: u64) -> Problem {
        Problem { index: Some(index), ..self }
    }

    /// Whether it is this one.
    pub(crate) fn is(&self, kind: Kind) -> bool {
        self.kind == kind
    }

    /// After how many seconds the client may try again.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        self.retry_after
    }

    /// The same as one that passes: for programs that throw away what they are told not to send again.
    pub(crate) fn made_temporary(self) -> Problem {
        Problem::new(Kind::Unavailable, self.detail)
    }

    /// What is wrong.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// Which one it is.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// The status of an answer that is this problem alone.
    pub(crate) fn status(&self) -> StatusCode {
        self.kind.facts().1
    }

    /// An answer that is this problem, with more members beside it.
    pub(crate) fn with(self, members: impl Serialize) -> Response {
        #[derive(Serialize)]
        struct Both<T> {
            #[serde(flatten)]
            problem: Problem,
            #[serde(flatten)]
            members: T,
        }
        respond(&self.clone(), serde_json::to_vec(&Both { problem: self, members }))
    }
}

/// An answer from the bytes of a problem.
fn respond(problem: &Problem, body: serde_json::Result<Vec<u8>>) -> Response {
    let body = body.expect("a problem is texts and numbers");
    let mut response = (problem.status(), body).into_response();
    // For those who count, and those who say it in another form.
    response.extensions_mut().insert(problem.clone());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(seconds) = problem.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if problem.kind == Kind::Unauthorized {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"graven\""));
    }
    response
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        respond(&self, serde_json::to_vec(&self))
    }
}

/// What the library could not do. What names files of this machine is for its log, and not for clients.
impl From<graven::Error> for Problem {
    fn from(error: graven::Error) -> Problem {
        let kind = match error.kind() {
            ErrorKind::Invalid => Kind::NotAnEntry,
            ErrorKind::NotFound => Kind::UnknownEntry,
            ErrorKind::TimedOut => Kind::TimedOut,
            ErrorKind::Unavailable | ErrorKind::Closed => Kind::Unavailable,
            ErrorKind::Data => Kind::Damaged,
            _ => Kind::Internal,
        };
        let mut detail = match kind {
            Kind::NotAnEntry | Kind::UnknownEntry => return Problem::new(kind, error.chain()),
            Kind::TimedOut => "storage is too slow".to_owned(),
            Kind::Unavailable => {
                "the trail cannot serve now; the server's log says why: try again".to_owned()
            }
            Kind::Damaged => {
                "what is stored does not fit what was signed: an operator must run `graven verify`".to_owned()
            }
            _ => Problem::fault().detail,
        };
        if error.may_be_recorded() {
            detail.push_str("; the entry may be recorded all the same: send it again with the same id");
        }
        tracing::error!(error = error.chain(), "a request failed");
        Problem::new(kind, detail)
    }
}

impl From<SearchError> for Problem {
    fn from(error: SearchError) -> Problem {
        match error {
            SearchError::Trail(error) => Problem::from(error),
            SearchError::Cursor(error) => Problem::new(Kind::BadCursor, error.to_string()),
            other => {
                tracing::error!(error = other.to_string(), "a search failed");
                Problem::fault()
            }
        }
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Problem {
        let mut detail = error.to_string();
        if let Some(advice) = error.advice() {
            // Writing to a text does not fail.
            let _ = write!(detail, "; {advice}");
        }
        let place = error.place();
        Problem { place: Some(Box::new([place.start, place.end])), ..Problem::new(Kind::BadQuery, detail) }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        let kind = match refusal {
            Refusal::WrongHost(_) => Kind::WrongHost,
            Refusal::TooMuch { .. } => Kind::TooManyRequests,
            Refusal::Full { .. } => Kind::Busy,
        };
        Problem { retry_after: refusal.retry_after_seconds(), ..Problem::new(kind, refusal.to_string()) }
    }
}

impl From<Forbidden> for Problem {
    fn from(forbidden: Forbidden) -> Problem {
        let kind = match forbidden {
            Forbidden::Role { .. } => Kind::Forbidden,
            Forbidden::Trail { .. } | Forbidden::Category { .. } | Forbidden::AllCategories => {
                Kind::OutOfScope
            }
        };
        Problem::new(kind, forbidden.to_string())
    }
}
