//! The names of fields that have a place of their own in an entry.

use graven::{Actor, Agent, Category, Entry, Outcome, Redactor, Source};
use graven_core::text::{CUT_MARK, cut_in_json};
use graven_core::trace_context::TraceContext;

use crate::fields::{Fields, Value};

/// The most bytes of JSON in a text that a span gives to the entries within. The span's own entry has the text whole.
const TEXT_BYTES_MAX: usize = 1024;

/// What becomes of a field's text on its way into an entry.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Texts<'a> {
    /// It stays whole: the trail cuts what does not fit the line.
    Whole,
    /// What is long is cut, once its secrets are out.
    Short(&'a Redactor),
}

/// Puts a field into the entry, if the entry has a place of that name, and then says whether the entry has all that the
/// field says.
pub(crate) fn place(entry: &mut Entry, name: &str, value: &Value, texts: Texts<'_>) -> Option<bool> {
    if let Some(slot) = slot(entry, name) {
        *slot = Some(texts.of(value.as_text()));
        return Some(true);
    }
    match name {
        "action" => entry.action = texts.of(value.as_text()),
        "duration_ms" => {
            entry.duration_ms = value.as_text().parse().ok();
            return Some(entry.duration_ms.is_some());
        }
        "on_behalf_of" => {
            let names = value.as_text().split(',').map(str::trim).filter(|name| !name.is_empty());
            entry.on_behalf_of = names.map(|name| texts.of(name)).collect();
        }
        _ => return None,
    }
    Some(true)
}

/// Sets trace and span when the field `trace_id` does not: from OpenTelemetry's names, or from W3C's header.
pub(crate) fn place_trace(entry: &mut Entry, fields: &Fields, texts: Texts<'_>) {
    if entry.trace_id.is_some() {
        return;
    }
    let text = |name| fields.get(name).map(Value::as_text);
    let header = text("traceparent").and_then(|header| TraceContext::parse(header.as_bytes()));
    let trace = text("otel.trace_id").or(header.map(|context| context.trace_id));
    let span = text("otel.span_id").or(header.map(|context| context.span_id));
    entry.trace_id = trace.map(|trace| texts.of(trace));
    if entry.span_id.is_none() {
        entry.span_id = span.map(|span| texts.of(span));
    }
}

/// The actor that a span's fields describe; the events in the span take it from there.
pub(crate) fn actor_of(fields: &Fields, redactor: &Redactor) -> Actor {
    let mut entry = Entry::new(Category::Api, "", Outcome::Success);
    for (name, value) in fields.iter() {
        place(&mut entry, name, value, Texts::Short(redactor));
    }
    place_trace(&mut entry, fields, Texts::Short(redactor));
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

impl Texts<'_> {
    /// The text as it goes into an entry. It is redacted before it is cut: a rule may need the end of a secret to recognise
    /// it.
    fn of(self, text: &str) -> String {
        let fits = |text: &str| cut_in_json(text, TEXT_BYTES_MAX).len() == text.len();
        match self {
            Texts::Short(redactor) if !fits(text) => match redactor.text(text) {
                redacted if fits(&redacted) => redacted.into_owned(),
                redacted => {
                    format!("{}{CUT_MARK}", cut_in_json(&redacted, TEXT_BYTES_MAX - CUT_MARK.len()))
                }
            },
            Texts::Short(_) | Texts::Whole => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_span_gives_on_is_bounded_by_what_it_takes_in_json() {
        let long = "x".repeat(2000);
        let redactor = Redactor::new(graven::Redaction::default()).unwrap();
        let short = Texts::Short(&redactor);
        assert_eq!(short.of(&long), format!("{}{CUT_MARK}", &long[..1024 - CUT_MARK.len()]));
        assert_eq!(short.of(&long[..1024]), long[..1024]);
        let control = "\0".repeat(200);
        assert_eq!(short.of(&control), format!("{}{CUT_MARK}", &control[..169]));
        assert_eq!(Texts::Whole.of(&long), long);
    }

    #[test]
    fn a_secret_at_the_place_of_the_cut_is_removed_before_the_cut() {
        let redactor = Redactor::new(graven::Redaction::default()).unwrap();
        for before in 970..1_030 {
            let token = concat!("gh", "p_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8");
            let text = format!("{} {token} {}", "x".repeat(before), "y".repeat(100));
            let short = Texts::Short(&redactor).of(&text);
            assert!(!short.contains("ghp_"), "{before}: {short}");
        }
    }
}
