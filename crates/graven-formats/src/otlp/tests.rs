//! Requests that are well formed: both encodings say the same, nothing of them is lost, and outcomes are real.

mod hostile;
mod wire;

use chrono::DateTime;
use graven_core::entry::{Entry, Outcome};
use graven_core::hash::sha256;
use graven_core::intake::BLOB_BYTES_MAX;
use serde_json::{Value, json};

use super::{Encoding, Signal, decode};
use crate::event::{Event, Unmapped};
use wire::{bytes, double, fixed32, fixed64, int, join, message, text};

/// The events of a request in JSON.
fn of_json(request: &Value) -> Vec<Event> {
    decode(Signal::Logs, Encoding::Json, request.to_string().as_bytes()).unwrap()
}

/// The events of a request in protobuf that has one resource with one scope; `head` has the fields of both beside records.
fn of_protobuf(signal: Signal, resource: &[u8], scope: &[u8], records: &[Vec<u8>]) -> Vec<Event> {
    decode(signal, Encoding::Protobuf, &request(resource, scope, records)).unwrap()
}

fn request(resource: &[u8], scope: &[u8], records: &[Vec<u8>]) -> Vec<u8> {
    let records: Vec<u8> = records.iter().flat_map(|record| message(2, record)).collect();
    message(1, &join([resource, &message(2, &join([scope, &records]))]))
}

fn attribute(tag: u32, key: &str, value: &[u8]) -> Vec<u8> {
    message(tag, &join([&*text(1, key), &message(2, value)]))
}

/// The detail as another parser reads it.
fn detail(event: &Event) -> Value {
    serde_json::from_str(event.entry.detail.as_ref().unwrap().as_str()).unwrap()
}

/// What was made of two requests, but for their ids.
fn without_ids(mut events: Vec<Event>) -> Vec<Event> {
    events.iter_mut().for_each(|event| event.entry.id = None);
    events
}

/// A record of a log with these attributes, in JSON.
fn log(attributes: Value, more: Value) -> Event {
    let pairs: Vec<Value> = attributes
        .as_object()
        .unwrap()
        .iter()
        .map(|(key, value)| {
            let kind = match value {
                Value::String(_) => "stringValue",
                Value::Bool(_) => "boolValue",
                _ => "intValue",
            };
            json!({"key": key, "value": {kind: value}})
        })
        .collect();
    let mut record = json!({"attributes": pairs});
    record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    of_json(&json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]})).remove(0)
}

