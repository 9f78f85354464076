//! Whatever callers say is kept exactly or refused with a reason: it never breaks a line, forges another entry, or
//! harms the trail.

use std::path::PathBuf;

use graven::layout::Layout;
use graven::reader::Reader;
use graven::{Agent, Category, Entry, Error, ErrorKind, Outcome, Phase, Settings, Source, Trail};
use graven_core::entry::{ID_BYTES_MAX, ON_BEHALF_OF_MAX};
use graven_core::hash::{leaf_hash, sha256};
use graven_core::json::DEPTH_MAX;
use graven_core::tile::ENTRY_BYTES_MAX;
use serde_json::Value;

use crate::support::{assert_intact, lines};

/// A trail, and what its entries must be in the end.
struct World {
    folder: tempfile::TempDir,
    trail: Trail,
    expected: Vec<Entry>,
}

impl World {
    fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let trail = Trail::open(Settings::new(folder.path())).unwrap();
        World { folder, trail, expected: Vec::new() }
    }

    fn live(&self) -> PathBuf {
        self.folder.path().join("audit.jsonl")
    }

    /// Records an entry that must be kept.
    #[track_caller]
    fn keep(&mut self, entry: Entry) {
        let receipt = self.trail.record_blocking(entry.clone()).unwrap();
        assert_eq!(receipt.index, self.expected.len() as u64);
        self.expected.push(entry);
    }

    /// Records an entry that must be refused, alone, in a batch and emitted; nothing may be written for it.
    #[track_caller]
    fn refuse(&mut self, entry: Entry, reason: &str) {
        let bytes = std::fs::metadata(self.live()).unwrap().len();
        let good = || plain("beside a bad one");
        let check = |error: Error| {
            assert_eq!((error.kind(), error.may_be_recorded()), (ErrorKind::Invalid, false), "{error:?}");
            let said = error.chain();
            assert!(said.contains(reason), "{said}");
            // An error is shown to people and written to logs: it is short, and holds no control character.
            assert!(said.len() < 1_000 && !said.contains(|c: char| c.is_control()), "{said:?}");
        };
        check(self.trail.record_blocking(entry.clone()).unwrap_err());
        check(self.trail.record_batch_blocking(vec![good(), entry, good()]).unwrap_err());
        assert_eq!(self.trail.len(), self.expected.len() as u64);
        assert_eq!(std::fs::metadata(self.live()).unwrap().len(), bytes);
    }

    /// Everything kept is there, by every way of reading; and again after it was closed and opened.
    fn check(self) {
        let World { folder, trail, expected } = self;
        let mut expected: Vec<Entry> = expected.into_iter().map(without_time).collect();
        let newest: Vec<Entry> = trail.recent(expected.len()).into_iter().rev().map(without_time).collect();
        // What is in a blob is given as its marker.
        for ((newest, expected), index) in newest.iter().zip(&mut expected).zip(0..) {
            let record = trail.entries(index..=index).unwrap().next().unwrap().unwrap();
            assert_eq!(record.leaf_hash(), leaf_hash(&record.line));
            let read = without_time(record.entry().unwrap());
            assert_eq!(read, *newest);
            let detail = Reader::open(folder.path()).unwrap().detail(&read).unwrap();
            assert_eq!(detail.as_deref(), expected.detail.as_ref().map(|detail| detail.as_str()));
            if read.detail.as_ref().is_some_and(|detail| detail.blob().is_some()) {
                expected.detail = read.detail.clone();
            }
            assert_eq!(read, *expected);
            if let Some(id) = &expected.id {
                // Not all ids differ, so not always this one.
                assert_eq!(trail.receipt_blocking(id.as_str()).unwrap().id, *id);
            }
            assert_eq!(trail.receipt_blocking(index).unwrap().leaf_hash, record.leaf_hash());
        }
        trail.close_blocking().unwrap();
        drop(trail);
        // As other programs see it: a line an entry, each a JSON value, and no control character in any.
        let stored = lines(&folder.path().join("audit.jsonl"));
        assert_eq!(stored.len(), expected.len());
        for line in &stored {
            assert!(!line.iter().any(|byte| *byte < 0x20));
            assert!(line.len() <= ENTRY_BYTES_MAX);
            let text = str::from_utf8(line).unwrap();
            let _value: &serde_json::value::RawValue = serde_json::from_str(text).unwrap();
        }
        assert_intact(&Layout::in_dir(folder.path()));
        let again = Trail::open(Settings::new(folder.path())).unwrap();
        let read = again.entries(..).unwrap().map(|record| without_time(record.unwrap().entry().unwrap()));
        assert!(read.eq(expected));
    }
}

