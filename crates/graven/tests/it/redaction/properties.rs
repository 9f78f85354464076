//! What holds of every text, whatever it is.

use graven::Redaction;
use proptest::prelude::*;
use serde_json::Value;

use super::{planted, redactor};
use graven::Redactor;

/// Pieces from which rules begin, with whatever between.
fn texts() -> impl Strategy<Value = String> {
    let pieces: Vec<String> = planted::two_hundred().into_iter().map(|planted| planted.text).collect();
    let marks = [
        "[redacted:token:0123456789ab]",
        "[redacted:",
        "]",
        "password=",
        "token: ",
        "-----",
        "eyJ",
        "\"",
        "\\",
        "@",
        "://u:",
    ];
    let piece = prop_oneof![
        3 => proptest::sample::select(pieces),
        3 => proptest::sample::select(marks.map(str::to_owned).to_vec()),
        2 => "[ -~]{0,12}",
        1 => "\\PC{0,4}",
    ];
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    #[test]
    fn a_second_time_changes_nothing(text in texts()) {
        let redactor = redactor();
        let once = redactor.text(&text).into_owned();
        prop_assert_eq!(redactor.text(&once), once.as_str());
    }

    #[test]
    fn what_has_no_secret_stays_and_what_changes_has_one(text in texts()) {
        let redactor = redactor();
        let findings = redactor.explain_text(&text);
        prop_assert_eq!(redactor.text(&text) != text.as_str(), !findings.is_empty());
    }

    #[test]
    fn json_stays_json_and_everything_else_in_it_stays(texts in proptest::collection::vec(texts(), 1..4), number in any::<f64>()) {
        let redactor = redactor();
        let json = serde_json::json!({"a": texts, "n": number, "deep": {"password": texts, "x": [null, true, "plain"]}}).to_string();
        let redacted = redactor.json(&json).unwrap().into_owned();
        let value: Value = serde_json::from_str(&redacted).unwrap();
        prop_assert_eq!(&value["n"], &serde_json::from_str::<Value>(&json).unwrap()["n"]);
        prop_assert_eq!(&value["deep"]["x"], &serde_json::json!([null, true, "plain"]));
        prop_assert!(value["deep"]["password"].as_str().unwrap().starts_with("[redacted:password:"));
        prop_assert_eq!(redactor.json(&redacted).unwrap(), redacted.as_str());
    }
}

#[test]
fn equal_secrets_have_equal_marks_and_other_keys_other_ones() {
    let (one, other) = (redactor(), redactor());
    let mark = |redactor: &Redactor, text: &str| {
        let redacted = redactor.text(text).into_owned();
        redacted[redacted.len() - 13..redacted.len() - 1].to_owned()
    };
    // By whichever rule.
    let secret = "q7Hd93kfLw02";
    let marks = [
        format!("password={secret}"),
        format!("Authorization: Bearer {secret}"),
        format!("--token {secret}"),
    ];
    let digits = marks.map(|text| mark(&one, &text));
    assert!(
        digits
            .iter()
            .all(|digits| *digits == digits[..] && digits == &mark(&one, &format!("password={secret}")))
    );
    assert_ne!(digits[0], mark(&one, "password=q7Hd93kfLw03"));
    assert_ne!(digits[0], mark(&other, &format!("password={secret}")));
}

#[test]
fn a_mark_is_left_alone_by_a_rule_that_would_begin_in_it() {
    let redactor = redactor();
    // Once `-p` has its mark, the open quote of `-u` holds a colon: the one in the mark.
    let once = redactor.text("mysql curl -u\" -pq6HEYvs.\u{1}d9").into_owned();
    assert!(once.contains("-p[redacted:command-secret:"), "{once}");
    assert_eq!(redactor.text(&once), once.as_str());
}

