//! Events that are marked become entries, with every field in its place.

use std::error::Error;
use std::fmt;

use graven::{Actor, Category, Outcome};
use tracing::{error, info, trace, warn};

use crate::support::{World, actions, detail, detail_value, heard, heard_one};

#[test]
fn only_what_is_marked_becomes_an_entry() {
    let entries = heard(|| {
        info!("no");
        info!(target: "audit", "target");
        trace!(target: "audit::auth", "target below");
        info!(target: "auditor", "no");
        info!(target: "graven::audit", audit = true, "no");
        info!(audit = true, "marker");
        info!(audit = false, "no");
        info!(target: "audit", audit = false, "no");
    });
    assert_eq!(actions(&entries), ["target", "target below", "marker"]);
    assert!(entries.iter().all(|entry| entry.detail.is_none()), "{entries:?}");
}

#[test]
fn known_names_go_to_their_fields() {
    let entry = heard_one(|| {
        info!(
            target: "audit",
            category = "tool_execution",
            action = "tool:bash",
            principal = "alice",
            outcome = "denied",
            resource = "/etc/passwd",
            reason = "sandbox",
            session_id = "s",
            request_id = 7,
            trace_id = "t",
            span_id = "sp",
            okr_id = "o",
            okr_run_id = "or",
            relay_id = "r",
            duration_ms = 12,
            on_behalf_of = "bob, carol",
            agent.id = "a",
            agent.instance = "i",
            agent.model = "m",
            agent.version = "v",
            source.ip = %std::net::Ipv4Addr::LOCALHOST,
            source.user_agent = "curl",
            source.service = "svc",
            source.host = "h",
            "told besides"
        );
    });
    let mut line = Vec::new();
    let at = "2026-01-01T00:00:00Z".parse().unwrap();
    entry.id("1").timestamp(at).append_line(0, &mut line).unwrap();
    assert_eq!(
        String::from_utf8(line).unwrap(),
        r#"{"id":"1","timestamp":"2026-01-01T00:00:00Z","category":"tool_execution","action":"tool:bash","principal":"alice","outcome":"denied","detail":{"message":"told besides"},"duration_ms":12,"okr_id":"o","okr_run_id":"or","relay_id":"r","session_id":"s","trace_id":"t","span_id":"sp","request_id":"7","resource":"/etc/passwd","source":{"ip":"127.0.0.1","user_agent":"curl","service":"svc","host":"h"},"agent":{"id":"a","instance":"i","model":"m","version":"v"},"on_behalf_of":["bob","carol"],"reason":"sandbox"}"#
    );
}

#[derive(Debug)]
struct Outer(Inner);
#[derive(Debug)]
struct Inner;

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot save")
    }
}
impl fmt::Display for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("disk \"full\"")
    }
}
impl Error for Outer {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}
impl Error for Inner {}

#[test]
fn other_fields_go_to_the_detail_with_their_types() {
    let entry = heard_one(|| {
        info!(
            target: "audit",
            action = "types",
            signed = -5_i64,
            unsigned = u64::MAX,
            huge = i128::MIN,
            larger = u128::MAX,
            half = 0.5,
            whole = 1e300,
            nan = f64::NAN,
            infinite = f64::NEG_INFINITY,
            yes = true,
            text = "a\"\n\u{1}",
            debug = ?vec![Some(1), None],
            display = %Inner,
            error = &Outer(Inner) as &dyn Error,
            "a.b c" = 1,
        );
    });
    assert_eq!(
        detail(&entry),
        concat!(
            r#"{"signed":-5,"unsigned":18446744073709551615,"huge":-170141183460469231731687303715884105728,"#,
            r#""larger":340282366920938463463374607431768211455,"half":0.5,"whole":1e+300,"nan":"NaN","#,
            r#""infinite":"-inf","yes":true,"text":"a\"\n\u0001","debug":"[Some(1), None]","#,
            r#""display":"disk \"full\"","error":"cannot save: disk \"full\"","a.b c":1}"#
        )
    );
    assert_eq!(entry.outcome, Outcome::Failure, "an error was said");
}