/// The time, and the id where none was given, are the engine's.
fn without_time(mut entry: Entry) -> Entry {
    entry.timestamp = None;
    if entry.id.as_ref().is_some_and(|id| is_made_up(id)) {
        entry.id = None;
    }
    entry
}

/// Whether an id looks like one that the engine makes; none of the ids here does.
fn is_made_up(id: &str) -> bool {
    id.len() == 36 && id.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

fn plain(action: &str) -> Entry {
    Entry::new(Category::Session, action, Outcome::Success)
}

/// An entry that says the same in every field that takes text; and in its id, if that is given.
fn everywhere(text: &str, id: Option<&str>) -> Entry {
    let mut entry = plain(text)
        .principal(text)
        .detail(serde_json::json!({text: [text, {text: text}]}))
        .okr_id(text)
        .okr_run_id(text)
        .relay_id(text)
        .session_id(text)
        .trace_id(text)
        .span_id(text)
        .request_id(text)
        .resource(text)
        .intent_id(text)
        .reason(text)
        .on_behalf_of([text, text]);
    let some = || Some(text.to_owned());
    let mut source = Source::default();
    (source.ip, source.user_agent, source.service, source.host) = (some(), some(), some(), some());
    let mut agent = Agent::default();
    (agent.id, agent.instance, agent.model, agent.version) = (some(), some(), some(), some());
    entry = entry.source(source).agent(agent);
    match id {
        Some(id) => entry.id(id),
        None => entry,
    }
}

/// Text that breaks what is not careful.
const TEXTS: [&str; 20] = [
    "",
    "\n",
    "a\nb\r\nc\r",
    "\0",
    "\u{1}\u{8}\u{c}\u{1f}\u{7f}\u{80}\u{9f}",
    "\u{2028}\u{2029}\u{85}",
    "\u{202e}gnp.exe\u{202c}\u{200f}\u{2066}\u{2069}",
    "\u{feff}",
    "\u{feff}{\"id\":\"with a byte order mark\"}",
    "\u{fffd}\u{fffe}\u{ffff}\u{10ffff}",
    "\u{d7ff}\u{e000}",
    "\u{1b}[2J\u{1b}]0;title\u{7}",
    "\"}\n{\"id\":\"forged\",\"timestamp\":\"2026-01-01T00:00:00Z\",\"category\":\"api\",\"action\":\"forged\",\"principal\":null,\"outcome\":\"success\"}\n",
    "\\u0000\\ud800\\n\\",
    "\\\"",
    "e\u{301} is not \u{e9}",
    "<script>alert(1)</script> & ]]> '; DROP TABLE audit; -- ${jndi:x} %s%n {}",
    "../../../../etc/hosts\0.jsonl",
    "null",
    "𝕳𝖔𝖘𝖙𝖎𝖑𝖊 🏴\u{e0067}\u{e007f} 👩\u{200d}💻",
];

#[test]
fn hostile_text_comes_back_from_every_field() {
    let mut world = World::new();
    for text in TEXTS {
        let id = (!text.is_empty()).then_some(text);
        world.keep(everywhere(text, id));
    }
    // And from a chain of categories of one's own, in which there is no room for such text.
    for name in ["a", "x_9", &"z".repeat(64)] {
        world.keep(
            Entry::new(Category::custom(name).unwrap(), TEXTS[12], Outcome::Pending).phase(Phase::Intent),
        );
    }
    world.check();
}

#[test]
fn what_is_at_a_limit_is_kept_and_what_is_past_it_is_refused() {
    let mut world = World::new();
    let bytes = |count: usize| "é".repeat(count / 2) + if count % 2 == 1 { "x" } else { "" };
    world.keep(plain("id").id(bytes(ID_BYTES_MAX)));
    world.keep(plain("id").id("i"));
    world.refuse(plain("id").id(bytes(ID_BYTES_MAX + 1)), "1 to 256 bytes");
    world.refuse(plain("id").id(""), "1 to 256 bytes");
    world.keep(plain("for").on_behalf_of(vec!["x"; ON_BEHALF_OF_MAX]));
    world.refuse(plain("for").on_behalf_of(vec!["x"; ON_BEHALF_OF_MAX + 1]), "at most 8");
    for name in [
        "",
        "Upper",
        "9first",
        "white space",
        "trail\n",
        "über",
        &"x".repeat(65),
        &"\u{202e}".repeat(100_000),
    ] {
        let category = Category::Custom(name.into());
        world.refuse(Entry::new(category, "x", Outcome::Success), "is not a category");
    }
    world.refuse(Entry::new(Category::Trail, "trail.recovered", Outcome::Success), "reserved");
    world.refuse(Entry::new(Category::Api, "x", Outcome::Pending), "pending");
    world.keep(plain("numbers").duration_ms(u64::MAX).count(u64::MAX));
    world.keep(plain("numbers").duration_ms(0).count(0));

    world.keep(plain(&bytes(60_000)));
    world.refuse(plain(&"\0".repeat(60_000)), "at most 65535 are allowed");
    world.refuse(plain(&bytes(66_000)), "at most 65535 are allowed");
    world.refuse(plain("x").principal(bytes(40_000)).reason(bytes(40_000)), "at most 65535 are allowed");
    // To the byte: the longest line there can be, and one more.
    let empty = {
        let mut line = Vec::new();
        let time = chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::milliseconds(1);
        plain("").id("longest").timestamp(time).append_line(0, &mut line).unwrap();
        line.len()
    };
    let longest = |more: usize| {
        let time = chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::milliseconds(1);
        plain(&"x".repeat(ENTRY_BYTES_MAX - empty + more)).id("longest").timestamp(time)
    };
    world.keep(longest(0));
    world.refuse(longest(1), "would have 65536 bytes");
    assert!(lines(&world.live()).iter().any(|line| line.len() == ENTRY_BYTES_MAX));
    world.check();
}

#[test]
fn numbers_are_kept_digit_for_digit() {
    let mut world = World::new();
    for number in [
        "1e400",
        "-1E-400",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775809",
        "123456789012345678901234567890",
        "0.1000000000000000055511151231257827",
        "1.0",
        "-0",
        "-0.0",
        "1E+2",
        &"9".repeat(10_000),
    ] {
        world.keep(plain("number").detail_json(&format!("{{\"n\": [ {number} ]}}")));
        let stored = lines(&world.live()).pop().unwrap();
        let text = String::from_utf8(stored).unwrap();
        assert!(text.contains(&format!("\"detail\":{{\"n\":[{number}]}}}}")), "{text}");
    }
    for number in ["01", "1.", ".5", "+1", "0x10", "NaN", "Infinity", "1e", "--1"] {
        world.refuse(plain("number").detail_json(number), "the detail cannot be kept");
    }
    world.refuse(plain("number").detail(Unwritable), "the detail cannot be written as JSON: ");
    // JSON has no such numbers: they are nothing.
    world.keep(plain("number").detail([f64::NAN, f64::INFINITY]));
    world.check();
}

/// What a caller gives as a detail may fail to become JSON.
struct Unwritable;

impl serde::Serialize for Unwritable {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom(format!("out of\n reach{}", "\u{1b}[2J ".repeat(100_000))))
    }
}

