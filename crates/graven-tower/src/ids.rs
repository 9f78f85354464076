//! The id of a request: the caller's, when it has the form of one, or a new one.

use graven::clock::{Clock, new_id};
use http::{HeaderMap, HeaderName};

/// The header that a request's id comes in and goes out with.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The most bytes that a caller's id may have.
const ID_BYTES_MAX: usize = 128;

/// The id that a caller gave, or a new UUID of version 7.
pub(crate) fn request_id(headers: &HeaderMap, clock: &dyn Clock) -> String {
    let given = headers.get(X_REQUEST_ID).and_then(|value| value.to_str().ok());
    match given {
        Some(id) if is_valid(id) => id.to_owned(),
        _ => new_id(clock),
    }
}

fn is_valid(id: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:+/=".contains(&byte);
    (1..=ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use graven::clock::OsClock;
    use http::HeaderValue;

    use super::*;

    fn id_of(value: &[u8]) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(X_REQUEST_ID, HeaderValue::from_bytes(value).unwrap());
        request_id(&headers, &OsClock::new())
    }

    #[test]
    fn what_looks_like_an_id_is_kept() {
        for id in ["a", "7f3d-22", "Root=1-67891233-abcdef", &"x".repeat(128)] {
            assert_eq!(id_of(id.as_bytes()), id);
        }
    }

    #[test]
    fn anything_else_is_replaced() {
        let bad: [&[u8]; 6] = [b"", b"a b", b"a\"b", b"<script>", b"\xff\xfe", &[b'x'; 129]];
        for value in bad {
            let id = id_of(value);
            assert_eq!((id.len(), id.as_bytes()[14]), (36, b'7'), "{value:?} gave {id}");
        }
    }
}
