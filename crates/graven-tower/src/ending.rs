//! How a request ended: from its status, from gRPC's own, or by being cut off.

use graven::Outcome;
use http::{HeaderMap, StatusCode};

/// gRPC's codes for a caller without permission, and for one that is not authenticated.
const PERMISSION_DENIED: u32 = 7;
const UNAUTHENTICATED: u32 = 16;

/// The outcome that an HTTP status stands for.
pub(crate) fn of_status(status: StatusCode) -> Outcome {
    match status.as_u16() {
        401 | 403 => Outcome::Denied,
        ..=399 => Outcome::Success,
        _ => Outcome::Failure,
    }
}

/// The outcome that a gRPC status stands for.
pub(crate) fn of_grpc(code: u32) -> Outcome {
    match code {
        0 => Outcome::Success,
        PERMISSION_DENIED | UNAUTHENTICATED => Outcome::Denied,
        _ => Outcome::Failure,
    }
}

/// Whether an answer with these headers has its status in `grpc-status`.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    let content_type = headers.get(http::header::CONTENT_TYPE);
    content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

/// The `grpc-status` in headers or trailers.
pub(crate) fn grpc_code(headers: &HeaderMap) -> Option<u32> {
    headers.get("grpc-status")?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_stand_for_outcomes_as_the_contract_says() {
        for (status, expected) in [
            (101, Outcome::Success),
            (200, Outcome::Success),
            (304, Outcome::Success),
            (399, Outcome::Success),
            (400, Outcome::Failure),
            (401, Outcome::Denied),
            (403, Outcome::Denied),
            (404, Outcome::Failure),
            (503, Outcome::Failure),
        ] {
            assert_eq!(of_status(StatusCode::from_u16(status).unwrap()), expected, "{status}");
        }
        for (code, expected) in
            [(0, Outcome::Success), (7, Outcome::Denied), (16, Outcome::Denied), (12, Outcome::Failure)]
        {
            assert_eq!(of_grpc(code), expected, "{code}");
        }
    }
}
