//! The names of fields that have a place of their own in an entry.

use graven::{Actor, Agent, Category, Entry, Outcome, Source};

use crate::fields::{Fields, Value};

/// A text in a field of an entry has at most so many bytes of JSON: with all of them together, a line is far from full.
/// A longer one is cut, and stands whole in the detail.
const TEXT_BYTES_MAX: usize = 1024;

/// So many principals may be named in `on_behalf_of`; a trail takes no more.
const ON_BEHALF_OF_MAX: usize = 8;

/// Gives an entry what a field says, if its name has a place there; and then whether it fits there whole. If not, as
/// much of it as does is in the entry.
pub(crate) fn place(entry: &mut Entry, name: &str, value: &Value) -> Option<bool> {
    if let Some(slot) = slot(entry, name) {
        let (text, whole) = fitted(value.as_text());
        *slot = Some(text.to_owned());
        return Some(whole);
    }
    Some(match name {
        "action" => {
            let (text, whole) = fitted(value.as_text());
            entry.action = text.to_owned();
            whole
        }
        "duration_ms" => {
            entry.duration_ms = value.as_text().parse().ok();
            entry.duration_ms.is_some()
        }
        "on_behalf_of" => {
            let names = value.as_text().split(',').map(str::trim).filter(|name| !name.is_empty());
            let all: Vec<(&str, bool)> = names.map(fitted).collect();
            entry.on_behalf_of =
                all.iter().take(ON_BEHALF_OF_MAX).map(|(name, _)| (*name).to_owned()).collect();
            all.len() <= ON_BEHALF_OF_MAX && all.iter().all(|(_, whole)| *whole)
        }
        _ => return None,
    })
}

/// Trace and span, where `trace_id` and `span_id` do not say them: from OpenTelemetry's names, or W3C's header.
pub(crate) fn place_trace(entry: &mut Entry, fields: &Fields) {
    if entry.trace_id.is_some() {
        return;
    }
    let text = |name| fields.get(name).map(Value::as_text);
    let header = text("traceparent").and_then(read_traceparent);
    let trace = text("otel.trace_id").or(header.map(|(trace, _)| trace));
    let span = text("otel.span_id").or(header.map(|(_, span)| span));
    entry.trace_id = trace.map(|trace| fitted(trace).0.to_owned());
    if entry.span_id.is_none() {
        entry.span_id = span.map(|span| fitted(span).0.to_owned());
    }
}

/// Trace and span of a W3C `traceparent`: `00-<32 hex>-<16 hex>-<2 hex>`, where all zeros is none.
fn read_traceparent(header: &str) -> Option<(&str, &str)> {
    let mut parts = header.trim().split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let hex = |part: &str, digits: usize| {
        part.len() == digits && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let any = |part: &str| part.bytes().any(|byte| byte != b'0');
    // Later versions may say more.
    let ends = version != "00" || parts.next().is_none();
    let valid = hex(version, 2) && version != "ff" && hex(trace, 32) && hex(span, 16) && hex(flags, 2);
    (valid && ends && any(trace) && any(span)).then_some((trace, span))
}

/// Who acts, for whom and where, as the fields of a span say it: what the events in it take from it.
pub(crate) fn actor_of(fields: &Fields) -> Actor {
    let mut entry = Entry::new(Category::Api, "", Outcome::Success);
    for (name, value) in fields.iter() {
        place(&mut entry, name, value);
    }
    place_trace(&mut entry, fields);
    macro_rules! with {
        ($actor:expr, $($field:ident),*) => {{
            let mut actor = $actor;
            $(if let Some(text) = &entry.$field { actor = actor.$field(text); })*
            actor
        }};
    }
    let mut actor = with!(
        Actor::default(),
        principal,
        okr_id,
        okr_run_id,
        relay_id,
        session_id,
        trace_id,
        span_id,
        request_id
    );
    for principal in &entry.on_behalf_of {
        actor = actor.on_behalf_of(principal);
    }
    if let Some(agent) = &entry.agent {
        actor = actor.agent((**agent).clone());
    }
    if let Some(source) = &entry.source {
        actor = actor.source((**source).clone());
    }
    actor
}

/// The text field of an entry that has this name.
fn slot<'a>(entry: &'a mut Entry, name: &str) -> Option<&'a mut Option<String>> {
    Some(match name {
        "principal" => &mut entry.principal,
        "resource" => &mut entry.resource,
        "reason" => &mut entry.reason,
        "session_id" => &mut entry.session_id,
        "request_id" => &mut entry.request_id,
        "trace_id" => &mut entry.trace_id,
        "span_id" => &mut entry.span_id,
        "okr_id" => &mut entry.okr_id,
        "okr_run_id" => &mut entry.okr_run_id,
        "relay_id" => &mut entry.relay_id,
        _ => match name.split_once('.')? {
            ("agent", part @ ("id" | "instance" | "model" | "version")) => {
                let agent = entry.agent.get_or_insert_with(|| Box::new(Agent::default()));
                match part {
                    "id" => &mut agent.id,
                    "instance" => &mut agent.instance,
                    "model" => &mut agent.model,
                    _ => &mut agent.version,
                }
            }
            ("source", part @ ("ip" | "user_agent" | "service" | "host")) => {
                let source = entry.source.get_or_insert_with(|| Box::new(Source::default()));
                match part {
                    "ip" => &mut source.ip,
                    "user_agent" => &mut source.user_agent,
                    "service" => &mut source.service,
                    _ => &mut source.host,
                }
            }
            _ => return None,
        },
    })
}

/// As much of a text as may stand in a field, and whether that is all of it.
pub(crate) fn fitted(text: &str) -> (&str, bool) {
    let mut bytes = 0;
    for (at, character) in text.char_indices() {
        bytes += match character {
            '"' | '\\' | '\u{8}' | '\t' | '\n' | '\u{c}' | '\r' => 2,
            '\0'..='\u{1f}' => 6,
            _ => character.len_utf8(),
        };
        if bytes > TEXT_BYTES_MAX {
            return (&text[..at], false);
        }
    }
    (text, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_valid_traceparent_is_read() {
        let (trace, span) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        let valid = format!("00-{trace}-{span}-01");
        assert_eq!(read_traceparent(&valid), Some((trace, span)));
        assert_eq!(read_traceparent(&format!("cc-{trace}-{span}-01-what")), Some((trace, span)));
        for invalid in [
            format!("{valid}-more"),
            format!("ff-{trace}-{span}-01"),
            valid.to_uppercase(),
            format!("00-{}-{span}-01", "0".repeat(32)),
            format!("00-{trace}-{}-01", "0".repeat(16)),
            format!("00-{trace}-{span}"),
            String::new(),
        ] {
            assert_eq!(read_traceparent(&invalid), None, "{invalid}");
        }
    }

    #[test]
    fn texts_are_bounded_by_what_they_take_in_json() {
        let long = "x".repeat(2000);
        assert_eq!(fitted(&long), (&long[..1024], false));
        assert_eq!(fitted(&long[..1024]), (&long[..1024], true));
        let control = "\0".repeat(200);
        assert_eq!(fitted(&control), (&control[..170], false));
    }
}
