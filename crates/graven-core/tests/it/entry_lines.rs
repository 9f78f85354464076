//! An entry's line: every field in its place, blobs for what is too large, and nothing read that would not print back the same.

use std::time::Duration;

use chrono::{DateTime, Utc};
use graven_core::entry::{
    Agent, Approval, Approver, BlobRef, Category, Decision, Entry, EntryError, Outcome, Phase, Source,
};
use graven_core::hash::sha256;
use graven_core::input::InputError;
use graven_core::line::LineError;
use graven_core::tile::ENTRY_BYTES_MAX;
use proptest::prelude::*;

use crate::any_entry::any_entry;

fn entry() -> Entry {
    let timestamp: DateTime<Utc> = "2026-11-24T03:40:17Z".parse().expect("a time");
    Entry::new(Category::Api, "GET /", Outcome::Success).id("e1").timestamp(timestamp)
}

/// One that differs in a field.
fn but(change: impl FnOnce(&mut Entry)) -> Entry {
    let mut entry = entry();
    change(&mut entry);
    entry
}

/// One with all fields.
fn full() -> Entry {
    entry()
        .principal("alice@example.com")
        .detail_json(r#"{"status": 200, "path": "/\u00e9\n"}"#)
        .duration(Duration::from_micros(1_999))
        .okr_id("o")
        .okr_run_id("r")
        .relay_id("y")
        .session_id("s")
        .trace_id("t")
        .span_id("p")
        .request_id("q")
        .resource("file:///etc/hosts")
        .source(Source { ip: Some("::1".into()), service: Some("api".into()), ..Source::default() })
        .agent(Agent { id: Some("a".into()), version: Some("1".into()), ..Agent::default() })
        .on_behalf_of(["bob", "carol"])
        .phase(Phase::Result)
        .intent_id("e0")
        .reason("because \"so\"")
        .count(3)
        .received_at("2026-11-24T03:40:18.5Z".parse().expect("a time"))
        .recorded_by("token:ci")
        .approval(Approval::new(Decision::Allowed).by("dora").kind(Approver::Human).rule("ask"))
}

fn line(entry: &Entry) -> String {
    let mut line = Vec::new();
    assert_eq!(entry.append_line(0, &mut line), Ok(None));
    String::from_utf8(line).expect("a line is text")
}

fn refused(line: &str) -> LineError {
    Entry::from_line(line.as_bytes()).expect_err("no line of ours")
}

#[test]
fn every_field_has_its_place() {
    let expected = concat!(
        r#"{"id":"e1","timestamp":"2026-11-24T03:40:17Z","category":"api","action":"GET /","principal":"alice@example.com","#,
        r#""outcome":"success","detail":{"status":200,"path":"/\u00e9\n"},"duration_ms":1,"okr_id":"o","okr_run_id":"r","#,
        r#""relay_id":"y","session_id":"s","trace_id":"t","span_id":"p","request_id":"q","resource":"file:///etc/hosts","#,
        r#""source":{"ip":"::1","service":"api"},"agent":{"id":"a","version":"1"},"on_behalf_of":["bob","carol"],"#,
        r#""phase":"result","intent_id":"e0","reason":"because \"so\"","count":3,"#,
        r#""received_at":"2026-11-24T03:40:18.500Z","recorded_by":"token:ci","#,
        r#""approval":{"by":"dora","kind":"human","rule":"ask","decision":"allowed"}}"#,
    );
    assert_eq!(line(&full()), expected);
    assert_eq!(Entry::from_line(expected.as_bytes()).unwrap(), full());
}

#[test]
fn lines_are_appended_to_what_is_there() {
    let mut out = b"before".to_vec();
    entry().append_line(0, &mut out).unwrap();
    assert_eq!(out, format!("before{}", line(&entry())).as_bytes());
}

#[test]
fn an_id_and_a_time_must_be_set_before_a_line_is_made() {
    let mut out = b"before".to_vec();
    for (field, without) in [("id", but(|e| e.id = None)), ("timestamp", but(|e| e.timestamp = None))] {
        assert_eq!(without.check(), Ok(()));
        assert_eq!(without.append_line(0, &mut out), Err(EntryError::NotSet(field)));
    }
    assert_eq!(out, b"before");
}

#[test]
fn what_may_not_be_recorded_is_refused() {
    let refused = |entry: Entry, expected: EntryError| {
        assert_eq!(entry.check(), Err(expected.clone()));
        assert_eq!(entry.append_line(0, &mut Vec::new()), Err(expected));
    };
    refused(entry().id(""), EntryError::Id { bytes: 0 });
    refused(entry().id("é".repeat(129)), EntryError::Id { bytes: 258 });
    refused(but(|e| e.category = Category::Custom("No".into())), EntryError::Category("No".into()));
    refused(but(|e| e.outcome = Outcome::Pending), EntryError::Pending);
    refused(but(|e| e.outcome = Outcome::Pending).phase(Phase::Result), EntryError::Pending);
    refused(entry().on_behalf_of(vec!["x"; 9]), EntryError::OnBehalfOf { count: 9 });
    refused(entry().received_at(DateTime::<Utc>::MAX_UTC), EntryError::Year("received_at"));
    for allowed in [
        entry().id("é".repeat(128)),
        but(|e| e.category = Category::custom("billing").unwrap()),
        but(|e| e.outcome = Outcome::Pending).phase(Phase::Intent),
        entry().on_behalf_of(vec!["x"; 8]),
        but(|e| e.action.clear()),
    ] {
        assert_eq!(allowed.check(), Ok(()));
        assert_eq!(Entry::from_line(line(&allowed).as_bytes()).unwrap(), allowed);
    }
}

#[test]
fn a_time_is_in_a_year_of_four_digits() {
    let at = |text: &str| entry().timestamp(text.parse().expect("a time"));
    for last in ["0000-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:60Z"] {
        assert_eq!(at(last).check(), Ok(()));
        assert_eq!(entry().received_at(last.parse().unwrap()).check(), Ok(()));
    }
    for other in ["-0001-12-31T23:59:59.999999999Z", "+10000-01-01T00:00:00Z"] {
        assert_eq!(at(other).check(), Err(EntryError::Year("timestamp")));
        // The first version took such a time. Its lines are still read.
        assert_eq!(Entry::from_line(line(&at(other)).as_bytes()).unwrap(), at(other));
        let late = line(&full()).replace("2026-11-24T03:40:18.500Z", other);
        assert!(Entry::from_line(late.as_bytes()).is_err(), "the first version had no such field");
    }
}

#[test]
fn only_the_engine_writes_the_category_trail() {
    let own = but(|e| e.category = Category::Trail);
    assert_eq!(own.check(), Err(EntryError::Reserved));
    assert_eq!(Entry::from_line(line(&own).as_bytes()).unwrap(), own);
}

#[test]
fn a_detail_that_failed_is_remembered() {
    let failed = entry().detail_json(r#"{"a":1,"a":2}"#);
    assert!(matches!(failed.check(), Err(EntryError::Detail(_))));
    assert!(matches!(failed.append_line(0, &mut Vec::new()), Err(EntryError::Detail(_))));
    assert_eq!(failed.detail("better").check(), Ok(()));
}

#[test]
fn a_line_may_have_65_535_bytes() {
    let room = ENTRY_BYTES_MAX - line(&entry()).len();
    let longest = but(|e| e.action.push_str(&"x".repeat(room)));
    assert_eq!(line(&longest).len(), ENTRY_BYTES_MAX);
    assert_eq!(Entry::from_line(line(&longest).as_bytes()).unwrap(), longest);

    let longer = but(|e| e.action = longest.action + "x");
    let mut out = b"before".to_vec();
    assert_eq!(
        longer.append_line(u64::MAX, &mut out),
        Err(EntryError::LineTooLong { bytes: ENTRY_BYTES_MAX + 1 })
    );
    assert_eq!(out, b"before");
    assert_eq!(
        Entry::from_line(&vec![b' '; ENTRY_BYTES_MAX + 1]),
        Err(LineError::TooLong { bytes: ENTRY_BYTES_MAX + 1 })
    );
}

#[test]
fn a_detail_that_does_not_fit_the_line_becomes_a_blob() {
    let room = ENTRY_BYTES_MAX - line(&entry().detail("")).len();
    let fits = entry().detail("x".repeat(room));
    assert_eq!(line(&fits).len(), ENTRY_BYTES_MAX);

    for more in [1, 2, 100_000] {
        let entry = entry().detail("x".repeat(room + more)).session_id("s");
        let mut out = Vec::new();
        let blob = entry.append_line(1 << 20, &mut out).unwrap().expect("too large for a line");
        assert_eq!(blob.text, format!("\"{}\"", "x".repeat(room + more)));
        assert_eq!(blob.sha256, sha256(blob.text.as_bytes()));
        let marker =
            format!(r#"{{"$blob":{{"sha256":"{}","bytes":{}}}}}"#, blob.sha256.to_hex(), blob.text.len());
        let read = Entry::from_line(&out).unwrap();
        let detail = read.detail.as_ref().unwrap();
        assert_eq!(detail.as_str(), marker);
        assert_eq!(detail.blob(), Some(BlobRef { sha256: blob.sha256, bytes: blob.text.len() as u64 }));
        assert_eq!(read.session_id.as_deref(), Some("s"));
        assert_eq!(line(&read).as_bytes(), out);
    }
}

#[test]
fn a_blob_has_a_limit() {
    let entry = entry().detail("x".repeat(70_000));
    let mut out = b"before".to_vec();
    let error = EntryError::DetailTooLarge { bytes: 70_002, bytes_max: 70_001 };
    assert_eq!(entry.append_line(70_001, &mut out), Err(error));
    assert_eq!(out, b"before");
    assert!(entry.append_line(70_002, &mut out).unwrap().is_some());
    // A line that is too long with the marker as well.
    let mut entry = entry;
    entry.action = "x".repeat(65_500);
    let error = entry.append_line(1 << 20, &mut Vec::new()).unwrap_err();
    assert!(matches!(error, EntryError::LineTooLong { .. }), "{error}");
}

#[test]
fn a_marker_cannot_be_forged() {
    let marker = format!(r#"{{"$blob":{{"sha256":"{}","bytes":5}}}}"#, sha256(b"[1,2]").to_hex());
    for own in [&marker, r#"{"a":1,"$blob":2}"#, r#"{"\u0024blob":{}}"#] {
        let entry = entry().detail_json(own);
        let mut out = Vec::new();
        let blob = entry.append_line(1 << 20, &mut out).unwrap().expect("it would pass for a marker");
        assert_eq!(blob.text, *own);
        let read = Entry::from_line(&out).unwrap();
        assert_eq!(read.detail.unwrap().blob(), Some(blob.reference()));
        assert!(matches!(entry.append_line(0, &mut out), Err(EntryError::DetailTooLarge { .. })));
    }
    // One level down, it says nothing to anyone.
    assert!(line(&entry().detail_json(&format!("[{marker}]"))).contains(&marker));
    // A line that names a blob in another form was never written.
    let written = |detail: &str| line(&entry().detail("D")).replace("\"D\"", detail);
    assert!(Entry::from_line(written(&marker).as_bytes()).is_ok());
    assert_eq!(refused(&written(r#"{"$blob":2}"#)), LineError::Marker);
    assert_eq!(refused(&written(r#"{"\u0024blob":2}"#)), LineError::Marker);
    assert_eq!(refused(&written(&marker.replace("{\"$blob", "{\"a\":1,\"$blob"))), LineError::Marker);
}

#[test]
fn a_marker_that_was_read_is_not_a_detail_to_record() {
    let marker = format!(r#"{{"$blob":{{"sha256":"{}","bytes":5}}}}"#, sha256(b"[1,2]").to_hex());
    let text = line(&entry().detail("D")).replace("\"D\"", &marker);
    let read = Entry::from_line(text.as_bytes()).unwrap();
    assert_eq!(read.check(), Err(EntryError::Marker));
    // Given as a detail, it is the caller's own text again.
    let again = entry().detail(read.detail.unwrap());
    assert_eq!(again.check(), Ok(()));
    assert_eq!(again.append_line(1 << 20, &mut Vec::new()).unwrap().unwrap().text, marker);
}

#[test]
fn fields_in_another_order_are_refused() {
    let text = line(&entry().okr_id("o").session_id("s"));
    let swapped = text.replace(r#""okr_id":"o","session_id":"s""#, r#""session_id":"s","okr_id":"o""#);
    let offset = swapped.find("\"okr_id\"").unwrap();
    assert_eq!(refused(&swapped), LineError::Order { field: "okr_id", after: "session_id", offset });
}

#[test]
fn a_line_that_would_be_written_differently_is_refused_where_it_differs() {
    let text = line(&full());
    for (from, to, field, same) in [
        ("\"api\",", "\"api\" ,", "category", "\"api\""),
        ("{\"id\"", "{ \"id\"", "id", "{"),
        ("GET /", "GET \\/", "action", "GET "),
        ("GET /", "\\u0047ET /", "action", "\"action\":\""),
        ("03:40:17Z", "03:40:17.000Z", "timestamp", "03:40:17"),
        ("03:40:17Z", "03:40:17+00:00", "timestamp", "03:40:17"),
        ("\"status\":200", "\"status\" :200", "detail", "\"status\""),
        ("\"trace_id\":\"t\"", "\"trace_id\":null", "trace_id", "\"session_id\":\"s\",\""),
        (
            "\"ip\":\"::1\",\"service\":\"api\"",
            "\"service\":\"api\",\"ip\":\"::1\"",
            "source",
            "\"source\":{\"",
        ),
        ("[\"bob\",\"carol\"]", "[]", "on_behalf_of", "\"version\":\"1\"},\""),
        ("\"count\":3,", "\"count\":3 ,", "count", "\"count\":3"),
        ("18.500Z", "18.5Z", "received_at", "18.5"),
        ("\"recorded_by\":\"token:ci\"", "\"recorded_by\":null", "recorded_by", "18.500Z\",\""),
        (
            "\"kind\":\"human\",\"rule\":\"ask\"",
            "\"rule\":\"ask\",\"kind\":\"human\"",
            "approval",
            "\"dora\",\"",
        ),
        ("\"rule\":\"ask\"", "\"rule\":null", "approval", "\"human\",\""),
        ("\"allowed\"}}", "\"allowed\"}} ", "approval", "\"allowed\"}}"),
    ] {
        let changed = text.replacen(from, to, 1);
        match refused(&changed) {
            LineError::NotAsWritten { field: found, offset } => {
                assert_eq!(found, field, "{changed}");
                assert!(changed[..offset].ends_with(same), "{changed} differs at {offset}");
            }
            error => panic!("{to}: {error:?}"),
        }
    }
}

#[test]
fn what_is_no_entry_is_refused_by_name() {
    let text = line(&entry());
    let input = |line: &str| match refused(line) {
        LineError::Input(error) => error,
        error => panic!("{error:?}"),
    };
    assert!(matches!(input(""), InputError::Json(_)));
    assert_eq!(input(&text.replace("\"principal\":null,", "")), InputError::Missing { field: "principal" });
    assert_eq!(input(&text.replace("\"id\":\"e1\",", "")), InputError::Missing { field: "id" });
    assert!(matches!(
        input(&text.replace("action", "actino")),
        InputError::UnknownField { nearest: "action", .. }
    ));
    let doubled = text.replace("\"action\"", "\"category\":\"api\",\"action\"");
    assert!(matches!(input(&doubled), InputError::Doubled { field: "category", .. }));
    assert!(matches!(input(&format!("{text}{text}")), InputError::Json(_)));
    let mut bytes = text.into_bytes();
    bytes[8] = 0xff;
    assert_eq!(Entry::from_line(&bytes), Err(LineError::Input(InputError::Utf8 { offset: 8 })));
    assert!(matches!(
        refused(&line(&entry()).replace("\"e1\"", "\"\"")),
        LineError::Entry(EntryError::Id { .. })
    ));
}

/// For each byte of a line, every other byte in its place; and each byte left out, doubled, and swapped with the next.
#[test]
fn whatever_is_changed_is_refused_or_prints_back_the_same() {
    let original = line(&full()).into_bytes();
    let mut read = 0;
    let mut check = |changed: &[u8]| {
        if let Ok(entry) = Entry::from_line(changed) {
            read += 1;
            assert_eq!(line(&entry).as_bytes(), changed);
        }
    };
    for place in 0..original.len() {
        let mut changed = original.clone();
        for byte in 0..=255 {
            changed[place] = byte;
            check(&changed);
        }
        let mut without = original.clone();
        let byte = without.remove(place);
        check(&without);
        let mut twice = original.clone();
        twice.insert(place, byte);
        check(&twice);
        let mut swapped = original.clone();
        swapped.swap(place, (place + 1) % original.len());
        check(&swapped);
    }
    assert!(read > 5_000, "letters within texts may change: {read}");
}

#[test]
fn an_entry_serializes_as_its_line() {
    let entry = full();
    assert_eq!(serde_json::to_vec(&entry).unwrap(), {
        let mut line = Vec::new();
        entry.append_line(0, &mut line).unwrap();
        line
    });
    let value = serde_json::to_value(&entry).unwrap();
    assert_eq!(
        (&value["category"], &value["phase"], &value["detail"]["status"]),
        (&"api".into(), &"result".into(), &200.into())
    );
    // What is not set yet is left out.
    let new = Entry::new(Category::custom("billing").unwrap(), "a", Outcome::Pending);
    let json = r#"{"category":"billing","action":"a","principal":null,"outcome":"pending"}"#;
    assert_eq!(serde_json::to_string(&new).unwrap(), json);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_entry_serializes_as_its_line(entry in any_entry()) {
        let mut line = Vec::new();
        if entry.append_line(u64::MAX, &mut line) == Ok(None) {
            prop_assert_eq!(String::from_utf8(serde_json::to_vec(&entry).unwrap()).unwrap(), String::from_utf8(line).unwrap());
        }
    }

    #[test]
    fn every_entry_comes_back(entry in any_entry()) {
        let line = line(&entry);
        prop_assert!(!line.contains('\n'));
        prop_assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok());
        prop_assert_eq!(Entry::from_line(line.as_bytes()).unwrap(), entry.clone());
        match entry.timestamp.filter(graven_core::time::is_in_range) {
            Some(_) => prop_assert_eq!(Entry::from_input(line.as_bytes()).unwrap(), entry),
            None => prop_assert!(Entry::from_input(line.as_bytes()).is_err()),
        }
    }

    #[test]
    fn no_bytes_make_the_readers_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), place in 0_usize..400) {
        let _ = Entry::from_line(&bytes);
        let _ = Entry::from_input(&bytes);
        let mut line = line(&full()).into_bytes();
        let place = place.min(line.len());
        line.splice(place..(place + bytes.len()).min(line.len()), bytes);
        if let Ok(entry) = Entry::from_line(&line) {
            let mut again = Vec::new();
            entry.append_line(0, &mut again).unwrap();
            prop_assert_eq!(&again, &line);
        }
        let _ = Entry::from_input(&line);
    }
}
