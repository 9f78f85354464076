//! Tests of the JSON scanner.

use serde_json::value::RawValue;

use super::string::write_string;
use super::*;

fn text(json: &str) -> String {
    compact(json).unwrap().text.into_owned()
}

fn fault(json: &str) -> (usize, JsonFault) {
    let error = compact(json).unwrap_err();
    (error.offset, error.fault)
}

#[test]
fn whitespace_outside_strings_is_left_out() {
    assert_eq!(
        text(" { \"a b\" : [ 1 ,\t2 ] ,\r\n \"\\\" \" : \" x \" } \n"),
        r#"{"a b":[1,2],"\" ":" x "}"#
    );
    assert!(matches!(compact(r#"{"a":[1,{}],"b":[]}"#).unwrap().text, Cow::Borrowed(_)));
    assert_eq!(text("[ ]"), "[]");
    assert_eq!(text("{ }"), "{}");
}

#[test]
fn numbers_stay_digit_for_digit() {
    let numbers = "[1e400,18446744073709551616,123456789012345678901234567890,-0,0.10,1E+2,2e-7]";
    assert_eq!(text(numbers), numbers);
}

#[test]
fn what_is_no_number_is_refused() {
    for json in ["01", "1.", ".5", "-", "1e", "1e+", "+1", "0x1", "NaN", "Infinity", "--1"] {
        assert!(compact(json).is_err(), "{json}");
    }
}

#[test]
fn doubled_keys_are_refused_however_they_are_written() {
    assert_eq!(fault(r#"{"a":1,"a":2}"#), (7, JsonFault::DoubledKey("a".into())));
    assert_eq!(fault(r#"{"a":1,"\u0061":2}"#), (7, JsonFault::DoubledKey("a".into())));
    assert_eq!(fault(r#"[{"x":{"é":1,"b":2,"\u00e9":3}}]"#), (20, JsonFault::DoubledKey("é".into())));
    assert_eq!(text(r#"{"a":{"a":[{"a":1},{"a":2}]}}"#), r#"{"a":{"a":[{"a":1},{"a":2}]}}"#);
    // The same text as a key and as a string elsewhere.
    assert!(compact(r#"{"a":"b","b":"a"}"#).is_ok());
}

#[test]
fn a_doubled_key_among_many_is_found() {
    for (count, doubled) in [(8, 3), (9, 8), (10, 0), (5_000, 4_321)] {
        let mut keys: Vec<String> = (0..count).map(|key| format!("\"key{key}\":0")).collect();
        assert!(compact(&format!("{{{}}}", keys.join(","))).is_ok());
        keys.push(format!("\"key{doubled}\":1"));
        let json = format!("{{{}}}", keys.join(","));
        let offset = json.rfind("\"key").unwrap();
        assert_eq!(fault(&json), (offset, JsonFault::DoubledKey(format!("key{doubled}"))));
    }
}

#[test]
fn lone_surrogates_are_refused() {
    for json in [
        r#""\ud800""#,
        r#""\udc00""#,
        r#""\ud800\ud800""#,
        r#""\ud83dx""#,
        r#""\ud83d\n""#,
        r#""\udc00\ud800""#,
    ] {
        assert_eq!(fault(json), (1, JsonFault::LoneSurrogate), "{json}");
    }
    assert_eq!(fault(r#"{"a\udfff":1}"#), (3, JsonFault::LoneSurrogate));
    assert_eq!(text(r#""\ud83d\ude00""#), r#""\ud83d\ude00""#);
}

#[test]
fn deep_nesting_is_refused_without_recursion() {
    let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    assert_eq!(text(&deep(DEPTH_MAX)), deep(DEPTH_MAX));
    assert_eq!(fault(&deep(DEPTH_MAX + 1)), (DEPTH_MAX, JsonFault::TooDeep));
    assert_eq!(fault(&deep(1_000_000)), (DEPTH_MAX, JsonFault::TooDeep));
    let objects = r#"{"a":"#.repeat(1_000_000);
    assert_eq!(fault(&objects).1, JsonFault::TooDeep);
    // What we keep, one deeper, can be read by those who use serde_json.
    let line = format!("{{\"detail\":{}}}", deep(DEPTH_MAX));
    assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok());
    assert!(serde_json::from_str::<serde_json::Value>(&format!("[{line}]")).is_err());
}

#[test]
fn what_is_no_json_is_refused_where_it_goes_wrong() {
    let expected = |at, what| (at, JsonFault::Expected(what));
    assert_eq!(fault(""), expected(0, "a value"));
    assert_eq!(fault("[1 2]"), expected(3, "a comma or the end of the array"));
    assert_eq!(fault("[1,]"), expected(3, "a value"));
    assert_eq!(fault(r#"{"a":1,}"#), expected(7, "a key"));
    assert_eq!(fault(r#"{"a" 1}"#), expected(5, "a colon"));
    assert_eq!(fault(r#"{"a":1]"#), expected(6, "a comma or the end of the object"));
    assert_eq!(fault(r#"{1:2}"#), expected(1, "a key"));
    assert_eq!(fault("tru"), expected(0, "a value"));
    assert_eq!(fault("nulll"), (4, JsonFault::Trailing));
    assert_eq!(fault("\"a\nb\""), (2, JsonFault::Control));
    assert_eq!(fault(r#""\x""#), (1, JsonFault::Escape));
    assert_eq!(fault(r#""\u12g4""#), (1, JsonFault::Escape));
    assert_eq!(fault(r#""\u12"#), (1, JsonFault::Escape));
    assert_eq!(fault("\"abc"), expected(4, "the end of the string"));
    assert_eq!(fault("\u{feff}1"), expected(0, "a value"));
    assert_eq!(fault("1\u{a0}"), (1, JsonFault::Trailing));
}

#[test]
fn a_top_level_blob_key_is_seen_however_it_is_written() {
    assert!(compact(r#"{"a":1,"$blob":2}"#).unwrap().names_blob);
    assert!(compact(r#"{"\u0024b\u006cob":2}"#).unwrap().names_blob);
    assert!(!compact(r#"{"a":{"$blob":2}}"#).unwrap().names_blob);
    assert!(!compact(r#"[{"$blob":2}]"#).unwrap().names_blob);
    assert!(!compact(r#"{"a":"$blob"}"#).unwrap().names_blob);
}

#[test]
fn every_character_is_written_as_serde_json_writes_it() {
    for point in 0..=0x2_ffff {
        let Some(character) = char::from_u32(point) else { continue };
        let text = format!("before {character} after");
        let mut written = Vec::new();
        write_string(&text, &mut written);
        assert_eq!(String::from_utf8(written).unwrap(), serde_json::to_string(&text).unwrap());
    }
}

#[test]
fn a_special_byte_is_found_at_every_place() {
    for length in 0..70 {
        for place in 0..length {
            let special = ["\0", "\n", "\u{1f}", "\"", "\\"][(length + place) % 5];
            let mut text = "x".repeat(length);
            text.replace_range(place..=place, special);
            let mut written = Vec::new();
            write_string(&text, &mut written);
            assert_eq!(written, serde_json::to_vec(&text).unwrap());
            let mut cursor = Cursor::new(std::str::from_utf8(&written).unwrap());
            assert_eq!(cursor.string().unwrap(), text);
        }
    }
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn strings_come_back(text in any::<String>()) {
            let mut written = Vec::new();
            write_string(&text, &mut written);
            let written = String::from_utf8(written).unwrap();
            prop_assert_eq!(&written, &serde_json::to_string(&text).unwrap());
            prop_assert_eq!(Cursor::new(&written).string().unwrap(), text);
        }

        /// Against serde_json as judge, on texts that are nearly JSON. No text in it is a number too large for its `f64`,
        /// which it refuses and we keep digit for digit.
        #[test]
        fn the_same_texts_are_json_as_for_serde_json(
            pieces in prop::collection::vec(prop::sample::select(vec![
                "{", "}", "[", "]", ",", ":", "\"a\"", "\"b\"", "1", "-0.5e-3", "01", "true", "null", " ", "\n", "\"\\u00e9\"",
                "\"\\ud800\"", "\"\\", "\"", "x",
            ]), 0..9)
        ) {
            let json = pieces.concat();
            let judged = serde_json::from_str::<serde_json::Value>(&json).is_ok();
            match compact(&json) {
                Ok(compact) => {
                    prop_assert!(judged);
                    let raw: &RawValue = serde_json::from_str(&compact.text).unwrap();
                    prop_assert_eq!(raw.get(), &*compact.text);
                }
                Err(JsonError { fault: JsonFault::DoubledKey(_), .. }) => {}
                Err(error) => prop_assert!(!judged, "{json:?}: {error}"),
            }
        }
    }
}