#[test]
fn a_log_record_is_the_same_in_both_encodings() {
    let list = message(5, &join([&*message(1, &text(1, "x")), &message(1, &int(2, 1)), &message(1, &[])]));
    let pairs = message(6, &join([&*attribute(1, "a", &int(3, 1)), &message(1, &text(1, "b"))]));
    let record = join([
        &*fixed64(1, 1_769_860_800_123_456_789),
        &fixed64(11, 1_769_860_800_000_000_000),
        &int(2, 9),
        &text(3, "INFO"),
        &text(12, "user.login"),
        &message(5, &text(1, "hello \"you\"\n")),
        &attribute(6, "user.id", &text(1, "u1")),
        &attribute(6, "max", &int(3, i64::MAX as u64)),
        &attribute(6, "min", &int(3, i64::MIN as u64)),
        &attribute(6, "half", &double(4, 0.5)),
        &attribute(6, "five", &double(4, 5.0)),
        &attribute(6, "bytes", &bytes(7, &[0, 1, 255])),
        &attribute(6, "list", &list),
        &attribute(6, "pairs", &pairs),
        &attribute(6, "none", &[]),
        &int(7, 3),
        &fixed32(8, 1),
        &bytes(9, &[0x5b; 16]),
        &bytes(10, &[0xee; 8]),
    ]);
    let resource = join([
        &*message(1, &join([&*attribute(1, "service.name", &text(1, "shop")), &int(2, 1)])),
        &text(3, "https://opentelemetry.io/schemas/1.45.0"),
    ]);
    let scope = join([
        &*message(1, &join([&*text(1, "lib"), &text(2, "1.2"), &attribute(3, "k", &text(1, "v"))])),
        &text(3, "https://opentelemetry.io/schemas/gen-ai/0.1.0"),
    ]);
    let pair = |key: &str, value: Value| json!({"key": key, "value": value});
    let request = format!(
        r#"{{"resourceLogs":[{{"resource":{{"attributes":[{service}],"droppedAttributesCount":1}},
        "schemaUrl":"https://opentelemetry.io/schemas/1.45.0","scopeLogs":[{{
        "scope":{{"name":"lib","version":"1.2","attributes":[{k}]}},
        "schemaUrl":"https://opentelemetry.io/schemas/gen-ai/0.1.0","logRecords":[{{
        "timeUnixNano":"1769860800123456789","observedTimeUnixNano":"1769860800000000000","severityNumber":9,
        "severityText":"INFO","eventName":"user.login","body":{{"stringValue":"hello \"you\"\n"}},
        "attributes":[{attributes}],"droppedAttributesCount":3,"flags":1,
        "traceId":"5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b","spanId":"eeeeeeeeeeeeeeee"}}]}}]}}]}}"#,
        service = pair("service.name", json!({"stringValue": "shop"})),
        k = pair("k", json!({"stringValue": "v"})),
        attributes = [
            pair("user.id", json!({"stringValue": "u1"})),
            pair("max", json!({"intValue": i64::MAX.to_string()})),
            pair("min", json!({"intValue": i64::MIN})),
            pair("half", json!({"doubleValue": 0.5})),
            pair("five", json!({"doubleValue": 5.0})),
            pair("bytes", json!({"bytesValue": "AAH/"})),
            pair("list", json!({"arrayValue": {"values": [{"stringValue": "x"}, {"boolValue": true}, {}]}})),
            pair(
                "pairs",
                json!({"kvlistValue": {"values": [pair("a", json!({"intValue": "1"})), {"key": "b"}]}}),
            ),
            pair("none", json!({})),
        ]
        .map(|pair| pair.to_string())
        .join(","),
    );
    let from_json = decode(Signal::Logs, Encoding::Json, request.as_bytes()).unwrap();
    let from_protobuf = of_protobuf(Signal::Logs, &resource, &scope, &[record]);
    assert_eq!(
        from_protobuf[0].entry.detail.as_ref().unwrap().as_str(),
        r#"{"record":{"timeUnixNano":"1769860800123456789","observedTimeUnixNano":"1769860800000000000","severityNumber":9,"severityText":"INFO","eventName":"user.login","body":"hello \"you\"\n","attributes":{"user.id":"u1","max":9223372036854775807,"min":-9223372036854775808,"half":0.5,"five":5.0,"bytes":{"bytesValue":"AAH/"},"list":["x",true,null],"pairs":{"a":1,"b":null},"none":null},"droppedAttributesCount":3,"flags":1,"traceId":"5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b","spanId":"eeeeeeeeeeeeeeee"},"resource":{"attributes":{"service.name":"shop"},"droppedAttributesCount":1},"resourceSchemaUrl":"https://opentelemetry.io/schemas/1.45.0","scope":{"name":"lib","version":"1.2","attributes":{"k":"v"}},"schemaUrl":"https://opentelemetry.io/schemas/gen-ai/0.1.0"}"#
    );
    let entry = &from_protobuf[0].entry;
    assert_eq!(entry.action, "user.login");
    assert_eq!(entry.principal.as_deref(), Some("u1"));
    assert_eq!(entry.source.as_ref().unwrap().service.as_deref(), Some("shop"));
    assert_eq!(entry.trace_id.as_deref(), Some("5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b"));
    assert_eq!(entry.span_id.as_deref(), Some("eeeeeeeeeeeeeeee"));
    assert_eq!(entry.timestamp.unwrap().timestamp_nanos_opt(), Some(1_769_860_800_123_456_789));
    assert_eq!(without_ids(from_protobuf), without_ids(from_json));
}

