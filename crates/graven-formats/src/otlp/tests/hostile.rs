//! Requests that are torn, wrong, endless or huge: a typed error or entries, in bounded memory, and never a panic.

use super::super::{DecodeError, Encoding, RECORDS_MAX, Signal, VALUES_MAX, decode};
use super::wire::{bytes, double, fixed64, int, join, message, text};
use super::{attribute, detail, of_json, of_protobuf, request};
use crate::event::Unmapped;
use serde_json::{Value, json};

fn refused(signal: Signal, request: &[u8]) -> String {
    decode(signal, Encoding::Protobuf, request).unwrap_err().to_string()
}

#[test]
fn what_is_torn_anywhere_is_an_error_or_less() {
    let record = join([
        &*fixed64(1, 7),
        &attribute(6, "key", &message(6, &attribute(1, "inner", &double(4, 0.25)))),
        &bytes(9, &[3; 16]),
    ]);
    let whole =
        request(&message(1, &attribute(1, "service.name", &text(1, "s"))), &text(3, "url"), &[record]);
    assert_eq!(decode(Signal::Logs, Encoding::Protobuf, &whole).unwrap().len(), 1);
    for end in 1..whole.len() {
        let error = decode(Signal::Logs, Encoding::Protobuf, &whole[..end]).unwrap_err();
        assert!(matches!(error, DecodeError::Protobuf { record: 0, .. }), "{end}: {error}");
        // A byte that is another one is an error or says something else.
        for flip in [0x01, 0x80, 0xff] {
            let mut other = whole.clone();
            other[end] ^= flip;
            for signal in [Signal::Logs, Signal::Traces] {
                for event in decode(signal, Encoding::Protobuf, &other).unwrap_or_default() {
                    assert_eq!(event.entry.check(), Ok(()));
                }
            }
        }
    }
    let endless = [0xff; 11];
    assert!(refused(Signal::Logs, &endless).contains("record 0"));
}

#[test]
fn an_error_says_which_record_and_what() {
    let good = fixed64(1, 1);
    for (record, words) in [
        (text(1, "a time"), "LogRecord.time"),
        (int(5, 4), "LogRecord.body"),
        (bytes(3, &[0xff, 0xfe]), "LogRecord.severity_text"),
        (attribute(6, "k", &bytes(1, &[0xc3, 0x28])), "LogRecord.attributes"),
        (vec![0x0a, 0x7f], "LogRecord"),
    ] {
        let error = refused(Signal::Logs, &request(&[], &[], &[good.clone(), record]));
        assert!(error.contains("record 1") && error.contains(words), "{error}");
    }
    // Spans sent as logs, and logs as spans.
    let span = request(&[], &[], &[join([&*bytes(1, &[1; 16]), &text(5, "name")])]);
    assert!(refused(Signal::Logs, &span).contains("record 0"));
    let log = request(&[], &[], &[good]);
    assert!(refused(Signal::Traces, &log).contains("record 0"));
    assert!(refused(Signal::Logs, &message(1, &bytes(3, &[0xff]))).contains("schema_url"));
}

#[test]
fn values_nest_as_deep_as_protobuf_lets_them() {
    let lists = |levels: usize| (0..levels).fold(text(1, "x"), |inner, _| message(5, &message(1, &inner)));
    let pairs =
        |levels: usize| (0..levels).fold(text(1, "x"), |inner, _| message(6, &attribute(1, "k", &inner)));
    // As deep as any is read: nothing that is read nests too deep for a detail.
    for value in [&lists as &dyn Fn(usize) -> Vec<u8>, &pairs] {
        let record = |levels: usize| message(5, &value(levels));
        let deepest = (1..200)
            .take_while(|levels| {
                let request = request(&[], &[], &[record(*levels)]);
                decode(Signal::Logs, Encoding::Protobuf, &request).is_ok()
            })
            .last();
        let deepest = deepest.expect("one level is read");
        assert!((30..100).contains(&deepest), "{deepest}");
        let events = of_protobuf(Signal::Logs, &[], &[], &[record(deepest)]);
        assert_eq!(events[0].unmapped, None);
        assert!(refused(Signal::Logs, &request(&[], &[], &[record(deepest + 1)])).contains("recursion"));
    }
    assert!(refused(Signal::Logs, &request(&[], &[], &[message(5, &lists(5_000))])).contains("recursion"));
}