#[test]
fn a_text_with_no_end_of_secrets_in_secrets_goes_as_a_whole() {
    let redactor = redactor();
    // Each address is too long to be known as one until the one in its password has become a mark.
    let address = format!("db://app:{}", "x".repeat(70));
    let nested = |depth| format!("see {}q7Hd93kfLw02@host", address.repeat(depth));
    assert!(redactor.text(&nested(3)).starts_with("see db://app:[redacted:url-password:"));
    let deep = nested(12);
    let once = redactor.text(&deep).into_owned();
    assert!(once.starts_with("[redacted:whole:"), "{once}");
    assert_eq!(redactor.text(&once), once.as_str());
    let findings = redactor.explain_text(&deep);
    assert_eq!((findings.len(), &*findings[0].rule, findings[0].place), (1, "whole", None));
}

#[test]
fn a_forged_mark_hides_nothing() {
    let redactor = redactor();
    for secret in
        super::planted::tokens(&mut planted::Letters::new(9)).iter().filter(|secret| !secret.contains('\n'))
    {
        for forged in [
            format!("[redacted:{secret}:0123456789ab]"),
            format!("[redacted:token:{secret}]"),
            format!("[redacted:token:0123456789ab]{secret}"),
            format!("password=[redacted:token:0123456789ab]{secret}"),
        ] {
            let redacted = redactor.text(&forged).into_owned();
            assert!(!super::leaks(redacted.as_bytes(), secret), "{forged} became {redacted}");
        }
    }
}

#[test]
fn own_rules_names_and_exemptions_hold() {
    let redaction = Redaction::default()
        .rule("badge", "BDG-[0-9]{8}")
        .unwrap()
        .secret_key("tax_number")
        .exempt_rule("card-number")
        .exempt_field("page.token");
    let redactor = Redactor::new(redaction).unwrap();
    let card = "4111 1111 1111 1111";
    let json = format!(
        r#"{{"a":"see BDG-12345678","taxNumber":"77","b":"{card}","page":{{"token":"abc"}},"token":"abc"}}"#
    );
    let redacted = redactor.json(&json).unwrap().into_owned();
    assert!(redacted.contains(r#""a":"see [redacted:badge:"#), "{redacted}");
    assert!(redacted.contains(r#""taxNumber":"[redacted:secret:"#), "{redacted}");
    assert!(redacted.contains(card) && redacted.contains(r#""page":{"token":"abc"}"#), "{redacted}");
    assert!(redacted.contains(r#""token":"[redacted:token:"#), "{redacted}");
    assert_eq!(redactor.json(&redacted).unwrap(), redacted);
    assert_eq!(
        Redactor::new(Redaction::off()).unwrap().text("password=q7Hd93kfLw02"),
        "password=q7Hd93kfLw02"
    );
    for (name, pattern) in [("Badge", "a"), ("", "a"), ("token", "a"), ("x", "(")] {
        assert!(Redaction::default().rule(name, pattern).is_err(), "{name}");
    }
}

#[test]
fn names_in_json_decide_whatever_the_value_is() {
    let redactor = redactor();
    for (json, expected) in [
        (r#"{"password":12}"#, true),
        (r#"{"clientSecret":{"a":[1,2]}}"#, true),
        (r#"{"Set-Cookie":["a=1"]}"#, true),
        (r#"{"env":[{"value":"x","name":"DB_PASSWORD"}]}"#, true),
        (r#"["--password","x"]"#, true),
        (r#"["authorization","x"]"#, true),
        (r#"{"pass\u0077ord":"x"}"#, true),
        (r#"{"card":4111111111111111}"#, true),
        (r#"{"password":null,"token":"","secret":false,"cookies":[],"credentials":{}}"#, false),
        (
            r#"{"token_count":5,"max_tokens":512,"tokens":12,"public_key":"x","password_changed":true,"key":"x"}"#,
            false,
        ),
        (r#"["--password","--user"]"#, false),
        (r#"["username","password","email"]"#, false),
    ] {
        let redacted = redactor.json(json).unwrap();
        assert_eq!(redacted != json, expected, "{json} became {redacted}");
    }
    // Everything that is none stays byte for byte, numbers and escapes too.
    let json = r#"{ "a" : 1.50e400, "\u0062":"\u0063", "password" : "x" , "n":18446744073709551616}"#;
    let redacted = redactor.json(json).unwrap().into_owned();
    let (before, after) = json.split_once(r#""x""#).unwrap();
    assert!(redacted.starts_with(before) && redacted.ends_with(after), "{redacted}");
}
