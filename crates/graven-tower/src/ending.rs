//! How a gRPC request ended: from the status of its own, which is in its headers or trailers.

use graven::Outcome;
use http::HeaderMap;

/// gRPC's codes for a caller without permission, and for one that is not authenticated.
const PERMISSION_DENIED: u32 = 7;
const UNAUTHENTICATED: u32 = 16;

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
    fn codes_of_grpc_stand_for_outcomes() {
        for (code, expected) in
            [(0, Outcome::Success), (7, Outcome::Denied), (16, Outcome::Denied), (12, Outcome::Failure)]
        {
            assert_eq!(of_grpc(code), expected, "{code}");
        }
    }
}