#[test]
fn json_that_nests_without_end_is_kept_or_refused() {
    let value = r#"{"arrayValue":{"values":["#.repeat(100_000);
    let torn = format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"body":{value}"#);
    let error = decode(Signal::Logs, Encoding::Json, torn.as_bytes()).unwrap_err();
    assert!(matches!(error, DecodeError::Json(_)), "{error}");
    let whole = format!("{torn}{}}}]}}]}}]}}", "]}}".repeat(100_000));
    let events = decode(Signal::Logs, Encoding::Json, whole.as_bytes()).unwrap();
    assert_eq!((events.len(), events[0].unmapped), (1, Some(Unmapped::NotKept)));
    assert_eq!(detail(&events[0]), Value::from(whole));
}

#[test]
fn what_is_no_json_says_where() {
    for (request, error) in [
        (&b"[1]"[..], DecodeError::NotAnObject),
        (b"\"resourceLogs\"", DecodeError::NotAnObject),
        (b"{\"resourceLogs\":\xff}", DecodeError::NotUtf8 { offset: 16 }),
    ] {
        assert_eq!(decode(Signal::Logs, Encoding::Json, request), Err(error));
    }
    let torn = decode(Signal::Logs, Encoding::Json, br#"{"resourceLogs":[}"#).unwrap_err();
    assert!(torn.to_string().contains("byte 17"), "{torn}");
}

#[test]
fn json_that_no_detail_holds_is_kept_as_text() {
    for request in [
        r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"\ud83d"}}]}]}]}"#,
        r#"{"resourceLogs":[],"resourceLogs":[{"a":1}]}"#,
    ] {
        let events = decode(Signal::Logs, Encoding::Json, request.as_bytes()).unwrap();
        assert_eq!((events.len(), events[0].unmapped), (1, Some(Unmapped::NotKept)));
        assert_eq!(detail(&events[0]), Value::from(request));
        assert!(events[0].entry.id.as_ref().unwrap().starts_with("otlp:"));
    }
}

#[test]
fn numbers_that_json_has_no_form_for_keep_their_names() {
    let numbers = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, f64::MAX, 5e-324];
    let records: Vec<Vec<u8>> = numbers.iter().map(|number| message(5, &double(4, *number))).collect();
    let events = of_protobuf(Signal::Logs, &[], &[], &records);
    let bodies: Vec<String> =
        events.iter().map(|event| detail(event)["record"]["body"].to_string()).collect();
    assert_eq!(
        bodies,
        [
            r#"{"doubleValue":"NaN"}"#,
            r#"{"doubleValue":"Infinity"}"#,
            r#"{"doubleValue":"-Infinity"}"#,
            "-0.0",
            "1.7976931348623157e+308",
            "5e-324"
        ]
    );
    let name = of_json(&json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [
        {"body": {"doubleValue": "-Infinity"}}
    ]}]}]}));
    assert_eq!(detail(&name[0])["record"]["body"], json!({"doubleValue": "-Infinity"}));
}

#[test]
fn times_of_any_number_are_taken() {
    let records = [0, 1, u64::MAX].map(|time| fixed64(1, time));
    let events = of_protobuf(Signal::Logs, &[], &[], &records);
    let times: Vec<Option<String>> =
        events.iter().map(|event| event.entry.timestamp.map(|time| time.to_rfc3339())).collect();
    let latest = "2554-07-21T23:34:33.709551615+00:00";
    assert_eq!(times, [None, Some("1970-01-01T00:00:00.000000001+00:00".into()), Some(latest.into())]);
    let entry = events[2].entry.clone();
    assert_eq!(entry.check(), Ok(()));
    entry.append_line(0, &mut Vec::new()).unwrap();
    // A span that ends before it begins took no time that is known.
    let span = join([&*fixed64(7, u64::MAX), &fixed64(8, 1)]);
    let events = of_protobuf(Signal::Traces, &[], &[], &[span]);
    assert_eq!(events[0].entry.duration_ms, None);
    for time in [json!("x"), json!(-1), json!(1.5), json!("18446744073709551616"), json!({})] {
        let request = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [{"timeUnixNano": time}]}]}]});
        let events = of_json(&request);
        assert_eq!((events[0].entry.timestamp, &detail(&events[0])["record"]["timeUnixNano"]), (None, &time));
    }
}