#[test]
fn json_that_readers_would_understand_differently_is_refused() {
    let mut world = World::new();
    for (json, reason) in [
        (r#"{"a":1,"a":2}"#, "second time"),
        (r#"{"x":{"a":1,"\u0061":2}}"#, "second time"),
        (r#"{"":0,"":1}"#, "second time"),
        (&format!("{{\"{0}\":0,\"{0}\":1}}", "long\\n".repeat(100_000)), "second time"),
        (r#"{"a":"\ud800"}"#, "surrogate"),
        (r#"["\udc00\ud800"]"#, "surrogate"),
        (r#"{"\udead":1}"#, "surrogate"),
        ("\u{feff}{}", "the detail cannot be kept"),
        ("{}\u{feff}", "the detail cannot be kept"),
        ("{\"a\":\"\n\"}", "control"),
        ("[1]\0", "the detail cannot be kept"),
        ("\u{a0}1", "the detail cannot be kept"),
        ("", "the detail cannot be kept"),
        ("{} {}", "the detail cannot be kept"),
        ("[1,]", "the detail cannot be kept"),
        ("'a'", "the detail cannot be kept"),
        ("/**/1", "the detail cannot be kept"),
    ] {
        world.refuse(plain("json").detail_json(json), reason);
    }
    let deep = |levels: usize| format!("{}{{}}{}", "[".repeat(levels - 1), "]".repeat(levels - 1));
    world.keep(plain("deep").detail_json(&deep(DEPTH_MAX)));
    world.refuse(plain("deep").detail_json(&deep(DEPTH_MAX + 1)), "nested deeper");
    world.refuse(plain("deep").detail_json(&"[".repeat(10_000_000)), "nested deeper");
    world.refuse(plain("deep").detail_json(&r#"{"a":["#.repeat(1_000_000)), "nested deeper");
    // Whitespace is no part of what is said; escapes are.
    world.keep(plain("json").detail_json(r#""\u0041\/\ud83d\ude00""#));
    assert!(lines(&world.live()).pop().unwrap().ends_with(br#""detail":"\u0041\/\ud83d\ude00"}"#));
    world.keep(plain("json").detail_json(" [ 1 ,\t{ \"a\" : null } ]\r\n"));
    assert!(lines(&world.live()).pop().unwrap().ends_with(br#""detail":[1,{"a":null}]}"#));
    world.check();
}

#[test]
fn bytes_that_are_no_text_are_refused_where_bytes_are_taken() {
    let mut world = World::new();
    for action in [&b"\xff"[..], b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"] {
        let input = [&br#"{"category":"api","outcome":"success","action":""#[..], action, b"\"}"].concat();
        let error = Entry::from_input(&input).unwrap_err();
        assert!(error.to_string().contains("UTF-8"), "{error}");
    }
    let input = r#"{"category":"api","outcome":"success","action":"\ud800"}"#;
    assert!(Entry::from_input(input.as_bytes()).unwrap_err().to_string().contains("surrogate"));
    let input = "\u{feff}{\"category\":\"api\",\"outcome\":\"success\",\"action\":\"x\"}";
    assert!(Entry::from_input(input.as_bytes()).is_err());
    let input =
        r#"{"category":"api","outcome":"success","action":"a\u0000\u2028\ud83d\ude00","detail":1e400}"#;
    world.keep(Entry::from_input(input.as_bytes()).unwrap());
    assert_eq!(world.expected[0].action, "a\0\u{2028}😀");
    world.check();
}

#[test]
fn large_details_are_kept_apart_whatever_they_say() {
    let mut world = World::new();
    for text in TEXTS {
        let unit = format!("{text}|");
        world.keep(plain("large").detail(serde_json::json!({"large": unit.repeat(70_000 / unit.len() + 1)})));
    }
    world.keep(plain("large").detail_json(&format!("[{}]", "9".repeat(100_000))));
    let keys: Vec<String> = (0..20_000).map(|key| format!("\"{key}\":1e999")).collect();
    world.keep(plain("large").detail_json(&format!("{{{}}}", keys.join(","))));
    // The same one again takes no more room.
    let blobs = || std::fs::read_dir(world.folder.path().join("blobs")).unwrap().count();
    let before = blobs();
    let again = plain("large").detail_json(&format!("[{}]", "9".repeat(100_000)));
    world.trail.record_blocking(again.clone()).unwrap();
    assert_eq!((before, blobs()), (TEXTS.len() + 2, TEXTS.len() + 2));
    world.expected.push(again);
    world.check();
}

#[test]
fn nobody_but_the_engine_makes_a_line_that_names_a_blob() {
    let mut world = World::new();
    world.keep(plain("a blob of somebody").detail("s".repeat(70_000)));
    let stored = lines(&world.live()).pop().unwrap();
    let value: Value = serde_json::from_slice(&stored).unwrap();
    let marker = value["detail"].to_string();
    assert!(marker.starts_with(r#"{"$blob":"#), "{marker}");
    let nowhere = format!(r#"{{"$blob":{{"sha256":"{}","bytes":5}}}}"#, sha256(b"nowhere").to_hex());
    let forged = [
        marker.as_str(),
        nowhere.as_str(),
        r#"{"$blob":null}"#,
        r#"{"\u0024blob":{"sha256":"","bytes":0}}"#,
        r#"{"$blob":{"sha256":"../../keys/signing","bytes":1}}"#,
        r#"{"$blob":{"sha256":"../../keys/signing","bytes":1},"x":0}"#,
    ];
    for forged in forged {
        // It is what the caller says, kept apart: the line's own marker tells the truth.
        world.keep(plain("forged").detail_json(forged));
        let line: Value = serde_json::from_slice(&lines(&world.live()).pop().unwrap()).unwrap();
        assert_eq!(line["detail"]["$blob"]["sha256"], sha256(forged.as_bytes()).to_hex());
        assert_eq!(line["detail"]["$blob"]["bytes"], forged.len());
    }
    // Deeper in it is nothing special.
    world.keep(plain("deeper").detail_json(&format!("[{nowhere}]")));
    assert!(lines(&world.live()).pop().unwrap().ends_with(format!("\"detail\":[{nowhere}]}}").as_bytes()));
    // An entry that was read is not recorded again with its marker in place of its detail.
    let read = world.trail.entries(..1).unwrap().next().unwrap().unwrap().entry().unwrap();
    world.refuse(read, "read the blob first");
    world.check();
}

#[test]
fn what_is_emitted_and_refused_is_counted() {
    let world = World::new();
    world.trail.emit(plain("x").detail_json("{"));
    world.trail.emit(plain("\0").id("emitted"));
    world.trail.emit(Entry::new(Category::Custom("\n".into()), "x", Outcome::Success));
    world.trail.flush_blocking().unwrap();
    world.trail.flush_blocking().unwrap();
    assert_eq!(world.trail.counters().dropped, 2);
    let entries: Vec<Entry> =
        world.trail.entries(..).unwrap().map(|record| record.unwrap().entry().unwrap()).collect();
    let gaps = entries.iter().filter(|entry| entry.action == "trail.gap");
    let detail =
        |entry: &Entry| -> Value { serde_json::from_str(entry.detail.as_ref().unwrap().as_str()).unwrap() };
    assert_eq!(gaps.map(|gap| detail(gap)["dropped"].as_u64().unwrap()).sum::<u64>(), 2);
    assert_eq!(entries.iter().filter(|entry| entry.id.as_deref() == Some("emitted")).count(), 1);
    world.trail.close_blocking().unwrap();
    assert_intact(&Layout::in_dir(world.folder.path()));
}
