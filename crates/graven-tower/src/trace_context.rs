//! The W3C trace context that came with a request (`traceparent`, level 1), read strictly.

use http::HeaderMap;

/// What a caller's `traceparent` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TraceContext {
    /// 32 hex digits.
    pub(crate) trace_id: String,
    /// 16 hex digits: the span of the caller, in which this request was sent.
    pub(crate) span_id: String,
}

impl TraceContext {
    /// The one in the headers, if there is exactly one and it is well-formed.
    pub(crate) fn of(headers: &HeaderMap) -> Option<TraceContext> {
        let mut values = headers.get_all("traceparent").iter();
        let value = values.next()?;
        if values.next().is_some() {
            return None;
        }
        TraceContext::parse(value.as_bytes())
    }

    /// `00-<trace id>-<span id>-<flags>`; a later version may have more behind another `-`.
    fn parse(value: &[u8]) -> Option<TraceContext> {
        let (known, rest) = value.split_at_checked(55)?;
        let version = hex(&known[..2])?;
        let dashes = known[2] == b'-' && known[35] == b'-' && known[52] == b'-';
        let ends_well = rest.is_empty() || (version != "00" && rest[0] == b'-');
        if version == "ff" || !dashes || !ends_well {
            return None;
        }
        let (trace_id, span_id) = (hex(&known[3..35])?, hex(&known[36..52])?);
        hex(&known[53..55])?;
        let is_set = |id: &str| id.bytes().any(|digit| digit != b'0');
        (is_set(trace_id) && is_set(span_id))
            .then(|| TraceContext { trace_id: trace_id.to_owned(), span_id: span_id.to_owned() })
    }
}

/// Lower-case hex digits; the standard allows no others.
fn hex(digits: &[u8]) -> Option<&str> {
    let is_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if !digits.iter().all(is_hex) {
        return None;
    }
    std::str::from_utf8(digits).ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    fn parse(value: &str) -> Option<(String, String)> {
        TraceContext::parse(value.as_bytes()).map(|context| (context.trace_id, context.span_id))
    }

    #[test]
    fn a_well_formed_one_is_taken_apart() {
        let expected = Some((TRACE.to_owned(), SPAN.to_owned()));
        assert_eq!(parse(&format!("00-{TRACE}-{SPAN}-01")), expected);
        assert_eq!(parse(&format!("cc-{TRACE}-{SPAN}-00")), expected);
        assert_eq!(parse(&format!("cc-{TRACE}-{SPAN}-00-what-comes")), expected);
    }

    #[test]
    fn anything_else_is_left() {
        let zeros = |count| "0".repeat(count);
        let bad = [
            String::new(),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("cc-{TRACE}-{SPAN}-01.more"),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("00-{TRACE}-{SPAN}-0g"),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{}-{SPAN}-01", zeros(32)),
            format!("00-{TRACE}-{}-01", zeros(16)),
            format!("00_{TRACE}-{SPAN}-01"),
            format!(" 00-{TRACE}-{SPAN}-01"),
            format!("00-{TRACE}{SPAN}--01"),
        ];
        for value in bad {
            assert_eq!(parse(&value), None, "{value:?}");
        }
    }

    #[test]
    fn two_of_them_are_none() {
        let mut headers = HeaderMap::new();
        let value = HeaderValue::from_str(&format!("00-{TRACE}-{SPAN}-01")).unwrap();
        headers.append("traceparent", value.clone());
        assert!(TraceContext::of(&headers).is_some());
        headers.append("traceparent", value);
        assert_eq!(TraceContext::of(&headers), None);
    }
}
