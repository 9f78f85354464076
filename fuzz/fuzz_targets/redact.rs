//! Redaction: in any text a planted secret is removed and a planted fact is kept, JSON stays JSON, and the work is linear in
//! the size of the text.
//!
//! The first byte says where the secret is put, and which fact is kept; the other bytes are the text.

#![no_main]

use std::borrow::Cow;
use std::sync::LazyLock;

use graven::{Redaction, Redactor};
use libfuzzer_sys::fuzz_target;

/// In two parts, so that this file has no secret in it.
const SECRET: &str = concat!("gh", "p_0a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R");

/// What an audit must keep, though it is about secrets or looks like one.
const FACTS: &[&str] = &[
    "read arn:aws:secretsmanager:us-east-1:123456789012:secret:payments-api-key-9kQzTf",
    r#""authorization.k8s.io/decision":"allow""#,
    "PWD=/srv/alice/payments",
    "docker login -u AWS --password-stdin registry.example.org",
    "http://[::1]:5173/@vite",
    "id 1288834974657000000",
    "secret/db-password created",
    "token_count=1234567890123",
];

/// How many bytes may be looked at: for each byte of a text, and for any text.
const WORK_MAX: (usize, usize) = (64, 4 << 10);

static REDACTOR: LazyLock<Redactor> =
    LazyLock::new(|| Redactor::new(Redaction::default()).expect("there is randomness"));

fuzz_target!(|data: &[u8]| {
    let Some((place, text)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(text);
    any(&text);
    planted(&text, usize::from(*place));
    kept(&text, FACTS[usize::from(*place) % FACTS.len()]);
});

/// Checks what is true for every text.
fn any(text: &str) {
    let redacted = REDACTOR.text(text);
    let findings = REDACTOR.explain_text(text);
    assert_eq!(redacted != text, !findings.is_empty(), "a text changes when it has a secret");
    for finding in &findings {
        assert!(redacted.len() >= finding.replacement.len(), "a mark is in the text");
        if let Some((start, length)) = finding.place {
            assert!(text.get(start..start + length).is_some(), "a place is in the text: {finding:?}");
        }
    }
    assert_eq!(REDACTOR.text(&redacted), redacted, "a second time changes nothing");
    let (each, any) = WORK_MAX;
    assert!(REDACTOR.testing_only_work(text) <= each * text.len() + any, "the work is linear");

    match REDACTOR.json(text) {
        Some(Cow::Borrowed(same)) => assert_eq!(same, text),
        Some(Cow::Owned(changed)) => {
            serde_json::from_str::<&serde_json::value::RawValue>(&changed).expect("JSON stays JSON");
            assert!(!REDACTOR.explain_json(text).expect("it is JSON").is_empty());
        }
        None => assert!(REDACTOR.explain_json(text).is_none()),
    }
    let argv: Vec<String> = text.split('\0').map(str::to_owned).collect();
    assert_eq!(REDACTOR.argv(&argv).len(), argv.len(), "each argument stays one");
}

/// Checks that a secret between two texts is found: in a text, in a JSON string, in a key, in an argument.
fn planted(text: &str, place: usize) {
    let middle = (0..=text.len() * place / 255).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let (left, right) = text.split_at(middle);
    let whole = format!("{left} {SECRET} {right}");
    let gone = |text: &str, how: &str| assert!(!text.contains(SECRET), "{how}: {text:?}");
    gone(&REDACTOR.text(&whole), "a text");
    let json = serde_json::json!([{ "plain": whole }, { &*whole: 1 }]).to_string();
    gone(&REDACTOR.json(&json).expect("it is JSON"), "JSON");
    for argument in REDACTOR.argv(&[left.to_owned(), whole, right.to_owned()]) {
        gone(&argument, "an argument");
    }
}

/// Checks that a fact before a text is kept: in a text, in a member and in an argument of its own.
fn kept(text: &str, fact: &str) {
    let whole = format!("{fact}\n\n{text}");
    let goes_whole = |text: &str| REDACTOR.explain_text(text).iter().any(|finding| finding.rule == "whole");
    assert!(goes_whole(&whole) || REDACTOR.text(&whole).starts_with(fact), "a text: {whole:?}");
    let json = serde_json::json!({ "fact": fact, "other": text }).to_string();
    let fact_in_json = serde_json::to_string(fact).expect("a string is always JSON");
    assert!(REDACTOR.json(&json).expect("it is JSON").contains(&fact_in_json), "JSON: {json}");
    assert_eq!(REDACTOR.argv(&[fact.to_owned(), text.to_owned()])[0], fact, "an argument");
}
