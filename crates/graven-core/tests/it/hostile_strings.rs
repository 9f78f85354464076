//! Nothing that a caller says can break a line, change another field, or cost more than its length.

use graven_core::entry::{Category, Entry, EntryError, Outcome};
use graven_core::json::{DEPTH_MAX, JsonFault};

fn entry(action: &str) -> Entry {
    Entry::new(Category::Api, action, Outcome::Success).id("e1").timestamp(chrono::DateTime::UNIX_EPOCH)
}

fn line(entry: &Entry) -> Vec<u8> {
    let mut line = Vec::new();
    assert_eq!(entry.append_line(0, &mut line), Ok(None));
    line
}

fn fault(detail: &str) -> JsonFault {
    match entry("x").detail_json(detail).check() {
        Err(EntryError::Detail(error)) => error.fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn hostile_text_comes_back_from_every_field() {
    let long = "\u{1}é\"".repeat(7_500);
    for text in [
        "\0",
        "a\nb\r\nc",
        "\u{2028}\u{2029}\u{85}",
        "\u{202e}txt.exe\u{202c}\u{200f}",
        "\u{feff}\u{fffe}\u{ffff}\u{10ffff}",
        "\u{1b}[2J\u{7}\u{7f}",
        "\",\"outcome\":\"success\"}\n{\"id\":\"forged",
        "\\u0000\\ud800\\",
        "\\\"",
        "e\u{301}\u{e9}",
        "",
    ] {
        let entry = entry(text).principal(text).reason(text).resource(text).on_behalf_of([text]).detail(text);
        let line = line(&entry);
        assert!(!line.iter().any(|byte| *byte < 0x20), "{text:?}");
        assert_eq!(Entry::from_line(&line).unwrap(), entry);
        let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
        for field in ["action", "principal", "reason", "resource", "detail"] {
            assert_eq!(value[field], *text);
        }
    }
    let entry = entry(&long[..60_000 / 10]).id("x".repeat(256));
    assert_eq!(Entry::from_line(&line(&entry)).unwrap(), entry);
}

#[test]
fn an_action_of_60_kb_is_kept() {
    let entry = entry(&"é".repeat(30_000));
    assert_eq!(Entry::from_line(&line(&entry)).unwrap(), entry);
    // Six bytes for each NUL: the line is too long, and says so.
    let nul = self::entry(&"\0".repeat(60_000));
    assert!(matches!(nul.append_line(0, &mut Vec::new()), Err(EntryError::LineTooLong { bytes: 360_000.. })));
}

#[test]
fn numbers_that_no_machine_holds_are_kept_digit_for_digit() {
    for number in
        ["1e400", "-1e-400", "18446744073709551616", "123456789012345678901234567890", "0.1000", "-0", "1E+9"]
    {
        let entry = entry("x").detail_json(&format!("{{ \"n\" : {number} }}"));
        let line = line(&entry);
        assert!(str::from_utf8(&line).unwrap().contains(&format!("\"detail\":{{\"n\":{number}}}}}")));
        assert_eq!(Entry::from_line(&line).unwrap(), entry);
    }
}

#[test]
fn what_readers_could_understand_differently_is_refused() {
    assert_eq!(fault(r#"{"a":1,"b":{"c":1,"c":2}}"#), JsonFault::DoubledKey("c".into()));
    assert_eq!(fault(r#"{"a":1,"\u0061":2}"#), JsonFault::DoubledKey("a".into()));
    assert_eq!(fault(r#"{"a":"\ud800"}"#), JsonFault::LoneSurrogate);
    assert_eq!(fault(r#"{"\udead":1}"#), JsonFault::LoneSurrogate);
    assert_eq!(fault("{\"a\":\"\n\"}"), JsonFault::Control);
    assert!(Entry::from_input(br#"{"category":"api","action":"\ud83d","outcome":"success"}"#).is_err());
    assert!(
        Entry::from_input(b"{\"category\":\"api\",\"action\":\"\xed\xa0\x80\",\"outcome\":\"success\"}")
            .is_err()
    );
    assert!(Entry::from_input(b"{\"category\":\"api\",\"action\":\"\0\",\"outcome\":\"success\"}").is_err());
}

#[test]
fn depth_is_bounded_without_using_the_stack() {
    let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    let deepest = entry("x").detail_json(&deep(DEPTH_MAX));
    assert_eq!(Entry::from_line(&line(&deepest)).unwrap(), deepest);
    assert_eq!(fault(&deep(DEPTH_MAX + 1)), JsonFault::TooDeep);
    assert_eq!(fault(&deep(5_000_000)), JsonFault::TooDeep);
    assert_eq!(fault(&r#"{"a":[0,"#.repeat(1_000_000)), JsonFault::TooDeep);
    for hostile in ["[", "{\"detail\":[", "{\"source\":{\"ip\":[", "{\"x\":{"] {
        assert!(Entry::from_input(hostile.repeat(100_000).as_bytes()).is_err());
        assert!(Entry::from_line(hostile.repeat(1_000).as_bytes()).is_err());
    }
}

#[test]
fn many_keys_and_long_names_cost_no_more_than_their_length() {
    let keys: Vec<String> = (0..200_000).map(|key| format!("\"{key}\":0")).collect();
    let many = entry("x").detail_json(&format!("{{{}}}", keys.join(",")));
    assert_eq!(many.check(), Ok(()));
    let escaped: Vec<String> = (0..50_000).map(|key| format!("\"\\u0061{key}\":0")).collect();
    assert_eq!(entry("x").detail_json(&format!("{{{}}}", escaped.join(","))).check(), Ok(()));
    assert_eq!(
        fault(&format!("{{{},\"199999\":1}}", keys.join(","))),
        JsonFault::DoubledKey("199999".into())
    );
    let error = Entry::from_input(format!("{{\"{}\":1}}", "x\\n".repeat(1_000_000)).as_bytes()).unwrap_err();
    assert!(error.to_string().len() < 300, "{error}");
    assert!(!error.to_string().contains('\n'));
}