#[test]
fn a_span_is_the_same_in_both_encodings() {
    let event = join([
        &*fixed64(1, 2),
        &text(2, "exception"),
        &attribute(3, "exception.type", &text(1, "E")),
        &int(4, 1),
    ]);
    let link = join([
        &*bytes(1, &[1; 16]),
        &bytes(2, &[2; 8]),
        &text(3, "a=b"),
        &attribute(4, "k", &text(1, "v")),
        &int(5, 2),
        &fixed32(6, 256),
    ]);
    let span = join([
        &*bytes(1, &[0x5b; 16]),
        &bytes(2, &[0xee; 8]),
        &text(3, "c=d"),
        &bytes(4, &[0xdd; 8]),
        &fixed32(16, 257),
        &text(5, "GET /"),
        &int(6, 2),
        &fixed64(7, 1_769_860_800_000_000_000),
        &fixed64(8, 1_769_860_800_250_000_000),
        &attribute(9, "http.request.method", &text(1, "GET")),
        &attribute(9, "url.path", &text(1, "/")),
        &int(10, 4),
        &message(11, &event),
        &int(12, 5),
        &message(13, &link),
        &int(14, 6),
        &message(15, &join([&*text(2, "boom"), &int(3, 2)])),
    ]);
    let reference = join([&*text(1, "u"), &text(2, "service"), &text(3, "service.name"), &text(4, "d")]);
    let resource = message(1, &message(3, &reference));
    let from_protobuf = of_protobuf(Signal::Traces, &resource, &[], &[span]);
    let request = r#"{"resourceSpans":[{"resource":{"entityRefs":[{"schemaUrl":"u","type":"service",
        "idKeys":["service.name"],"descriptionKeys":["d"]}]},"scopeSpans":[{"spans":[{
        "traceId":"5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b","spanId":"eeeeeeeeeeeeeeee","traceState":"c=d",
        "parentSpanId":"dddddddddddddddd","flags":257,"name":"GET /","kind":2,
        "startTimeUnixNano":"1769860800000000000","endTimeUnixNano":"1769860800250000000",
        "attributes":[{"key":"http.request.method","value":{"stringValue":"GET"}},
        {"key":"url.path","value":{"stringValue":"/"}}],"droppedAttributesCount":4,
        "events":[{"timeUnixNano":"2","name":"exception",
        "attributes":[{"key":"exception.type","value":{"stringValue":"E"}}],"droppedAttributesCount":1}],
        "droppedEventsCount":5,"links":[{"traceId":"01010101010101010101010101010101",
        "spanId":"0202020202020202","traceState":"a=b","attributes":[{"key":"k","value":{"stringValue":"v"}}],
        "droppedAttributesCount":2,"flags":256}],"droppedLinksCount":6,
        "status":{"message":"boom","code":2}}]}]}]}"#;
    let from_json = decode(Signal::Traces, Encoding::Json, request.as_bytes()).unwrap();
    let entry = &from_protobuf[0].entry;
    assert_eq!((&*entry.action, entry.outcome), ("GET /", Outcome::Failure));
    assert_eq!((entry.duration_ms, entry.reason.as_deref()), (Some(250), Some("boom")));
    assert!(detail(&from_protobuf[0])["record"].get("unknownFields").is_none());
    assert_eq!(without_ids(from_protobuf), without_ids(from_json));
}

#[test]
fn ids_are_of_the_bytes_and_the_position() {
    let records: Vec<Vec<u8>> = (0..3).map(|number| fixed64(1, number)).collect();
    let (one, two) = (request(&[], &[], &records), request(&[], &[], &records[..2]));
    let both = join([&*one, &two]);
    let events = decode(Signal::Logs, Encoding::Protobuf, &both).unwrap();
    let ids: Vec<String> = events.into_iter().map(|event| event.entry.id.unwrap()).collect();
    let digest = graven_core::hash::hex(sha256(&both).as_bytes());
    assert_eq!(ids, [0, 1, 2, 3, 4].map(|position| format!("otlp:{digest}:{position}")));
    let again = decode(Signal::Logs, Encoding::Protobuf, &both).unwrap();
    assert!(again.iter().zip(&ids).all(|(event, id)| event.entry.id.as_ref() == Some(id)));
}

