//! The examples in `docs/SEARCH.md` do what the page says.

use graven::Entry;
use graven_search::{Line, Query, matches};

use crate::support::{moment, query};

const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/SEARCH.md"));

/// The lines in all boxes of a kind.
fn lines(kind: &str) -> Vec<&'static str> {
    let begin = format!("```{kind}\n");
    PAGE.split(&begin).skip(1).flat_map(|rest| rest.split_once("```").unwrap().0.lines()).collect()
}

#[test]
fn every_query_is_read_and_printed_the_same() {
    let queries = lines("query");
    assert!(queries.len() > 30);
    for text in queries {
        let read = query(text);
        assert_eq!(query(&read.to_string()), read, "{text}");
    }
}

#[test]
fn every_example_finds_what_it_says() {
    let examples = lines("hits");
    assert!(examples.len() > 20);
    for example in examples {
        let (text, entry) = example.split_at(example.find(" {").unwrap());
        let (text, finds) = match text.split_once(" finds ") {
            Some((text, _)) => (text, true),
            None => (text.split_once(" misses ").unwrap().0, false),
        };
        let own: serde_json::Value = serde_json::from_str(entry).unwrap();
        let mut fields = vec![entry.trim()[1..entry.trim().len() - 1].to_owned()];
        for (name, value) in [("category", "config"), ("action", "x"), ("outcome", "success")] {
            if own.get(name).is_none() {
                fields.push(format!("{name:?}:{value:?}"));
            }
        }
        let json = format!("{{{}}}", fields.join(","));
        let entry = Entry::from_client(json.as_bytes()).unwrap_or_else(|error| panic!("{json}: {error}"));
        let entry = entry.id("e").timestamp(moment().now);
        assert_eq!(matches(&query(text.trim()), &Line::of_entry(0, entry)), finds, "{example}");
    }
}

#[test]
fn every_mistake_has_its_message() {
    let mistakes = lines("mistakes");
    assert!(mistakes.len() > 5);
    for mistake in mistakes {
        let (text, message) = mistake.split_once("   ").unwrap();
        let error = Query::parse(text, &moment()).unwrap_err();
        assert_eq!(error.message(), message.trim(), "{mistake}");
    }
}

#[test]
fn every_field_and_bound_is_named() {
    let named = |name: &str| PAGE.contains(&format!("`{name}`"));
    let entry = r#"{"id":"1","timestamp":"2026-11-29T11:00:00Z","category":"api","action":"x","principal":null,"outcome":"success","duration_ms":1,"okr_id":"1","okr_run_id":"1","relay_id":"1","session_id":"1","trace_id":"1","span_id":"1","request_id":"1","resource":"1","source":{"ip":"1","user_agent":"1","service":"1","host":"1"},"agent":{"id":"1","instance":"1","model":"1","version":"1"},"on_behalf_of":["1"],"phase":"result","intent_id":"1","reason":"1","count":1,"received_at":"2026-11-29T11:00:00Z","recorded_by":"1","approval":{"by":"1","kind":"rule","rule":"1","decision":"allowed"}}"#;
    // The entry has every field that there is, and each can be asked for.
    let line = Line::of_entry(0, Entry::from_line(entry.as_bytes()).unwrap());
    let json: serde_json::Value = serde_json::from_str(entry).unwrap();
    for (name, value) in json.as_object().unwrap() {
        let parts =
            value.as_object().map(|parts| parts.keys().map(|part| format!("{name}.{part}")).collect());
        for name in parts.unwrap_or_else(|| vec![name.clone()]) {
            assert!(named(&name), "{name}");
            assert!(name == "principal" || matches(&query(&format!("has:{name}")), &line), "{name}");
        }
    }
    for bound in ["16,384 bytes", "256 terms", "32 levels", "2,048 bytes"] {
        assert!(PAGE.contains(bound));
    }
    let bounds = (graven_search::QUERY_BYTES_MAX, graven_search::TERMS_MAX, graven_search::DEPTH_MAX);
    assert_eq!((bounds, graven_search::TEXT_BYTES_MAX), ((16_384, 256, 32), 2_048));
}
