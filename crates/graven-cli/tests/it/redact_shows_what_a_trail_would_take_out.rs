//! `graven redact` removes secrets, and no other command stores or prints one.

use crate::run::Place;

/// Made from parts, so that this file has no token in it.
fn token() -> String {
    format!("gh{}{}", "p_", "0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX")
}

const PASSWORD: &str = "q7Hd93kfLw02";

#[test]
fn a_text_is_written_without_its_secrets_and_the_rest_as_it_was() {
    let place = Place::with_trail();
    let input = format!("a line\n{{ \"n\": 1.50, \"password\":\"{PASSWORD}\"}}\nuse {} now\r\nlast", token());
    let done = place.feed(["redact", "--trail", "trail"], &input);
    let output = String::from_utf8(done.stdout.clone()).unwrap();
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(output.starts_with("a line\n{ \"n\": 1.50, \"password\":\"[redacted:password:"), "{output}");
    assert!(output.ends_with("] now\r\nlast"), "{output}");
    // A second run changes nothing, and the key of a trail stays the same.
    assert_eq!(place.feed(["redact"], &output).stdout, output.as_bytes());
    assert_eq!(place.feed(["redact", "--trail", "trail"], &input).stdout, output.as_bytes());
    assert_ne!(place.feed(["redact"], &input).stdout, output.as_bytes());
}

#[test]
fn explain_names_rule_place_and_mark_and_never_the_secret() {
    let place = Place::empty();
    let input = format!("plain\nsee {}\n{{\"deep\":{{\"clientSecret\":\"{PASSWORD}\"}}}}\n", token());
    let done = place.feed(["redact", "--explain"], &input);
    let output = String::from_utf8(done.stdout.clone()).unwrap();
    assert_eq!(done.code, Some(1));
    let lines: Vec<&str> = output.lines().collect();
    assert!(lines[0].starts_with("line 2:5  github-token  [redacted:github-token:"), "{output}");
    assert!(lines[1].starts_with("line 3 deep.clientSecret  secret  [redacted:secret:"), "{output}");
    let json = place.feed(["redact", "--explain", "--json"], &input);
    let first: serde_json::Value =
        serde_json::from_slice(json.stdout.split(|byte| *byte == b'\n').next().unwrap()).unwrap();
    assert_eq!((&first["line"], &first["column"], &first["bytes"]), (&2.into(), &5.into(), &40.into()));
    for said in [&done, &json] {
        let all = format!("{}{}", String::from_utf8_lossy(&said.stdout), said.stderr);
        assert!(!all.contains(PASSWORD) && !all.contains(&token()), "{all}");
    }
    assert_eq!(place.feed(["redact", "--explain"], "nothing here\n").code, Some(0));
    assert_eq!(place.feed(["redact", "--trail", "nowhere"], "x").code, Some(2));
    let rules = place.run(["redact", "--rules"]);
    assert!(String::from_utf8(rules.stdout).unwrap().lines().any(|rule| rule == "github-token"));
}

#[test]
fn no_command_stores_or_prints_a_secret() {
    let place = Place::with_trail();
    let token = token();
    let mut said = Vec::new();
    let mut note = |done: crate::run::Done| {
        said.extend(done.stdout);
        said.extend(done.stderr.into_bytes());
    };
    let action = format!("use {token}");
    let detail = format!("{{\"password\":\"{PASSWORD}\"}}");
    note(place.run([
        "record",
        "trail",
        "--category",
        "api",
        "--action",
        &action,
        "--outcome",
        "success",
        "--id",
        &token,
        "--principal",
        &token,
        "--detail",
        &detail,
    ]));
    let shown = place.run(["show", "trail", "--id", &token, "--json"]);
    assert_eq!(shown.code, Some(0), "the entry is found by its original id");
    note(shown);
    note(place.run(["show", "trail", "--id", &format!("{token}0")]));
    note(place.run(["exec", "trail", "--", "echo", "--password", PASSWORD]));
    let lines = format!(
        "{{\"category\":\"api\",\"action\":\"{token}\",\"outcome\":\"success\"}}\n{{\"{token}\":1}}\n{{\"category\":\"{token}\",\"action\":\"a\",\"outcome\":\"success\"}}\nnot json, password={PASSWORD}\n"
    );
    note(place.feed(["record", "trail", "--stdin"], &lines));
    place.write("old.jsonl", [lines.as_bytes(), format!("\u{fffd} {token} ").as_bytes(), b"\xff\n"].concat());
    note(place.run(["import", "trail", "old.jsonl"]));
    note(place.run(["tail", "trail"]));
    let mut stored = Vec::new();
    for folder in ["trail", "trail/blobs", "trail/torn"] {
        for entry in std::fs::read_dir(place.path(folder)).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_file() {
                stored.extend(std::fs::read(entry.path()).unwrap());
            }
        }
    }
    // The output of `echo` is not from graven.
    let said = String::from_utf8_lossy(&said).replace(&format!("--password {PASSWORD}\n"), "");
    let stored = String::from_utf8_lossy(&stored);
    let encoded = |text: &str| graven_core::base64::encode(text.as_bytes());
    for secret in [token.as_str(), PASSWORD, &encoded(&token)[..40], &encoded(PASSWORD)[..12]] {
        assert!(!stored.contains(secret), "{secret} is stored");
        // Only the argument parser may repeat it, in an error about wrong usage.
        assert!(!said.contains(secret), "{secret} is printed: {said}");
    }
}