#[test]
fn outcomes_are_those_said_and_never_a_success_by_mistake() {
    let world = World::new();
    let (entries, counters) = world.hears(world.layer(), || {
        info!(target: "audit", "success");
        warn!(target: "audit", "success");
        error!(target: "audit", "failure");
        error!(target: "audit", outcome = "success", "success");
        info!(target: "audit", err = "boom", "failure");
        info!(target: "audit", error = "boom", outcome = "denied", "denied");
        info!(target: "audit", { otel.status_code = "ERROR" }, "failure");
        info!(target: "audit", { otel.status_code = "Ok" }, "success");
        info!(target: "audit", outcome = "accepted", "failure");
        info!(target: "audit", outcome = "pending", "failure");
    });
    for entry in &entries {
        assert_eq!(entry.outcome.as_str(), entry.action, "{entry:?}");
    }
    assert_eq!(entries.len(), 10);
    assert_eq!(counters.renamed(), 2);
    assert_eq!(detail(&entries[8]), r#"{"outcome":"accepted"}"#);
    assert_eq!(detail(&entries[9]), r#"{"outcome":"pending"}"#);
    assert_eq!(detail(&entries[3]), "");
}

#[test]
fn categories_are_the_fields_then_the_targets_then_the_layers() {
    let world = World::new();
    let layer = world.layer().category(Category::Session);
    let (entries, counters) = world.hears(layer, || {
        info!(target: "audit", category = "auth", "auth");
        info!(target: "audit::k8s", category = "billing", "billing");
        info!(target: "audit::config::tls", "config");
        info!(target: "audit", "session");
        info!(target: "audit::Nonsense", "session");
        info!(target: "audit::trail", "session");
        // Not lost, and counted.
        info!(target: "audit", category = "Not One", "session");
        info!(target: "audit", category = "trail", "session");
    });
    for entry in &entries {
        assert_eq!(entry.category.as_str(), entry.action, "{entry:?}");
    }
    assert_eq!((entries.len(), counters.renamed()), (8, 2));
    assert_eq!(detail(&entries[6]), r#"{"category":"Not One"}"#);
    assert_eq!(detail(&entries[7]), r#"{"category":"trail"}"#);
    assert_eq!(heard_one(|| info!(target: "audit", "x")).category.as_str(), "tracing");
}

#[test]
fn traces_are_read_from_every_name_that_they_go_by() {
    let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let entries = heard(|| {
        info!(target: "audit", traceparent = header, "header");
        info!(target: "audit", traceparent = header, otel.trace_id = "t", otel.span_id = "s", "otel");
        info!(target: "audit", traceparent = header, trace_id = "own", "own");
        info!(target: "audit", traceparent = "nonsense", "none");
    });
    let ids: Vec<_> =
        entries.iter().map(|entry| (entry.trace_id.as_deref(), entry.span_id.as_deref())).collect();
    let from_header = (Some("4bf92f3577b34da6a3ce929d0e0e4736"), Some("00f067aa0ba902b7"));
    // A span of another trace would be a lie.
    assert_eq!(ids, [from_header, (Some("t"), Some("s")), (Some("own"), None), (None, None)]);
    assert_eq!(detail_value(&entries[3])["traceparent"], "nonsense");
}

#[test]
fn the_place_in_the_program_is_told_on_request() {
    let world = World::new();
    let (entries, _) = world.hears(world.layer().places(true), || info!(target: "audit", line = "own", "x"));
    let detail = detail_value(&entries[0]);
    assert_eq!(
        (&detail["level"], &detail["target"], &detail["line"]),
        (&"INFO".into(), &"audit".into(), &"own".into())
    );
    assert!(detail["file"].as_str().unwrap().ends_with("events.rs"));
}

#[test]
fn the_actor_of_now_says_what_the_event_does_not() {
    let entries = heard(|| {
        Actor::new("alice").session_id("s").enter(|| {
            info!(target: "audit", "actor's");
            info!(target: "audit", principal = "bob", "own");
        });
    });
    let who: Vec<_> =
        entries.iter().map(|entry| (entry.principal.as_deref(), entry.session_id.as_deref())).collect();
    assert_eq!(who, [(Some("alice"), Some("s")), (Some("bob"), Some("s"))]);
}

#[test]
fn an_event_without_a_word_has_a_name_all_the_same() {
    let entry = heard_one(|| info!(target: "audit", status = 200));
    assert!(entry.action.starts_with("event "), "{}", entry.action);
}
