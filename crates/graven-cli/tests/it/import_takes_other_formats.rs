//! `import` recognises the formats of other programs, keeps each event once and whole, and goes on where it ended.

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use graven_core::hash::sha256;
use serde_json::Value;

use crate::deadline::Running;
use crate::run::Place;

/// The formats, their files, and how many entries these become.
const FORMATS: [(&str, &str, u64); 9] = [
    ("cloudtrail", "cloudtrail.json", 9),
    ("kubernetes", "kubernetes.json", 7),
    ("cloudevents", "cloudevents.json", 4),
    ("vault", "vault.json", 6),
    ("github", "github.json", 7),
    ("auditd", "auditd.log", 8),
    ("otlp", "otlp.json", 19),
    ("claude-code", "claude-code.json", 14),
    ("codex", "codex.json", 16),
];

fn example(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../graven-formats/tests/testdata");
    std::fs::read(folder.join(name)).unwrap()
}

fn import(place: &Place, name: &str, file: impl AsRef<[u8]>) -> Value {
    place.write(name, file);
    place.run(["import", "trail", name, "--json"]).ok().json()
}

/// The ids of the entries, in the order of the log.
fn ids(place: &Place) -> Vec<String> {
    place.entries().iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A record of CloudTrail.
fn record(number: usize) -> String {
    let identity = r#"{"type":"IAMUser","arn":"arn:aws:iam::1:user/a"}"#;
    let filler = "many words ".repeat(40);
    format!(
        r#"{{"eventVersion":"1.08","eventID":"e-{number}","eventTime":"2026-01-31T12:00:00Z","eventSource":"s3.amazonaws.com","eventName":"GetObject","userIdentity":{identity},"filler":"{filler}"}}"#
    )
}

fn records(count: usize) -> String {
    format!("{{\"Records\":[{}]}}", (0..count).map(record).collect::<Vec<_>>().join(","))
}

#[test]
fn formats_are_recognised_and_a_second_import_adds_nothing() {
    for (format, name, entries) in FORMATS {
        let place = Place::with_trail();
        let summary = import(&place, name, example(name));
        assert_eq!((&summary["format"], &summary["recognised"]), (&format.into(), &true.into()));
        assert_eq!(summary["entries"], entries, "{format}: {summary}");
        let stored = place.entries();
        assert_eq!(stored.len() as u64, summary["entries"].as_u64().unwrap());
        let again = import(&place, name, example(name));
        assert_eq!((&again["entries"], &again["already"]), (&0.into(), &summary["entries"]), "{format}");
        // Under another name it is the same file.
        assert_eq!(import(&place, "copy", example(name))["entries"], 0, "{format}");
        assert_eq!(place.entries(), stored);
        place.run(["verify", "trail"]).code(0);
    }
}

#[test]
fn events_keep_their_fields_and_their_whole() {
    let place = Place::with_trail();
    import(&place, "ct.json", example("cloudtrail.json"));
    let entries = place.entries();
    let denied = &entries[1];
    assert_eq!((&denied["action"], &denied["outcome"]), (&"s3:PutObject".into(), &"denied".into()));
    assert_eq!(denied["timestamp"], "2026-07-19T21:18:00Z");
    assert_eq!(denied["detail"]["requestParameters"]["key"], "a/b.json");
    let said = place.run(["import", "trail", "ct.json", "--as", "cloudtrail"]).ok().text();
    assert!(
        said.contains("imported 0 entries") && said.contains("9 entries were in the trail already"),
        "{said}"
    );
    let place = Place::with_trail();
    place.write("ct.json", example("cloudtrail.json"));
    let said = place.run(["import", "trail", "ct.json"]).ok().text();
    for part in [
        "cloudtrail (recognised",
        "6 entries were made of events",
        "1 objects are of another kind",
        "1 events have doubled",
        "1 texts are not entries",
    ] {
        assert!(said.contains(part), "{part:?} in {said}");
    }
}

#[test]
fn a_line_of_otlp_becomes_its_records_and_what_is_none_is_counted() {
    let place = Place::with_trail();
    let file = String::from_utf8(example("otlp.json")).unwrap();
    let summary = import(&place, "otlp.json", &file);
    let told = |name: &str| summary[name].as_u64();
    assert_eq!((told("events"), told("without_time"), told("unreadable")), (Some(19), Some(1), Some(0)));
    assert_eq!(summary["unmapped"]["other_kind"], 1, "{summary}");
    let positions = [5, 2, 5, 4, 2, 1];
    let expected: Vec<String> = file
        .lines()
        .zip(positions)
        .flat_map(|(line, records)| {
            let digest = sha256(line.as_bytes()).to_hex();
            (0..records).map(move |position| format!("otlp:{digest}:{position}"))
        })
        .collect();
    assert_eq!(ids(&place), expected);
}

#[test]
fn compressed_files_and_utf_16_are_the_same_file() {
    let plain = example("kubernetes.json");
    let text = String::from_utf8(plain.clone()).unwrap();
    let wide: Vec<u8> = [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let forms = [
        ("gzip", gzip(&plain)),
        ("zstd", zstd::encode_all(&*plain, 1).unwrap()),
        ("gzip", [gzip(&plain[..100]), gzip(&plain[100..])].concat()),
    ];
    for (compression, bytes) in forms {
        let place = Place::with_trail();
        let summary = import(&place, "k.json", bytes);
        assert_eq!((&summary["compression"], &summary["entries"]), (&compression.into(), &7.into()));
        assert_eq!(import(&place, "k.json", &plain)["entries"], 0);
    }
    let place = Place::with_trail();
    assert_eq!(import(&place, "k.json", wide)["entries"], 7);
    assert_eq!(import(&place, "k.json", plain)["entries"], 0);
}

#[test]
fn a_file_that_has_grown_goes_on_where_it_ended() {
    let place = Place::with_trail();
    let lines: Vec<String> = (0..5_000).map(|number| record(number) + "\n").collect();
    for until in [1_000, 1_001, 5_000] {
        let summary = import(&place, "ct.json", lines[..until].concat());
        assert_eq!(summary["entries"].as_u64().unwrap() + summary["already"].as_u64().unwrap(), until as u64);
    }
    let expected: Vec<String> = (0..5_000).map(|number| format!("e-{number}")).collect();
    assert_eq!(ids(&place), expected);
    // Another beginning is another file.
    assert_eq!(import(&place, "ct.json", lines[1..].concat())["entries"], 4_999);
}

#[test]
fn entries_without_ids_go_on_too() {
    let place = Place::with_trail();
    let line = "{\"category\":\"api\",\"action\":\"a\",\"outcome\":\"success\"}\n";
    assert_eq!(import(&place, "old.jsonl", line.repeat(10))["entries"], 10);
    assert_eq!(import(&place, "old.jsonl", line.repeat(10) + "text\n")["entries"], 1);
    assert_eq!(place.entries()[10]["detail"]["line"], 11);
    let mut ids = ids(&place);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 11);
}

#[test]
fn behind_a_read_error_the_rest_is_added_and_nothing_twice() {
    let place = Place::with_trail();
    let whole = gzip(records(30_000).as_bytes());
    place.write("ct.json.gz", &whole[..whole.len() / 2]);
    let refused = place.run(["import", "trail", "ct.json.gz"]).code(2);
    assert!(refused.stderr.contains("entries are recorded"), "{}", refused.stderr);
    let before = ids(&place).len();
    // A torn event at its end is kept as a text.
    assert!(before > 1_000, "{before}");
    let summary = import(&place, "ct.json.gz", whole);
    let already = summary["already"].as_u64().unwrap();
    assert!(already + 1 >= before as u64, "{already} of {before}: {summary}");
    let ids: Vec<String> = ids(&place).into_iter().filter(|id| id.starts_with("e-")).collect();
    let expected: Vec<String> = (0..30_000).map(|number| format!("e-{number}")).collect();
    assert!(ids == expected, "{} entries", ids.len());
}

#[test]
fn after_kills_each_event_is_there_once() {
    let place = Place::with_trail();
    let count = 20_000;
    place.write("ct.json", records(count));
    let mut grown = size(&place);
    // Each round is killed when it has added something, wherever it then is; the last one ends by itself.
    for round in 0..4 {
        let mut import = Running::start(&mut place.command(["import", "trail", "ct.json"]));
        let until = Instant::now() + Duration::from_secs(60);
        while import.try_wait().unwrap().is_none()
            && Instant::now() < until
            && size(&place) < grown + (1 << 20)
        {
            std::thread::sleep(Duration::from_millis(1 + round));
        }
        // It may have ended.
        let _ = import.kill();
        import.wait().unwrap();
        grown = size(&place);
    }
    place.run(["import", "trail", "ct.json"]).ok();
    let expected: Vec<String> = (0..count).map(|number| format!("e-{number}")).collect();
    let ids = ids(&place);
    assert!(ids == expected, "{} entries", ids.len());
    place.run(["verify", "trail"]).code(0);
}

/// How large the live log is.
fn size(place: &Place) -> u64 {
    std::fs::metadata(place.path("trail/audit.jsonl")).map_or(0, |metadata| metadata.len())
}

#[test]
fn no_file_can_say_that_another_was_imported() {
    let place = Place::with_trail();
    place.write("ct.json", records(10));
    place.run(["import", "trail", "ct.json"]).ok();
    let marks: Vec<String> =
        place.stored().into_iter().filter(|line| line.contains("trail.imported")).collect();
    assert_eq!(marks.len(), 2);
    for category in ["trail", "imported"] {
        let other = Place::with_trail();
        let forged =
            marks.join("\n").replace("\"category\":\"trail\"", &format!("\"category\":\"{category}\""));
        assert_eq!(import(&other, "forged.jsonl", forged)["entries"], 2);
        assert_eq!(import(&other, "ct.json", records(10))["entries"], 10);
    }
}

#[test]
fn the_format_can_be_named_and_a_wrong_name_is_explained() {
    let place = Place::with_trail();
    place.write("ce.json", example("cloudevents.json"));
    let summary = place.run(["import", "trail", "ce.json", "--as", "graven", "--json"]).ok().json();
    assert_eq!((&summary["format"], &summary["events"]), (&"graven".into(), &0.into()));
    let summary = place.run(["import", "trail", "ce.json", "--as", "vault", "--json"]).ok().json();
    assert_eq!((&summary["entries"], &summary["unmapped"]["other_kind"]), (&4.into(), &4.into()));
    let refused = place.run(["import", "trail", "ce.json", "--as", "cloudtrails"]).code(2);
    assert!(refused.stderr.contains("kubernetes"), "{}", refused.stderr);
    let fed = place.feed(["import", "trail", "-", "--json"], example("vault.json")).ok().json();
    assert_eq!((&fed["format"], &fed["entries"]), (&"vault".into(), &6.into()));
}

#[test]
fn secrets_in_events_are_taken_out() {
    let place = Place::with_trail();
    let event = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"1","stage":"ResponseComplete","verb":"create","requestObject":{"spec":{"containers":[{"env":[{"name":"DB_PASSWORD","value":"minio123"}]}]}}}"#;
    let proctitle: String = b"mysql\0--password=minio123".iter().map(|byte| format!("{byte:02X}")).collect();
    let line = format!("type=PROCTITLE msg=audit(1364481363.243:1): proctitle={proctitle}\n");
    assert_eq!(import(&place, "k.json", event)["format"], "kubernetes");
    assert_eq!(import(&place, "a.log", &line)["format"], "auditd");
    let pair = r#"[{"key":"db_password","value":{"stringValue":"minio123"}}]"#;
    let record =
        format!(r#"{{"attributes":{pair},"body":{{"kvlistValue":{{"values":{pair}}}}},"new":{pair}}}"#);
    let list =
        format!(r#"[{{"resource":{{"attributes":{pair}}},"scopeLogs":[{{"logRecords":[{record}]}}]}}]"#);
    let request = format!(r#"{{"resourceLogs":{list},"resourceMetrics":{list}}}"#);
    assert_eq!(import(&place, "o.json", request)["format"], "otlp");
    let stored = place.stored().concat();
    assert!(!stored.contains("minio123") && !stored.contains(&proctitle), "{stored}");
}

#[test]
fn damaged_compression_is_named_and_what_stands_before_is_kept() {
    let place = Place::with_trail();
    let bytes = gzip(&example("vault.json"));
    place.write("v.gz", [&bytes[..], &gzip(b"more")[..9]].concat());
    let refused = place.run(["import", "trail", "v.gz"]).code(2);
    assert!(refused.stderr.contains("v.gz") && refused.stderr.contains("6 entries"), "{}", refused.stderr);
    assert_eq!(import(&place, "v.gz", bytes)["entries"], 0);
    place.write("v.zst", &zstd::encode_all(&example("vault.json")[..], 1).unwrap()[..20]);
    let refused = place.run(["import", "trail", "v.zst"]).code(2);
    assert!(refused.stderr.contains("v.zst"), "{}", refused.stderr);
}
