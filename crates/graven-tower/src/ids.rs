//! The id of a request: the caller's, when it has the form of one, or a new one.

use graven::clock::Clock;
use http::{HeaderMap, HeaderName};

/// The header that a request's id comes in and goes out with.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Ids of callers may have so many bytes.
const ID_BYTES_MAX: usize = 128;

/// The id that a caller gave, or a new UUID of version 7.
pub(crate) fn request_id(headers: &HeaderMap, clock: &dyn Clock) -> String {
    let given = headers.get(X_REQUEST_ID).and_then(|value| value.to_str().ok());
    match given {
        Some(id) if is_valid(id) => id.to_owned(),
        _ => new(clock),
    }
}

fn is_valid(id: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:+/=".contains(&byte);
    (1..=ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(is_allowed)
}

/// A UUID of version 7 (RFC 9562 §5.7): the time in milliseconds, then random bits.
pub(crate) fn new(clock: &dyn Clock) -> String {
    let mut random = [0; 10];
    random[..8].copy_from_slice(&clock.random().to_le_bytes());
    random[8..].copy_from_slice(&clock.random().to_le_bytes()[..2]);
    // Before 1970 a clock has never been set: any number does.
    let milliseconds = u64::try_from(clock.now().timestamp_millis()).unwrap_or(0);
    let id = uuid::Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid();
    id.hyphenated().encode_lower(&mut [0; 36]).to_owned()
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