#[test]
fn what_is_not_known_is_kept() {
    // A field of a later version, a field twice, and fields beside the known ones on each level.
    let later = join([&*fixed64(1, 5), &text(99, "later"), &int(98, 300)]);
    let twice = join([&*text(3, "first"), &text(3, "second")]);
    let resource = text(1000, "beside");
    let events = of_protobuf(Signal::Logs, &resource, &text(7, "more"), &[later, twice]);
    let shown: Vec<Value> = events.iter().map(detail).collect();
    assert_eq!(shown.len(), 4);
    assert_eq!(shown[0], json!({"field 1000 beside the resource": "beside"}));
    assert_eq!(shown[1], json!({"field 7 beside the scope": "more"}));
    assert_eq!(shown[2]["record"]["unknownFields"], json!({"99": "later", "98": {"bytesValue": "rAI="}}));
    // The last one counts, as in every message. It is told that there was more.
    let record = &shown[3]["record"];
    assert_eq!((&record["severityText"], &record["unknownFields"]), (&json!("second"), &json!({})));
    let other = decode(Signal::Logs, Encoding::Protobuf, &text(9, "other")).unwrap();
    assert_eq!((other.len(), other[0].unmapped), (1, Some(Unmapped::OtherKind)));

    for (request, kept) in [
        (r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"new":{"a":1.50}}]}]}]}"#, r#""new":{"a":1.50}"#),
        (r#"{"resourceLogs":[{"new":1e400,"scopeLogs":[{"logRecords":[{}]}]}]}"#, r#""new":1e400"#),
        (r#"{"resourceLogs":[{"scopeLogs":[{"new":7,"logRecords":[{}]}]}]}"#, r#""new":7"#),
        (r#"{"resourceLogs":[{"scopelogs":[{"a":1}]}]}"#, r#"{"scopelogs":[{"a":1}]}"#),
        (r#"{"resourceLogs":[{"scopeLogs":[{"records":[{"a":1}]}]}]}"#, r#"{"records":[{"a":1}]}"#),
        (r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[17]}]}]}"#, "17"),
        (r#"{"resourceLogs":[{"scopeLogs":[18]}]}"#, "18"),
        (r#"{"resourceLogs":[19]}"#, "19"),
        (r#"{"resourceLogs":{"a":20}}"#, r#"{"a":20}"#),
        (
            r#"{"resource_logs":[{"scope_logs":[{"log_records":[{"trace_id":"a","new_name":"b","_x":"c"}]}]}]}"#,
            r#"{"traceId":"a","new_name":"b","_x":"c"}"#,
        ),
        (
            r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"kvlistValue":{"pairs":[22]}}}]}]}]}"#,
            r#"{"kvlistValue":{"pairs":[22]}}"#,
        ),
        (
            r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"arrayValue":{"values":[],"more":23}}}]}]}]}"#,
            r#"{"arrayValue":{"values":[],"more":23}}"#,
        ),
        (
            r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"intValue":"007"}}]}]}]}"#,
            r#"{"body":{"intValue":"007"}}"#,
        ),
        (r#"{"resourceMetrics":[{"a":21}]}"#, r#"[{"a":21}]"#),
        (r#"{"resourceLogs":[{"schemaUrl":"u"}]}"#, r#"{"resourceSchemaUrl":"u"}"#),
        (r#"{"resourceSpans":[{"scopeSpans":[{"scope":{"name":"s"}}]}]}"#, r#"{"scope":{"name":"s"}}"#),
        (
            r#"{"resourceMetrics":[{"attributes":[{"key":"k","value":{"intValue":"1"}}]}]}"#,
            r#""attributes":{"k":1}"#,
        ),
        (
            r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"attributes":[{"key":"a","keyStrindex":4}]}]}]}]}"#,
            "keyStrindex",
        ),
        (
            r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"attributes":[{"key":"a","value":{"intValue":"1.5"}}]}]}]}]}"#,
            r#"{"a":{"intValue":"1.5"}}"#,
        ),
        (
            r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"event_name":"a","eventName":"b"}]}]}]}"#,
            r#"{"event_name":"a","eventName":"b"}"#,
        ),
        (
            r#"{"resourceLogs":[{"instrumentationLibraryLogs":[{"instrumentationLibrary":{"name":"old"},"logs":[{}]}]}]}"#,
            r#""scope":{"name":"old"}"#,
        ),
    ] {
        let events = decode(Signal::Logs, Encoding::Json, request.as_bytes()).unwrap();
        assert_eq!(events.len(), 1, "{request}");
        let detail = events[0].entry.detail.as_ref().unwrap().as_str();
        assert!(detail.contains(kept), "{request} {detail}");
    }
}

#[test]
fn what_has_nothing_to_record_is_no_error() {
    for request in ["{}", r#"{"resourceLogs":[]}"#, r#"{"resourceLogs":[{"resource":{},"scopeLogs":[]}]}"#] {
        assert_eq!(decode(Signal::Logs, Encoding::Json, request.as_bytes()), Ok(vec![]), "{request}");
    }
    assert_eq!(decode(Signal::Traces, Encoding::Protobuf, &[]), Ok(vec![]));
}

#[test]
fn keys_that_are_there_twice_are_kept() {
    let twice = join([&*attribute(6, "k", &int(3, 1)), &attribute(6, "k", &int(3, 2))]);
    let body =
        message(5, &message(6, &join([&*attribute(1, "k", &int(3, 3)), &attribute(1, "k", &int(3, 4))])));
    let record = join([&*body, &twice, &attribute(6, "user.id", &text(1, "u"))]);
    let events = of_protobuf(Signal::Logs, &[], &[], &[record]);
    let record = &detail(&events[0])["record"];
    let list = |values: [i64; 2]| values.map(|value| json!({"key": "k", "value": value}));
    assert_eq!(record["body"], json!({"kvlistValue": list([3, 4])}));
    assert_eq!(record["attributes"]["kvlistValue"].as_array().unwrap()[..2], list([1, 2]));
    // They are still found by their names.
    assert_eq!((events[0].unmapped, events[0].entry.principal.as_deref()), (None, Some("u")));
    let many: Vec<u8> = (0..200).flat_map(|number| attribute(6, &(number % 199).to_string(), &[])).collect();
    let events = of_protobuf(Signal::Logs, &[], &[], &[many]);
    let attributes = &detail(&events[0])["record"]["attributes"];
    assert_eq!(attributes["kvlistValue"].as_array().map(Vec::len), Some(200));
}

