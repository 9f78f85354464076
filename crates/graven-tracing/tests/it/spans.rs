//! Spans that are marked become entries when they close, and what is in them takes from them.

use std::panic::catch_unwind;
use std::time::Duration;

use graven::{Actor, Outcome, Phase};
use tracing::field::Empty;
use tracing::{Span, info, info_span, instrument};

use crate::support::{World, actions, detail, heard, heard_one};

#[test]
fn a_span_is_one_entry_with_its_time_and_all_that_it_learned() {
    let world = World::new();
    let clock = world.clock.clone();
    let (entries, _) = world.hears(world.layer(), || {
        let span = info_span!(target: "audit::session", "load", principal = Empty, files = 1, unsaid = Empty);
        clock.advance(Duration::from_millis(30));
        span.in_scope(|| clock.advance(Duration::from_millis(12)));
        span.record("principal", "alice");
        span.record("files", 2);
    });
    let [entry] = &*entries else { panic!("{entries:?}") };
    assert_eq!((entry.action.as_str(), entry.category.as_str()), ("load", "session"));
    assert_eq!((entry.outcome, entry.duration_ms), (Outcome::Success, Some(42)));
    assert_eq!((entry.principal.as_deref(), detail(entry)), (Some("alice"), r#"{"files":2}"#));
}

#[test]
fn spans_that_are_not_marked_are_nothing() {
    let entries = heard(|| {
        let _plain = info_span!("plain", principal = "nobody").entered();
        let _refused = info_span!("refused", audit = false, principal = "nobody").entered();
        info!(target: "audit", "event");
    });
    assert_eq!(actions(&entries), ["event"]);
    assert_eq!(entries[0].principal, None);
}

#[test]
fn what_is_inside_takes_from_the_spans_around_the_innermost_first() {
    let entries = heard(|| {
        let _outer = info_span!(target: "audit", "outer", principal = "alice", session_id = "s", trace_id = "t1", span_id = "a", okr_id = "o", x = 1).entered();
        let middle = info_span!("not marked", principal = "nobody").entered();
        let inner = info_span!(target: "audit", "inner", principal = "bob", request_id = "r", trace_id = "t2", agent.id = "a").entered();
        info!(target: "audit", "event");
        info!(target: "audit", principal = "carol", "explicit");
        info!(target: "audit", parent: None, "root");
        drop(inner);
        drop(middle);
        info!(target: "audit", "outside");
    });
    assert_eq!(actions(&entries), ["event", "explicit", "root", "inner", "outside", "outer"]);
    let who = |n: usize| {
        let entry = &entries[n];
        let fields = [
            &entry.principal,
            &entry.session_id,
            &entry.request_id,
            &entry.trace_id,
            &entry.span_id,
            &entry.okr_id,
        ];
        fields.map(|field| field.as_deref().unwrap_or("-"))
    };
    // The span of the outer trace is none of the inner one's.
    assert_eq!(who(0), ["bob", "s", "r", "t2", "-", "o"]);
    assert_eq!(who(1), ["carol", "s", "r", "t2", "-", "o"]);
    assert_eq!(who(2), ["-"; 6]);
    assert_eq!(who(3), ["bob", "s", "r", "t2", "-", "o"]);
    assert_eq!(who(4), ["alice", "s", "-", "t1", "a", "o"]);
    assert_eq!(entries[0].agent.as_ref().unwrap().id.as_deref(), Some("a"));
    assert_eq!(entries[4].agent, None);
    // What is not about who acts stays where it was said.
    assert_eq!((detail(&entries[0]), detail(&entries[5])), ("", r#"{"x":1}"#));
}

#[test]
fn what_a_span_learns_holds_for_what_follows() {
    let entries = heard(|| {
        let span = info_span!(target: "audit", "request", principal = Empty).entered();
        info!(target: "audit", "before");
        span.record("principal", "alice");
        info!(target: "audit", "after");
    });
    let who: Vec<_> = entries.iter().map(|entry| entry.principal.as_deref()).collect();
    assert_eq!(who, [None, Some("alice"), Some("alice")]);
}

#[test]
fn a_span_belongs_to_the_actor_in_which_it_was_opened() {
    let entry = heard_one(|| {
        let span = Actor::new("alice").enter(|| info_span!(target: "audit", "span"));
        Actor::new("bob").session_id("s").enter(|| drop(span));
    });
    assert_eq!((entry.principal.as_deref(), entry.session_id.as_deref()), (Some("alice"), Some("s")));
}

#[test]
fn an_intent_is_recorded_before_and_its_result_after() {
    let world = World::new();
    let (trail, clock) = (world.trail.clone(), world.clock.clone());
    let (entries, _) = world.hears(world.layer(), || {
        let _request = info_span!(target: "audit", "request", session_id = "s").entered();
        let span = info_span!(target: "audit::k8s", "deploy", intent = true, principal = "alice", outcome = Empty, duration_ms = 0);
        trail.flush_blocking().unwrap();
        assert_eq!(trail.len(), 1, "the intent is there before anything is done");
        clock.advance(Duration::from_millis(7));
        span.record("outcome", "denied");
        span.record("duration_ms", 3);
    });
    let [intent, result, _request] = &*entries else { panic!("{entries:#?}") };
    assert_eq!(
        (intent.phase, intent.outcome, intent.duration_ms),
        (Some(Phase::Intent), Outcome::Pending, None)
    );
    assert_eq!(
        (result.phase, result.outcome, result.duration_ms),
        (Some(Phase::Result), Outcome::Denied, Some(3))
    );
    assert_eq!(result.intent_id, intent.id);
    assert_eq!(intent.id.as_ref().unwrap().len(), 36);
    for entry in [intent, result] {
        assert_eq!((entry.action.as_str(), entry.category.as_str()), ("deploy", "k8s"));
        assert_eq!((entry.principal.as_deref(), entry.session_id.as_deref()), (Some("alice"), Some("s")));
        assert_eq!(entry.detail, None);
    }
}

#[test]
fn a_span_that_owes_its_outcome_is_abandoned_without_it() {
    let entries = heard(|| {
        drop(info_span!(target: "audit", "owes", outcome = Empty));
        drop(info_span!(target: "audit", "pays", outcome = Empty, error = "refused"));
        drop(info_span!(target: "audit", "owes with a reason", outcome = Empty, reason = "own"));
        catch_unwind(|| {
            let _span = info_span!(target: "audit", "panics").entered();
            panic!("on purpose");
        })
        .unwrap_err();
    });
    let ends: Vec<_> = entries.iter().map(|entry| (entry.outcome, entry.reason.as_deref())).collect();
    let failed = |reason| (Outcome::Failure, reason);
    assert_eq!(
        ends,
        [failed(Some("abandoned")), failed(None), failed(Some("own")), failed(Some("panicked"))]
    );
}

#[instrument(target = "audit::tool_execution", err, ret, fields(principal = "alice"))]
fn divide(a: u32, b: u32) -> Result<u32, String> {
    Span::current().record("principal", "bob");
    a.checked_div(b).ok_or_else(|| "division by zero".to_owned())
}

#[test]
fn an_instrumented_function_is_one_entry_with_its_result() {
    let entries = heard(|| {
        assert_eq!(divide(6, 3), Ok(2));
        divide(1, 0).unwrap_err();
    });
    let [good, bad] = &*entries else { panic!("{entries:#?}") };
    assert_eq!((good.outcome, detail(good)), (Outcome::Success, r#"{"a":6,"b":3,"return":"2"}"#));
    assert_eq!((bad.outcome, detail(bad)), (Outcome::Failure, r#"{"a":1,"b":0,"error":"division by zero"}"#));
    for entry in &entries {
        assert_eq!((entry.action.as_str(), entry.category.as_str()), ("divide", "tool_execution"));
        assert_eq!(entry.principal.as_deref(), Some("bob"));
    }
}

#[test]
fn an_error_alone_that_no_span_takes_is_an_entry() {
    let entries = heard(|| {
        tracing::error!(target: "audit", error = "outside");
        let _other = info_span!(target: "audit::auth", "other").entered();
        tracing::error!(target: "audit", error = "of another target");
        let _unmarked = info_span!(target: "audit", "unmarked", audit = false).entered();
        tracing::error!(target: "audit", error = "in a span that is none");
    });
    let said: Vec<_> = entries.iter().map(detail).collect();
    assert_eq!(
        said,
        [
            r#"{"error":"outside"}"#,
            r#"{"error":"of another target"}"#,
            r#"{"error":"in a span that is none"}"#,
            ""
        ]
    );
}
