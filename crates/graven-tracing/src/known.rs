//! The names of fields that have a place of their own in an entry.

use std::borrow::Cow;

use graven::{Actor, Agent, Category, Entry, Outcome, Redactor, Source};
use graven_core::text::cut_in_json;
use graven_core::trace_context::TraceContext;

use crate::fields::{Fields, Value};

/// The most bytes of JSON that a text in a field of an entry has: with all fields together, a line is far from full. A
/// longer text is cut, and stands whole in the detail: in the line, while that has room.
const TEXT_BYTES_MAX: usize = 1024;

/// The most principals in `on_behalf_of`; a trail takes no more.
const ON_BEHALF_OF_MAX: usize = 8;

/// Puts a field into the entry, if the entry has a place of that name, and then says whether it fits there whole. If it
/// does not, the entry has as much of it as fits.
pub(crate) fn place(entry: &mut Entry, name: &str, value: &Value, redactor: &Redactor) -> Option<bool> {
    if let Some(slot) = slot(entry, name) {
        let (text, whole) = fitted(value.as_text(), redactor);
        *slot = Some(text.into_owned());
        return Some(whole);
    }
    Some(match name {
        "action" => {
            let (text, whole) = fitted(value.as_text(), redactor);
            entry.action = text.into_owned();
            whole
        }
        "duration_ms" => {
            entry.duration_ms = value.as_text().parse().ok();
            entry.duration_ms.is_some()
        }
        "on_behalf_of" => {
            let names = value.as_text().split(',').map(str::trim).filter(|name| !name.is_empty());
            let all: Vec<(Cow<'_, str>, bool)> = names.map(|name| fitted(name, redactor)).collect();
            let all_fit = all.len() <= ON_BEHALF_OF_MAX && all.iter().all(|(_, whole)| *whole);
            entry.on_behalf_of =
                all.into_iter().take(ON_BEHALF_OF_MAX).map(|(name, _)| name.into_owned()).collect();
            all_fit
        }
        _ => return None,
    })
}

/// Sets trace and span when the field `trace_id` does not: from OpenTelemetry's names, or from W3C's header.
pub(crate) fn place_trace(entry: &mut Entry, fields: &Fields, redactor: &Redactor) {
    if entry.trace_id.is_some() {
        return;
    }
    let text = |name| fields.get(name).map(Value::as_text);
    let header = text("traceparent").and_then(|header| TraceContext::parse(header.as_bytes()));
    let trace = text("otel.trace_id").or(header.map(|context| context.trace_id));
    let span = text("otel.span_id").or(header.map(|context| context.span_id));
    entry.trace_id = trace.map(|trace| fitted(trace, redactor).0.into_owned());
    if entry.span_id.is_none() {
        entry.span_id = span.map(|span| fitted(span, redactor).0.into_owned());
    }
}

/// The actor that a span's fields describe; the events in the span take it from there.
pub(crate) fn actor_of(fields: &Fields, redactor: &Redactor) -> Actor {
    let mut entry = Entry::new(Category::Api, "", Outcome::Success);
    for (name, value) in fields.iter() {
        place(&mut entry, name, value, redactor);
    }
    place_trace(&mut entry, fields, redactor);
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

/// As much of a text as may stand in a field, and whether that is all of it. It is redacted before it is cut: a rule may
/// need the end of a secret to recognise it.
pub(crate) fn fitted<'t>(text: &'t str, redactor: &Redactor) -> (Cow<'t, str>, bool) {
    if cut_in_json(text, TEXT_BYTES_MAX).len() == text.len() {
        return (text.into(), true);
    }
    let redacted = redactor.text(text);
    let fitting = cut_in_json(&redacted, TEXT_BYTES_MAX);
    let whole = fitting.len() == redacted.len();
    (fitting.to_owned().into(), whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_bounded_by_what_they_take_in_json() {
        let long = "x".repeat(2000);
        let redactor = Redactor::new(graven::Redaction::default()).unwrap();
        assert_eq!(fitted(&long, &redactor), (long[..1024].into(), false));
        assert_eq!(fitted(&long[..1024], &redactor), (long[..1024].into(), true));
        let control = "\0".repeat(200);
        assert_eq!(fitted(&control, &redactor), (control[..170].into(), false));
    }

    #[test]
    fn a_secret_at_the_place_of_the_cut_is_removed_before_the_cut() {
        let redactor = Redactor::new(graven::Redaction::default()).unwrap();
        for before in 980..1_030 {
            let token = concat!("gh", "p_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8");
            let text = format!("{} {token} {}", "x".repeat(before), "y".repeat(100));
            let (short, _) = fitted(&text, &redactor);
            assert!(!short.contains("ghp_"), "{before}: {short}");
        }
    }
}