#[test]
fn no_attributes_pass_for_bytes_or_another_named_value() {
    for name in ["bytesValue", "doubleValue", "intValue", "kvlistValue"] {
        let body = message(5, &message(6, &attribute(1, name, &text(1, "AAH/"))));
        let events = of_protobuf(Signal::Logs, &[], &[], &[body]);
        let expected = json!({"kvlistValue": [{"key": name, "value": "AAH/"}]});
        assert_eq!(detail(&events[0])["record"]["body"], expected);
    }
}

#[test]
fn outcomes_are_real() {
    use Outcome::{Denied, Failure, Success};
    let none = json!({});
    for (attributes, more, outcome) in [
        (json!({}), &none, Success),
        (json!({"http.response.status_code": 200}), &none, Success),
        (json!({"http.response.status_code": 401}), &none, Denied),
        (json!({"http.status_code": 403}), &none, Denied),
        (json!({"http.status_code": "404"}), &none, Failure),
        (json!({"error.type": "timeout"}), &none, Failure),
        (json!({"error.type": "403"}), &none, Denied),
        (json!({"error.type": "Permission-Denied"}), &none, Denied),
        (json!({"error.type": "AccessDeniedException"}), &none, Denied),
        (json!({"rpc.grpc.status_code": 0}), &none, Success),
        (json!({"rpc.grpc.status_code": 16}), &none, Denied),
        (json!({"rpc.response.status_code": "PERMISSION_DENIED"}), &none, Denied),
        (json!({"rpc.response.status_code": "UNAVAILABLE"}), &none, Failure),
        (json!({"success": "false"}), &none, Failure),
        (json!({"success": "true"}), &none, Success),
        (json!({"error": true}), &none, Failure),
        (json!({"error": false}), &none, Success),
        (json!({"event.outcome": "failure"}), &none, Failure),
        (json!({"outcome": "denied"}), &none, Denied),
        (json!({}), &json!({"severityNumber": 17}), Failure),
        (json!({}), &json!({"severityNumber": "SEVERITY_NUMBER_FATAL2"}), Failure),
        (json!({}), &json!({"severityNumber": 13}), Success),
        (json!({}), &json!({"status": {"code": 2}}), Failure),
        (json!({}), &json!({"status": {"code": "STATUS_CODE_ERROR"}}), Failure),
        (json!({}), &json!({"status": {"code": 1}}), Success),
        // Only about calls of tools is a decision one.
        (json!({"decision": "rejected"}), &none, Success),
        (json!({"decision": "reject"}), &json!({"eventName": "claude_code.tool_decision"}), Denied),
        (json!({"decision": "accept"}), &json!({"eventName": "claude_code.tool_decision"}), Success),
        (json!({"decision": "abort"}), &json!({"eventName": "codex.tool_decision"}), Denied),
        (json!({"decision": "approved_for_session"}), &json!({"eventName": "codex.tool_decision"}), Success),
        (json!({"decision": "reject"}), &json!({"eventName": "gemini_cli.tool_call"}), Denied),
    ] {
        let event = log(attributes.clone(), more.clone());
        assert_eq!(event.entry.outcome, outcome, "{attributes} {more}");
        assert_eq!(event.entry.check(), Ok(()));
    }
}

#[test]
fn a_record_that_is_too_large_is_cut_and_its_blob_has_it() {
    let large = "long ".repeat(100_000);
    let record = join([
        &*message(5, &text(1, &large)),
        &text(12, &large),
        &attribute(6, "session.id", &text(1, &large)),
    ]);
    let events = of_protobuf(Signal::Logs, &[], &[], &[record]);
    let entry = events[0].entry.clone().timestamp(DateTime::UNIX_EPOCH);
    let mut line = Vec::new();
    let blob = entry.append_line(BLOB_BYTES_MAX, &mut line).unwrap().expect("it does not fit a line");
    let stored = Entry::from_line(&line).unwrap();
    assert!(stored.action.len() < large.len());
    let restored = stored.restored(&blob.text).unwrap();
    assert_eq!((restored.action, restored.session_id), (entry.action, entry.session_id));
    assert_eq!(restored.detail, entry.detail);
}
