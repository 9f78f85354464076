//! Through every field and every way in, no planted secret reaches disk, memory, events or errors.

use std::path::Path;

use graven::audit::{AuditCategory, AuditEntry, AuditLog, AuditOutcome};
use graven::{Agent, Approval, Category, Decision, Entry, Outcome, Settings, Source, Trail};
use serde_json::json;
use tracing::Level;

use super::leaks;
use super::planted::{Planted, two_hundred};
use crate::support::events::Events;
use crate::support::plain::block_on;

/// How many fields [`with_text_in`] knows.
const FIELDS: usize = 30;

/// An entry with a text in one of its fields.
fn with_text_in(field: usize, text: &str) -> Entry {
    let text = text.to_owned();
    let entry = Entry::new(Category::Api, "plain", Outcome::Success);
    let source = |source: Source| entry.clone().source(source);
    let agent = |agent: Agent| entry.clone().agent(agent);
    match field {
        0 => Entry::new(Category::Api, text, Outcome::Success),
        1 => entry.principal(text),
        2 => entry.resource(text),
        3 => entry.reason(text),
        4 => entry.okr_id(text),
        5 => entry.okr_run_id(text),
        6 => entry.relay_id(text),
        7 => entry.session_id(text),
        8 => entry.trace_id(text),
        9 => entry.span_id(text),
        10 => entry.request_id(text),
        11 => entry.intent_id(text),
        12 => entry.on_behalf_of(["plain".to_owned(), text]),
        13 => source(Source { ip: Some(text), ..Source::default() }),
        14 => source(Source { user_agent: Some(text), ..Source::default() }),
        15 => source(Source { service: Some(text), ..Source::default() }),
        16 => source(Source { host: Some(text), ..Source::default() }),
        17 => agent(Agent { id: Some(text), ..Agent::default() }),
        18 => agent(Agent { instance: Some(text), ..Agent::default() }),
        19 => agent(Agent { model: Some(text), ..Agent::default() }),
        20 => agent(Agent { version: Some(text), ..Agent::default() }),
        21 => entry.detail(text),
        22 => entry.detail(json!({"deep": [{"argv": ["run", text]}]})),
        23 => entry.detail(json!({ text: 1 })),
        24 => entry.detail(json!({"large": "x".repeat(70_000), "text": text})),
        25 => entry.detail(json!({"inner": json!({"text": text}).to_string()})),
        26 => entry.recorded_by(text),
        27 => entry.approval(Approval::new(Decision::Allowed).by(text)),
        28 => entry.approval(Approval::new(Decision::Denied).rule(text)),
        // An id may have 256 bytes, whatever stands in it.
        _ if text.len() <= 256 => entry.id(text),
        _ => entry.detail(json!([text])),
    }
}

/// Every byte of every file below a folder.
fn bytes_of(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        bytes.extend(if path.is_dir() { bytes_of(&path) } else { std::fs::read(&path).unwrap() });
    }
    bytes
}

#[track_caller]
fn assert_no_leak(where_: &str, text: &[u8], planted: &[Planted]) {
    // As it stands in JSON too: a line end is two characters there.
    let leaked: Vec<_> = planted
        .iter()
        .filter(|planted| {
            let escaped = serde_json::to_string(&planted.secret).unwrap();
            leaks(text, &planted.secret) || leaks(text, escaped.trim_matches('"'))
        })
        .collect();
    assert!(leaked.is_empty(), "{where_} holds {} of them: {leaked:#?}", leaked.len());
}

#[test]
fn no_secret_gets_through_any_field_or_way_in() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("trail");
    let events = Events::listen();
    let trail = Trail::open(Settings::new(&dir).ring_entries(100_000)).unwrap();
    let planted = two_hundred();
    let mut receipts = Vec::new();
    let mut batch = Vec::new();
    for (n, Planted { text, .. }) in planted.iter().enumerate() {
        for field in 0..FIELDS {
            // The whole set through each field; the ways in take turns.
            let entry = with_text_in(field, text);
            match (n + field) % 20 {
                0 => receipts.push(trail.record_blocking(entry).unwrap()),
                1..4 => trail.emit(entry),
                _ => batch.push(entry),
            }
            if batch.len() == 512 {
                receipts.extend(trail.record_batch_blocking(std::mem::take(&mut batch)).unwrap());
            }
        }
        trail.flush_blocking().unwrap();
    }
    receipts.extend(trail.record_batch_blocking(batch).unwrap());
    assert_eq!(trail.counters().dropped, 0);
    assert_eq!(trail.len(), (planted.len() * FIELDS) as u64);
    assert_no_leak("a receipt", format!("{receipts:?}").as_bytes(), &planted);
    assert_no_leak("memory", format!("{:?}", trail.recent(usize::MAX)).as_bytes(), &planted);
    // What was redacted is found by what it was.
    let id = planted.iter().find(|planted| planted.text.len() <= 256).unwrap();
    assert!(trail.receipt_blocking(id.text.as_str()).is_ok());
    let missing = trail.receipt_blocking(format!("{}!", planted[5].text)).unwrap_err();
    assert_no_leak("an error", missing.chain().as_bytes(), &planted);
    trail.close_blocking().unwrap();
    for level in [Level::INFO, Level::WARN, Level::ERROR, Level::DEBUG] {
        assert_no_leak("an event", format!("{:?}", events.of(level)).as_bytes(), &planted);
    }
    assert_no_leak("the disk", &bytes_of(&dir), &planted);
}