#[test]
fn a_hundred_thousand_records_are_taken_and_too_many_are_not() {
    let record = join([&*fixed64(1, 1), &attribute(6, "k", &text(1, "v"))]);
    let events = of_protobuf(Signal::Logs, &[], &[], &vec![record; 100_000]);
    assert_eq!(events.len(), 100_000);
    assert!(events[99_999].entry.id.as_ref().unwrap().ends_with(":99999"));
    let empty = request(&[], &[], &vec![Vec::new(); RECORDS_MAX + 1]);
    assert_eq!(decode(Signal::Logs, Encoding::Protobuf, &empty), Err(DecodeError::TooManyRecords));
    assert_eq!(decode(Signal::Traces, Encoding::Protobuf, &empty), Err(DecodeError::TooManyRecords));
}

/// What many records have in common is not copied without bounds, and no record is without it.
#[test]
fn a_large_resource_stands_once() {
    for (resource_bytes, records) in [(100_000, 2_000), (10_000, 20_000)] {
        let large = "r".repeat(resource_bytes);
        let head =
            join([&*attribute(1, "large", &text(1, &large)), &attribute(1, "service.name", &text(1, "s"))]);
        let scope = message(1, &text(1, &large));
        let events = of_protobuf(Signal::Logs, &message(1, &head), &scope, &vec![vec![]; records]);
        let total: usize =
            events.iter().map(|event| event.entry.detail.as_ref().unwrap().as_str().len()).sum();
        assert!(total < (40 << 20), "{total}");
        let first = detail(&events[0]);
        assert_eq!(first["resource"]["attributes"]["large"], large);
        let last = events.last().unwrap();
        let named = json!({"in": events[0].entry.id});
        assert_eq!((&detail(last)["resource"], &detail(last)["scope"]), (&named, &named));
        assert_eq!(last.entry.source.as_ref().unwrap().service.as_deref(), Some("s"));
    }
}

#[test]
fn a_huge_record_is_taken_unless_it_is_made_of_nothing() {
    let body = "h".repeat(20 << 20);
    let huge = join([&*message(5, &text(1, &body)), &attribute(6, "user.id", &text(1, "u"))]);
    let events = of_protobuf(Signal::Logs, &[], &[], &[huge]);
    assert_eq!((detail(&events[0])["record"]["body"].as_str(), events[0].unmapped), (Some(&*body), None));
    assert_eq!(events[0].entry.principal.as_deref(), Some("u"));
    // As a value each of these would take thirty times its two bytes.
    let empty = message(1, &[]).repeat(VALUES_MAX);
    let error = Err(DecodeError::TooManyValues { record: 0 });
    let list = message(5, &message(5, &empty));
    let log = request(&[], &[], &[list]);
    assert_eq!(decode(Signal::Logs, Encoding::Protobuf, &log), error);
    let pairs = [message(6, &message(2, &message(6, &empty))), message(6, &[]).repeat(VALUES_MAX + 1)];
    for record in pairs {
        assert_eq!(decode(Signal::Logs, Encoding::Protobuf, &request(&[], &[], &[record])), error);
    }
    for events in [9, 11, 13].map(|tag| message(tag, &[]).repeat(VALUES_MAX + 1)) {
        assert_eq!(decode(Signal::Traces, Encoding::Protobuf, &request(&[], &[], &[events])), error);
    }
    let resource = message(1, &empty.repeat(2));
    assert_eq!(decode(Signal::Logs, Encoding::Protobuf, &request(&resource, &[], &[vec![]])), error);
}
