//! The W3C trace context that came with a request.

use graven_core::trace_context::TraceContext;
use http::HeaderMap;

/// What `traceparent` says, if there is exactly one and it is valid.
pub(crate) fn of(headers: &HeaderMap) -> Option<TraceContext<'_>> {
    let mut values = headers.get_all("traceparent").iter();
    let value = values.next()?;
    if values.next().is_some() {
        return None;
    }
    TraceContext::parse(value.as_bytes())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn two_of_them_are_none() {
        let (trace_id, span_id) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        let mut headers = HeaderMap::new();
        assert_eq!(of(&headers), None);
        let value = HeaderValue::from_str(&format!("00-{trace_id}-{span_id}-01")).unwrap();
        headers.append("traceparent", value.clone());
        assert_eq!(of(&headers), Some(TraceContext { trace_id, span_id }));
        headers.append("traceparent", value);
        assert_eq!(of(&headers), None);
    }
}
