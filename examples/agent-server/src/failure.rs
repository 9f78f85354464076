//! What a client is told when a request is not served.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// A refusal or a fault: a status, and a sentence for the client.
#[derive(Debug)]
pub(crate) struct Failure {
    status: StatusCode,
    message: String,
}

impl Failure {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Failure {
        Failure { status, message: message.into() }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Failure {
        Failure::new(StatusCode::BAD_REQUEST, message)
    }

    pub(crate) fn unauthorized() -> Failure {
        Failure::new(StatusCode::UNAUTHORIZED, "send a valid token: Authorization: Bearer TOKEN")
    }

    pub(crate) fn forbidden(message: impl Into<String>) -> Failure {
        Failure::new(StatusCode::FORBIDDEN, message)
    }

    pub(crate) fn no_session() -> Failure {
        Failure::new(StatusCode::NOT_FOUND, "you have no such session")
    }
}

/// What cannot be recorded is not done. Why is the operator's business, and in the server's log.
impl From<graven::Error> for Failure {
    fn from(_: graven::Error) -> Failure {
        Failure::new(StatusCode::SERVICE_UNAVAILABLE, "this cannot be recorded now: try again later")
    }
}

impl From<std::io::Error> for Failure {
    fn from(_: std::io::Error) -> Failure {
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "the server's own files cannot be used")
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.status, Json(json!({"error": self.message}))).into_response()
    }
}
