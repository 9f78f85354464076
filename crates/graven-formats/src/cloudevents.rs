//! CloudEvents 1.0, in JSON and in the headers of HTTP.

use graven_core::base64;
use graven_core::entry::{Detail, Entry, Outcome, Source};
use graven_core::trace_context::TraceContext;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::event::{Event, Unmapped, category, set_source, time};
use crate::json::{Json, says, text};

/// How the names of headers begin that hold attributes.
const HEADER: &str = "ce-";

/// Whether an object is an event.
pub(crate) fn is_event(event: Json<'_>) -> bool {
    let required = event.fields(["specversion", "id", "source", "type"]);
    required.into_iter().all(|field| field.and_then(Json::text).is_some())
}

/// The entry of an event, without its detail.
pub(crate) fn entry(event: Json<'_>) -> Option<Entry> {
    let [version, id, source, kind, at] = event.fields(["specversion", "id", "source", "type", "time"]);
    let [subject, trace, who, session, outcome] =
        event.fields(["subject", "traceparent", "authid", "sessionid", "outcome"]);
    let (_version, id, source) = (text(version)?, text(id)?, text(source)?);
    // CloudEvents tell what has happened, and know no outcome; some programs have an extension for it.
    let named = [Outcome::Failure, Outcome::Denied].into_iter().find(|known| says(outcome, known.as_str()));
    let mut entry = Entry::new(category("cloudevents"), text(kind)?, named.unwrap_or(Outcome::Success));
    entry.id = Some(format!("{source}:{id}"));
    entry.timestamp = time(at);
    entry.principal = text(who);
    entry.resource = text(subject);
    entry.session_id = text(session);
    let trace = text(trace);
    if let Some(context) = trace.as_deref().and_then(|trace| TraceContext::parse(trace.as_bytes())) {
        entry.trace_id = Some(context.trace_id.to_owned());
        entry.span_id = Some(context.span_id.to_owned());
    }
    set_source(&mut entry, Source { service: Some(source), ..Source::default() });
    Some(entry)
}

/// The event of a request in binary mode: its attributes are the headers that begin with `ce-`, and the body is its data.
/// Its detail is what the event would be in JSON.
///
/// A name may be in any case. A value may be percent-encoded, as the HTTP binding asks for.
pub fn binary<'a>(
    headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    content_type: Option<&str>,
    body: &[u8],
) -> Event {
    let mut event = Map::new();
    for (name, value) in headers {
        let name = name.to_ascii_lowercase();
        if let Some(name) = name.strip_prefix(HEADER) {
            event.insert(name.to_owned(), Value::String(decoded(value)));
        }
    }
    event.extend(content_type.map(|kind| ("datacontenttype".to_owned(), kind.into())));
    let mut text = Value::Object(event).to_string();
    if !body.is_empty() {
        let separator = if text == "{}" { "" } else { "," };
        let (name, data) = data(content_type, body);
        text.truncate(text.len() - 1);
        text.push_str(&format!("{separator}\"{name}\":{data}}}"));
    }
    match Detail::parse(&text) {
        Ok(whole) => match entry(Json::of(&whole)) {
            Some(entry) => Event::mapped(entry, whole),
            None => Event::unmapped(Ok(whole), Unmapped::OtherKind),
        },
        Err(_) => Event::unmapped(Err(&text), Unmapped::NotKept),
    }
}

/// The member that holds the body: JSON as it is, text as a string, and anything else in base64.
fn data(content_type: Option<&str>, body: &[u8]) -> (&'static str, String) {
    let kind = content_type.unwrap_or("application/json").split(';').next().unwrap_or_default().trim();
    let is_json = kind.ends_with("/json") || kind.ends_with("+json");
    if is_json && let Ok(json) = serde_json::from_slice::<&RawValue>(body) {
        return ("data", json.get().to_owned());
    }
    match str::from_utf8(body) {
        Ok(text) => ("data", Value::from(text).to_string()),
        Err(_) => ("data_base64", Value::from(base64::encode(body)).to_string()),
    }
}

/// The value of a header: percent-encoded bytes are decoded.
fn decoded(value: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value;
    while let [first, behind @ ..] = rest {
        let digits = behind.get(..2).filter(|_| *first == b'%');
        let byte = digits.and_then(|digits| u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok());
        rest = if byte.is_some() { &behind[2..] } else { behind };
        bytes.push(byte.unwrap_or(*first));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADERS: [(&str, &[u8]); 5] = [
        ("Ce-SpecVersion", b"1.0"),
        ("ce-id", b"7"),
        ("ce-source", b"/caf%C3%A9"),
        ("ce-type", b"t"),
        ("host", b"example.com"),
    ];

    fn detail(content_type: Option<&str>, body: &[u8]) -> String {
        let event = binary(HEADERS, content_type, body);
        assert_eq!((event.unmapped, event.entry.id.as_deref()), (None, Some("/café:7")));
        event.entry.detail.unwrap().as_str().to_owned()
    }

    #[test]
    fn a_body_is_json_text_or_base64() {
        let with =
            |more: &str| format!(r#"{{"id":"7","source":"/café","specversion":"1.0","type":"t"{more}}}"#);
        assert_eq!(detail(None, b""), with(""));
        assert_eq!(detail(None, b"{ \"a\" : 1.50 }"), with(r#","data":{"a":1.50}"#));
        let typed = |kind: &str, data: &str| {
            with(data).replacen('{', &format!(r#"{{"datacontenttype":"{kind}","#), 1)
        };
        assert_eq!(detail(Some("text/plain"), b"a\"b"), typed("text/plain", r#","data":"a\"b""#));
        assert_eq!(
            detail(Some("x/y+json; charset=utf-8"), b"[1]"),
            typed("x/y+json; charset=utf-8", r#","data":[1]"#)
        );
        assert_eq!(detail(Some("image/png"), b"\xff"), typed("image/png", r#","data_base64":"/w==""#));
        // Not the JSON that it says.
        assert_eq!(detail(None, b"{\"a\""), with(r#","data":"{\"a\"""#));
    }

    #[test]
    fn what_lacks_attributes_or_cannot_be_kept_is_whole_all_the_same() {
        let event = binary([("ce-id", &b"1"[..])], None, b"1");
        assert_eq!(event.unmapped, Some(Unmapped::OtherKind));
        assert_eq!(event.entry.detail.unwrap().as_str(), r#"{"id":"1","data":1}"#);
        let event = binary(HEADERS, None, br#"{"a":1,"a":2}"#);
        assert_eq!(event.unmapped, Some(Unmapped::NotKept));
        assert!(event.entry.detail.unwrap().as_str().contains(r#"\"a\":2"#));
    }

    #[test]
    fn percent_signs_are_decoded_where_digits_follow() {
        assert_eq!(decoded(b"a%20b%zz%4"), "a b%zz%4");
    }
}
