//! Values whose code is foreign: endless, panicking, speaking, or just large.

use std::fmt;

use graven::Outcome;
use tracing::{info, info_span};

use crate::support::{World, actions, detail, detail_value, heard, heard_one};

struct Endless;
impl fmt::Debug for Endless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        loop {
            f.write_str("for ever and ")?;
        }
    }
}

struct Panics;
impl fmt::Debug for Panics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("half of ")?;
        panic!("on purpose");
    }
}

struct Fails;
impl fmt::Debug for Fails {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Err(fmt::Error)
    }
}

#[test]
fn a_value_that_cannot_be_formatted_does_not_take_its_event_with_it() {
    let entries = heard(|| {
        info!(target: "audit", a = ?Panics, b = ?Fails, c = 1, "event");
        let span = info_span!(target: "audit", "span", d = ?Panics);
        span.record("d", tracing::field::debug(Fails));
        drop(span);
        info!(target: "audit", "still listening");
    });
    assert_eq!(actions(&entries), ["event", "span", "still listening"]);
    assert_eq!(
        detail(&entries[0]),
        r#"{"a":"half of [panicked while formatted]","b":"[cannot be formatted]","c":1}"#
    );
    assert_eq!(detail(&entries[1]), r#"{"d":"[cannot be formatted]"}"#);
}

#[test]
fn an_endless_value_is_cut() {
    let world = World::new();
    let (entries, counters) =
        world.hears(world.layer(), || info!(target: "audit", a = ?Endless, b = 7, "event"));
    let blob = entries[0].detail.as_ref().unwrap().blob().unwrap();
    assert!(((1 << 20)..(1 << 20) + 100).contains(&blob.bytes), "{blob:?}");
    assert_eq!((entries[0].action.as_str(), counters.cut()), ("event", 1));
}

#[test]
fn what_is_too_long_for_the_line_stands_whole_in_a_blob() {
    let world = World::new();
    let long = "\u{1}".repeat(5_000);
    let (entries, counters) = world.hears(world.layer(), || {
        info!(
            target: "audit", principal = long, resource = long, reason = long, session_id = long, request_id = long,
            trace_id = long, span_id = long, okr_id = long, okr_run_id = long, relay_id = long, agent.id = long,
            agent.instance = long, agent.model = long, agent.version = long, source.ip = long, source.host = long,
            source.service = long, source.user_agent = long, on_behalf_of = "a,b,c,d,e,f,g,h,i", duration_ms = -1,
            "{long}"
        );
    });
    let [entry] = &*entries else { panic!("{} entries", entries.len()) };
    assert_eq!(counters.cut(), 0);
    assert_eq!((entry.on_behalf_of.len(), entry.on_behalf_of[7].as_str()), (8, "h…[cut]"));
    assert_eq!(world.trail.counters().dropped, 0);
    for text in [&entry.action, entry.principal.as_ref().unwrap(), entry.session_id.as_ref().unwrap()] {
        let beginning = text.strip_suffix("…[cut]").unwrap();
        assert!(beginning.len() > 500 && long.starts_with(beginning));
    }
    let whole = world.trail.restored(entry).unwrap();
    for text in [&whole.action, whole.principal.as_ref().unwrap(), whole.session_id.as_ref().unwrap()] {
        assert_eq!(*text, long);
    }
    let nine = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
    assert_eq!((whole.on_behalf_of, whole.duration_ms), (nine.map(String::from).to_vec(), None));
    assert_eq!(whole.detail.unwrap().as_str(), r#"{"duration_ms":-1}"#);
}

#[test]
fn what_a_span_says_is_whole_in_its_own_entry_and_short_in_those_within() {
    let world = World::new();
    let long = "é".repeat(2_000);
    let (entries, _) = world.hears(world.layer(), || {
        let span = info_span!(target: "audit", "span", principal = long);
        span.in_scope(|| info!(target: "audit", "event"));
    });
    let [event, span] = &*entries else { panic!("{} entries", entries.len()) };
    let short = event.principal.as_deref().unwrap();
    assert!(short.len() <= 1024 && long.starts_with(short.strip_suffix("…[cut]").unwrap()), "{short}");
    assert_eq!(span.principal, Some(long));
}

#[test]
fn names_and_texts_that_look_like_json_stay_what_they_are() {
    let entry = heard_one(|| {
        info!(target: "audit", detail = 1, id = "own", count = 5, phase = "intent", "$blob" = "{}", "a\nb");
    });
    let blob = entry.detail.as_ref().unwrap().blob().expect("what would pass for a marker is kept apart");
    assert!(blob.bytes > 30);
    assert_eq!((entry.action.as_str(), entry.count, entry.phase), ("a\nb", None, None));
    let entry = heard_one(|| info!(target: "audit", a = 1, "\"},\"x\":{\"" = "\"}", a = 2, "x"));
    // A name twice is a name once, or the detail would be no JSON that is kept.
    assert_eq!(detail_value(&entry), serde_json::json!({"\"},\"x\":{\"": "\"}", "a": 2}));
}

#[test]
fn a_value_that_panics_leaves_no_trace_in_the_outcome() {
    let entry = heard_one(|| info!(target: "audit", a = ?Panics, "event"));
    assert_eq!(entry.outcome, Outcome::Success);
}