#[test]
fn no_secret_gets_through_the_audit_module() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let events = Events::listen();
    let planted = two_hundred();
    let hopeless = folder.path().join("a-file");
    std::fs::write(&hopeless, "x").unwrap();
    // With a file, with none, and with one that can never be opened.
    for sink in [Some(path), None, Some(hopeless.join("audit.jsonl"))] {
        let log = AuditLog::new(10_000, sink);
        for (n, Planted { text, .. }) in planted.iter().enumerate() {
            let mut entry = AuditEntry {
                id: format!("entry-{n}"),
                timestamp: "2026-01-31T12:00:00Z".parse().unwrap(),
                category: AuditCategory::Api,
                action: text.clone(),
                principal: Some(text.clone()),
                outcome: AuditOutcome::Success,
                detail: Some(json!({"text": text, "half": 0.1})),
                duration_ms: None,
            };
            let answer = block_on(log.try_record(entry.clone()));
            assert_no_leak("an answer", format!("{answer:?}").as_bytes(), &planted[n..=n]);
            entry.id = text.clone();
            block_on(log.record(entry));
        }
        let recent = block_on(log.recent(usize::MAX));
        assert!(recent.len() >= planted.len());
        assert!(recent.iter().all(|entry| entry.detail.as_ref().unwrap()["half"] == json!(0.1)));
        assert_no_leak("memory", format!("{recent:?}").as_bytes(), &planted);
    }
    for level in [Level::INFO, Level::WARN, Level::ERROR] {
        assert_no_leak("an event", format!("{:?}", events.of(level)).as_bytes(), &planted);
    }
    assert_no_leak("the disk", &bytes_of(folder.path()), &planted);
}

#[test]
fn an_entry_that_is_refused_is_not_quoted_with_its_secret() {
    let folder = tempfile::tempdir().unwrap();
    let events = Events::listen();
    let trail = Trail::open(Settings::new(folder.path().join("trail"))).unwrap();
    let planted = two_hundred();
    for Planted { text, .. } in planted.iter() {
        let key = serde_json::to_string(text).unwrap();
        // Some tokens could name a category; see below what becomes of them.
        let name = if Category::custom(text).is_ok() { text.to_uppercase() } else { text.clone() };
        for entry in [
            Entry::new(Category::Custom(name.into()), "a", Outcome::Success),
            Entry::new(Category::Api, "a", Outcome::Success).detail_json(&format!("{{{key}:1,{key}:2}}")),
            Entry::new(Category::Api, text.repeat(3_000), Outcome::Success).id(text.repeat(300)),
        ] {
            let error = trail.record_blocking(entry.clone()).unwrap_err();
            assert_no_leak("an error", format!("{} {error:?}", error.chain()).as_bytes(), &planted);
            trail.emit(entry);
        }
    }
    assert_no_leak("an event", format!("{:?}", events.of(Level::ERROR)).as_bytes(), &planted);
    // A category that is a token itself gets another name.
    let token = format!("dap{}{}", "i", "0123456789abcdef0123456789abcdef");
    let category = Category::custom(&token).unwrap();
    let receipt = trail.record_blocking(Entry::new(category, "a", Outcome::Success)).unwrap();
    let entry = trail.entries(receipt.index..).unwrap().next().unwrap().unwrap().entry().unwrap();
    assert!(entry.category.as_str().starts_with("redacted_"), "{:?}", entry.category);
}

#[test]
fn a_doubled_key_that_redaction_makes_costs_the_detail_and_not_the_trail() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("trail");
    let trail = Trail::open(Settings::new(&dir)).unwrap();
    let secret = &two_hundred()[0].secret;
    // Somebody who has seen the mark of a secret writes both as keys of one object.
    let mark = trail.redactor().text(secret).into_owned();
    let entry = Entry::new(Category::Api, "a", Outcome::Success).detail(json!({ secret: 1, mark: 2 }));
    trail.record_blocking(entry).unwrap();
    let stored = trail.recent(1).remove(0).detail.unwrap();
    assert!(stored.as_str().starts_with("\"[redacted:whole:"), "{stored:?}");
    trail.close_blocking().unwrap();
    drop(trail);
    assert_eq!(Trail::open(Settings::new(&dir)).unwrap().len(), 1);
}

#[test]
fn without_redaction_they_are_all_on_disk() {
    // The canary: were nothing found here, the tests above could not fail.
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("trail");
    let trail = Trail::open(Settings::new(&dir).redaction(graven::Redaction::off())).unwrap();
    let planted = two_hundred();
    let entries = planted.iter().map(|planted| with_text_in(21, &planted.text)).collect();
    trail.record_batch_blocking(entries).unwrap();
    trail.close_blocking().unwrap();
    let stored = bytes_of(&dir);
    let found = planted.iter().filter(|planted| {
        let escaped = serde_json::to_string(&planted.secret).unwrap();
        memchr::memmem::find(&stored, escaped.trim_matches('"').as_bytes()).is_some()
    });
    assert_eq!(found.count(), planted.len());
}
