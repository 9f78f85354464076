//! Killed in the middle of its work, the server leaves a trail that says what it was doing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use graven_core::verdict::Verdict;
use serde_json::json;

use crate::patience::until;
use crate::server::Server;

#[test]
fn what_was_being_done_is_named_and_what_was_answered_is_there() {
    let mut server = Server::start();
    let session = server.session();
    // Clients that keep asking, and one tool that has only just begun.
    let answered = Arc::new(AtomicU64::new(0));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (user, session, answered) = (server.user.clone(), session.clone(), Arc::clone(&answered));
            std::thread::spawn(move || {
                while user.ask("GET", &session, None).is_ok_and(|answer| answer.status == 200) {
                    answered.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    let sleeps = |server: &Server| server.entries().iter().any(|entry| entry["action"] == "tool:sleep");
    until("requests are answered", || answered.load(Ordering::SeqCst) >= 100);
    let (user, path) = (server.user.clone(), format!("{session}/tools/sleep"));
    let sleeping =
        std::thread::spawn(move || user.ask("POST", &path, Some(&json!({"arguments": ["9"]}))).is_err());
    until("the tool is on record", || sleeps(&server));
    server.kill();
    clients.into_iter().for_each(|client| client.join().unwrap());
    assert!(sleeping.join().unwrap());

    let pending = server.pending();
    let named = |action: &str| pending.iter().filter(|act| act.action == action).count();
    assert_eq!(named("tool:sleep"), 1, "{pending:?}");
    assert_eq!(named("POST /v1/sessions/{id}/tools/{tool}"), 1, "{pending:?}");
    // A client asks again only when it was answered, and its next intent is queued behind that result.
    assert!(pending.len() <= 2 + 4, "at most one more a client: {pending:?}");
    assert!(pending.iter().all(|act| act.request_id.is_some()));

    // Each answered request was durable before it was served; its load, recorded by the handler, and mostly its result.
    let entries = server.entries();
    let answered = answered.load(Ordering::SeqCst) as usize;
    let count = |action: &str, outcome: &str| {
        entries.iter().filter(|entry| entry["action"] == action && entry["outcome"] == outcome).count()
    };
    assert!(count("GET /v1/sessions/{id}", "pending") >= answered);
    assert!(count("session:load", "success") >= answered);
    let mut acts = BTreeMap::new();
    for entry in &entries {
        if entry["phase"] == "result" {
            assert!(acts.insert(entry["intent_id"].to_string(), entry).is_none(), "two results of one act");
        }
    }
    let verdict = server.verdict();
    assert!(matches!(verdict, Verdict::Intact | Verdict::Unsealed | Verdict::TornTail), "{verdict:?}");
}
