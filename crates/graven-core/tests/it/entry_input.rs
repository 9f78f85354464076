//! Entries as other programs write them: any order and spacing, and a clear answer to every mistake.

use graven_core::entry::{Approval, Approver, Category, Decision, Entry, EntryError, Outcome, Phase};
use graven_core::input::InputError;

fn read(json: &str) -> Result<Entry, InputError> {
    Entry::from_input(json.as_bytes())
}

/// The fields that must be there, and these.
fn with(fields: &str) -> String {
    format!(r#"{{"category":"api","action":"a","outcome":"success",{fields}}}"#)
}

fn message(json: &str) -> String {
    read(json).expect_err("no entry").to_string()
}

#[test]
fn the_shortest_input_has_three_fields() {
    let entry = read(r#"{"outcome":"denied","action":"a","category":"billing"}"#).unwrap();
    assert_eq!(entry, Entry::new(Category::custom("billing").unwrap(), "a", Outcome::Denied));
}

#[test]
fn any_order_and_spacing_will_do() {
    let entry = read(
        " {\r\n\t\"count\" : 2 , \"on_behalf_of\" : [ \"bob\" , \"carol\" ] , \"detail\" : { \"n\" : 1e400 } ,
        \"source\" : { \"host\" : \"h\" , \"ip\" : \"::1\" } , \"\\u0069d\" : \"\\u0065\\u0031\" , \"phase\" : \"intent\" ,
        \"outcome\" : \"pending\" , \"timestamp\" : \"2026-11-24T05:40:17+02:00\" , \"action\" : \"\\ud83d\\ude00\" ,
        \"category\" : \"k8s\" , \"agent\" : { } } \n",
    )
    .unwrap();
    let source =
        graven_core::entry::Source { ip: Some("::1".into()), host: Some("h".into()), ..Default::default() };
    let expected = Entry::new(Category::K8s, "😀", Outcome::Pending)
        .id("e1")
        .timestamp("2026-11-24T03:40:17Z".parse().unwrap())
        .count(2)
        .on_behalf_of(["bob", "carol"])
        .detail_json(r#"{"n":1e400}"#)
        .source(source)
        .agent(Default::default())
        .phase(Phase::Intent);
    assert_eq!(entry, expected);
}

#[test]
fn null_stands_for_absent() {
    let nulls = [
        "id",
        "timestamp",
        "principal",
        "duration_ms",
        "okr_id",
        "okr_run_id",
        "relay_id",
        "session_id",
        "trace_id",
        "span_id",
        "request_id",
        "resource",
        "source",
        "agent",
        "on_behalf_of",
        "phase",
        "intent_id",
        "reason",
        "count",
        "received_at",
        "recorded_by",
        "approval",
    ]
    .map(|field| format!("\"{field}\":null"));
    assert_eq!(read(&with(&nulls.join(","))), Ok(Entry::new(Category::Api, "a", Outcome::Success)));
    assert_eq!(read(&with("\"detail\":null")).unwrap().detail.unwrap().as_str(), "null");
    assert_eq!(read(&with("\"source\":{\"ip\":null}")).unwrap().source, Some(Default::default()));
}

#[test]
fn three_fields_are_required() {
    for field in ["category", "action", "outcome"] {
        let json = r#"{"category":"api","action":"action","outcome":"success"}"#;
        let value = if field == "action" {
            "action"
        } else if field == "category" {
            "api"
        } else {
            "success"
        };
        let without = json.replace(&format!("\"{field}\":\"{value}\""), "\"count\":1");
        assert_eq!(read(&without), Err(InputError::Missing { field }));
        assert!(matches!(
            read(&json.replace(&format!(":\"{value}\""), ":null")),
            Err(InputError::WrongType { .. })
        ));
    }
}

#[test]
fn an_unknown_field_is_answered_with_the_nearest_known_one() {
    assert_eq!(
        message(&with(r#""sesion_id":"s""#)),
        "unknown field \"sesion_id\" at byte 51; did you mean `session_id`?"
    );
    assert_eq!(
        message(&with(r#""agent":{"modle":"s"}"#)),
        "unknown field \"agent.modle\" at byte 60; did you mean `agent.model`?"
    );
    assert!(message(&with(r#""Outcome":"x""#)).ends_with("did you mean `outcome`?"));
}

#[test]
fn a_wrong_type_is_named() {
    for (field, value, expected, found) in [
        ("id", "7", "a string", "a number"),
        ("principal", "[\"a\"]", "a string", "an array"),
        ("duration_ms", "\"12\"", "a whole number from 0 to 18446744073709551615", "a string"),
        ("duration_ms", "1.5", "a whole number from 0 to 18446744073709551615", "another number"),
        ("duration_ms", "-1", "a whole number from 0 to 18446744073709551615", "another number"),
        ("count", "18446744073709551616", "a whole number from 0 to 18446744073709551615", "another number"),
        ("count", "1e3", "a whole number from 0 to 18446744073709551615", "another number"),
        ("timestamp", "1700000000", "a time such as \"2026-01-31T23:59:59.250Z\"", "a number"),
        ("timestamp", "\"yesterday\"", "a time such as \"2026-01-31T23:59:59.250Z\"", "another string"),
        (
            "timestamp",
            "\"2026-02-30T00:00:00Z\"",
            "a time such as \"2026-01-31T23:59:59.250Z\"",
            "another string",
        ),
        (
            "timestamp",
            "\"2026-02-03T00:00:00\"",
            "a time such as \"2026-01-31T23:59:59.250Z\"",
            "another string",
        ),
        ("source", "\"::1\"", "an object", "a string"),
        ("source.ip", "{}", "a string", "an object"),
        ("on_behalf_of", "\"bob\"", "an array of strings", "a string"),
        ("on_behalf_of", "[null]", "a string", "null"),
        ("phase", "true", "a string", "true or false"),
        ("received_at", "7", "a time such as \"2026-01-31T23:59:59.250Z\"", "a number"),
        ("recorded_by", "{}", "a string", "an object"),
        ("approval", "\"allowed\"", "an object", "a string"),
        ("approval.by", "1", "a string", "a number"),
        ("approval.decision", "null", "a string", "null"),
    ] {
        let json = match field.split_once('.') {
            Some((object, inner)) => with(&format!("\"{object}\":{{\"{inner}\":{value}}}")),
            None => with(&format!("\"{field}\":{value}")),
        };
        match read(&json) {
            Err(InputError::WrongType { field: f, expected: e, found: is, .. }) => {
                assert_eq!((f, e, is), (field, expected, found), "{json}");
            }
            other => panic!("{json}: {other:?}"),
        }
    }
}

#[test]
fn a_name_that_is_none_is_answered_with_those_there_are() {
    let outcome = read(r#"{"category":"api","action":"a","outcome":"ok"}"#);
    assert_eq!(outcome, Err(InputError::Value { field: "outcome", offset: 41, reason: EntryError::Outcome }));
    assert!(
        message(r#"{"category":"api","action":"a","outcome":"ok"}"#)
            .contains("success, failure, denied, pending")
    );
    assert!(message(r#"{"category":"API","action":"a","outcome":"denied"}"#).contains("tool_execution"));
    assert!(message(&with("\"phase\":\"before\"")).contains("intent, result"));
}

#[test]
fn a_time_is_read_in_the_years_of_four_digits() {
    let time =
        |text: &str| read(&with(&format!("\"timestamp\":\"{text}\""))).map(|entry| entry.timestamp.unwrap());
    assert_eq!(
        time("9999-12-31T22:59:59.1234567891-01:00").unwrap().to_string(),
        "9999-12-31 23:59:59.123456789 UTC"
    );
    for text in ["9999-12-31T23:59:59-01:00", "0000-01-01T00:59:59+01:00", "+10000-01-01T00:00:00Z"] {
        let reason = EntryError::Year("timestamp");
        assert_eq!(time(text), Err(InputError::Value { field: "timestamp", offset: 63, reason }), "{text}");
    }
    assert!(message(&with(r#""timestamp":"-0001-12-31T00:00:00Z""#)).contains("years 0000 to 9999"));
}

#[test]
fn an_approval_has_a_decision_and_only_known_members() {
    let approval = |members: &str| read(&with(&format!("\"approval\":{{{members}}}")));
    let whole = approval(r#""decision":"denied","rule":"no-network","kind":"rule","by":"guard""#).unwrap();
    let expected = Approval::new(Decision::Denied).by("guard").kind(Approver::Rule).rule("no-network");
    assert_eq!(whole.approval.as_deref(), Some(&expected));
    let asked = approval(r#""decision":"asked","by":null,"kind":null,"rule":null"#).unwrap();
    assert_eq!(asked.approval.as_deref(), Some(&Approval::new(Decision::Asked)));
    assert_eq!(approval(""), Err(InputError::Missing { field: "approval.decision" }));
    let unknown = approval(r#""decision":"asked","reason":"x""#);
    assert!(matches!(unknown, Err(InputError::UnknownField { .. })), "{unknown:?}");
    let twice = approval(r#""decision":"asked","decision":"allowed""#);
    assert!(matches!(twice, Err(InputError::Doubled { field: "approval.decision", .. })), "{twice:?}");
    assert!(approval(r#""decision":"yes""#).unwrap_err().to_string().contains("allowed, denied, asked"));
    assert!(approval(r#""decision":"asked","kind":"dog""#).unwrap_err().to_string().contains("human, rule"));
}

#[test]
fn a_client_cannot_say_what_only_a_server_says() {
    for (field, value) in
        [("received_at", "2026-01-01T00:00:00Z"), ("recorded_by", "root"), ("recorded_by", "")]
    {
        let json = with(&format!("\"{field}\":\"{value}\""));
        assert_eq!(Entry::from_client(json.as_bytes()), Err(InputError::SetByServer { field }));
        let escaped = json.replacen("\"rec", "\"\\u0072ec", 1);
        assert_eq!(Entry::from_client(escaped.as_bytes()), Err(InputError::SetByServer { field }));
        assert!(read(&json).is_ok(), "what was read from a trail may be recorded in another");
        let absent = with(&format!("\"{field}\":null"));
        assert_eq!(Entry::from_client(absent.as_bytes()), read(&with("\"id\":null")));
    }
    let approved = with(r#""approval":{"decision":"allowed"}"#);
    assert_eq!(Entry::from_client(approved.as_bytes()), read(&approved));
}

#[test]
fn a_field_may_be_there_once() {
    assert_eq!(read(&with(r#""action":"b""#)), Err(InputError::Doubled { field: "action", offset: 51 }));
    assert_eq!(read(&with(r#""\u0061ction":"b""#)), Err(InputError::Doubled { field: "action", offset: 51 }));
    assert_eq!(
        read(&with(r#""source":{"ip":"1","ip":"2"}"#)),
        Err(InputError::Doubled { field: "source.ip", offset: 70 })
    );
}

#[test]
fn what_is_no_object_is_refused() {
    for (json, found) in [("[]", "an array"), ("\"x\"", "a string"), ("7", "a number"), ("null", "null")] {
        assert_eq!(read(json), Err(InputError::NotAnObject { found }));
    }
    for json in ["", " ", "x", "{", "{}x", "{\"a\"", "[1", "{,}", "{\"action\":\"a\",}", "\u{feff}{}"] {
        assert!(matches!(read(json), Err(InputError::Json(_))), "{json}: {:?}", read(json));
    }
    assert_eq!(Entry::from_input(b"{\"id\":\"\xff\"}"), Err(InputError::Utf8 { offset: 7 }));
}
